//! Workflow commands: lines by which a step talks to the runner.
//!
//! Source of the format: "Workflow commands for GitHub Actions" in GitHub's documentation,
//! `::name key=value,key=value::message` with `%25`, `%0D`, `%0A` escaped, and in values `%3A` and `%2C` too;
//! the older `##[name key=value;key=value]message` is still printed by tools.

use std::borrow::Cow;

use memchr::memmem;

use super::event::{Annotation, Level};

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Masks a value.
    AddMask(Vec<u8>),
    /// Tried to mask a value, but not so that the value can be told.
    MalformedAddMask,
    /// Begins a group.
    Group(String),
    /// Ends it.
    EndGroup,
    /// Annotates.
    Annotate(Annotation),
    /// Takes no commands until `::token::`.
    Stop(Vec<u8>),
    /// Takes commands again.
    Resume,
    /// Shows, or no longer shows, the commands that follow.
    Echo(bool),
    /// Keeps a value, as a line in a file would.
    Keep {
        /// As what.
        what: Kept,
        /// Its name; not empty.
        name: String,
        /// The value.
        value: String,
    },
    /// Registers the problem matchers of a file.
    AddMatcher(String),
    /// Removes problem matchers.
    RemoveMatcher(Whose),
    /// Puts a directory in front of `PATH` for the steps that follow, as a line in a file would.
    AddPath(String),
    /// Can't be carried out.
    Malformed {
        /// The command's name.
        name: &'static str,
        /// What is wrong.
        why: &'static str,
        /// [`Level::Error`] fails the step.
        level: Level,
    },
}

/// What a printed value is kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// `set-output`: an output of the step.
    Output,
    /// `save-state`: state for an action's later stages.
    State,
    /// `set-env`: a variable of the steps that follow.
    Env,
}

impl Kept {
    /// The command's name.
    pub fn command(self) -> &'static str {
        match self {
            Kept::Output => "set-output",
            Kept::State => "save-state",
            Kept::Env => "set-env",
        }
    }

    /// The environment variable that names the file which does the same.
    pub fn variable(self) -> &'static str {
        match self {
            Kept::Output => "GITHUB_OUTPUT",
            Kept::State => "GITHUB_STATE",
            Kept::Env => "GITHUB_ENV",
        }
    }
}

/// Which problem matchers are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The one of this owner.
    Owner(String),
    /// Those whose owners stand in this file.
    File(String),
}

/// Whether a line that begins so may be a command; it is held back until it has ended.
pub fn may_begin(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    [&b"::"[..], b"##["].iter().any(|mark| line.starts_with(mark) || mark.starts_with(line))
}

/// The command that a line is, without its line end; `None` if it is an ordinary line.
pub fn parse(line: &[u8]) -> Option<Command> {
    let line = line.trim_ascii_start();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let parts = if let Some(rest) = line.strip_prefix(b"::") {
        memmem::find(rest, b"::").map(|end| Parts::new(&rest[..end], &rest[end + 2..], b','))
    } else {
        let rest = line.strip_prefix(b"##[")?;
        memchr::memchr(b']', rest).map(|end| Parts::new(&rest[..end], &rest[end + 1..], b';'))
    };
    match parts.and_then(|p| p.command()) {
        Some(command) => Some(command),
        None => {
            let name = &line[if line.starts_with(b"::") { 2 } else { 3 }..];
            let name = name.trim_ascii_start();
            let add_mask = name.len() >= ADD_MASK.len()
                && name[..ADD_MASK.len()].eq_ignore_ascii_case(ADD_MASK)
                && !name.get(ADD_MASK.len()).is_some_and(|b| b.is_ascii_alphanumeric());
            add_mask.then_some(Command::MalformedAddMask)
        }
    }
}

const ADD_MASK: &[u8] = b"add-mask";
const STOP: &str = "stop-commands";
/// The name of [`Command::AddPath`].
pub const ADD_PATH: &str = "add-path";

/// The value of an `add-mask` that stands within a line: printed by `set -x`, or behind a time stamp. The
/// line itself is ordinary.
pub fn wrapped_add_mask(line: &[u8]) -> Option<Vec<u8>> {
    let value = [&b"::add-mask::"[..], b"##[add-mask]"]
        .iter()
        .find_map(|mark| memmem::find(line, mark).map(|at| &line[at + mark.len()..]))?;
    let value = value.trim_ascii_end();
    let value = value.strip_suffix(b"'").or(value.strip_suffix(b"\"")).unwrap_or(value);
    Some(unescape(value, MESSAGE))
}

/// Whether [`wrapped_add_mask`] could find one in these lines.
pub fn mentions_add_mask(lines: &[u8]) -> bool {
    memmem::find(lines, ADD_MASK).is_some()
}

struct Parts<'a> {
    name: &'a [u8],
    properties: &'a [u8],
    separator: u8,
    message: &'a [u8],
}

impl<'a> Parts<'a> {
    fn new(head: &'a [u8], message: &'a [u8], separator: u8) -> Self {
        let (name, properties) = match memchr::memchr(b' ', head) {
            Some(space) => (&head[..space], &head[space + 1..]),
            None => (head, &head[..0]),
        };
        Parts { name, properties, separator, message }
    }

    fn command(&self) -> Option<Command> {
        let is = |name: &str| self.name.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("add-mask") => Some(Command::AddMask(unescape(self.message, MESSAGE))),
            () if is("group") => Some(Command::Group(self.message())),
            () if is("endgroup") => Some(Command::EndGroup),
            () if is("error") => Some(self.annotate(Level::Error)),
            () if is("warning") => Some(self.annotate(Level::Warning)),
            () if is("notice") => Some(self.annotate(Level::Notice)),
            () if is("debug") => Some(self.annotate(Level::Debug)),
            () if is(STOP) => Some(self.stop()),
            () if is("echo") => Some(self.echo()),
            () if is("set-output") => Some(self.keep(Kept::Output)),
            () if is("save-state") => Some(self.keep(Kept::State)),
            () if is("add-matcher") => Some(self.add_matcher()),
            () if is("remove-matcher") => Some(self.remove_matcher()),
            () if is("set-env") => Some(self.keep(Kept::Env)),
            () if is(ADD_PATH) => Some(self.add_path()),
            () => None,
        }
    }

    /// A token that is empty or a command's own name would never end the stop, or end it by accident.
    fn stop(&self) -> Command {
        let token = self.message.trim_ascii();
        let named = Parts { name: token, properties: b"", message: b"x", ..*self };
        let taken = || {
            let reserved = [STOP, "pause-logging"];
            reserved.iter().any(|name| token.eq_ignore_ascii_case(name.as_bytes()))
                || named.command().is_some()
        };
        if token.is_empty() || taken() {
            let why = "its token must be neither empty nor the name of a command";
            return Command::Malformed { name: STOP, why, level: Level::Error };
        }
        Command::Stop(token.to_vec())
    }

    fn echo(&self) -> Command {
        let value = self.message.trim_ascii();
        match () {
            () if value.eq_ignore_ascii_case(b"on") => Command::Echo(true),
            () if value.eq_ignore_ascii_case(b"off") => Command::Echo(false),
            () => Command::Malformed { name: "echo", why: "it takes `on` or `off`", level: Level::Error },
        }
    }

    fn keep(&self, what: Kept) -> Command {
        let malformed = |why| Command::Malformed { name: what.command(), why, level: Level::Error };
        let Some(name) = self.property("name") else { return malformed("the property `name` is missing") };
        let value = self.message();
        // What a process can't be started with.
        if what == Kept::Env && (name.contains(['=', '\0']) || value.contains('\0')) {
            return malformed("there is a `=` in its name, or a NUL byte");
        }
        Command::Keep { what, name, value }
    }

    fn add_path(&self) -> Command {
        let malformed = |why| Command::Malformed { name: ADD_PATH, why, level: Level::Error };
        match self.message() {
            path if path.is_empty() => malformed("the path is missing"),
            path if path.contains('\0') => malformed("there is a NUL byte in the path"),
            path => Command::AddPath(path),
        }
    }

    fn add_matcher(&self) -> Command {
        match self.message() {
            file if file.is_empty() => Command::Malformed {
                name: "add-matcher",
                why: "the path of a file is missing",
                level: Level::Warning,
            },
            file => Command::AddMatcher(file),
        }
    }

    fn remove_matcher(&self) -> Command {
        match (self.property("owner"), self.message()) {
            (Some(owner), file) if file.is_empty() => Command::RemoveMatcher(Whose::Owner(owner)),
            (None, file) if !file.is_empty() => Command::RemoveMatcher(Whose::File(file)),
            _ => Command::Malformed {
                name: "remove-matcher",
                why: "it takes either an owner or the path of a file",
                level: Level::Warning,
            },
        }
    }

    fn annotate(&self, level: Level) -> Command {
        let number = |key| self.property(key).and_then(|n| n.trim().parse().ok());
        let span = |start: Option<u32>, end: Option<u32>| match (start.or(end), end) {
            (Some(start), Some(end)) if end < start => (None, None),
            whole => whole,
        };
        let (line, end_line) = span(number("line"), number("endLine"));
        let (mut column, mut end_column) = span(number("col"), number("endColumn"));
        // Columns of a span of several lines, or of no line, mean nothing.
        if line.is_none() || end_line.is_some_and(|end| Some(end) != line) {
            (column, end_column) = (None, None);
        }
        let (title, file) = (self.property("title"), self.property("file"));
        let message = self.message();
        Command::Annotate(Annotation { level, message, title, file, line, end_line, column, end_column })
    }

    fn message(&self) -> String {
        text(&unescape(self.message, MESSAGE))
    }

    /// A property's value, unless it is empty; of several the last.
    fn property(&self, key: &str) -> Option<String> {
        self.properties.rsplit(|b| *b == self.separator).find_map(|pair| {
            let at = memchr::memchr(b'=', pair)?;
            let value = unescape(&pair[at + 1..], PROPERTY);
            let found = pair[..at].trim_ascii().eq_ignore_ascii_case(key.as_bytes());
            (found && !value.is_empty()).then(|| text(&value))
        })
    }
}

/// Whether a line ends a stop of commands.
pub fn resumes(line: &[u8], token: &[u8]) -> bool {
    let line = line.trim_ascii();
    let named = |start: &[u8], end: &[u8]| {
        line.strip_prefix(start)
            .and_then(|rest| rest.split_at_checked(token.len()))
            .is_some_and(|(name, rest)| name.eq_ignore_ascii_case(token) && rest.starts_with(end))
    };
    named(b"::", b"::") || named(b"##[", b"]")
}

const MESSAGE: &[(&[u8], u8)] = &[(b"25", b'%'), (b"0D", b'\r'), (b"0A", b'\n')];
const PROPERTY: &[(&[u8], u8)] = &[
    (b"25", b'%'),
    (b"0D", b'\r'),
    (b"0A", b'\n'),
    (b"3A", b':'),
    (b"2C", b','),
    (b"3B", b';'),
    (b"5D", b']'),
];

fn unescape(text: &[u8], escapes: &[(&[u8], u8)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        let code = rest.get(at + 1..at + 3).unwrap_or_default();
        match escapes.iter().find(|(escape, _)| code == *escape) {
            Some((_, byte)) => {
                out.push(*byte);
                rest = &rest[at + 3..];
            }
            None => {
                out.push(b'%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

fn text(bytes: &[u8]) -> String {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(s) => s.to_string(),
        Cow::Owned(s) => s,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn annotation(line: &str) -> Annotation {
        match parse(line.as_bytes()) {
            Some(Command::Annotate(a)) => a,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn both_notations_are_read() {
        let new = annotation(
            "  ::error file=a%2Cb.rs,line=3,endLine=3,col=7,title=Type%3A bad::it%0Abroke: 50%25%3A%0a\r",
        );
        let old = annotation(
            "##[error file=a,b.rs;line=2;line=3;endLine=3;col=7;title=Type: bad]it%0Abroke: 50%25%3A%0a",
        );
        assert_eq!(new, old);
        assert_eq!(new.message, "it\nbroke: 50%%3A%0a");
        assert_eq!((new.file.as_deref(), new.line, new.column), (Some("a,b.rs"), Some(3), Some(7)));
        assert_eq!(new.title.as_deref(), Some("Type: bad"));
        assert_eq!(parse(b"::GROUP::Build"), Some(Command::Group("Build".into())));
        assert_eq!(parse(b"##[endgroup]"), Some(Command::EndGroup));
    }

    #[test]
    fn odd_annotations_keep_what_can_be_kept() {
        let odd = annotation("::warning line=-1,file=,col=x,=,,title::m");
        assert_eq!(odd, Annotation::new(Level::Warning, "m"));
    }

    #[test]
    fn spans_are_those_of_github() {
        for (properties, lines, columns) in [
            ("line=3,endLine=3,col=7,endColumn=9", (Some(3), Some(3)), (Some(7), Some(9))),
            ("line=3,col=7", (Some(3), None), (Some(7), None)),
            ("endLine=3", (Some(3), Some(3)), (None, None)),
            ("line=3,endColumn=9", (Some(3), None), (Some(9), Some(9))),
            ("col=7,endColumn=9", (None, None), (None, None)),
            ("line=3,endLine=4,col=7", (Some(3), Some(4)), (None, None)),
            ("line=3,endLine=2", (None, None), (None, None)),
            ("line=3,col=9,endColumn=7", (Some(3), None), (None, None)),
        ] {
            let found = annotation(&format!("::error {properties}::m"));
            assert_eq!((found.line, found.end_line), lines, "{properties}");
            assert_eq!((found.column, found.end_column), columns, "{properties}");
        }
    }

    #[test]
    fn what_is_no_command_is_an_ordinary_line() {
        for line in [
            "",
            ":",
            "::",
            "::::",
            "::std::vector",
            "::1 is the loopback",
            "##[unknown]x",
            "## [group]x",
            "x ::group::y",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn add_mask_is_never_an_ordinary_line() {
        assert_eq!(parse(b"::add-mask::a%0Ab c"), Some(Command::AddMask(b"a\nb c".to_vec())));
        assert_eq!(parse(b"##[Add-Mask]abc"), Some(Command::AddMask(b"abc".to_vec())));
        assert_eq!(parse(b"::add-mask::"), Some(Command::AddMask(vec![])));
        for line in ["::add-mask abc", "::add-mask:abc", ":: add-mask::abc", "##[add-mask abc", "::ADD-MASK"]
        {
            assert_eq!(parse(line.as_bytes()), Some(Command::MalformedAddMask), "{line}");
        }
        assert_eq!(wrapped_add_mask(b"+ echo '::add-mask::s3cret'"), Some(b"s3cret".to_vec()));
        assert_eq!(wrapped_add_mask(b"12:00 ##[add-mask]s3cret\r"), Some(b"s3cret".to_vec()));
        assert_eq!(wrapped_add_mask(b"about add-mask"), None);
    }

    #[test]
    fn values_are_kept_under_a_name() {
        let keep = |what, name: &str, value: &str| {
            Some(Command::Keep { what, name: name.into(), value: value.into() })
        };
        assert_eq!(parse(b"::set-output name=a::b%0Ac::d"), keep(Kept::Output, "a", "b\nc::d"));
        assert_eq!(parse(b"##[save-state name=a]"), keep(Kept::State, "a", ""));
        assert_eq!(parse(b"::set-env name=a::b=c"), keep(Kept::Env, "a", "b=c"));
        assert_eq!(parse(b"::add-path::/a"), Some(Command::AddPath("/a".into())));
        for line in ["::set-env name=a=b::c", "::set-env name=a::b\0", "::add-path::", "::add-path::/\0"] {
            assert!(matches!(parse(line.as_bytes()), Some(Command::Malformed { .. })), "{line:?}");
        }
        assert!(matches!(
            parse(b"::set-output a=b::c"),
            Some(Command::Malformed { name: "set-output", level: Level::Error, .. })
        ));
    }

    #[test]
    fn echo_and_matchers_say_what_they_mean() {
        assert_eq!(parse(b"::echo::On "), Some(Command::Echo(true)));
        assert!(matches!(parse(b"::echo::x"), Some(Command::Malformed { level: Level::Error, .. })));
        assert_eq!(parse(b"::add-matcher::a.json"), Some(Command::AddMatcher("a.json".into())));
        let owner = Command::RemoveMatcher(Whose::Owner("tsc".into()));
        assert_eq!(parse(b"::remove-matcher owner=tsc::"), Some(owner));
        let file = Command::RemoveMatcher(Whose::File("a.json".into()));
        assert_eq!(parse(b"::remove-matcher::a.json"), Some(file));
        for line in ["::add-matcher::", "::remove-matcher::", "::remove-matcher owner=tsc::a.json"] {
            let warned =
                matches!(parse(line.as_bytes()), Some(Command::Malformed { level: Level::Warning, .. }));
            assert!(warned, "{line}");
        }
    }

    #[test]
    fn a_stop_needs_a_token_that_can_end_it() {
        assert_eq!(parse(b"::stop-commands::t0k"), Some(Command::Stop(b"t0k".to_vec())));
        for token in ["", "group", "set-output", "Stop-Commands", "pause-logging"] {
            let line = format!("::stop-commands::{token}");
            assert!(matches!(parse(line.as_bytes()), Some(Command::Malformed { .. })), "{token}");
        }
        assert!(resumes(b" ::T0k::\r", b"t0k"));
        assert!(!resumes(b"::t0k2::", b"t0k"));
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "(::|##\\[|[ \t])?(add-mask|error|stop-commands|x)?[ =,;:%\\]a-f0-9é]{0,40}") {
            let _ = (parse(line.as_bytes()), wrapped_add_mask(line.as_bytes()), resumes(line.as_bytes(), b"x"));
        }

        #[test]
        fn a_command_is_held_from_its_first_byte_on(line in "[ ]?(::|##\\[)group(::|\\])x", cut in 0..14usize) {
            let cut = cut.min(line.len());
            prop_assert!(may_begin(&line.as_bytes()[..cut]));
        }

        #[test]
        fn escaped_text_comes_back(text in "[a%0-9AaDd:,\r\n]{0,30}") {
            let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
            prop_assert_eq!(unescape(escaped.as_bytes(), MESSAGE), text.as_bytes());
        }
    }
}
