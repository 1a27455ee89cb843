//! What a crash of the host leaves of tasks: files that end anywhere.

use std::fs;
use std::path::Path;

use nix::sys::signal::kill;
use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Fault, Forge, Job, Method};

use crate::host::{Host, wait};

/// How many places a file is cut at, beside those around the ends of its lines.
const CUTS: usize = 60;

/// The files of a task whose job has ended and of which the forge knows nothing.
struct Kept {
    record: String,
    events: Vec<u8>,
}

fn kept(forge: &Forge, host: &mut Host) -> Kept {
    forge.fail(Method::UpdateLog, 0, u32::MAX, Fault::Status(503));
    forge.fail(Method::UpdateTask, 0, u32::MAX, Fault::Status(503));
    let task = forge.enqueue(Job::script("echo begun; echo line 1; echo line 2"));
    host.start();
    forge.taken(task);
    let directory = || host.tasks().into_iter().next();
    let directory = wait("the task's directory", directory);
    let events = directory.join("events.jsonl");
    wait("the job's end", || {
        fs::read_to_string(&events).ok()?.contains("\"event\":\"run_finished\"").then_some(())
    });
    let job = host.job_process();
    wait("the end of the job's process", || kill(job, None).is_err().then_some(()));
    host.kill();
    let record = fs::read_to_string(directory.join("task.json")).expect("the record");
    // Written over a blank.
    let record = record.trim_end().to_owned();
    let events = fs::read(events).expect("the events");
    fs::remove_dir_all(directory).expect("it is removed");
    forge.heal();
    Kept { record, events }
}

fn leave(host: &Host, task: i64, record: &[u8], events: &[u8]) {
    let directory = host.context.state().join(format!("palisade/tasks/test-{task}"));
    fs::create_dir(&directory).expect("a directory");
    let write = |name: &str, text: &[u8]| fs::write(Path::new(&directory).join(name), text).expect("a file");
    write("task.json", record);
    write("events.jsonl", events);
}

#[test]
fn a_task_whose_events_end_anywhere_ends_once_and_says_so() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    let Kept { record, events } = kept(&forge, &mut host);
    let uuid = forge.look(|state| state.runners[0].uuid.clone());
    let ends: Vec<usize> = (0..events.len()).filter(|at| events[*at] == b'\n').map(|at| at + 1).collect();
    let step = events.len() / CUTS + 1;
    let mut cuts: Vec<usize> = (0..events.len()).step_by(step).collect();
    cuts.extend(ends.iter().flat_map(|end| [end - 1, *end, end + 1]).filter(|cut| *cut <= events.len()));
    cuts.sort_unstable();
    cuts.dedup();
    let mut all = Vec::new();
    let mut add = |events: &[u8], whole: bool, torn: usize| {
        let task = forge.enqueue(Job::script("true"));
        forge.hand_out(task, &uuid);
        leave(&host, task, record.replace("101", &task.to_string()).as_bytes(), events);
        all.push((task, whole, torn));
    };
    for cut in &cuts {
        let torn = cut - ends.iter().rev().find(|end| *end <= cut).unwrap_or(&0);
        add(&events[..*cut], *cut == events.len(), torn);
    }
    // Some file systems leave zeros, and disks what they like.
    add(&[&events[..ends[1]], &[0; 100]].concat(), false, 100);
    add(&[&events[..ends[1]], b"\xff\xfe{}\n"].concat(), false, 0);
    // What isn't known at all.
    leave(&host, 9999, &record.as_bytes()[..record.len() / 2], &events);

    host.start();
    for (task, whole, torn) in &all {
        let record = forge.ended(*task);
        let log = record.log();
        let states = record.states.iter().filter(|state| state.conclusion.is_some()).count();
        assert_eq!(states, 1, "task {task}: {log}");
        let begun = record.rows.iter().filter(|row| row.content == "begun").count();
        assert!(begun <= 1, "task {task}: {log}");
        match whole {
            true => assert_eq!((record.told(), begun), (Some(Conclusion::Success), 1), "task {task}: {log}"),
            false => {
                assert_eq!(record.told(), Some(Conclusion::Failure), "task {task}: {log}");
                assert!(log.contains("a restart of the host") || log.contains("cannot read what"), "{log}");
                let said = format!("the last {torn} bytes that it said are no whole event");
                assert_eq!(log.contains(&said), *torn > 0, "task {task}: {torn}: {log}");
            }
        }
    }
    host.is_idle();
    assert!(host.log().contains("removing what is no task"), "{}", host.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
}
