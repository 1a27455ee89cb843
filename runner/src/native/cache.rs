//! `actions/cache`, `actions/cache/restore` and `actions/cache/save`. Source of inputs, outputs and semantics: their
//! `action.yml` and sources, version 4, and "Dependency caching reference" in GitHub's documentation.
//! [`crate::inside::cache`] packs and unpacks.
//!
//! A cache is kept for the reference of its run and found by runs of that reference, of pull requests into it, and, if
//! it is the default branch, by all. What a pull request keeps is for the same pull request only, whatever kind of
//! event it is.

use palisade_sandbox::{Command, Stdio};

use super::{Description, Failure, Host, Input, Inputs, PostIf, Poured, explain_full_disk, home, said};
use crate::inside::{PACK_CACHE, UNPACK_CACHE};
use crate::output::event::Conclusion;
use crate::store::{Cache, Digest, NewCache, StoreError, Wanted};

/// Inputs of version 4, and of the versions since.
pub const DESCRIPTION: Description = Description {
    name: "cache",
    newest: 5,
    inputs: &[
        Input { name: "path", default: "" },
        Input { name: "key", default: "" },
        Input { name: "restore-keys", default: "" },
        Input { name: "upload-chunk-size", default: "" },
        Input { name: "enableCrossOsArchive", default: "false" },
        Input { name: "fail-on-cache-miss", default: "false" },
        Input { name: "lookup-only", default: "false" },
        Input { name: "save-always", default: "false" },
    ],
    post: PostIf::Success,
};

/// Of `actions/cache/restore`.
pub const RESTORE: Description = Description {
    name: "cache/restore",
    newest: 5,
    inputs: &[
        Input { name: "path", default: "" },
        Input { name: "key", default: "" },
        Input { name: "restore-keys", default: "" },
        Input { name: "enableCrossOsArchive", default: "false" },
        Input { name: "fail-on-cache-miss", default: "false" },
        Input { name: "lookup-only", default: "false" },
    ],
    post: PostIf::Never,
};

/// Of `actions/cache/save`.
pub const SAVE: Description = Description {
    name: "cache/save",
    newest: 5,
    inputs: &[
        Input { name: "path", default: "" },
        Input { name: "key", default: "" },
        Input { name: "upload-chunk-size", default: "" },
        Input { name: "enableCrossOsArchive", default: "false" },
    ],
    post: PostIf::Never,
};

/// Most keys of a step, as upstream.
const MAX_KEYS: usize = 10;
/// Longest key in characters, as upstream.
const MAX_KEY: usize = 512;
/// Most bytes of what a process in the sandbox tells.
const MAX_SAID: usize = 8 << 10;
/// How the content is made, as far as upstream's version has it: `zstd-without-long`, and `versionSalt` (`cacheUtils.ts`
/// of `@actions/cache`).
const MADE: [&str; 2] = ["zstd-without-long", "1.0"];
/// The key that was looked for, for the last stage.
const PRIMARY: &str = "CACHE_KEY";
/// The key that was found.
const MATCHED: &str = "CACHE_RESULT";

/// What a step asks for.
struct Settings {
    /// As they are given, one a line.
    paths: Vec<String>,
    /// The key itself, then what else would do.
    keys: Vec<String>,
}

impl Settings {
    fn read(inputs: &Inputs) -> Result<Settings, String> {
        let required = |name: &str| match inputs.get(name) {
            "" => Err(format!("Input required and not supplied: {name}")),
            given => Ok(given),
        };
        let key = required("key")?;
        required("path")?;
        let paths: Vec<String> = inputs.lines("path").map(str::to_owned).collect();
        let keys: Vec<String> =
            std::iter::once(key).chain(inputs.lines("restore-keys")).map(str::to_owned).collect();
        if keys.len() > MAX_KEYS {
            return Err(format!("Key Validation Error: Keys are limited to a maximum of {MAX_KEYS}."));
        }
        for key in &keys {
            let shown: String = key.chars().take(200).collect();
            if key.chars().count() > MAX_KEY {
                return Err(format!(
                    "Key Validation Error: {shown}… cannot be larger than {MAX_KEY} characters."
                ));
            }
            if key.contains(',') {
                return Err(format!("Key Validation Error: {shown} cannot contain commas."));
            }
        }
        Ok(Settings { paths, keys })
    }

    fn key(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }

    fn version(&self) -> Digest {
        let parts: Vec<&str> = self.paths.iter().map(String::as_str).chain(MADE).collect();
        Digest::of(parts.join("|").as_bytes())
    }

    fn command(&self, builtin: &'static str, host: &dyn Host) -> Command {
        Command::builtin(builtin).arg(host.workspace()).arg(home(host)).arg(self.paths.join("\n"))
    }
}

/// Restores what there is; what there will be is saved in the end.
pub fn main(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    if inputs.is_true("save-always") {
        host.warn(
            "`save-always` has no effect, as upstream; use actions/cache/restore, and actions/cache/save with `if: always()`"
                .into(),
        );
    }
    host.save_state(PRIMARY, inputs.get("key"));
    if let Some(matched) = find_and_restore(host, inputs)? {
        host.save_state(MATCHED, &matched);
    }
    Ok(())
}

/// Saves what there is, where no cache of the very key was found.
pub fn post(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    let key = host.state(PRIMARY).unwrap_or_default().to_owned();
    if host.state(MATCHED).is_some_and(|matched| is_exact(&key, matched)) {
        host.say(&format!("Cache hit occurred on the primary key {key}, not saving cache.\n"));
        return Ok(());
    }
    keep(host, inputs)
}

/// Restores only.
pub fn restore(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    host.set_output("cache-primary-key", inputs.get("key"));
    if let Some(matched) = find_and_restore(host, inputs)? {
        host.set_output("cache-matched-key", &matched);
    }
    Ok(())
}

/// Saves only.
pub fn save(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    if inputs.get("key").is_empty() {
        host.warn("Key is not specified.".into());
        return Ok(());
    }
    keep(host, inputs)
}

/// Restores the first that is found; gives its key.
fn find_and_restore(host: &mut dyn Host, inputs: &Inputs) -> Result<Option<String>, Failure> {
    let settings = Settings::read(inputs)?;
    let Some(scopes) = Scopes::of(host) else {
        host.warn(no_reference(host));
        return Ok(None);
    };
    let only_look = inputs.is_true("lookup-only");
    let restored = match look(host, &settings, &scopes) {
        Ok(Some(cache)) if only_look => Some(cache),
        Ok(Some(cache)) => unpack(host, &settings, cache)?,
        Ok(None) => None,
        // A run is to do without its caches.
        Err(error) => {
            host.warn(format!("Failed to restore: {error}"));
            None
        }
    };
    let key = settings.key();
    let Some(Cache { key: matched, .. }) = restored else {
        if inputs.is_true("fail-on-cache-miss") {
            return Err(format!(
                "Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: {key}"
            )
            .into());
        }
        host.say(&format!("Cache not found for input keys: {}\n", settings.keys.join(", ")));
        return Ok(None);
    };
    host.set_output("cache-hit", if is_exact(key, &matched) { "true" } else { "false" });
    host.say(&match only_look {
        true => format!("Cache found and can be restored from key: {matched}\n"),
        false => format!("Cache restored from key: {matched}\n"),
    });
    Ok(Some(matched))
}

fn look(host: &dyn Host, settings: &Settings, scopes: &Scopes) -> Result<Option<Cache>, StoreError> {
    let keys: Vec<&str> = settings.keys.iter().map(String::as_str).collect();
    host.stores().caches.find(&Wanted { scopes: &scopes.read, version: settings.version(), keys: &keys })
}

/// Unpacks a cache; where that isn't possible, it counts as none.
fn unpack(host: &mut dyn Host, settings: &Settings, cache: Cache) -> Result<Option<Cache>, Failure> {
    let archive = match host.stores().caches.open(&cache) {
        Ok(archive) => archive,
        Err(error) => {
            host.warn(format!("Failed to restore: {error}"));
            return Ok(None);
        }
    };
    host.say(&format!("Cache Size: ~{} MB ({} B)\n", (cache.size + (1 << 19)) >> 20, cache.size));
    let command = settings.command(UNPACK_CACHE, host).stdin(Stdio::Fd(archive.into()));
    let (status, text) = host.capture(command, MAX_SAID)?;
    match said(status, text, "unpacking it").map_err(|failure| explain_full_disk(host, failure, "")) {
        Ok(_) => {
            host.say("Cache restored successfully\n");
            Ok(Some(cache))
        }
        Err(Failure { conclusion: Conclusion::Failure, reason }) => {
            host.warn(format!("Failed to restore: {reason}"));
            Ok(None)
        }
        Err(stopped) => Err(stopped),
    }
}

/// Saves what the paths match. Where that fails it is told, and the job goes on.
fn keep(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    let settings = match Settings::read(inputs) {
        Ok(settings) => settings,
        Err(why) => {
            host.warn(why);
            return Ok(());
        }
    };
    let Some(scopes) = Scopes::of(host) else {
        host.warn(no_reference(host));
        return Ok(());
    };
    let key = settings.key().to_owned();
    let new = NewCache { scope: scopes.own().to_owned(), version: settings.version(), key: key.clone() };
    let stores = host.stores();
    let kept = stores.caches.begin(new).map_err(Unkept::Store).and_then(|mut upload| {
        let command = settings.command(PACK_CACHE, host);
        let Poured { status, said: report, taken } =
            host.pour(command, &mut *upload, MAX_SAID).map_err(Unkept::Failure)?;
        taken.map_err(|e| Unkept::Failure(e.to_string().into()))?;
        let entries = said(status, report, "packing it").map_err(Unkept::Failure)?;
        if entries == b"0" {
            return Err(Unkept::Failure(
                "Path Validation Error: Path(s) specified in the action for caching do(es) not exist, hence no cache is being saved."
                    .into(),
            ));
        }
        upload.keep().map_err(Unkept::Store)
    });
    match kept {
        Ok(cache) => {
            host.say(&format!("Cache Size: ~{} MB ({} B)\n", (cache.size + (1 << 19)) >> 20, cache.size));
            host.say(&format!("Cache saved with key: {key}\n"));
        }
        Err(Unkept::Store(StoreError::Reserved)) => host.say(&format!(
            "Failed to save: Unable to reserve cache with key {key}, {}\n",
            StoreError::Reserved
        )),
        Err(Unkept::Store(error)) => host.warn(format!("Failed to save: {error}")),
        Err(Unkept::Failure(Failure { conclusion: Conclusion::Failure, reason })) => {
            host.warn(format!("Failed to save: {reason}"));
        }
        Err(Unkept::Failure(stopped)) => return Err(stopped),
    }
    Ok(())
}

/// Why nothing was saved.
enum Unkept {
    Store(StoreError),
    Failure(Failure),
}

/// As upstream compares keys.
fn is_exact(key: &str, matched: &str) -> bool {
    key.to_lowercase() == matched.to_lowercase()
}

fn no_reference(host: &dyn Host) -> String {
    let event = host.github("event_name");
    format!(
        "Event Validation Error: The event type {event} is not supported because it's not tied to a branch or tag ref."
    )
}

/// Where caches are looked for, the run's own scope first.
#[derive(Debug, PartialEq)]
struct Scopes {
    read: Vec<String>,
}

impl Scopes {
    /// Those of the run; none where it has no reference.
    fn of(host: &dyn Host) -> Option<Scopes> {
        Scopes::among(&|key| host.github(key), &|pointer| host.event(pointer))
    }

    fn among(github: &dyn Fn(&str) -> String, event: &dyn Fn(&str) -> String) -> Option<Scopes> {
        // A run of `pull_request_target` has the base's reference and could be made to run the pull request's code.
        // A Forgejo tells a job of a called workflow to be of `workflow_call`, whatever the run is of.
        let name = github("event_name");
        let of_pull = name.starts_with("pull_request")
            || (name == "workflow_call" && !event("/pull_request/number").is_empty());
        let own = if of_pull {
            // Where it is depends on the event (`pull_request_review` has it in the pull request only).
            let number = Some(event("/pull_request/number")).filter(|number| !number.is_empty());
            let number = number.unwrap_or_else(|| event("/number"));
            // A local run has one number for all: its pull requests are told by their branches.
            format!("refs/pull/{number}/merge {}", github("head_ref"))
        } else {
            github("ref")
        };
        if own.is_empty() {
            return None;
        }
        let mut read = vec![own];
        for branch in [github("base_ref"), event("/repository/default_branch")] {
            let reference = format!("refs/heads/{branch}");
            if !branch.is_empty() && !read.contains(&reference) {
                read.push(reference);
            }
        }
        Some(Scopes { read })
    }

    /// Where caches are kept.
    fn own(&self) -> &str {
        self.read.first().map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &[(&str, &str)]) -> Result<Settings, String> {
        let mut inputs = Inputs::default();
        given.iter().for_each(|(name, value)| inputs.set(name, (*value).to_owned()));
        Settings::read(&inputs)
    }

    #[test]
    fn the_version_is_upstreams() {
        let version = |path| settings(&[("key", "k"), ("path", path)]).unwrap().version().to_string();
        // sha256("node_modules|dist|zstd-without-long|1.0"), computed by another program.
        assert_eq!(
            version("node_modules\n\n  dist\n"),
            "aea67a7fddb5ea7843c1a96ad41773aceaeb9c225be86ca52525288734eb3c7c"
        );
        assert_ne!(version("a"), version("b"));
    }

    #[test]
    fn keys_are_checked_as_upstream_does() {
        let long = "k".repeat(MAX_KEY + 1);
        let many = "r\n".repeat(MAX_KEYS);
        for (given, why) in [
            (&[("path", "a")][..], "Input required and not supplied: key"),
            (&[("key", "k")], "Input required and not supplied: path"),
            (&[("key", "a,b"), ("path", "a")], "a,b cannot contain commas"),
            (&[("key", &long), ("path", "a")], "cannot be larger than 512 characters"),
            (&[("key", "k"), ("path", "a"), ("restore-keys", &many)], "limited to a maximum of 10"),
        ] {
            let error = settings(given).map(|_| ()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let all = settings(&[("key", "k"), ("path", "a\nb"), ("restore-keys", "\n x-\n y-\n")]).unwrap();
        assert_eq!((all.paths.join(" "), all.keys.join(" ")), ("a b".into(), "k x- y-".into()));
    }

    #[test]
    fn a_pull_request_keeps_for_itself_and_reads_its_base_and_the_default_branch() {
        let scopes = |github: &[(&str, &str)], event: &[(&str, &str)]| {
            let value = |values: &[(&str, &str)], key: &str| {
                values
                    .iter()
                    .find(|(name, _)| *name == key)
                    .map_or(String::new(), |(_, value)| (*value).to_owned())
            };
            Scopes::among(&|key| value(github, key), &|key| value(event, key)).map(|scopes| scopes.read)
        };
        let main = ("/repository/default_branch", "main");
        assert_eq!(
            scopes(&[("event_name", "push"), ("ref", "refs/heads/topic")], &[main]).unwrap(),
            ["refs/heads/topic", "refs/heads/main"]
        );
        assert_eq!(
            scopes(&[("event_name", "push"), ("ref", "refs/heads/main")], &[main]).unwrap(),
            ["refs/heads/main"]
        );
        for (event, reference) in
            [("pull_request", "refs/pull/7/merge"), ("pull_request_target", "refs/heads/main")]
        {
            let github =
                [("event_name", event), ("ref", reference), ("base_ref", "release"), ("head_ref", "topic")];
            assert_eq!(
                scopes(&github, &[main, ("/number", "7")]).unwrap(),
                ["refs/pull/7/merge topic", "refs/heads/release", "refs/heads/main"]
            );
        }
        let called = [
            ("event_name", "workflow_call"),
            ("ref", "refs/heads/main"),
            ("base_ref", "main"),
            ("head_ref", "topic"),
        ];
        assert_eq!(
            scopes(&called, &[main, ("/pull_request/number", "7")]).unwrap(),
            ["refs/pull/7/merge topic", "refs/heads/main"]
        );
        assert_eq!(scopes(&called[..2], &[main]).unwrap(), ["refs/heads/main"]);
        // A review's payload and contexts tell less.
        let review = [("event_name", "pull_request_review"), ("ref", "refs/pull/7/merge")];
        assert_eq!(
            scopes(&review, &[main, ("/pull_request/number", "7")]).unwrap(),
            ["refs/pull/7/merge ", "refs/heads/main"]
        );
        assert_eq!(scopes(&[("event_name", "x")], &[main]), None);
    }
}
