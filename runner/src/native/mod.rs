//! Actions that palisade has of its own: the same names, inputs and outputs as upstream's, and none of upstream's
//! code. A step that uses one never fetches anything to run it. `palisade run --no-native` runs upstream's.
//!
//! One more action is one more module and three lines here:
//!
//! 1. `native/<name>.rs` (or a folder) has `pub const DESCRIPTION: Description`, `pub fn main(&mut dyn Host, &Inputs) ->
//!    Result<(), Failure>` and, where [`Description::post`] isn't [`PostIf::Never`], `pub fn post(…)` of the same kind.
//! 2. A variant of [`Native`], named in [`Native::ALL`], [`Native::description`], and [`Native::main`] and [`Native::post`].
//!
//! An action knows of the job what [`Host`] shows it. It touches files of the workspace only by commands in the
//! sandbox ([`Host::run`], [`Host::capture`]): programs, or builtins of palisade's own
//! ([`palisade_sandbox::Command::builtin`]). `job/native.rs` is the other side of `Host`.

mod cache;
mod checkout;
mod download_artifact;
mod inputs;
mod upload_artifact;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_sandbox::{Command, Status};

use crate::action::{Remote, Uses};
use crate::inside::{SPACE, space};
use crate::output::event::Conclusion;
use crate::store::{Artifact, Stores};

pub use inputs::Inputs;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// `actions/checkout`
    Checkout,
    /// `actions/upload-artifact`
    UploadArtifact,
    /// `actions/download-artifact`
    DownloadArtifact,
    /// `actions/cache`
    Cache,
    /// `actions/cache/restore`
    CacheRestore,
    /// `actions/cache/save`
    CacheSave,
}

/// What an action's own file would say of it.
#[derive(Debug)]
pub struct Description {
    /// Repository and directory of upstream's, below the owner `actions`: `cache`, `cache/restore`.
    pub name: &'static str,
    /// The newest major version whose inputs and outputs these are. Newer ones aren't this action.
    pub newest: u32,
    /// The inputs.
    pub inputs: &'static [Input],
    /// When [`Native::post`] runs at the job's end.
    pub post: PostIf,
}

/// An input.
#[derive(Debug)]
pub struct Input {
    /// Its name.
    pub name: &'static str,
    /// What it is where it isn't given: a template that may name contexts.
    pub default: &'static str,
}

/// The condition of a last stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostIf {
    /// There is none.
    Never,
    /// Whatever became of the job.
    Always,
    /// Only after success.
    Success,
}

/// Why an action ends before its work is done.
#[derive(Debug)]
pub struct Failure {
    /// Failure, or cancelled.
    pub conclusion: Conclusion,
    /// For people.
    pub reason: String,
}

impl<T: Into<String>> From<T> for Failure {
    fn from(reason: T) -> Self {
        Failure { conclusion: Conclusion::Failure, reason: reason.into() }
    }
}

/// The job, as far as it is an action's business.
pub trait Host {
    /// A value of the `github` context as text; empty where there is none.
    fn github(&self, key: &str) -> String;

    /// A text or number in the event's payload (RFC 6901, JSON Pointer); empty where there is none.
    fn event(&self, pointer: &str) -> String;

    /// A variable of the step's environment.
    fn env(&self, name: &str) -> Option<String>;

    /// `github.workspace`, a path inside the sandbox.
    fn workspace(&self) -> &Path;

    /// The `PATH` of programs that no step has changed.
    fn path(&self) -> &str;

    /// What is said about the tree that the workspace shows.
    fn tree(&self) -> Tree;

    /// The user's own git repository, a bare one inside the sandbox that holds objects and references only and can't
    /// be changed; none where the tree is no repository.
    fn repository(&self) -> Option<&str>;

    /// Whether commands reach nothing but the sandbox's own loopback.
    fn offline(&self) -> bool;

    /// Lines to the step's log, masked as a step's own. They may be workflow commands, such as `::group::`.
    fn say(&mut self, text: &str);

    /// A warning of palisade's own.
    fn warn(&mut self, message: String);

    /// Masks a value from now on.
    fn mask(&mut self, value: &str);

    /// Sets an output of the step.
    fn set_output(&mut self, name: &str, value: &str);

    /// Keeps a value for [`Native::post`].
    fn save_state(&mut self, name: &str, value: &str);

    /// What [`Host::save_state`] has kept.
    fn state(&self, name: &str) -> Option<&str>;

    /// Makes a file in `runner.temp`, which must not exist.
    fn write_temp(&mut self, name: &str, mode: u32, content: &[u8]) -> std::io::Result<()>;

    /// Removes a file from there.
    fn remove_temp(&mut self, name: &str) -> std::io::Result<()>;

    /// Runs a command in the sandbox to its end, both outputs to the step's log, where workflow commands in them
    /// have no effect. The step's timeout and orders to stop end it.
    fn run(&mut self, command: Command) -> Result<Status, Failure>;

    /// The same with its standard output for the caller, at most `limit` bytes of it; more fails.
    fn capture(&mut self, command: Command, limit: usize) -> Result<(Status, Vec<u8>), Failure>;

    /// The same with its standard error for the caller, while its standard output goes somewhere else. Where that
    /// can't take it, the command finds its pipe closed.
    fn pour(
        &mut self,
        command: Command,
        into: &mut (dyn Write + Send),
        limit: usize,
    ) -> Result<Poured, Failure>;

    /// What jobs pass on.
    fn stores(&self) -> Arc<Stores>;

    /// The name of a secret that a text holds.
    fn secret_in(&self, text: &str) -> Option<Arc<str>>;

    /// Tells of an artifact that was kept.
    fn uploaded(&mut self, artifact: &Artifact);
}

/// How a command ended whose output went somewhere else.
#[derive(Debug)]
pub struct Poured {
    /// Its end.
    pub status: Status,
    /// What it said on its standard error.
    pub said: Vec<u8>,
    /// Whether its output was taken.
    pub taken: io::Result<()>,
}

/// The tree that a job's workspace begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A copy, which a step may overwrite.
    Copy,
    /// The user's own.
    Original,
    /// Nothing: a forge has sent the job.
    Empty,
}

impl Native {
    /// All of them.
    pub const ALL: [Native; 6] = [
        Native::Checkout,
        Native::UploadArtifact,
        Native::DownloadArtifact,
        Native::Cache,
        Native::CacheRestore,
        Native::CacheSave,
    ];

    /// Which one a step uses, with or without a forge's address in front: at a version tag (`v4`, `v4.2.2`) of a
    /// major that is modelled, at a branch or at a commit.
    pub fn of(uses: &Uses) -> Option<Native> {
        let Uses::Remote(remote) = uses else { return None };
        Native::ALL.into_iter().find(|native| native.description().is(remote))
    }

    /// What its own file would say.
    pub fn description(self) -> &'static Description {
        match self {
            Native::Checkout => &checkout::DESCRIPTION,
            Native::UploadArtifact => &upload_artifact::DESCRIPTION,
            Native::DownloadArtifact => &download_artifact::DESCRIPTION,
            Native::Cache => &cache::DESCRIPTION,
            Native::CacheRestore => &cache::RESTORE,
            Native::CacheSave => &cache::SAVE,
        }
    }

    /// Does its work.
    pub fn main(self, host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
        match self {
            Native::Checkout => checkout::main(host, inputs),
            Native::UploadArtifact => upload_artifact::main(host, inputs),
            Native::DownloadArtifact => download_artifact::main(host, inputs),
            Native::Cache => cache::main(host, inputs),
            Native::CacheRestore => cache::restore(host, inputs),
            Native::CacheSave => cache::save(host, inputs),
        }
    }

    /// Does what is left at the job's end.
    pub fn post(self, host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
        match self {
            Native::Checkout => checkout::post(host, inputs),
            Native::Cache => cache::post(host, inputs),
            Native::UploadArtifact | Native::DownloadArtifact | Native::CacheRestore | Native::CacheSave => {
                Ok(())
            }
        }
    }
}

/// Whose upstream's actions are, and who has the same ones for Forgejo and Gitea, whose services GitHub's own refuse to use:
/// owner, and what stands before the name. Source: "Artifacts" in the documentation of Forgejo, and in that of Gitea.
const OWNERS: [(&str, &str, &[&str]); 3] = [
    ("actions", "", &["checkout", "upload-artifact", "download-artifact", "cache"]),
    ("forgejo", "", &["upload-artifact", "download-artifact"]),
    ("christopherhx", "gitea-", &["upload-artifact", "download-artifact"]),
];

impl Description {
    fn is(&self, remote: &Remote) -> bool {
        let (repository, path) = self.name.split_once('/').unwrap_or((self.name, ""));
        let name = remote.name.to_lowercase();
        let is_owned = OWNERS.iter().any(|(owner, prefix, names)| {
            remote.owner.eq_ignore_ascii_case(owner)
                && names.contains(&repository)
                && name.strip_prefix(prefix) == Some(repository)
        });
        is_owned && remote.path == path && major(&remote.reference).is_none_or(|major| major <= self.newest)
    }
}

/// Where files belong to the job's user: `HOME` of the step.
fn home(host: &dyn Host) -> String {
    host.env("HOME").unwrap_or_else(|| "/home/runner".to_owned())
}

/// A path as upstream's actions resolve it: `~` is the home directory, and a relative one begins in the workspace.
fn resolve(host: &dyn Host, path: &str) -> PathBuf {
    let home = home(host);
    let path = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
        _ => path.to_owned(),
    };
    let mut resolved = PathBuf::new();
    for part in host.workspace().join(path).components() {
        match part {
            std::path::Component::ParentDir => drop(resolved.pop()),
            part => resolved.push(part),
        }
    }
    resolved
}

/// Adds to a failure that the disk is full, which what has failed often doesn't tell, and what to do about it.
fn explain_full_disk(host: &mut dyn Host, mut failure: Failure, advice: &str) -> Failure {
    let command = Command::builtin(SPACE).arg(host.workspace());
    if failure.conclusion == Conclusion::Failure
        && let Ok((Status::Code(code), _)) = host.capture(command, 0)
        && code == i32::from(space::FULL)
    {
        failure.reason.push_str("; the sandbox's disk is full: raise its limit `disk`");
        failure.reason.push_str(advice);
    }
    failure
}

/// What a command of palisade's own said, where it did what it is for; else why it didn't.
fn said(status: Status, said: Vec<u8>, what: &str) -> Result<Vec<u8>, Failure> {
    match status {
        Status::Code(0) => Ok(said),
        Status::Code(1) if !said.is_empty() => Err(String::from_utf8_lossy(&said).into_owned().into()),
        Status::Code(code) => Err(format!("{what} ended with exit code {code}").into()),
        Status::Signal(signal) => Err(format!("{what} was ended by signal {signal}").into()),
    }
}

/// The major version of a version tag; `None` for branches and commits.
fn major(reference: &str) -> Option<u32> {
    let digits = reference.strip_prefix('v')?.split('.').next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_told_by_owner_name_path_and_major() {
        let native = |uses: &str| Native::of(&Uses::parse(uses).unwrap());
        for uses in [
            "actions/checkout@v4",
            "Actions/Checkout@v4.2.2",
            "actions/checkout@main",
            "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683",
            "https://forge.example/actions/checkout@v4",
        ] {
            assert_eq!(native(uses), Some(Native::Checkout), "{uses}");
        }
        for uses in [
            "forgejo/upload-artifact@v4",
            "https://data.forgejo.org/forgejo/upload-artifact@v3",
            "https://code.forgejo.org/actions/upload-artifact@v4",
            "https://github.com/ChristopherHX/gitea-upload-artifact@v4",
        ] {
            assert_eq!(native(uses), Some(Native::UploadArtifact), "{uses}");
        }
        for uses in [
            "forgejo/checkout@v4",
            "forgejo/gitea-upload-artifact@v4",
            "christopherhx/upload-artifact@v4",
            "actions/gitea-upload-artifact@v4",
            "evil/checkout@v4",
            "actions/checkout/sub@v4",
            "actions/checkout2@v4",
            "actions/cache/other@v4",
            "actions/cache@v9",
            "actions/checkout@v99",
            "./actions/checkout",
            "docker://x",
        ] {
            assert_eq!(native(uses), None, "{uses}");
        }
    }

    #[test]
    fn every_default_is_a_template() {
        for native in Native::ALL {
            for input in native.description().inputs {
                assert!(crate::expr::Template::parse(input.default).is_ok(), "{}", input.name);
            }
        }
    }
}
