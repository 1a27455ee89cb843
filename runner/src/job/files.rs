//! The files through which a step speaks to the runner (`GITHUB_ENV`, `GITHUB_OUTPUT`, …). What stands in
//! them is the step's word and is treated as hostile. Source of the format: "Workflow commands for GitHub
//! Actions", section "Environment files".

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;

use palisade_sandbox::SharedDir;

/// Largest of these files, in bytes; 1 MiB is GitHub's own limit of summaries and outputs.
pub const MAX_SIZE: u64 = 1 << 20;
/// Most entries of one of them.
const MAX_ENTRIES: usize = 10_000;
/// Most bytes that the steps of a job may pass on to later ones.
pub const MAX_PASSED_ON: usize = 16 << 20;
/// What keeping an entry costs besides its text, in bytes.
const ENTRY: usize = 128;

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandFile {
    /// Environment of the steps that follow.
    Env,
    /// Outputs of the step.
    Output,
    /// Directories put in front of `PATH` for the steps that follow.
    Path,
    /// Markdown for the job's summary.
    Summary,
    /// State for an action's later stages.
    State,
}

impl CommandFile {
    /// All of them.
    pub const ALL: [CommandFile; 5] =
        [CommandFile::Env, CommandFile::Output, CommandFile::Path, CommandFile::Summary, CommandFile::State];

    /// The variable that tells a step the file's path.
    pub fn variable(self) -> &'static str {
        match self {
            CommandFile::Env => "GITHUB_ENV",
            CommandFile::Output => "GITHUB_OUTPUT",
            CommandFile::Path => "GITHUB_PATH",
            CommandFile::Summary => "GITHUB_STEP_SUMMARY",
            CommandFile::State => "GITHUB_STATE",
        }
    }

    fn stem(self) -> &'static str {
        match self {
            CommandFile::Env => "set_env",
            CommandFile::Output => "set_output",
            CommandFile::Path => "add_path",
            CommandFile::Summary => "step_summary",
            CommandFile::State => "save_state",
        }
    }
}

/// Why what a step wrote isn't accepted. It fails the step.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be read: no plain file any more, or too large.
    #[error("cannot read {file}: it {why}", file = file.variable())]
    Read {
        /// The file.
        file: CommandFile,
        /// Why.
        why: String,
    },
    /// Neither `name=value` nor `name<<delimiter`.
    #[error("{file}, line {line}: invalid format `{text}`; write `name=value`, or `name<<delimiter` and lines up to the delimiter", file = file.variable())]
    Format {
        /// The file.
        file: CommandFile,
        /// The line, from 1.
        line: usize,
        /// Its start.
        text: String,
    },
    /// A `name<<delimiter` that doesn't end.
    #[error("{file}, line {line}: the value of `{name}` is not ended by its delimiter `{delimiter}`", file = file.variable())]
    Unclosed {
        /// The file.
        file: CommandFile,
        /// The line, from 1.
        line: usize,
        /// The name.
        name: String,
        /// The delimiter.
        delimiter: String,
    },
    /// Not text that may stand there.
    #[error("{file}: {what}", file = file.variable())]
    Text {
        /// The file.
        file: CommandFile,
        /// What is wrong.
        what: &'static str,
    },
    /// All steps of the job together passed on more than is kept.
    #[error(
        "the steps of this job have passed on more than {MAX_PASSED_ON} bytes; nothing of this step is kept"
    )]
    TooMuch,
    /// A variable that steps may not set for later ones.
    #[error("GITHUB_ENV: `{name}` can't be set for the steps that follow: {}", rule.why())]
    Refused {
        /// The variable.
        name: String,
        /// The rule.
        rule: Rule,
    },
}

/// Why a variable is refused, or warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The runner's own word.
    Reserved,
    /// Makes programs run foreign code at their start.
    Loader,
    /// Changes where programs find their code; often legitimate.
    SearchPath,
}

impl Rule {
    /// What it says to people.
    pub fn why(self) -> &'static str {
        match self {
            Rule::Reserved => {
                "names that begin with GITHUB_ or RUNNER_ are the runner's own (rule `reserved`)"
            }
            Rule::Loader => {
                "it makes programs run foreign code as they start (rule `loader`); set it in the `env` of \
                 the step that needs it"
            }
            Rule::SearchPath => "it changes where later steps' programs find their code (rule `search-path`)",
        }
    }

    /// The rule for a variable, if there is one.
    pub fn of(name: &str) -> Option<Rule> {
        let upper = name.to_ascii_uppercase();
        if upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_") {
            return Some(Rule::Reserved);
        }
        match name {
            "LD_PRELOAD" | "LD_AUDIT" | "BASH_ENV" | "ENV" | "SHELLOPTS" | "BASHOPTS" | "PS4"
            | "PROMPT_COMMAND" | "PERL5OPT" | "PERL5DB" | "RUBYOPT" | "PYTHONSTARTUP" | "GCONV_PATH"
            | "NODE_OPTIONS" => Some(Rule::Loader),
            _ if name.starts_with("BASH_FUNC_") => Some(Rule::Loader),
            "LD_LIBRARY_PATH" | "PYTHONHOME" | "JAVA_TOOL_OPTIONS" | "_JAVA_OPTIONS" | "JDK_JAVA_OPTIONS" => {
                Some(Rule::SearchPath)
            }
            _ => None,
        }
    }

    /// Whether the rule forbids; else it only warns.
    pub fn forbids(self) -> bool {
        self != Rule::SearchPath
    }
}

/// The files of one step.
pub struct StepFiles {
    suffix: String,
}

/// What a step said through its files.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    /// For the environment of the steps that follow.
    pub env: Vec<(String, String)>,
    /// The step's outputs.
    pub outputs: Vec<(String, String)>,
    /// To be put in front of `PATH`; each in front of the one before.
    pub path: Vec<String>,
    /// Markdown.
    pub summary: String,
}

impl StepFiles {
    /// Makes them, empty, under names that no earlier step could foresee and occupy.
    pub fn create(dir: &SharedDir) -> io::Result<StepFiles> {
        let files = StepFiles { suffix: format!("{:016x}", RandomState::new().hash_one(0)) };
        for file in CommandFile::ALL {
            dir.write(&files.name(file), 0o644, b"")?;
        }
        Ok(files)
    }

    /// The name of a file in the shared directory.
    pub fn name(&self, file: CommandFile) -> String {
        format!("{}_{}", file.stem(), self.suffix)
    }

    /// A name for the step's script, with this extension.
    pub fn script_name(&self, extension: &str) -> String {
        format!("{}{extension}", self.suffix)
    }

    /// Reads what the step said, with everything that is wrong with it. What is right counts all the same.
    pub fn collect(&self, dir: &SharedDir) -> (Said, Vec<FileError>) {
        let mut said = Said::default();
        let mut errors = Vec::new();
        for file in CommandFile::ALL {
            let read = dir.read(&self.name(file), MAX_SIZE);
            // A step may remove what it has no use for.
            let read = if matches!(&read, Err(e) if e.kind() == io::ErrorKind::NotFound) {
                Ok(Vec::new())
            } else {
                read
            };
            let content = read.map_err(|e| FileError::Read { file, why: e.to_string() });
            if let Err(error) = content.and_then(|content| said.add(file, content)) {
                errors.push(error);
            }
        }
        (said, errors)
    }

    /// Removes them. A step that made a directory of one, or the like, keeps it until the job ends.
    pub fn remove(&self, dir: &SharedDir) {
        for file in CommandFile::ALL {
            let _ = dir.remove(&self.name(file));
        }
    }
}

impl Said {
    /// How many bytes are kept of it for later steps.
    pub fn size(&self) -> usize {
        let pairs =
            self.env.iter().chain(&self.outputs).map(|(name, value)| name.len() + value.len() + ENTRY);
        pairs.chain(self.path.iter().map(|path| path.len() + ENTRY)).sum()
    }

    fn add(&mut self, file: CommandFile, content: Vec<u8>) -> Result<(), FileError> {
        if content.is_empty() {
            return Ok(());
        }
        if file == CommandFile::Summary {
            self.summary = String::from_utf8(content)
                .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
            return Ok(());
        }
        let text = String::from_utf8(content)
            .map_err(|_| FileError::Text { file, what: "its content is not UTF-8" })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        if text.contains('\0') {
            return Err(FileError::Text { file, what: "its content has a NUL byte in it" });
        }
        match file {
            CommandFile::Env => {
                self.env = parse(file, text)?;
                let refused = self.env.iter().find_map(|(name, _)| {
                    Rule::of(name).filter(|rule| rule.forbids()).map(|rule| (name.clone(), rule))
                });
                if let Some((name, rule)) = refused {
                    self.env.clear();
                    return Err(FileError::Refused { name, rule });
                }
            }
            CommandFile::Output => self.outputs = parse(file, text)?,
            CommandFile::State => drop(parse(file, text)?),
            CommandFile::Path => {
                let lines = text.lines().filter(|line| !line.is_empty());
                self.path = lines.take(MAX_ENTRIES + 1).map(str::to_owned).collect();
                if self.path.len() > MAX_ENTRIES {
                    self.path.clear();
                    return Err(FileError::Text { file, what: "it has more than 10,000 entries" });
                }
            }
            CommandFile::Summary => {}
        }
        Ok(())
    }
}

/// Parses `name=value` lines and `name<<delimiter` blocks.
pub fn parse(file: CommandFile, text: &str) -> Result<Vec<(String, String)>, FileError> {
    let mut pairs = Vec::new();
    let mut lines = text.split('\n').zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let invalid = || FileError::Format { file, line: number, text: start_of(line) };
        let equals = line.find('=');
        let heredoc = line.find("<<").filter(|at| equals.is_none_or(|equals| *at < equals));
        let (name, value) = match (heredoc, equals) {
            (Some(at), _) => {
                let (name, delimiter) = (&line[..at], &line[at + 2..]);
                if delimiter.is_empty() {
                    return Err(invalid());
                }
                let mut value = Vec::new();
                let closed = loop {
                    match lines.next() {
                        Some((line, _)) if line == delimiter => break true,
                        Some((line, _)) => value.push(line),
                        None => break false,
                    }
                };
                if !closed {
                    let (name, delimiter) = (start_of(name), start_of(delimiter));
                    return Err(FileError::Unclosed { file, line: number, name, delimiter });
                }
                (name, value.join("\n"))
            }
            (None, Some(at)) => (&line[..at], line[at + 1..].to_owned()),
            (None, None) => return Err(invalid()),
        };
        if name.is_empty() {
            return Err(invalid());
        }
        if pairs.len() == MAX_ENTRIES {
            return Err(FileError::Text { file, what: "it has more than 10,000 entries" });
        }
        pairs.push((name.to_owned(), value));
    }
    Ok(pairs)
}

/// Enough of a text to recognise it by.
fn start_of(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() { format!("{shown}…") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(CommandFile::Output, text).unwrap()
    }

    fn one(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.into(), value.into())]
    }

    #[test]
    fn lines_and_blocks_are_read_as_on_github() {
        for (text, name, value) in [
            ("a=b", "a", "b"),
            ("\n\na=b\n", "a", "b"),
            ("a=", "a", ""),
            ("a=b=c<<d", "a", "b=c<<d"),
            ("a<<E\nE", "a", ""),
            ("a<<E\nx\n\ny=z\nE\n", "a", "x\n\ny=z"),
            ("a<<=E\nx\n=E\n", "a", "x"),
            ("a<<E\n E\nE\n", "a", " E"),
            ("a b=c", "a b", "c"),
        ] {
            assert_eq!(pairs(text), one(name, value), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |text| parse(CommandFile::Env, text).unwrap_err().to_string();
        insta::assert_snapshot!(error("a=b\nnonsense"), @"GITHUB_ENV, line 2: invalid format `nonsense`; write `name=value`, or `name<<delimiter` and lines up to the delimiter");
        insta::assert_snapshot!(error("=b"), @"GITHUB_ENV, line 1: invalid format `=b`; write `name=value`, or `name<<delimiter` and lines up to the delimiter");
        insta::assert_snapshot!(error("a<<"), @"GITHUB_ENV, line 1: invalid format `a<<`; write `name=value`, or `name<<delimiter` and lines up to the delimiter");
        insta::assert_snapshot!(error("a<<EOF\nb"), @"GITHUB_ENV, line 1: the value of `a` is not ended by its delimiter `EOF`");
    }

    fn said(file: CommandFile, content: &[u8]) -> Result<Said, FileError> {
        let mut said = Said::default();
        said.add(file, content.to_vec()).map(|()| said)
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        assert_eq!(said(CommandFile::Output, b"\xef\xbb\xbfa=b").unwrap().outputs, one("a", "b"));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for content in [&b"a=\xff"[..], b"a=b\0c"] {
            assert!(matches!(said(CommandFile::Env, content), Err(FileError::Text { .. })));
        }
    }

    #[test]
    fn hostile_variables_are_refused_for_the_steps_that_follow() {
        for name in [
            "GITHUB_ENV",
            "github_token",
            "RUNNER_TEMP",
            "LD_PRELOAD",
            "BASH_ENV",
            "ENV",
            "NODE_OPTIONS",
            "BASH_FUNC_ls%%",
            "PERL5OPT",
        ] {
            let error = said(CommandFile::Env, format!("A=1\n{name}=x").as_bytes()).unwrap_err();
            assert!(matches!(&error, FileError::Refused { name: n, .. } if n == name), "{error}");
        }
        for name in ["PATH", "CI", "LD_LIBRARY_PATH", "MY_ENV", "GITHUBX"] {
            assert_eq!(said(CommandFile::Env, format!("{name}=x").as_bytes()).unwrap().env, one(name, "x"));
        }
        assert!(Rule::of("LD_LIBRARY_PATH").is_some_and(|rule| !rule.forbids()));
        insta::assert_snapshot!(
            said(CommandFile::Env, b"LD_PRELOAD=/tmp/x.so").unwrap_err(),
            @"GITHUB_ENV: `LD_PRELOAD` can't be set for the steps that follow: it makes programs run foreign code as they start (rule `loader`); set it in the `env` of the step that needs it"
        );
    }

    #[test]
    fn entries_without_end_are_refused() {
        assert_eq!(
            said(CommandFile::Output, "a=\n".repeat(10_000).as_bytes()).unwrap().outputs.len(),
            10_000
        );
        for file in [CommandFile::Output, CommandFile::Env, CommandFile::Path] {
            let error = said(file, "a=\n".repeat(10_001).as_bytes()).unwrap_err();
            assert!(error.to_string().ends_with("it has more than 10,000 entries"), "{error}");
        }
    }

    #[test]
    fn outputs_may_be_called_anything() {
        assert_eq!(said(CommandFile::Output, b"LD_PRELOAD=x").unwrap().outputs, one("LD_PRELOAD", "x"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}") {
            let _ = parse(CommandFile::Env, &text);
        }

        #[test]
        fn what_is_written_as_a_block_is_read_back(
            name in "[A-Za-z_ ]{1,10}",
            value in "[^\0]{0,80}",
        ) {
            prop_assume!(value.split('\n').all(|line| line != "ghadelimiter"));
            let text = format!("{name}<<ghadelimiter\n{value}\nghadelimiter\n");
            prop_assert_eq!(pairs(&text), one(&name, &value));
        }

        #[test]
        fn one_line_values_are_read_back(name in "[A-Za-z_]{1,10}", value in "[^\0\n]{0,80}") {
            let text = format!("{name}={value}\nz=1");
            prop_assert_eq!(pairs(&text), [one(&name, &value), one("z", "1")].concat());
        }
    }
}
