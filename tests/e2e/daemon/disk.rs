//! Disks that are full, or nearly so.

use nix::sys::signal::Signal;
use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Forge, Job};

use crate::host::Host;

#[test]
fn no_job_is_taken_without_room_for_it() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.configure("[daemon]\nmin-free = \"1000000G\"\n");
    host.start();
    host.says("too little disk space: no job is taken");
    let task = forge.enqueue(Job::script("echo hello"));
    assert_eq!(forge.look(|state| state.runners[0].fetches), 0);
    host.configure("[daemon]\nmin-free = \"1M\"\n");
    host.signal(Signal::SIGHUP);
    host.says("there is disk space again");
    assert_eq!(forge.closed(task).told(), Some(Conclusion::Success));
    host.is_idle();
}

#[test]
fn a_job_that_fills_the_disk_fails_and_the_next_one_runs() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.configure("[daemon]\nmin-free = \"64K\"\ncapacity = 1\n");
    host.start_on_disk_of("4m");
    let text = "x".repeat(99);
    let full = forge.enqueue(Job::script(&format!("yes {text} | head -n 100000")).steps(1));
    let next = forge.enqueue(Job::script("echo hello").steps(1));
    let record = forge.closed(full);
    assert_eq!(record.told(), Some(Conclusion::Failure));
    let last: String = record.log().lines().rev().take(3).collect::<Vec<_>>().join("\n");
    assert!(last.contains("No space left on device"), "{last}");
    let record = forge.closed(next);
    assert_eq!(record.told(), Some(Conclusion::Success), "{}", record.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
}
