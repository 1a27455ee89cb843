//! `jobs:`.

use indexmap::IndexMap;

use super::availability::{
    JOB_CONCURRENCY, JOB_CONTINUE, JOB_DEFAULTS, JOB_ENV, JOB_IF, JOB_NAME, JOB_OUTPUTS, JOB_RUNS_ON,
    JOB_TIMEOUT,
};
use super::keys::{JOB, RUNS_ON};
use super::members::Members;
use super::model::{Images, Job, Work};
use super::reader::{Reader, is_id};
use super::span::Spanned;
use super::yaml::{Entry, Mapping, Node, Yaml};
use super::{call, matrix, needs, settings, step};
use crate::expr::Template;
use crate::job::MAX_RUN_JOBS;

/// Reads `jobs:`.
pub fn all(reader: &mut Reader, node: &Node) -> IndexMap<String, Job> {
    let mut jobs = IndexMap::new();
    let Some(entries) = reader.mapping(node, "`jobs`") else { return jobs };
    if entries.is_empty() {
        reader.error(node.span, "`jobs` must have at least one job");
    }
    if let Some((_, first_over)) = entries.get_index(MAX_RUN_JOBS) {
        reader.error(first_over.key, format!("a workflow has at most {MAX_RUN_JOBS} jobs"));
        return jobs;
    }
    for (id, entry) in entries {
        // Servers call a job of a called workflow so.
        let of_called = reader.rewritten && id.contains('.') && id.split('.').all(is_id);
        if !of_called {
            reader.id(id, entry.key, "a job");
        }
        if let Some(job) = job(reader, id, entry) {
            jobs.insert(id.clone(), job);
        }
    }
    let ids: Vec<&str> = entries.keys().map(String::as_str).collect();
    needs::check(reader, &jobs, &ids);
    jobs
}

fn job(reader: &mut Reader, id: &str, entry: &Entry) -> Option<Job> {
    let entries = reader.mapping_of(&entry.value, &format!("the job `{id}`"), &JOB)?;
    reader.members = Members::of_job(entries);
    let calls = calls(reader, entries);
    let value = |key: &str| entries.get(key).map(|entry| &*entry.value);

    let name = value("name").and_then(|node| reader.template(node, "`name`", &JOB_NAME));
    // What a server's job needs isn't in its file: the server tells of it.
    let needs = value("needs").filter(|_| !reader.rewritten);
    let needs = needs.map(|node| needed(reader, node)).unwrap_or_default();
    let condition = value("if").and_then(|node| reader.condition(node, &JOB_IF));
    let runs_on = value("runs-on").map(|node| labels(reader, node)).unwrap_or_default();
    let images = Images::read(reader, entries);
    let env = value("env").map(|node| reader.env(node, "`env`", &JOB_ENV)).unwrap_or_default();
    let defaults =
        value("defaults").map(|node| settings::defaults(reader, node, &JOB_DEFAULTS)).unwrap_or_default();
    let outputs = value("outputs").map(|node| outputs(reader, node)).unwrap_or_default();
    let strategy = value("strategy").map(|node| matrix::strategy(reader, node)).unwrap_or_default();
    let timeout_minutes = value("timeout-minutes").and_then(|node| {
        let minutes = reader.limit(node, "`timeout-minutes`", &JOB_TIMEOUT)?;
        Some(Spanned::new(minutes, node.span))
    });
    let continue_on_error = value("continue-on-error").and_then(|node| {
        let value = reader.boolean_or_expr(node, "`continue-on-error`", &JOB_CONTINUE)?;
        Some(Spanned::new(value, node.span))
    });
    let permissions = value("permissions").and_then(|node| settings::permissions(reader, node));
    let environment = value("environment").and_then(|node| settings::environment(reader, node));
    let concurrency =
        value("concurrency").and_then(|node| settings::concurrency(reader, node, &JOB_CONCURRENCY));
    if let Some(node) = value("cancel-timeout-minutes") {
        reader.limit(node, "`cancel-timeout-minutes`", &JOB_TIMEOUT);
    }
    if let Some(node) = value("enable-openid-connect") {
        reader.boolean(node, "`enable-openid-connect`");
    }
    let work = if calls {
        Work::Call(call::read(reader, entries)?)
    } else {
        let steps = value("steps").map(|node| step::list(reader, node)).unwrap_or_default();
        step::warn_of_images(reader, &steps);
        Work::Steps(steps)
    };
    if !calls {
        for key in ["runs-on", "steps"] {
            if !entries.contains_key(key) {
                reader.missing(entry.key, &format!("the job `{id}`"), key);
            }
        }
    }
    Some(Job {
        id: Spanned::new(id.to_owned(), entry.key),
        position: reader.position(entry.key),
        name,
        needs,
        condition,
        runs_on,
        images,
        env,
        defaults,
        permissions,
        concurrency,
        environment,
        outputs,
        strategy,
        work,
        timeout_minutes,
        continue_on_error,
    })
}

/// Whether the job calls another workflow; reports the keys that only such a job can have.
fn calls(reader: &mut Reader, entries: &Mapping) -> bool {
    let calls = entries.contains_key("uses");
    for key in ["with", "secrets"] {
        if let Some(entry) = entries.get(key)
            && !calls
        {
            reader.error(entry.key, format_args!("`{key}` can stand only beside `uses` in a job"));
        }
    }
    calls
}

fn needed(reader: &mut Reader, node: &Node) -> Vec<Spanned<String>> {
    let nodes = reader.one_or_many(node, "`needs`");
    nodes.into_iter().filter_map(|item| reader.text(item, "an entry of `needs`")).collect()
}

/// `runs-on:` as labels; a runner group is the forge's to match.
fn labels(reader: &mut Reader, node: &Node) -> Vec<Spanned<Template>> {
    let node = match &node.value {
        Yaml::Mapping(_) => {
            let entries = reader.mapping_of(node, "`runs-on`", &RUNS_ON);
            let Some(entries) = entries else { return Vec::new() };
            if let Some(group) = entries.get("group") {
                reader.full_template(&group.value, "`group`", &JOB_RUNS_ON);
            }
            match entries.get("labels") {
                Some(labels) => &*labels.value,
                None => return Vec::new(),
            }
        }
        _ => node,
    };
    let nodes = reader.one_or_many(node, "`runs-on`");
    // A server gives a job without labels to any runner.
    if nodes.is_empty() && matches!(node.value, Yaml::Sequence(_)) && !reader.rewritten {
        reader.error(node.span, "`runs-on` must name at least one label");
    }
    nodes.into_iter().filter_map(|item| reader.full_template(item, "`runs-on`", &JOB_RUNS_ON)).collect()
}

fn outputs(reader: &mut Reader, node: &Node) -> IndexMap<String, Spanned<Template>> {
    let mut outputs = IndexMap::new();
    let Some(entries) = reader.mapping(node, "`outputs`") else { return outputs };
    for (name, Entry { key, value }) in entries {
        reader.id(name, *key, "an output");
        if let Some(template) = reader.template(value, &format!("the output `{name}`"), &JOB_OUTPUTS) {
            outputs.insert(name.clone(), template);
        }
    }
    outputs
}
