//! The tree of a parsed expression.

use std::sync::Arc;

use super::function::Function;
use super::value::Value;

/// A node. A tree is at most [`super::MAX_DEPTH`] deep, so walking it may recurse.
#[derive(Clone, Debug)]
pub enum Node {
    /// A literal.
    Literal(Value),
    /// A context, in the spelling of its definition.
    Context(Arc<str>),
    /// `of.name`, also `of['name']`.
    Property {
        /// What is read.
        of: Box<Node>,
        /// The property.
        name: Arc<str>,
    },
    /// `of[index]`.
    Index {
        /// What is read.
        of: Box<Node>,
        /// Which part of it.
        index: Box<Node>,
    },
    /// `of.*`, also `of[*]`.
    Star {
        /// What is read.
        of: Box<Node>,
    },
    /// `!of`.
    Not(Box<Node>),
    /// A chain of one logical operator; at least two operands.
    Logic {
        /// Which.
        operator: Logic,
        /// Left to right.
        operands: Vec<Node>,
    },
    /// A comparison.
    Compare {
        /// Which.
        operator: Comparison,
        /// Left and right.
        operands: Box<[Node; 2]>,
    },
    /// A function call; the number of arguments was checked.
    Call {
        /// Which.
        function: Function,
        /// Left to right.
        arguments: Vec<Node>,
    },
}

/// A logical operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Node {
    /// The nodes directly below.
    pub fn children(&self) -> impl Iterator<Item = &Node> {
        let (few, many): ([Option<&Node>; 2], &[Node]) = match self {
            Node::Literal(_) | Node::Context(_) => ([None, None], &[]),
            Node::Property { of, .. } | Node::Star { of } | Node::Not(of) => ([Some(of), None], &[]),
            Node::Index { of, index } => ([Some(of), Some(index)], &[]),
            Node::Logic { operands, .. } => ([None, None], operands),
            Node::Compare { operands, .. } => ([None, None], operands.as_slice()),
            Node::Call { arguments, .. } => ([None, None], arguments),
        };
        few.into_iter().flatten().chain(many)
    }

    /// Calls `f` with this node and all below it.
    pub fn visit(&self, f: &mut impl FnMut(&Node)) {
        f(self);
        self.children().for_each(|child| child.visit(f));
    }
}
