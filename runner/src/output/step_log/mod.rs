//! What a step prints, on its way to the sinks: lines, workflow commands, masks.
//!
//! Whole blocks of lines go through at once. Of each line only the first byte is looked at, which tells
//! nearly always that it is no command.

mod apply;
mod kept;
mod matching;

use std::time::Duration;

use crate::mask::detect::{Action, Rule};
use crate::mask::{Caught, MaskStream};

use super::Output;
use super::command::{self, Command};
use super::event::{Annotation, Event, JobName, Level};
use super::lines::{Lines, MAX_LINE, Piece};
use super::masked::MaskedText;
use super::matcher::Scan;
pub use kept::Printed;
use kept::Values;
pub use matching::Matching;

/// The output of one running step. Dropping it finishes it.
pub struct StepLog<'a> {
    lines: Lines,
    /// Something came in since the last flush.
    fresh: bool,
    rest: Rest<'a>,
}

/// What comes after the lines are made.
struct Rest<'a> {
    output: Output,
    job: JobName,
    step: usize,
    mask: MaskStream,
    /// Masked, but not handed out.
    ready: Vec<u8>,
    /// Takes no commands until this token comes.
    stopped: Option<Vec<u8>>,
    /// The current line was a command, cut because of its length.
    command_line: bool,
    /// Commands are shown besides being carried out.
    echo: bool,
    /// Commands that the step was warned of.
    told: Vec<&'static str>,
    /// The last failure that the step was told.
    told_failure: String,
    /// Why the step fails.
    failure: Option<String>,
    /// What it printed for the steps that follow.
    kept: Values,
    /// `set-env` and `add-path` are carried out.
    may_change_later_steps: bool,
    /// How many groups are open.
    groups: usize,
    /// How many annotations it made.
    annotations: usize,
    /// How many more it made, which are only in the log.
    too_many: usize,
    /// Kinds of credentials that the step was told of.
    caught: Vec<&'static Rule>,
    /// What matchers need of the job.
    matching: Option<Matching<'a>>,
    /// The job's matchers, as far as they are within problems of several lines.
    scan: Scan,
    /// The beginning of a line that has no end yet, for matchers.
    unfinished: String,
}

impl<'a> StepLog<'a> {
    /// Looks for problems with the job's matchers, which the step may change.
    pub fn matching(mut self, matching: Matching<'a>) -> Self {
        self.rest.scan.renew(&matching.matchers);
        self.rest.matching = Some(matching);
        self
    }

    /// Whether the commands `set-env` and `add-path` are carried out; else they are refused. Who sees to it that
    /// nothing foreign is printed may allow it.
    pub fn may_change_later_steps(mut self, allowed: bool) -> Self {
        self.rest.may_change_later_steps = allowed;
        self
    }
}

impl StepLog<'_> {
    /// After so much silence of the step, call [`StepLog::flush_idle`].
    pub const SILENCE: Duration = Duration::from_millis(100);

    pub(super) fn new(output: Output, job: JobName, step: usize) -> Self {
        let mask = output.masker().stream();
        let rest = Rest {
            echo: output.options().debug,
            output,
            job,
            step,
            mask,
            ready: Vec::new(),
            stopped: None,
            command_line: false,
            told: Vec::new(),
            told_failure: String::new(),
            failure: None,
            kept: Values::default(),
            may_change_later_steps: false,
            groups: 0,
            annotations: 0,
            too_many: 0,
            caught: Vec::new(),
            matching: None,
            scan: Scan::default(),
            unfinished: String::new(),
        };
        StepLog { lines: Lines::default(), fresh: false, rest }
    }

    /// Takes what the step printed, in chunks as large as they come, and hands whole lines out. Workflow
    /// commands take effect before the next byte. Blocks while a sink does.
    pub fn write(&mut self, chunk: &[u8]) {
        let rest = &mut self.rest;
        self.lines.push(chunk, |piece| rest.take(piece));
        rest.hand_out(Unfinished::Waits);
        rest.tell_caught();
        self.fresh = true;
    }

    /// Whether a flush could show more than is shown.
    pub fn wants_flush(&self) -> bool {
        self.fresh
            && (!self.lines.waiting().0.is_empty() || !self.rest.ready.is_empty() || self.rest.mask.holds())
    }

    /// Shows an unfinished line, such as a prompt, unless it may begin a command or ends with what may begin
    /// a secret.
    pub fn flush_idle(&mut self) {
        self.fresh = false;
        let (waiting, at_start) = self.lines.waiting();
        let command = at_start && command::may_begin(waiting) || command::mentions_add_mask(waiting);
        if !command {
            let rest = &mut self.rest;
            self.lines.flush(|piece| rest.take(piece));
        }
        self.rest.mask.flush_after_silence(&mut self.rest.ready);
        self.rest.hand_out(Unfinished::Shows);
        self.rest.tell_caught();
    }

    /// Whether the last line has no end yet.
    pub fn is_within_line(&self) -> bool {
        !self.lines.is_at_line_start()
    }

    /// Ends the stream: shows all that is left.
    pub fn finish(mut self) -> Printed {
        self.end();
        let Values { outputs, state, env, path, .. } = std::mem::take(&mut self.rest.kept);
        Printed { failure: self.rest.failure.take(), outputs, state, env, path }
    }

    fn end(&mut self) {
        let rest = &mut self.rest;
        self.lines.finish(|piece| rest.take(piece));
        rest.mask.finish(&mut rest.ready);
        rest.hand_out(Unfinished::Shows);
        rest.tell_caught();
        rest.end_groups();
        rest.tell_too_many();
    }
}

impl Drop for StepLog<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// What to do with a line that has no end yet.
#[derive(PartialEq)]
enum Unfinished {
    Waits,
    Shows,
}

impl Rest<'_> {
    fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Lines(block) => self.lines(block),
            // Only a line that is too long is given in part although it may be a command.
            Piece::Begin(part) => match self.recognise(part) {
                Some(command) => {
                    self.command_line = true;
                    self.apply(command, part);
                }
                None => self.text(part),
            },
            Piece::More(_) | Piece::End(_) if self.command_line => {
                self.command_line = !matches!(piece, Piece::End(_));
            }
            Piece::More(part) => self.text(part),
            Piece::End(part) => {
                self.learn_wrapped(part);
                self.text(part);
            }
            Piece::Cut(dropped) if self.command_line => {
                self.command_line = false;
                self.warn(format!(
                    "a workflow command was longer than 1 MiB; its last {dropped} bytes were dropped"
                ));
            }
            Piece::Cut(dropped) => {
                // What would tell whether the tail is a secret was dropped, so the tail goes too.
                let dropped = dropped + self.mask.abandon() as u64;
                self.text(format!(" [palisade: line cut after 1 MiB, {dropped} bytes dropped]\n").as_bytes());
            }
        }
    }

    fn lines(&mut self, block: &[u8]) {
        let wrapped = command::mentions_add_mask(block);
        let (mut done, mut at) = (0, 0);
        while at < block.len() {
            let end = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |i| at + i + 1);
            let line = block[at..end].strip_suffix(b"\n").unwrap_or(&block[at..end]);
            if matches!(block[at], b':' | b'#' | b' ' | b'\t')
                && let Some(command) = self.recognise(line)
            {
                self.text(&block[done..at]);
                self.apply(command, line);
                done = end;
            } else if wrapped {
                self.text(&block[done..at]);
                self.learn_wrapped(line);
                done = at;
            }
            at = end;
        }
        self.text(&block[done..]);
    }

    /// Registers the value of an `add-mask` within a line, which itself stays and is masked.
    fn learn_wrapped(&mut self, line: &[u8]) {
        if self.stopped.is_none()
            && let Some(value) = command::wrapped_add_mask(line)
        {
            // What is refused here was no more than a mention.
            let _ = self.output.masker().add_from_step("add-mask", &value);
        }
    }

    fn recognise(&mut self, line: &[u8]) -> Option<Command> {
        match &self.stopped {
            None => command::parse(line),
            Some(token) if command::resumes(line, token) => {
                self.stopped = None;
                Some(Command::Resume)
            }
            Some(_) => None,
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        self.mask.push(bytes, &mut self.ready);
    }

    /// Tells of credentials that nobody registered, each kind once, and of secrets that were shown too early.
    fn tell_caught(&mut self) {
        for Caught { rule, action } in self.mask.caught() {
            if action == Action::Fail && self.failure.is_none() {
                self.failure = Some(format!("it printed a credential, {} ({})", rule.what, rule.id));
            }
            if !self.caught.iter().any(|known| known.id == rule.id) {
                self.caught.push(rule);
                self.note(format!(
                    "a credential that is no registered secret was masked: {} ({}); if it is real, revoke it",
                    rule.what, rule.id
                ));
            }
        }
        for late in self.output.masker().untold() {
            self.note(late.to_string());
        }
    }

    /// Palisade's own word.
    fn note(&self, message: String) {
        let annotation = Annotation::new(Level::Warning, message);
        self.output.emit(Event::Annotation { job: self.job.clone(), step: Some(self.step), annotation });
    }

    /// Emits an event after what was printed before it.
    fn emit(&mut self, event: Event) {
        self.mask.interrupt(&mut self.ready);
        self.hand_out(Unfinished::Waits);
        self.output.emit(event);
    }

    fn hand_out(&mut self, unfinished: Unfinished) {
        // A mask can swallow line ends, so that there need not be one for long.
        let whole = match memchr::memrchr(b'\n', &self.ready) {
            Some(last) if unfinished == Unfinished::Waits => last + 1,
            None if unfinished == Unfinished::Waits && self.ready.len() < MAX_LINE => 0,
            _ => self.ready.len(),
        };
        if whole > 0 {
            let waits = self.ready.split_off(whole);
            let text = MaskedText::from_stream(std::mem::replace(&mut self.ready, waits));
            if self.scan.is_idle() {
                self.output.emit_log(&self.job, self.step, text);
            } else {
                self.hand_out_matched(&text);
            }
        }
    }
}

impl std::fmt::Debug for StepLog<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepLog")
            .field("job", &self.rest.job)
            .field("step", &self.rest.step)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::super::{Masked, Options, Sink};
    use super::*;
    use crate::mask::Masker;

    /// Keeps events in a short notation.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Sink for Notes {
        fn name(&self) -> String {
            "notes".into()
        }

        fn event(&mut self, event: &Masked) -> io::Result<()> {
            let mut notes = self.0.lock().unwrap();
            let before = notes.pop_if(|n| matches!(&**event, Event::Log { .. }) && n.starts_with("log: "));
            notes.push(match &**event {
                Event::Log { text, .. } => before.unwrap_or("log: ".into()) + text,
                Event::GroupStarted { title, .. } => format!("group: {title}"),
                Event::GroupEnded { .. } => "group ends".into(),
                Event::Annotation { annotation: Annotation { level, message, .. }, .. } => {
                    format!("{level:?}: {message}")
                }
                other => format!("{other:?}"),
            });
            Ok(())
        }
    }

    fn through(secrets: &[&str], debug: bool, write: impl FnOnce(&mut StepLog)) -> (Vec<String>, u64) {
        let (seen, masked, _) = whole(secrets, debug, write);
        (seen, masked)
    }

    fn whole(secrets: &[&str], debug: bool, write: impl FnOnce(&mut StepLog)) -> (Vec<String>, u64, Printed) {
        let masker = Masker::new();
        for secret in secrets {
            masker.add_bytes("test", secret.as_bytes()).unwrap();
        }
        let notes = Notes::default();
        let output = Output::new(masker, vec![Box::new(notes.clone())], Options { debug });
        let mut log = output.step_log(&JobName("build".into()), 0);
        write(&mut log);
        let printed = log.finish();
        let seen = std::mem::take(&mut *notes.0.lock().unwrap());
        (seen, output.masker().masked(), printed)
    }

    fn notes(secrets: &[&str], text: &str) -> Vec<String> {
        let whole = through(secrets, false, |log| log.write(text.as_bytes())).0;
        let bytes = through(secrets, false, |log| text.bytes().for_each(|b| log.write(&[b]))).0;
        assert_eq!(whole, bytes, "chunks must not matter");
        whole
    }

    #[test]
    fn commands_take_effect_in_their_place() {
        insta::assert_debug_snapshot!(
            notes(&["s3cret-token"], "one\n::group::with s3cret-token\ntwo s3cret-token\n##[endgroup]\n\
                ::error file=a.rs,line=1::it broke%0Abadly\n::debug::not now\n::set-output name=a::b\n\
                ::set-output name=c::d\n::std::vector\nlast"),
            @r#"
        [
            "log: one\n",
            "group: with ***",
            "log: two ***\n",
            "group ends",
            "Error: it broke\nbadly",
            "Warning: the command `set-output` is deprecated; write to the file $GITHUB_OUTPUT",
            "log: ::std::vector\nlast\n",
        ]
        "#
        );
        let shown = through(&[], true, |log| log.write(b"::debug::now\n")).0;
        assert_eq!(shown, ["Debug: now"]);
    }

    #[test]
    fn printed_values_are_handed_over_unmasked() {
        let text = "::set-output name=a::b s3cret-token\n::save-state name=c::d\n::set-output name=a::e\n";
        let (seen, _, printed) = whole(&["s3cret-token"], false, |log| log.write(text.as_bytes()));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(printed.outputs, [pair("a", "b s3cret-token"), pair("a", "e")]);
        assert_eq!(printed.state, [pair("c", "d")]);
        assert_eq!(printed.failure, None);
        assert_eq!(seen.len(), 2, "one warning for each command: {seen:?}");
    }

    #[test]
    fn a_command_that_cannot_be_carried_out_fails_the_step() {
        let text = "::set-env name=a::b\n::set-env name=c::d\n::add-path::/x\n::echo::maybe\nnext\n";
        let (seen, _, printed) = whole(&[], false, |log| log.write(text.as_bytes()));
        let unsecure = "what a step prints may come from anyone, so it can't set this for the steps that follow \
                        (rule `unsecure-command`); write to the file";
        assert_eq!(
            seen,
            [
                format!("Error: the command `set-env` was not carried out: {unsecure} $GITHUB_ENV"),
                format!("Error: the command `add-path` was not carried out: {unsecure} $GITHUB_PATH"),
                "Error: the command `echo` was not carried out: it takes `on` or `off`".into(),
                "log: next\n".into(),
            ]
        );
        assert_eq!(printed.failure.as_deref(), Some("the command `set-env` was not carried out"));
    }

    #[test]
    fn echo_shows_the_commands_that_follow() {
        let text = "::group::a\n::echo::on\n::endgroup::\n::add-mask::my-value\n::set-output name=a::my-value\n\
                    ::notice::n\n::echo::off\n::group::b\n";
        let (seen, ..) = whole(&[], false, |log| log.write(text.as_bytes()));
        assert_eq!(
            seen,
            [
                "group: a",
                "log: ::endgroup::\n",
                "group ends",
                "log: ::add-mask::***\n::set-output name=a::***\n",
                "Warning: the command `set-output` is deprecated; write to the file $GITHUB_OUTPUT",
                "Notice: n",
                "log: ::echo::off\n",
                "group: b",
                "group ends",
            ]
        );
    }

    #[test]
    fn groups_nest_and_each_has_its_end() {
        assert_eq!(
            notes(&[], "::endgroup::\n::group::a\n::group::b\n::endgroup::\nx\n"),
            ["group: a", "group: b", "group ends", "log: x\n", "group ends"]
        );
        let deep = through(&[], false, |log| log.write("::group::g\n".repeat(1_000).as_bytes())).0;
        assert_eq!(deep.iter().filter(|s| *s == "group: g").count(), 32);
        assert_eq!(deep.iter().filter(|s| *s == "group ends").count(), 32);
    }

    #[test]
    fn annotations_beyond_the_limit_are_lines_of_the_log() {
        let text: String = (0..1_010).map(|i| format!("::warning::{i}\n")).collect();
        let seen = through(&[], false, |log| log.write(text.as_bytes())).0;
        assert_eq!(seen.iter().filter(|s| s.starts_with("Warning: ")).count(), 1_001);
        assert!(seen[1_000].starts_with("log: ::warning::1000\n::warning::1001\n"), "{}", seen[1_000]);
        let last = "Warning: 10 more annotations are only in the log: a step has 1000 at most";
        assert_eq!(seen.last().map(String::as_str), Some(last));
    }

    #[test]
    fn a_value_is_masked_from_the_line_after_its_add_mask() {
        assert_eq!(
            notes(
                &[],
                "my-value\n::add-mask::my-value\nmy-value\n+ echo '::add-mask::other-value'\nother-value\n"
            ),
            [
                "log: my-value\n***\n+ echo '::add-mask::***'\n***\n",
                "Warning: `the value given to add-mask` was shown 1 line before it was known to be secret, and can't \
                 be taken back: revoke it",
            ]
        );
    }

    #[test]
    fn an_add_mask_that_fails_shows_no_value_and_says_so() {
        insta::assert_debug_snapshot!(
            notes(&[], "::add-mask my-value\n::add-mask::80\n::add-mask::\nok\n"),
            @r#"
        [
            "Warning: a malformed add-mask command was hidden, but nothing was masked; write `::add-mask::VALUE`",
            "Warning: `the value given to add-mask` is not masked: it has fewer than 4 characters, which would mask ordinary text everywhere",
            "Warning: `the value given to add-mask` is not masked: it is empty",
            "log: ok\n",
        ]
        "#
        );
        let huge = format!("::add-mask::{}\nok\n", "secret".repeat(MAX_LINE / 3));
        let seen = through(&[], false, |log| log.write(huge.as_bytes())).0;
        insta::assert_debug_snapshot!(seen, @r#"
        [
            "Warning: `the value given to add-mask` is not masked: it is longer than 48 KiB",
            "Warning: a workflow command was longer than 1 MiB; its last 1048586 bytes were dropped",
            "log: ok\n",
        ]
        "#);
    }

    #[test]
    fn a_flood_of_add_masks_is_bounded_and_said_once() {
        let value = |i: u64| format!("{:016x}", (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (seen, masked) = through(&[], false, |log| {
            for i in 0..5_000 {
                log.write(format!("::add-mask::{}\n{}\n", value(i), value(7)).as_bytes());
            }
        });
        let full = "Warning: `the value given to add-mask` is not masked: too many values are masked already";
        assert_eq!(seen.iter().filter(|s| *s == full).count(), 1);
        assert!(masked >= 5_000 - 7);
    }

    #[test]
    fn stopped_commands_are_ordinary_lines() {
        assert_eq!(
            notes(&[], "::stop-commands::t0k3n\n::group::x\n::add-mask::my-value\n::t0k3n::\n::group::y\n"),
            ["log: ::group::x\n::add-mask::my-value\n", "group: y", "group ends"]
        );
    }

    #[test]
    fn a_prompt_shows_after_silence_unless_it_may_be_a_secret_or_a_command() {
        let masker = Masker::new();
        masker.add_bytes("test", b"s3cret-token").unwrap();
        let notes = Notes::default();
        let output = Output::new(masker, vec![Box::new(notes.clone())], Options::default());
        let mut log = output.step_log(&JobName("build".into()), 0);
        for (text, shown) in [
            ("Name: ", "Name: "),
            ("x\n:", "Name: x\n"),
            (":add-mask::va", "Name: x\n"),
            ("lue-of-it\nToken s3cret", "Name: x\nToken "),
            ("-token", "Name: x\nToken ***"),
            (" ::add-mask::other-value", "Name: x\nToken ***"),
            ("\nother-value", "Name: x\nToken *** ::add-mask::***\n***"),
        ] {
            log.write(text.as_bytes());
            assert!(log.wants_flush(), "{text}");
            log.flush_idle();
            assert!(!log.wants_flush());
            assert_eq!(notes.0.lock().unwrap().concat(), format!("log: {shown}"), "{text}");
        }
    }

    #[test]
    fn a_line_that_is_cut_within_a_secret_shows_none_of_it() {
        let line = format!("{}s3cret-token\nnext\n", "x".repeat(MAX_LINE - 6));
        let (seen, _) = through(&["s3cret-token"], false, |log| log.write(line.as_bytes()));
        let text = seen.concat();
        assert!(!text.contains("s3"), "{}", &text[text.len() - 100..]);
        let (_, end) = text.rsplit_once("x [palisade: line cut after 1 MiB, ").unwrap();
        assert!(end.ends_with(" bytes dropped]\nnext\n"), "{end}");
    }

    proptest! {
        #[test]
        fn no_chunking_or_silence_lets_a_secret_out(
            lines in proptest::collection::vec(
                "(::|##\\[)?(group|add-mask|error|stop-commands|t)?(::|\\])?(s3cret-token|s3cr|\r| |x){0,4}",
                0..12,
            ),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
            silences in any::<u32>(),
        ) {
            let text = lines.join("\n");
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let (seen, _) = through(&["s3cret-token"], false, |log| {
                for (i, cut) in cuts.windows(2).enumerate() {
                    log.write(&text.as_bytes()[cut[0]..cut[1]]);
                    if silences >> i & 1 == 1 {
                        log.flush_idle();
                    }
                }
            });
            prop_assert!(!seen.concat().contains("s3cret-token"), "{:?}", seen);
            let whole = through(&["s3cret-token"], false, |log| log.write(text.as_bytes())).0;
            // What a later `add-mask` names is masked where it is still held.
            if !text.contains("add-mask") {
                prop_assert_eq!(seen, whole);
            }
        }
    }
}
