//! `palisade-bench PALISADE [run [ROUNDS] | mask [MB] | cache [MB] | daemon [ROUNDS] | net [ROUNDS] | identity]`: palisade beside its peers in the same run, taking
//! turns. Prints medians, ratios and the goal of each; never fails on a figure.

mod cache;
mod check;
mod checkout;
mod chunk;
mod daemon;
mod floor;
mod identity;
mod log;
mod mask;
mod measure;
mod net;
mod random;
mod run;
mod secrets;
mod table;

use std::process::ExitCode;

const USAGE: &str = "usage: palisade-bench PALISADE [run [ROUNDS] | mask [MB] | cache [MB] | daemon [ROUNDS] | net [ROUNDS] | identity]";
/// How often each command is started.
const ROUNDS: usize = 100;
/// How often a batch of a daemon's jobs runs.
const BATCHES: usize = 5;
/// How often each measure of the network is taken.
const STREAMS: usize = 5;
/// How much text is masked, in millions of bytes.
const MEGABYTES: usize = 200;
/// How much a cache holds, in millions of bytes.
const CACHE: usize = 500;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if net::part(&args).or_else(|| identity::part(&args)).is_some() {
        return ExitCode::SUCCESS;
    }
    let number = |text: &str| text.parse().ok().filter(|n| *n > 0);
    let (palisade, rounds, megabytes, cache, batches) = match args[..] {
        [palisade] => (palisade, Some(ROUNDS), Some(MEGABYTES), Some(CACHE), Some(BATCHES)),
        [palisade, "run"] => (palisade, Some(ROUNDS), None, None, None),
        [palisade, "run", n] if number(n).is_some() => (palisade, number(n), None, None, None),
        [palisade, "mask"] => (palisade, None, Some(MEGABYTES), None, None),
        [palisade, "mask", n] if number(n).is_some() => (palisade, None, number(n), None, None),
        [palisade, "cache"] => (palisade, None, None, Some(CACHE), None),
        [palisade, "cache", n] if number(n).is_some() => (palisade, None, None, number(n), None),
        [palisade, "daemon"] => (palisade, None, None, None, Some(BATCHES)),
        [palisade, "daemon", n] if number(n).is_some() => (palisade, None, None, None, number(n)),
        [palisade, "net", n] if number(n).is_some() => (palisade, None, None, None, None),
        [palisade, "net" | "identity"] => (palisade, None, None, None, None),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let palisade = std::path::absolute(palisade).expect("a working directory").display().to_string();
    let scratch = tempfile::tempdir().expect("a temporary directory");
    println!("load at the start: {}", measure::load());
    if let Some(rounds) = rounds {
        run::section(&palisade, rounds, scratch.path());
    }
    if let Some(megabytes) = megabytes {
        mask::section(&palisade, megabytes * 1_000_000, scratch.path());
    }
    if let Some(megabytes) = cache {
        cache::section(&palisade, megabytes, scratch.path());
    }
    if let Some(batches) = batches {
        daemon::section(&palisade, batches, scratch.path());
    }
    if args.len() == 1 || args.get(1) == Some(&"net") {
        let rounds = args.get(2).and_then(|n| number(n));
        net::section(&palisade, rounds.unwrap_or(STREAMS));
    }
    if args.len() == 1 || args.get(1) == Some(&"identity") {
        identity::section(&palisade, scratch.path());
    }
    println!("load at the end: {}", measure::load());
    ExitCode::SUCCESS
}
