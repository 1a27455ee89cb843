//! Git inside the sandbox, for one directory: with no configuration but ours, no hooks, no prompts, and only the
//! protocols that its caller means.

use std::path::{Path, PathBuf};

use palisade_sandbox::{Command, Status};

use super::super::{Failure, Host};
use crate::job::inside;

/// Most bytes that are read of what git says.
const MAX_SAID: usize = 1 << 20;
/// Variables of the step that say how to reach the network.
const PASSED_ON: [&str; 8] = [
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
];

/// What git believes instead of the machine's and the user's configuration. Hooks, helpers and file system monitors
/// are programs that a repository could bring; `protectNTFS` and `protectHFS` refuse names that are `.git` elsewhere.
pub const CONFIGURATION: &str = "[core]
\thooksPath = /dev/null
\tfsmonitor = false
\tprotectNTFS = true
\tprotectHFS = true
[safe]
\tdirectory = *
\tbareRepository = explicit
[init]
\tdefaultBranch = main
[credential]
\thelper =
[protocol]
\tversion = 2
[gc]
\tauto = 0
[advice]
\tdetachedHead = false
[checkout]
\tworkers = 0
[fetch]
\trecurseSubmodules = false
[submodule]
\trecurse = false
";

/// Where git may fetch from.
#[derive(Clone, Copy, Debug)]
pub enum Reach {
    /// A forge. What a repository names itself, such as a submodule's URL, has no other way either.
    Forge,
    /// Files: the user's own repository.
    Files,
}

/// Git for one directory.
#[derive(Debug)]
pub struct Git {
    directory: PathBuf,
    /// The name of its configuration in `runner.temp`.
    configuration: String,
    /// `GIT_SSH_COMMAND`
    pub ssh: Option<String>,
    /// Content of large files isn't fetched with a checkout.
    pub skip_lfs: bool,
}

impl Git {
    /// For a directory of the workspace; `configuration` is a file in `runner.temp`.
    pub fn new(directory: PathBuf, configuration: &str) -> Git {
        Git { directory, configuration: configuration.to_owned(), ssh: None, skip_lfs: true }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs it, its words to the log; fails where it does.
    pub fn run(&self, host: &mut dyn Host, reach: Reach, args: &[&str]) -> Result<(), Failure> {
        let command = self.command(host, reach, args);
        host.say(&format!("[command]git {}\n", args.join(" ")));
        match host.run(command)? {
            Status::Code(0) => Ok(()),
            Status::Code(code) => Err(format!("`git {}` ended with exit code {code}", verb(args)).into()),
            Status::Signal(signal) => {
                Err(format!("`git {}` was ended by signal {signal}", verb(args)).into())
            }
        }
    }

    /// Runs it for what it says, without space around it; `None` where it fails.
    pub fn ask(&self, host: &mut dyn Host, args: &[&str]) -> Result<Option<String>, Failure> {
        let command = self.command(host, Reach::Forge, args);
        let (status, said) = host.capture(command, MAX_SAID)?;
        Ok(status.success().then(|| String::from_utf8_lossy(&said).trim().to_owned()))
    }

    fn command(&self, host: &dyn Host, reach: Reach, args: &[&str]) -> Command {
        let mut command = Command::new("git")
            .args(args)
            .current_dir(&self.directory)
            .env("PATH", host.path())
            .env("HOME", "/home/runner")
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", format!("{}/{}", inside::TEMP, self.configuration))
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_TEMPLATE_DIR", "")
            .env(
                "GIT_ALLOW_PROTOCOL",
                match (reach, &self.ssh) {
                    (Reach::Files, _) => "file",
                    (Reach::Forge, None) => "https:http",
                    (Reach::Forge, Some(_)) => "https:http:ssh",
                },
            );
        if let Some(ssh) = &self.ssh {
            command = command.env("GIT_SSH_COMMAND", ssh);
        }
        if self.skip_lfs {
            command = command.env("GIT_LFS_SKIP_SMUDGE", "1");
        }
        for name in PASSED_ON {
            if let Some(value) = host.env(name) {
                command = command.env(name, value);
            }
        }
        command
    }
}

/// The verb among arguments, behind options.
fn verb<'a>(args: &[&'a str]) -> &'a str {
    args.iter().find(|arg| !arg.starts_with('-')).copied().unwrap_or_default()
}
