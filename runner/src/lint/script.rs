//! The texts of a step that are run as code.

use super::subject::{is, remote};
use super::text::Text;
use crate::workflow::model::{Step, StepKind};

/// Code in a step.
pub struct Script<'a> {
    /// Its text.
    pub text: Text<'a>,
    /// How it reads a variable of the environment, before and after the name.
    pub variable: [&'static str; 2],
}

const SHELL: [&str; 2] = ["\"$", "\""];
const NODE: [&str; 2] = ["process.env.", ""];
const POWERSHELL: [&str; 2] = ["$env:", ""];

/// Actions that run an input as code. Source: the models of sinks in CodeQL's queries for GitHub Actions.
const INPUTS: &[(&str, &str, &[&str], [&str; 2])] = &[
    ("actions", "github-script", &["script"], NODE),
    ("addnab", "docker-run-action", &["run"], SHELL),
    ("amadevus", "pwsh-script", &["script"], POWERSHELL),
    ("appleboy", "ssh-action", &["script"], SHELL),
    ("azure", "cli", &["inlineScript"], SHELL),
    ("azure", "powershell", &["inlineScript"], POWERSHELL),
    ("cross-platform-actions", "action", &["run"], SHELL),
    ("mikefarah", "yq", &["cmd"], SHELL),
    ("nick-fields", "retry", &["command", "on_retry_command"], SHELL),
    ("nick-invision", "retry", &["command", "on_retry_command"], SHELL),
    ("reactivecircus", "android-emulator-runner", &["script"], SHELL),
    ("vmactions", "freebsd-vm", &["run", "prepare"], SHELL),
    ("vmactions", "netbsd-vm", &["run", "prepare"], SHELL),
    ("vmactions", "openbsd-vm", &["run", "prepare"], SHELL),
];

/// All code in a step.
pub fn scripts(step: &Step) -> Vec<Script<'_>> {
    if let StepKind::Run { script, shell, .. } = &step.kind {
        let shell = shell.as_ref().map(|shell| shell.source()).unwrap_or_default();
        let variable = if shell.starts_with("pwsh") { POWERSHELL } else { SHELL };
        return vec![Script { text: Text::from(script), variable }];
    }
    let Some((action, with)) = remote(step) else { return Vec::new() };
    let Some((.., inputs, variable)) = INPUTS.iter().find(|(owner, name, ..)| is(action, owner, name)) else {
        return Vec::new();
    };
    let is_code = |name: &str| inputs.iter().any(|input| input.eq_ignore_ascii_case(name));
    let code = with.iter().filter(|(name, _)| is_code(name));
    code.map(|(_, text)| Script { text: Text::from(text), variable: *variable }).collect()
}

impl Script<'_> {
    /// How the code reads a variable.
    pub fn read(&self, name: &str) -> String {
        let [before, after] = self.variable;
        format!("{before}{name}{after}")
    }
}
