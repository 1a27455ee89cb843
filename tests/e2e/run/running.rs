//! A run in a process of its own, beside others.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::{Context, Events, Outcome};
use serde_json::Value;

/// A run of its own process, whose events are read one by one.
pub struct Running {
    pub child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    said: String,
}

impl Running {
    /// Starts a workflow of the context.
    pub fn start(context: &Context, file: &str) -> Running {
        Running::start_with(context, file, &[])
    }

    /// Starts a workflow of the context with these options.
    pub fn start_with(context: &Context, file: &str, args: &[&str]) -> Running {
        let mut command = context.palisade().args(["run", "--json", file]).args(args).into_command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines, said: String::new() }
    }

    /// Reads events up to one that fits.
    pub fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.said.push_str(&line);
            self.said.push('\n');
            let event: Value = serde_json::from_str(&line).unwrap();
            if fits(&event) {
                return event;
            }
        }
        panic!("there is no such event in\n{}", self.said);
    }

    /// As [`until`](Self::until), unless there was such an event already.
    pub fn until_ever(&mut self, fits: impl Fn(&Value) -> bool) {
        let has_said = self.said.lines().any(|line| fits(&serde_json::from_str(line).unwrap()));
        if !has_said {
            self.until(fits);
        }
    }

    /// Reads up to a line that a step prints.
    pub fn until_printed(&mut self, text: &str) {
        let printed =
            |event: &Value| event["text"].as_str().is_some_and(|log| log.lines().any(|line| line == text));
        self.until(|event| event["event"] == "log" && printed(event));
    }

    /// Reads up to the word that it waits, and gives that.
    pub fn until_it_waits(&mut self) -> String {
        self.until(|event| event["event"] == "waiting")["message"].as_str().unwrap().to_owned()
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).unwrap();
    }

    /// Reads to the end.
    pub fn end(mut self) -> (Outcome, Events) {
        for line in self.lines.by_ref() {
            self.said.push_str(&line.unwrap());
            self.said.push('\n');
        }
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = self.child.wait().unwrap().code();
        let outcome = Outcome { code, signal: None, stdout: self.said, stderr };
        let events = Events::of(&outcome);
        (outcome, events)
    }

    /// The run's id.
    pub fn id(&mut self) -> String {
        self.until(|event| event["event"] == "run_started")["run"].as_str().unwrap().to_owned()
    }
}
