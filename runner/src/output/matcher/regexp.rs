//! Regular expressions of problem matchers, which are JavaScript's, as ones of an engine that takes linear time.
//!
//! Meant as on GitHub, where .NET reads them with its option `ECMAScript`: `\d`, `\w`, `\s` and `\b` know ASCII
//! only, `.` matches all but a line feed, the first alternative that matches wins. What looks around or back at
//! what a group matched has no linear-time engine and is an error.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

/// Longest expression, in bytes.
const MAX_LENGTH: usize = 4096;
/// Deepest nesting of groups.
const MAX_DEPTH: u32 = 50;
/// Most memory of one compiled automaton, in bytes.
const MAX_COMPILED: usize = 64 << 10;

/// Memory in which an expression is searched for, in bytes.
const CACHE: usize = 256 << 10;

/// Why an expression can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexpError {
    /// It is too long.
    #[error("it is longer than {MAX_LENGTH} bytes (rule `size`)")]
    Long,
    /// Linear time rules it out, or JavaScript and .NET disagree about it.
    #[error("{0} are not supported (rule `regexp`)")]
    Unsupported(&'static str),
    /// It is no regular expression.
    #[error("{0} (rule `regexp`)")]
    Invalid(String),
    /// It takes too much memory.
    #[error("it takes more than {MAX_COMPILED} bytes when compiled (rule `size`)")]
    Large,
}

/// Compiles an expression.
pub fn compile(source: &str) -> Result<Regex, RegexpError> {
    let translated = Translator { rest: source, out: String::new() }.translate()?;
    let config =
        Regex::config().utf8_empty(false).nfa_size_limit(Some(MAX_COMPILED)).hybrid_cache_capacity(CACHE);
    let syntax = syntax::Config::new().utf8(false).nest_limit(MAX_DEPTH);
    Regex::builder().configure(config).syntax(syntax).build(&translated).map_err(|error| {
        if error.size_limit().is_some() {
            return RegexpError::Large;
        }
        // The engine shows the translation, which nobody wrote; its last line says what is wrong.
        let shown = error.syntax_error().map(ToString::to_string).unwrap_or_else(|| error.to_string());
        let what = shown.lines().last().unwrap_or_default();
        RegexpError::Invalid(what.strip_prefix("error: ").unwrap_or(what).to_owned())
    })
}

const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r"\t\n\x0B\x0C\r ";
const DIGIT_NOT: &str = r"\x00-/:-\x{10FFFF}";
const WORD_NOT: &str = r"\x00-/:-@\x5B-\x5E`\x7B-\x{10FFFF}";
const SPACE_NOT: &str = r"\x00-\x08\x0E-\x1F!-\x{10FFFF}";

/// One member of a class, or one escape.
enum Atom {
    Char(char),
    /// The inside of a class.
    Class(&'static str),
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
}

impl Translator<'_> {
    fn translate(mut self) -> Result<String, RegexpError> {
        if self.rest.len() > MAX_LENGTH {
            return Err(RegexpError::Long);
        }
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group()?,
                '{' => self.braces(),
                // A quantifier of a quantifier means something else in each of the dialects.
                '*' | '+' | '?' => self.quantifier(c)?,
                '.' | '^' | '$' | '|' | ')' => self.out.push(c),
                c => self.literal(c),
            }
        }
        Ok(self.out)
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    fn take(&mut self, start: &str) -> bool {
        match self.rest.strip_prefix(start) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn literal(&mut self, c: char) {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '_' => self.out.push(c),
            c => self.out.push_str(&format!("\\x{{{:X}}}", u32::from(c))),
        }
    }

    fn quantifier(&mut self, c: char) -> Result<(), RegexpError> {
        self.out.push(c);
        if self.take("?") {
            self.out.push('?');
        }
        if self.rest.starts_with(['*', '+', '?']) {
            return Err(RegexpError::Unsupported("quantifiers of quantifiers"));
        }
        Ok(())
    }

    /// `{2}`, `{2,}` and `{2,3}` repeat; any other brace is itself.
    fn braces(&mut self) {
        let end = self.rest.find('}').unwrap_or(0);
        let inside = &self.rest[..end];
        let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !least.is_empty() && number(least) && number(most) {
            self.out.push_str(&format!("{{{inside}}}"));
            self.rest = &self.rest[end + 1..];
            if self.take("?") {
                self.out.push('?');
            }
        } else {
            self.literal('{');
        }
    }

    fn group(&mut self) -> Result<(), RegexpError> {
        if !self.take("?") {
            self.out.push('(');
            return Ok(());
        }
        for (start, what) in [
            ("=", "lookaheads `(?=`"),
            ("!", "lookaheads `(?!`"),
            ("<=", "lookbehinds `(?<=`"),
            ("<!", "lookbehinds `(?<!`"),
            (">", "atomic groups `(?>`"),
        ] {
            if self.rest.starts_with(start) {
                return Err(RegexpError::Unsupported(what));
            }
        }
        if self.take(":") {
            self.out.push_str("(?:");
            return Ok(());
        }
        if self.take("<") {
            let end = self.rest.find('>').unwrap_or(0);
            let name = &self.rest[..end];
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(RegexpError::Unsupported("such names of groups"));
            }
            // Groups are told by number, so the name is of no use.
            self.out.push('(');
            self.rest = &self.rest[end + 1..];
            return Ok(());
        }
        let end = self.rest.find([')', ':']).unwrap_or(0);
        let flags = &self.rest[..end];
        if flags.is_empty() || !flags.bytes().all(|b| matches!(b, b'i' | b'm' | b's')) {
            return Err(RegexpError::Unsupported("such groups `(?`"));
        }
        self.out.push_str(&format!("(?{flags}"));
        self.rest = &self.rest[end..];
        if self.take(":") {
            self.out.push(':');
        }
        Ok(())
    }

    /// A class. What each member is, is written out: the engine's classes nest and have set operations.
    fn class(&mut self) -> Result<(), RegexpError> {
        let unclosed = || RegexpError::Invalid("a class `[` is not closed".into());
        let start = if self.take("^") { "[^" } else { "[" };
        self.out.push_str(start);
        let mut first = true;
        loop {
            if !first && self.take("]") {
                self.out.push(']');
                return Ok(());
            }
            first = false;
            let start = self.member().ok_or_else(unclosed)??;
            let range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            match (start, range) {
                (Atom::Char(start), true) => {
                    self.take("-");
                    let Atom::Char(end) = self.member().ok_or_else(unclosed)?? else {
                        return Err(RegexpError::Unsupported("ranges to a class"));
                    };
                    self.literal(start);
                    self.out.push('-');
                    self.literal(end);
                }
                (Atom::Char(c), false) => self.literal(c),
                (Atom::Class(inside), _) => self.out.push_str(inside),
            }
        }
    }

    fn member(&mut self) -> Option<Result<Atom, RegexpError>> {
        Some(match self.next()? {
            '\\' => match self.next()? {
                'b' => Ok(Atom::Char('\u{8}')),
                c => self.escaped(c),
            },
            c => Ok(Atom::Char(c)),
        })
    }

    fn escape(&mut self) -> Result<(), RegexpError> {
        match self.next() {
            None => return Err(RegexpError::Invalid("it ends with a backslash".into())),
            Some(c @ ('b' | 'B')) => self.out.push_str(&format!("(?-u:\\{c})")),
            Some(c) => match self.escaped(c)? {
                Atom::Char(c) => self.literal(c),
                Atom::Class(inside) => self.out.push_str(&format!("[{inside}]")),
            },
        }
        Ok(())
    }

    /// What an escape means that means the same inside and outside of a class.
    fn escaped(&mut self, c: char) -> Result<Atom, RegexpError> {
        Ok(match c {
            'd' => Atom::Class(DIGIT),
            'D' => Atom::Class(DIGIT_NOT),
            'w' => Atom::Class(WORD),
            'W' => Atom::Class(WORD_NOT),
            's' => Atom::Class(SPACE),
            'S' => Atom::Class(SPACE_NOT),
            't' => Atom::Char('\t'),
            'n' => Atom::Char('\n'),
            'r' => Atom::Char('\r'),
            'v' => Atom::Char('\u{B}'),
            'f' => Atom::Char('\u{C}'),
            'e' => Atom::Char('\u{1B}'),
            '0' if !self.rest.starts_with(|c: char| c.is_ascii_digit()) => Atom::Char('\0'),
            'x' => Atom::Char(self.hex(2)?),
            'u' => Atom::Char(self.hex(4)?),
            '0'..='9' | 'k' => return Err(RegexpError::Unsupported("back-references and octal escapes")),
            'p' | 'P' => return Err(RegexpError::Unsupported("Unicode categories `\\p`")),
            c if c.is_ascii_alphanumeric() => {
                return Err(RegexpError::Invalid(format!("`\\{c}` is no escape")));
            }
            c => Atom::Char(c),
        })
    }

    fn hex(&mut self, digits: usize) -> Result<char, RegexpError> {
        let code = self.rest.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let c = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        let c = c.ok_or_else(|| RegexpError::Invalid("an escape by number is no character".into()))?;
        self.rest = &self.rest[digits..];
        Ok(c)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(regexp: &str, text: &str) -> bool {
        compile(regexp).unwrap_or_else(|e| panic!("{regexp}: {e}")).is_match(text)
    }

    #[test]
    fn expressions_mean_what_they_mean_on_github() {
        for (regexp, yes, no) in [
            (r"^\d+$", "123", "٣"),
            (r"^\w+$", "a_1", "é"),
            (r"^[\w\-]+$", "a-b", "a.b"),
            (r"^[^\s]$", "é", "\t"),
            (r"^\S\W\D$", "é-x", "é-1"),
            (r"^[\S]+$", "a\u{a0}b", "a b"),
            (r"\bfoo\b", "a foo", "foobar"),
            (r"^[[]x]$", "[x]", "x"),
            (r"^[&&~~a]+$", "&~a", "b"),
            (r"^[+--]+$", "+,-", "."),
            (r"^[]a]+$", "]a", "b"),
            (r"^[a-]+$", "a-", "b"),
            (r"^a{2}$", "aa", "a"),
            (r"^a{2,3}?$", "aaa", "a"),
            (r"^{x}$", "{x}", "x"),
            (r"^a{,2}$", "a{,2}", "aa"),
            (r"^\<\/\-\_\:$", "</-_:", "x"),
            (r"^\x41\u0042$", "AB", "x"),
            (r"^(?<name>a|ab)c$", "abc", "ab"),
            (r"^(?i)ERROR$", "error", "warning"),
            (r"^(?i:E)rror$", "error", "ERROR"),
            (r"^#[ ]x$", "# x", "#x"),
            (r"^äö?.$", "äé", "a"),
            (r"^\0$", "\0", "0"),
        ] {
            assert!(matches(regexp, yes) && !matches(regexp, no), "{regexp}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (regexp, error) in [
            (r"(?=a)", "lookaheads `(?=` are not supported (rule `regexp`)"),
            (r"(?!a)", "lookaheads `(?!` are not supported (rule `regexp`)"),
            (r"(?<=a)", "lookbehinds `(?<=` are not supported (rule `regexp`)"),
            (r"(?>a)", "atomic groups `(?>` are not supported (rule `regexp`)"),
            (r"(a)\1", "back-references and octal escapes are not supported (rule `regexp`)"),
            (r"\p{L}", "Unicode categories `\\p` are not supported (rule `regexp`)"),
            (r"(?x)a", "such groups `(?` are not supported (rule `regexp`)"),
            (r"a**", "quantifiers of quantifiers are not supported (rule `regexp`)"),
            (r"\q", "`\\q` is no escape (rule `regexp`)"),
            (r"[a", "a class `[` is not closed (rule `regexp`)"),
            (r"(a", "unclosed group (rule `regexp`)"),
            (r"a\", "it ends with a backslash (rule `regexp`)"),
            (r"(\w{500}){500}", "it takes more than 65536 bytes when compiled (rule `size`)"),
        ] {
            assert_eq!(compile(regexp).unwrap_err().to_string(), error, "{regexp}");
        }
        assert_eq!(compile(&"a".repeat(5000)).unwrap_err(), RegexpError::Long);
        assert!(compile(&format!("{}{}", "(".repeat(100), ")".repeat(100))).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(regexp in r"([a\[\](){}|*+?.^$\\<>:!=,0-9dDsSwWbBxuip \-é]){0,30}", text in ".{0,20}") {
            if let Ok(regexp) = compile(&regexp) {
                regexp.is_match(&text);
            }
        }

        #[test]
        fn escaped_text_matches_itself(text in "[ -~é]{0,20}") {
            let escape = |c: char| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() };
            let escaped: String = text.chars().map(escape).collect();
            let whole = format!("^{escaped}$");
            prop_assert!(matches(&whole, &text));
        }
    }
}
