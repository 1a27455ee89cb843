//! Findings as people and as scripts read them.

use std::fmt::Write;

use super::{Finding, Verdict};

/// One line a finding, with its remedy below it, and a count at the end.
pub fn text(findings: &[Finding], colour: bool) -> String {
    let width = findings.iter().map(|finding| finding.id.len()).max().unwrap_or_default();
    let mut out = String::new();
    for Finding { id, verdict, found } in findings {
        let word = verdict.as_str();
        let (on, off) = if colour { (colour_of(verdict), "\x1b[0m") } else { ("", "") };
        let _ = writeln!(out, "{on}{word:4}{off}  {id:width$}  {}", plain(found));
        if let Some(remedy) = verdict.remedy() {
            let _ = writeln!(out, "      help: {}", plain(remedy));
        }
    }
    let count = |word| findings.iter().filter(|finding| finding.verdict.as_str() == word).count();
    let _ = writeln!(out, "{} ok, {} warn, {} fail", count("ok"), count("warn"), count("fail"));
    out
}

fn colour_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "\x1b[32m",
        Verdict::Warn { .. } => "\x1b[33m",
        Verdict::Fail { .. } => "\x1b[31m",
    }
}

/// On one line, and without what a terminal takes for a command: paths may hold anything.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// One JSON object a finding and line: `id`, `verdict` (`ok`, `warn` or `fail`), `found`, and `remedy`, which
/// is null where there is nothing to do.
pub fn json(findings: &[Finding]) -> String {
    let line = |Finding { id, verdict, found }: &Finding| {
        let (verdict, remedy) = (verdict.as_str(), verdict.remedy());
        format!("{}\n", serde_json::json!({ "id": id, "verdict": verdict, "found": found, "remedy": remedy }))
    };
    findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> [Finding; 3] {
        [
            Finding::ok("kernel", "Linux 6.18"),
            Finding::warn("tool.bash", "not on PATH: steps use sh", "install bash"),
            Finding::fail("layer.user", "cannot make \x1b[31m`x\ny`", "allow it"),
        ]
    }

    #[test]
    fn people_read_columns() {
        insta::assert_snapshot!(text(&findings(), false), @r"
        ok    kernel      Linux 6.18
        warn  tool.bash   not on PATH: steps use sh
              help: install bash
        fail  layer.user  cannot make  [31m`x y`
              help: allow it
        1 ok, 1 warn, 1 fail
        ");
    }

    #[test]
    fn colours_are_on_the_verdict_only() {
        let coloured = text(&findings(), true);
        assert!(coloured.starts_with("\x1b[32mok  \x1b[0m  kernel"));
        let bare = ["\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"]
            .iter()
            .fold(coloured, |text, sequence| text.replace(sequence, ""));
        assert_eq!(bare, text(&findings(), false));
    }

    #[test]
    fn scripts_read_json_lines() {
        insta::assert_snapshot!(json(&findings()), @r#"
        {"id":"kernel","verdict":"ok","found":"Linux 6.18","remedy":null}
        {"id":"tool.bash","verdict":"warn","found":"not on PATH: steps use sh","remedy":"install bash"}
        {"id":"layer.user","verdict":"fail","found":"cannot make \u001b[31m`x\ny`","remedy":"allow it"}
        "#);
    }
}
