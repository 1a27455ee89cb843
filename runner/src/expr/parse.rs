//! Tokens to a tree: recursive descent whose depth is bounded before it recurses.

use std::sync::Arc;

use super::ast::{Comparison, Logic, Node};
use super::error::{ParseError, ParseErrorKind};
use super::format::{self, Piece};
use super::function::Function;
use super::lex::{self, Token, TokenKind};
use super::nearest::nearest;
use super::value::Value;
use super::{ALIASES, CONTEXTS, MAX_DEPTH};

/// Parses an expression that may read the given contexts. A blank one is null, as on GitHub.
pub fn parse(source: &str, contexts: &[&str]) -> Result<Node, ParseError> {
    let tokens = lex::tokens(source)?;
    let mut parser = Parser { source, tokens, next: 0, nesting: 0, contexts };
    if parser.peek() == &TokenKind::End {
        return Ok(Node::Literal(Value::Null));
    }
    let tree = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(tree.node),
        _ => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    next: usize,
    /// How many expressions stand around the one that is being parsed.
    nesting: usize,
    contexts: &'a [&'a str],
}

/// A node and the number of levels from it down to its deepest leaf.
struct Tree {
    node: Node,
    height: usize,
}

type Parsed = Result<Tree, ParseError>;

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.next].kind
    }

    /// Steps over the next token if it is of that kind.
    fn take(&mut self, kind: &TokenKind) -> bool {
        let matches = self.peek() == kind && kind != &TokenKind::End;
        self.next += usize::from(matches);
        matches
    }

    fn expect(&mut self, kind: &TokenKind) -> Result<(), ParseError> {
        if self.take(kind) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expression(&mut self) -> Parsed {
        self.nesting += 1;
        self.check_depth(self.nesting)?;
        let tree = self.logic(Logic::Or);
        self.nesting -= 1;
        tree
    }

    fn logic(&mut self, operator: Logic) -> Parsed {
        let operand = |parser: &mut Self| match operator {
            Logic::Or => parser.logic(Logic::And),
            Logic::And => parser.equality(),
        };
        let first = operand(self)?;
        if self.peek() != &TokenKind::Logic(operator) {
            return Ok(first);
        }
        let mut height = first.height;
        let mut operands = vec![first.node];
        while self.take(&TokenKind::Logic(operator)) {
            let next = operand(self)?;
            height = height.max(next.height);
            operands.push(next.node);
        }
        self.tree(Node::Logic { operator, operands }, height)
    }

    fn equality(&mut self) -> Parsed {
        let mut left = self.order()?;
        while let TokenKind::Compare(operator @ (Comparison::Equal | Comparison::NotEqual)) = *self.peek() {
            self.next += 1;
            let right = self.order()?;
            left = self.compare(operator, left, right)?;
        }
        Ok(left)
    }

    fn order(&mut self) -> Parsed {
        let mut left = self.unary()?;
        loop {
            let operator = match *self.peek() {
                TokenKind::Compare(Comparison::Equal | Comparison::NotEqual) => return Ok(left),
                TokenKind::Compare(operator) => operator,
                _ => return Ok(left),
            };
            self.next += 1;
            let right = self.unary()?;
            left = self.compare(operator, left, right)?;
        }
    }

    fn compare(&self, operator: Comparison, left: Tree, right: Tree) -> Parsed {
        let height = left.height.max(right.height);
        self.tree(Node::Compare { operator, operands: Box::new([left.node, right.node]) }, height)
    }

    fn unary(&mut self) -> Parsed {
        let mut negations = 0;
        while self.take(&TokenKind::Not) {
            negations += 1;
        }
        let mut tree = self.postfix()?;
        for _ in 0..negations {
            tree = self.tree(Node::Not(Box::new(tree.node)), tree.height)?;
        }
        Ok(tree)
    }

    fn postfix(&mut self) -> Parsed {
        let mut tree = match self.peek() {
            TokenKind::Name => self.name()?,
            TokenKind::Open => self.group()?,
            // What follows a literal is an operator or an error.
            _ => return self.literal(),
        };
        loop {
            let height = tree.height;
            let of = Box::new(tree.node);
            tree = if self.take(&TokenKind::Dot) {
                if self.take(&TokenKind::Star) {
                    self.tree(Node::Star { of }, height)?
                } else if self.peek() == &TokenKind::Name {
                    let name = self.text(self.next).into();
                    self.next += 1;
                    self.tree(Node::Property { of, name }, height)?
                } else {
                    return Err(self.unexpected());
                }
            } else if self.take(&TokenKind::OpenIndex) {
                let (node, deepest) = if self.take(&TokenKind::Star) {
                    (Node::Star { of }, height)
                } else {
                    let index = self.expression()?;
                    let node = match index.node {
                        Node::Literal(Value::String(name)) => Node::Property { of, name },
                        other => Node::Index { of, index: Box::new(other) },
                    };
                    (node, height.max(index.height))
                };
                self.expect(&TokenKind::CloseIndex)?;
                self.tree(node, deepest)?
            } else {
                return Ok(Tree { node: *of, height });
            };
        }
    }

    fn group(&mut self) -> Parsed {
        self.expect(&TokenKind::Open)?;
        let tree = self.expression()?;
        self.expect(&TokenKind::Close)?;
        Ok(tree)
    }

    fn literal(&mut self) -> Parsed {
        match self.peek() {
            TokenKind::Literal(value) => {
                let node = Node::Literal(value.clone());
                self.next += 1;
                self.tree(node, 0)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A function call or a context.
    fn name(&mut self) -> Parsed {
        let at = self.next;
        self.next += 1;
        if self.take(&TokenKind::Open) {
            return self.call(at);
        }
        let name = self.text(at);
        let find = |name: &str| self.contexts.iter().find(|known| known.eq_ignore_ascii_case(name));
        let is_alias = ALIASES.iter().any(|alias| alias.eq_ignore_ascii_case(name));
        match find(name).or_else(|| find(CONTEXTS[0]).filter(|_| is_alias)) {
            Some(known) => self.tree(Node::Context(Arc::from(*known)), 0),
            None => {
                let suggestion = nearest(name, self.contexts.iter().copied());
                Err(self.about("Unrecognized named-value", at).with_suggestion(suggestion))
            }
        }
    }

    fn call(&mut self, at: usize) -> Parsed {
        let Some((function, least, most)) = Function::find(self.text(at)) else {
            let suggestion = nearest(self.text(at), Function::names());
            return Err(self.about("Unrecognized function", at).with_suggestion(suggestion));
        };
        let mut arguments = Vec::new();
        let mut height = 0;
        if !self.take(&TokenKind::Close) {
            loop {
                let argument = self.expression()?;
                height = height.max(argument.height);
                arguments.push(argument.node);
                if !self.take(&TokenKind::Comma) {
                    break;
                }
            }
            self.expect(&TokenKind::Close)?;
        }
        if arguments.len() < least {
            return Err(self.about("Too few parameters supplied", at));
        }
        if arguments.len() > most {
            return Err(self.about("Too many parameters supplied", at));
        }
        if function == Function::Case && arguments.len() % 2 == 0 {
            let what = "Even number of parameters supplied, requires an odd number of parameters";
            return Err(self.about(what, at));
        }
        if function == Function::Format {
            self.check_format(at, &arguments)?;
        }
        self.tree(Node::Call { function, arguments }, height)
    }

    /// A template that is written out is checked before anything is evaluated.
    fn check_format(&self, at: usize, arguments: &[Node]) -> Result<(), ParseError> {
        let Some((Node::Literal(Value::String(template)), arguments)) = arguments.split_first() else {
            return Ok(());
        };
        for piece in format::pieces(template) {
            match piece {
                Ok(Piece::Argument { index, written }) if index >= arguments.len() => {
                    let count = arguments.len();
                    let what = format!(
                        "Format string references {{{written}}} but only {count} argument(s) provided"
                    );
                    return Err(self.about(&what, at));
                }
                Ok(_) => {}
                Err(format::Invalid) => return Err(self.about("Invalid format string", at)),
            }
        }
        Ok(())
    }

    /// A node above children of which the highest has the given height.
    fn tree(&self, node: Node, below: usize) -> Parsed {
        let height = below + 1;
        self.check_depth(height)?;
        Ok(Tree { node, height })
    }

    fn check_depth(&self, depth: usize) -> Result<(), ParseError> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        Err(self.about(&format!("Exceeded max expression depth {MAX_DEPTH}"), self.next))
    }

    fn text(&self, token: usize) -> &str {
        &self.source[self.tokens[token].at()]
    }

    fn unexpected(&self) -> ParseError {
        match self.peek() {
            TokenKind::End => self.about("Unexpected end of expression", self.next.saturating_sub(1)),
            _ => self.about("Unexpected symbol", self.next),
        }
    }

    fn about(&self, what: &str, token: usize) -> ParseError {
        let shown = match &self.tokens[token].kind {
            TokenKind::Literal(Value::String(text)) => text,
            TokenKind::End => "EOF",
            _ => self.text(token),
        };
        let at = self.tokens[token].at();
        ParseError::new(ParseErrorKind::Parsing, self.source, at, format!("{what}: '{shown}'"))
    }
}
