//! Problem matchers as their files have them.
//!
//! Source of the format: `docs/adrs/0276-problem-matchers.md` in the repository of GitHub's runner.

use regex_automata::meta::Regex;
use serde::Deserialize;

use super::super::event::Level;
use super::regexp::{RegexpError, compile};

/// Largest file of matchers, in bytes.
pub const MAX_FILE: u64 = 1 << 20;
/// Most patterns of a matcher, and most matchers of a file.
const MAX_COUNT: usize = 32;

/// Why a file of matchers can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No JSON of the right form.
    #[error("it is no file of problem matchers: {0} (rule `format`)")]
    Json(#[from] serde_json::Error),
    /// Too many matchers or patterns.
    #[error("there are more than {MAX_COUNT} {0} (rule `size`)")]
    TooMany(&'static str),
    /// A matcher without an owner.
    #[error("a matcher has no `owner` (rule `format`)")]
    NoOwner,
    /// Two with the same owner.
    #[error("two matchers have the owner `{0}` (rule `format`)")]
    Twice(String),
    /// A mistake in one matcher.
    #[error("matcher `{owner}`: {mistake} (rule `format`)")]
    Matcher {
        /// Whose.
        owner: String,
        /// What is wrong.
        mistake: Mistake,
    },
    /// An expression that can't be used.
    #[error("matcher `{owner}`, pattern {pattern}: `regexp`: {error}")]
    Regexp {
        /// Whose matcher.
        owner: String,
        /// Which of its patterns, from 1.
        pattern: usize,
        /// What is wrong.
        error: RegexpError,
    },
}

/// What is wrong with a matcher.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// A severity that there is not.
    #[error("its `severity` is `{0}`; it can be `error`, `warning` or `notice`")]
    Severity(String),
    /// Nothing to match.
    #[error("it has no pattern")]
    NoPattern,
    /// Nothing to say.
    #[error("none of its patterns sets `message`")]
    NoMessage,
    /// `loop` where it can't be.
    #[error("only the last of several patterns may set `loop`")]
    Loop,
    /// A loop that says nothing.
    #[error("the pattern that sets `loop` must set `message`")]
    SilentLoop,
    /// A property in two patterns.
    #[error("`{0}` is set twice")]
    Twice(&'static str),
    /// A group that there is not.
    #[error("`{0}` is {1}, and its `regexp` has no such group")]
    Group(&'static str, u64),
}

/// A matcher, ready to use.
#[derive(Debug)]
pub struct Matcher {
    /// Its name.
    pub owner: String,
    /// Of problems whose own severity isn't told.
    pub severity: Level,
    /// One for each line of a problem; at least one.
    pub patterns: Vec<Pattern>,
}

/// What one line of a problem looks like.
#[derive(Debug)]
pub struct Pattern {
    /// Compiled.
    pub regexp: Regex,
    /// Which group holds which property.
    pub groups: Groups<Option<usize>>,
    /// The line may come over and over.
    pub repeats: bool,
}

/// One thing for each property of a problem.
#[derive(Clone, Debug, Default)]
pub struct Groups<T> {
    /// Path of a file.
    pub file: T,
    /// Number of a line.
    pub line: T,
    /// Number of a column.
    pub column: T,
    /// `error`, `warning` or `notice`.
    pub severity: T,
    /// The problem's id.
    pub code: T,
    /// What is wrong.
    pub message: T,
    /// Path of a file beside which `file` lies.
    pub from_path: T,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "problemMatcher", default)]
    matchers: Option<Vec<MatcherConfig>>,
}

#[derive(Deserialize)]
struct MatcherConfig {
    owner: Option<String>,
    severity: Option<String>,
    pattern: Option<Vec<PatternConfig>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PatternConfig {
    regexp: Option<String>,
    file: Option<u64>,
    line: Option<u64>,
    column: Option<u64>,
    severity: Option<u64>,
    code: Option<u64>,
    message: Option<u64>,
    from_path: Option<u64>,
    #[serde(rename = "loop", default)]
    repeats: Option<bool>,
}

/// What a file of matchers holds.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The matchers that can be used.
    pub matchers: Vec<Matcher>,
    /// Why others can't, which could on GitHub.
    pub left_out: Vec<ConfigError>,
}

/// Reads a file of matchers.
pub fn parse(content: &[u8]) -> Result<Parsed, ConfigError> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let file: File = serde_json::from_slice(content)?;
    let configs = file.matchers.unwrap_or_default();
    if configs.len() > MAX_COUNT {
        return Err(ConfigError::TooMany("matchers"));
    }
    let mut parsed = Parsed::default();
    for config in configs {
        let matcher = match config.check() {
            Ok(matcher) => matcher,
            Err(
                error @ ConfigError::Regexp {
                    error: RegexpError::Unsupported(_) | RegexpError::Large, ..
                },
            ) => {
                parsed.left_out.push(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let matchers = &mut parsed.matchers;
        if matchers.iter().any(|known| known.owner.eq_ignore_ascii_case(&matcher.owner)) {
            return Err(ConfigError::Twice(matcher.owner));
        }
        matchers.push(matcher);
    }
    Ok(parsed)
}

/// The owners that a file names, whatever else stands there.
pub fn owners(content: &[u8]) -> Result<Vec<String>, ConfigError> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let file: File = serde_json::from_slice(content)?;
    Ok(file.matchers.unwrap_or_default().into_iter().filter_map(|matcher| matcher.owner).collect())
}

impl MatcherConfig {
    fn check(self) -> Result<Matcher, ConfigError> {
        let owner = self.owner.filter(|owner| !owner.is_empty()).ok_or(ConfigError::NoOwner)?;
        let wrong = |mistake| ConfigError::Matcher { owner: owner.clone(), mistake };
        let severity = self.severity.unwrap_or_default();
        let severity = match level(&severity) {
            Some(level) => level,
            None => return Err(wrong(Mistake::Severity(severity))),
        };
        let configs = self.pattern.unwrap_or_default();
        if configs.is_empty() {
            return Err(wrong(Mistake::NoPattern));
        }
        if configs.len() > MAX_COUNT {
            return Err(ConfigError::TooMany("patterns"));
        }
        let mut set = Vec::new();
        let mut patterns = Vec::with_capacity(configs.len());
        let last = configs.len() - 1;
        for (i, config) in configs.into_iter().enumerate() {
            let repeats = config.repeats.unwrap_or(false);
            if repeats && (i == 0 || i != last) {
                return Err(wrong(Mistake::Loop));
            }
            if repeats && config.message.is_none() {
                return Err(wrong(Mistake::SilentLoop));
            }
            let regexp = compile(config.regexp.as_deref().unwrap_or_default())
                .map_err(|error| ConfigError::Regexp { owner: owner.clone(), pattern: i + 1, error })?;
            let count = regexp.captures_len() as u64;
            let mut group = |name: &'static str, number: Option<u64>| -> Result<Option<usize>, Mistake> {
                let Some(number) = number else { return Ok(None) };
                if set.contains(&name) {
                    return Err(Mistake::Twice(name));
                }
                set.push(name);
                if number < count { Ok(Some(number as usize)) } else { Err(Mistake::Group(name, number)) }
            };
            let mut groups = || {
                Ok(Groups {
                    file: group("file", config.file)?,
                    line: group("line", config.line)?,
                    column: group("column", config.column)?,
                    severity: group("severity", config.severity)?,
                    code: group("code", config.code)?,
                    message: group("message", config.message)?,
                    from_path: group("fromPath", config.from_path)?,
                })
            };
            patterns.push(Pattern { groups: groups().map_err(&wrong)?, regexp, repeats });
        }
        if !set.contains(&"message") {
            return Err(wrong(Mistake::NoMessage));
        }
        Ok(Matcher { owner, severity, patterns })
    }
}

/// The level of a severity; nothing said means an error.
pub fn level(severity: &str) -> Option<Level> {
    match severity.to_ascii_lowercase().as_str() {
        "" | "error" => Some(Level::Error),
        "warning" => Some(Level::Warning),
        "notice" => Some(Level::Notice),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(matcher: &str) -> String {
        let file = format!("{{\"problemMatcher\": [{matcher}]}}");
        parse(file.as_bytes()).expect_err(matcher).to_string()
    }

    #[test]
    fn mistakes_are_named() {
        for (matcher, error) in [
            ("{}", "a matcher has no `owner` (rule `format`)"),
            (r#"{"owner": ""}"#, "a matcher has no `owner` (rule `format`)"),
            (r#"{"owner": "a"}"#, "matcher `a`: it has no pattern (rule `format`)"),
            (
                r#"{"owner": "a", "severity": "fatal"}"#,
                "matcher `a`: its `severity` is `fatal`; it can be `error`, `warning` or `notice` (rule `format`)",
            ),
            (
                r#"{"owner": "a", "pattern": [{"regexp": "x"}]}"#,
                "matcher `a`: none of its patterns sets `message` (rule `format`)",
            ),
            (
                r#"{"owner": "a", "pattern": [{"regexp": "x", "message": 1}]}"#,
                "matcher `a`: `message` is 1, and its `regexp` has no such group (rule `format`)",
            ),
            (
                r#"{"owner": "a", "pattern": [{"message": 0}, {"message": 0}]}"#,
                "matcher `a`: `message` is set twice (rule `format`)",
            ),
            (
                r#"{"owner": "a", "pattern": [{"message": 0, "loop": true}]}"#,
                "matcher `a`: only the last of several patterns may set `loop` (rule `format`)",
            ),
            (
                r#"{"owner": "a", "pattern": [{"message": 0}, {"loop": true}]}"#,
                "matcher `a`: the pattern that sets `loop` must set `message` (rule `format`)",
            ),
            (
                r#"{"owner": "a", "pattern": [{"message": 0}]}, {"owner": "A", "pattern": [{"message": 0}]}"#,
                "two matchers have the owner `A` (rule `format`)",
            ),
        ] {
            assert_eq!(refused(matcher), error, "{matcher}");
        }
        assert!(parse(b"[").unwrap_err().to_string().starts_with("it is no file of problem matchers: "));
        assert!(parse("[".repeat(1000).as_bytes()).is_err());
    }

    #[test]
    fn numbers_are_bounded() {
        let many = vec![r#"{"regexp": "x"}"#; MAX_COUNT + 1].join(",");
        let error = refused(&format!(r#"{{"owner": "a", "pattern": [{many}]}}"#));
        assert_eq!(error, "there are more than 32 patterns (rule `size`)");
        let error = refused(&vec!["{}"; MAX_COUNT + 1].join(","));
        assert_eq!(error, "there are more than 32 matchers (rule `size`)");
    }

    #[test]
    fn a_matcher_that_is_not_supported_is_left_out_and_named() {
        // From the file of `actions/setup-dotnet`.
        let file = r#"{"problemMatcher": [
            {"owner": "csc", "pattern": [{"regexp": "([a-zA-Z]+(?<!MSB)\\d+):\\s*(.*?)$", "message": 2}]},
            {"owner": "b", "pattern": [{"message": 0}]}]}"#;
        let parsed = parse(file.as_bytes()).unwrap();
        assert_eq!(parsed.matchers.len(), 1);
        assert_eq!(
            parsed.left_out[0].to_string(),
            "matcher `csc`, pattern 1: `regexp`: lookbehinds `(?<!` are not supported (rule `regexp`)"
        );
        // From `actions/setup-node` and `actions/setup-python`.
        for regexp in [
            r"/^(.+):\\sline\\s(\\d+),\\scol\\s(\\d+),\\s(Error|Warning|Info)\\s-\\s(.+)\\s\\((.+)\\)$/",
            r#"^\\s*File\\s\\\"(.*)\\\",\\sline\\s(\\d+),\\sin\\s(.*)$"#,
            r"^\\s*raise\\s(.*)\\(\\'(.*)\\'\\)$",
        ] {
            let file = format!(
                r#"{{"problemMatcher": [{{"owner": "a", "pattern": [{{"regexp": "{regexp}", "message": 2}}]}}]}}"#
            );
            assert_eq!(parse(file.as_bytes()).unwrap().matchers.len(), 1, "{regexp}");
        }
    }

    #[test]
    fn an_empty_file_registers_nothing() {
        for file in ["{}", "{\"problemMatcher\": null}", "\u{feff}{\"problemMatcher\": []}"] {
            assert!(parse(file.as_bytes()).unwrap().matchers.is_empty(), "{file}");
        }
    }
}
