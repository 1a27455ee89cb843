//! Patterns of `hashFiles`, and of the actions that pass files on. Their rules are those of the package
//! `@actions/glob`, which GitHub's runner and actions use, and differ from those of a workflow's filters
//! (`trigger::glob`).
//!
//! A pattern that matches a directory matches everything below it. So a file is matched where the pattern matches
//! the beginning of its path, and a walk can carry along how far each pattern has come: [`Progress`].

/// Most bytes of a pattern: no path is longer.
const MAX_LENGTH: usize = 4096;
/// Most segments of a pattern; its progress is a bit for each, and one for the end.
const MAX_SEGMENTS: usize = 100;
/// Most patterns of one call.
const MAX_PATTERNS: usize = 1000;

/// Why a pattern is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing but `!`.
    #[error("nothing stands behind `!`")]
    Empty,
    /// Longer than any path.
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// More segments than a tree that people make.
    #[error("it has more than {MAX_SEGMENTS} parts between slashes")]
    TooDeep,
    /// `a/./b`.
    #[error("`.` can only be its first part")]
    Dot,
    /// `..` where patterns may name any place.
    #[error("`..` can't be a part of it; write an absolute path, or `~/` for one in the home directory")]
    Parent,
    /// `..`, `~`, or an absolute path to somewhere else.
    #[error("it leads out of the workspace; only what lies in the workspace can be hashed")]
    Outside,
}

/// A pattern, or what is wrong with a list of them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One is refused.
    #[error("the pattern `{0}` is refused: {1}")]
    Pattern(String, PatternError),
    /// Too many.
    #[error("there are more than {MAX_PATTERNS} patterns")]
    TooMany,
}

/// Patterns in their order: the last that matches a file decides.
#[derive(Debug)]
pub struct Patterns(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    negated: bool,
    /// Relative to the origin, without `**` at the end, which changes nothing.
    segments: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    /// `**`: any number of directories.
    Directories,
    /// One name.
    Name(Vec<Token>),
}

#[derive(Debug)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `[a-c]`, `[!a-c]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// How far each pattern has come along a path: a bit for each segment that may be next, and the last for a pattern
/// that has matched.
#[derive(Clone, Debug)]
pub struct Progress(Vec<u128>);

/// What patterns are read against.
#[derive(Clone, Copy)]
struct Base<'a> {
    /// The directory where they begin to match, which they can't leave.
    origin: &'a str,
    /// The directory of relative ones.
    here: &'a str,
    /// What `~` means.
    home: Option<&'a str>,
}

impl Patterns {
    /// Reads patterns of what lies in the workspace, an absolute path. They match what follows it.
    pub fn parse<'t>(texts: impl Iterator<Item = &'t str>, workspace: &str) -> Result<Self, Error> {
        Patterns::read(texts, Base { origin: workspace, here: workspace, home: None })
    }

    /// Reads patterns of any place, relative ones of the workspace. They match whole paths, without the slash that
    /// these begin with.
    pub fn anywhere<'t>(
        texts: impl Iterator<Item = &'t str>,
        workspace: &str,
        home: &str,
    ) -> Result<Self, Error> {
        Patterns::read(texts, Base { origin: "/", here: workspace, home: Some(home) })
    }

    /// Reads them, one a line; empty lines and those that begin with `#` don't count.
    fn read<'t>(texts: impl Iterator<Item = &'t str>, base: Base<'_>) -> Result<Self, Error> {
        let lines = texts.flat_map(|text| text.split('\n')).map(str::trim);
        let mut patterns = Vec::new();
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if patterns.len() == MAX_PATTERNS {
                return Err(Error::TooMany);
            }
            let pattern = Pattern::parse(line, base).map_err(|why| {
                let shown: String = line.chars().take(200).collect();
                Error::Pattern(shown, why)
            })?;
            patterns.push(pattern);
        }
        Ok(Patterns(patterns))
    }

    /// Where to look: what stands before the first wildcard, in the order of the patterns, without what lies
    /// within another.
    pub fn roots(&self) -> Vec<Vec<String>> {
        let all: Vec<_> = self.0.iter().filter(|pattern| !pattern.negated).map(Pattern::root).collect();
        let mut roots: Vec<Vec<String>> = Vec::new();
        for root in &all {
            let within = all.iter().any(|other| other.len() < root.len() && root.starts_with(other));
            if !within && !roots.contains(root) {
                roots.push(root.clone());
            }
        }
        roots
    }

    /// At the origin itself.
    pub fn start(&self) -> Progress {
        Progress(self.0.iter().map(|pattern| pattern.close(1)).collect())
    }

    /// One name further down.
    pub fn step(&self, progress: &Progress, name: &str) -> Progress {
        let name: Vec<char> = name.chars().collect();
        Progress(self.0.iter().zip(&progress.0).map(|(pattern, at)| pattern.step(*at, &name)).collect())
    }

    /// Whether this is one to take.
    pub fn pick(&self, progress: &Progress) -> bool {
        let last = self.0.iter().zip(&progress.0).rev().find(|(pattern, at)| pattern.has_matched(**at));
        last.is_some_and(|(pattern, _)| !pattern.negated)
    }

    /// Whether this is one to take or may be a directory of such.
    pub fn may_hold(&self, progress: &Progress) -> bool {
        for (pattern, at) in self.0.iter().zip(&progress.0).rev() {
            match pattern.negated {
                // Takes all below out again, and nothing behind it brings some back.
                true if pattern.has_matched(*at) => return false,
                false if *at != 0 => return true,
                _ => {}
            }
        }
        false
    }
}

impl Pattern {
    fn parse(line: &str, base: Base<'_>) -> Result<Pattern, PatternError> {
        let mut text = line;
        let mut negated = false;
        while let Some(rest) = text.strip_prefix('!') {
            negated = !negated;
            text = rest.trim_start();
        }
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(PatternError::TooLong);
        }
        let absolute = text.starts_with('/');
        let mut parts: Vec<&str> = names(text).collect();
        let before = match (absolute, parts.first(), base.home) {
            (true, ..) => "",
            (false, Some(&"~"), None) => return Err(PatternError::Outside),
            (false, Some(&"~"), Some(home)) => {
                parts.remove(0);
                home
            }
            (false, first, _) => {
                if first == Some(&".") {
                    parts.remove(0);
                }
                base.here
            }
        };
        let own: Vec<Segment> = parts.into_iter().map(Segment::parse).collect();
        for segment in &own {
            match segment.literal().as_deref() {
                Some("..") if base.home.is_some() => return Err(PatternError::Parent),
                Some("..") => return Err(PatternError::Outside),
                Some(".") => return Err(PatternError::Dot),
                _ => {}
            }
        }
        let mut segments: Vec<Segment> = names(before).map(Segment::of_name).chain(own).collect();
        let above = names(base.origin).count();
        let mut named = segments.iter().map(Segment::literal);
        if !names(base.origin).all(|name| named.next().flatten().as_deref() == Some(name)) {
            return Err(PatternError::Outside);
        }
        segments.drain(..above);
        while matches!(segments.last(), Some(Segment::Directories)) {
            segments.pop();
        }
        // With a slash at its end it matches what is in a directory, but no file of that name.
        if text.ends_with('/') {
            segments.push(Segment::Name(vec![Token::Many]));
        }
        if segments.len() > MAX_SEGMENTS {
            return Err(PatternError::TooDeep);
        }
        Ok(Pattern { negated, segments })
    }

    /// The names before the first wildcard.
    fn root(&self) -> Vec<String> {
        self.segments.iter().map_while(Segment::literal).collect()
    }

    fn has_matched(&self, at: u128) -> bool {
        at >> self.segments.len() & 1 == 1
    }

    fn step(&self, at: u128, name: &[char]) -> u128 {
        // What has matched matches all below.
        if self.has_matched(at) {
            return at;
        }
        let mut next = 0;
        for (index, segment) in self.segments.iter().enumerate().filter(|(index, _)| at >> index & 1 == 1) {
            match segment {
                Segment::Directories => next |= 1 << index,
                Segment::Name(tokens) if matches(tokens, name) => next |= 1 << (index + 1),
                Segment::Name(_) => {}
            }
        }
        self.close(next)
    }

    /// `**` may stand for no directory.
    fn close(&self, mut at: u128) -> u128 {
        for (index, segment) in self.segments.iter().enumerate() {
            if matches!(segment, Segment::Directories) && at >> index & 1 == 1 {
                at |= 1 << (index + 1);
            }
        }
        at
    }
}

impl Segment {
    fn parse(text: &str) -> Segment {
        if text == "**" {
            return Segment::Directories;
        }
        let chars: Vec<char> = text.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            at += 1;
            tokens.push(match c {
                '*' => Token::Many,
                '?' => Token::One,
                '\\' if at < chars.len() => {
                    at += 1;
                    Token::Char(chars[at - 1])
                }
                '[' => match class(&chars[at..]) {
                    Some((token, length)) => {
                        at += length;
                        token
                    }
                    None => Token::Char('['),
                },
                other => Token::Char(other),
            });
        }
        Segment::Name(tokens)
    }

    /// One that matches this name only.
    fn of_name(name: &str) -> Segment {
        Segment::Name(name.chars().map(Token::Char).collect())
    }

    /// The one name that it matches, where that is written out.
    fn literal(&self) -> Option<String> {
        let Segment::Name(tokens) = self else { return None };
        tokens.iter().map(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect()
    }
}

/// The names that a path consists of.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// What stands in brackets, of which the first is open already, and its length with the closing one. `None` where
/// it never closes or has a range that is empty: then the bracket is one.
fn class(chars: &[char]) -> Option<(Token, usize)> {
    // With whether a backslash stood before it.
    let mut members: Vec<(char, bool)> = Vec::new();
    let mut at = 0;
    loop {
        match *chars.get(at)? {
            '\\' if at + 1 < chars.len() => {
                members.push((chars[at + 1], true));
                at += 2;
            }
            // Right at the beginning it is a member.
            ']' if at > 0 => break,
            c => {
                members.push((c, false));
                at += 1;
            }
        }
    }
    let length = at + 1;
    if let [(only, _)] = members[..] {
        return Some((Token::Char(only), length));
    }
    let negated = matches!(members.first(), Some(('!' | '^', false)));
    let mut rest = &members[usize::from(negated)..];
    let mut ranges = Vec::new();
    while let [(from, _), more @ ..] = rest {
        if let [('-', false), (to, _), more @ ..] = more {
            if from > to {
                return None;
            }
            ranges.push((*from, *to));
            rest = more;
        } else {
            ranges.push((*from, *from));
            rest = more;
        }
    }
    Some((Token::Class { negated, ranges }, length))
}

/// Whether a name is one that the tokens describe. Only the last `*` is ever tried again, which is enough, and
/// bounds the time by the product of both lengths.
fn matches(tokens: &[Token], name: &[char]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while at < name.len() || token < tokens.len() {
        let fits = match (tokens.get(token), name.get(at)) {
            (Some(Token::Many), _) => {
                again = Some((token, at));
                token += 1;
                continue;
            }
            (Some(Token::Char(own)), Some(c)) => own == c,
            (Some(Token::One), Some(_)) => true,
            (Some(Token::Class { negated, ranges }), Some(c)) => {
                ranges.iter().any(|(from, to)| (from..=to).contains(&c)) != *negated
            }
            _ => false,
        };
        if fits {
            (token, at) = (token + 1, at + 1);
        } else if let Some((star, from)) = again.filter(|(_, from)| *from < name.len()) {
            (token, at) = (star + 1, from + 1);
            again = Some((star, from + 1));
        } else {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORKSPACE: &str = "/home/runner/work/tool/tool";
    const BASE: Base<'_> = Base { origin: WORKSPACE, here: WORKSPACE, home: None };

    fn patterns(texts: &[&str]) -> Patterns {
        Patterns::parse(texts.iter().copied(), WORKSPACE).unwrap_or_else(|e| panic!("{texts:?}: {e}"))
    }

    fn along(patterns: &Patterns, path: &str) -> Progress {
        path.split('/').fold(patterns.start(), |progress, name| patterns.step(&progress, name))
    }

    fn picks(texts: &[&str], path: &str) -> bool {
        let patterns = patterns(texts);
        patterns.pick(&along(&patterns, path))
    }

    #[test]
    fn a_pattern_matches_paths_and_all_below() {
        for (text, yes, no) in [
            ("a", &["a", "a/b", "a/b/c"][..], &["b", "b/a", "ab"][..]),
            ("a/", &["a/b", "a/b/c"], &["a", "b"]),
            ("a?/", &["ab/c"], &["ab"]),
            ("a/**/", &["a/b", "a/b/c"], &["a"]),
            ("./", &["a", "a/b"], &[]),
            ("./a", &["a"], &["b/a"]),
            (".", &["a", "a/b", ".x"], &[]),
            ("*", &["a", ".x", "a/b"], &[]),
            ("*.js", &["a.js", ".js", "x.js/a"], &["b/a.js", "a.jsx"]),
            ("**", &["a", ".x/.y"], &[]),
            ("**/**", &["a", "a/b/c"], &[]),
            ("**/a.js", &["a.js", "x/y/a.js"], &["xa.js"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b/z"], &["b", "a", "x/a/b"]),
            ("a/**", &["a", "a/b", "a/b/c"], &["ab"]),
            ("a**b", &["ab", "axb"], &["a/b"]),
            ("a?c", &["abc", "aéc"], &["ac", "abbc"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
            ("[!a-c]x", &["dx"], &["ax"]),
            ("[^a]x", &["bx"], &["ax"]),
            ("[]a]x", &["]x", "ax"], &["bx"]),
            ("[a-]x", &["ax", "-x"], &["bx"]),
            ("[\\]a]x", &["]x", "ax"], &["\\x"]),
            ("[a\\-c]x", &["-x", "cx"], &["bx"]),
            ("[z-a]", &["[z-a]"], &["z"]),
            ("[ab", &["[ab"], &["a"]),
            ("[!]x", &["!x"], &["ax"]),
            ("\\*", &["*"], &["a"]),
            ("[*]", &["*"], &["a"]),
            ("a\\", &["a\\"], &["a"]),
            ("{a,b}", &["{a,b}"], &["a"]),
            ("+(a)", &["+(a)"], &["a"]),
            ("~x", &["~x"], &["x"]),
            ("  a  ", &["a"], &[" a"]),
            ("!!a", &["a"], &["b"]),
            ("a//b", &["a/b"], &["a"]),
            ("/home/runner/work/tool/tool/a*", &["ab"], &["b"]),
            ("/home/runner/work/tool/tool", &["a/b"], &[]),
            ("#a\n\n b \n", &["b"], &["#a", "a"]),
        ] {
            for path in yes {
                assert!(picks(&[text], path), "{text} should match {path}");
            }
            for path in no {
                assert!(!picks(&[text], path), "{text} shouldn't match {path}");
            }
        }
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let texts = ["**", "!x", "x/keep", "! x/keep/b"];
        assert!(picks(&texts, "a") && picks(&texts, "x/keep/a"));
        assert!(!picks(&texts, "x") && !picks(&texts, "x/a") && !picks(&texts, "x/keep/b/c"));
        assert!(!picks(&["!a"], "b") && !picks(&[], "b"));
    }

    #[test]
    fn a_walk_goes_only_where_something_may_be() {
        let holds = |texts: &[&str], path: &str| {
            let patterns = patterns(texts);
            patterns.may_hold(&along(&patterns, path))
        };
        assert!(holds(&["a/*/c"], "a/b") && !holds(&["a/*/c"], "b") && !holds(&["a/*/c"], "a/b/d"));
        assert!(!holds(&["**", "!x"], "x") && !holds(&["**", "!**/x/**"], "a/x"));
        assert!(holds(&["**", "!x", "x/keep"], "x") && !holds(&["**", "!x", "x/keep"], "x/y"));
    }

    #[test]
    fn a_search_begins_before_the_first_wildcard() {
        for (texts, roots) in [
            (&["z/a", "b/*.c", "b/x", "z/a"][..], &["z/a", "b"][..]),
            (&["x", "**/a", "!y"], &[""]),
            (&["a[b]/c", "ab/c/d"], &["ab/c"]),
            (&["ab", "a"], &["ab", "a"]),
            (&["!a"], &[]),
        ] {
            let found: Vec<String> = patterns(texts).roots().iter().map(|root| root.join("/")).collect();
            assert_eq!(found, roots, "{texts:?}");
        }
    }

    #[test]
    fn what_leads_out_is_refused() {
        let deep = "a/".repeat(MAX_SEGMENTS + 1);
        let long = "a".repeat(MAX_LENGTH + 1);
        for (text, why) in [
            ("../a", PatternError::Outside),
            ("a/../../b", PatternError::Outside),
            ("a/[.].", PatternError::Outside),
            ("\\.\\.", PatternError::Outside),
            ("~", PatternError::Outside),
            ("~/a", PatternError::Outside),
            ("!~/a", PatternError::Outside),
            ("/", PatternError::Outside),
            ("/etc/passwd", PatternError::Outside),
            ("/**", PatternError::Outside),
            ("/home/*/work/tool/tool/a", PatternError::Outside),
            ("/home/runner/work/tool", PatternError::Outside),
            ("/home/runner/work/tool/toolbox", PatternError::Outside),
            ("/home/runner/work/tool/tool/../x", PatternError::Outside),
            ("a/./b", PatternError::Dot),
            ("!", PatternError::Empty),
            ("! !", PatternError::Empty),
            (&deep, PatternError::TooDeep),
            (&long, PatternError::TooLong),
        ] {
            match Pattern::parse(text, BASE) {
                Err(error) => assert_eq!(error, why, "{text}"),
                Ok(pattern) => panic!("{text}: {pattern:?}"),
            }
        }
        let error = Patterns::parse(["a\n../b"].into_iter(), WORKSPACE).unwrap_err();
        assert!(error.to_string().starts_with("the pattern `../b` is refused: it leads out"), "{error}");
        let many = "a\n".repeat(MAX_PATTERNS + 1);
        assert_eq!(Patterns::parse([&*many].into_iter(), WORKSPACE).unwrap_err(), Error::TooMany);
        assert!(Pattern::parse(&deep[..2 * (MAX_SEGMENTS - 5) - 1], BASE).is_ok());
    }

    #[test]
    fn patterns_of_any_place_are_whole_paths() {
        let anywhere =
            |text: &str| Patterns::anywhere([text].into_iter(), WORKSPACE, "/home/runner").map(|p| p.roots());
        let roots = |text: &str| anywhere(text).unwrap().into_iter().map(|r| r.join("/")).collect::<Vec<_>>();
        for (text, root) in [
            ("a/*.js", "home/runner/work/tool/tool/a"),
            (".", "home/runner/work/tool/tool"),
            ("~/.cache/[a]", "home/runner/.cache/a"),
            ("~", "home/runner"),
            ("~x", "home/runner/work/tool/tool/~x"),
            ("/tmp/**", "tmp"),
            ("/", ""),
        ] {
            assert_eq!(roots(text), [root], "{text}");
        }
        assert!(matches!(anywhere("../a"), Err(Error::Pattern(_, PatternError::Parent))));
        assert!(matches!(anywhere("~/../a"), Err(Error::Pattern(_, PatternError::Parent))));
        let patterns = Patterns::anywhere(["/srv/*\n!/srv/b"].into_iter(), WORKSPACE, "/root").unwrap();
        assert!(patterns.pick(&along(&patterns, "srv/a")) && !patterns.pick(&along(&patterns, "srv/b/c")));
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_its_length() {
        let name: Vec<char> = "a".repeat(255).chars().collect();
        let Segment::Name(tokens) = Segment::parse(&"*a".repeat(2000)) else { panic!("a name") };
        assert!(!matches(&tokens, &name));
        let path = ["a"; 1000].join("/");
        assert!(!picks(&[&"**/a/".repeat(49), "!**"], &path));
    }

    /// By definition: all ways to split the name.
    fn matches_slowly(tokens: &[Token], name: &[char]) -> bool {
        match (tokens, name) {
            ([], name) => name.is_empty(),
            ([Token::Many, rest @ ..], name) => {
                (0..=name.len()).any(|skipped| matches_slowly(rest, &name[skipped..]))
            }
            ([token, rest @ ..], [c, more @ ..]) => {
                matches(std::slice::from_ref(token), &[*c]) && matches_slowly(rest, more)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_name_matches_by_definition(text in "[ab*?\\[\\]!-]{1,8}", name in "[ab\\[\\]-]{1,8}") {
            let name: Vec<char> = name.chars().collect();
            if let Segment::Name(tokens) = Segment::parse(&text) {
                prop_assert_eq!(matches(&tokens, &name), matches_slowly(&tokens, &name));
            }
        }

        #[test]
        fn anything_is_patterns_or_an_error(text in "[a/*?.!~\\[\\]\\\\é\n-]{0,30}", path in "[a/.é]{1,20}") {
            if let Ok(patterns) = Patterns::parse([&*text].into_iter(), WORKSPACE) {
                let progress = along(&patterns, &path);
                // What is to be hashed is never passed by.
                prop_assert!(!patterns.pick(&progress) || patterns.may_hold(&progress));
                patterns.roots();
            }
        }
    }
}
