//! The files through which a step speaks to the runner (`GITHUB_ENV`, `GITHUB_OUTPUT`, …). What stands in
//! them is the step's word and is treated as hostile. Source of the format: "Workflow commands for GitHub
//! Actions", section "Environment files".

mod rule;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;

use palisade_sandbox::SharedDir;

pub use rule::Rule;

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

    /// The key of `github` that has the path too.
    pub fn key(self) -> &'static str {
        match self {
            CommandFile::Env => "env",
            CommandFile::Output => "output",
            CommandFile::Path => "path",
            CommandFile::Summary => "step_summary",
            CommandFile::State => "state",
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
    #[error("cannot read {file}: it {why} (rule `plain-file`)", file = file.variable())]
    Read {
        /// The file.
        file: CommandFile,
        /// Why.
        why: String,
    },
    /// It is too large.
    #[error("cannot read {file}: it is larger than {MAX_SIZE} bytes (rule `size`)", file = file.variable())]
    Size {
        /// The file.
        file: CommandFile,
    },
    /// It has too many entries.
    #[error("{file}, line {line}: there are more than 10,000 entries (rule `entries`)", file = file.variable())]
    Entries {
        /// The file.
        file: CommandFile,
        /// The line of the first that is too many, from 1.
        line: usize,
    },
    /// Neither `name=value` nor `name<<delimiter`.
    #[error("{file}, line {line}: invalid format `{text}`; write `name=value`, or `name<<delimiter` and lines up to the delimiter (rule `format`)", file = file.variable())]
    Format {
        /// The file.
        file: CommandFile,
        /// The line, from 1.
        line: usize,
        /// Its start.
        text: String,
    },
    /// A `name<<delimiter` that doesn't end.
    #[error("{file}, line {line}: the value of `{name}` is not ended by its delimiter `{delimiter}` (rule `delimiter`)", file = file.variable())]
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
    #[error("{file}: {what} (rule `text`); nothing of it counts", file = file.variable())]
    Text {
        /// The file.
        file: CommandFile,
        /// What is wrong.
        what: &'static str,
    },
    /// All steps of the job together passed on more than is kept.
    #[error(
        "the steps of this job have passed on more than {MAX_PASSED_ON} bytes (rule `passed-on`); nothing of this \
         step is kept"
    )]
    TooMuch,
    /// A variable that steps may not set for later ones.
    #[error("GITHUB_ENV: `{name}`{} can't be set for the steps that follow: {}", and(*more), rule.why())]
    Refused {
        /// The first such variable, or its beginning.
        name: String,
        /// How many more there are.
        more: usize,
        /// The rule.
        rule: Rule,
    },
}

impl FileError {
    /// Whether it fails the step. A summary that is too large only isn't kept, as on GitHub.
    pub fn fails_step(&self) -> bool {
        !matches!(self, FileError::Size { file: CommandFile::Summary })
    }
}

/// ` and 3 more`
fn and(more: usize) -> String {
    if more > 0 { format!(" and {more} more") } else { String::new() }
}

/// The files of one step. No earlier step could foresee what they are called.
#[derive(Debug)]
pub struct StepFiles {
    suffix: String,
    /// They are there.
    made: bool,
}

/// What a step said, through its files or by printing commands.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    /// For the environment of the steps that follow.
    pub env: Vec<(String, String)>,
    /// The step's outputs.
    pub outputs: Vec<(String, String)>,
    /// State for the later stages of the step's action, in order; a name may come again.
    pub state: Vec<(String, String)>,
    /// To be put in front of `PATH`; each in front of the one before.
    pub path: Vec<String>,
    /// Markdown.
    pub summary: String,
}

impl StepFiles {
    /// Those of a step that is yet to come.
    pub fn named() -> StepFiles {
        StepFiles { suffix: format!("{:016x}", RandomState::new().hash_one(0)), made: false }
    }

    /// Makes them, empty, unless they are there already.
    pub fn make(&mut self, dir: &SharedDir) -> io::Result<()> {
        if !std::mem::replace(&mut self.made, true) {
            dir.together(|dir| {
                CommandFile::ALL.into_iter().try_for_each(|file| dir.write(&self.name(file), 0o644, b""))
            })?;
        }
        Ok(())
    }

    /// The name of a file in the shared directory.
    pub fn name(&self, file: CommandFile) -> String {
        format!("{}_{}", file.stem(), self.suffix)
    }

    /// A name for the step's script, with this extension.
    pub fn script_name(&self, extension: &str) -> String {
        format!("{}{extension}", self.suffix)
    }

    /// Adds to what the step said what stands in its files, with everything that is wrong with it. What comes
    /// before a mistake counts all the same, as on GitHub.
    pub fn collect(&self, dir: &SharedDir, mut said: Said) -> (Said, Vec<FileError>) {
        let mut errors: Vec<FileError> = said.refuse_variables().err().into_iter().collect();
        dir.together(|dir| self.read(dir, &mut said, &mut errors));
        (said, errors)
    }

    fn read(&self, dir: &SharedDir, said: &mut Said, errors: &mut Vec<FileError>) {
        for file in CommandFile::ALL {
            let read = dir.read(&self.name(file), MAX_SIZE);
            let content = match read {
                Ok(content) => content,
                // A step may remove what it has no use for.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) if e.kind() == io::ErrorKind::FileTooLarge => {
                    errors.push(FileError::Size { file });
                    continue;
                }
                Err(e) => {
                    errors.push(FileError::Read { file, why: e.to_string() });
                    continue;
                }
            };
            if let Err(error) = said.add(file, content) {
                errors.push(error);
            }
        }
    }

    /// Removes them. A step that made a directory of one, or the like, keeps it until the job ends.
    pub fn remove(&self, dir: &SharedDir) {
        dir.together(|dir| {
            for file in CommandFile::ALL {
                let _ = dir.remove(&self.name(file));
            }
        });
    }
}

impl Said {
    /// How many bytes are kept of it for later steps.
    pub fn size(&self) -> usize {
        let pairs = self
            .env
            .iter()
            .chain(&self.outputs)
            .chain(&self.state)
            .map(|(name, value)| name.len() + value.len() + ENTRY);
        pairs.chain(self.path.iter().map(|path| path.len() + ENTRY)).sum()
    }

    /// Drops the variables that no step may set for later ones.
    fn refuse_variables(&mut self) -> Result<(), FileError> {
        let mut refused = None;
        self.env.retain(|(name, _)| match Rule::of(name).filter(|rule| rule.forbids()) {
            Some(rule) => {
                let first = refused.get_or_insert_with(|| (start_of(name), rule, 0));
                first.2 += 1;
                false
            }
            None => true,
        });
        match refused {
            Some((name, rule, count)) => Err(FileError::Refused { name, rule, more: count - 1 }),
            None => Ok(()),
        }
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
                let parsed = parse(file, text, &mut self.env);
                let allowed = self.refuse_variables();
                parsed.and(allowed)
            }
            CommandFile::Output => parse(file, text, &mut self.outputs),
            CommandFile::State => parse(file, text, &mut self.state),
            CommandFile::Path => {
                for (line, number) in text.split('\n').zip(1..) {
                    for path in line.split('\r').filter(|path| !path.is_empty()) {
                        if self.path.len() == MAX_ENTRIES {
                            return Err(FileError::Entries { file, line: number });
                        }
                        self.path.push(path.to_owned());
                    }
                }
                Ok(())
            }
            CommandFile::Summary => Ok(()),
        }
    }
}

/// Parses `name=value` lines and `name<<delimiter` blocks, and appends what comes before a mistake, as GitHub's
/// runner does. A line ends with a line feed; a carriage return belongs to it.
pub fn parse(file: CommandFile, text: &str, pairs: &mut Vec<(String, String)>) -> Result<(), FileError> {
    let limit = pairs.len() + MAX_ENTRIES;
    let mut lines = text.split('\n').zip(1..);
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
        if pairs.len() == limit {
            return Err(FileError::Entries { file, line: number });
        }
        pairs.push((name.to_owned(), value));
    }
    Ok(())
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
        let mut pairs = Vec::new();
        parse(CommandFile::Output, text, &mut pairs).unwrap();
        pairs
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
            ("a=b\r\n", "a", "b\r"),
            ("a<<E\r\nx\r\nE\r\n", "a", "x\r"),
            ("a<<E\r\nE\nE\r", "a", "E"),
            ("a<<E\n\nE", "a", ""),
            ("a<<E<<E\nx\nE<<E", "a", "x"),
            ("a <<E\nx\nE", "a ", "x"),
            ("a<< E\nx\n E", "a", "x"),
        ] {
            assert_eq!(pairs(text), one(name, value), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |text| parse(CommandFile::Env, text, &mut Vec::new()).unwrap_err().to_string();
        insta::assert_snapshot!(error("a=b\nnonsense"), @"GITHUB_ENV, line 2: invalid format `nonsense`; write `name=value`, or `name<<delimiter` and lines up to the delimiter (rule `format`)");
        insta::assert_snapshot!(error("=b"), @"GITHUB_ENV, line 1: invalid format `=b`; write `name=value`, or `name<<delimiter` and lines up to the delimiter (rule `format`)");
        insta::assert_snapshot!(error("a<<"), @"GITHUB_ENV, line 1: invalid format `a<<`; write `name=value`, or `name<<delimiter` and lines up to the delimiter (rule `format`)");
        insta::assert_snapshot!(error("a<<EOF\nb"), @"GITHUB_ENV, line 1: the value of `a` is not ended by its delimiter `EOF` (rule `delimiter`)");
        insta::assert_snapshot!(error("<<EOF\nEOF"), @"GITHUB_ENV, line 1: invalid format `<<EOF`; write `name=value`, or `name<<delimiter` and lines up to the delimiter (rule `format`)");
        // The last line ends the value only if it is the delimiter.
        insta::assert_snapshot!(error("a=1\na<<EOF\nEOF "), @"GITHUB_ENV, line 2: the value of `a` is not ended by its delimiter `EOF` (rule `delimiter`)");
    }

    fn said(file: CommandFile, content: &[u8]) -> Result<Said, FileError> {
        let mut said = Said::default();
        said.add(file, content.to_vec()).map(|()| said)
    }

    #[test]
    fn what_comes_before_a_mistake_counts() {
        let mut said = Said::default();
        assert!(said.add(CommandFile::State, b"a=b\nnonsense\nc=d".to_vec()).is_err());
        assert_eq!(said.state, one("a", "b"));
    }

    #[test]
    fn paths_are_lines_of_any_kind() {
        assert_eq!(
            said(CommandFile::Path, b"/a\n\n/b c\r\n/d\r/e").unwrap().path,
            ["/a", "/b c", "/d", "/e"]
        );
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
        for name in
            ["LD_PRELOAD", "BASH_ENV", "ENV", "NODE_OPTIONS", "node_options", "BASH_FUNC_ls%%", "PERL5OPT"]
        {
            let mut said = Said::default();
            let error = said.add(CommandFile::Env, format!("A=1\n{name}=x\nB=2").into_bytes()).unwrap_err();
            assert!(matches!(&error, FileError::Refused { name: n, .. } if n == name), "{error}");
            assert_eq!(said.env, [one("A", "1"), one("B", "2")].concat());
        }
        for name in ["PATH", "CI", "LD_LIBRARY_PATH", "MY_ENV", "GITHUBX", "GITHUB_TOKEN", "GITHUB_SHA"] {
            assert_eq!(said(CommandFile::Env, format!("{name}=x").as_bytes()).unwrap().env, one(name, "x"));
        }
        insta::assert_snapshot!(
            said(CommandFile::Env, b"LD_PRELOAD=/tmp/x.so").unwrap_err(),
            @"GITHUB_ENV: `LD_PRELOAD` can't be set for the steps that follow: it makes programs run foreign code as they start (rule `loader`); set it in the `env` of the step that needs it"
        );
        let error = said(CommandFile::Env, b"ENV=1\nPS4=2\nPS4=3").unwrap_err().to_string();
        assert!(error.starts_with("GITHUB_ENV: `ENV` and 2 more can't be set"), "{error}");
    }

    #[test]
    fn entries_without_end_are_refused() {
        for file in [CommandFile::Output, CommandFile::Env, CommandFile::State, CommandFile::Path] {
            let mut said = Said::default();
            let error = said.add(file, "a=\n".repeat(100_000).into_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "{}, line 10001: there are more than 10,000 entries (rule `entries`)",
                    file.variable()
                )
            );
            let kept = said.outputs.len() + said.env.len() + said.state.len() + said.path.len();
            assert_eq!(kept, MAX_ENTRIES);
        }
    }

    #[test]
    fn only_a_summary_may_be_too_large() {
        assert!(!FileError::Size { file: CommandFile::Summary }.fails_step());
        assert!(FileError::Size { file: CommandFile::Output }.fails_step());
    }

    #[test]
    fn outputs_may_be_called_anything() {
        assert_eq!(said(CommandFile::Output, b"LD_PRELOAD=x").unwrap().outputs, one("LD_PRELOAD", "x"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}") {
            let _ = parse(CommandFile::Env, &text, &mut Vec::new());
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
