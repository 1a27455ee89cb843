//! The gateway: a process of its own for each job, on the host's side. It holds sockets of the job's network, knows
//! rules and nothing else of the job, and is the only way out. What it reads is hostile, so it gives up files,
//! programs and other processes before it reads any of it; if it dies, the job has no network any more.
//!
//! | module | what |
//! | --- | --- |
//! | `serve`, `waiting` | the loop and listening; how it waits |
//! | `name_server` | the job's name server |
//! | `names` | which address stands for which name |
//! | `stream`, `streams` | one connection until it stands; what becomes of all of them |
//! | `relay` | one that stands |
//! | `upstream`, `tunnel` | connections by way of a proxy; TLS to it |
//! | `flow`, `flows` | datagrams from one port to one name; what becomes of all of them |
//! | `splice` | moving bytes |
//! | `quota` | how much a job may send, receive and connect |
//! | `resolve`, `own` | the names' own addresses; those of the host |
//! | `steps`, `enter` | which step of the job runs; the rules that it has |
//! | `callers` | which process asks for what |
//! | `unnamed`, `strays` | what the job tried to reach by address: how often, and who what |
//! | `unheard` | datagrams to ports of names that no rule opens |
//! | `outbox` | what is told |

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use palisade_sandbox::{Inlet, confine_gateway};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::OfStep;
use super::proxy::{Credentials, Proxy};
use super::rule::Scope;
use super::settings::Settings;
use enter::Entering;
use outbox::Outbox;
use resolve::Resolver;
use serve::{End, Gateway, Limits};
use steps::Steps;
use unnamed::Counted;
use upstream::Upstream;

pub use quota::Quota;
pub use steps::{AtStep, NotEntered};

mod callers;
mod enter;
mod flow;
mod flows;
mod name_server;
mod names;
mod outbox;
mod own;
mod quota;
mod relay;
mod resolve;
mod serve;
mod splice;
mod steps;
mod strays;
mod stream;
mod streams;
mod tunnel;
mod unheard;
pub(super) mod unnamed;
mod upstream;
mod waiting;

/// Argument zero that makes this binary a gateway. Its standard input is the inlet, its standard output the socket
/// to its caller.
pub const NAME: &str = "palisade-gateway";

/// The caller's first word; what comes after it is which step runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Orders {
    /// Which names are let through.
    pub scope: Scope,
    /// Rules, resolver, limits.
    pub settings: Settings,
    /// How many bytes come after this, which are the proxy's user and password.
    pub credentials: Option<usize>,
    /// Index of the job's step that runs.
    pub step: Option<usize>,
    /// The rules of that step.
    pub of_step: OfStep,
    /// What it has tried, where it has ended already.
    pub tried: Option<Counted>,
}

impl Orders {
    /// Reads what comes after them.
    fn credentials(&self, from: &mut impl Read) -> Result<Option<Credentials>, String> {
        let Some(length) = self.credentials else { return Ok(None) };
        let mut read = || {
            let mut bytes = Zeroizing::new(vec![0; length]);
            from.read_exact(&mut bytes)?;
            Credentials::parse(std::str::from_utf8(&bytes).unwrap_or_default())
        };
        read().map(Some).map_err(|e| format!("the proxy's credentials: {e}"))
    }
}

/// Becomes a gateway where this process was started as one, and gives its exit code when its job is over.
pub fn run_if_asked() -> Option<ExitCode> {
    if std::env::args_os().next().is_none_or(|name| name != NAME) {
        return None;
    }
    Some(match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn run() -> io::Result<()> {
    // Not by the caller: it would have to fork for that, where otherwise the kernel starts a program without copying it.
    std::env::set_current_dir("/")?;
    let inlet = std::io::stdin().as_fd().try_clone_to_owned()?;
    let control = UnixStream::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut line = String::new();
    let mut reader = BufReader::new(&control);
    reader.read_line(&mut line)?;
    let heard = serde_json::from_str(&line).map_err(|e| format!("its orders: {e}"));
    let heard = heard.and_then(|orders: Orders| {
        let credentials = orders.credentials(&mut reader)?;
        Ok((orders, credentials, Steps::after(reader.buffer())))
    });
    let prepared = heard.and_then(|(orders, credentials, steps)| {
        let control = control.try_clone().map_err(|e| format!("its control socket: {e}"))?;
        prepare(orders, credentials, inlet, control, steps)
    });
    let (end, outbox) = match prepared {
        Ok(gateway) => gateway.serve(),
        Err(why) => (End::Broken(why), Outbox::new(control)),
    };
    outbox.finish(match end {
        End::Done => None,
        End::Broken(why) => Some(why),
    })
}

/// Opens what it needs of the host, gives up the rest, and waits for the sandbox's network.
fn prepare(
    orders: Orders,
    credentials: Option<Credentials>,
    inlet: OwnedFd,
    control: UnixStream,
    steps: Steps,
) -> Result<Gateway, String> {
    let Orders { scope, settings, step, of_step, tried, .. } = orders;
    let upstream = settings.proxy.clone().map(|proxy| Upstream::new(proxy, credentials)).transpose()?;
    let encrypted = settings.proxy.as_ref().is_some_and(Proxy::is_encrypted);
    let limits = limits(&settings, encrypted).map_err(|e| format!("setting its limits: {e}"))?;
    let resolver =
        Resolver::new(settings.resolver).map_err(|e| format!("preparing to look up names: {e}"))?;
    confine_gateway().map_err(|e| e.to_string())?;
    let waiting = |e: io::Error| format!("waiting for the sandbox's network: {e}");
    let opened = Inlet::open(inlet).map_err(waiting)?;
    let entering = Entering { scope, settings };
    Gateway::new(entering, (step, of_step, tried), limits, (resolver, upstream), opened, control, steps)
        .map_err(|e| format!("putting it together: {e}"))
}

/// Memory of a gateway's own. What a job makes it keep has bounds, each of which is much smaller; all of them
/// together end the job rather than the host's memory.
const MEMORY: u64 = 256 << 20;
/// Descriptors besides those of names, connections and flows.
const FEW: u64 = 256;
/// Most flows of datagrams at a time; each has a descriptor, and what it makes the gateway keep is some 200 KiB at most.
const FLOWS: u64 = 256;

/// Most connections by a proxy within TLS, each of which has some 50 KiB of memory for that.
const ENCRYPTED: u64 = 2048;

/// Most pipes at a time, as many as an ordinary user may have of their size.
const PIPES: u64 = 256;

/// Limits the process, and what it takes on to what it has descriptors for: an `accept(2)` without any would fail
/// over and over.
fn limits(settings: &Settings, encrypted: bool) -> nix::Result<Limits> {
    setrlimit(Resource::RLIMIT_DATA, MEMORY, MEMORY)?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let (listeners, pipes) = ((most / 4).min(8192), (most / 16).min(PIPES));
    // A connection has two, and with TLS to the proxy two more.
    let (each, bound) = if encrypted { (4, ENCRYPTED) } else { (2, u64::MAX) };
    let connections = (most.saturating_sub(listeners + 2 * pipes + FLOWS + FEW) / each).min(bound);
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Limits {
        names_per_wildcard: settings.names_per_wildcard,
        connections: settings.connections.min(count(connections)),
        listeners: count(listeners),
        flows: count(FLOWS),
        pipes: count(pipes),
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    })
}
