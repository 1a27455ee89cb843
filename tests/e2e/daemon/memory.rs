//! What the daemon takes doesn't grow with how much it has done. `palisade-bench` has the figures.

use std::fs;

use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Forge, Job, Setup};

use crate::host::Host;

/// Jobs before memory is looked at, and after.
const FIRST: usize = 10;
const MORE: usize = 40;
/// Lines of a long log, and the most that the daemon may take for it, in KiB: rows wait in memory up to 4 MiB, and once
/// more in a request.
const LINES: usize = 400_000;
const MOST: u64 = 48 << 10;

/// A figure of a process's status, in KiB.
fn figure(process: i64, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix(" kB"));
    line.and_then(|number| number.trim().parse().ok()).expect("a number")
}

#[test]
fn many_jobs_take_no_more_than_a_few() {
    let forge = Forge::with(Setup { keep_rows: false, ..Setup::default() });
    let mut host = Host::at(&forge);
    host.configure("[daemon]\ncapacity = 2\n");
    host.start();
    let run = |jobs| {
        let tasks: Vec<i64> = (0..jobs).map(|_| forge.enqueue(Job::script("echo hello"))).collect();
        for task in tasks {
            assert_eq!(forge.closed(task).told(), Some(Conclusion::Success));
        }
        host.is_idle();
    };
    let process = host.daemon_process().expect("it runs");
    let files = || fs::read_dir(format!("/proc/{process}/fd")).map(Iterator::count);
    run(FIRST);
    let (before, open) = (figure(process, "RssAnon:"), files().ok());
    run(MORE);
    let after = figure(process, "RssAnon:");
    assert!(after <= before + (4 << 10), "{before} KiB after {FIRST} jobs, {after} KiB after {MORE} more");
    // Connections are kept for the next call. Only root, and the process itself, can see what it has open.
    if let (Some(open), Ok(now)) = (open, files()) {
        assert!(now <= open + MORE / 4, "{open} files open after {FIRST} jobs, {now} after {MORE} more");
    }
}

#[test]
fn a_long_log_passes_through_little_memory() {
    let forge = Forge::with(Setup { keep_rows: false, ..Setup::default() });
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(Job::script(&format!("seq {LINES}")));
    let record = forge.closed(task);
    assert_eq!(record.told(), Some(Conclusion::Success));
    assert!(record.row_count > LINES);
    let most = figure(host.daemon_process().expect("it runs"), "VmHWM:");
    assert!(most <= MOST, "{most} KiB");
}
