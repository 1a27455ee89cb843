//! Whatever happens and in whatever order, every job ends once at its forge, with each row of its log once and in
//! order. `PALISADE_TEST_SEED=N` has the same things happen again.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_proto::forgejo::Conclusion;
use palisade_tests::Random;
use palisade_tests::forge::{Fault, Forge, Job};

use crate::host::Host;

/// Jobs of one schedule.
const JOBS: usize = 6;
/// What happens while they run.
const INCIDENTS: usize = 8;
/// Rows that each job prints.
const TICKS: usize = 12;

#[test]
fn every_job_ends_once_with_each_row_once_and_in_order() {
    for seed in [Random::seed(), Random::seed() + 1] {
        // A failure shows which it was.
        println!("PALISADE_TEST_SEED={seed}");
        Schedule::new(seed).run();
    }
}

struct Schedule {
    random: Random,
    forge: Forge,
    host: Host,
    tasks: Vec<i64>,
    /// How a task may end besides by itself.
    disturbed: BTreeMap<i64, Conclusion>,
}

impl Schedule {
    fn new(seed: u64) -> Schedule {
        let forge = Forge::start();
        let host = Host::at(&forge);
        host.configure("[daemon]\ncapacity = 2\n");
        Schedule { random: Random::new(seed), forge, host, tasks: Vec::new(), disturbed: BTreeMap::new() }
    }

    fn run(&mut self) {
        self.host.start();
        for number in 0..JOBS {
            self.tasks.push(self.forge.enqueue(job(number)));
        }
        for _ in 0..INCIDENTS {
            self.go_on();
            self.happen();
        }
        self.forge.heal();
        for task in self.tasks.clone() {
            self.check(task);
        }
        self.host.is_idle();
        assert_eq!(self.forge.violations(), Vec::<String>::new());
    }

    /// Lets some calls pass.
    fn go_on(&mut self) {
        let calls = |forge: &Forge| forge.look(|state| state.calls.values().sum::<u64>());
        let until = calls(&self.forge) + self.random.within(1..=12) as u64;
        self.forge.wait("some calls of the daemon", |state| {
            (state.calls.values().sum::<u64>() >= until).then_some(())
        });
    }

    fn happen(&mut self) {
        match self.random.below(6) {
            0 => {
                println!("outage");
                self.forge.go_down();
                self.pass();
                self.forge.come_back();
            }
            1 => {
                println!("the daemon is killed");
                self.host.kill();
                self.forge.runner_was_killed();
                self.pass();
                self.host.start();
            }
            2 => self.kill_job(),
            3 => {
                let running = |task: &&i64| {
                    self.forge.look(|state| {
                        state
                            .task(**task)
                            .is_some_and(|task| task.runner.is_some() && task.conclusion().is_none())
                    })
                };
                let running: Vec<i64> = self.tasks.iter().filter(running).copied().collect();
                if !running.is_empty() {
                    let task = *self.random.pick(&running);
                    println!("task {task} is cancelled");
                    self.forge.cancel(task);
                    self.disturbed.insert(task, Conclusion::Cancelled);
                }
            }
            4 => {
                println!("any call may fail");
                let mut random = Random::new(self.random.number());
                self.forge.schedule(move |_| {
                    let faults = [
                        Fault::Status(502),
                        Fault::Error("internal", "database is locked"),
                        Fault::ResetBefore,
                        Fault::ResetInRequest,
                        Fault::ResetAfter,
                        Fault::HalfAnswer,
                        Fault::TruncatedMessage,
                    ];
                    (random.below(3) == 0).then(|| random.pick(&faults).clone())
                });
            }
            _ => {
                println!("no more faults");
                self.forge.heal();
            }
        }
    }

    /// Some time, of which nothing depends.
    fn pass(&mut self) {
        std::thread::sleep(Duration::from_millis(self.random.within(20..=800) as u64));
    }

    fn kill_job(&mut self) {
        let tasks = self.host.tasks();
        if tasks.is_empty() {
            return;
        }
        let directory = self.random.pick(&tasks);
        let number = |text: &str| text.parse::<i64>().ok();
        let pid = std::fs::read_to_string(directory.join("lock")).ok().and_then(|text| number(text.trim()));
        let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let task = name.rsplit('-').next().and_then(number);
        // Of a job that is over the daemon itself holds the lock.
        let pid = pid.filter(|pid| Some(*pid) != self.host.daemon_process());
        if let Some((pid, task)) = pid.zip(task) {
            println!("the process of task {task} is killed");
            // It may be over already; then it has ended by itself.
            if kill(Pid::from_raw(pid as i32), Signal::SIGKILL).is_ok() {
                self.disturbed.entry(task).or_insert(Conclusion::Failure);
            }
        }
    }

    fn check(&self, task: i64) {
        let record = self.forge.ended(task);
        let log = record.log();
        let ends = record.states.iter().filter(|state| state.conclusion.is_some()).count();
        assert_eq!(ends, 1, "task {task}: {log}");
        let number = self.tasks.iter().position(|known| *known == task).unwrap_or_default();
        let by_itself = if number % 3 == 2 { Conclusion::Failure } else { Conclusion::Success };
        let told = record.told();
        let expected = [Some(by_itself), self.disturbed.get(&task).copied()];
        assert!(told.is_some() && expected.contains(&told), "task {task} ended as {told:?}: {log}");

        let rows: Vec<&str> = record.rows.iter().map(|row| row.content.as_str()).collect();
        assert!(rows.iter().filter(|row| **row == "begun").count() <= 1, "task {task} ran twice: {log}");
        let ticks: Vec<&str> = rows.iter().filter(|row| row.starts_with("tick ")).copied().collect();
        let wanted: Vec<String> = (1..=TICKS).map(|n| format!("tick {n}")).collect();
        assert_eq!(ticks, wanted[..ticks.len().min(TICKS)], "task {task}: {log}");
        let whole = !self.disturbed.contains_key(&task);
        assert!(!whole || ticks.len() == TICKS, "task {task}: {log}");
        assert!(!log.contains("correct-horse"), "task {task}: {log}");
        if told == Some(Conclusion::Success) {
            assert_eq!(record.outputs.get("number").map(String::as_str), Some(number.to_string().as_str()));
            assert!(record.log_closed, "task {task}: {log}");
        }
    }
}

/// A job that prints, has an output, knows a secret, and perhaps fails.
fn job(number: usize) -> Job {
    let end = if number % 3 == 2 { "exit 1" } else { "true" };
    let workflow = format!(
        "on: push
jobs:
  test:
    runs-on: host
    outputs: {{ number: '${{{{ steps.work.outputs.number }}}}' }}
    steps:
      - id: work
        env: {{ KEY: '${{{{ secrets.KEY }}}}' }}
        run: |
          echo begun
          echo \"the key is $KEY\"
          for i in $(seq {TICKS}); do echo tick $i; sleep 0.05; done
          echo number={number} >> $GITHUB_OUTPUT
          {end}
"
    );
    Job::new(&workflow).steps(1).secret("KEY", &format!("correct-horse-{number}-battery"))
}
