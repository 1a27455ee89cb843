//! A workflow file as a whole.

use std::path::Path;

use super::availability::{CONCURRENCY, DEFAULTS, ENV, RUN_NAME};
use super::diagnostic::Diagnostics;
use super::examined::Examined;
use super::keys::{Keys, WORKFLOW};
use super::model::Workflow;
use super::reader::Reader;
use super::yaml::Node;
use super::{job, settings, triggers};
use crate::lint::Rules;

/// A workflow that can be run.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What it says.
    pub workflow: Workflow,
    /// What probably isn't meant so; may be empty.
    pub warnings: Diagnostics,
}

/// Reads as much of a workflow file as can be read.
pub fn examine(source: &[u8]) -> Examined<'_, Workflow> {
    Examined::read(source, workflow)
}

/// Parses the content of the workflow file at `path`, whose directory says by [whose rules](Rules). All that is wrong
/// is reported at once, as far as it can be told; then there is at least one error in it.
pub fn parse(source: &[u8], path: &Path) -> Result<Parsed, Diagnostics> {
    examine(source).finish(path, Rules::of(path)).map(|(workflow, warnings)| Parsed { workflow, warnings })
}

/// The same of a workflow that a forge's server has read and written anew, with one job in it: booleans and numbers may
/// have become text (`timeout-minutes: "5"`, `fail-fast: "false"`), and a number that wasn't there `"0"`. A Forgejo from
/// 14 on sends a job of a called workflow by itself: it is called `caller.job` or stands in a namespace, what it was given
/// has become the defaults of `workflow_call`, and `__metadata` is the server's own.
/// Source: `act/jobparser` of Forgejo's runner, which the server writes by.
pub fn parse_rewritten(source: &[u8], path: &Path) -> Result<Parsed, Diagnostics> {
    let read = |reader: &mut Reader, root: &Node| {
        reader.rewritten = true;
        workflow(reader, root)
    };
    let examined = Examined::read(source, read);
    examined.finish(path, Rules::Lenient).map(|(workflow, warnings)| Parsed { workflow, warnings })
}

fn workflow(reader: &mut Reader, root: &Node) -> Option<Workflow> {
    // A server drops what an author wrote and it doesn't know, so that what else is there is its own.
    let keys = Keys { open: reader.rewritten, ..WORKFLOW };
    let entries = reader.mapping_of(root, "a workflow", &keys)?;
    let value = |key: &str| entries.get(key).map(|entry| &*entry.value);
    for key in ["on", "jobs"] {
        if !entries.contains_key(key) {
            let top = super::span::Span::new(root.span.start as usize, root.span.start as usize);
            reader.missing(top, "a workflow", key);
        }
    }
    if let Some(node) = value("description") {
        reader.text(node, "`description`");
    }
    for key in ["enable-openid-connect", "enable-email-notifications"] {
        if let Some(node) = value(key) {
            reader.boolean(node, &format!("`{key}`"));
        }
    }
    Some(Workflow {
        // The file's name stands in for an empty one too.
        name: value("name").filter(|node| !node.is_empty()).and_then(|node| reader.text(node, "`name`")),
        run_name: value("run-name").and_then(|node| reader.template(node, "`run-name`", &RUN_NAME)),
        on: value("on").map(|node| triggers::read(reader, node)).unwrap_or_default(),
        env: value("env").map(|node| reader.env(node, "`env`", &ENV)).unwrap_or_default(),
        defaults: value("defaults")
            .map(|node| settings::defaults(reader, node, &DEFAULTS))
            .unwrap_or_default(),
        permissions: value("permissions").and_then(|node| settings::permissions(reader, node)),
        concurrency: value("concurrency").and_then(|node| settings::concurrency(reader, node, &CONCURRENCY)),
        jobs: value("jobs").map(|node| job::all(reader, node)).unwrap_or_default(),
    })
}
