//! What an expression reads of contexts, found without evaluating it: which secrets a step needs, for one.

use super::ast::Node;

/// One reading of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The context's name as defined, e.g. `secrets`.
    pub context: &'a str,
    /// Which part of it.
    pub member: Member<'a>,
}

/// The part of a context that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member<'a> {
    /// A property by its name as written; names are the same in any case.
    Named(&'a str),
    /// Any or all of it: `toJSON(secrets)`, `secrets.*`, `secrets[matrix.name]`.
    Any,
}

/// Adds what a node and those below it read.
pub fn collect<'a>(node: &'a Node, found: &mut Vec<Reference<'a>>) {
    match node {
        Node::Context(context) => found.push(Reference { context, member: Member::Any }),
        Node::Property { of, name } => match &**of {
            Node::Context(context) => found.push(Reference { context, member: Member::Named(name) }),
            of => collect(of, found),
        },
        _ => node.children().for_each(|child| collect(child, found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Expr, Function};

    #[test]
    fn literal_names_are_told_from_whole_contexts() {
        let named = |context, name| Reference { context, member: Member::Named(name) };
        let any = |context| Reference { context, member: Member::Any };
        for (source, expected) in [
            ("1", vec![]),
            ("secrets.A", vec![named("secrets", "A")]),
            ("Secrets['b-c'].x", vec![named("secrets", "b-c")]),
            ("toJSON(secrets)", vec![any("secrets")]),
            ("secrets.*", vec![any("secrets")]),
            ("secrets[matrix.name]", vec![any("secrets"), named("matrix", "name")]),
            ("(secrets).A", vec![named("secrets", "A")]),
            ("(github || secrets).A", vec![any("github"), any("secrets")]),
            ("!(env.A == 'secrets.B') && needs.a.result", vec![named("env", "A"), named("needs", "a")]),
        ] {
            assert_eq!(Expr::parse(source).unwrap().references(), expected, "{source}");
        }
    }

    #[test]
    fn functions_are_found_wherever_they_stand() {
        let expr = Expr::parse("github[format('{0}', hashFiles('a'))] || !(success() == 1)").unwrap();
        assert!(expr.functions().contains(&Function::HashFiles));
        assert!(expr.calls_status_function());
        assert!(!Expr::parse("'success()'").unwrap().calls_status_function());
    }
}
