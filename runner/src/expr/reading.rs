//! What an expression reads of contexts, name by name, where it stands, and whether its text can become part of the
//! value: what lints go by.

use std::ops::Range;

use super::ast::{Logic, Node};
use super::function::Function;
use super::lex::{self, TokenKind};
use super::value::Value;

/// One reading of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<'e> {
    /// The context's name as defined, e.g. `github`.
    pub context: &'e str,
    /// The names behind it, as written; `None` is any of them, or one that is computed.
    pub path: Vec<Option<&'e str>>,
    /// What becomes of it.
    pub flow: Flow,
    /// Where it stands in the expression.
    pub at: Range<usize>,
}

/// What becomes of a value that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It decides something, and its text is nowhere in the result.
    Decides,
    /// Its text may be part of the result, if it is text.
    Text,
    /// All that is in it may be part of the result, as JSON.
    Json,
}

/// A context that is looked for in a text that is written out: `contains('a b', github.ref)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchedText<'e> {
    /// The text.
    pub text: &'e str,
    /// What is looked for.
    pub reading: Reading<'e>,
}

/// All readings of an expression, in the order in which they are written.
pub fn all<'e>(root: &'e Node, source: &str) -> Vec<Reading<'e>> {
    let mut readings = Vec::new();
    collect(root, Flow::Text, &mut readings);
    // Both go from left to right, and each context of the tree is a name of the text.
    for (reading, place) in readings.iter_mut().zip(places(source)) {
        reading.at = place;
    }
    readings
}

/// All searches in texts that are written out.
pub fn searched<'e>(root: &'e Node, readings: &[Reading<'e>]) -> Vec<SearchedText<'e>> {
    let mut found = Vec::new();
    let mut next = 0;
    search(root, readings, &mut next, &mut found);
    found
}

fn search<'e>(node: &'e Node, readings: &[Reading<'e>], next: &mut usize, found: &mut Vec<SearchedText<'e>>) {
    if let Node::Call { function: Function::Contains, arguments } = node
        && let [Node::Literal(Value::String(text)), item] = &arguments[..]
        && chain(item).is_some()
        && let Some(reading) = readings.get(*next)
    {
        found.push(SearchedText { text, reading: reading.clone() });
    }
    if matches!(node, Node::Context(_)) {
        *next += 1;
    }
    node.children().for_each(|child| search(child, readings, next, found));
}

/// A context and the names behind it, if that is what a node is.
fn chain(node: &Node) -> Option<(&str, Vec<Option<&str>>)> {
    match node {
        Node::Context(context) => Some((context, Vec::new())),
        Node::Property { of, name } => with(of, Some(name)),
        Node::Index { of, .. } | Node::Star { of } => with(of, None),
        _ => None,
    }
}

fn with<'e>(of: &'e Node, name: Option<&'e str>) -> Option<(&'e str, Vec<Option<&'e str>>)> {
    let (context, mut path) = chain(of)?;
    path.push(name);
    Some((context, path))
}

fn collect<'e>(node: &'e Node, flow: Flow, found: &mut Vec<Reading<'e>>) {
    if let Some((context, path)) = chain(node) {
        found.push(Reading { context, path, flow, at: 0..0 });
        return indices(node, found);
    }
    match node {
        Node::Logic { operator, operands } => {
            // What stands left of `&&` is in the result only where it is false or empty.
            let last = operands.len().saturating_sub(1);
            for (at, operand) in operands.iter().enumerate() {
                let passes = *operator == Logic::Or || at == last;
                collect(operand, if passes { flow } else { Flow::Decides }, found);
            }
        }
        Node::Call { function, arguments } => {
            for (at, argument) in arguments.iter().enumerate() {
                collect(argument, through(*function, at, arguments.len(), flow), found);
            }
        }
        Node::Index { of, index } => {
            collect(of, flow, found);
            collect(index, Flow::Decides, found);
        }
        Node::Property { of, .. } | Node::Star { of } => collect(of, flow, found),
        Node::Not(_) | Node::Compare { .. } => {
            node.children().for_each(|child| collect(child, Flow::Decides, found));
        }
        Node::Literal(_) | Node::Context(_) => {}
    }
}

/// The readings in the brackets of a chain.
fn indices<'e>(node: &'e Node, found: &mut Vec<Reading<'e>>) {
    match node {
        Node::Index { of, index } => {
            indices(of, found);
            collect(index, Flow::Decides, found);
        }
        Node::Property { of, .. } | Node::Star { of } => indices(of, found),
        _ => {}
    }
}

/// What becomes of an argument of a function whose result has this flow.
fn through(function: Function, at: usize, count: usize, flow: Flow) -> Flow {
    match function {
        _ if flow == Flow::Decides => Flow::Decides,
        Function::ToJson => Flow::Json,
        Function::Format | Function::Join | Function::FromJson => flow,
        // `case(condition, value, …, otherwise)`
        Function::Case if at % 2 == 1 || at + 1 == count => flow,
        Function::Case
        | Function::Contains
        | Function::EndsWith
        | Function::HashFiles
        | Function::StartsWith
        | Function::Status(_) => Flow::Decides,
    }
}

/// Where each context stands in the source, with all that is read of it.
fn places(source: &str) -> Vec<Range<usize>> {
    let Ok(tokens) = lex::tokens(source) else { return Vec::new() };
    let kind = |at: usize| tokens.get(at).map(|token| &token.kind);
    let is_context = |at: &usize| {
        let follows_dot = at.checked_sub(1).and_then(kind) == Some(&TokenKind::Dot);
        kind(*at) == Some(&TokenKind::Name) && !follows_dot && kind(at + 1) != Some(&TokenKind::Open)
    };
    let place = |start: usize| {
        let mut end = start + 1;
        loop {
            match kind(end) {
                Some(TokenKind::Dot) => end += 2,
                Some(TokenKind::OpenIndex) => {
                    let mut depth = 0_usize;
                    while let Some(token) = kind(end) {
                        end += 1;
                        match token {
                            TokenKind::OpenIndex => depth += 1,
                            TokenKind::CloseIndex => depth -= 1,
                            _ => {}
                        }
                        if depth == 0 {
                            break;
                        }
                    }
                }
                _ => break,
            }
        }
        let last = tokens.get(end - 1).map_or(source.len(), |token| token.at().end);
        tokens[start].at().start..last
    };
    (0..tokens.len()).filter(is_context).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Expr;

    /// Each reading as it stands in the source, with what becomes of it.
    fn readings(source: &str) -> Vec<(String, Flow)> {
        let expr = Expr::parse(source).unwrap();
        expr.readings().iter().map(|reading| (source[reading.at.clone()].to_owned(), reading.flow)).collect()
    }

    #[test]
    fn each_reading_is_found_where_it_stands() {
        use Flow::{Decides, Json, Text};
        for (source, expected) in [
            ("github.event.issue.title", vec![("github.event.issue.title", Text)]),
            ("github['event'].x[ 0 ].y == 'a'", vec![("github['event'].x[ 0 ].y", Decides)]),
            ("env.A || env.A && env.B", vec![("env.A", Text), ("env.A", Decides), ("env.B", Text)]),
            ("toJSON(github)", vec![("github", Json)]),
            ("format('{0} env.X {1}', env.A, toJSON(env.*.b))", vec![("env.A", Text), ("env.*.b", Json)]),
            ("contains(github.ref, 'x') && 'y'", vec![("github.ref", Decides)]),
            (
                "env[matrix.a[env.b]].c",
                vec![("env[matrix.a[env.b]].c", Text), ("matrix.a[env.b]", Decides), ("env.b", Decides)],
            ),
            ("fromJSON(env.A).secrets.env", vec![("env.A", Text)]),
            ("case(env.A, env.B, env.C)", vec![("env.A", Decides), ("env.B", Text), ("env.C", Text)]),
            ("hashFiles(env.A, 'b') == null || success()", vec![("env.A", Decides)]),
            ("!env.A", vec![("env.A", Decides)]),
            ("(env.A || null).b[env.C]", vec![("env.A", Text), ("env.C", Decides)]),
            ("'é env.A' || env.B", vec![("env.B", Text)]),
        ] {
            let expected: Vec<(String, Flow)> =
                expected.into_iter().map(|(text, flow)| (text.to_owned(), flow)).collect();
            assert_eq!(readings(source), expected, "{source}");
        }
    }

    #[test]
    fn the_names_of_a_reading_are_told() {
        let expr = Expr::parse("github.event['commits'].*.message || github.event.pages[0].name").unwrap();
        let paths: Vec<_> = expr.readings().into_iter().map(|reading| reading.path).collect();
        let path = |names: [&'static str; 4]| names.map(|name| (name != "*").then_some(name)).to_vec();
        assert_eq!(
            paths,
            [path(["event", "commits", "*", "message"]), path(["event", "pages", "*", "name"])]
        );
    }

    #[test]
    fn functions_are_found_wherever_they_stand() {
        let expr = Expr::parse("github[format('{0}', hashFiles('a'))] || !(success() == 1)").unwrap();
        assert!(expr.functions().contains(&Function::HashFiles));
        assert!(expr.calls_status_function());
        assert!(!Expr::parse("'success()'").unwrap().calls_status_function());
    }

    #[test]
    fn a_search_in_a_text_is_told_from_one_in_a_list() {
        let expr = Expr::parse(
            "env.A && contains('main dev', github.ref) || contains(fromJSON('[]'), github.ref) || contains(github.ref, 'x')",
        )
        .unwrap();
        let found = expr.searched_texts();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].text, found[0].reading.context), ("main dev", "github"));
    }
}
