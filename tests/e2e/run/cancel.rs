//! Stopping a run.

use super::steps;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::{Context, Events, Outcome};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

/// Runs a workflow and sends SIGINT each time that a step prints `ready`.
fn interrupted(jobs: &str) -> (Outcome, Events) {
    let context = Context::new();
    context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{jobs}"));
    let mut command = context.palisade().args(["run", "--json"]).into_command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    let mut stdout = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("\"text\":\"ready\\n\"") {
            kill(pid, Signal::SIGINT).unwrap();
        }
        stdout.push_str(&line);
        stdout.push('\n');
    }
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let outcome = Outcome { code: child.wait().unwrap().code(), signal: None, stdout, stderr };
    let events = Events::of(&outcome);
    (outcome, events)
}

#[test]
fn once_lets_the_running_step_end_and_runs_what_always_runs() {
    let first = steps(
        "
      - run: |
          trap 'echo got INT; exit 0' INT
          echo ready
          sleep 1000 & wait
      - run: echo never
      - { if: always(), run: 'echo always ${{ job.status }}' }
      - { if: cancelled(), run: echo cancelled }
",
    );
    let (outcome, events) = interrupted(&format!(
        "{first}  b: {{ needs: a, runs-on: x, steps: [{{ run: echo never }}] }}
  c: {{ needs: a, if: always(), runs-on: x, steps: [{{ run: echo c }}] }}
"
    ));
    assert_eq!(outcome.code, Some(130), "{outcome}");
    assert_eq!(events.log("a"), "ready\ngot INT\nalways cancelled\ncancelled\n");
    assert_eq!(["a", "b", "c"].map(|job| events.result(job)), ["cancelled", "cancelled", "success"]);
}

#[test]
fn twice_ends_everything_at_once() {
    let (outcome, events) = interrupted(&steps(
        "
      - run: trap '' INT TERM; echo ready; sleep 0.3; echo ready; while :; do sleep 1; done
      - { if: always(), run: echo never }
",
    ));
    assert_eq!(outcome.code, Some(130), "{outcome}");
    assert_eq!(events.log("a"), "ready\nready\n");
    assert_eq!(events.result("a"), "cancelled");
}
