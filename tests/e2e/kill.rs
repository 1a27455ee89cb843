//! SIGKILL to palisade at random moments: afterwards nothing of it is left. The kernel has to see to that,
//! since nobody else is there to clean up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use palisade_tests::{Context, Identity, Random};

/// How often palisade is killed in each test.
const TIMES: u32 = 50;

/// The moments are spread over this many microseconds from the start: set-up takes some milliseconds, so
/// some fall into it and some into the steps.
const SPREAD: usize = 30_000;

/// How long the kernel may take to end what is left.
const PATIENCE: Duration = Duration::from_secs(10);

/// A step that doesn't end by itself, with a process in a session of its own and one that ignores signals.
const STEP: &str = "setsid sleep 60 & (trap '' HUP TERM INT; sleep 60) & echo left >left; sleep 60";

/// Two jobs side by side, that don't end by themselves either.
const WORKFLOW: &str = "\
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - run: echo first
      - run: setsid sleep 60 & echo left >left; sleep 60
  two:
    runs-on: ubuntu-latest
    steps:
      - run: (trap '' HUP TERM INT; sleep 60) & sleep 60
";

/// One test at a time: orphans become children of this process, and it must know whose they are.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    nix::sys::prctl::set_child_subreaper(true).expect("a flag of an own process");
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What may not become more.
struct Traces {
    mounts: BTreeSet<String>,
    files: BTreeSet<PathBuf>,
}

impl Traces {
    fn of(context: &Context) -> Traces {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("own mounts can be read");
        let mut files = BTreeSet::new();
        collect(context.root(), &mut files);
        Traces { mounts: mounts.lines().map(str::to_owned).collect(), files }
    }

    fn added_since(&self, before: &Traces) -> String {
        let files = self.files.difference(&before.files).map(|p| p.display().to_string());
        let mounts = self.mounts.difference(&before.mounts).cloned();
        files.chain(mounts).collect::<Vec<_>>().join("\n")
    }
}

fn collect(dir: &Path, into: &mut BTreeSet<PathBuf>) {
    // A directory that vanishes meanwhile holds nothing.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            collect(&entry.path(), into);
        }
        into.insert(entry.path());
    }
}

/// Reaps orphans until none is left; who lives on if it takes too long.
fn orphans_end() -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return Ok(()),
            Ok(WaitStatus::StillAlive) if Instant::now() > deadline => return Err(end_orphans()),
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Describes and ends the processes that became children of this one.
fn end_orphans() -> String {
    let tasks = fs::read_dir("/proc/self/task").expect("own threads can be listed").flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<i32> =
        lists.flat_map(|l| l.split(' ').filter_map(|p| p.parse().ok()).collect::<Vec<_>>()).collect();
    let describe = |pid: &i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let wanted = ["Name:", "State:", "PPid:", "NSpid:", "SigBlk:", "SigIgn:"];
        let lines = status.lines().filter(|l| wanted.iter().any(|w| l.starts_with(w)));
        lines.collect::<Vec<_>>().join(" ").replace('\t', " ")
    };
    let described: Vec<String> = pids.iter().map(describe).collect();
    for pid in pids {
        let pid = nix::unistd::Pid::from_raw(pid);
        // One that ended meanwhile is what is wanted.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        let _ = waitpid(pid, None);
    }
    described.join("\n")
}

fn identities() -> Vec<Identity> {
    match nix::unistd::geteuid().is_root() {
        true => vec![Identity::Current, Identity::Nobody],
        false => vec![Identity::Current],
    }
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("palisade starts")
}

/// Kills a command `TIMES` times, and looks for traces after each.
fn kill_at_random_moments(command: impl Fn(&Context) -> Command) {
    let _alone = alone();
    for identity in identities() {
        let context = Context::of(identity);
        context.write("ci.yml", WORKFLOW);
        // The binary is put in place before anything is counted.
        context.palisade_path();
        let before = Traces::of(&context);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut random = Random::new(now.as_nanos() as u64);
        for _ in 0..TIMES {
            let delay = Duration::from_micros(random.below(SPREAD) as u64);
            let told = format!("killed after {delay:?} as user {}", identity.uid());
            let mut palisade = start(command(&context));
            std::thread::sleep(delay);
            let early = palisade.try_wait().expect("an own child can be waited for");
            assert!(early.is_none(), "{told}: it had ended by itself: {early:?}");
            palisade.kill().expect("an own child can be killed");
            palisade.wait().expect("an own child can be waited for");
            if let Err(orphans) = orphans_end() {
                panic!("{told}: processes live on:\n{orphans}");
            }
            // What somebody else has unmounted meanwhile is none.
            let left = Traces::of(&context).added_since(&before);
            assert!(left.is_empty(), "{told}: left behind:\n{left}");
        }
    }
}

#[test]
fn nothing_is_left_of_a_killed_sandbox() {
    kill_at_random_moments(|context| {
        context.palisade().args(["sandbox", "--", "sh", "-c", STEP]).into_command()
    });
}

#[test]
fn nothing_is_left_of_a_killed_run() {
    kill_at_random_moments(|context| {
        context.palisade().args(["run", "ci.yml", "--jobs", "2"]).into_command()
    });
}

/// The other end: without init there is nothing to wait for.
#[test]
fn palisade_ends_when_init_is_killed() {
    let _alone = alone();
    let context = Context::new();
    let mut palisade = start(context.palisade().args(["sandbox", "--", "sh", "-c", STEP]).into_command());
    let deadline = Instant::now() + PATIENCE;
    let list = format!("/proc/{pid}/task/{pid}/children", pid = palisade.id());
    let mut killed = Vec::new();
    let status = loop {
        // One that was there before palisade knew what to run is replaced where it is gone.
        let children = fs::read_to_string(&list).unwrap_or_default();
        for init in children.split_whitespace().map(|pid| pid.parse().expect("the kernel lists numbers")) {
            if !killed.contains(&init) {
                let pid = nix::unistd::Pid::from_raw(init);
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
                killed.push(init);
            }
        }
        if let Some(status) = palisade.try_wait().expect("an own child can be waited for") {
            break status;
        }
        assert!(Instant::now() < deadline, "palisade starts no init, or waits for one that is gone");
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(!killed.is_empty(), "palisade has ended without an init");
    assert!(!status.success(), "the command's fate is unknown, but palisade reports success");
    assert_eq!(orphans_end(), Ok(()));
}
