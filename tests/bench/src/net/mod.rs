//! Bytes, connections and latency through the egress gateway, beside no sandbox and slirp4netns, peers taking turns. The
//! server is in a network namespace of its own behind a veth pair, which takes root and `ip`; for others it is on the
//! loopback.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::peak_memory;
use crate::table::{Goal, line};
use world::{Peer, Slirp, World, peers, starts};

pub use part::part;

mod part;
mod world;

/// How many streams are open at a time where their memory is measured.
const OPEN: usize = 5000;
/// How many short connections are open at a time, as a package manager's.
const AT_ONCE: u32 = 8;

/// The figure that a client prints.
fn measure(mut command: Command) -> Option<f64> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// Medians of no sandbox, palisade and slirp4netns, which is 0 where it isn't there.
fn in_turns(rounds: usize, what: &str, peers: &[Peer; 2], slirp: impl Fn(&str) -> Option<f64>) -> [f64; 3] {
    let mut figures = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        for (figures, peer) in figures.iter_mut().zip(peers) {
            figures.extend(measure(peer(what)));
        }
        figures[2].extend(slirp(what));
    }
    figures.map(median)
}

/// Prints the section.
pub fn section(palisade: &str, rounds: usize) {
    let this: PathBuf = std::env::current_exe().expect("this program has a path");
    let world = World::new(&this);
    let peers = peers(palisade, &this, &world);
    let slirp = if world.namespace { Slirp::start() } else { None };
    let address = world.address.to_string();
    let of_slirp = |what: &str| measure(slirp.as_ref()?.command(&this, what, &address));
    match &slirp {
        Some(_) => {
            while of_slirp("s").is_none() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        None => println!("slirp4netns is left out: it isn't installed, or this isn't root"),
    }
    println!("\nthe server is {}", if world.namespace { "behind a veth pair" } else { "on the loopback" });
    for (what, name, unit, scale, of_none) in [
        ("d", "one stream to the job", "GB/s", 1e9, 0.6),
        ("u", "one stream from the job", "GB/s", 1e9, 0.6),
        ("s", &*format!("short connections, {AT_ONCE} at a time"), "1000/s", 1e3, 0.3),
    ] {
        let [none, ours, slirp] = in_turns(rounds, what, &peers, of_slirp);
        line(&format!("{name}, no sandbox"), none / scale, unit, None);
        line(&format!("{name}, palisade"), ours / scale, unit, None);
        line(&format!("{name}, palisade / no sandbox"), ours / none, "x", Some(Goal::AtLeast(of_none)));
        if slirp > 0.0 {
            line(&format!("{name}, slirp4netns"), slirp / scale, unit, None);
            line(&format!("{name}, palisade / slirp4netns"), ours / slirp, "x", Some(Goal::AtLeast(2.0)));
        }
    }
    if let Some(lookups) = measure(peers[1]("l")) {
        line("the same with a lookup each, palisade", lookups / 1e3, "1000/s", None);
    }
    for (what, name, most) in [("c", "connect and first byte", 150.0), ("r", "round trip", 30.0)] {
        let [none, ours, slirp] = in_turns(rounds, what, &peers, of_slirp);
        line(&format!("{name}, no sandbox"), none, "µs", None);
        line(&format!("{name}, palisade"), ours, "µs", None);
        if slirp > 0.0 {
            line(&format!("{name}, slirp4netns"), slirp, "µs", None);
        }
        line(&format!("{name}, added by palisade"), ours - none, "µs", Some(Goal::AtMost(most)));
    }
    match memory(peers[1]("m")) {
        Some(bytes) => {
            let mib = bytes as f64 / f64::from(1 << 20);
            line(&format!("gateway with {OPEN} open streams"), mib, "MiB", Some(Goal::AtMost(64.0)));
        }
        None => println!("{OPEN} streams can't be opened: is the limit of open files (ulimit -Hn) too low?"),
    }
    start(palisade, rounds * 8);
}

/// Largest resident set of a gateway while a client holds its streams.
fn memory(mut command: Command) -> Option<u64> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut said = String::new();
    // It says the same at its end, too.
    let mut output = BufReader::new(child.stdout.take()?);
    output.read_line(&mut said).ok()?;
    let bytes = gateway_of(child.id()).map(peak_memory);
    drop(child.stdin.take());
    child.wait().ok()?;
    bytes.filter(|_| said.trim() == OPEN.to_string())
}

/// The gateway among the children of a process.
fn gateway_of(parent: u32) -> Option<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).ok()?.flatten();
    let children: String =
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok()).collect();
    let is_gateway = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.starts_with(b"palisade-gateway\0"))
    };
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_gateway)
}

/// What a gateway adds to a start.
fn start(palisade: &str, rounds: usize) {
    let starts = starts(palisade);
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        for (times, start) in times.iter_mut().zip(&starts) {
            let begun = Instant::now();
            let done = start("").stdout(Stdio::null()).stderr(Stdio::null()).status();
            if done.is_ok_and(|status| status.success()) {
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let [none, ours] = times.map(median);
    line("start, --net none", none, "ms", None);
    line("start, with a gateway", ours, "ms", None);
    line("start, added by a gateway", ours - none, "ms", Some(Goal::AtMost(1.0)));
}
