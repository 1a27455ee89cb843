//! Jobs that call other workflows. Source: "Reusing workflow configurations" in GitHub's documentation.

use super::availability::{CALL_SECRET, CALL_WITH};
use super::file::WorkflowFile;
use super::model::{Call, Entries, PassedSecrets, Trigger, Workflow};
use super::reader::Reader;
use super::scalar::Scalar;
use super::span::{Span, Spanned};
use super::yaml::{Mapping, Yaml};
use crate::action::Uses;

/// Keys that mean something beside `uses` in a job.
const KEYS: [&str; 9] =
    ["name", "uses", "with", "secrets", "strategy", "needs", "if", "concurrency", "permissions"];

/// Reads `uses`, `with` and `secrets` of a job.
pub fn read(reader: &mut Reader, entries: &Mapping) -> Option<Call> {
    for (key, entry) in entries {
        // A Gitea writes `runs-on` into each job.
        let written = reader.rewritten && key == "runs-on";
        if !KEYS.contains(&key.as_str()) && !written {
            let message = format!("`{key}` can't stand beside `uses` in a job");
            reader.error_help(entry.key, message, "set it in the jobs of the workflow that is called");
        }
    }
    let value = |key: &str| entries.get(key).map(|entry| &*entry.value);
    let with = value("with").map(|node| reader.entries(node, "`with`", &CALL_WITH)).unwrap_or_default();
    let secrets = match value("secrets") {
        None => PassedSecrets::Given(Vec::new()),
        Some(node) => match &node.value {
            Yaml::Scalar(Scalar::String(word)) if word == "inherit" => PassedSecrets::Inherit(node.span),
            _ => PassedSecrets::Given(reader.entries(node, "`secrets`", &CALL_SECRET)),
        },
    };
    let named = reader.text(value("uses")?, "`uses`")?;
    let help = "name a file in a folder of workflows: `./.github/workflows/x.yml`, or `owner/repository/.github/workflows/x.yml@version`";
    let workflow = match Uses::parse(&named).map(WorkflowFile::named) {
        Ok(Some(file)) => Spanned::new(file, named.span),
        Ok(None) => {
            reader.error_help(named.span, format!("`{}` is no workflow", named.value), help);
            return None;
        }
        Err(error) => {
            reader.error_help(named.span, &error, help);
            return None;
        }
    };
    Some(Call { position: reader.position(workflow.span), workflow, with, secrets })
}

impl Call {
    /// Why a workflow can't be called so, each with its place.
    pub fn mismatches(&self, called: &Workflow) -> Vec<(Span, String)> {
        let uses = self.workflow.span;
        let Some(trigger) = called.call() else {
            return vec![(uses, "it has no `workflow_call` under `on`".into())];
        };
        let mut found = Vec::new();
        let given =
            |entries: &Entries, name: &str| entries.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        for (name, value) in &self.with {
            let input = trigger.inputs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            let Some((name, input)) = input else {
                found.push((name.span, format!("it has no input `{}`", name.value)));
                continue;
            };
            let wrong = value.as_literal().filter(|text| input.kind.value(text).is_none());
            found.extend(wrong.map(|text| {
                (value.span, format!("its input `{name}` must be {}, not `{text}`", input.kind.what()))
            }));
        }
        for (name, input) in &trigger.inputs {
            if input.required && input.default.is_none() && !given(&self.with, name) {
                found.push((uses, format!("its input `{name}` is required and not given in `with`")));
            }
        }
        if let PassedSecrets::Given(secrets) = &self.secrets {
            for (name, secret) in &trigger.secrets {
                if secret.required && !given(secrets, name) {
                    found.push((uses, format!("its secret `{name}` is required and not given in `secrets`")));
                }
            }
            for (name, _) in secrets {
                if !trigger.secrets.keys().any(|known| known.eq_ignore_ascii_case(name)) {
                    found.push((name.span, format!("it has no secret `{}`", name.value)));
                }
            }
        }
        found
    }
}

impl Workflow {
    /// What it says of being called, if it can be.
    pub fn call(&self) -> Option<&Trigger> {
        self.on.iter().find(|trigger| trigger.event.value == "workflow_call")
    }
}
