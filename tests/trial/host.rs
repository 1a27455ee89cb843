//! The host as an attack finds it: files, sockets, processes and descriptors that hold a canary.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

use crate::{Context, Identity, attack_program, install, palisade, script};

/// A prepared host for one identity.
pub struct Host {
    /// Directories and identity.
    pub context: Context,
    /// What must not be seen inside.
    pub canary: String,
    /// The attack programs: in the directory that is shown inside.
    pub attack: PathBuf,
    _programs: TempDir,
    /// The binary under test, where this identity may run it.
    pub palisade: PathBuf,
    facts: BTreeMap<String, String>,
    victim: Child,
    // Its end tells the victim to end.
    victim_input: Option<ChildStdin>,
    // Open without close-on-exec, so every command inherits it.
    _leaked: OwnedFd,
}

/// What the guarded file holds as long as no attack changed it.
const INTACT: &str = "intact";

impl Host {
    /// Prepares the host.
    pub fn new(identity: Identity) -> Host {
        let context = Context::of(identity);
        let mut seed = [0; 16];
        File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut seed)).expect("randomness");
        let canary: String =
            std::iter::once("canary-".to_owned()).chain(seed.iter().map(|b| format!("{b:02x}"))).collect();
        let mark = canary.replace("canary", "mark");

        let programs = TempDir::with_prefix("palisade-tests-").expect("a temporary directory");
        let attack = install(&attack_program(), &programs.path().join("attack"));
        open_up(programs.path());
        let palisade = install(palisade(), &context.root().join("bin"));
        // No file mode may stand between the attacks and these programs.
        for path in [&attack, &palisade] {
            identity.own(path);
            identity.own(path.parent().expect("a program lies in a directory"));
        }
        let host_dir = context.root().join("host");
        let home = context.home();
        let guarded = programs.path().join("guarded");
        for dir in [&host_dir, &guarded, &home.join(".ssh")] {
            fs::create_dir(dir).expect("a directory in a fresh one");
            identity.own(dir);
        }
        for file in
            [home.join("canary"), home.join(".ssh/id_ed25519"), host_dir.join("file"), home.join(&canary)]
        {
            fs::write(&file, &canary).expect("a file in a fresh directory");
            identity.own(&file);
        }
        let program = host_dir.join("program");
        script(&program, &format!("#!/bin/sh\necho {canary}\n"));

        let mut facts = BTreeMap::new();
        let mut fact = |name: &str, value: &Path| facts.insert(name.to_owned(), value.display().to_string());
        fact("HOME", &home);
        fact("CANARY", &home.join("canary"));
        fact("SSH_KEY", &home.join(".ssh/id_ed25519"));
        fact("FILE", &host_dir.join("file"));
        fact("GUARDED", &guarded);
        fact("PROGRAM", &program);
        fact("MARK", Path::new(&mark));
        if nix::unistd::geteuid().is_root() {
            let set_user_id = install(&attack, &attack.with_file_name("set-user-id"));
            fs::set_permissions(&set_user_id, fs::Permissions::from_mode(0o4755)).expect("own file");
            fact("SET_USER_ID", &set_user_id);
        }

        let mut command = context.command(&attack);
        command.arg("victim").arg(&host_dir).arg(&canary).env("CANARY", &canary);
        let mut victim =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the victim starts");
        let lines = BufReader::new(victim.stdout.take().expect("its output is a pipe")).lines();
        let mut ready = false;
        for line in lines.map_while(Result::ok) {
            match line.split_once('=') {
                Some((name, value)) => drop(facts.insert(name.to_owned(), value.to_owned())),
                None => ready = line == "ready",
            }
            if ready {
                break;
            }
            assert!(!line.starts_with("outcome:"), "the victim can't prepare the host: {line}");
        }
        assert!(ready, "the victim ended before it was ready");
        let port = facts["TCP_ANY"].rsplit(':').next().unwrap_or_default().to_owned();
        let address = own_address().map(|a| format!("{a}:{port}")).unwrap_or_default();
        facts.insert("TCP_ADDRESS".into(), address);

        let leaked = OwnedFd::from(File::open("/").expect("the root directory opens"));
        nix::fcntl::fcntl(&leaked, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))
            .expect("a flag of an own descriptor");
        let victim_input = victim.stdin.take();
        let host = Host {
            context,
            canary,
            attack,
            _programs: programs,
            palisade,
            facts,
            victim,
            victim_input,
            _leaked: leaked,
        };
        host.restore();
        host
    }

    /// One fact.
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    /// What attacks are told of the host, as variables; `target` is the process to attack.
    pub fn environment(&self, target: &str) -> Vec<(String, String)> {
        let facts = self.facts.iter().map(|(name, value)| (format!("HOST_{name}"), value.clone()));
        facts.chain([("HOST_TARGET".to_owned(), target.to_owned())]).collect()
    }

    fn guarded(&self) -> PathBuf {
        PathBuf::from(self.fact("GUARDED"))
    }

    /// The file in the guarded directory.
    pub fn guarded_file(&self) -> PathBuf {
        self.guarded().join("file")
    }

    /// Makes the guarded directory what it was.
    pub fn restore(&self) {
        let dir = self.guarded();
        fs::remove_dir_all(&dir).expect("remove an own directory");
        fs::create_dir(&dir).expect("a directory in an own one");
        self.context.identity().own(&dir);
        let file = self.guarded_file();
        fs::write(&file, INTACT).expect("a file in an own directory");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("own file");
        self.context.identity().own(&file);
    }

    /// Whether an attack changed the guarded directory.
    pub fn is_changed(&self) -> bool {
        let file = self.guarded_file();
        let names = fs::read_dir(self.guarded()).map(Iterator::count).unwrap_or_default();
        let mode = fs::symlink_metadata(&file).map(|m| m.permissions().mode() & 0o7777).unwrap_or_default();
        names != 1 || mode != 0o644 || fs::read_to_string(&file).ok().as_deref() != Some(INTACT)
    }

    /// Processes that an attack left behind, by the mark among their arguments. Ends them.
    pub fn end_survivors(&self) -> usize {
        let mark = self.fact("MARK").as_bytes();
        let processes = fs::read_dir("/proc").expect("/proc lists processes").flatten();
        let survivors = processes.filter_map(|entry| {
            let arguments = fs::read(entry.path().join("cmdline")).ok()?;
            let is_marked = arguments.split(|b| *b == 0).any(|argument| argument == mark);
            is_marked.then(|| entry.file_name().to_str()?.parse().ok()).flatten()
        });
        let ended = survivors.filter(|pid| {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), nix::sys::signal::Signal::SIGKILL)
                .is_ok()
        });
        ended.count()
    }

    /// Removes the marks that an attack left for the next job, and tells whether there were any.
    pub fn remove_marks(&self) -> bool {
        let tmp = self.context.tmp();
        let work = self.context.work();
        let home = self.context.home();
        let places = ["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from).into_iter().chain([tmp, work, home]);
        places.filter(|dir| fs::remove_file(dir.join(self.fact("MARK"))).is_ok()).count() > 0
    }

    /// Whether the victim still serves.
    pub fn is_unharmed(&mut self) -> bool {
        matches!(self.victim.try_wait(), Ok(None))
    }

    /// A command that runs as this host's identity in its directories.
    pub fn command(&self, program: &Path) -> Command {
        self.context.command(program)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end_survivors();
        self.remove_marks();
        // The victim removes what no directory holds, and ends.
        drop(self.victim_input.take());
        let _ = self.victim.wait();
    }
}

/// Lets everybody into a directory.
fn open_up(dir: &Path) {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("own directory");
}

/// An address of this machine other than the loopback.
fn own_address() -> Option<std::net::Ipv4Addr> {
    let interfaces = nix::ifaddrs::getifaddrs().ok()?;
    interfaces.filter_map(|i| Some(i.address?.as_sockaddr_in()?.ip())).find(|ip| !ip.is_loopback())
}
