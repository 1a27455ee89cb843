//! Start-up, steps, output and memory of `palisade run`, each beside its peer, peers taking turns.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::{is_there, median, peak_memory};
use crate::{check, checkout};

/// A line of the table.
struct Row {
    what: &'static str,
    ours: String,
    peer: String,
    result: f64,
    goal: f64,
    unit: &'static str,
}

/// Prints the section.
pub fn section(palisade: &str, rounds: usize, dir: &Path) {
    let (rows, kernel) = measure(palisade, rounds, dir);
    println!("\n{:<44} {:>12} {:>12} {:>9} {:>9}", "what", "palisade", "peer", "result", "goal");
    for Row { what, ours, peer, result, goal, unit } in rows {
        let verdict = if result <= goal { "" } else { "  misses its goal" };
        println!("{what:<44} {ours:>12} {peer:>12} {result:>7.2} {unit} {goal:>7.2} {unit}{verdict}");
    }
    println!(
        "the kernel's own share of a start: `unshare` with all namespaces takes {kernel:.2} x bubblewrap"
    );
}

/// The rows, and what the kernel alone takes for a start, in starts of the peer.
fn measure(palisade: &str, rounds: usize, dir: &Path) -> (Vec<Row>, f64) {
    let sandbox = command(palisade, &["sandbox", "--", "/usr/bin/true"], dir);
    let peer = command("bwrap", &BWRAP, dir);
    let one = workflow(palisade, dir, "one", &steps(1));
    let first = one.clone();
    let many = workflow(palisade, dir, "many", &steps(51));
    let bash = command("bash", &["-c", ":"], dir);
    let kernel = command("unshare", &UNSHARE, dir);
    let [sandbox, peer, kernel, one, many, bash] =
        in_turns(rounds, [&sandbox, &peer, &kernel, &one, &many, &bash]);
    let fifty = many.saturating_sub(one);
    let step = fifty / 50;

    let flat = workflow(palisade, dir, "flat", &"      - { run: ':', shell: bash }\n".repeat(20));
    let action = workflow(palisade, dir, "composite", "      - uses: ./twenty\n");
    composite(&action.dir.join("twenty"), 20);
    let planned = matrix(palisade, dir, "planned", 16);
    let single = matrix(palisade, dir, "single", 1);
    let short = (rounds / 4).max(5);
    let [first, flat, action, planned, single] = in_turns(short, [&first, &flat, &action, &planned, &single]);
    let (flat, action) = (flat.saturating_sub(first), action.saturating_sub(first));
    let planning = planned.saturating_sub(single);

    let lines = workflow(palisade, dir, "lines", LINES);
    let bare = command("sh", &["-c", PRINT], dir);
    let [lines, bare] = in_turns(5, [&lines, &bare]);
    let files = checkout::repository(dir);
    let checkout = |name, with| {
        workflow_in(
            palisade,
            &files,
            name,
            &format!("      - {{ uses: actions/checkout@v4, with: {{ {with} }} }}\n"),
        )
    };
    let (path, place) = (checkout("path.yml", "path: sub"), checkout("place.yml", "ref: main"));
    let clone = command("sh", &["-c", CLONE], &files);
    let [path, place, clone] = in_turns(5, [&path, &place, &clone]);
    let large = dir.join("check");
    let file = check::workflow(&large);
    let [checked] = in_turns(short, [&command(palisade, &["check", file], &large)]);
    let linter = command("actionlint", &["-shellcheck=", "-pyflakes=", file], &large);
    let linted = match is_there("actionlint") {
        true => in_turns(short, [&linter]).map(ms).concat(),
        false => "no actionlint".to_owned(),
    };
    let memory = max_rss(palisade, dir);
    let size = fs::metadata(palisade).map_or(0, |m| m.len());
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let rows = vec![
        ratio("start a sandboxed command / bubblewrap", sandbox, peer, 0.45),
        ratio("one-step workflow, whole process / bubblewrap", one, peer, 1.5),
        ratio("each further `run:` step / `bash -c :`", step, bash, 1.5),
        absolute("50 `run:` steps over one", fifty.as_secs_f64() * 1e3, String::new(), 75.0, "ms"),
        ratio("a composite of 20 steps / the same flat", action, flat, 1.3),
        absolute("planning a matrix of 256 jobs", planning.as_secs_f64() * 1e3, ms(single), 20.0, "ms"),
        absolute("1,000,000 lines, 26 MB, 20 secrets", lines.as_secs_f64(), ms(bare), 0.3, "s"),
        ratio("checkout of 10,000 files to a path / git clone", path, clone, 1.2),
        ratio("checkout of 10,000 files in place / git clone", place, clone, 1.2),
        absolute("`check` of 1,000 lines", checked.as_secs_f64() * 1e3, linted, 10.0, "ms"),
        absolute("peak memory of `palisade run`", mib(memory), String::new(), 16.0, "M"),
        absolute("size of the binary", mib(size), String::new(), 15.0, "M"),
    ];
    (rows, kernel.as_secs_f64() / peer.as_secs_f64())
}

/// Two programs and the namespaces, with nothing in them.
const UNSHARE: [&str; 10] = [
    "--user",
    "--map-root-user",
    "--mount",
    "--pid",
    "--fork",
    "--ipc",
    "--uts",
    "--net",
    "--cgroup",
    "/usr/bin/true",
];

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

/// Clones the directory that it runs in, to one beside it that is fresh.
const CLONE: &str = "git clone -q --local --depth 1 file://$PWD $(mktemp -d -p ..)";

/// Prints 1,000,000 lines of 26 bytes.
const PRINT: &str = "yes 'a line of twenty-five ch' | head -c 26000000";

const LINES: &str = "      - run: yes 'a line of twenty-five' | head -n 1000000 | sed 's/$/ ch/'\n";

fn steps(n: usize) -> String {
    "      - run: ':'\n".repeat(n)
}

/// An action of so many steps.
fn composite(dir: &Path, n: usize) {
    fs::create_dir(dir).expect("a directory for the action");
    let steps = "    - { run: ':', shell: bash }\n".repeat(n);
    fs::write(dir.join("action.yml"), format!("runs:\n  using: composite\n  steps:\n{steps}"))
        .expect("the action");
}

/// One job of a matrix with this length of each of two sides: all the others are planned and left out.
fn matrix(palisade: &str, dir: &Path, name: &str, side: usize) -> Bench {
    let values: Vec<String> = (0..side).map(|n| n.to_string()).collect();
    let values = values.join(", ");
    let strategy =
        format!("    strategy: {{ matrix: {{ a: [{values}], b: [{values}] }} }}\n    steps:\n{}", steps(1));
    let mut bench = workflow(palisade, dir, name, "");
    let file = bench.dir.join("bench.yml");
    fs::write(&file, format!("on: push\njobs:\n  bench:\n    runs-on: ubuntu-latest\n{strategy}"))
        .expect("the workflow");
    bench.args.extend(["--matrix", "a:0", "--matrix", "b:0"].map(str::to_owned));
    bench
}

#[derive(Clone)]
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
    workflow_in(palisade, &dir, "bench.yml", steps)
}

/// The same in a directory that is there.
fn workflow_in(palisade: &str, dir: &Path, file: &str, steps: &str) -> Bench {
    let text = format!("on: push\njobs:\n  bench:\n    runs-on: ubuntu-latest\n    steps:\n{steps}");
    fs::write(dir.join(file), text).expect("the workflow");
    let mut args = vec!["run".to_owned(), file.to_owned()];
    for n in 0..20 {
        args.extend(["--secret".to_owned(), format!("S{n}=not-so-secret-value-{n:04}")]);
    }
    Bench { program: palisade.to_owned(), args, dir: dir.to_owned() }
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
    times.map(median)
}

fn ratio(what: &'static str, ours: Duration, peer: Duration, goal: f64) -> Row {
    let result = ours.as_secs_f64() / peer.as_secs_f64();
    Row { what, ours: ms(ours), peer: ms(peer), result, goal, unit: "x" }
}

fn absolute(what: &'static str, result: f64, peer: String, goal: f64, unit: &'static str) -> Row {
    Row { what, ours: String::new(), peer, result, goal, unit }
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
    let mut peak = 0;
    while child.try_wait().ok().flatten().is_none() {
        peak = peak.max(peak_memory(child.id()));
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}
