//! A tree and a scope to a value.

use std::sync::Arc;

use super::ast::{Comparison, Logic, Node};
use super::error::EvalError;
use super::format::{self, Piece};
use super::function::{Function, StatusFunction};
use super::memory::{BoundedText, MAX_MEMORY, Memory};
use super::value::Value;
use super::{fold, json, number};

/// What an expression can see of the run that it is evaluated in.
pub trait Scope {
    /// A context by the name of its definition, e.g. `github`; null where it is `None`.
    fn context(&self, name: &str) -> Option<Value>;

    /// The answer of a function of the job's status. `always()` isn't asked: it is true.
    fn status(&self, function: StatusFunction) -> bool;

    /// The digest of the workspace's files that match the patterns, in lower-case hexadecimal; empty where
    /// none does.
    fn hash_files(&self, patterns: &[&str]) -> Result<String, EvalError> {
        let _ = patterns;
        Err(EvalError::new("hashFiles reads a job's workspace, and there is none here"))
    }
}

/// Evaluates a tree; what it makes is taken from `memory`.
pub fn evaluate(node: &Node, scope: &dyn Scope, memory: &Memory) -> Result<Value, EvalError> {
    Evaluator { scope, memory }.value(node)
}

struct Evaluator<'a> {
    scope: &'a dyn Scope,
    memory: &'a Memory,
}

/// The value of a subexpression. What `.*` gives applies a following index to each of its items, and is
/// an ordinary array for everything else.
enum Operand {
    Value(Value),
    Filtered(Vec<Value>),
}

impl Operand {
    fn into_value(self) -> Value {
        match self {
            Operand::Value(value) => value,
            Operand::Filtered(items) => Value::from(items),
        }
    }

    fn truthy(&self) -> bool {
        match self {
            Operand::Value(value) => value.truthy(),
            Operand::Filtered(_) => true,
        }
    }
}

impl Evaluator<'_> {
    fn value(&self, node: &Node) -> Result<Value, EvalError> {
        self.operand(node).map(Operand::into_value)
    }

    fn operand(&self, node: &Node) -> Result<Operand, EvalError> {
        let mark = self.memory.mark();
        let operand = self.evaluated(node)?;
        match &operand {
            Operand::Value(value) => self.memory.settle(mark, value)?,
            Operand::Filtered(_) => self.memory.take_list()?,
        }
        Ok(operand)
    }

    fn evaluated(&self, node: &Node) -> Result<Operand, EvalError> {
        let value = match node {
            Node::Literal(value) => value.clone(),
            Node::Context(name) => self.scope.context(name).unwrap_or_default(),
            Node::Property { of, name } => {
                let of = self.operand(of)?;
                return self.select(of, &Key::Name(name));
            }
            Node::Index { of, index } => {
                let of = self.operand(of)?;
                let index = self.value(index)?;
                return self.select(of, &Key::Value(&index));
            }
            Node::Star { of } => {
                let of = self.operand(of)?;
                return self.spread(of);
            }
            Node::Not(of) => Value::Bool(!self.operand(of)?.truthy()),
            Node::Logic { operator, operands } => return self.logic(*operator, operands),
            Node::Compare { operator, operands } => {
                let [left, right] = &**operands;
                Value::Bool(compare(*operator, &self.value(left)?, &self.value(right)?))
            }
            Node::Call { function: Function::Case, arguments } => return self.case(arguments),
            Node::Call { function, arguments } => self.call(*function, arguments)?,
        };
        Ok(Operand::Value(value))
    }

    /// The first operand that decides, else the last.
    fn logic(&self, operator: Logic, operands: &[Node]) -> Result<Operand, EvalError> {
        let mut last = Operand::Value(Value::Null);
        for node in operands {
            last = self.operand(node)?;
            if last.truthy() == (operator == Logic::Or) {
                break;
            }
        }
        Ok(last)
    }

    /// `of[key]`.
    fn select(&self, of: Operand, key: &Key<'_>) -> Result<Operand, EvalError> {
        match of {
            Operand::Value(value) => Ok(Operand::Value(key.find(&value).cloned().unwrap_or_default())),
            Operand::Filtered(items) => {
                let found = items.iter().filter_map(|item| key.find(item));
                let found = found.map(|item| self.memory.take_item().map(|()| item.clone()));
                Ok(Operand::Filtered(found.collect::<Result<_, _>>()?))
            }
        }
    }

    /// `of.*`.
    fn spread(&self, of: Operand) -> Result<Operand, EvalError> {
        let mut all = Vec::new();
        let mut add = |value: &Value| -> Result<(), EvalError> {
            let mut push = |item: &Value| {
                self.memory.take_item()?;
                all.push(item.clone());
                Ok(())
            };
            match value {
                Value::Array(items) => items.iter().try_for_each(&mut push),
                Value::Object(object) => object.values().try_for_each(&mut push),
                _ => Ok(()),
            }
        };
        match &of {
            Operand::Value(value) => add(value)?,
            Operand::Filtered(items) => items.iter().try_for_each(add)?,
        }
        Ok(Operand::Filtered(all))
    }

    fn case(&self, arguments: &[Node]) -> Result<Operand, EvalError> {
        let (pairs, otherwise) = arguments.as_chunks::<2>();
        for [condition, result] in pairs {
            match self.value(condition)? {
                Value::Bool(true) => return self.operand(result),
                Value::Bool(false) => {}
                _ => return Err(EvalError::new("case predicate must evaluate to a boolean value")),
            }
        }
        otherwise.first().map_or(Ok(Operand::Value(Value::Null)), |node| self.operand(node))
    }

    fn call(&self, function: Function, arguments: &[Node]) -> Result<Value, EvalError> {
        if let (Function::Status(function), []) = (function, arguments) {
            return Ok(Value::Bool(function == StatusFunction::Always || self.scope.status(function)));
        }
        let values = arguments.iter().map(|node| self.value(node)).collect::<Result<Vec<_>, _>>()?;
        Ok(match (function, values.as_slice()) {
            (Function::Contains, [search, item]) => Value::Bool(contains(search, item)),
            (Function::StartsWith, [text, prefix]) => {
                Value::Bool(both_text(text, prefix).is_some_and(|(text, prefix)| text.starts_with(&*prefix)))
            }
            (Function::EndsWith, [text, suffix]) => {
                Value::Bool(both_text(text, suffix).is_some_and(|(text, suffix)| text.ends_with(&*suffix)))
            }
            (Function::Format, [template, rest @ ..]) => {
                Value::from(self.format(&template.to_display_string(), rest)?)
            }
            (Function::Join, [list, rest @ ..]) => self.join(list, rest.first())?,
            (Function::ToJson, [value]) => Value::from(json::write(value)?),
            (Function::FromJson, [text]) => self.parse_json(&text.to_display_string())?,
            (Function::HashFiles, patterns) => {
                let patterns: Vec<_> = patterns.iter().map(Value::to_display_string).collect();
                let patterns: Vec<&str> = patterns.iter().map(|pattern| &**pattern).collect();
                Value::from(self.scope.hash_files(&patterns)?)
            }
            (Function::Status(function), jobs) => Value::Bool(self.status_of(function, jobs)),
            // The parser checked the numbers of arguments, and `case` is above.
            _ => return Err(EvalError::new("a function was called with arguments that it doesn't take")),
        })
    }

    /// `success('a', 'b')`: whether all of these jobs succeeded; `failure('a', 'b')`: whether one of them failed. A job
    /// that isn't needed did neither.
    fn status_of(&self, function: StatusFunction, jobs: &[Value]) -> bool {
        let needs = self.scope.context("needs").unwrap_or_default();
        let has = |job: &Value, result: &str| {
            let job = needs.get(&job.to_display_string());
            job.and_then(|job| job.get("result")).is_some_and(|own| own.loosely_equals(&Value::from(result)))
        };
        match function {
            StatusFunction::Success => jobs.iter().all(|job| has(job, "success")),
            StatusFunction::Failure => jobs.iter().any(|job| has(job, "failure")),
            StatusFunction::Always | StatusFunction::Cancelled => false,
        }
    }

    fn join(&self, list: &Value, separator: Option<&Value>) -> Result<Value, EvalError> {
        let Value::Array(items) = list else {
            let text = if list.is_primitive() { list.to_display_string() } else { "".into() };
            return Ok(Value::from(&*text));
        };
        let separator = separator.filter(|value| value.is_primitive()).map(Value::to_display_string);
        let separator = separator.as_deref().unwrap_or(",");
        let mut out = BoundedText::new(MAX_MEMORY);
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                out.push(separator)?;
            }
            out.push(&item.to_display_string())?;
        }
        Ok(Value::from(out.finish()))
    }

    fn parse_json(&self, text: &str) -> Result<Value, EvalError> {
        if text.trim().is_empty() {
            return Err(EvalError::new("Error parsing JSON when evaluating fromJson: empty input"));
        }
        json::read(text, self.memory)
            .map_err(|e| EvalError::new(format!("Error parsing JSON when evaluating fromJson: {e}")))
    }

    /// Puts arguments into a template.
    fn format(&self, template: &str, arguments: &[Value]) -> Result<String, EvalError> {
        let mut out = BoundedText::new(MAX_MEMORY);
        for piece in format::pieces(template) {
            let invalid = |format::Invalid| {
                EvalError::new(format!("The following format string is invalid: {template}"))
            };
            match piece.map_err(invalid)? {
                Piece::Text(text) => out.push(text)?,
                Piece::Argument { index, .. } => {
                    let argument = arguments.get(index).ok_or_else(|| {
                        let what = "The following format string references more arguments than were supplied";
                        EvalError::new(format!("{what}: {template}"))
                    })?;
                    out.push(&argument.to_display_string())?;
                }
            }
        }
        Ok(out.finish())
    }
}

/// What stands between the brackets of an index.
enum Key<'a> {
    Name(&'a Arc<str>),
    Value(&'a Value),
}

impl Key<'_> {
    fn find<'v>(&self, of: &'v Value) -> Option<&'v Value> {
        match of {
            Value::Object(object) => match self {
                Key::Name(name) => object.get(name),
                Key::Value(index) if index.is_primitive() => object.get(&index.to_display_string()),
                Key::Value(_) => None,
            },
            Value::Array(items) => {
                let index = match self {
                    Key::Name(name) => number::parse(name),
                    Key::Value(index) => index.to_number(),
                };
                if index >= 0.0 { items.get(index as usize) } else { None }
            }
            _ => None,
        }
    }
}

fn compare(operator: Comparison, left: &Value, right: &Value) -> bool {
    let order = || left.loosely_compare(right);
    match operator {
        Comparison::Equal => left.loosely_equals(right),
        Comparison::NotEqual => !left.loosely_equals(right),
        Comparison::Less => order().is_some_and(|order| order.is_lt()),
        Comparison::Greater => order().is_some_and(|order| order.is_gt()),
        Comparison::LessOrEqual => left.loosely_equals(right) || order().is_some_and(|order| order.is_lt()),
        Comparison::GreaterOrEqual => {
            left.loosely_equals(right) || order().is_some_and(|order| order.is_gt())
        }
    }
}

fn contains(search: &Value, item: &Value) -> bool {
    match search {
        Value::Array(items) => items.iter().any(|candidate| item.loosely_equals(candidate)),
        _ => both_text(search, item).is_some_and(|(text, part)| text.contains(&*part)),
    }
}

/// Two primitives as text without regard to case; `None` where one is an array or object.
fn both_text(a: &Value, b: &Value) -> Option<(String, String)> {
    let text = |value: &Value| fold::fold(&value.to_display_string());
    (a.is_primitive() && b.is_primitive()).then(|| (text(a), text(b)))
}
