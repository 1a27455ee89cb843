//! `palisade sandbox`: one command in the job sandbox, with its exit code.

mod relay;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal as OsSignal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use palisade_sandbox::{
    Bind, Child, Command, Exit, InitMemory, LayerId, Limits, Report, Sandbox, Signal, Spare, Spec, Stdio,
};
use std::os::fd::{AsFd, OwnedFd};

use super::error::{Blame, Error};
use super::network::NetworkArgs;
use crate::egress::record::{Outcome, Table, Told};
use crate::egress::{self, Gateway, GatewayError, Mode};
use crate::limits::set_limit;
use relay::Relay;

/// Run one command in the job sandbox, with its exit code.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade sandbox -- id
  palisade sandbox --report -- sh -c 'ls /; cat /etc/passwd'
  palisade sandbox --tty -- bash
  palisade sandbox --ro ~/.cargo/bin --rw ./out --limit memory=2G --limit disk=1G -- make
  palisade sandbox --allow example.com -- curl -sS https://example.com

The command's own exit code is palisade's; 128 + n where signal n ended it; 126 or 127 where it
could not be executed; 4 where the sandbox could not be set up.")]
pub struct Args {
    /// Show a path of the host, read-only; a socket in it can be connected to, where its mode allows that
    #[arg(long, value_name = "PATH")]
    ro: Vec<PathBuf>,
    /// Show a path of the host, writable
    #[arg(long, value_name = "PATH")]
    rw: Vec<PathBuf>,
    /// Set an environment variable; otherwise only PATH, HOME, USER, LANG and TERM are set
    #[arg(long, value_name = "K=V", value_parser = key_value)]
    env: Vec<(String, String)>,
    /// Give the command a terminal of its own, relayed to this one: for shells and full-screen programs
    #[arg(long)]
    tty: bool,
    /// Working directory inside
    #[arg(long, value_name = "PATH", default_value = "/tmp")]
    workdir: PathBuf,
    #[command(flatten)]
    network: NetworkArgs,
    /// Limit a resource: disk, memory, file-size (bytes, with K, M, G or T), processes, open-files, inodes,
    /// cpus
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    limit: Vec<(String, String)>,
    /// Switch a layer off, for debugging: landlock, seccomp, net, ipc, uts, cgroup, capabilities, limits
    #[arg(long, value_name = "LAYER")]
    without: Vec<LayerId>,
    /// Accept less of a layer than it should give, where this machine can't; `limits` always is accepted
    #[arg(long, value_name = "LAYER")]
    allow_degraded: Vec<LayerId>,
    /// Print how each layer stands, and what the command used, to standard error
    #[arg(long)]
    report: bool,
    /// Print that as JSON
    #[arg(long, requires = "report")]
    json: bool,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Parses `K=V`.
pub fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Runs it.
pub fn run(args: Args, spare: Option<Spare>) -> Result<ExitCode, Error> {
    let network = args.network.decide(&egress::Configured::default())?;
    let spec = spec(&args, network.mode)?.callers(network.settings.attribution);
    if args.tty && !std::io::stdin().is_terminal() {
        return Err(Error::input("--tty needs a terminal on standard input"));
    }
    let signals = Signals::block()?;
    let command = command(args.command, args.workdir, args.env);
    let mut starting = Sandbox::start_with(spare, &spec).map_err(isolation)?;
    let gateway = gateway(&network, starting.take_inlet())?;
    let (sandbox, child, relay) = if args.report || args.tty {
        let sandbox = starting.ready().map_err(isolation)?;
        if args.report {
            // Before the command's own output.
            report(sandbox.report(), args.json)?;
        }
        let relay = if args.tty { Some(Relay::open(&sandbox)?) } else { None };
        let command = match &relay {
            Some(relay) => relay.attach(command)?,
            None => command,
        };
        let child = sandbox.spawn(command).map_err(isolation)?;
        (sandbox, child, relay)
    } else {
        let child = starting.spawn(command).map_err(isolation)?;
        (starting.ready().map_err(isolation)?, child, None)
    };
    let ended = signals.wait(&sandbox, child, relay, gateway.as_ref());
    let table = gateway.map(Gateway::finish).transpose().map_err(|e| Error::new(Blame::Isolation, e))?;
    match ended {
        Ok(exit) => {
            if args.report {
                used(&exit, args.json)?;
                table.map(|table| reached(&table, args.json)).transpose()?;
            }
            sandbox.end();
            Ok(ExitCode::from(u8::try_from(exit.status.shell_code()).unwrap_or(u8::MAX)))
        }
        Err(error @ palisade_sandbox::Error::Start { errno, .. }) => {
            let _ = Error::new(Blame::Input, error).report();
            // As every shell does it.
            Ok(ExitCode::from(if errno == Errno::ENOENT { 127 } else { 126 }))
        }
        Err(error) => Err(isolation(error)),
    }
}

/// The gateway of a sandbox that is to have one. What it refuses is told as it happens.
fn gateway(network: &egress::Network, inlet: Option<OwnedFd>) -> Result<Option<Gateway>, Error> {
    let Some(scope) = network.mode.scope() else { return Ok(None) };
    let inlet = inlet.ok_or_else(|| Error::input("--net allow and --net audit need the layer `net`"))?;
    let told = |told: Told| {
        let text = match told {
            Told::Attempt(attempt) if attempt.outcome == Outcome::Reached => return,
            Told::Attempt(attempt) => attempt.to_string(),
            Told::Unnamed(unnamed) => unnamed.to_string(),
        };
        // In one piece: the command writes there too.
        let _ = std::io::stderr().write_all(format!("palisade: {text}\n").as_bytes());
    };
    let started = Gateway::start(scope, &network.settings, inlet, told, |_: &GatewayError| {});
    started.map(Some).map_err(|e| Error::new(Blame::Isolation, e))
}

fn command(argv: Vec<OsString>, workdir: PathBuf, env: Vec<(String, String)>) -> Command {
    let mut argv = argv.into_iter();
    let command = Command::new(argv.next().unwrap_or_default())
        .args(argv)
        .current_dir(workdir)
        .stdin(Stdio::Inherit)
        .stdout(Stdio::Inherit)
        .stderr(Stdio::Inherit);
    default_environment().chain(env).fold(command, |command, (key, value)| command.env(key, value))
}

fn spec(args: &Args, mode: Mode) -> Result<Spec, Error> {
    let mut limits = Limits::default();
    for (name, value) in &args.limit {
        set_limit(&mut limits, name, value).map_err(|e| Error::input(format!("--limit {name}: {e}")))?;
    }
    let mut spec = Spec::new()
        .network(mode.into())
        .limits(limits)
        .allow_degraded(LayerId::Limits)
        // What this process knows is meant for the command anyway.
        .init_memory(InitMemory::Copied);
    for path in &args.ro {
        spec = spec.bind(Bind::read_only(full_path("--ro", path)?));
    }
    for path in &args.rw {
        spec = spec.bind(Bind::read_write(full_path("--rw", path)?));
    }
    for layer in &args.allow_degraded {
        spec = spec.allow_degraded(*layer);
    }
    for layer in &args.without {
        spec = spec.without(*layer);
    }
    Ok(spec)
}

fn full_path(option: &str, path: &std::path::Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|e| Error::input(format!("{option} {}: {e}", path.display())))
}

fn default_environment() -> impl Iterator<Item = (String, String)> {
    let term = std::env::var("TERM").unwrap_or_else(|_| "dumb".into());
    [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/home/runner"),
        ("USER", "runner"),
        ("LANG", "C.UTF-8"),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .chain([("TERM".to_owned(), term)])
}

/// A sandbox's failure as the command line reports it.
pub fn isolation(error: palisade_sandbox::Error) -> Error {
    let blame = match error {
        palisade_sandbox::Error::Spec(_) => Blame::Input,
        _ => Blame::Isolation,
    };
    let remedy = error.remedy();
    let reported = Error::new(blame, error);
    match remedy {
        Some(remedy) => reported.hint(remedy),
        None => reported,
    }
}

fn report(report: &Report, json: bool) -> Result<(), Error> {
    let mut err = std::io::stderr().lock();
    if json {
        return line(
            &mut err,
            &serde_json::json!({ "layers": report.layers.iter().map(|l| {
            serde_json::json!({ "layer": l.layer, "state": l.state.as_str(), "detail": l.state.detail() })
        }).collect::<Vec<_>>() }),
        );
    }
    for layer in &report.layers {
        let _ = writeln!(err, "{:12}  {:8}  {}", layer.layer, layer.state.as_str(), layer.state.detail());
    }
    Ok(())
}

fn used(exit: &Exit, json: bool) -> Result<(), Error> {
    let mut err = std::io::stderr().lock();
    if json {
        return line(&mut err, &serde_json::json!({ "exit": exit }));
    }
    let usage = &exit.usage;
    let _ = writeln!(
        err,
        "used          {:.3} s user, {:.3} s system, {} MiB at most; {} left behind and killed",
        usage.user.as_secs_f64(),
        usage.system.as_secs_f64(),
        usage.max_rss >> 20,
        exit.stragglers
    );
    Ok(())
}

fn reached(table: &Table, json: bool) -> Result<(), Error> {
    let mut err = std::io::stderr().lock();
    if json {
        return line(&mut err, &serde_json::json!({ "network": table }));
    }
    for row in &table.rows {
        let _ = writeln!(err, "{row}");
    }
    Ok(())
}

fn line(to: &mut impl Write, value: &serde_json::Value) -> Result<(), Error> {
    writeln!(to, "{value}").map_err(|e| Error::new(Blame::Job, format!("cannot write the report: {e}")))
}

/// The signals that are passed on to the command instead of ending palisade.
struct Signals(SignalFd);

impl Signals {
    fn block() -> Result<Self, Error> {
        let set: SigSet =
            [OsSignal::SIGINT, OsSignal::SIGTERM, OsSignal::SIGHUP, OsSignal::SIGQUIT, OsSignal::SIGWINCH]
                .into_iter()
                .collect();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)
            .and_then(|()| SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK))
            .map(Signals)
            .map_err(|e| Error::new(Blame::Isolation, format!("cannot catch signals: {e}")))
    }

    fn wait(
        &self,
        sandbox: &Sandbox,
        child: Child,
        mut relay: Option<Relay>,
        gateway: Option<&Gateway>,
    ) -> Result<Exit, palisade_sandbox::Error> {
        let stdin = std::io::stdin();
        loop {
            let mut fds = vec![
                PollFd::new(child.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.0.as_fd(), PollFlags::POLLIN),
            ];
            fds.extend(gateway.map(|gateway| PollFd::new(gateway.as_fd(), PollFlags::POLLIN)));
            if let Some(relay) = &relay {
                fds.push(PollFd::new(relay.terminal.as_fd(), PollFlags::POLLIN));
                fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
            }
            let _ = poll(&mut fds, PollTimeout::NONE);
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
            drop(fds);
            if let (Some(relay), [.., output, input]) = (&mut relay, &ready[..]) {
                if *output {
                    relay.output();
                } else if *input {
                    relay.input();
                }
            }
            if gateway.is_some() && ready[2] {
                // Without it the command would go on with a network that it wasn't promised.
                return Err(palisade_sandbox::Error::Ended("its egress gateway is gone".into()));
            }
            if ready[0] {
                if let Some(relay) = &mut relay {
                    while relay.output() {}
                }
                return child.wait();
            }
            while let Ok(Some(info)) = self.0.read_signal() {
                match (OsSignal::try_from(info.ssi_signo as i32), &relay) {
                    (Ok(OsSignal::SIGWINCH), Some(relay)) => relay.resize(),
                    (Ok(OsSignal::SIGWINCH), None) => {}
                    (Ok(OsSignal::SIGINT), _) => sandbox.signal(Signal::Interrupt)?,
                    (Ok(OsSignal::SIGHUP), _) => sandbox.signal(Signal::Hangup)?,
                    (Ok(OsSignal::SIGQUIT), _) => sandbox.signal(Signal::Quit)?,
                    _ => sandbox.signal(Signal::Terminate)?,
                }
            }
        }
    }
}
