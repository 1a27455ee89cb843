//! `palisade daemon`: the service.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::error::{Blame, Error};
use super::forges;
use super::setting::Setting;
use super::signals::Signals;
use crate::config::Config;
use crate::daemon::{self, Daemon, DaemonError, Journal, Notify, Phase, Runner, Settings, Severity, Starter};
use crate::forge::local;
use crate::identity::endpoint::Server;
use crate::identity::issuer::serve;
use crate::job::Interrupts;
use crate::queue::{self, Queue};
use crate::registration::{Registration, RegistrationError};
use crate::state::State;

/// Take jobs from the forges that this host is registered at, and from its own queue, and run each in a sandbox of its own.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade register --instance https://git.example.org --token-file token
  palisade daemon
  palisade daemon --config /etc/palisade/config.toml --state /var/lib/palisade
  palisade daemon --launcher /run/palisade-jobs/socket

Without a configuration file it runs what is registered with the defaults; what is handed over
with `palisade submit` it runs in any case, also where nothing is registered. Each job has a
process of its own, which outlives the daemon: one that is started again takes over the jobs that
still run. With --launcher these are started by another service, and the daemon itself needs next
to nothing of the host.

SIGNALS: SIGTERM or SIGINT: take no more jobs, give those that run `shutdown-grace` to end, then
cancel them; a second one cancels them at once, a third ends them. SIGUSR1: as `palisade drain`.
SIGHUP: read the configuration again; one that is invalid changes nothing.

EXIT CODES: 0 after an order to end, 2 invalid configuration, 4 the state directory can't be used")]
pub struct Args {
    /// Have `palisade launcher`, which listens on this socket, start the jobs
    #[arg(long, value_name = "PATH", conflicts_with = "offline")]
    launcher: Option<PathBuf>,
    #[command(flatten)]
    setting: Setting,
}

/// How often the daemon looks for new registrations and writes down how it stands.
const TICK: Duration = Duration::from_secs(1);
/// How often it forgets what was over long ago.
const FORGET: Duration = Duration::from_hours(1);
/// After what time without a change of registrations the next one shows in the directory's own time: longer than a tick of
/// any file system's clock.
const SETTLED: Duration = Duration::from_secs(5);
/// How long nothing runs before memory is given back.
const QUIET: Duration = Duration::from_secs(3);
/// How long the ends of jobs are told to forges before the daemon ends itself; the next start tells the rest.
const LAST_GRACE: Duration = Duration::from_secs(10);

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let signals = Signals::of(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1])?;
    palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
    let (config, text) = args.setting.config_with_text()?;
    let state = args.setting.state();
    let journal = Journal::of_process();
    if args.launcher.is_none() {
        // Before any job's process is there: jobs get their cgroups beside the daemon's.
        let _ = palisade_sandbox::make_way_for_cgroups();
    }
    let daemon = Daemon::new(settings(&args, &config, &state), &state, journal).map_err(failed)?;
    daemon::keep_config(&state, &text).map_err(|e| failed(e.into()))?;
    let queue = queue(&daemon, &state, &config)?;
    let (runners, seen, told, patient) = (vec![Arc::new(forges::local(&queue))], None, None, false);
    let mut service =
        Service { args: &args, state: &state, config, daemon, queue, runners, seen, told, patient };
    service.find_runners()?;
    service.daemon.take_over(&service.runners).map_err(failed)?;
    for runner in &service.runners {
        service.daemon.serve(runner.clone());
    }
    if let Some(address) = service.config.daemon.metrics {
        service.daemon.listen(address);
    }
    service.warn_of_nobody();
    service.listen()?;
    let _issuer =
        service.config.identity.serve.map(|address| issuer(&state, address, &journal)).transpose()?;
    // Who asks at once shall not hear that none runs.
    service.daemon.write_status();
    if service.runners.len() == 1 {
        let help = [("help", "palisade submit, palisade register")];
        journal.write(
            Severity::Info,
            "nothing is registered yet, so only what is submitted here runs",
            &help,
        );
    }
    service.go_on(&signals)?;
    journal.write(Severity::Info, "ended", &[]);
    Ok(ExitCode::SUCCESS)
}

/// Serves what verifies jobs' ID tokens.
fn issuer(state: &State, address: SocketAddr, journal: &Journal) -> Result<Server, Error> {
    let listener = TcpListener::bind(address)
        .map_err(|e| Error::input(format!("`identity.serve`: cannot listen on {address}: {e}")))?;
    let at = listener.local_addr().unwrap_or(address).to_string();
    let server = serve(state, listener).map_err(|e| Error::input(format!("`identity.serve`: {e}")))?;
    journal.write(Severity::Info, "serving what verifies ID tokens", &[("address", &at)]);
    Ok(server)
}

fn failed(error: DaemonError) -> Error {
    Error::new(Blame::Isolation, error)
}

fn settings(args: &Args, config: &Config, state: &State) -> Settings {
    let kept = daemon::kept_config(state);
    Settings {
        capacity: config.capacity(),
        shutdown_grace: config.daemon.shutdown_grace.0,
        max_job_time: config.daemon.max_job_time.0,
        min_free: config.daemon.min_free.0,
        starter: match &args.launcher {
            Some(path) => Starter::Launcher(path.clone()),
            None => Starter::Daemon(args.setting.arguments(kept.as_deref())),
        },
        spare: config.daemon.spare,
    }
}

fn queue_settings(config: &Config) -> queue::Settings {
    queue::Settings { local: config.local.clone(), min_free: config.daemon.min_free.0 }
}

/// The daemon's own queue.
fn queue(daemon: &Arc<Daemon>, state: &State, config: &Config) -> Result<Arc<Queue>, Error> {
    let waker = Arc::downgrade(daemon);
    let wake = move || {
        if let Some(daemon) = waker.upgrade() {
            daemon.wake();
        }
    };
    let queue = Queue::open(state, queue_settings(config), wake);
    queue.map(Arc::new).map_err(|error| {
        let failed = Error::new(Blame::Isolation, &error);
        match error.is_damage() {
            false => {
                failed.hint("the disk is at fault: see whether it is full, and what the kernel says of it")
            }
            true => failed
                .hint("with the directory `queue` of the state moved away, the daemon begins an empty one"),
        }
    })
}

/// Which keys of a new configuration are read at a start only, and say something else than those of the old one.
fn after_a_start(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("daemon.metrics", old.daemon.metrics != new.daemon.metrics),
        ("daemon.ca-file", old.daemon.ca_file != new.daemon.ca_file),
        ("local.socket", old.local.socket != new.local.socket),
        ("identity.serve", old.identity.serve != new.identity.serve),
    ];
    changed.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
}

struct Service<'a> {
    args: &'a Args,
    state: &'a State,
    config: Config,
    daemon: Arc<Daemon>,
    queue: Arc<Queue>,
    /// The first is the queue's.
    runners: Vec<Arc<Runner>>,
    /// When registrations had last changed as they were looked for, where it was long enough ago to show the next change.
    seen: Option<SystemTime>,
    /// Why registrations can't be looked for, as far as it was told.
    told: Option<String>,
    /// Jobs that run may take as long as they like, although no more are taken.
    patient: bool,
}

impl Service<'_> {
    /// Lets people of this host reach the queue.
    fn listen(&self) -> Result<(), Error> {
        let failed = |error| Error::new(Blame::Isolation, error);
        queue::serve(&self.queue, None).map_err(failed)?;
        // The service manager's, as packaging/palisade.service has it.
        let runtime = std::env::var_os("RUNTIME_DIRECTORY").map(|path| PathBuf::from(path).join("socket"));
        let shared = self.config.local.socket.clone().or(runtime.filter(|path| path.is_absolute()));
        if let Some(path) = &shared {
            queue::serve(&self.queue, Some(path)).map_err(failed)?;
            let fields = [("socket", &*path.to_string_lossy())];
            self.daemon.journal().write(Severity::Info, "the queue is open to the group palisade", &fields);
        }
        Ok(())
    }

    /// Tells what the configuration says of registrations that there aren't.
    fn warn_of_nobody(&self) {
        for name in self.config.registration.keys() {
            if !self.runners.iter().any(|runner| runner.id == *name) {
                let fields = [("registration", name.as_str()), ("help", "palisade registrations")];
                let message = "the configuration has keys of a registration that there isn't";
                self.daemon.journal().write(Severity::Warning, message, &fields);
            }
        }
    }

    /// Waits for signals, and for the end of what runs.
    fn go_on(&mut self, signals: &Signals) -> Result<(), Error> {
        let notify = Notify::of_environment();
        notify.tell("READY=1");
        self.daemon.prepare();
        let tick = notify.watchdog().map_or(TICK, |watchdog| watchdog.min(TICK));
        let (mut drained, mut ending) = (None, None);
        let mut forget = Instant::now();
        let mut busy = Some(Instant::now());
        loop {
            if forget <= Instant::now() {
                self.daemon.forget_old();
                forget = Instant::now() + FORGET;
            }
            let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            // Interrupted or not, it is looked what there is to do.
            let _ = poll(&mut fds, PollTimeout::try_from(tick).unwrap_or(PollTimeout::MAX));
            while let Some(signal) = signals.next() {
                match signal {
                    Signal::SIGHUP => self.reload(&notify),
                    Signal::SIGUSR1 => self.drain(),
                    _ => self.end(),
                }
            }
            let (now, phase) = (Instant::now(), self.daemon.phase());
            match phase {
                Phase::Running => self.look_for_new(),
                Phase::Draining if self.patient => {}
                Phase::Draining => {
                    notify.tell("STOPPING=1");
                    let until = *drained.get_or_insert(now + self.daemon.settings().shutdown_grace);
                    if now >= until {
                        self.daemon.enter(Phase::Cancelling);
                    }
                }
                Phase::Cancelling => {}
                Phase::Ending => {
                    let until = *ending.get_or_insert(now + LAST_GRACE);
                    if now >= until {
                        return Ok(());
                    }
                }
            }
            self.daemon.hold_jobs();
            self.daemon.prepare();
            if self.daemon.has_tasks() {
                busy = Some(now);
            } else if busy.is_some_and(|last| now >= last + QUIET) {
                busy = None;
                // All that it costs where it can't be is memory.
                let _ = palisade_sandbox::memory::give_back();
            }
            self.daemon.write_status();
            notify.tell("WATCHDOG=1");
            if phase > Phase::Running && self.daemon.is_idle() {
                return Ok(());
            }
        }
    }

    /// Takes no more jobs, for as long as those that run need.
    fn drain(&mut self) {
        self.patient = self.daemon.phase() == Phase::Running;
        if self.patient {
            self.end();
            self.patient = true;
        }
    }

    /// One more order to end.
    fn end(&mut self) {
        self.patient = false;
        let (next, message) = match self.daemon.phase() {
            Phase::Running => (Phase::Draining, "taking no more jobs; those that run go on"),
            Phase::Draining => (Phase::Cancelling, "cancelling the jobs that run"),
            Phase::Cancelling | Phase::Ending => (Phase::Ending, "ending the jobs that run"),
        };
        self.daemon.journal().write(Severity::Info, message, &[]);
        self.daemon.enter(next);
    }

    fn reload(&mut self, notify: &Notify) {
        let journal = *self.daemon.journal();
        notify.tell("RELOADING=1");
        let read = self.args.setting.config_with_text().and_then(|(config, text)| {
            daemon::keep_config(self.state, &text).map_err(|e| failed(e.into()))?;
            Ok(config)
        });
        match read {
            Ok(config) => {
                self.daemon.set(settings(self.args, &config, self.state));
                self.queue.set(queue_settings(&config));
                let later = after_a_start(&self.config, &config);
                self.config = config;
                journal.write(Severity::Info, "the configuration was read again", &[]);
                self.warn_of_nobody();
                if !later.is_empty() {
                    let fields = [("keys", &*later.join(", "))];
                    journal.write(
                        Severity::Warning,
                        "keys that have changed hold from the next start on",
                        &fields,
                    );
                }
            }
            Err(error) => {
                let fields = [("error", &*error.to_string())];
                journal.write(Severity::Error, "the configuration is invalid, the old one stays", &fields);
            }
        }
        notify.tell("READY=1");
    }

    /// Serves what was registered since.
    fn look_for_new(&mut self) {
        let changed = Registration::changed(self.state);
        let spent = self.runners.iter().any(|runner| runner.is_spent() && !runner.is_retired());
        if self.seen.is_some() && self.seen == changed && !spent {
            return;
        }
        let known = self.runners.clone();
        let error = self.find_runners().err().map(|error| error.to_string());
        if let Some(error) = error.as_deref().filter(|error| self.told.as_deref() != Some(error)) {
            let fields = [("error", error)];
            self.daemon.journal().write(Severity::Warning, "cannot look for registrations", &fields);
        }
        // One that comes within a tick of the file system's clock after another changes nothing; and one that can't be
        // read may be mended where it is.
        let settled = |at: &SystemTime| at.elapsed().is_ok_and(|age| age > SETTLED);
        self.seen = changed.filter(settled).filter(|_| error.is_none());
        self.told = error;
        for runner in self.runners.iter().filter(|runner| !known.iter().any(|old| Arc::ptr_eq(old, runner))) {
            self.daemon.serve(runner.clone());
        }
    }

    /// Adds the registrations that aren't known yet, and retires those that are gone.
    fn find_runners(&mut self) -> Result<(), Error> {
        for runner in self.runners.iter().filter(|runner| runner.is_spent() && !runner.is_retired()) {
            match Registration::forget(self.state, &runner.id) {
                // Somebody else was quicker.
                Err(RegistrationError::Unknown { .. }) => continue,
                forgotten => forgotten.map_err(forges::failed)?,
            };
            let message = "a runner for one job has had it: its registration is forgotten";
            self.daemon.journal().write(Severity::Info, message, &[("runner", runner.id.as_str())]);
        }
        let all = Registration::all(self.state).map_err(forges::failed)?;
        self.runners.retain(|runner| {
            let is_there =
                runner.id == local::RUNNER || all.iter().any(|registration| registration.id() == runner.id);
            if !is_there {
                runner.retire();
                self.daemon.wake();
            }
            is_there
        });
        let known = |registration: &Registration| self.runners.iter().any(|r| r.id == registration.id());
        let new: Vec<Registration> = all.into_iter().filter(|registration| !known(registration)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let http = forges::http(&self.config)?;
        for registration in &new {
            self.runners.push(Arc::new(forges::runner(registration, &http, self.state)?));
        }
        Ok(())
    }
}
