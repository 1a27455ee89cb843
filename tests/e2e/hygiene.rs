//! Where a secret must not be seen while a step runs that doesn't get it: the arguments and environment of any
//! process of palisade's, and what the system writes to disk when one crashes.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::{Context, Identity, Need, require};

const SECRET: &str = "hunter2-correct-horse";
/// How long palisade may take to get to the step.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first step has the secret, the second doesn't; each waits until it is told to go on.
const WORKFLOW: &str = "\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - env: { TOKEN: '${{ secrets.TOKEN }}' }
        run: touch with; while [ ! -e go-on ]; do sleep 0.01; done
      - run: touch without; while [ ! -e end ]; do sleep 0.01; done
";

/// Nothing reads the secret.
const UNREAD: &str = "\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: touch without; while [ ! -e end ]; do sleep 0.01; done
";

/// A running `palisade run`; killed when the test fails.
struct Running<'c> {
    context: &'c Context,
    palisade: Child,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // One that has ended is what is wanted.
        let _ = self.palisade.kill();
        let _ = self.palisade.wait();
    }
}

impl Running<'_> {
    /// Starts a command that runs the workflow.
    fn start(context: &Context, mut command: Command) -> Running<'_> {
        let palisade = command.stdout(Stdio::null()).spawn().expect("palisade starts");
        Running { context, palisade }
    }

    /// Waits until a step has made a file.
    fn reaches(&mut self, file: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.context.work().join(file).exists() {
            let ended = self.palisade.try_wait().expect("an own child can be waited for");
            assert!(ended.is_none(), "palisade ended before `{file}`: {ended:?}");
            assert!(Instant::now() < deadline, "no step makes `{file}`");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets a step go on.
    fn goes_on(&self, file: &str) {
        self.context.write(file, "");
    }

    /// Sends a signal until palisade dies: the first SIGSEGV is taken by Rust's runtime, which looks whether the
    /// stack has overflowed, and then leaves the next to the system.
    fn dies_of(&mut self, signal: Signal) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.palisade.try_wait().expect("an own child can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "palisade doesn't die of {signal}");
            kill(Pid::from_raw(self.palisade.id() as i32), signal).expect("an own child can be signalled");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ends(mut self) -> ExitStatus {
        self.palisade.wait().expect("an own child can be waited for")
    }

    /// palisade, its init, and whatever they have started.
    fn processes(&self) -> Vec<u32> {
        let mut pids = vec![self.palisade.id()];
        let mut next = 0;
        while let Some(&pid) = pids.get(next) {
            next += 1;
            // A process that has ended meanwhile has no children.
            for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
        }
        pids
    }

    /// The files in which the secret stands of those that show what a process was started with.
    fn shown(&self) -> Vec<String> {
        let mut shown = Vec::new();
        let mut read = 0;
        let pids = self.processes();
        assert!(pids.len() >= 3, "palisade, init and the step: {pids:?}");
        for pid in pids {
            for name in ["environ", "cmdline"] {
                let path = format!("/proc/{pid}/{name}");
                match fs::read(&path) {
                    Ok(bytes) => {
                        read += 1;
                        if bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
                            shown.push(path);
                        }
                    }
                    // What an ordinary user can't read, nobody else of this user can.
                    Err(e) if e.kind() == ErrorKind::PermissionDenied => {}
                    // It has ended meanwhile.
                    Err(_) => {}
                }
            }
        }
        assert!(read >= 3, "every process shows its arguments");
        shown
    }
}

/// A repository with the workflow in it.
fn repository(identity: Identity) -> Context {
    let context = Context::of(identity);
    context.write("w.yml", WORKFLOW);
    context
}

/// Runs the workflow with the secret given in some way; the processes that show it while the step without it
/// runs are none.
fn nobody_shows_it(give: impl Fn(&Context, &mut Command)) {
    let identities: &[Identity] = match nix::unistd::geteuid().is_root() {
        true => &[Identity::Current, Identity::Nobody],
        false => &[Identity::Current],
    };
    for identity in identities {
        let context = repository(*identity);
        let mut command = context.palisade().args(["run", "w.yml", "--write"]).into_command();
        give(&context, &mut command);
        let mut running = Running::start(&context, command);
        running.reaches("with");
        if nix::unistd::geteuid().is_root() {
            // Only the step itself: this also shows that a secret would be found.
            let shown = running.shown();
            assert!(!shown.is_empty() && shown.iter().all(|path| path.ends_with("/environ")), "{shown:?}");
            let palisade = format!("/proc/{}/", running.palisade.id());
            assert!(!shown.iter().any(|path| path.starts_with(&palisade)), "palisade shows it: {shown:?}");
        }
        running.goes_on("go-on");
        running.reaches("without");
        assert_eq!(running.shown(), Vec::<String>::new(), "as user {}", identity.uid());
        running.goes_on("end");
        assert!(running.ends().success());
    }
}

#[test]
fn a_secret_of_a_file_is_shown_by_no_process() {
    nobody_shows_it(|context, command| {
        context.write("secrets", format!("TOKEN={SECRET}\n"));
        command.args(["--secret-file", "secrets"]);
    });
}

#[test]
fn a_secret_of_the_environment_is_shown_by_no_process() {
    nobody_shows_it(|_, command| {
        // Other variables before and behind it stay.
        command.env("A", "a").env("TOKEN", SECRET).env("Z", "z").args(["--secret", "TOKEN"]);
    });
}

#[test]
fn a_secret_in_the_arguments_is_shown_by_no_process() {
    nobody_shows_it(|_, command| {
        command.args(["--secret", &format!("TOKEN={SECRET}"), "--var", "A=1"]);
    });
    nobody_shows_it(|_, command| {
        command.arg(format!("--secret=TOKEN={SECRET}"));
    });
}

/// Whether a process has the secret anywhere in its memory.
fn has_in_memory(pid: u32) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("root may look");
    let memory = fs::File::open(format!("/proc/{pid}/mem")).expect("root may look");
    let places = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        // What the kernel maps there of its own can't be read.
        (rest.starts_with('r') && !rest.contains("[v")).then_some((number(start)?, number(end)?))
    });
    let mut looked_at = 0;
    let found = places.filter(|(start, end)| {
        let mut bytes = vec![0; (end - start) as usize];
        let read = memory.read_exact_at(&mut bytes, *start).is_ok();
        looked_at += usize::from(read);
        read && bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
    });
    let found = found.count() > 0;
    assert!(looked_at >= 4, "text, data, heap and stack of process {pid}: {looked_at}");
    found
}

#[test]
fn init_remembers_nothing_that_palisade_was_started_with() {
    if !require(Need::Root) {
        return;
    }
    for (variable, argument) in [("OTHER", format!("TOKEN={SECRET}")), ("TOKEN", "TOKEN".to_owned())] {
        let context = Context::new();
        context.write("w.yml", UNREAD);
        let mut command = context.palisade().args(["run", "w.yml", "--write"]).into_command();
        command.env(variable, SECRET).args(["--secret", &argument]);
        let mut running = Running::start(&context, command);
        running.reaches("without");
        let [palisade, init, ..] = running.processes()[..] else { panic!("palisade and its init") };
        // The twin: it is found where it has to be.
        assert!(has_in_memory(palisade));
        assert!(!has_in_memory(init), "init, with {argument:?}");
        running.goes_on("end");
        assert!(running.ends().success());
    }
}

/// A command line that may dump core, wherever limits allow that at all.
fn with_cores(context: &Context, script: &str) -> Command {
    let mut command = context.command("sh");
    command.args(["-c", &format!("ulimit -c unlimited; {script}")]);
    command
}

fn cores(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).expect("an own directory").flatten();
    names.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|name| name.contains("core")).collect()
}

#[test]
fn a_crash_leaves_no_core_of_palisade() {
    if !require(Need::Root) {
        return;
    }
    // The twin: without what palisade does, the system dumps.
    let twin = Context::new();
    let status = with_cores(&twin, "kill -SEGV $$").status().expect("a shell starts");
    assert!(status.core_dumped(), "no core is dumped on this machine, so this test can't show anything");
    for signal in [Signal::SIGSEGV, Signal::SIGABRT] {
        let context = repository(Identity::Current);
        context.write("secrets", format!("TOKEN={SECRET}\n"));
        let palisade = context.palisade_path();
        let script = format!("exec {} run w.yml --write --secret-file secrets", palisade.display());
        let mut running = Running::start(&context, with_cores(&context, &script));
        running.reaches("with");
        // A real fault of init's can't be had from outside; what a program that it starts inherits can be seen.
        let read =
            |pid| fs::read_to_string(format!("/proc/{pid}/limits")).ok().filter(|limits| !limits.is_empty());
        let limits = |pid| read(pid).map(|limits| (pid, limits));
        // A step's program may have ended since, and has none then.
        let limits: Vec<_> = running.processes().into_iter().filter_map(limits).collect();
        assert!(limits.len() >= 3, "palisade, init and a step");
        for (pid, limits) in limits {
            let core = limits.lines().find(|line| line.starts_with("Max core file size"));
            let columns: Vec<&str> = core.unwrap_or_default().split_whitespace().skip(4).take(2).collect();
            // Less than any file takes; and at 1, other than at 0, the kernel starts no handler either.
            assert_eq!(columns, ["1", "1"], "limits of process {pid}:\n{limits}");
        }
        let status = running.dies_of(signal);
        assert_eq!((status.signal(), status.core_dumped()), (Some(signal as i32), false));
        assert_eq!(cores(&context.work()), Vec::<String>::new());
    }
}
