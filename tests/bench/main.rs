//! `palisade-bench PALISADE [ROUNDS]`: start-up, steps, output and memory, each beside its peer in the same
//! run, peers taking turns. Prints ratios of medians and the goal of each; never fails on a figure.

mod log;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A line of the table.
struct Row {
    what: &'static str,
    ours: String,
    peer: String,
    result: f64,
    goal: f64,
    unit: &'static str,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let Some(palisade) = args.next() else {
        eprintln!("usage: palisade-bench PALISADE [ROUNDS]");
        std::process::exit(2);
    };
    let palisade = std::path::absolute(palisade).expect("a working directory").display().to_string();
    let rounds: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(100);
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let rows = measure(&palisade, rounds, scratch.path());
    println!("{:<44} {:>12} {:>12} {:>9} {:>9}", "what", "palisade", "peer", "result", "goal");
    for Row { what, ours, peer, result, goal, unit } in rows {
        let verdict = if result <= goal { "" } else { "  misses its goal" };
        println!("{what:<44} {ours:>12} {peer:>12} {result:>7.2} {unit} {goal:>7.2} {unit}{verdict}");
    }
}

fn measure(palisade: &str, rounds: usize, dir: &Path) -> Vec<Row> {
    let sandbox = command(palisade, &["sandbox", "--", "/usr/bin/true"], dir);
    let peer = command("bwrap", &BWRAP, dir);
    let one = workflow(palisade, dir, "one", &steps(1));
    let many = workflow(palisade, dir, "many", &steps(51));
    let bash = command("bash", &["-c", ":"], dir);
    let [sandbox, peer, one, many, bash] = in_turns(rounds, [&sandbox, &peer, &one, &many, &bash]);
    let step = (many.saturating_sub(one)) / 50;

    let lines = workflow(palisade, dir, "lines", LINES);
    let bare = command("sh", &["-c", PRINT], dir);
    let [lines, bare] = in_turns(5, [&lines, &bare]);
    let memory = max_rss(palisade, dir);
    let size = fs::metadata(palisade).map_or(0, |m| m.len());
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let [mask_100, mask_1000, detect, both, sed] = masking(palisade, dir);
    let index = index_time(palisade, dir);
    vec![
        ratio("start a sandboxed command / bubblewrap", sandbox, peer, 0.45),
        ratio("one-step workflow, whole process / bubblewrap", one, peer, 1.5),
        ratio("each further `run:` step / `bash -c :`", step, bash, 1.5),
        absolute("1,000,000 lines, 26 MB, 20 secrets", lines.as_secs_f64(), ms(bare), 0.3, "s"),
        absolute("peak memory of `palisade run`", mib(memory), String::new(), 16.0, "M"),
        per_byte("mask: 100 secrets / sed with one (300 MB/s)", mask_100, sed, 1000.0 / 300.0),
        per_byte("mask: 1,000 secrets / sed with one (200 MB/s)", mask_1000, sed, 1000.0 / 200.0),
        per_byte("mask: detection alone / sed with one", detect, sed, 1000.0 / 150.0),
        per_byte("mask: detection, 100 secrets (150 MB/s)", both, sed, 1000.0 / 150.0),
        absolute("mask: 1,000 secrets made ready", index.as_secs_f64() * 1e3, String::new(), 100.0, "ms"),
        absolute("size of the binary", mib(size), String::new(), 15.0, "M"),
    ]
}

/// How much text is masked, in bytes.
const LOG: usize = 64_000_000;

/// The filter with 100 and 1,000 secrets, with detection alone and with 100 secrets, and `sed` with one.
fn masking(palisade: &str, dir: &Path) -> [Duration; 5] {
    fs::write(dir.join("log"), log::build_log(LOG)).expect("a log");
    for count in [100, 1000] {
        fs::write(dir.join(format!("s{count}")), log::secrets(count)).expect("a file of secrets");
    }
    let filter = |args: &str| command("sh", &["-c", &format!("exec '{palisade}' mask {args} <log")], dir);
    let secret = log::secrets(1);
    let sed = command("sh", &["-c", &format!("exec sed 's/{}/***/g' <log", secret.trim())], dir);
    let benches = [
        &filter("--secrets s100"),
        &filter("--secrets s1000"),
        &filter("--detect"),
        &filter("--detect --secrets s100"),
        &sed,
    ];
    in_turns(5, benches)
}

/// What 1,000 secrets add to the start of the filter.
fn index_time(palisade: &str, dir: &Path) -> Duration {
    fs::write(dir.join("s1"), log::secrets(1)).expect("a file of secrets");
    let one = command(palisade, &["mask", "--secrets", "s1"], dir);
    let many = command(palisade, &["mask", "--secrets", "s1000"], dir);
    let [one, many] = in_turns(10, [&one, &many]);
    many.saturating_sub(one)
}

/// The peer's command line: all its namespaces, and a root as small as ours.
const BWRAP: [&str; 18] = [
    "--unshare-all",
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/lib",
    "/lib",
    "--symlink",
    "usr/lib64",
    "/lib64",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--tmpfs",
    "/tmp",
    "--",
    "/usr/bin/true",
];

/// Prints 1,000,000 lines of 26 bytes.
const PRINT: &str = "yes 'a line of twenty-five ch' | head -c 26000000";

const LINES: &str = "      - run: yes 'a line of twenty-five' | head -n 1000000 | sed 's/$/ ch/'\n";

fn steps(n: usize) -> String {
    "      - run: ':'\n".repeat(n)
}

struct Bench {
    program: String,
    args: Vec<String>,
    dir: std::path::PathBuf,
}

fn command(program: &str, args: &[&str], dir: &Path) -> Bench {
    let args = args.iter().map(|a| (*a).to_owned()).collect();
    Bench { program: program.to_owned(), args, dir: dir.to_owned() }
}

/// `palisade run` of a workflow with these steps, in a directory of its own, with 20 secrets.
fn workflow(palisade: &str, dir: &Path, name: &str, steps: &str) -> Bench {
    let dir = dir.join(name);
    fs::create_dir(&dir).expect("a directory for the workflow");
    let text = format!("on: push\njobs:\n  bench:\n    runs-on: ubuntu-latest\n    steps:\n{steps}");
    fs::write(dir.join("bench.yml"), text).expect("the workflow");
    let mut args = vec!["run".to_owned(), "bench.yml".to_owned()];
    for n in 0..20 {
        args.extend(["--secret".to_owned(), format!("S{n}=not-so-secret-value-{n:04}")]);
    }
    Bench { program: palisade.to_owned(), args, dir }
}

impl Bench {
    /// Runs it with its output on a pipe, which is read to the end.
    fn run(&self) -> Duration {
        let start = Instant::now();
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run `{}`: {e}", self.program));
        let mut sink = vec![0u8; 1 << 16];
        let mut output = child.stdout.take().expect("a pipe");
        while output.read(&mut sink).is_ok_and(|n| n > 0) {}
        let status = child.wait().expect("its end");
        let took = start.elapsed();
        let mut errors = String::new();
        let _ = child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut errors));
        assert!(status.success(), "`{} {}` failed: {errors}", self.program, self.args.join(" "));
        took
    }
}

/// Runs each of the benches once a round, in turns, and gives the medians.
fn in_turns<const N: usize>(rounds: usize, benches: [&Bench; N]) -> [Duration; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::with_capacity(rounds));
    for round in 0..=rounds {
        for (bench, times) in benches.iter().zip(&mut times) {
            let took = bench.run();
            if round > 0 {
                times.push(took);
            }
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

fn ratio(what: &'static str, ours: Duration, peer: Duration, goal: f64) -> Row {
    let result = ours.as_secs_f64() / peer.as_secs_f64();
    Row { what, ours: ms(ours), peer: ms(peer), result, goal, unit: "x" }
}

fn absolute(what: &'static str, result: f64, peer: String, goal: f64, unit: &'static str) -> Row {
    Row { what, ours: String::new(), peer, result, goal, unit }
}

/// Nanoseconds for each byte of the log.
fn per_byte(what: &'static str, ours: Duration, peer: Duration, goal: f64) -> Row {
    let result = ours.as_secs_f64() * 1e9 / LOG as f64;
    Row { what, ours: ms(ours), peer: ms(peer), result, goal, unit: "ns" }
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// Largest resident set of a run of one step, in bytes: `VmHWM` of palisade's own process, read while a
/// step that prints sleeps at its end.
fn max_rss(palisade: &str, dir: &Path) -> u64 {
    let bench = workflow(palisade, dir, "memory", "      - run: seq 1000000; sleep 1\n");
    let mut child = Command::new(&bench.program)
        .args(&bench.args)
        .current_dir(&bench.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("palisade");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().ok().flatten().is_none() {
        let now = fs::read_to_string(&status).unwrap_or_default();
        let kib =
            now.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0u64) << 10);
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}
