//! A step that uses an action of palisade's own: its inputs, and the job as the action sees it.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use palisade_sandbox::{Command, Status, Stdio};

use super::action::{Use, due};
use super::command::{Deadline, earliest, stopped};
use super::contexts::inside;
use super::execute::Running;
use super::files::Said;
use super::post::{Post, Stage};
use super::process::{self, Watch};
use super::step::Outcome;
use crate::egress::Mode;
use crate::expr::{EvalError, Object, Template};
use crate::native::{Failure, Host, Inputs, Native, PostIf, Poured, Tree};
use crate::output::StepLog;
use crate::output::event::{Event, Level};
use crate::store::{Artifact, Stores};

/// Runs it; gives what it said for the step.
pub fn run(job: &mut Running<'_>, used: &Use<'_>, native: Native) -> (Said, Outcome) {
    let inputs = match inputs(job, used, native) {
        Ok(inputs) => inputs,
        Err(error) => return (Said::default(), error.into()),
    };
    // What is to be done after it is due also where it fails.
    if native.description().post != PostIf::Never {
        let post = Post {
            name: used.name.to_owned(),
            action: used.action.to_owned(),
            stage: Stage::Native { native, inputs: inputs.clone() },
            env: used.env.clone(),
            trail: job.trail.clone(),
        };
        due(job, post);
    }
    let deadline = earliest(job, used.timeout.and_then(Deadline::of));
    let mut step = Step::new(job, used.index, &used.env, deadline, Vec::new());
    let ended = native.main(&mut step, &inputs);
    let (mut said, outcome) = step.end(ended);
    job.saved.insert(job.trail.clone(), std::mem::take(&mut said.state));
    (said, outcome)
}

/// Runs its last stage.
pub fn post(
    job: &mut Running<'_>,
    index: usize,
    native: Native,
    inputs: &Inputs,
    env: &Object,
) -> (Said, Outcome) {
    let state = job.saved.remove(&job.trail).unwrap_or_default();
    let mut step = Step::new(job, index, env, None, state);
    let ended = native.post(&mut step, inputs);
    step.end(ended)
}

/// What is given, defaults for the rest.
fn inputs(job: &Running<'_>, used: &Use<'_>, native: Native) -> Result<Inputs, EvalError> {
    let view = job.view(Some(&used.env), Some(used.action));
    let mut inputs = Inputs::default();
    used.with.evaluate(&view, |name, value| inputs.set(name, value))?;
    for input in native.description().inputs {
        if !inputs.has(input.name) {
            let default = Template::parse(input.default).map_err(|e| EvalError::new(e.to_string()))?;
            inputs.set(input.name, default.evaluate(&view)?);
        }
    }
    Ok(inputs)
}

/// One stage of an action while it runs.
struct Step<'s, 'j> {
    job: &'s mut Running<'j>,
    index: usize,
    env: &'s Object,
    deadline: Option<Deadline>,
    state: Vec<(String, String)>,
    log: StepLog<'s>,
    said: Said,
}

impl<'s, 'j> Step<'s, 'j> {
    fn new(
        job: &'s mut Running<'j>,
        index: usize,
        env: &'s Object,
        deadline: Option<Deadline>,
        state: Vec<(String, String)>,
    ) -> Self {
        let log = job.execution.output.step_log(&job.execution.name, index);
        Step { job, index, env, deadline, state, log, said: Said::default() }
    }

    fn end(self, ended: Result<(), Failure>) -> (Said, Outcome) {
        let failure = self.log.finish().failure;
        let outcome = match (ended, failure) {
            (Err(Failure { conclusion, reason }), _) => Outcome { conclusion, reason: Some(reason) },
            (Ok(()), Some(reason)) => Outcome::failed(reason),
            (Ok(()), None) => Outcome::SUCCESS,
        };
        (self.said, outcome)
    }

    fn wait(&mut self, command: Command, captured: Option<usize>) -> Result<(Status, Vec<u8>), Failure> {
        let (output, writer) = process::output_pipe().map_err(no_pipe)?;
        match captured {
            Some(limit) => self.end_of(command.stdout(Stdio::Fd(writer)), output, limit),
            None => {
                let second = writer.try_clone().map_err(no_pipe)?;
                let command = command.stdout(Stdio::Fd(writer)).stderr(Stdio::Fd(second));
                let child = self.job.sandbox.spawn(command).map_err(|e| e.to_string())?;
                let watch = watch(self.job, self.deadline);
                let ended = process::wait(
                    self.job.sandbox,
                    child,
                    output,
                    &mut self.log,
                    &watch,
                    &mut self.job.buffer,
                );
                Ok((self.status(ended)?, Vec::new()))
            }
        }
    }

    /// Waits for a command's end and gives what comes out of a pipe.
    fn end_of(&mut self, command: Command, output: File, limit: usize) -> Result<(Status, Vec<u8>), Failure> {
        let child = self.job.sandbox.spawn(command).map_err(|e| e.to_string())?;
        let watch = watch(self.job, self.deadline);
        let mut kept = process::Captured::new(limit);
        let ended = process::wait(self.job.sandbox, child, output, &mut kept, &watch, &mut self.job.buffer);
        let status = self.status(ended)?;
        match kept.content() {
            Some(content) => Ok((status, content)),
            None => Err("a command said more than is read of it".into()),
        }
    }

    fn status(&mut self, ended: process::Ended) -> Result<Status, Failure> {
        let exit = ended.exit.map_err(|e| e.to_string())?;
        match ended.stop {
            None => Ok(exit.status),
            Some(stop) => {
                let Outcome { conclusion, reason } = stopped(self.job, stop, self.deadline);
                Err(Failure { conclusion, reason: reason.unwrap_or_default() })
            }
        }
    }
}

fn watch<'w>(job: &Running<'w>, deadline: Option<Deadline>) -> Watch<'w> {
    Watch {
        cancel: job.execution.cancel,
        already_asked: job.cancelled.is_some(),
        step_deadline: deadline.map(|deadline| deadline.at),
        job_deadline: job.deadline,
    }
}

fn no_pipe(error: io::Error) -> Failure {
    format!("cannot make a pipe for a command's output: {error}").into()
}

/// Takes all that comes out of a pipe.
fn drain(mut pipe: io::PipeReader, into: &mut (dyn Write + Send)) -> io::Result<()> {
    io::copy(&mut pipe, into)?;
    into.flush()
}

impl Host for Step<'_, '_> {
    fn github(&self, key: &str) -> String {
        self.job.execution.run.github_text(key)
    }

    fn event(&self, pointer: &str) -> String {
        let event: serde_json::Value =
            serde_json::from_str(&self.job.execution.run.event).unwrap_or_default();
        match event.pointer(pointer) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).map(|value| value.to_display_string().into_owned())
    }

    fn workspace(&self) -> &Path {
        &self.job.execution.place.workspace
    }

    fn path(&self) -> &str {
        &self.job.execution.place.tools.path
    }

    fn tree(&self) -> Tree {
        self.job.execution.place.tree
    }

    fn repository(&self) -> Option<&str> {
        self.job.execution.place.repository.then_some(inside::REPOSITORY)
    }

    fn offline(&self) -> bool {
        self.job.execution.place.network.mode == Mode::None
    }

    fn say(&mut self, text: &str) {
        self.log.write(text.as_bytes());
    }

    fn warn(&mut self, message: String) {
        self.job.execution.annotate(Some(self.index), Level::Warning, message);
    }

    fn mask(&mut self, value: &str) {
        // What is refused, such as one letter, would mask all of the log.
        let _ = self.job.execution.output.masker().add_from_step("add-mask", value.as_bytes());
    }

    fn set_output(&mut self, name: &str, value: &str) {
        self.said.outputs.push((name.to_owned(), value.to_owned()));
    }

    fn save_state(&mut self, name: &str, value: &str) {
        self.said.state.push((name.to_owned(), value.to_owned()));
    }

    fn state(&self, name: &str) -> Option<&str> {
        self.state.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn write_temp(&mut self, name: &str, mode: u32, content: &[u8]) -> std::io::Result<()> {
        self.job.dir.write(name, mode, content)
    }

    fn remove_temp(&mut self, name: &str) -> std::io::Result<()> {
        self.job.dir.remove(name)
    }

    fn run(&mut self, command: Command) -> Result<Status, Failure> {
        // Nothing that the command prints can foresee it.
        let token = RandomState::new().hash_one(0);
        self.log.write(format!("::stop-commands::{token:016x}\n").as_bytes());
        let ended = self.wait(command, None);
        let end = if self.log.is_within_line() { "\n" } else { "" };
        self.log.write(format!("{end}::{token:016x}::\n").as_bytes());
        Ok(ended?.0)
    }

    fn capture(&mut self, command: Command, limit: usize) -> Result<(Status, Vec<u8>), Failure> {
        self.wait(command, Some(limit))
    }

    fn pour(
        &mut self,
        command: Command,
        into: &mut (dyn Write + Send),
        limit: usize,
    ) -> Result<Poured, Failure> {
        let (poured, spout) = io::pipe().map_err(no_pipe)?;
        let (output, writer) = process::output_pipe().map_err(no_pipe)?;
        let command = command.stdout(Stdio::Fd(spout.into())).stderr(Stdio::Fd(writer));
        // The pipe ends with the command, whatever ends it; and the command with the pipe, where that isn't drained.
        std::thread::scope(|scope| {
            let draining = scope.spawn(|| drain(poured, into));
            let ended = self.end_of(command, output, limit);
            let taken = draining.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
            ended.map(|(status, said)| Poured { status, said, taken })
        })
    }

    fn stores(&self) -> Arc<Stores> {
        self.job.execution.stores.clone()
    }

    fn secret_in(&self, text: &str) -> Option<Arc<str>> {
        self.job.execution.output.masker().whole_secret(text)
    }

    fn uploaded(&mut self, artifact: &Artifact) {
        self.job.execution.output.emit(Event::Artifact {
            job: self.job.execution.name.clone(),
            step: self.index,
            id: artifact.id,
            name: artifact.name.to_string(),
            size: artifact.size,
            digest: format!("sha256:{}", artifact.digest),
            path: artifact.path.display().to_string(),
        });
    }
}
