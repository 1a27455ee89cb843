//! `actions/upload-artifact`. Source of inputs, outputs and semantics: its `action.yml` and sources, version 4.
//! [`crate::inside::artifact`] finds and packs the files.

use std::time::Duration;

use palisade_sandbox::Command;

use super::{Description, Failure, Host, Input, Inputs, PostIf, Poured, explain_full_disk, home, said};
use crate::inside::PACK_ARTIFACT;
use crate::inside::artifact::Packed;
use crate::store::{ArtifactName, NewArtifact};

/// Most bytes of what the process in the sandbox tells.
const MAX_SAID: usize = 64 << 10;

/// Inputs of version 4, and of the versions since.
pub const DESCRIPTION: Description = Description {
    name: "upload-artifact",
    newest: 6,
    inputs: &[
        Input { name: "name", default: "artifact" },
        Input { name: "path", default: "" },
        Input { name: "if-no-files-found", default: "warn" },
        Input { name: "retention-days", default: "" },
        Input { name: "compression-level", default: "6" },
        Input { name: "overwrite", default: "false" },
        Input { name: "include-hidden-files", default: "false" },
    ],
    post: PostIf::Never,
};

/// What becomes of a step that finds no files.
#[derive(Debug, PartialEq)]
enum NoFiles {
    Warn,
    Error,
    Ignore,
}

#[derive(Debug)]
struct Settings {
    name: ArtifactName,
    no_files: NoFiles,
    /// In days; nothing for the default.
    retention: Option<u32>,
    level: u8,
    overwrite: bool,
    hidden: bool,
}

impl Settings {
    fn read(inputs: &Inputs) -> Result<Settings, Failure> {
        if inputs.get("path").is_empty() {
            return Err("Input required and not supplied: path".into());
        }
        let no_files = match inputs.get("if-no-files-found") {
            "warn" => NoFiles::Warn,
            "error" => NoFiles::Error,
            "ignore" => NoFiles::Ignore,
            other => {
                return Err(format!("`if-no-files-found: {other}` is none of warn, error, ignore").into());
            }
        };
        let retention = match inputs.get("retention-days") {
            // Upstream takes 0 for not given.
            "" | "0" => None,
            days => {
                let days: Option<u32> = days.parse().ok();
                Some(days.ok_or("`retention-days` is no number of days")?)
            }
        };
        let level = inputs.get("compression-level").parse().ok().filter(|level| *level <= 9);
        Ok(Settings {
            name: ArtifactName::parse(inputs.get("name"))?,
            no_files,
            retention,
            level: level.ok_or("`compression-level` is no whole number from 0 to 9")?,
            overwrite: inputs.is_true("overwrite"),
            hidden: inputs.is_true("include-hidden-files"),
        })
    }
}

/// Uploads files.
pub fn main(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    let settings = Settings::read(inputs)?;
    if let Some(secret) = host.secret_in(settings.name.as_str()) {
        return Err(format!("the artifact's name holds the secret `{secret}`; name it otherwise").into());
    }
    let stores = host.stores();
    let longest = stores.artifacts.retention();
    let mut retention = longest;
    if let Some(days) = settings.retention {
        let wanted = Duration::from_hours(24 * u64::from(days));
        if wanted > longest {
            let most = longest.as_secs() / (24 * 3600);
            host.warn(format!("retention-days is {days}, and artifacts are kept for {most} days at most"));
        }
        retention = wanted.min(longest);
    }
    let name = settings.name.clone();
    let cannot =
        |e: &dyn std::fmt::Display| Failure::from(format!("cannot upload the artifact `{name}`: {e}"));
    let new = NewArtifact { name: name.clone(), retention, overwrite: settings.overwrite };
    let mut upload = stores.artifacts.begin(new).map_err(|e| cannot(&e))?;
    let command = Command::builtin(PACK_ARTIFACT)
        .arg(host.workspace())
        .arg(home(host))
        .arg(settings.hidden.to_string())
        .arg(settings.level.to_string())
        .arg(inputs.get("path"));
    let Poured { status, said: report, taken } = host.pour(command, &mut *upload, MAX_SAID)?;
    taken.map_err(|e| cannot(&e))?;
    let report = said(status, report, "packing the artifact")
        .map_err(|failure| explain_full_disk(host, failure, ""))?;
    let Packed { files, searched, root } =
        serde_json::from_slice(&report).map_err(|e| cannot(&format!("its process told nonsense: {e}")))?;
    if files == 0 {
        let path = inputs.lines("path").collect::<Vec<_>>().join(", ");
        let message =
            format!("No files were found with the provided path: {path}. No artifacts will be uploaded.");
        match settings.no_files {
            NoFiles::Error => return Err(message.into()),
            NoFiles::Warn => host.warn(message),
            NoFiles::Ignore => host.say(&format!("{message}\n")),
        }
        return Ok(());
    }
    if searched > 1 {
        // A directory's name may hold the end of a line, and a command behind it.
        let root = root.escape_debug();
        host.say(&format!(
            "Multiple search paths detected. The least common ancestor, {root}, is the root of the artifact\n"
        ));
    }
    let s = if files == 1 { "" } else { "s" };
    host.say(&format!("With the provided path, there will be {files} file{s} uploaded\n"));
    let artifact = upload.keep().map_err(|e| cannot(&e))?;
    host.say(&format!(
        "Artifact {name} has been successfully uploaded! Final size is {} bytes. Artifact ID is {}\n",
        artifact.size, artifact.id
    ));
    host.set_output("artifact-id", &artifact.id.to_string());
    host.set_output("artifact-digest", &artifact.digest.to_string());
    host.set_output("artifact-url", "");
    host.uploaded(&artifact);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &[(&str, &str)]) -> Result<Settings, String> {
        let mut inputs = Inputs::default();
        for input in DESCRIPTION.inputs {
            inputs.set(input.name, input.default.to_owned());
        }
        given.iter().for_each(|(name, value)| inputs.set(name, (*value).to_owned()));
        Settings::read(&inputs).map_err(|failure| failure.reason)
    }

    #[test]
    fn inputs_are_read_and_checked() {
        let all = settings(&[
            ("path", "a"),
            ("if-no-files-found", "error"),
            ("retention-days", "7"),
            ("compression-level", "0"),
            ("overwrite", "true"),
        ])
        .unwrap();
        assert_eq!((all.retention, all.level, all.overwrite, all.hidden), (Some(7), 0, true, false));
        assert_eq!((all.name.as_str(), all.no_files), ("artifact", NoFiles::Error));
        for (given, why) in [
            (("path", " "), "Input required and not supplied: path"),
            (("name", "a/b"), "the artifact name `a/b` is not valid"),
            (("if-no-files-found", "fail"), "`if-no-files-found: fail` is none of"),
            (("retention-days", "-1"), "`retention-days` is no number"),
            (("retention-days", "soon"), "`retention-days` is no number"),
            (("compression-level", "10"), "`compression-level` is no whole number"),
        ] {
            let error = settings(&[("path", "a"), given]).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
