//! A build host: its state directory, its registrations, its daemon.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::forge::{Forge, REGISTRATION_TOKEN};
use palisade_tests::{Context, Identity, Invocation, Outcome};

/// How long anything may take here before a test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// The host.
pub struct Host {
    /// Its files.
    pub context: Context,
    daemon: Option<Child>,
    launcher: Option<Child>,
}

impl Host {
    /// One that is registered at a forge.
    pub fn at(forge: &Forge) -> Host {
        let host = Host::new();
        host.register(forge, &[]).assert_code(0);
        host
    }

    /// One that is registered nowhere.
    pub fn new() -> Host {
        Host::of(Identity::Current)
    }

    /// One whose daemon runs as this identity.
    pub fn of(identity: Identity) -> Host {
        Host { context: Context::of(identity), daemon: None, launcher: None }
    }

    /// Registers it.
    pub fn register(&self, forge: &Forge, options: &[&str]) -> Ended {
        self.register_at(&forge.url(), options)
    }

    /// Registers it at an address.
    pub fn register_at(&self, url: &str, options: &[&str]) -> Ended {
        let args = ["register", "--instance", url, "--labels", "host", "--name", "test"];
        Ended(self.palisade(&args).args(options).input(REGISTRATION_TOKEN).run())
    }

    /// A command of palisade's.
    pub fn palisade(&self, args: &[&str]) -> Invocation<'_> {
        self.context.palisade().args(args)
    }

    /// Writes the configuration.
    pub fn configure(&self, text: &str) {
        let path = self.context.config().join("palisade/config.toml");
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory is made");
        fs::write(path, text).expect("a file is written");
    }

    /// Starts the daemon; with a launcher where one was started before.
    pub fn start(&mut self) {
        let mut command = self.palisade(&["daemon"]).into_command();
        if self.launcher.is_some() {
            command.arg("--launcher").arg(self.launcher_socket());
        }
        self.start_by(command);
    }

    /// Starts a launcher, by the binary at a path, and waits until it listens.
    pub fn launch_by(&mut self, palisade: &Path) {
        let before = self.log().matches("waiting for the daemon").count();
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let mut command = self.context.command(palisade);
        command.arg("launcher").arg("--socket").arg(self.launcher_socket()).stderr(log);
        self.launcher = Some(command.spawn().expect("the launcher starts"));
        wait("the launcher", || {
            (self.log().matches("waiting for the daemon").count() > before).then_some(())
        });
    }

    /// The same by the binary under test.
    pub fn launch(&mut self) {
        let palisade = self.context.palisade_path();
        self.launch_by(&palisade);
    }

    /// Where the launcher listens.
    pub fn launcher_socket(&self) -> PathBuf {
        self.context.runtime().join("jobs")
    }

    /// The launcher's process.
    pub fn launcher(&mut self) -> &mut Child {
        self.launcher.as_mut().expect("a launcher was started")
    }

    /// Starts the daemon with its state on a disk of this size, which nobody else sees.
    pub fn start_on_disk_of(&mut self, size: &str) {
        // What stands there already goes with it.
        let script = format!(
            "cp -a \"$0\" \"$0.before\" && mount -t tmpfs -o size={size} disk \"$0\" && \
             cp -a \"$0.before/.\" \"$0\" && exec \"$@\""
        );
        let mut command = self.context.command("unshare");
        command.arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["sh", "-c", &script]).arg(self.context.state());
        command.arg(self.context.palisade_path()).arg("daemon");
        self.start_by(command);
    }

    /// Starts the daemon by a command that ends in it.
    pub fn start_by(&mut self, mut command: Command) {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        self.daemon = Some(command.stdin(Stdio::null()).stderr(log).spawn().expect("the daemon starts"));
    }

    fn log_path(&self) -> PathBuf {
        self.context.root().join("daemon.log")
    }

    /// What the daemon has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Waits until it says something.
    pub fn says(&self, text: &str) {
        wait(&format!("`{text}` in the daemon's log"), || self.log().contains(text).then_some(()));
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let daemon = self.daemon.as_ref().expect("a daemon runs");
        kill(Pid::from_raw(daemon.id() as i32), signal).expect("it can be signalled");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.daemon.as_mut().is_some_and(|daemon| daemon.try_wait().expect("it can be waited for").is_some())
    }

    /// Waits for its end; gives its exit code.
    pub fn ends(&mut self) -> Option<i32> {
        let mut daemon = self.daemon.take().expect("a daemon runs");
        wait("the daemon's end", || daemon.try_wait().expect("it can be waited for")).code()
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon runs");
        daemon.kill().expect("it can be killed");
        daemon.wait().expect("it can be waited for");
    }

    /// Ends one that a command of `start_by` runs, without a word.
    pub fn daemon_ends(&mut self) {
        let lock = self.context.state().join("palisade/daemon/lock");
        let pid = fs::read_to_string(lock).expect("a daemon runs").parse().expect("a number");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it can be killed");
        self.ends();
    }

    /// The number of its process.
    pub fn daemon_process(&self) -> Option<i64> {
        self.daemon.as_ref().map(|daemon| i64::from(daemon.id()))
    }

    /// The directories of its tasks.
    pub fn tasks(&self) -> Vec<PathBuf> {
        let tasks = self.context.state().join("palisade/tasks");
        let entries = fs::read_dir(tasks).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// The process of the only task.
    pub fn job_process(&self) -> Pid {
        let number = || fs::read_to_string(self.tasks().first()?.join("lock")).ok()?.parse().ok();
        Pid::from_raw(wait("the process of a job", number))
    }

    /// Waits until nothing is left of any task.
    pub fn is_idle(&self) {
        wait("that no task is left", || self.tasks().is_empty().then_some(()));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        if let Some(launcher) = &mut self.launcher {
            let _ = launcher.kill();
            let _ = launcher.wait();
        }
        for task in self.tasks() {
            if let Some(pid) = fs::read_to_string(task.join("lock")).ok().and_then(|n| n.parse().ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}

/// How a command ended.
pub struct Ended(pub Outcome);

impl Ended {
    /// Fails the test where it ended otherwise.
    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        let Outcome { stdout, stderr, .. } = &self.0;
        assert_eq!(self.0.code, Some(code), "{stdout}{stderr}");
    }
}

/// Waits until there is something.
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
