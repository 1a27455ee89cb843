//! `on:`. Filters are checked for their shape and stay with the forge, which decides what triggers.

use indexmap::IndexMap;

use super::availability::{CALL_INPUT, CALL_OUTPUT};
use super::model::{DispatchInput, InputKind, Trigger};
use super::reader::Reader;
use super::scalar::Scalar;
use super::span::Spanned;
use super::yaml::{Node, Yaml};
use crate::expr::{Value, nearest};

const BRANCHES: &[&str] = &["branches", "branches-ignore"];
const TAGS: &[&str] = &["tags", "tags-ignore"];
const PATHS: &[&str] = &["paths", "paths-ignore"];

/// Events that take nothing but `types`. Source: "Events that trigger workflows" in GitHub's reference, and
/// those that Forgejo and Gitea add.
const EVENTS: &[&str] = &[
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "image_version",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "project",
    "project_card",
    "project_column",
    "public",
    "pull_request_comment",
    "pull_request_review",
    "pull_request_review_comment",
    "registry_package",
    "release",
    "repository_dispatch",
    "status",
    "watch",
];

/// Events that take more, or something else.
const FILTERED: &[&str] = &[
    "push",
    "pull_request",
    "pull_request_target",
    "workflow_run",
    "workflow_dispatch",
    "workflow_call",
    "schedule",
];

/// Reads `on:`.
pub fn read(reader: &mut Reader, node: &Node) -> Vec<Trigger> {
    let triggers: Vec<Trigger> = match &node.value {
        Yaml::Mapping(events) => events
            .iter()
            .map(|(name, entry)| {
                let event = Spanned::new(name.clone(), entry.key);
                check_name(reader, &event);
                let inputs = settings(reader, name, &entry.value);
                Trigger { event, inputs }
            })
            .collect(),
        Yaml::Scalar(Scalar::Null) => Vec::new(),
        _ => reader
            .one_or_many(node, "`on`")
            .into_iter()
            .filter_map(|item| {
                let event = reader.text(item, "an event")?;
                check_name(reader, &event);
                Some(Trigger { event, inputs: IndexMap::new() })
            })
            .collect(),
    };
    if triggers.is_empty() && !reader.found.has_errors() {
        reader.error_help(node.span, "`on` names no event", "for example `on: push`");
    }
    triggers
}

fn check_name(reader: &mut Reader, event: &Spanned<String>) {
    let known = || EVENTS.iter().chain(FILTERED).copied();
    if !known().any(|name| name == event.value) {
        let help = match nearest(event, known()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "a workflow of unknown events never starts by itself".into(),
        };
        reader.warn(event.span, format_args!("`{}` is not an event that forges document", event.value), help);
    }
}

fn settings(reader: &mut Reader, event: &str, node: &Node) -> IndexMap<String, DispatchInput> {
    let none = IndexMap::new();
    if event == "schedule" {
        schedule(reader, node);
        return none;
    }
    if node.is_null() {
        return none;
    }
    match event {
        "workflow_dispatch" => {
            let Some(entries) = reader.mapping_of(node, "`workflow_dispatch`", &["inputs"]) else {
                return none;
            };
            entries.get("inputs").map_or(none, |entry| inputs(reader, &entry.value, DISPATCH_KINDS))
        }
        "workflow_call" => call(reader, node),
        _ => {
            filters(reader, event, node);
            none
        }
    }
}

fn filters(reader: &mut Reader, event: &str, node: &Node) {
    let pairs: &[&[&str]] = match event {
        "push" => &[BRANCHES, TAGS, PATHS],
        "pull_request" | "pull_request_target" => &[BRANCHES, PATHS, &["types"]],
        "workflow_run" => &[BRANCHES, &["types"], &["workflows"]],
        "merge_group" => &[BRANCHES, &["types"]],
        _ => &[&["types"]],
    };
    let what = format!("`{event}`");
    // What an event takes that nobody documents can't be known.
    let entries = if EVENTS.contains(&event) || FILTERED.contains(&event) {
        reader.mapping_of(node, &what, &pairs.concat())
    } else {
        reader.mapping(node, &what)
    };
    let Some(entries) = entries else { return };
    for (name, entry) in entries.iter().filter(|(name, _)| pairs.concat().contains(&name.as_str())) {
        for item in reader.one_or_many(&entry.value, &format!("`{name}`")) {
            reader.text(item, &format!("an entry of `{name}`"));
        }
    }
    for pair in pairs {
        if let [only, ignore] = pair
            && let (Some(_), Some(second)) = (entries.get(*only), entries.get(*ignore))
        {
            reader.error_help(
                second.key,
                format_args!("`{only}` and `{ignore}` can't both be given for one event"),
                format_args!("use `{only}` with patterns that begin with `!`"),
            );
        }
    }
}

fn schedule(reader: &mut Reader, node: &Node) {
    let Yaml::Sequence(items) = &node.value else {
        let message = format!("`schedule` must be a list of `cron` entries, not {}", node.kind());
        return reader.error_help(node.span, message, "for example `- cron: '30 5 * * 1'`");
    };
    for item in items {
        let Some(entries) = reader.mapping_of(item, "an entry of `schedule`", &["cron", "timezone"]) else {
            continue;
        };
        if let Some(zone) = entries.get("timezone") {
            reader.text(&zone.value, "`timezone`");
        }
        let Some(cron) = entries.get("cron") else {
            reader.missing(item.span, "an entry of `schedule`", "cron");
            continue;
        };
        if let Some(cron) = reader.text(&cron.value, "`cron`")
            && !cron.starts_with('@')
            && cron.split_whitespace().count() != 5
        {
            let message = format!("`cron` must have five fields, not {}", cron.split_whitespace().count());
            reader.error_help(cron.span, message, "minute, hour, day of month, month, day of week");
        }
    }
}

/// Types that an input of `workflow_dispatch` may have, and of `workflow_call`.
const DISPATCH_KINDS: &[&str] = &["string", "boolean", "number", "choice", "environment"];
const CALL_KINDS: &[&str] = &["string", "boolean", "number"];

fn call(reader: &mut Reader, node: &Node) -> IndexMap<String, DispatchInput> {
    let Some(entries) = reader.mapping_of(node, "`workflow_call`", &["inputs", "outputs", "secrets"]) else {
        return IndexMap::new();
    };
    if let Some(outputs) = entries.get("outputs")
        && let Some(outputs) = reader.mapping(&outputs.value, "`outputs`")
    {
        for (name, entry) in outputs {
            let what = format!("the output `{name}`");
            let Some(output) = reader.mapping_of(&entry.value, &what, &["description", "value"]) else {
                continue;
            };
            match output.get("value") {
                Some(value) => drop(reader.template(&value.value, "`value`", &CALL_OUTPUT)),
                None => reader.missing(entry.key, &what, "value"),
            }
        }
    }
    if let Some(secrets) = entries.get("secrets")
        && let Some(secrets) = reader.mapping(&secrets.value, "`secrets`")
    {
        for (name, entry) in secrets.iter().filter(|(_, entry)| !entry.value.is_null()) {
            let what = format!("the secret `{name}`");
            let secret = reader.mapping_of(&entry.value, &what, &["description", "required"]);
            if let Some(required) = secret.and_then(|secret| secret.get("required")) {
                reader.boolean(&required.value, "`required`");
            }
        }
    }
    entries.get("inputs").map(|entry| inputs(reader, &entry.value, CALL_KINDS)).unwrap_or_default()
}

fn inputs(reader: &mut Reader, node: &Node, kinds: &[&str]) -> IndexMap<String, DispatchInput> {
    let mut inputs = IndexMap::new();
    if node.is_null() {
        return inputs;
    }
    let Some(entries) = reader.mapping(node, "`inputs`") else { return inputs };
    for (name, entry) in entries {
        reader.id(name, entry.key, "an input");
        if let Some(input) = input(reader, name, &entry.value, kinds) {
            inputs.insert(name.clone(), input);
        }
    }
    inputs
}

fn input(reader: &mut Reader, name: &str, node: &Node, kinds: &[&str]) -> Option<DispatchInput> {
    let mut input =
        DispatchInput { required: false, default: None, kind: InputKind::String, options: Vec::new() };
    if node.is_null() {
        return Some(input);
    }
    const KEYS: &[&str] = &["description", "required", "default", "type", "options", "deprecationMessage"];
    let what = format!("the input `{name}`");
    let entries = reader.mapping_of(node, &what, KEYS)?;
    if let Some(required) = entries.get("required") {
        input.required = reader.boolean(&required.value, "`required`")?;
    }
    if let Some(kind) = entries.get("type") {
        input.kind = match reader.word(&kind.value, "the type of an input", kinds)?.as_str() {
            "boolean" => InputKind::Boolean,
            "number" => InputKind::Number,
            "choice" => InputKind::Choice,
            "environment" => InputKind::Environment,
            _ => InputKind::String,
        };
    }
    if let Some(options) = entries.get("options") {
        for item in reader.one_or_many(&options.value, "`options`") {
            input.options.push(reader.text(item, "an option")?.value);
        }
    }
    if input.kind == InputKind::Choice && input.options.is_empty() {
        reader.missing(node.span, "an input of type `choice`", "options");
        return None;
    }
    if let Some(default) = entries.get("default") {
        input.default = Some(default_value(reader, &input, &default.value)?);
    }
    Some(input)
}

fn default_value(reader: &mut Reader, input: &DispatchInput, node: &Node) -> Option<Value> {
    let template = reader.template(node, "`default`", &CALL_INPUT)?;
    let text = template.source();
    if !template.is_literal() {
        reader.error_help(
            node.span,
            "a default that is an expression is not supported by this version",
            "write the value out, or fall back in the step: `${{ inputs.x || github.ref }}`",
        );
        return None;
    }
    let value = match input.kind {
        InputKind::Boolean => match text {
            "true" => Some(Value::Bool(true)),
            "false" | "" => Some(Value::Bool(false)),
            _ => None,
        },
        InputKind::Number => Some(Value::from(text).to_number()).filter(|n| !n.is_nan()).map(Value::Number),
        InputKind::Choice if !input.options.iter().any(|option| option == text) => {
            reader.error_help(
                node.span,
                format_args!("the default `{text}` is none of the options"),
                format_args!("options: {}", input.options.join(", ")),
            );
            return None;
        }
        InputKind::String | InputKind::Choice | InputKind::Environment => Some(Value::from(text)),
    };
    if value.is_none() {
        let kind = if input.kind == InputKind::Boolean { "a boolean" } else { "a number" };
        reader.error(node.span, format_args!("the default `{text}` is not {kind}, which the input is"));
    }
    value
}
