//! `palisade daemon` at the scripted forge on loopback: what its jobs cost beside bare `palisade run`, how fast a log gets
//! through, and what it takes while it waits. The forge is a stand-in in this process, and takes its share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use palisade_tests::forge::{Forge, Job, Method, REGISTRATION_TOKEN, Setup};

use crate::measure::median;
use crate::table::{Goal, line};

/// One-step jobs of a batch, and how many run at a time.
const JOBS: usize = 20;
const CAPACITY: usize = 2;
/// Jobs one after the other, of which each says when it begins.
const FIRSTS: usize = 15;
/// What a job of the log prints: lines of 100 bytes.
const LINES: usize = 500_000;
const LINE: usize = 100;
/// Registrations of a daemon that waits, and for how long it is watched.
const REGISTRATIONS: usize = 5;
const WATCHED: Duration = Duration::from_secs(30);

/// Prints the section.
pub fn section(palisade: &str, rounds: usize, scratch: &Path) {
    println!("\ndaemon at a forge on loopback, {rounds} rounds");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let times = (batch(palisade, &scratch.join(format!("batch-{round}"))), bare_batch(palisade, scratch));
        if round > 0 {
            ours.push(times.0);
            bare.push(times.1);
        }
    }
    let (ours, bare) = (median(ours).as_secs_f64(), median(bare).as_secs_f64());
    line(&format!("{JOBS} jobs, {CAPACITY} at a time"), ours * 1000.0, "ms", None);
    line("the same as bare `palisade run`", bare * 1000.0, "ms", None);
    line("ratio", ours / bare, "x", Some(Goal::AtMost(1.3)));
    let first = first(palisade, &scratch.join("first"), FIRSTS).as_secs_f64();
    line("from fetch to the first instruction", first * 1000.0, "ms", Some(Goal::AtMost(4.0)));
    line("a log of 50 MB", log(palisade, &scratch.join("log")), "MB/s", Some(Goal::AtLeast(50.0)));
    let (memory, load) = idle(palisade, &scratch.join("idle"));
    line(
        &format!("waiting with {REGISTRATIONS} registrations: memory"),
        memory,
        "MiB",
        Some(Goal::AtMost(10.0)),
    );
    line(&format!("waiting with {REGISTRATIONS} registrations: a core"), load, "%", Some(Goal::AtMost(0.1)));
}

/// A daemon with a state directory of its own; it ends with this.
struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    fn start(palisade: &str, directory: &Path, forge: &Forge, registrations: usize) -> Daemon {
        fs::create_dir_all(directory).expect("a directory");
        let config = directory.join("config.toml");
        fs::write(&config, format!("[daemon]\ncapacity = {CAPACITY}\n")).expect("a file");
        let (token, log) = (directory.join("token"), directory.join("log"));
        fs::write(&token, REGISTRATION_TOKEN).expect("a file");
        let command = |arguments: &[&str]| {
            let mut command = Command::new(palisade);
            command.args(arguments).arg("--state").arg(directory.join("state")).arg("--config").arg(&config);
            command
        };
        for _ in 0..registrations {
            let url = forge.url();
            let mut register = command(&["register", "--instance", &url, "--labels", "host"]);
            register.arg("--token-file").arg(&token).stdout(Stdio::null());
            let registered = register.status().expect("palisade starts");
            assert!(registered.success(), "it can't be registered");
        }
        let said = fs::File::create(&log).expect("a file");
        let child = command(&["daemon"]).stderr(said).spawn().expect("palisade starts");
        forge.wait("the daemon's questions", |state| {
            (state.calls_of(Method::FetchTask) >= registrations as u64).then_some(())
        });
        Daemon { child, log }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// From the moment at which the first job is taken to that at which the forge knows of the last one's end.
fn batch(palisade: &str, directory: &Path) -> Duration {
    let forge = Forge::start();
    let daemon = Daemon::start(palisade, directory, &forge, 1);
    let tasks: Vec<i64> = (0..JOBS).map(|_| forge.enqueue(Job::script("true"))).collect();
    forge.wait("the first job", |state| state.tasks.iter().any(|task| task.runner.is_some()).then_some(()));
    let start = Instant::now();
    for task in tasks {
        assert!(forge.closed(task).told().is_some());
    }
    let time = start.elapsed();
    drop(daemon);
    time
}

/// From the forge's answer with a job to what its step does first, with nothing else to do.
fn first(palisade: &str, directory: &Path, jobs: usize) -> Duration {
    let forge = Forge::start();
    let daemon = Daemon::start(palisade, directory, &forge, 1);
    let times = (0..jobs).map(|_| {
        let task = forge.enqueue(Job::script("echo at $EPOCHREALTIME"));
        let record = forge.closed(task);
        let row = record.rows.iter().find_map(|row| row.content.strip_prefix("at ")).expect("the step's row");
        let begun = Duration::try_from_secs_f64(row.parse().expect("a number")).expect("a time");
        let given = record.handed_out_at.expect("a time").duration_since(UNIX_EPOCH).expect("a time");
        begun.saturating_sub(given)
    });
    let time = median(times.collect());
    drop(daemon);
    time
}

fn bare_batch(palisade: &str, scratch: &Path) -> Duration {
    let directory = scratch.join("bare");
    fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join("one.yml");
    let workflow =
        "on: [push]\njobs:\n  test:\n    runs-on: host\n    steps:\n      - run: |\n          true\n";
    fs::write(&file, workflow).expect("a file");
    let start = Instant::now();
    let runs = |_| {
        let mut command = Command::new(palisade);
        command.args(["run", "one.yml", "--json"]).current_dir(&directory);
        thread::spawn(move || {
            for _ in 0..JOBS / CAPACITY {
                let ran = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
                assert!(ran.expect("palisade starts").success());
            }
        })
    };
    let threads: Vec<_> = (0..CAPACITY).map(runs).collect();
    for thread in threads {
        thread.join().expect("the runs succeed");
    }
    start.elapsed()
}

/// Millions of bytes a second, from the first row to the end of a job that prints as fast as it can.
fn log(palisade: &str, directory: &Path) -> f64 {
    let forge = Forge::with(Setup { keep_rows: false, ..Setup::default() });
    let daemon = Daemon::start(palisade, directory, &forge, 1);
    let text = "x".repeat(LINE - 1);
    let script = format!("yes {text} | head -n {LINES}");
    let task = forge.enqueue(Job::script(&script).secret("KEY", "correct-horse-battery"));
    forge.wait("rows of the job", |state| (state.task(task)?.row_bytes > LINE as u64 * 100).then_some(()));
    let start = Instant::now();
    let record = forge.closed(task);
    let time = start.elapsed();
    assert!(record.row_count >= LINES, "{} rows", record.row_count);
    drop(daemon);
    record.row_bytes as f64 / 1e6 / time.as_secs_f64()
}

/// Resident MiB, and hundredths of a core.
fn idle(palisade: &str, directory: &Path) -> (f64, f64) {
    let forge = Forge::start();
    let daemon = Daemon::start(palisade, directory, &forge, REGISTRATIONS);
    let pid = daemon.child.id();
    let before = ticks(pid);
    thread::sleep(WATCHED);
    let used = ticks(pid) - before;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    let memory = resident.unwrap_or(0.0) / 1024.0;
    (memory, used.as_secs_f64() / WATCHED.as_secs_f64() * 100.0)
}

/// The processor's time that a process has had, all its threads together, by the scheduler's own account: that of
/// `stat` counts whole ticks, and a thread that wakes for a moment gets none.
fn ticks(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of = |path: PathBuf| {
        let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
    };
    Duration::from_nanos(threads.map(|thread| of(thread.path())).sum())
}
