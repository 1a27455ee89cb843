//! What a program or a function costs: time on the clock, and time of the processor.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

/// The machine is shared: the time of the processor is what counts, the one on the clock is for comparison.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub cpu: Duration,
    pub wall: Duration,
}

/// Runs a contender once.
pub type Run<'a> = Box<dyn FnMut() -> Cost + 'a>;

/// Runs each contender once a round, in turns, and gives the medians. A first round isn't counted.
pub fn in_turns(rounds: usize, contenders: &mut [Run<'_>]) -> Vec<Cost> {
    let mut costs: Vec<Vec<Cost>> = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..=rounds {
        for (run, costs) in contenders.iter_mut().zip(&mut costs) {
            let cost = run();
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    let medians = costs.iter().map(|costs| Cost {
        cpu: median(costs.iter().map(|c| c.cpu).collect()),
        wall: median(costs.iter().map(|c| c.wall).collect()),
    });
    medians.collect()
}

/// The middle one; the later of two.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A program that reads a file and whose output is dropped. No other child may end meanwhile.
pub fn filter(command: &[&str], input: &Path) -> Cost {
    let from = File::open(input).expect("the input");
    let (cpu, start) = (of_children(), Instant::now());
    let status = Command::new(command[0])
        .args(&command[1..])
        .stdin(from)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap_or_else(|e| panic!("cannot run `{}`: {e}", command[0]));
    let cost = Cost { cpu: of_children() - cpu, wall: start.elapsed() };
    assert!(status.success(), "`{}` failed: {status}", command.join(" "));
    cost
}

/// A program whose output is dropped. No other child may end meanwhile.
pub fn program(command: &mut Command) -> Cost {
    let (cpu, start) = (of_children(), Instant::now());
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    let cost = Cost { cpu: of_children() - cpu, wall: start.elapsed() };
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&said));
    cost
}

/// A function in this process.
pub fn function(f: impl FnOnce()) -> Cost {
    let (cpu, start) = (of_this_process(), Instant::now());
    f();
    Cost { cpu: of_this_process() - cpu, wall: start.elapsed() }
}

/// Processor time of all children that ended and were waited for.
fn of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of children");
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(microseconds.unsigned_abs())
}

fn of_this_process() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("the clock of this process").into()
}

/// The load averages of the last 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Largest resident set of a process so far, in bytes; 0 once it has ended.
pub fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(0u64) << 10
}

/// Whether a peer is installed.
pub fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}
