//! The `inputs` context of a run: what was given, else the defaults, each of the kind that the workflow declares.

use serde_json::Value as Json;

use crate::expr::{Object, Value};
use crate::workflow::model::{DispatchInput, InputDefault, InputKind, Workflow};

/// Why there are no inputs.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{what}")]
pub struct InputError {
    what: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl InputError {
    fn new(what: String) -> Self {
        InputError { what, help: None }
    }

    fn help(mut self, help: String) -> Self {
        self.help = Some(help);
        self
    }
}

/// The inputs that the payload of an event gives.
pub fn inputs_of(event: &str, payload: Option<&Json>) -> Result<Vec<(String, String)>, InputError> {
    let takes_inputs = matches!(event, "workflow_dispatch" | "workflow_call");
    let said = payload.filter(|_| takes_inputs).and_then(|payload| payload.get("inputs")?.as_object());
    let mut given = Vec::new();
    for (name, value) in said.into_iter().flatten() {
        let value = match value {
            Json::Null => continue,
            Json::String(text) => text.clone(),
            Json::Bool(_) | Json::Number(_) => value.to_string(),
            Json::Array(_) | Json::Object(_) => {
                let what = format!("the event's payload: input `{name}` is a list or an object");
                return Err(InputError::new(what));
            }
        };
        given.push((name.clone(), value));
    }
    Ok(given)
}

/// Makes the context for an event. An input that the workflow doesn't declare is an error.
pub fn inputs(workflow: &Workflow, event: &str, given: &[(String, String)]) -> Result<Object, InputError> {
    let trigger = workflow.on.iter().find(|trigger| trigger.event.value == event);
    let declared = trigger.map(|trigger| &trigger.inputs);
    for (name, _) in given {
        if !declared.is_some_and(|inputs| inputs.keys().any(|known| known.eq_ignore_ascii_case(name))) {
            let known: Vec<&str> = declared.into_iter().flat_map(|d| d.keys().map(String::as_str)).collect();
            let error =
                InputError::new(format!("the workflow has no input `{name}` for the event `{event}`"));
            return Err(match known.as_slice() {
                [] if event == "workflow_dispatch" => {
                    error.help("declare it under `inputs` of `workflow_dispatch`".to_owned())
                }
                [] => error
                    .help("inputs belong to `workflow_dispatch`: add --event workflow_dispatch".to_owned()),
                known => error.help(format!("the inputs are {}", known.join(", "))),
            });
        }
    }
    let mut inputs = Object::new();
    for (name, input) in declared.into_iter().flatten() {
        let text = given.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str());
        let value = match (text, &input.default) {
            (Some(text), _) => {
                typed(input, text).map_err(|why| InputError::new(format!("input `{name}`: {why}")))?
            }
            (None, Some(InputDefault::Value(default))) => default.clone(),
            (None, Some(InputDefault::Template(default))) => {
                return Err(InputError::new(format!(
                    "the default of input `{name}` is `{}`, which only a caller can evaluate",
                    default.source()
                ))
                .help(format!("give it with --input {name}=VALUE")));
            }
            (None, None) if input.required => {
                return Err(InputError::new(format!(
                    "input `{name}` is required: give it with --input {name}=VALUE"
                )));
            }
            (None, None) => match input.kind {
                InputKind::Boolean => Value::Bool(false),
                InputKind::Number => Value::Number(0.0),
                _ => Value::from(""),
            },
        };
        inputs.insert(name.as_str(), value);
    }
    Ok(inputs)
}

fn typed(input: &DispatchInput, text: &str) -> Result<Value, String> {
    match input.kind {
        InputKind::String | InputKind::Environment => Ok(text.into()),
        // Forges' forms and tools send the words of YAML 1.1 too.
        InputKind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true.into()),
            "false" | "no" | "off" => Ok(false.into()),
            _ => Err(format!("`{text}` is neither true nor false")),
        },
        InputKind::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number.into()),
            _ => Err(format!("`{text}` is not a number")),
        },
        InputKind::Choice if input.options.iter().any(|option| option == text) => Ok(text.into()),
        InputKind::Choice => Err(format!("`{text}` is none of {}", input.options.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn dispatch(given: &[(&str, &str)]) -> Result<Object, String> {
        let source = "
on:
  push:
  workflow_dispatch:
    inputs:
      level: { type: choice, options: [low, high], default: low }
      count: { type: number }
      dry: { type: boolean, required: true }
jobs: { a: { runs-on: x, steps: [{ run: a }] } }
";
        let workflow = crate::workflow::parse(source.as_bytes(), Path::new("w.yml")).unwrap().workflow;
        let given: Vec<_> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        inputs(&workflow, "workflow_dispatch", &given).map_err(|e| e.to_string())
    }

    #[test]
    fn inputs_have_the_kinds_that_the_workflow_declares() {
        let inputs = dispatch(&[("dry", "true"), ("Level", "high")]).unwrap();
        assert_eq!(inputs.get("dry"), Some(&Value::Bool(true)));
        assert_eq!(inputs.get("level"), Some(&"high".into()));
        assert_eq!(inputs.get("count"), Some(&Value::Number(0.0)));
        for (word, meant) in [("YES", true), ("on", true), ("False", false), ("off", false)] {
            assert_eq!(dispatch(&[("dry", word)]).unwrap().get("dry"), Some(&meant.into()), "{word}");
        }
    }

    #[test]
    fn wrong_inputs_are_named() {
        for (given, message) in [
            (&[][..], "input `dry` is required"),
            (&[("dry", "maybe")], "`maybe` is neither true nor false"),
            (&[("dry", "true"), ("level", "x")], "`x` is none of low, high"),
            (&[("dry", "true"), ("count", "x")], "`x` is not a number"),
            (&[("speed", "1")], "no input `speed`"),
        ] {
            let error = dispatch(given).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
