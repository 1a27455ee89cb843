//! Keys that a workflow and a job share: `defaults`, and those that are for the forge, of which only the
//! shape is checked.

use super::availability::{Availability, JOB_ENVIRONMENT, JOB_ENVIRONMENT_URL};
use super::keys::{CONCURRENCY, DEFAULTS, DEFAULTS_RUN, ENVIRONMENT, PERMISSIONS};
use super::model::Defaults;
use super::reader::Reader;
use super::scalar::Scalar;
use super::span::Spanned;
use super::yaml::{Node, Yaml};
use crate::expr::Template;
use crate::job::shell::{Shell, ShellError};

/// Reads `defaults:`.
pub fn defaults(reader: &mut Reader, node: &Node, at: &Availability) -> Defaults {
    let mut defaults = Defaults::default();
    let Some(entries) = reader.mapping_of(node, "`defaults`", &DEFAULTS) else { return defaults };
    let Some(run) = entries.get("run") else {
        reader.missing(node.span, "`defaults`", "run");
        return defaults;
    };
    let Some(entries) = reader.mapping_of(&run.value, "`defaults.run`", &DEFAULTS_RUN) else {
        return defaults;
    };
    defaults.shell = entries.get("shell").and_then(|entry| shell(reader, &entry.value, at));
    defaults.working_directory = entries
        .get("working-directory")
        .and_then(|entry| reader.full_template(&entry.value, "`working-directory`", at));
    defaults
}

/// Reads `shell:`.
pub fn shell(reader: &mut Reader, node: &Node, at: &Availability) -> Option<Spanned<Template>> {
    let shell = reader.full_template(node, "`shell`", at)?;
    let Some(text) = shell.as_literal() else { return Some(shell) };
    match Shell::parse(text) {
        Ok(_) => Some(shell),
        Err(ShellError::Unknown(name)) => {
            let help = match name.as_str() {
                "cmd" | "powershell" => "that shell is on Windows only; use pwsh",
                _ => "bash, sh, python, pwsh, or a command with `{0}` where the script's path goes",
            };
            reader.error_help(node.span, format_args!("unknown shell `{name}`"), help);
            None
        }
        Err(error) => {
            reader.error(node.span, error);
            None
        }
    }
}

/// Checks `permissions:`.
pub fn permissions(reader: &mut Reader, node: &Node) {
    if node.is_null() {
        return;
    }
    if matches!(node.value, Yaml::Scalar(Scalar::String(_))) {
        reader.word(node, "`permissions`", &["read-all", "write-all"]);
        return;
    }
    let Some(entries) = reader.mapping_of(node, "`permissions`", &PERMISSIONS) else { return };
    for (scope, entry) in entries {
        let levels: &[&str] =
            if scope == "id-token" { &["write", "none"] } else { &["read", "write", "none"] };
        reader.word(&entry.value, &format!("the permission `{scope}`"), levels);
    }
}

/// Checks `concurrency:`.
pub fn concurrency(reader: &mut Reader, node: &Node, at: &Availability) {
    if matches!(node.value, Yaml::Scalar(_)) {
        reader.full_template(node, "`concurrency`", at);
        return;
    }
    let Some(entries) = reader.mapping_of(node, "`concurrency`", &CONCURRENCY) else {
        return;
    };
    match entries.get("group") {
        Some(entry) => drop(reader.full_template(&entry.value, "`group`", at)),
        None => reader.missing(node.span, "`concurrency`", "group"),
    }
    if let Some(entry) = entries.get("cancel-in-progress") {
        reader.boolean_or_expr(&entry.value, "`cancel-in-progress`", at);
    }
}

/// Checks `environment:` of a job.
pub fn environment(reader: &mut Reader, node: &Node) {
    if matches!(node.value, Yaml::Scalar(_)) {
        reader.full_template(node, "`environment`", &JOB_ENVIRONMENT);
        return;
    }
    let Some(entries) = reader.mapping_of(node, "`environment`", &ENVIRONMENT) else {
        return;
    };
    match entries.get("name") {
        Some(entry) => drop(reader.full_template(&entry.value, "`name`", &JOB_ENVIRONMENT)),
        None => reader.missing(node.span, "`environment`", "name"),
    }
    if let Some(entry) = entries.get("url") {
        reader.template(&entry.value, "`url`", &JOB_ENVIRONMENT_URL);
    }
    if let Some(entry) = entries.get("deployment") {
        reader.boolean_or_expr(&entry.value, "`deployment`", &JOB_ENVIRONMENT);
    }
}
