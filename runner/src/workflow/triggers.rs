//! `on:`: events, their filters, and what may be given to a workflow.

use indexmap::IndexMap;

use super::availability::{CALL_INPUT, CALL_OUTPUT};
use super::keys::{self, CALL_SECRET, DISPATCH_INPUT, Keys, SCHEDULE};
use super::model::{CallSecret, DispatchInput, Filter, Filters, InputDefault, InputKind, Trigger};
use super::reader::Reader;
use super::scalar::Scalar;
use super::span::{Span, Spanned};
use super::yaml::{Mapping, Node, Yaml};
use crate::expr::{Template, nearest};
use crate::lint::Lint;
use crate::trigger::events::{self, EVENTS, Event, PAIRS};
use crate::trigger::{Cron, Pattern, SHORTEST};

/// Reads `on:`.
pub fn read(reader: &mut Reader, node: &Node) -> Vec<Trigger> {
    let triggers: Vec<Trigger> = match &node.value {
        Yaml::Mapping(events) => events
            .iter()
            .map(|(name, entry)| {
                let event = Spanned::new(name.clone(), entry.key);
                check_name(reader, &event);
                settings(reader, event, &entry.value)
            })
            .collect(),
        Yaml::Scalar(Scalar::Null) => Vec::new(),
        _ => reader
            .one_or_many(node, "`on`")
            .into_iter()
            .filter_map(|item| {
                let event = reader.text(item, "an event")?;
                check_name(reader, &event);
                Some(Trigger::new(event))
            })
            .collect(),
    };
    if triggers.is_empty() && !reader.found.has_errors() {
        reader.error_help(node.span, "`on` names no event", "for example `on: push`");
    }
    triggers
}

fn check_name(reader: &mut Reader, event: &Spanned<String>) {
    if event.contains("${{") {
        reader.error_help(event.span, "an event can't be an expression", "write it out");
    } else if events::find(event).is_none() {
        let help = match nearest(event, EVENTS.iter().map(|event| event.name)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "a workflow of unknown events never starts by itself".into(),
        };
        reader.warn(
            Lint::UnknownEvent,
            event.span,
            format_args!("`{}` is not an event that forges document", event.value),
            help,
        );
    }
}

fn settings(reader: &mut Reader, event: Spanned<String>, node: &Node) -> Trigger {
    let mut trigger = Trigger::new(event);
    let name = trigger.event.value.clone();
    if name == "schedule" {
        trigger.schedules = schedule(reader, node);
        return trigger;
    }
    if node.is_null() {
        return trigger;
    }
    let what = format!("`{name}`");
    // What an event takes that nobody documents can't be known.
    let known = events::find(&name);
    let Some(entries) = reader.mapping(node, &what) else { return trigger };
    let keys = known.map_or(&[][..], |event| event.keys);
    for (key, entry) in entries.iter().filter(|(key, _)| known.is_some() && !keys.contains(&key.as_str())) {
        let message = format!("unknown key `{key}` in {what}");
        match name.as_str() {
            "workflow_call" => reader.unknown(entry.key, message, key, keys),
            // GitHub takes whatever stands there, and goes by what it knows.
            _ => reader.warn_unknown(Lint::UnknownKey, entry.key, message, key, keys),
        }
    }
    match name.as_str() {
        "workflow_dispatch" => {
            if let Some(entry) = entries.get("inputs") {
                trigger.inputs = inputs(reader, &entry.value, &DISPATCH);
            }
        }
        "workflow_call" => call(reader, entries, &mut trigger),
        _ => trigger.filters = filters(reader, known, entries),
    }
    trigger
}

fn filters(reader: &mut Reader, event: Option<&Event>, entries: &Mapping) -> Filters {
    let given = |key: &str| entries.get(key).filter(|entry| !entry.value.is_null());
    let types = given("types").map(|entry| {
        let types = texts(reader, &entry.value, "types");
        // Any word may be the type of a `repository_dispatch`.
        if let Some(Event { types: known @ [_, ..], .. }) = event {
            for name in types.iter().filter(|name| !known.contains(&name.as_str())) {
                let message = format!("`{}` is no type of this event", name.value);
                reader.warn_unknown(Lint::UnknownEvent, name.span, message, name, known);
            }
        }
        types
    });
    for key in ["names", "versions"] {
        if let Some(entry) = entries.get(key) {
            texts(reader, &entry.value, key);
        }
    }
    let workflows = entries.get("workflows").map(|entry| texts(reader, &entry.value, "workflows"));
    let [branches, tags, paths] = PAIRS.map(|pair| filter(reader, entries, pair));
    if let (Some(Event { name: "workflow_run", .. }), None) = (event, &workflows)
        && let Some((_, first)) = entries.first()
    {
        reader.missing(first.key, "`workflow_run`", "workflows");
    }
    Filters { types, branches, tags, paths, workflows }
}

fn texts(reader: &mut Reader, node: &Node, key: &str) -> Vec<Spanned<String>> {
    let items = reader.one_or_many(node, &format!("`{key}`"));
    items.into_iter().filter_map(|item| reader.text(item, &format!("an entry of `{key}`"))).collect()
}

/// One of a pair of filters that exclude each other.
fn filter(reader: &mut Reader, entries: &Mapping, [only, ignore]: [&'static str; 2]) -> Option<Filter> {
    // As on GitHub, one with nothing at all counts as not given.
    let mut given = |key: &str| {
        let entry = entries.get(key)?;
        if entry.value.is_null() {
            let message = format!("`{key}` has no patterns, so everything is picked");
            reader.warn(Lint::EmptyFilter, entry.key, message, "give it some, or remove it");
            return None;
        }
        Some(entry)
    };
    let (key, entry) = match (given(only), given(ignore)) {
        (None, None) => return None,
        (Some(entry), None) => (only, entry),
        (None, Some(entry)) => (ignore, entry),
        (Some(first), Some(second)) => {
            reader.error_help(
                second.key,
                format_args!("`{only}` and `{ignore}` can't both be given for one event"),
                format_args!("use `{only}` with patterns that begin with `!`"),
            );
            (only, first)
        }
    };
    let mut patterns = Vec::new();
    for text in texts(reader, &entry.value, key) {
        match Pattern::parse(&text) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => reader.error(text.span, format_args!("`{}` is no pattern: {error}", text.value)),
        }
    }
    if !patterns.is_empty() && patterns.iter().all(Pattern::is_negated) && key == only {
        reader.warn(
            Lint::EmptyFilter,
            entry.key,
            format_args!("`{only}` has only patterns that begin with `!`, so nothing is ever picked"),
            format_args!("use `{ignore}`, or begin with a pattern that picks something: '**'"),
        );
    }
    Some(Filter { key, ignores: key == ignore, patterns })
}

fn schedule(reader: &mut Reader, node: &Node) -> Vec<Spanned<Cron>> {
    let Yaml::Sequence(items) = &node.value else {
        let message = format!("`schedule` must be a list of `cron` entries, not {}", node.kind());
        reader.error_help(node.span, message, "for example `- cron: '30 5 * * 1'`");
        return Vec::new();
    };
    let mut times = Vec::new();
    for item in items {
        let Some(entries) = reader.mapping_of(item, "an entry of `schedule`", &SCHEDULE) else {
            continue;
        };
        if let Some(zone) = entries.get("timezone") {
            reader.text(&zone.value, "`timezone`");
        }
        let Some(cron) = entries.get("cron") else {
            reader.missing(item.span, "an entry of `schedule`", "cron");
            continue;
        };
        let Some(text) = reader.text(&cron.value, "`cron`") else { continue };
        match Cron::parse(&text) {
            Ok(cron) => {
                check_time(reader, &cron, text.span);
                times.push(Spanned::new(cron, text.span));
            }
            Err(error) => {
                reader.error_help(text.span, error, "minute, hour, day of month, month, day of week");
            }
        }
    }
    times
}

fn check_time(reader: &mut Reader, cron: &Cron, span: Span) {
    if cron.is_word() {
        let help = "write the five fields for GitHub";
        reader.warn(
            Lint::RareSchedule,
            span,
            format_args!("`{}` is a time of Forgejo and Gitea only", cron.as_str()),
            help,
        );
    }
    if cron.gap() < SHORTEST {
        let message = format!("GitHub starts no workflow more often than every {SHORTEST} minutes");
        reader.warn(Lint::RareSchedule, span, message, format_args!("for example '*/{SHORTEST} * * * *'"));
    }
}

/// What inputs may say.
struct InputRules {
    keys: &'static Keys,
    types: &'static [&'static str],
    /// Whether a default may hold an expression.
    evaluates: bool,
}

const DISPATCH: InputRules = InputRules {
    keys: &DISPATCH_INPUT,
    types: &["string", "boolean", "number", "choice", "environment"],
    evaluates: false,
};
const CALL: InputRules =
    InputRules { keys: &keys::CALL_INPUT, types: &["string", "boolean", "number"], evaluates: true };

fn call(reader: &mut Reader, entries: &Mapping, trigger: &mut Trigger) {
    if let Some(outputs) = entries.get("outputs")
        && !outputs.value.is_null()
        && let Some(outputs) = reader.mapping(&outputs.value, "`outputs`")
    {
        for (name, entry) in outputs {
            reader.id(name, entry.key, "an output");
            let what = format!("the output `{name}`");
            let Some(output) = reader.mapping_of(&entry.value, &what, &keys::CALL_OUTPUT) else { continue };
            match output.get("value") {
                Some(value) => {
                    if let Some(value) = reader.template(&value.value, "`value`", &CALL_OUTPUT) {
                        trigger.outputs.insert(name.clone(), value);
                    }
                }
                None => reader.missing(entry.key, &what, "value"),
            }
        }
    }
    if let Some(secrets) = entries.get("secrets")
        && !secrets.value.is_null()
        && let Some(secrets) = reader.mapping(&secrets.value, "`secrets`")
    {
        for (name, entry) in secrets {
            let mut secret = CallSecret { required: false };
            if !entry.value.is_null() {
                let what = format!("the secret `{name}`");
                let entries = reader.mapping_of(&entry.value, &what, &CALL_SECRET);
                if let Some(required) = entries.and_then(|entries| entries.get("required")) {
                    secret.required = reader.boolean(&required.value, "`required`").unwrap_or_default();
                }
            }
            trigger.secrets.insert(name.clone(), secret);
        }
    }
    if let Some(entry) = entries.get("inputs") {
        trigger.inputs = inputs(reader, &entry.value, &CALL);
    }
}

fn inputs(reader: &mut Reader, node: &Node, rules: &InputRules) -> IndexMap<String, DispatchInput> {
    let mut inputs = IndexMap::new();
    if node.is_null() {
        return inputs;
    }
    let Some(entries) = reader.mapping(node, "`inputs`") else { return inputs };
    for (name, entry) in entries {
        reader.id(name, entry.key, "an input");
        if let Some(input) = input(reader, name, &entry.value, rules) {
            inputs.insert(name.clone(), input);
        }
    }
    inputs
}

fn input(reader: &mut Reader, name: &str, node: &Node, rules: &InputRules) -> Option<DispatchInput> {
    let mut input =
        DispatchInput { required: false, default: None, kind: InputKind::String, options: Vec::new() };
    if node.is_null() {
        return Some(input);
    }
    let what = format!("the input `{name}`");
    let entries = reader.mapping_of(node, &what, rules.keys)?;
    if let Some(required) = entries.get("required") {
        input.required = reader.boolean(&required.value, "`required`")?;
    }
    // A server writes what wasn't there as empty.
    let rewritten = reader.rewritten;
    let value = |key: &str| entries.get(key).filter(|entry| !(rewritten && entry.value.is_empty()));
    if let Some(kind) = value("type") {
        input.kind = match reader.word(&kind.value, "the type of an input", rules.types)?.as_str() {
            "boolean" => InputKind::Boolean,
            "number" => InputKind::Number,
            "choice" => InputKind::Choice,
            "environment" => InputKind::Environment,
            _ => InputKind::String,
        };
    }
    if let Some(options) = entries.get("options") {
        let Yaml::Sequence(items) = &options.value.value else {
            reader.error_help(
                options.value.span,
                format_args!("`options` must be a list, not {}", options.value.kind()),
                "write a list even for one value: `[value]`",
            );
            return None;
        };
        for item in items {
            input.options.push(reader.text(item, "an option")?.value);
        }
        if input.kind != InputKind::Choice {
            reader.error_help(
                options.key,
                format_args!("`options` of the input `{name}` mean nothing: its type isn't `choice`"),
                "make it `type: choice`, or remove them",
            );
        }
    }
    if input.kind == InputKind::Choice && input.options.is_empty() {
        reader.missing(node.span, "an input of type `choice`", "options");
        return None;
    }
    if let Some(default) = value("default") {
        input.default = Some(default_value(reader, &input, &default.value, rules.evaluates)?);
    }
    Some(input)
}

/// The default of an input; only that of a called workflow may be an expression.
fn default_value(
    reader: &mut Reader,
    input: &DispatchInput,
    node: &Node,
    evaluates: bool,
) -> Option<InputDefault> {
    let template = match &node.value {
        // A server has evaluated what an expression was, and the value may look like another.
        Yaml::Scalar(value) if evaluates && reader.rewritten => {
            Spanned::new(Template::literal(&value.to_text()), node.span)
        }
        _ => reader.template(node, "`default`", &CALL_INPUT)?,
    };
    if !template.is_literal() {
        if evaluates {
            return Some(InputDefault::Template(template));
        }
        let help = "write the value out, or fall back in the step: `${{ inputs.x || github.ref }}`";
        reader.error_help(node.span, "the default of an input can't hold an expression here", help);
        return None;
    }
    let text = template.source();
    if input.kind == InputKind::Choice && !input.options.iter().any(|option| option == text) {
        reader.error_help(
            node.span,
            format_args!("the default `{text}` is none of the options"),
            format_args!("options: {}", input.options.join(", ")),
        );
        return None;
    }
    let value = input.kind.value(text);
    if value.is_none() {
        let kind = if input.kind == InputKind::Boolean { "a boolean" } else { "a number" };
        reader.error(node.span, format_args!("the default `{text}` is not {kind}, which the input is"));
    }
    value.map(InputDefault::Value)
}
