//! Steps that print, fork and write without end: the job may fail, palisade neither grows nor breaks.

use super::{run, run_in, steps};
use palisade_tests::Context;
use std::process::Stdio;
use std::time::Duration;

/// Most memory that palisade's own process may take, in KiB.
const MAX_MEMORY: u64 = 64 << 10;

/// Runs a step and gives the exit code, the bytes that it printed, and the most memory that palisade took.
pub fn measured(script: &str) -> (Option<i32>, u64, u64) {
    let context = Context::new();
    let job = steps(&format!("      - run: |\n          {script}\n          sleep 0.2\n"));
    context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{job}"));
    let mut command = context.palisade().args(["run"]).into_command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()).unwrap());
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        let line = now.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(10));
    }
    (child.wait().unwrap().code(), reader.join().unwrap(), peak)
}

#[test]
fn output_without_end_is_passed_on_in_bounded_memory() {
    let (code, bytes, memory) = measured("yes 'a line of output that goes on and on' | head -c 300000000");
    assert_eq!(code, Some(0));
    assert!(bytes >= 300_000_000, "{bytes}");
    assert!(memory > 0 && memory < MAX_MEMORY, "{memory} KiB");
}

#[test]
fn one_endless_line_is_cut_in_bounded_memory() {
    let (code, bytes, memory) = measured("head -c 100000000 /dev/zero | tr '\\0' x");
    assert_eq!(code, Some(0));
    assert!(bytes > 1 << 20, "{bytes}");
    assert!(memory > 0 && memory < MAX_MEMORY, "{memory} KiB");
}

/// A configuration with small limits.
fn limited() -> Context {
    let context = Context::new();
    let limits = "[sandbox]\nlimits = { disk = \"32M\", inodes = 2000, processes = 100 }\n";
    context.write("limits.toml", limits);
    context
}

#[test]
fn a_fork_bomb_ends_with_its_step() {
    let job = steps(
        "
      - { run: 'b() { b | b & }; b; sleep 0.5', continue-on-error: true }
      - run: ls /proc | grep -c '^[0-9]*$'
",
    );
    let (outcome, events) = run_in(&limited(), &job, &["--config", "limits.toml"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let alive: u32 = events.log("a").lines().last().unwrap().parse().unwrap();
    assert!(alive < 10, "{alive}");
}

#[test]
fn a_full_workspace_fails_its_step_alone() {
    let job = steps(
        "
      - { run: head -c 1G /dev/zero > full, continue-on-error: true }
      - { run: 'rm full; i=0; while touch f$i; do i=$((i+1)); done 2>/dev/null; exit 1', continue-on-error: true }
      - run: echo after
",
    );
    let (outcome, events) = run_in(&limited(), &job, &["--config", "limits.toml"]);
    let steps = events.steps("a");
    assert!(events.log("a").contains("No space left on device"), "{outcome}");
    let failed = "failure as success: exit code 1";
    assert_eq!(steps, [failed, failed, "success"]);
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn what_has_no_place_in_an_environment_is_named() {
    let (outcome, events) =
        run(&steps("      - run: 'true'\n        env: { X: '${{ fromJSON(''\"\\u0000\"'') }}' }\n"), &[]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(events.steps("a"), ["failure: environment variable `X` has a NUL byte in its value"]);
}

#[test]
fn an_environment_that_is_too_large_fails_its_step_alone() {
    let (outcome, events) = run(
        &steps(
            "
      - run: head -c 900000 /dev/zero | tr '\\0' x | sed 's/^/BIG=/' >> $GITHUB_ENV
      - { run: 'true', continue-on-error: true }
      - { run: echo after, env: { BIG: '' } }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.steps("a")[1].contains("Argument list too long"), "{:?}", events.steps("a"));
    assert_eq!(events.log("a"), "after\n");
}

#[test]
fn a_matrix_that_is_too_large_is_refused() {
    let axis = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let job = format!(
        "  a:\n    runs-on: x\n    strategy: {{ matrix: {{ x: [{}], y: [{}] }} }}\n    steps: [{{ run: 'true' }}]\n",
        axis(100),
        axis(100)
    );
    let (outcome, _) = run(&job, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("256"), "{outcome}");
}
