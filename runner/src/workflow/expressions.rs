//! What expressions may read and call where they stand, and what GitHub would make of a text with some in it.

use std::ops::Range;

use super::availability::{Availability, NOT_IN_ACTIONS, Status};
use super::diagnostic::{Diagnostic, Severity};
use super::reader::{Reader, closest};
use super::scalar;
use super::span::Span;
use super::yaml::Node;
use crate::expr::{Expr, Function, MAX_LENGTH, Reading, Template};
use crate::lint::Lint;

/// About as many warnings as one text gets; each takes a search through it.
const MAX_WARNINGS: usize = 10;

impl Reader<'_> {
    /// Warns of a text of which GitHub makes an expression that is longer than it takes.
    pub(super) fn check_length(&mut self, node: &Node, template: &Template) {
        let length = template.length_as_expression();
        if length > MAX_LENGTH {
            self.warn(
                Lint::LongText,
                node.span,
                format_args!("a text with expressions of {length} characters; GitHub takes {MAX_LENGTH}"),
                "leave expressions out of a long script: give their values to its `env`",
            );
        }
    }

    /// Warns once of each context and function that the expressions of a text use where it isn't available.
    pub(super) fn check_available<'e>(
        &mut self,
        written: Span,
        text: &str,
        exprs: impl Iterator<Item = (usize, &'e Expr)>,
        at: &Availability,
    ) {
        let source = self.source;
        // Contexts, members and functions.
        let mut warned: Vec<&str> = Vec::new();
        for (start, expr) in exprs {
            if warned.len() > MAX_WARNINGS {
                return;
            }
            let span = |place: Range<usize>| {
                scalar::part_span(source, written, text, start + place.start..start + place.end)
            };
            for reading in expr.readings() {
                let name = reading.context;
                if at.contexts.contains(&name) && !(self.in_action && NOT_IN_ACTIONS.contains(&name)) {
                    if let Some(member) = self.members.missing(&reading)
                        && !warned.contains(&member)
                    {
                        warned.push(member);
                        self.warn_missing(span(place_of_member(expr, &reading, member)), name, member);
                    }
                    continue;
                }
                if warned.contains(&name) {
                    continue;
                }
                warned.push(name);
                if name == "secrets" && at.status != Status::None {
                    let help = match at.contexts.contains(&"env") {
                        true => "give it to `env` of the job, and test `env.NAME`",
                        false => "give it to `env` of the job, and test `env.NAME` in its steps",
                    };
                    let message = "a condition can't read `secrets`: it is empty here";
                    self.warn(Lint::SecretInCondition, span(reading.at.clone()), message, help);
                    continue;
                }
                self.warn(
                    Lint::UnavailableContext,
                    span(reading.at.start..reading.at.start + name.len()),
                    format_args!("the context `{name}` is not available at `{}`", at.key),
                    self.available(at),
                );
            }
            if at.status != Status::OfJobs && expr.names_jobs() {
                let message = "a status function can name jobs only in the `if` of a job";
                self.error_help(span(0..expr.source().len()), message, "leave the parentheses empty");
            }
            for function in expr.functions() {
                let (is_available, what, help) = match function {
                    Function::Status(_) => {
                        (at.status != Status::None, "a status function", "it can stand in `if` only")
                    }
                    Function::HashFiles => {
                        (at.hash_files, "`hashFiles()`", "it reads the workspace, which only steps have")
                    }
                    _ => continue,
                };
                if !is_available && !warned.contains(&what) {
                    warned.push(what);
                    let place = span(0..expr.source().len());
                    self.warn(
                        Lint::UnavailableContext,
                        place,
                        format_args!("{what} is not available at `{}`", at.key),
                        help,
                    );
                }
            }
        }
    }

    /// The contexts of a key, for people.
    fn available(&self, at: &Availability) -> String {
        let there = |name: &&&str| !(self.in_action && NOT_IN_ACTIONS.contains(*name));
        match at.contexts.iter().filter(there).copied().collect::<Vec<_>>().as_slice() {
            [] => "no expression is evaluated here".into(),
            there => format!("available here: {}", there.join(", ")),
        }
    }

    fn warn_missing(&mut self, span: Span, context: &str, member: &str) {
        let names = self.members.names(context);
        self.found.add(Severity::Warning, || {
            let help = match (closest(member, names), context) {
                (Some(name), _) => format!("did you mean `{name}`?"),
                (None, "needs") => format!("add `{member}` to the `needs` of this job"),
                (None, "steps") => format!("no step here has the id `{member}`"),
                (None, _) => format!("the matrix of this job has no `{member}`"),
            };
            Diagnostic::warning(Lint::AlwaysEmpty, span, format!("`{context}.{member}` is always empty"))
                .help(help)
        });
    }
}

/// Where the first name behind a context stands in its expression.
fn place_of_member(expr: &Expr, reading: &Reading, member: &str) -> Range<usize> {
    let start = reading.at.start + reading.context.len();
    let rest = expr.source().get(start..reading.at.end).unwrap_or_default();
    match rest.find(member) {
        Some(at) => start + at..start + at + member.len(),
        None => reading.at.clone(),
    }
}
