//! One command of a step: what it is started with, its attempts, its end, and what it said to the runner.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use palisade_sandbox::{Command, Error, Reached, Sandbox, StartStage, Status, Stdio};

use super::contexts::inside;
use super::execute::Running;
use super::files::{CommandFile, FileError, MAX_PASSED_ON, Said, StepFiles};
use super::process::{self, Stop, Watch};
use super::shell::Shell;
use super::step::Outcome;
use crate::expr::{Object, Value};
use crate::output::event::{Conclusion, Level};
use crate::output::{Matching, Printed, StepLog, clock};

/// A command to run.
pub struct Order<'a> {
    /// The job's step that it is of.
    pub index: usize,
    /// `github.action`
    pub action: &'a str,
    /// The step's environment.
    pub env: &'a Object,
    /// Variables that are this command's own (`INPUT_…`, `STATE_…`).
    pub own: Vec<(String, String)>,
    /// Where it runs.
    pub directory: &'a str,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// The command itself.
    pub what: What<'a>,
}

/// What is run.
pub enum What<'a> {
    /// A script.
    Script {
        /// Its text.
        text: &'a str,
        /// What runs it.
        shell: &'a Shell,
    },
    /// Programs with their arguments: the first that exists.
    Programs(Vec<Vec<String>>),
}

/// When a step has to end.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// The moment.
    pub at: Instant,
    /// The time that was given.
    pub given: Duration,
}

impl Deadline {
    /// The end of a time that begins now; none for one that is too long to end.
    pub fn of(given: Duration) -> Option<Deadline> {
        Some(Deadline { at: Instant::now().checked_add(given)?, given })
    }
}

/// Runs it to its end.
pub fn run(job: &mut Running<'_>, order: &Order<'_>) -> (Said, Outcome) {
    let mut files = std::mem::replace(&mut job.files, StepFiles::named());
    if let Err(e) = files.make(job.dir) {
        return (Said::default(), Outcome::failed(format!("cannot make the step's files: {e}")));
    }
    let script = match &order.what {
        What::Script { text, shell } => {
            let name = files.script_name(shell.extension);
            if let Err(e) = job.dir.write(&name, 0o644, text.as_bytes()) {
                return (Said::default(), Outcome::failed(format!("cannot write the step's script: {e}")));
            }
            Some(name)
        }
        What::Programs(_) => None,
    };
    let launch = Launch {
        index: order.index,
        environment: environment(job, order, &files),
        directory: order.directory,
        deadline: earliest(job, order.timeout.and_then(Deadline::of)),
    };
    let (mut outcome, printed) = attempts(job, order, &launch, script.as_deref());
    let (mut said, mut errors) = files.collect(job.dir, printed);
    files.remove(job.dir);
    if job.passed_on + said.size() > MAX_PASSED_ON {
        said = Said { summary: said.summary, ..Said::default() };
        errors.push(FileError::TooMuch);
    }
    job.passed_on += said.size();
    if let Some(name) = script {
        let _ = job.dir.remove(&name);
    }
    for error in errors {
        job.execution.annotate(Some(order.index), Level::Error, error.to_string());
        if error.fails_step() && outcome.conclusion == Conclusion::Success {
            outcome = Outcome::failed("what it wrote for the runner was not accepted");
        }
    }
    (said, outcome)
}

/// The earliest end of a step and of those that it is within.
pub fn earliest(job: &Running<'_>, own: Option<Deadline>) -> Option<Deadline> {
    let frames = job.outer.iter().chain([&job.frame]).filter_map(|frame| frame.deadline);
    frames.chain(own).min_by_key(|deadline| deadline.at)
}

fn attempts(
    job: &mut Running<'_>,
    order: &Order<'_>,
    launch: &Launch<'_>,
    script: Option<&str>,
) -> (Outcome, Said) {
    let (candidates, shown): (Vec<Vec<String>>, String) = match &order.what {
        What::Script { shell, .. } => {
            let path = format!("{}/{}", inside::TEMP, script.unwrap_or_default());
            (shell.invocations(&path).collect(), shell.display())
        }
        What::Programs(programs) => (
            programs.clone(),
            programs.iter().flat_map(|p| p.first()).cloned().collect::<Vec<_>>().join("` or `"),
        ),
    };
    let (sandbox, path) = (job.sandbox, job.execution.place.tools.path.clone());
    let read = move |file: &Path, most: u64| read_file(sandbox, &path, file, most);
    let matching = Matching {
        matchers: job.matchers.clone(),
        workspace: job.execution.place.workspace.clone(),
        read: &read,
    };
    let log = job.execution.output.step_log(&job.execution.name, launch.index);
    let mut log = log.matching(matching).may_change_later_steps(allows_unsecure_commands(order.env));
    let mut outcome = Outcome::failed(format!("no program for `{shown}` was found"));
    for words in candidates {
        match attempt(job, launch, &words, &mut log) {
            Attempt::NoProgram(why) => outcome = why,
            Attempt::Done(done) => {
                outcome = done;
                break;
            }
        }
    }
    let printed = log.finish();
    if let Some(reason) = &printed.failure
        && outcome.conclusion == Conclusion::Success
    {
        outcome = Outcome::failed(reason);
    }
    let Printed { outputs, state, env, path, .. } = printed;
    (outcome, Said { outputs, state, env, path, ..Said::default() })
}

/// Whether a step may print `set-env` and `add-path`. Source: "Deprecating set-env and add-path commands" in GitHub's
/// changelog of 1 October 2020.
fn allows_unsecure_commands(env: &Object) -> bool {
    let value = env.get("ACTIONS_ALLOW_UNSECURE_COMMANDS").map(Value::to_display_string);
    value.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// What became of one invocation.
enum Attempt {
    /// There is no such program; another may be tried.
    NoProgram(Outcome),
    Done(Outcome),
}

/// What all attempts at a command have in common.
struct Launch<'a> {
    index: usize,
    environment: Vec<(String, String)>,
    directory: &'a str,
    deadline: Option<Deadline>,
}

fn attempt(job: &mut Running<'_>, launch: &Launch<'_>, words: &[String], log: &mut StepLog<'_>) -> Attempt {
    let Launch { index, environment, directory, deadline } = launch;
    let failed = |reason: String| Attempt::Done(Outcome::failed(reason));
    let Some((program, args)) = words.split_first() else { return failed("`shell` is empty".into()) };
    let pipe = process::output_pipe().and_then(|(read, write)| Ok((read, write.try_clone()?, write)));
    let (output, stdout, stderr) = match pipe {
        Ok(pipe) => pipe,
        Err(e) => return failed(format!("cannot make a pipe for the step's output: {e}")),
    };
    let mut command = Command::new(program)
        .args(args)
        .current_dir(directory)
        .stdout(Stdio::Fd(stdout))
        .stderr(Stdio::Fd(stderr));
    for (name, value) in environment {
        command = command.env(name, value);
    }
    let child = match job.sandbox.spawn(command) {
        Ok(child) => child,
        Err(error) => return failed(error.to_string()),
    };
    let watch = Watch {
        cancel: job.execution.cancel,
        already_asked: job.cancelled.is_some(),
        step_deadline: deadline.map(|deadline| deadline.at),
        job_deadline: job.deadline,
    };
    let before = job.sandbox.reached();
    let ended = process::wait(job.sandbox, child, output, log, &watch, &mut job.buffer);
    let exit = match ended.exit {
        Ok(exit) => exit,
        Err(Error::Start { what: StartStage::Exec, errno: nix::errno::Errno::ENOENT, .. }) => {
            let reason = format!("`{program}` was not found on the job's PATH, which is its shell");
            return Attempt::NoProgram(Outcome::failed(reason));
        }
        Err(Error::Start { what: StartStage::CurrentDir, errno, .. }) => {
            return failed(format!("cannot enter working directory `{directory}`: {errno}"));
        }
        Err(error) => return failed(error.to_string()),
    };
    if exit.stragglers > 0 {
        let message = match exit.stragglers {
            1 => "left a process behind, which was killed".to_owned(),
            many => format!("left {many} processes behind, which were killed"),
        };
        job.execution.annotate(Some(*index), Level::Notice, message);
    }
    tell_limits(job, *index, before);
    Attempt::Done(match ended.stop {
        Some(stop) => stopped(job, stop, *deadline),
        None => match exit.status {
            Status::Code(0) => Outcome { conclusion: Conclusion::Success, reason: None },
            Status::Code(code) => Outcome::failed(format!("exit code {code}")),
            Status::Signal(signal) => Outcome::failed(format!("ended by signal {signal}")),
        },
    })
}

/// Says which limits of the job its step reached.
fn tell_limits(job: &Running<'_>, step: usize, before: Reached) {
    let now = job.sandbox.reached();
    let tell = |message| job.execution.annotate(Some(step), Level::Error, message);
    let killed = now.killed - before.killed;
    if killed > 0 {
        let limit = "`memory` in [sandbox.limits] of the runner's configuration";
        tell(format!(
            "the job's memory was used up, and the kernel ended {killed} of its processes ({limit})"
        ));
    }
    let refused = now.refused - before.refused;
    if refused > 0 {
        let limit = "`processes` in [sandbox.limits] of the runner's configuration";
        tell(format!(
            "the job had all the processes that it may have, and {refused} weren't started ({limit})"
        ));
    }
}

/// How a step ended whose command was stopped.
pub fn stopped(job: &mut Running<'_>, stop: Stop, deadline: Option<Deadline>) -> Outcome {
    match stop {
        Stop::Cancelled => {
            job.look_for_cancellation();
            Outcome { conclusion: Conclusion::Cancelled, reason: Some("the run was cancelled".into()) }
        }
        Stop::StepTimeout => {
            let minutes = deadline.map_or(0.0, |deadline| clock::minutes(deadline.given));
            Outcome::failed(format!("exceeded its timeout of {minutes} minutes"))
        }
        Stop::JobTimeout => {
            let reason = if job.cancelled.is_some() {
                "exceeded the time that a cancelled job has left"
            } else {
                job.cancel();
                "the job exceeded its timeout"
            };
            Outcome { conclusion: Conclusion::Cancelled, reason: Some(reason.into()) }
        }
    }
}

/// The whole environment of a step's process.
fn environment(job: &Running<'_>, order: &Order<'_>, files: &StepFiles) -> Vec<(String, String)> {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let tools = &job.execution.place.tools;
    let mut all = vec![
        own("HOME", "/home/runner"),
        own("USER", "runner"),
        own("LOGNAME", "runner"),
        own("LANG", "C.UTF-8"),
        own("CI", "true"),
    ];
    all.extend(tools.env.iter().cloned());
    all.extend(order.env.iter().map(|(name, value)| own(name, &value.to_display_string())));
    let base = order.env.get("PATH").map(|path| path.to_display_string().into_owned());
    let base = base.unwrap_or_else(|| tools.path.clone());
    let path: Vec<&str> = job.path.iter().rev().map(String::as_str).chain([base.as_str()]).collect();
    all.push(own("PATH", &path.join(":")));
    all.extend(order.own.iter().cloned());
    all.extend(job.variables.iter().cloned());
    all.extend(job.identity.variables());
    all.push(own("GITHUB_ACTION", order.action));
    if let Some(scope) = &job.frame.action {
        all.push(own("GITHUB_ACTION_PATH", &scope.path));
        all.push(own("GITHUB_ACTION_REPOSITORY", &scope.repository));
        all.push(own("GITHUB_ACTION_REF", &scope.reference));
    }
    if job.execution.output.options().debug {
        all.push(own("RUNNER_DEBUG", "1"));
    }
    for file in CommandFile::ALL {
        all.push((file.variable().to_owned(), format!("{}/{}", inside::TEMP, files.name(file))));
    }
    let twins: Vec<_> = job.execution.run.twins(&all).collect();
    all.extend(twins);
    all
}

/// How long a look inside the sandbox may take, in seconds: a file may be a pipe that nobody writes to.
const LOOK_SECONDS: &str = "5";

/// Reads a file as a process inside the sandbox sees it: what the workspace holds is the steps' work, and its
/// links lead where they lead there. Any failure to open it is [`io::ErrorKind::NotFound`].
pub fn read_file(sandbox: &Sandbox, path: &str, file: &Path, most: u64) -> io::Result<Vec<u8>> {
    let bytes = (most + 1).to_string();
    let words = ["head", "-c", &bytes, "--"].map(OsStr::new);
    look(sandbox, path, words.into_iter().chain([file.as_os_str()]), most)
}

/// The major version of the Node.js that is on a `PATH` in the sandbox; `None` where it doesn't say.
pub fn node_version(sandbox: &Sandbox, path: &str) -> Option<u32> {
    let said = look(sandbox, path, ["node", "--version"].map(OsStr::new).into_iter(), 64).ok()?;
    let said = std::str::from_utf8(&said).ok()?;
    said.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// What a short command inside the sandbox prints, up to so many bytes.
fn look<'w>(
    sandbox: &Sandbox,
    path: &str,
    words: impl Iterator<Item = &'w OsStr>,
    most: u64,
) -> io::Result<Vec<u8>> {
    let (reader, writer) = io::pipe()?;
    let command = Command::new("timeout")
        .args(["-s", "KILL", LOOK_SECONDS])
        .args(words)
        .env("PATH", path)
        .current_dir("/")
        .stdout(Stdio::Fd(OwnedFd::from(writer)));
    let child = sandbox.spawn(command).map_err(io::Error::other)?;
    let mut content = Vec::new();
    reader.take(most + 1).read_to_end(&mut content)?;
    let exit = child.wait().map_err(io::Error::other)?;
    match exit.status {
        Status::Code(0) if content.len() as u64 > most => {
            Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")))
        }
        Status::Code(0) => Ok(content),
        Status::Code(124 | 137) | Status::Signal(_) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "it could not be read in time"))
        }
        Status::Code(_) => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such file to read")),
    }
}
