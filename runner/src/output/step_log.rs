//! What a step prints, on its way to the sinks: lines, workflow commands, masks.
//!
//! Whole blocks of lines go through at once. Of each line only the first byte is looked at, which tells
//! nearly always that it is no command.

use std::time::Duration;

use crate::mask::MaskStream;

use super::Output;
use super::command::{self, Annotation, Command};
use super::event::{Event, JobName, Level};
use super::lines::{Lines, MAX_LINE, Piece};
use super::masked::MaskedText;

/// The output of one running step. Dropping it finishes it.
pub struct StepLog {
    lines: Lines,
    /// Something came in since the last flush.
    fresh: bool,
    rest: Rest,
}

/// What comes after the lines are made.
struct Rest {
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
    /// Commands whose refusal the step was told.
    told: Vec<&'static str>,
}

impl StepLog {
    /// After so much silence of the step, call [`StepLog::flush_idle`].
    pub const SILENCE: Duration = Duration::from_millis(100);

    pub(super) fn new(output: Output, job: JobName, step: usize) -> Self {
        let mask = output.masker().stream();
        let rest = Rest {
            output,
            job,
            step,
            mask,
            ready: Vec::new(),
            stopped: None,
            command_line: false,
            told: Vec::new(),
        };
        StepLog { lines: Lines::default(), fresh: false, rest }
    }

    /// Takes what the step printed, in chunks as large as they come, and hands whole lines out. Workflow
    /// commands take effect before the next byte. Blocks while a sink does.
    pub fn write(&mut self, chunk: &[u8]) {
        let rest = &mut self.rest;
        self.lines.push(chunk, |piece| rest.take(piece));
        rest.hand_out(Unfinished::Waits);
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
    }

    /// Ends the stream: shows all that is left.
    pub fn finish(self) {}
}

impl Drop for StepLog {
    fn drop(&mut self) {
        let rest = &mut self.rest;
        self.lines.finish(|piece| rest.take(piece));
        rest.mask.finish(&mut rest.ready);
        rest.hand_out(Unfinished::Shows);
    }
}

/// What to do with a line that has no end yet.
#[derive(PartialEq)]
enum Unfinished {
    Waits,
    Shows,
}

impl Rest {
    fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Lines(block) => self.lines(block),
            // Only a line that is too long is given in part although it may be a command.
            Piece::Begin(part) => match self.recognise(part) {
                Some(command) => {
                    self.command_line = true;
                    self.apply(command);
                }
                None => self.text(part),
            },
            Piece::More(_) | Piece::End(_) if self.command_line => {
                self.command_line = !matches!(piece, Piece::End(_));
            }
            Piece::More(part) | Piece::End(part) => self.text(part),
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
                self.apply(command);
                done = end;
            } else if wrapped
                && self.stopped.is_none()
                && let Some(value) = command::wrapped_add_mask(line)
            {
                self.text(&block[done..at]);
                // What is refused here was no more than a mention.
                let _ = self.output.masker().add_bytes("add-mask", &value);
                done = at;
            }
            at = end;
        }
        self.text(&block[done..]);
    }

    fn recognise(&mut self, line: &[u8]) -> Option<Command> {
        match &self.stopped {
            None => command::parse(line),
            Some(token) if command::resumes(line, token) => {
                self.stopped = None;
                Some(Command::Ignored)
            }
            Some(_) => None,
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        self.mask.push(bytes, &mut self.ready);
    }

    fn apply(&mut self, command: Command) {
        let (job, step) = (self.job.clone(), self.step);
        match command {
            Command::AddMask(value) => {
                let added = self.output.masker().add_bytes("the value given to add-mask", &value);
                if let Err(refused) = added {
                    self.warn(refused.to_string());
                }
            }
            Command::MalformedAddMask => self.warn(
                "a malformed add-mask command was hidden, but nothing was masked; write `::add-mask::VALUE`"
                    .into(),
            ),
            Command::Group(title) => self.emit(Event::GroupStarted { job, step, title }),
            Command::EndGroup => self.emit(Event::GroupEnded { job, step }),
            Command::Annotate(Annotation { level, message, title, file, line, column }) => {
                if level != Level::Debug || self.output.options().debug {
                    let step = Some(step);
                    self.emit(Event::Annotation { job, step, level, message, title, file, line, column });
                }
            }
            Command::Stop(token) => self.stopped = Some(token),
            Command::Ignored => {}
            Command::Refused { name, instead } => {
                if !self.told.contains(&name) {
                    self.told.push(name);
                    self.warn(format!("the command `{name}` is not served; write to the file ${instead}"));
                }
            }
        }
    }

    fn warn(&mut self, message: String) {
        let (job, step) = (self.job.clone(), Some(self.step));
        self.emit(Event::Annotation {
            job,
            step,
            level: Level::Warning,
            message,
            title: None,
            file: None,
            line: None,
            column: None,
        });
    }

    /// Emits an event after what was printed before it.
    fn emit(&mut self, event: Event) {
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
            self.output.emit_log(&self.job, self.step, text);
        }
    }
}

impl std::fmt::Debug for StepLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepLog")
            .field("job", &self.rest.job)
            .field("step", &self.rest.step)
            .finish_non_exhaustive()
    }
}
