//! Reads typed values from nodes and reports what doesn't fit. A method gives `None` only after it has
//! reported why, so that the caller can go on and find more.

use std::fmt::Display;

use super::availability::Availability;
use super::diagnostic::{Collector, Diagnostic, Severity};
use super::keys::Keys;
use super::members::Members;
use super::model::{Entries, Env, LiteralOr};
use super::render::{self, Position};
use super::scalar::{self, Scalar};
use super::span::{Span, Spanned};
use super::yaml::{Entry, Mapping, Node, Yaml};
use crate::egress::narrow::{Narrowing, VARIABLE};
use crate::expr::{Condition, Expr, ParseError, Template, is_insert, nearest};
use crate::lint::Lint;

/// Longest id of a job or a step, as on GitHub.
const MAX_ID: usize = 99;
/// Most names that a misspelt one is compared with.
const MAX_CANDIDATES: usize = 1000;

/// Whether it is the name of a job, step or input.
pub fn is_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Reads values of one source.
pub struct Reader<'s> {
    /// The text that is read.
    pub(super) source: &'s str,
    /// What was found so far.
    pub found: Collector,
    /// What the contexts of the job that is being read can have in them.
    pub members: Members,
    /// The source is an action's: some contexts are never there.
    pub in_action: bool,
    /// A server has read it and written it anew: booleans and numbers may have become text, and what it means for itself
    /// may stand beside.
    pub rewritten: bool,
}

impl<'s> Reader<'s> {
    /// A reader that adds to what was found.
    pub fn new(source: &'s str, found: Collector) -> Self {
        Reader { source, found, members: Members::default(), in_action: false, rewritten: false }
    }

    /// Where a place begins, for what is told without the text.
    pub fn position(&self, span: Span) -> Position {
        render::position(self.source, span.start as usize)
    }

    /// Reports an error.
    pub fn error(&mut self, span: Span, message: impl Display) {
        self.found.add(Severity::Error, || Diagnostic::error(span, message.to_string()));
    }

    /// Reports an error and what to do about it.
    pub fn error_help(&mut self, span: Span, message: impl Display, help: impl Display) {
        self.found
            .add(Severity::Error, || Diagnostic::error(span, message.to_string()).help(help.to_string()));
    }

    /// Reports a warning and what to do about it.
    pub fn warn(&mut self, lint: Lint, span: Span, message: impl Display, help: impl Display) {
        self.found.add(Severity::Warning, || {
            Diagnostic::warning(lint, span, message.to_string()).help(help.to_string())
        });
    }

    fn mismatch(&mut self, node: &Node, what: &str, wanted: &str) {
        self.error(node.span, format_args!("{what} must be {wanted}, not {}", node.kind()));
    }

    /// A mapping.
    pub fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Mapping> {
        match &node.value {
            Yaml::Mapping(entries) => Some(entries),
            _ => {
                self.mismatch(node, what, "a mapping");
                None
            }
        }
    }

    /// A mapping that has no key but those of `keys`.
    pub fn mapping_of<'n>(&mut self, node: &'n Node, what: &str, keys: &Keys) -> Option<&'n Mapping> {
        let entries = self.mapping(node, what)?;
        for (name, entry) in entries {
            if keys.open || keys.names.contains(&name.as_str()) {
                continue;
            }
            match keys.refused.iter().find(|refused| refused.key == name) {
                Some(refused) => self.error_help(entry.key, refused, refused.help),
                None => {
                    self.unknown(entry.key, format_args!("unknown key `{name}` in {what}"), name, keys.names);
                }
            }
        }
        Some(entries)
    }

    /// Reports a name that isn't one of `known`, with the one that was probably meant.
    pub fn unknown(&mut self, span: Span, message: impl Display, name: &str, known: &[&str]) {
        self.found
            .add(Severity::Error, || with_known(Diagnostic::error(span, message.to_string()), name, known));
    }

    /// The same where it only has no effect.
    pub fn warn_unknown(
        &mut self,
        lint: Lint,
        span: Span,
        message: impl Display,
        name: &str,
        known: &[&str],
    ) {
        self.found.add(Severity::Warning, || {
            with_known(Diagnostic::warning(lint, span, message.to_string()), name, known)
        });
    }

    /// Reports a key that must be there.
    pub fn missing(&mut self, span: Span, what: &str, key: &str) {
        self.error(span, format_args!("{what} needs the key `{key}`"));
    }

    /// A list, or a single value in place of one.
    pub fn one_or_many<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n Node> {
        match &node.value {
            Yaml::Sequence(items) => items.iter().map(|item| &**item).collect(),
            Yaml::Scalar(_) => vec![node],
            Yaml::Mapping(_) => {
                self.mismatch(node, what, "a string or a list of strings");
                Vec::new()
            }
        }
    }

    fn scalar<'n>(&mut self, node: &'n Node, what: &str, wanted: &str) -> Option<&'n Scalar> {
        match &node.value {
            Yaml::Scalar(scalar) => Some(scalar),
            _ => {
                self.mismatch(node, what, wanted);
                None
            }
        }
    }

    /// Text without expressions, not empty.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        let text = self.scalar(node, what, "a string")?.to_text().into_owned();
        if text.is_empty() {
            self.error(node.span, format_args!("{what} must not be empty"));
            return None;
        }
        if text.contains("${{") {
            self.error_help(node.span, format_args!("{what} can't hold an expression"), "write it out");
            return None;
        }
        Some(Spanned::new(text, node.span))
    }

    /// Text without expressions that is one of a few words.
    pub fn word(&mut self, node: &Node, what: &str, known: &[&str]) -> Option<Spanned<String>> {
        let word = self.text(node, what)?;
        if known.contains(&word.as_str()) {
            return Some(word);
        }
        self.unknown(node.span, format_args!("{what} can't be `{}`", *word), &word, known);
        None
    }

    /// What a scalar stands for, also where a server has made text of it.
    fn meant(&self, node: &Node) -> Option<Scalar> {
        match &node.value {
            Yaml::Scalar(Scalar::String(text)) if self.rewritten => scalar::resolve(text, true, None),
            Yaml::Scalar(scalar) => Some(scalar.clone()),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.meant(node) {
            Some(Scalar::Bool(b)) => Some(b),
            _ => {
                self.not_boolean(node, what, "`true` or `false`");
                None
            }
        }
    }

    fn not_boolean(&mut self, node: &Node, what: &str, wanted: &str) {
        match &node.value {
            Yaml::Scalar(Scalar::String(text)) if matches!(text.as_str(), "true" | "false") => self
                .error_help(
                    node.span,
                    format_args!("{what} must be {wanted}, not a string"),
                    "remove the quotes",
                ),
            _ => self.mismatch(node, what, wanted),
        }
    }

    /// Text that may hold expressions; null is empty.
    pub fn template(&mut self, node: &Node, what: &str, at: &Availability) -> Option<Spanned<Template>> {
        let scalar = self.scalar(node, what, "a string")?;
        if let Scalar::String(text) = scalar {
            return self.template_text(node, text, at);
        }
        let text = scalar.to_text();
        let written = node.span.of(self.source);
        if matches!(scalar, Scalar::Number(_)) && written != text {
            self.warn(
                Lint::NumberSpelling,
                node.span,
                format_args!("`{written}` is a number and reads as `{text}`"),
                format_args!("quote it if the spelling matters: '{written}'"),
            );
        }
        Some(Spanned::new(Template::literal(&text), node.span))
    }

    /// Text that may hold expressions and is not empty.
    pub fn full_template(&mut self, node: &Node, what: &str, at: &Availability) -> Option<Spanned<Template>> {
        let template = self.template(node, what, at)?;
        if template.source().is_empty() {
            self.error(node.span, format_args!("{what} must not be empty"));
            return None;
        }
        Some(template)
    }

    /// The template of a text that stands at a node.
    pub fn template_text(&mut self, node: &Node, text: &str, at: &Availability) -> Option<Spanned<Template>> {
        match Template::parse(text) {
            Ok(template) => {
                self.check_available(node.span, text, template.placed_exprs(), at);
                self.check_length(node, &template);
                Some(Spanned::new(template, node.span))
            }
            Err(error) => {
                self.bad_expression(node, text, &error);
                None
            }
        }
    }

    /// The value of `if:`.
    pub fn condition(&mut self, node: &Node, at: &Availability) -> Option<Spanned<Condition>> {
        let text = self.scalar(node, "`if`", "an expression")?.to_text();
        match Condition::parse(&text) {
            Ok(condition) => {
                self.check_available(node.span, &text, condition.placed_exprs(), at);
                if condition.is_always_true_text() {
                    self.warn(
                        Lint::AlwaysTrueCondition,
                        node.span,
                        "this condition is always true: it is text with an expression in it",
                        "put the whole condition in one `${{ }}`, or leave `${{ }}` out",
                    );
                }
                Some(Spanned::new(condition, node.span))
            }
            Err(error) => {
                self.bad_expression(node, &text, &error);
                None
            }
        }
    }

    fn bad_expression(&mut self, node: &Node, text: &str, error: &ParseError) {
        let span = scalar::part_span(self.source, node.span, text, error.at.clone());
        self.found.add(Severity::Error, || {
            Diagnostic::error(span, format!("bad expression: {}", error.message))
                .did_you_mean(error.suggestion.as_deref())
        });
    }

    /// One expression that is the whole value of a text.
    fn sole_expr(&mut self, node: &Node, at: &Availability) -> Result<Expr, WhyNot> {
        match &node.value {
            Yaml::Scalar(Scalar::String(text)) if text.contains("${{") => {
                let template = self.template_text(node, text, at).ok_or(WhyNot::Reported)?;
                template.single_expr().cloned().ok_or(WhyNot::NoExpression)
            }
            _ => Err(WhyNot::NoExpression),
        }
    }

    /// `None` if the node is no expression and nothing was reported yet.
    pub fn expr_instead<T>(&mut self, node: &Node, at: &Availability) -> Option<Option<LiteralOr<T>>> {
        match self.sole_expr(node, at) {
            Ok(expr) => Some(Some(LiteralOr::Expr(expr))),
            Err(WhyNot::Reported) => Some(None),
            Err(WhyNot::NoExpression) => None,
        }
    }

    /// A boolean or an expression.
    pub fn boolean_or_expr(&mut self, node: &Node, what: &str, at: &Availability) -> Option<LiteralOr<bool>> {
        if let Some(Scalar::Bool(b)) = self.meant(node) {
            return Some(LiteralOr::Literal(b));
        }
        self.expr_instead(node, at).unwrap_or_else(|| {
            self.not_boolean(node, what, "`true`, `false` or one expression");
            None
        })
    }

    /// A number or an expression, for a limit: there is none where the number is 0 or less, as on GitHub.
    pub fn limit(&mut self, node: &Node, what: &str, at: &Availability) -> Option<LiteralOr<f64>> {
        match self.meant(node) {
            Some(Scalar::Number(n)) if n > 0.0 => return Some(LiteralOr::Literal(n)),
            Some(Scalar::Number(_)) => return None,
            _ => {}
        }
        self.expr_instead(node, at).unwrap_or_else(|| {
            self.mismatch(node, what, "a number or one expression");
            None
        })
    }

    /// A mapping of names to text, or one expression that gives it.
    pub fn env(&mut self, node: &Node, what: &str, at: &Availability) -> Env {
        if let Yaml::Scalar(Scalar::String(text)) = &node.value
            && text.contains("${{")
        {
            match self.template_text(node, text, at) {
                Some(whole) if whole.single_expr().is_some() => return Env::Whole(whole),
                Some(_) => self.mismatch(node, what, "a mapping or one expression"),
                None => {}
            }
            return Env::default();
        }
        let entries = self.named_entries(node, what, at);
        for (name, _) in entries.iter().filter(|(name, _)| name.contains("${{") && !is_insert(name)) {
            match Template::parse(name) {
                Ok(template) => {
                    self.check_available(name.span, name, template.placed_exprs(), at);
                }
                Err(error) => self.error(name.span, format_args!("bad expression: {}", error.message)),
            }
        }
        Env::Entries(entries)
    }

    /// Whether nothing at all is given for what wants a mapping, which is warned of.
    pub fn is_nothing(&mut self, node: &Node, what: &str) -> bool {
        if node.is_null() {
            let message = format_args!("{what} must be a mapping, and has nothing");
            self.warn(Lint::EmptyMapping, node.span, message, "give it entries, or remove it");
        }
        node.is_null()
    }

    /// A mapping of names that are written out to text; null counts as none.
    pub fn entries(&mut self, node: &Node, what: &str, at: &Availability) -> Entries {
        let entries = self.named_entries(node, what, at);
        for (name, _) in entries.iter().filter(|(name, _)| name.contains("${{")) {
            self.error_help(
                name.span,
                format_args!("a name in {what} can't be an expression here"),
                "write it out",
            );
        }
        entries
    }

    fn named_entries(&mut self, node: &Node, what: &str, at: &Availability) -> Entries {
        if self.is_nothing(node, what) {
            return Entries::new();
        }
        let Some(entries) = self.mapping(node, what) else { return Entries::new() };
        let mut all = Entries::new();
        for (name, Entry { key, value }) in entries {
            if name.is_empty() || (name.contains('=') && !name.contains("${{")) {
                self.error(*key, format_args!("`{name}` can't be a name in {what}"));
            }
            if let Some(template) = self.template(value, &format!("`{name}` in {what}"), at) {
                if what == "`env`" && name == VARIABLE {
                    self.narrowing(&template);
                }
                all.push((Spanned::new(name.clone(), *key), template));
            }
        }
        all
    }

    /// What a workflow leaves of its network, where it is written out.
    fn narrowing(&mut self, template: &Spanned<Template>) {
        let error = template.value.as_literal().and_then(|text| Narrowing::parse(text).err());
        if let Some(error) = error {
            self.error(template.span, format_args!("`{VARIABLE}`: {error}"));
        }
    }

    /// The name of a job, step or input: a letter or `_`, then letters, digits, `-` and `_`.
    pub fn id(&mut self, id: &str, span: Span, what: &str) -> bool {
        let is_valid = is_id(id);
        if !is_valid {
            self.error_help(
                span,
                format_args!("`{id}` can't be the id of {what}"),
                "an id begins with a letter or `_` and goes on with letters, digits, `-` and `_`",
            );
        }
        let is_of_runner = matches!(what, "a job" | "a step");
        if is_of_runner && id.len() > MAX_ID {
            self.error(span, format_args!("the id of {what} can't have more than {MAX_ID} characters"));
        }
        // The runner's own are called so.
        let is_reserved = id.starts_with("__") && is_of_runner;
        if is_reserved {
            self.error(
                span,
                format_args!("`{id}` can't be the id of {what}: ids that begin with `__` are reserved"),
            );
        }
        is_valid && !is_reserved
    }
}

/// A diagnostic of an unknown name, with the one that was probably meant, or all where they are few.
fn with_known(diagnostic: Diagnostic, name: &str, known: &[&str]) -> Diagnostic {
    match closest(name, known.iter().copied()) {
        Some(meant) => diagnostic.did_you_mean(Some(meant)),
        None if !known.is_empty() && known.len() <= 20 => {
            diagnostic.help(format!("known here: {}", known.join(", ")))
        }
        None => diagnostic,
    }
}

/// The known name that was probably meant, among the first of them.
pub(super) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest(name, known.take(MAX_CANDIDATES))
}

enum WhyNot {
    Reported,
    NoExpression,
}
