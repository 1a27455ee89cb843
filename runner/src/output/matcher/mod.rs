//! Problem matchers: find compilers' and linters' messages in what a step prints.
//!
//! A job has a set of [`Matchers`], which its steps change by `::add-matcher::` and `::remove-matcher::`. Each
//! step's log looks at its own lines with a [`Scan`]: how far each matcher is within a problem of several lines.

mod config;
mod place;
mod regexp;

use std::sync::{Arc, Mutex, PoisonError};

use config::{Groups, Matcher, level};
pub use config::{MAX_FILE, owners, parse};
pub use place::{place, within};

use super::event::{Annotation, Level};

/// Most matchers of a job.
const MAX_MATCHERS: usize = 64;
/// Longest line that is looked at, in bytes.
pub const MAX_LINE: usize = 16 << 10;

/// The matchers of a job. All clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Matchers(Arc<Mutex<Vec<Arc<Matcher>>>>);

impl Matchers {
    /// Registers matchers: each goes before all others and replaces one of the same owner.
    pub fn add(&self, added: Vec<Matcher>) -> Result<(), String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for matcher in added {
            all.retain(|known| !known.owner.eq_ignore_ascii_case(&matcher.owner));
            if all.len() == MAX_MATCHERS {
                return Err(format!("a job has {MAX_MATCHERS} problem matchers at most (rule `size`)"));
            }
            all.insert(0, Arc::new(matcher));
        }
        Ok(())
    }

    /// Removes the matchers of these owners.
    pub fn remove(&self, owners: &[String]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| !owners.iter().any(|owner| owner.eq_ignore_ascii_case(&known.owner)));
    }

    fn all(&self) -> Vec<Arc<Matcher>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is known of a problem so far. A group that took no part in its match is empty text, as on GitHub.
type Found = Groups<Option<String>>;

/// One matcher at work.
struct Running {
    matcher: Arc<Matcher>,
    /// What each pattern but the last found, if the lines before fit.
    state: Vec<Option<Found>>,
}

/// All matchers at work on the lines of one step.
#[derive(Default)]
pub struct Scan {
    running: Vec<Running>,
    stopped: bool,
}

/// A problem that was found.
pub struct Problem {
    /// What it says; its file is as it was printed.
    pub annotation: Annotation,
    /// The file beside which `file` lies.
    pub from_path: Option<String>,
}

impl Scan {
    /// Looks for nothing from here on, whatever matchers there are.
    pub fn stop(&mut self) {
        *self = Scan { running: Vec::new(), stopped: true };
    }

    /// Takes over what has changed among the job's matchers.
    pub fn renew(&mut self, matchers: &Matchers) {
        if self.stopped {
            return;
        }
        let mut before = std::mem::take(&mut self.running);
        self.running = matchers
            .all()
            .into_iter()
            .map(|matcher| match before.iter().position(|known| Arc::ptr_eq(&known.matcher, &matcher)) {
                Some(at) => before.swap_remove(at),
                None => Running { state: vec![None; matcher.patterns.len() - 1], matcher },
            })
            .collect();
    }

    /// Whether there is anything to look for.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Looks at a line, without its end. Of several matchers the first that finds a problem counts, and the
    /// others begin anew.
    pub fn line(&mut self, line: &str) -> Option<Problem> {
        if line.len() > MAX_LINE {
            return None;
        }
        let plain;
        let line = if line.contains('\x1b') {
            plain = without_colours(line);
            plain.as_str()
        } else {
            line
        };
        for at in 0..self.running.len() {
            let Some(found) = self.running[at].line(line) else { continue };
            for (i, other) in self.running.iter_mut().enumerate() {
                if i != at {
                    other.state.fill(None);
                }
            }
            if let Some(problem) = problem(found, self.running[at].matcher.severity) {
                return Some(problem);
            }
        }
        None
    }
}

impl Running {
    /// The patterns from the last to the first: each that follows what was found so far has its try.
    fn line(&mut self, line: &str) -> Option<Found> {
        let patterns = &self.matcher.patterns;
        let last = patterns.len() - 1;
        for (i, pattern) in patterns.iter().enumerate().rev() {
            let before = match i.checked_sub(1).map(|at| &self.state[at]) {
                None => None,
                Some(Some(found)) => Some(found),
                Some(None) => continue,
            };
            if !pattern.regexp.is_match(line) {
                match i {
                    _ if i < last => self.state[i] = None,
                    0 => {}
                    _ => self.state[i - 1] = None,
                }
                continue;
            }
            let mut captures = pattern.regexp.create_captures();
            pattern.regexp.captures(line, &mut captures);
            let text = |group: Option<usize>| {
                let span = captures.get_group(group?);
                let bytes = span.map_or(&b""[..], |span| &line.as_bytes()[span.range()]);
                Some(String::from_utf8_lossy(bytes).into_owned())
            };
            let value =
                |known: Option<&Option<String>>, group| known.cloned().flatten().or_else(|| text(group));
            let groups = &pattern.groups;
            let found = Found {
                file: value(before.map(|b| &b.file), groups.file),
                line: value(before.map(|b| &b.line), groups.line),
                column: value(before.map(|b| &b.column), groups.column),
                severity: value(before.map(|b| &b.severity), groups.severity),
                code: value(before.map(|b| &b.code), groups.code),
                message: value(before.map(|b| &b.message), groups.message),
                from_path: value(before.map(|b| &b.from_path), groups.from_path),
            };
            if i < last {
                self.state[i] = Some(found);
                continue;
            }
            // A loop keeps what came before it.
            let kept = if pattern.repeats { self.state[i - 1].take() } else { None };
            self.state.fill(None);
            if kept.is_some() {
                self.state[i - 1] = kept;
            }
            return Some(found);
        }
        None
    }
}

/// A problem, unless it says nothing or has a severity that there is not.
fn problem(found: Found, severity: Level) -> Option<Problem> {
    let message = found.message.filter(|message| !message.trim().is_empty())?;
    let level = match found.severity.filter(|text| !text.is_empty()) {
        None => severity,
        Some(text) => level(&text)?,
    };
    let number = |text: Option<String>| {
        text.filter(|text| text.bytes().all(|b| b.is_ascii_digit())).and_then(|text| text.parse().ok())
    };
    let annotation = Annotation {
        title: found.code.map(|code| code.trim().to_owned()).filter(|code| !code.is_empty()),
        file: found.file.filter(|file| !file.trim().is_empty()),
        line: number(found.line),
        column: number(found.column),
        ..Annotation::new(level, message)
    };
    Some(Problem { annotation, from_path: found.from_path })
}

/// A line without the sequences that colour it.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\x1b[") {
        plain.push_str(&rest[..at]);
        let body = &rest[at + 2..];
        let end = body.find(|c: char| !(c.is_ascii_digit() || c == ';')).unwrap_or(body.len());
        let body = &body[end..];
        // `K` ends the colour of a line for grep and gcc.
        rest = body.strip_prefix(['m', 'K']).unwrap_or(body);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(files: &[&str]) -> Scan {
        let matchers = Matchers::default();
        for file in files {
            matchers.add(parse(file.as_bytes()).unwrap().matchers).unwrap();
        }
        let mut scan = Scan::default();
        scan.renew(&matchers);
        scan
    }

    /// `level file:line:column code message` of each problem.
    fn problems(files: &[&str], text: &str) -> Vec<String> {
        let mut scan = scan(files);
        text.lines()
            .filter_map(|line| scan.line(line))
            .map(|Problem { annotation: a, from_path }| {
                let number = |n: Option<u32>| n.map(|n| format!(":{n}")).unwrap_or_default();
                format!(
                    "{:?} {}{}{} {} {}{}",
                    a.level,
                    a.file.unwrap_or_default(),
                    number(a.line),
                    number(a.column),
                    a.title.unwrap_or_default(),
                    a.message,
                    from_path.map(|from| format!(" from {from}")).unwrap_or_default(),
                )
            })
            .collect()
    }

    const TSC: &str = r#"{"problemMatcher": [{"owner": "tsc", "pattern": [{
        "regexp": "^([^\\s].*)[\\(:](\\d+)[,:](\\d+)(?:\\):\\s+|\\s+-\\s+)(error|warning|info)\\s+TS(\\d+)\\s*:\\s*(.*)$",
        "file": 1, "line": 2, "column": 3, "severity": 4, "code": 5, "message": 6}]}]}"#;
    const ESLINT: &str = r#"{"problemMatcher": [{"owner": "eslint", "pattern": [
        {"regexp": "^([^\\s].*)$", "file": 1},
        {"regexp": "^\\s+(\\d+):(\\d+)\\s+(error|warning)\\s+(.*)\\s\\s+(.*)$",
         "line": 1, "column": 2, "severity": 3, "message": 4, "code": 5, "loop": true}]}]}"#;
    const GO: &str = r#"{"problemMatcher": [{"owner": "go", "severity": "warning", "pattern": [
        {"regexp": "^\\s*(.+\\.go):(\\d+): (.+)$", "file": 1, "line": 2, "message": 3}]}]}"#;
    const PANIC: &str = r#"{"problemMatcher": [{"owner": "panic", "pattern": [
        {"regexp": "^panicked at '(.*)'$", "message": 1},
        {"regexp": "^ in$"},
        {"regexp": "^ (.*):(\\d+)$", "file": 1, "line": 2}]}]}"#;

    #[test]
    fn one_line_is_a_problem() {
        let text = "src/a.ts(3,7): error TS2304: Cannot find name 'x'.\n\
                    \x1b[96msrc/b.ts\x1b[0m:\x1b[93m4\x1b[0m:\x1b[93m5\x1b[0m - \x1b[91mwarning\x1b[0m TS1: No.\n\
                    src/c.ts(1,1): info TS2: not shown\n\
                    src/d.ts(99999999999,1): error TS3: far\nnothing";
        assert_eq!(
            problems(&[TSC], text),
            [
                "Error src/a.ts:3:7 2304 Cannot find name 'x'.",
                "Warning src/b.ts:4:5 1 No.",
                "Error src/d.ts:1 3 far",
            ]
        );
    }

    #[test]
    fn a_loop_finds_all_problems_of_a_file() {
        let text = "test.js\n  1:0   error  Missing \"use strict\"  strict\n  5:10  warning  'addOne' is defined  \
                    no-unused-vars\n\n  9:9  error  none  x\nfoo.js\n  36:10  error  Expected  eqeqeq";
        assert_eq!(
            problems(&[ESLINT], text),
            [
                "Error test.js:1:0 strict Missing \"use strict\"",
                "Warning test.js:5:10 no-unused-vars 'addOne' is defined",
                "Error foo.js:36:10 eqeqeq Expected",
            ]
        );
    }

    #[test]
    fn several_lines_are_one_problem_if_all_come() {
        let text = "panicked at 'a'\n in\n src/a.rs:3\npanicked at 'b'\nother\n in\n src/b.rs:4\n\
                    panicked at 'c'\npanicked at 'd'\n in\n src/d.rs:5\n src/e.rs:6";
        assert_eq!(problems(&[PANIC], text), ["Error src/a.rs:3  a", "Error src/d.rs:5  d"]);
    }

    #[test]
    fn a_severity_of_the_matcher_is_the_default() {
        assert_eq!(problems(&[GO], "  x/a.go:7: vet: bad"), ["Warning x/a.go:7  vet: bad"]);
    }

    #[test]
    fn the_matcher_that_came_last_is_first_and_replaces_its_owner() {
        let named = |owner: &str, message: &str| {
            format!(
                r#"{{"problemMatcher": [{{"owner": "{owner}", "pattern": [{{"regexp": "{message}", "message": 0}}]}}]}}"#
            )
        };
        let (a, b, again) = (named("a", ".*"), named("b", "x"), named("A", "y"));
        assert_eq!(problems(&[&a, &b], "xyz"), ["Error   x"]);
        assert_eq!(problems(&[&a, &b, &again], "xyz\nz"), ["Error   y"]);
    }

    #[test]
    fn matchers_are_removed_by_owner_and_bounded_in_number() {
        let matchers = Matchers::default();
        let named = |owner: usize| {
            let file =
                format!(r#"{{"problemMatcher": [{{"owner": "m{owner}", "pattern": [{{"message": 0}}]}}]}}"#);
            parse(file.as_bytes()).unwrap().matchers
        };
        for owner in 0..MAX_MATCHERS {
            matchers.add(named(owner)).unwrap();
        }
        assert!(matchers.add(named(MAX_MATCHERS)).is_err());
        matchers.remove(&["M3".into(), "unknown".into()]);
        matchers.add(named(MAX_MATCHERS)).unwrap();
        assert_eq!(matchers.all().len(), MAX_MATCHERS);
    }

    #[test]
    fn a_stopped_scan_stays_so() {
        let matchers = Matchers::default();
        matchers.add(parse(GO.as_bytes()).unwrap().matchers).unwrap();
        let mut scan = Scan::default();
        scan.renew(&matchers);
        assert!(scan.line("a.go:1: x").is_some());
        scan.stop();
        scan.renew(&matchers);
        assert!(scan.is_idle() && scan.line("a.go:1: x").is_none());
    }

    #[test]
    fn long_lines_are_not_looked_at() {
        let line = format!("src/a.go:1: {}", "x".repeat(MAX_LINE));
        assert!(problems(&[GO], &line).is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(  [0-9]:[0-9]  error  a  b\n|\x1b\\[[0-9;]{0,3}m?|a\\.js\n|panicked at 'a'\n| in\n| f:1\n|.){0,20}") {
            problems(&[TSC, ESLINT, GO, PANIC], &text);
        }
    }
}
