//! Patterns of `branches`, `tags` and `paths`. Source: "Filter pattern cheat sheet" in GitHub's workflow syntax.
//!
//! A pattern is compiled to a small program that is run on all alternatives at once: time is the product of both
//! lengths whatever the pattern.

use std::fmt;

/// Most characters of a pattern.
const MAX_LENGTH: usize = 1000;

/// One pattern of a filter.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    negated: bool,
    program: Vec<Op>,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than any name.
    #[error("it is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// `?` or `+` without anything that they could refer to.
    #[error("`{0}` has no character before it; write `\\{0}` for the character itself")]
    NothingBefore(char),
    /// `[` without `]`.
    #[error("`[` has no `]`; write `\\[` for the character itself")]
    Unclosed,
    /// `[]`.
    #[error("`[]` names no character")]
    EmptySet,
    /// `[z-a]`.
    #[error("the range `{0}-{1}` is empty")]
    Backwards(char, char),
    /// Only `!`.
    #[error("nothing stands behind `!`")]
    Empty,
}

#[derive(Clone, Debug)]
enum Op {
    /// Consumes a character.
    One(Class),
    /// Goes on at both places.
    Split(usize, usize),
    /// Goes on elsewhere.
    Jump(usize),
}

#[derive(Clone, Debug)]
enum Class {
    Is(char),
    In(Vec<(char, char)>),
    /// Anything but `/`.
    Segment,
    Any,
}

impl Class {
    fn has(&self, c: char) -> bool {
        match self {
            Class::Is(own) => *own == c,
            Class::In(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)),
            Class::Segment => c != '/',
            Class::Any => true,
        }
    }
}

impl Pattern {
    /// Compiles a pattern as it is written in a workflow.
    ///
    /// # Errors
    /// Where the pattern can't mean anything.
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        if source.chars().nth(MAX_LENGTH).is_some() {
            return Err(PatternError::TooLong);
        }
        let (negated, text) = match source.strip_prefix('!') {
            Some("") => return Err(PatternError::Empty),
            Some(text) => (true, text),
            None => (false, source),
        };
        Ok(Pattern { source: source.to_owned(), negated, program: Compiler::default().compile(text)? })
    }

    /// Whether it begins with `!`: what it matches is taken out again.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether a name is one that the pattern, without `!`, describes.
    pub fn matches(&self, name: &str) -> bool {
        let mut now = Active::new(self.program.len());
        let mut next = Active::new(self.program.len());
        now.add(&self.program, 0);
        for c in name.chars() {
            for &at in &now.list {
                if let Some(Op::One(class)) = self.program.get(at)
                    && class.has(c)
                {
                    next.add(&self.program, at + 1);
                }
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
            if now.list.is_empty() {
                return false;
            }
        }
        now.is_set(self.program.len())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Whether a list of patterns picks a name: the last that matches decides.
pub fn picks(patterns: &[Pattern], name: &str) -> bool {
    let last = patterns.iter().rev().find(|pattern| pattern.matches(name));
    last.is_some_and(|pattern| !pattern.negated)
}

/// The places of a program that are alive.
struct Active {
    list: Vec<usize>,
    seen: Vec<bool>,
    pending: Vec<usize>,
}

impl Active {
    fn new(length: usize) -> Self {
        Active { list: Vec::new(), seen: vec![false; length + 1], pending: Vec::new() }
    }

    fn add(&mut self, program: &[Op], at: usize) {
        self.pending.push(at);
        while let Some(at) = self.pending.pop() {
            if std::mem::replace(&mut self.seen[at], true) {
                continue;
            }
            self.list.push(at);
            match program.get(at) {
                Some(Op::Split(one, other)) => self.pending.extend([*one, *other]),
                Some(Op::Jump(to)) => self.pending.push(*to),
                Some(Op::One(_)) | None => {}
            }
        }
    }

    fn is_set(&self, at: usize) -> bool {
        self.seen[at]
    }

    fn clear(&mut self) {
        for at in self.list.drain(..) {
            self.seen[at] = false;
        }
    }
}

#[derive(Default)]
struct Compiler {
    program: Vec<Op>,
    /// Where the last thing begins that `?` and `+` can refer to.
    last: Option<usize>,
}

impl Compiler {
    fn compile(mut self, text: &str) -> Result<Vec<Op>, PatternError> {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            at += 1;
            match c {
                '*' if chars.get(at) == Some(&'*') => {
                    while chars.get(at) == Some(&'*') {
                        at += 1;
                    }
                    let begins_segment = at < 3 || chars.get(at - 3) == Some(&'/');
                    if begins_segment && chars.get(at) == Some(&'/') {
                        at += 1;
                        self.directories();
                    } else {
                        self.star(Class::Any);
                    }
                }
                '*' => self.star(Class::Segment),
                '?' => {
                    let from = self.last.take().ok_or(PatternError::NothingBefore('?'))?;
                    let end = self.program.len() + 1;
                    self.program.insert(from, Op::Split(from + 1, end));
                    self.shift(from + 1);
                }
                '+' => {
                    let from = self.last.take().ok_or(PatternError::NothingBefore('+'))?;
                    let end = self.program.len() + 1;
                    self.program.push(Op::Split(from, end));
                }
                '[' => {
                    let close = chars[at..].iter().position(|c| *c == ']').ok_or(PatternError::Unclosed)?;
                    let class = set(&chars[at..at + close])?;
                    at += close + 1;
                    self.one(class);
                }
                '\\' if at < chars.len() => {
                    self.one(Class::Is(chars[at]));
                    at += 1;
                }
                other => self.one(Class::Is(other)),
            }
        }
        Ok(self.program)
    }

    fn one(&mut self, class: Class) {
        self.last = Some(self.program.len());
        self.program.push(Op::One(class));
    }

    fn star(&mut self, class: Class) {
        let from = self.program.len();
        self.last = Some(from);
        self.program.extend([Op::Split(from + 1, from + 3), Op::One(class), Op::Jump(from)]);
    }

    /// `**/` at the begin of a segment: any number of directories, none included.
    fn directories(&mut self) {
        let from = self.program.len();
        self.last = None;
        self.program.push(Op::Split(from + 1, from + 5));
        self.star(Class::Any);
        self.one(Class::Is('/'));
        self.last = None;
    }

    /// Corrects the targets of what an inserted operation has moved by one.
    fn shift(&mut self, from: usize) {
        for op in &mut self.program[from..] {
            match op {
                Op::Split(one, other) => {
                    *one += 1;
                    *other += 1;
                }
                Op::Jump(to) => *to += 1,
                Op::One(_) => {}
            }
        }
    }
}

fn set(members: &[char]) -> Result<Class, PatternError> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(&from) = members.get(at) {
        match members.get(at + 1..at + 3) {
            Some(&['-', to]) if from > to => return Err(PatternError::Backwards(from, to)),
            Some(&['-', to]) => {
                ranges.push((from, to));
                at += 3;
            }
            _ => {
                ranges.push((from, from));
                at += 1;
            }
        }
    }
    if ranges.is_empty() { Err(PatternError::EmptySet) } else { Ok(Class::In(ranges)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    /// The examples of the cheat sheet, and their opposites.
    #[test]
    fn names_match_as_documented() {
        for (text, yes, no) in [
            ("feature/*", &["feature/my-branch"][..], &["feature/a/b", "feature", "x/feature/a"][..]),
            ("feature/**", &["feature/beta-a/my-branch", "feature/x"], &["features/x"]),
            ("main", &["main"], &["Main", "main2", "amain"]),
            ("*", &["main", "README.md"], &["all/the/branches"]),
            ("**", &["all/the/branches", "main"], &[]),
            ("*feature", &["mona-feature", "feature", "ver-10-feature"], &["feature-x"]),
            ("v2*", &["v2", "v2.0", "v2.9"], &["v1", "v2/x"]),
            ("v[12].[0-9]+.[0-9]+", &["v1.10.1", "v2.0.0"], &["v3.0.0", "v1..0", "v1.0"]),
            ("*.jsx?", &["page.js", "page.jsx"], &["page.jsxx", "a/page.js"]),
            ("**.js", &["index.js", "js/index.js", "src/js/app.js"], &["app.jsx"]),
            ("docs/**/*.md", &["docs/README.md", "docs/mona/hello.md", "docs/a/b/c.md"], &["docs/a.txt"]),
            ("**/docs/**", &["docs/hello.md", "dir/docs/my-file.txt"], &["mydocs/x"]),
            ("**/README.md", &["README.md", "js/README.md"], &["xREADME.md"]),
            ("**/*src/**", &["a/src/app.js", "my-src/code/js/app.js"], &["src", "source/a"]),
            ("**/migrate-*.sql", &["migrate-10909.sql", "db/sept/migrate-v1.sql"], &["migrate-a/b.sql"]),
            (".yml", &[".yml"], &["fyml"]),
            ("\\!file", &["!file"], &["file"]),
            ("a\\\\b", &["a\\b"], &["ab"]),
            ("a**/b", &["a/b", "ax/y/b"], &["ab"]),
            ("[a-c-]+x", &["a-bx"], &["x", "dx"]),
            ("a*?b+", &["ab", "axbbb"], &["a"]),
            ("é+", &["éé"], &["e"]),
            ("", &[""], &["a"]),
        ] {
            for name in yes {
                assert!(pattern(text).matches(name), "{text} should match {name}");
            }
            for name in no {
                assert!(!pattern(text).matches(name), "{text} shouldn't match {name}");
            }
        }
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let list = |texts: &[&str]| texts.iter().map(|text| pattern(text)).collect::<Vec<_>>();
        let all = list(&["*.md", "!README.md", "README*"]);
        assert!(picks(&all, "hello.md") && picks(&all, "README.md") && picks(&all, "README.doc"));
        assert!(!picks(&all[..2], "README.md") && !picks(&all, "docs/hello.md"));
        assert!(!picks(&list(&["!main"]), "topic"));
        assert!(!picks(&[], "x"));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (text, error) in [
            ("?a", PatternError::NothingBefore('?')),
            ("!+", PatternError::NothingBefore('+')),
            ("a??", PatternError::NothingBefore('?')),
            ("**/?", PatternError::NothingBefore('?')),
            ("a[b", PatternError::Unclosed),
            ("[]", PatternError::EmptySet),
            ("[9-0]", PatternError::Backwards('9', '0')),
            ("!", PatternError::Empty),
        ] {
            assert_eq!(Pattern::parse(text).unwrap_err(), error, "{text}");
        }
        assert_eq!(Pattern::parse(&"a".repeat(1001)).unwrap_err(), PatternError::TooLong);
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_its_length() {
        let hostile = pattern(&"**a".repeat(300));
        assert!(!hostile.matches(&"a".repeat(299)));
        assert!(hostile.matches(&"a".repeat(3000)));
    }

    proptest! {
        #[test]
        fn anything_is_a_pattern_or_an_error(text in "[a/*?+!\\[\\]\\\\é-]{0,20}", name in "[a/é]{0,20}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                pattern.matches(&name);
            }
        }

        #[test]
        fn escaped_text_matches_itself_alone(name in "[a-c/*?+!\\[\\]\\\\]{1,12}", other in "[a-c/*?+!]{1,12}") {
            let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
            let pattern = pattern(&escaped);
            prop_assert!(pattern.matches(&name));
            prop_assert_eq!(pattern.matches(&other), name == other);
        }
    }
}
