//! Carries out the commands that a step prints.

use crate::mask::Floor;

use super::super::command::{ADD_PATH, Command, Kept};
use super::super::event::{Annotation, Event, Level};
use super::super::matcher;
use super::Rest;
use super::kept::PATH_VARIABLE;

/// Most annotations of one step that are told as such; more of them are lines of its log.
const MAX_ANNOTATIONS: usize = 1000;
/// Deepest nesting of groups that are told as such; deeper ones are lines of the log.
const MAX_GROUPS: usize = 32;

impl Rest<'_> {
    /// Carries out the command that a line, without its end, was.
    pub(super) fn apply(&mut self, command: Command, line: &[u8]) {
        let (job, step) = (self.job.clone(), self.step);
        if self.echo && is_echoed(&command) {
            self.show(line);
        }
        match command {
            Command::AddMask(value) => {
                if self.echo {
                    self.show(b"::add-mask::***");
                }
                let added = self.output.masker().add_from_step("the value given to add-mask", &value);
                match added {
                    Ok(()) => {}
                    // Said once: nothing that comes later will fit either.
                    Err(refused) if refused.why == Floor::Full => self.tell("add-mask", refused.to_string()),
                    Err(refused) => self.warn(refused.to_string()),
                }
            }
            Command::MalformedAddMask => self.warn(
                "a malformed add-mask command was hidden, but nothing was masked; write `::add-mask::VALUE`"
                    .into(),
            ),
            Command::Group(title) => {
                self.groups += 1;
                if self.groups <= MAX_GROUPS {
                    self.emit(Event::GroupStarted { job, step, title });
                } else {
                    self.show(line);
                }
            }
            Command::EndGroup => self.end_group(),
            Command::Annotate(mut annotation) => {
                if let Some(matching) = &self.matching {
                    annotation.file = annotation.file.map(|file| matcher::within(file, &matching.workspace));
                }
                if !self.annotate(annotation) {
                    self.show(line);
                }
            }
            Command::Stop(token) => self.stopped = Some(token),
            Command::Resume => {}
            Command::Echo(on) => self.echo = on,
            Command::Keep { what: Kept::Env, .. } if !self.may_change_later_steps => {
                self.refuse(Kept::Env.command(), Kept::Env.variable());
            }
            Command::Keep { what, name, value } => {
                let kept = self.kept.add(what, name, value);
                self.deprecated(what.command(), what.variable(), kept);
            }
            Command::AddPath(_) if !self.may_change_later_steps => self.refuse(ADD_PATH, PATH_VARIABLE),
            Command::AddPath(path) => {
                let kept = self.kept.add_path(path);
                self.deprecated(ADD_PATH, PATH_VARIABLE, kept);
            }
            Command::AddMatcher(_) | Command::RemoveMatcher(_) if self.matching.is_none() => {
                self.tell(
                    "add-matcher",
                    "this step has no problem matchers, so the command has no effect".into(),
                );
            }
            Command::AddMatcher(file) => {
                if let Err(why) = self.add_matchers(&file) {
                    self.fail("add-matcher", &why);
                }
            }
            Command::RemoveMatcher(whose) => {
                if let Err(why) = self.remove_matchers(whose) {
                    self.fail("remove-matcher", &why);
                }
            }
            Command::Malformed { name, why, level: Level::Error } => self.fail(name, why),
            Command::Malformed { name, why, .. } => self.warn(format!("the command `{name}`: {why}")),
        }
    }

    /// Tells of a command whose value was kept that there is a file for it; fails where it wasn't kept.
    fn deprecated(&mut self, command: &'static str, variable: &str, kept: Result<(), String>) {
        match kept {
            Ok(()) => self.tell(
                command,
                format!("the command `{command}` is deprecated; write to the file ${variable}"),
            ),
            Err(why) => self.fail(command, &why),
        }
    }

    fn refuse(&mut self, command: &'static str, variable: &str) {
        let why = format!(
            "what a step prints may come from anyone, so it can't set this for the steps that follow \
             (rule `unsecure-command`); write to the file ${variable}"
        );
        self.fail(command, &why);
    }

    /// A command that can't be carried out fails the step, as on GitHub. What is repeated is told once.
    fn fail(&mut self, command: &'static str, why: &str) {
        let message = format!("the command `{command}` was not carried out: {why}");
        if self.failure.is_none() {
            self.failure = Some(format!("the command `{command}` was not carried out"));
        }
        if self.told_failure != message {
            self.told_failure.clone_from(&message);
            self.annotate(Annotation::new(Level::Error, message));
        }
    }

    /// Warns about a command, once.
    fn tell(&mut self, command: &'static str, message: String) {
        if !self.told.contains(&command) {
            self.told.push(command);
            self.warn(message);
        }
    }

    pub(super) fn warn(&mut self, message: String) {
        self.annotate(Annotation::new(Level::Warning, message));
    }

    /// Annotates after what was printed before; `false` where it is one of too many.
    fn annotate(&mut self, annotation: Annotation) -> bool {
        let shown = match annotation.level {
            Level::Debug => self.output.options().debug,
            _ if self.count_annotation() => true,
            _ => return false,
        };
        if !shown {
            return true;
        }
        self.emit(Event::Annotation { job: self.job.clone(), step: Some(self.step), annotation });
        true
    }

    /// Counts an annotation; `false` where it is one of too many.
    pub(super) fn count_annotation(&mut self) -> bool {
        let fits = self.annotations < MAX_ANNOTATIONS;
        if fits {
            self.annotations += 1;
        } else {
            self.too_many += 1;
        }
        fits
    }

    /// Says how many annotations were too many.
    pub(super) fn tell_too_many(&mut self) {
        let more = std::mem::take(&mut self.too_many);
        if more > 0 {
            let message =
                format!("{more} more annotations are only in the log: a step has {MAX_ANNOTATIONS} at most");
            self.note(message);
        }
    }

    /// Ends the innermost group, if there is one.
    fn end_group(&mut self) {
        if (1..=MAX_GROUPS).contains(&self.groups) {
            self.emit(Event::GroupEnded { job: self.job.clone(), step: self.step });
        }
        self.groups = self.groups.saturating_sub(1);
    }

    /// Ends all groups that the step left open.
    pub(super) fn end_groups(&mut self) {
        self.groups = self.groups.min(MAX_GROUPS);
        while self.groups > 0 {
            self.end_group();
        }
    }

    /// A command's line as an ordinary one.
    fn show(&mut self, line: &[u8]) {
        self.text(line);
        self.text(b"\n");
    }
}

/// Whether `::echo::on` shows a command. What shows anyway, and a value to mask, isn't repeated.
fn is_echoed(command: &Command) -> bool {
    !matches!(
        command,
        Command::AddMask(_)
            | Command::MalformedAddMask
            | Command::Annotate(_)
            | Command::Stop(_)
            | Command::Resume
            | Command::Malformed { .. }
    )
}
