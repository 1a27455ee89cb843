//! The daemon's own log, on standard error: `key=value` pairs, for people, `grep` and journald.
//! Source of the priorities: `sd-daemon(3)`; of `JOURNAL_STREAM`: `systemd.exec(5)`.

use std::io::Write;

use super::task::Key;
use crate::output::clock;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something may not work.
    Warning,
    /// What happens.
    Info,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }

    fn priority(self) -> u8 {
        match self {
            Severity::Error => 3,
            Severity::Warning => 4,
            Severity::Info => 6,
        }
    }
}

/// Where lines go.
#[derive(Clone, Copy, Debug)]
pub struct Journal {
    /// It is journald, which knows the time itself.
    systemd: bool,
}

impl Journal {
    /// The process's standard error.
    pub fn of_process() -> Journal {
        Journal { systemd: std::env::var_os("JOURNAL_STREAM").is_some() }
    }

    /// Writes a line.
    pub fn write(&self, severity: Severity, message: &str, fields: &[(&str, &str)]) {
        let line = self.line(severity, message, fields);
        // There is nowhere to tell that it can't be told.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    /// Writes a line about a task.
    pub fn task(&self, severity: Severity, key: &Key, message: &str, fields: &[(&str, &str)]) {
        let number = key.task.to_string();
        let own = [("runner", key.runner.as_str()), ("task", &number)];
        self.write(severity, message, &[&own, fields].concat());
    }

    fn line(&self, severity: Severity, message: &str, fields: &[(&str, &str)]) -> String {
        let mut line = match self.systemd {
            true => format!("<{}>", severity.priority()),
            false => format!("time={} level={} ", clock::now(), severity.word()),
        };
        line.push_str("msg=");
        quoted(message, &mut line);
        for (name, value) in fields {
            line.push(' ');
            line.push_str(name);
            line.push('=');
            quoted(value, &mut line);
        }
        line.push('\n');
        line
    }
}

/// A value, in quotes where it isn't plain. What others wrote stays on its line.
fn quoted(value: &str, line: &mut String) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@+".contains(&b);
    if !value.is_empty() && value.bytes().all(plain) {
        line.push_str(value);
    } else {
        line.push('"');
        line.extend(value.chars().flat_map(|c| match c {
            // Letters of all scripts stay as they are.
            c if c.is_control() || matches!(c, '"' | '\\') => c.escape_default().collect::<Vec<_>>(),
            c => vec![c],
        }));
        line.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        let journal = Journal { systemd: true };
        let line = journal.line(
            Severity::Warning,
            "a forge fails",
            &[("error", "x \"y\"\n<3>ü"), ("runner", "main")],
        );
        assert_eq!(line, "<4>msg=\"a forge fails\" error=\"x \\\"y\\\"\\n<3>ü\" runner=main\n");
        let line = Journal { systemd: false }.line(Severity::Info, "ready", &[("n", "")]);
        assert!(line.starts_with("time=2") && line.ends_with(" level=info msg=ready n=\"\"\n"), "{line}");
    }
}
