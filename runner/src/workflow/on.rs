//! What `on:` says: the events that start a workflow, their filters, and what a caller may give.

use indexmap::IndexMap;

use super::span::Spanned;
use crate::expr::{Template, Value};
use crate::trigger::{Cron, Pattern};

/// One event under `on:`.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The event's name, e.g. `push`.
    pub event: Spanned<String>,
    /// What must hold of an event of this name.
    pub filters: Filters,
    /// `cron:` of each entry of `schedule`.
    pub schedules: Vec<Spanned<Cron>>,
    /// `inputs:` of `workflow_dispatch` or `workflow_call`, in the order written.
    pub inputs: IndexMap<String, DispatchInput>,
    /// `secrets:` of `workflow_call`.
    pub secrets: IndexMap<String, CallSecret>,
    /// `outputs:` of `workflow_call`: the value of each.
    pub outputs: IndexMap<String, Spanned<Template>>,
}

impl Trigger {
    /// An event without any setting.
    pub fn new(event: Spanned<String>) -> Self {
        Trigger {
            event,
            filters: Filters::default(),
            schedules: Vec::new(),
            inputs: IndexMap::new(),
            secrets: IndexMap::new(),
            outputs: IndexMap::new(),
        }
    }
}

/// What must hold of an event; `None` where the key isn't given.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// `types:`
    pub types: Option<Vec<Spanned<String>>>,
    /// `branches:` or `branches-ignore:`
    pub branches: Option<Filter>,
    /// `tags:` or `tags-ignore:`
    pub tags: Option<Filter>,
    /// `paths:` or `paths-ignore:`
    pub paths: Option<Filter>,
    /// `workflows:` of `workflow_run`: names.
    pub workflows: Option<Vec<Spanned<String>>>,
}

impl Filters {
    /// Whether it takes the repository to tell what they say.
    pub fn read_the_tree(&self) -> bool {
        self.branches.is_some() || self.tags.is_some() || self.paths.is_some()
    }
}

/// Patterns of names or paths.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The key as it is written, e.g. `branches-ignore`.
    pub key: &'static str,
    /// Whether what is picked doesn't count, instead of counting alone.
    pub ignores: bool,
    /// The patterns, of which the last that matches decides.
    pub patterns: Vec<Pattern>,
}

/// An input of a workflow that is started by hand or called.
#[derive(Clone, Debug)]
pub struct DispatchInput {
    /// `required:`.
    pub required: bool,
    /// `default:`.
    pub default: Option<InputDefault>,
    /// `type:`; `string` where it is not given.
    pub kind: InputKind,
    /// `options:` of a `choice`.
    pub options: Vec<String>,
}

/// The value of an input that isn't given.
#[derive(Clone, Debug)]
pub enum InputDefault {
    /// Written out, of the input's type.
    Value(Value),
    /// With expressions, which `workflow_call` allows: evaluated with `github`, `inputs` and `vars` of the called
    /// workflow, then of the input's type.
    Template(Spanned<Template>),
}

/// Type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Any text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// One of `options`.
    Choice,
    /// A deployment environment's name.
    Environment,
}

impl InputKind {
    /// What a text stands for; nothing is false and 0. `None` where it isn't of the type.
    pub fn value(self, text: &str) -> Option<Value> {
        match self {
            InputKind::Boolean => match text {
                "true" => Some(Value::Bool(true)),
                "false" | "" => Some(Value::Bool(false)),
                _ => None,
            },
            InputKind::Number => {
                Some(Value::from(text).to_number()).filter(|n| !n.is_nan()).map(Value::Number)
            }
            InputKind::String | InputKind::Choice | InputKind::Environment => Some(Value::from(text)),
        }
    }

    /// What its values are, for people.
    pub fn what(self) -> &'static str {
        match self {
            InputKind::Boolean => "true or false",
            InputKind::Number => "a number",
            InputKind::String | InputKind::Choice | InputKind::Environment => "text",
        }
    }
}

/// A secret that a called workflow asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSecret {
    /// `required:`.
    pub required: bool,
}
