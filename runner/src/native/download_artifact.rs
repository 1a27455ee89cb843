//! `actions/download-artifact`. Source of inputs, outputs and semantics: its `action.yml` and sources, versions 4 and 5.

use std::os::fd::OwnedFd;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use palisade_sandbox::{Command, Stdio};

use super::{Description, Failure, Host, Input, Inputs, PostIf, explain_full_disk, resolve, said};
use crate::inside::UNPACK_ARTIFACT;
use crate::store::Artifact;

/// Most bytes of what the process in the sandbox tells.
const MAX_SAID: usize = 8 << 10;
/// Most bytes of a pattern.
const MAX_PATTERN: usize = 1024;

/// Inputs of version 5, and of the versions since.
pub const DESCRIPTION: Description = Description {
    name: "download-artifact",
    newest: 7,
    inputs: &[
        Input { name: "name", default: "" },
        Input { name: "artifact-ids", default: "" },
        Input { name: "path", default: "" },
        Input { name: "pattern", default: "" },
        Input { name: "merge-multiple", default: "false" },
        Input { name: "github-token", default: "" },
        Input { name: "repository", default: "${{ github.repository }}" },
        Input { name: "run-id", default: "${{ github.run_id }}" },
    ],
    post: PostIf::Never,
};

/// Downloads artifacts.
pub fn main(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    // Without a token upstream looks at neither.
    if !inputs.get("github-token").is_empty() {
        for (input, key) in [("repository", "repository"), ("run-id", "run_id")] {
            if !inputs.get(input).eq_ignore_ascii_case(&host.github(key)) {
                let given = inputs.get(input);
                return Err(
                    format!("`{input}: {given}`: only artifacts of this run can be downloaded").into()
                );
            }
        }
    }
    let stores = host.stores();
    let all = stores.artifacts.list().map_err(|e| format!("cannot list the artifacts: {e}"))?;
    let Chosen { artifacts, single } = choose(host, inputs, all)?;
    let merge = inputs.is_true("merge-multiple");
    let path = resolve(host, inputs.get("path"));
    if !artifacts.is_empty() {
        host.say("Preparing to download the following artifacts:\n");
    }
    for Artifact { id, name, size, digest, .. } in &artifacts {
        host.say(&format!("- {name} (ID: {id}, Size: {size}, Expected Digest: sha256:{digest})\n"));
    }
    for artifact in &artifacts {
        let name = &artifact.name;
        let to = if single || merge { path.clone() } else { path.join(name.as_str()) };
        let archive = stores
            .artifacts
            .open(artifact)
            .map_err(|e| format!("cannot download the artifact `{name}`: {e}"))?;
        unpack(host, archive.into(), &to).map_err(|mut failure| {
            failure.reason = format!("cannot download the artifact `{name}`: {}", failure.reason);
            failure
        })?;
    }
    host.say(&format!("Total of {} artifact(s) downloaded\n", artifacts.len()));
    host.set_output("download-path", &path.to_string_lossy());
    Ok(())
}

fn unpack(host: &mut dyn Host, archive: OwnedFd, to: &Path) -> Result<(), Failure> {
    let command = Command::builtin(UNPACK_ARTIFACT).arg(to).stdin(Stdio::Fd(archive));
    let (status, text) = host.capture(command, MAX_SAID)?;
    said(status, text, "unpacking it").map_err(|failure| explain_full_disk(host, failure, ""))?;
    Ok(())
}

/// What is to be downloaded.
struct Chosen {
    artifacts: Vec<Artifact>,
    /// It is one that was asked for by itself, so that it needs no directory of its own.
    single: bool,
}

fn choose(host: &mut dyn Host, inputs: &Inputs, all: Vec<Artifact>) -> Result<Chosen, Failure> {
    let (name, ids, pattern) = (inputs.get("name"), inputs.get("artifact-ids"), inputs.get("pattern"));
    if !name.is_empty() && !ids.is_empty() {
        return Err(
            "Inputs 'name' and 'artifact-ids' cannot be used together. Please specify only one.".into()
        );
    }
    if !name.is_empty() {
        host.say("Downloading single artifact\n");
        let found = all.iter().find(|artifact| artifact.name.as_str() == name).cloned();
        let found = found.ok_or_else(|| format!("Artifact '{name}' not found{}", known(&all)))?;
        return Ok(Chosen { artifacts: vec![found], single: true });
    }
    if !ids.is_empty() {
        host.say("Downloading artifacts by ID\n");
        let ids = numbers(ids)?;
        let artifacts: Vec<Artifact> =
            all.iter().filter(|artifact| ids.contains(&artifact.id)).cloned().collect();
        if artifacts.is_empty() {
            return Err(format!("None of the provided artifact IDs were found{}", known(&all)).into());
        }
        let missing = ids.iter().filter(|id| !artifacts.iter().any(|artifact| artifact.id == **id));
        let missing: Vec<String> = missing.map(u64::to_string).collect();
        if !missing.is_empty() {
            host.warn(format!("Could not find the following artifact IDs: {}", missing.join(", ")));
        }
        let single = artifacts.len() == 1;
        return Ok(Chosen { artifacts, single });
    }
    if pattern.is_empty() {
        host.say("No input name, artifact-ids or pattern filtered specified, downloading all artifacts\n");
        if !inputs.is_true("merge-multiple") {
            host.say("An extra directory with the artifact name will be created for each download\n");
        }
        return Ok(Chosen { artifacts: all, single: false });
    }
    let pattern = Pattern::parse(pattern)?;
    let artifacts = all.into_iter().filter(|artifact| pattern.matches(artifact.name.as_str())).collect();
    Ok(Chosen { artifacts, single: false })
}

/// Tells which there are.
fn known(all: &[Artifact]) -> String {
    /// More would be no help.
    const SHOWN: usize = 10;
    if all.is_empty() {
        return "; no artifact was uploaded in this run so far".to_owned();
    }
    let names: Vec<String> = all.iter().take(SHOWN).map(|a| format!("{} (ID: {})", a.name, a.id)).collect();
    let more = if all.len() > SHOWN { ", …" } else { "" };
    format!("; there are: {}{more}", names.join(", "))
}

fn numbers(ids: &str) -> Result<Vec<u64>, Failure> {
    let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if ids.is_empty() {
        return Err("No valid artifact IDs provided in 'artifact-ids' input".into());
    }
    let number =
        |id: &&str| id.parse().map_err(|_| format!("Invalid artifact ID: '{id}'. Must be a number."));
    Ok(ids.iter().map(number).collect::<Result<_, _>>()?)
}

/// A pattern of names, as the package `minimatch` has it: `*`, `?`, `[…]`, `{…,…}`, and `!` in front for all others.
struct Pattern {
    matcher: GlobMatcher,
    /// It names a dot at the beginning, which no wildcard matches.
    dot: bool,
    negated: bool,
}

impl Pattern {
    fn parse(text: &str) -> Result<Pattern, Failure> {
        if text.len() > MAX_PATTERN {
            return Err(format!("`pattern` is longer than {MAX_PATTERN} bytes").into());
        }
        let rest = text.trim_start_matches('!');
        let glob = GlobBuilder::new(rest).literal_separator(true).backslash_escape(true).build();
        let matcher =
            glob.map_err(|e| format!("`pattern: {text}` can't be understood: {e}"))?.compile_matcher();
        Ok(Pattern { matcher, dot: rest.starts_with('.'), negated: (text.len() - rest.len()) % 2 == 1 })
    }

    fn matches(&self, name: &str) -> bool {
        let matched = self.matcher.is_match(name) && (self.dot || !name.starts_with('.'));
        matched != self.negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_minimatchs() {
        for (pattern, yes, no) in [
            ("logs-*", &["logs-", "logs-a"][..], &["log", "a-logs-b"][..]),
            ("*", &["a"], &[".a"]),
            (".*", &[".a"], &["a"]),
            ("?-[a-c]", &["x-a"], &["x-d", "xy-a"]),
            ("{a,b}-1", &["a-1", "b-1"], &["c-1"]),
            ("!a*", &["b"], &["a", "ab"]),
            ("!!a*", &["ab"], &["b"]),
            ("a\\*", &["a*"], &["ab"]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert!(yes.iter().all(|name| parsed.matches(name)), "{pattern}");
            assert!(!no.iter().any(|name| parsed.matches(name)), "{pattern}");
        }
        assert!(Pattern::parse("[").is_err() && Pattern::parse(&"a".repeat(MAX_PATTERN + 1)).is_err());
    }

    #[test]
    fn numbers_are_separated_by_commas() {
        assert_eq!(numbers(" 1, 2,,3 ").unwrap(), [1, 2, 3]);
        assert!(numbers(",").is_err() && numbers("1,a").is_err() && numbers("-1").is_err());
    }
}
