//! How a step's script is run: GitHub's exact invocations.
//! Source: "Workflow syntax for GitHub Actions", `jobs.<job_id>.steps[*].shell`.

/// A way to run a script: an argument list in which the script's path is to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shell {
    /// Program and arguments, `{0}` where the script's path goes. To be tried in order: the next where the
    /// program of one doesn't exist.
    candidates: Vec<Vec<String>>,
    /// What the script's file name ends with.
    pub extension: &'static str,
}

/// A `shell:` that is neither a name that is known nor a template.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ShellError {
    /// An unknown name.
    #[error(
        "there is no shell `{0}`; write bash, sh, python, pwsh, node, or a command with `{{0}}` where the script's \
         path goes"
    )]
    Unknown(String),
    /// A template whose quotes aren't closed.
    #[error("the quotes in `shell: {0}` are not closed")]
    Unclosed(String),
}

impl Shell {
    /// The shell of a step that names none.
    pub fn unspecified() -> Shell {
        Shell::new(&[&["bash", "-e", "{0}"], &["sh", "-e", "{0}"]], ".sh")
    }

    /// The shell of a name or template.
    pub fn parse(text: &str) -> Result<Shell, ShellError> {
        Ok(match text.trim() {
            "bash" => Shell::new(&[&["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "{0}"]], ".sh"),
            "sh" => Shell::new(&[&["sh", "-e", "{0}"]], ".sh"),
            "python" => Shell::new(&[&["python", "{0}"], &["python3", "{0}"]], ".py"),
            "pwsh" => Shell::new(&[&["pwsh", "-command", ". '{0}'"]], ".ps1"),
            // Forgejo's own.
            "node" => Shell::new(&[&["node", "{0}"]], ".js"),
            template if template.contains("{0}") => {
                let words = split(template).ok_or_else(|| ShellError::Unclosed(template.to_owned()))?;
                let extension = match words.first().map(String::as_str) {
                    Some("bash" | "sh") => ".sh",
                    Some("python" | "python3") => ".py",
                    Some("pwsh") => ".ps1",
                    _ => "",
                };
                Shell { candidates: vec![words], extension }
            }
            other => return Err(ShellError::Unknown(other.to_owned())),
        })
    }

    fn new(candidates: &[&[&str]], extension: &'static str) -> Shell {
        let words = |words: &&[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Shell { candidates: candidates.iter().map(words).collect(), extension }
    }

    /// The argument lists to try, with the script's path filled in.
    pub fn invocations(&self, script: &str) -> impl Iterator<Item = Vec<String>> {
        self.candidates.iter().map(move |words| words.iter().map(|w| w.replace("{0}", script)).collect())
    }

    /// The first argument list as people read it.
    pub fn display(&self) -> String {
        self.candidates.first().map(|words| words.join(" ")).unwrap_or_default()
    }
}

/// Splits at white space outside of double quotes; `\"` is a quote itself. `None` where one isn't closed.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if chars.next_if_eq(&'"').is_some() => word.get_or_insert_default().push('"'),
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(shell: &str) -> Vec<String> {
        Shell::parse(shell).unwrap().invocations("/t/x").next().unwrap()
    }

    #[test]
    fn invocations_are_those_of_github() {
        assert_eq!(invocation("bash"), ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "/t/x"]);
        assert_eq!(invocation("sh"), ["sh", "-e", "/t/x"]);
        assert_eq!(invocation("python"), ["python", "/t/x"]);
        assert_eq!(invocation("node"), ["node", "/t/x"]);
        let unspecified: Vec<_> = Shell::unspecified().invocations("/t/x").collect();
        assert_eq!(unspecified, [["bash", "-e", "/t/x"], ["sh", "-e", "/t/x"]]);
    }

    #[test]
    fn a_template_is_split_into_arguments() {
        assert_eq!(invocation("perl {0}"), ["perl", "/t/x"]);
        assert_eq!(
            invocation(r#"env "A=b c" node --x="\"{0}\"" "" "#),
            ["env", "A=b c", "node", "--x=\"/t/x\"", ""]
        );
        assert_eq!(invocation("bash -c 'echo {0}'"), ["bash", "-c", "'echo", "/t/x'"]);
    }

    #[test]
    fn what_cannot_be_a_shell_is_named() {
        for text in ["fish", "cmd", "", "bash -x"] {
            assert_eq!(Shell::parse(text), Err(ShellError::Unknown(text.into())));
        }
        assert_eq!(Shell::parse("x \"{0}"), Err(ShellError::Unclosed("x \"{0}".into())));
    }
}
