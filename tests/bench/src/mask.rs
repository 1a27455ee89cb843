//! Masking: a build log through `palisade mask`, beside `sed`, aho-corasick and a scanner.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use palisade::mask::MASK;

use crate::floor::Floor;
use crate::measure::{Cost, Run, filter, function, in_turns, is_there, peak_memory};
use crate::table::{Goal, line};
use crate::{chunk, log, secrets};

const ROUNDS: usize = 5;
/// A scanner is so much slower that it gets less to read, in bytes.
const SCANNED: usize = 5_000_000;
/// What 100 secrets come to in the raw spellings that runners replace today.
const PATTERNS: usize = 800;
/// How often the time to get ready is measured.
const STARTS: usize = 20;
const DETECTING: &str = "palisade, detection";
const SCANNER: [&str; 8] =
    ["gitleaks", "stdin", "--no-banner", "--log-level", "error", "--exit-code", "0", "--redact=100"];
const FLOOR: &str = "aho-corasick, DFA of 800 raw patterns";

/// Prints the section.
pub fn section(palisade: &str, bytes: usize, dir: &Path) {
    let secrets = secrets::secrets(1000);
    for count in [1, 100, 1000] {
        let json = serde_json::to_vec(&secrets[..count]).expect("strings are JSON");
        fs::write(dir.join(format!("s{count}")), json).expect("a file of secrets");
    }
    throughput(palisade, bytes, dir, &secrets);
    readiness(palisade, dir);
    println!("\nmasking a chunk of one line, 20 bytes");
    let [hundred, thousand, detecting] = chunk::nanoseconds(ROUNDS, &secrets);
    line("100 secrets", hundred, "ns", Some(Goal::AtMost(1000.0)));
    line("1,000 secrets", thousand, "ns", None);
    line("detection and 100 secrets", detecting, "ns", None);
}

/// A contender in the table of speeds.
struct Entrant {
    name: &'static str,
    /// How much it reads.
    bytes: u64,
    /// Millions of bytes in a second of the processor.
    goal: Option<f64>,
}

fn throughput(palisade: &str, bytes: usize, dir: &Path, secrets: &[String]) {
    let log = Input::write(dir.join("log"), bytes);
    let less = Input::write(dir.join("scanned"), SCANNED.min(bytes));
    let script = format!("s/{}/{MASK}/g", secrets[0]);
    let [s1, s100, s1000] = [1, 100, 1000].map(|count| dir.join(format!("s{count}")).display().to_string());
    let filters: [(&str, Vec<&str>, Option<f64>); 6] = [
        ("sed, 1 secret", vec!["sed", &script], None),
        ("palisade, 1 secret", vec![palisade, "mask", "--secrets", &s1], None),
        ("palisade, 100 secrets", vec![palisade, "mask", "--secrets", &s100], Some(300.0)),
        ("palisade, 1,000 secrets", vec![palisade, "mask", "--secrets", &s1000], Some(200.0)),
        (DETECTING, vec![palisade, "mask", "--detect"], None),
        (
            "palisade, detection and 100 secrets",
            vec![palisade, "mask", "--detect", "--secrets", &s100],
            Some(150.0),
        ),
    ];
    let automata = [
        ("aho-corasick, DFA of 1 secret", Floor::new(&secrets[..1])),
        (FLOOR, Floor::new(&secrets[..PATTERNS])),
    ];

    let mut entrants: Vec<(Entrant, Run<'_>)> = Vec::new();
    for (name, command, goal) in &filters {
        if *name != DETECTING {
            must_mask(command, &secrets[0]);
        }
        let entrant = Entrant { name, bytes: log.bytes, goal: *goal };
        entrants.push((entrant, Box::new(|| filter(command, &log.path))));
    }
    for (name, automaton) in &automata {
        let mut out = Vec::new();
        automaton.replace(sample(&secrets[0]).as_bytes(), &mut out);
        assert_masked(name, &out, &secrets[0]);
        let entrant = Entrant { name, bytes: log.bytes, goal: None };
        entrants.push((entrant, Box::new(|| automaton.run(&log.path))));
    }
    let scanner = is_there(SCANNER[0]);
    if scanner {
        let entrant = Entrant { name: "gitleaks, detection", bytes: less.bytes, goal: None };
        entrants.push((entrant, Box::new(|| filter(&SCANNER, &less.path))));
    }

    let (entrants, mut runs): (Vec<Entrant>, Vec<Run<'_>>) = entrants.into_iter().unzip();
    let costs = in_turns(ROUNDS, &mut runs);
    let speeds: Vec<Speed> = entrants.iter().zip(costs).map(|(e, cost)| Speed::of(e.bytes, cost)).collect();
    let floor = entrants.iter().position(|e| e.name == FLOOR).map(|i| speeds[i].cpu).expect("the floor runs");
    println!("\nmasking {} MB of build log, one core: medians of {ROUNDS} rounds", bytes / 1_000_000);
    println!("{:<40} {:>14} {:>14} {:>9}   goal", "", "processor", "clock", "/ DFA");
    for (Entrant { name, goal, .. }, &Speed { cpu, wall }) in entrants.iter().zip(&speeds) {
        let verdict = goal.map_or_else(String::new, |goal| Goal::AtLeast(goal).of(cpu, "MB/s"));
        println!("{name:<40} {cpu:>9.1} MB/s {wall:>9.1} MB/s {:>7.3} x   {verdict}", cpu / floor);
    }
    if !scanner {
        println!("{:<40} skipped: gitleaks isn't installed", "a scanner, detection");
    }
}

/// Time and memory until 1,000 secrets are ready, beyond what the same takes with one.
fn readiness(palisade: &str, dir: &Path) {
    let command = |count: usize| {
        let file = dir.join(format!("s{count}")).display().to_string();
        [palisade.to_owned(), "mask".to_owned(), "--secrets".to_owned(), file]
    };
    let (one, many) = (command(1), command(1000));
    let empty = Path::new("/dev/null");
    let secrets = secrets::secrets(PATTERNS);
    let run = |command: &[String; 4]| filter(&command.each_ref().map(String::as_str), empty);
    let mut contenders = [
        Box::new(|| run(&one)) as Run<'_>,
        Box::new(|| run(&many)),
        Box::new(|| function(|| drop(Floor::new(&secrets)))),
    ];
    let costs = in_turns(STARTS, &mut contenders);
    let (one_cost, many_cost, floor) = (costs[0], costs[1], costs[2]);
    println!("\nmaking 1,000 secrets ready: what they add to one");
    let ms = |cost: std::time::Duration| cost.as_secs_f64() * 1e3;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let time = many_cost.cpu.saturating_sub(one_cost.cpu);
    line("palisade, time of the processor", ms(time), "ms", Some(Goal::AtMost(100.0)));
    line("palisade, time on the clock", ms(many_cost.wall.saturating_sub(one_cost.wall)), "ms", None);
    line(FLOOR, ms(floor.cpu), "ms", None);
    let memory = memory_when_ready(&many).saturating_sub(memory_when_ready(&one));
    line("palisade, peak memory", mib(memory), "MiB", Some(Goal::AtMost(64.0)));
    line(FLOOR, mib(Floor::new(&secrets).memory() as u64), "MiB", None);
}

/// Peak of a filter that has let a first line through, so that all of its secrets are ready; in bytes.
fn memory_when_ready(command: &[String; 4]) -> u64 {
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("palisade");
    let mut to = child.stdin.take().expect("a pipe");
    to.write_all(b"the first line of a log\n").expect("palisade reads");
    let mut line = String::new();
    let mut from = BufReader::new(child.stdout.take().expect("a pipe"));
    from.read_line(&mut line).expect("palisade writes");
    assert_eq!(line, "the first line of a log\n");
    let peak = peak_memory(child.id());
    drop(to);
    assert!(child.wait().expect("its end").success());
    peak
}

/// Millions of bytes in a second.
struct Speed {
    cpu: f64,
    wall: f64,
}

impl Speed {
    fn of(size: u64, Cost { cpu, wall }: Cost) -> Speed {
        let per_second = |time: std::time::Duration| size as f64 / 1e6 / time.as_secs_f64();
        Speed { cpu: per_second(cpu), wall: per_second(wall) }
    }
}

/// A log in a file.
struct Input {
    path: PathBuf,
    bytes: u64,
}

impl Input {
    fn write(path: PathBuf, bytes: usize) -> Input {
        let text = log::build_log(bytes);
        fs::write(&path, &text).expect("a log");
        Input { path, bytes: text.len() as u64 }
    }
}

/// Whoever doesn't mask isn't measured.
fn must_mask(command: &[&str], secret: &str) {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("cannot run `{}`: {e}", command[0]));
    // Less than a pipe holds, so that nobody waits for the other.
    child.stdin.take().expect("a pipe").write_all(sample(secret).as_bytes()).expect("it reads");
    let out = child.wait_with_output().expect("its output").stdout;
    assert_masked(&command.join(" "), &out, secret);
}

fn sample(secret: &str) -> String {
    format!("deploying with {secret} to two hosts\n")
}

fn assert_masked(who: &str, out: &[u8], secret: &str) {
    let out = String::from_utf8_lossy(out);
    assert_eq!(out, sample(secret).replace(secret, MASK), "`{who}` doesn't mask");
}
