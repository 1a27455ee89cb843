//! `palisade launcher`: starts jobs' processes for the daemon, so that the daemon's own service can be locked down.

use std::path::PathBuf;
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::error::{Blame, Error};
use super::setting::Setting;
use super::signals::Signals;
use crate::daemon::{self, Journal, Launcher, Notify, Severity};
use crate::job::Interrupts;

/// Start jobs for the daemon, as a service of its own: the service manager's, not yours.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade launcher --socket /run/palisade-jobs/socket --state /var/lib/palisade
  palisade daemon --launcher /run/palisade-jobs/socket --state /var/lib/palisade

Both run as the same user, with the same state. The launcher reads no configuration, knows no
forge, and has nothing of a job but the directory that it starts in; another user is refused (rule
launcher-peer). What jobs have of the host, as limits or the environment, is the launcher's. A
daemon that ends by force leaves its jobs to the next one. A launcher that ends takes the jobs
that run with it, and the daemon reports them as failed.

SIGNALS: SIGTERM or SIGINT: end, and so do the jobs that run.

EXIT CODES: 0 after an order to end, or where the daemon is of a palisade installed since, 4 the
socket or the state directory can't be used")]
pub struct Args {
    /// Where to listen, in a directory of this user's alone
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Have jobs fetch nothing: they use what the store of actions and directories of repositories have
    #[arg(long)]
    offline: bool,
    /// The daemon's directory for what is kept [default: palisade in $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let signals = Signals::of(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD])?;
    palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
    // Before any job's process is there: jobs get their cgroups beside the launcher's.
    let _ = palisade_sandbox::make_way_for_cgroups();
    let setting = Setting::without_config(args.state, args.offline);
    let state = setting.state();
    let arguments = setting.arguments(daemon::kept_config(&state).as_deref());
    let journal = Journal::of_process();
    let mut launcher = Launcher::listen(&args.socket, &state, arguments, journal)
        .map_err(|error| Error::new(Blame::Isolation, error))?;
    journal.write(Severity::Info, "waiting for the daemon", &[("socket", &*args.socket.to_string_lossy())]);
    Notify::of_environment().tell("READY=1");
    // All that it costs where it can't be is memory.
    let _ = palisade_sandbox::memory::give_back();
    let ended = serve(&mut launcher, &signals);
    journal.write(Severity::Info, ended, &[]);
    Ok(ExitCode::SUCCESS)
}

/// Serves until it is to end, and says why.
fn serve(launcher: &mut Launcher, signals: &Signals) -> &'static str {
    loop {
        let mut fds = [launcher.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        // Interrupted or not, it is looked what there is to do.
        let _ = poll(&mut fds, PollTimeout::NONE);
        let is_asked = fds[0].any() == Some(true);
        while let Some(signal) = signals.next() {
            match signal {
                Signal::SIGCHLD => {}
                _ => return "ended",
            }
        }
        // A signal may stand for several.
        launcher.reap();
        if is_asked {
            launcher.answer();
        }
        if launcher.is_over() {
            return "ended for the palisade that is installed since";
        }
    }
}
