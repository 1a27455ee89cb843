//! What becomes of the jobs of a submitted commit.

use std::fs;

use super::{
    cancel, commit, ended, git, log, prints, repository, results, run, runs, script, started, submit,
};
use crate::host::{Host, wait};

const WORKFLOW: &str = "
name: CI
on: push
jobs:
  build:
    runs-on: host
    outputs: { list: '${{ steps.x.outputs.list }}', word: hello }
    steps:
      - uses: actions/checkout@v4
        with: { fetch-depth: 0, fetch-tags: true }
      - uses: ./action
      - id: x
        run: |
          git log --format=%s -1; git describe --tags
          echo 'list=[\"a\",\"b\"]' >> \"$GITHUB_OUTPUT\"
  test:
    needs: build
    strategy: { matrix: { os: [x, y] } }
    runs-on: host
    steps:
      - run: echo \"${{ matrix.os }} says ${{ needs.build.outputs.word }}, ${{ strategy.job-index }} of ${{ strategy.job-total }}\"
  dynamic:
    needs: build
    strategy: { matrix: { n: '${{ fromJSON(needs.build.outputs.list) }}' } }
    name: dynamic ${{ matrix.n }}
    runs-on: host
    steps: [{ run: 'echo \"made of an output: ${{ matrix.n }}\"' }]
  bad:
    runs-on: host
    steps: [{ run: 'exit 3' }]
  after:
    needs: [bad, test]
    runs-on: host
    steps: [{ run: echo never }]
  mended:
    needs: bad
    if: failure()
    runs-on: host
    steps: [{ run: 'echo mended' }]
  beyond:
    needs: mended
    if: success()
    runs-on: host
    steps: [{ run: 'echo never' }]
  always:
    needs: [after, dynamic]
    if: always()
    runs-on: host
    steps: [{ run: 'echo \"after: ${{ needs.after.result }}, dynamic: ${{ needs.dynamic.result }}, ${{ needs.bad.result }}.\"' }]
";

#[test]
fn a_commit_runs_with_outputs_needs_a_matrix_and_a_failure() {
    let host = started();
    let tree = repository(&host, WORKFLOW);
    fs::create_dir(tree.join("action")).expect("a directory");
    let action = "runs: { using: composite, steps: [{ run: echo an action here, shell: bash }] }\n";
    fs::write(tree.join("action/action.yml"), action).expect("a file");
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-qm", "with an action"]);
    git(&tree, &["tag", "v1"]);
    let outcome = host.palisade(&["submit", "--follow"]).args([&tree]).run();
    // One of its jobs fails, and so does what follows it.
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stdout.contains("run 1 of "), "{outcome}");
    for line in [
        "build | an action here\n",
        "build | with an action\nbuild | v1\n",
        "test (x) | x says hello, 0 of 2\n",
        "test (y) | y says hello, 1 of 2\n",
        "dynamic a | made of an output: a\n",
        "==> bad: error: exit code 3\n",
        "==> after: job skipped: a job that it needs did not succeed\n",
        "mended | mended\n",
        "always | after: skipped, dynamic: success, .\n",
    ] {
        assert!(outcome.stdout.contains(line), "{line}: {}", outcome.stdout);
    }
    let run = run(&host, 1);
    assert_eq!((&run["result"], &run["workflow"]), (&"failure".into(), &"CI".into()));
    let expected = [
        ("build", "success"),
        ("test (x)", "success"),
        ("test (y)", "success"),
        ("dynamic a", "success"),
        ("dynamic b", "success"),
        ("bad", "failure"),
        ("after", "skipped"),
        ("mended", "success"),
        // What a job needs that it needs counts, though not in its `needs`.
        ("beyond", "skipped"),
        ("always", "success"),
    ];
    let expected = expected.map(|(name, result)| (name.to_owned(), result.to_owned()));
    assert_eq!(results(&run), expected);
    assert_eq!(run["jobs"][0]["outputs"]["list"], "[\"a\",\"b\"]");
    let one = log(&host, "1.2");
    assert!(one.contains("x says hello") && !one.contains("y says"), "{one}");
    host.is_idle();
    // Nothing is left of the commit but in the copy of its repository.
    let bundles = host.context.state().join("palisade/queue/bundles");
    wait("no bundle", || (fs::read_dir(&bundles).expect("a directory").count() == 0).then_some(()));
}

#[test]
fn no_more_jobs_run_than_there_are_slots() {
    let mut host = Host::new();
    host.configure("[daemon]\ncapacity = 1\n");
    host.start();
    super::answers(&host);
    let tree = repository(
        &host,
        "on: push\njobs:\n  test:\n    strategy: { matrix: { n: [1, 2, 3] } }\n    runs-on: host\n    steps: [{ run: sleep 0.2 }]\n",
    );
    let run = ended(&host, submit(&host, &tree));
    let times = |key: &str| -> Vec<i64> {
        run["jobs"].as_array().unwrap().iter().map(|job| job[key].as_i64().unwrap()).collect()
    };
    let (begun, over) = (times("started"), times("ended"));
    assert!(begun[1] >= over[0] && begun[2] >= over[1], "{run}");
}

#[test]
fn a_failure_ends_the_rest_of_its_matrix_and_max_parallel_holds() {
    let host = started();
    let tree = repository(
        &host,
        "on: push\njobs:\n  test:\n    strategy: { max-parallel: 1, matrix: { n: [1, 2] } }\n    runs-on: host\n    \
         steps: [{ run: 'test ${{ matrix.n }} = 2' }]\n  all:\n    strategy: { fail-fast: false, max-parallel: 1, matrix: { n: [1, 2] } }\n    \
         runs-on: host\n    steps: [{ run: 'test ${{ matrix.n }} = 2' }]\n",
    );
    let run = ended(&host, submit(&host, &tree));
    let expected =
        [("test (1)", "failure"), ("test (2)", "cancelled"), ("all (1)", "failure"), ("all (2)", "success")];
    assert_eq!(results(&run), expected.map(|(name, result)| (name.to_owned(), result.to_owned())));
    assert_eq!(run["jobs"][1]["reason"], "another job of its matrix failed");
}

#[test]
fn a_run_that_is_cancelled_ends_and_what_waits_never_begins() {
    let host = started();
    let tree = repository(
        &host,
        "on: push\njobs:\n  long:\n    runs-on: host\n    steps:\n      - run: echo begun; sleep 1000\n      - if: always()\n        run: echo cleaned up\n  \
         next:\n    needs: long\n    runs-on: host\n    steps: [{ run: echo never }]\n",
    );
    let number = submit(&host, &tree);
    prints(&host, number, "begun");
    cancel(&host, number);
    let run = ended(&host, number);
    assert_eq!(run["result"], "cancelled");
    let all = [("long", "cancelled"), ("next", "cancelled")];
    assert_eq!(results(&run), all.map(|(name, result)| (name.to_owned(), result.to_owned())));
    let log = log(&host, number);
    assert!(log.contains("cleaned up") && !log.contains("never"), "{log}");
    assert!(log.contains("job cancelled") && log.contains("cancelled by "), "{log}");
    let again = host.palisade(&["cancel", "1"]).run();
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "1 had ended already\n"));
    host.is_idle();
}

#[test]
fn who_looks_on_sees_what_runs_and_what_it_prints() {
    let mut host = Host::new();
    let none = host.palisade(&["top"]).run();
    assert_eq!(none.code, Some(5), "{none}");
    host.configure("[daemon]\ncapacity = 1\n");
    host.start();
    super::answers(&host);
    let tree = repository(&host, &script("echo looked at; sleep 1000"));
    let (first, second) = (submit(&host, &tree), submit(&host, &tree));
    let shown = wait("a line that a job prints", || {
        let outcome = host.palisade(&["top"]).run();
        assert_eq!(outcome.code, Some(0), "{outcome}");
        Some(outcome.stdout).filter(|text| text.contains("  looked at\n"))
    });
    for text in ["1 of 1 slots taken, 1 job waits in its own queue", "local 1  test  local/app", "1 of 1"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let status = host.palisade(&["status"]).run();
    assert!(status.stdout.contains("local/app test"), "{status}");
    for number in [second, first] {
        cancel(&host, number);
        ended(&host, number);
    }
}

#[test]
fn what_is_asked_for_decides_what_runs() {
    let host = started();
    let tree = repository(
        &host,
        "on: { workflow_dispatch: { inputs: { level: { type: number, default: 1 } } }, push: { branches: [main] } }\njobs:\n  a:\n    \
         runs-on: host\n    steps: [{ run: 'echo \"level ${{ inputs.level }} of ${{ github.ref }}\"' }]\n  b:\n    runs-on: host\n    steps: [{ run: echo b }]\n",
    );
    let at = |args: &[&str]| host.palisade(&["submit", "-f"]).args([&tree]).args(args).run();
    let outcome = at(&["--input", "level=3", "--job", "a"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("level 3 of refs/heads/main"), "{outcome}");
    assert_eq!(results(&run(&host, 1)), [("a".to_owned(), "success".to_owned())]);
    // Another tree of the repository has a head of its own.
    let other = host.context.work().join("other");
    git(&tree, &["worktree", "add", "-q", "-b", "topic", &other.display().to_string()]);
    let outcome =
        host.palisade(&["submit", "-f", "--job", "a", "--event", "workflow_dispatch"]).args([&other]).run();
    assert!(outcome.stdout.contains("level 1 of refs/heads/topic"), "{outcome}");
    git(&other, &["checkout", "-q", "--detach"]);
    let outcome =
        host.palisade(&["submit", "-f", "--job", "a", "--event", "workflow_dispatch"]).args([&other]).run();
    assert!(outcome.stdout.contains("level 1 of HEAD"), "{outcome}");
    git(&tree, &["tag", "v1"]);
    let outcome = at(&["--ref", "v1", "--job", "a", "--event", "workflow_dispatch"]);
    assert!(outcome.stdout.contains("level 1 of refs/tags/v1"), "{outcome}");
    // What is read is what is committed.
    fs::write(tree.join(".github/workflows/ci.yml"), "broken: [").expect("a file");
    let outcome = at(&["--job", "b"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stderr.contains("changes that aren't committed"), "{outcome}");
    for (args, code, why) in [
        (&["--job", "c"][..], 2, "there is no job `c`"),
        (&["--ref", "none"], 2, "there is no commit `none`"),
        (&["--event", "release"], 2, "not triggered by `release`"),
        (&["--input", "speed=1"], 2, "no input `speed`"),
        (&["--ref", "--help"], 2, ""),
    ] {
        let outcome = at(args);
        assert_eq!(outcome.code, Some(code), "{args:?}: {outcome}");
        assert!(outcome.stderr.contains(why), "{args:?}: {outcome}");
    }
    commit(&tree, "on: push\njobs: [\n");
    let outcome = at(&[]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains(".github/workflows/ci.yml"), "{outcome}");
    assert_eq!(runs(&host).len(), 5);
}

#[test]
fn what_is_kept_is_masked_bounded_and_forgotten_in_time() {
    let mut host = Host::new();
    host.configure("[local]\nkeep-runs = 1\n[daemon]\nmax-log = \"64K\"\n");
    host.start();
    super::answers(&host);
    // Put together by the job: what stands in a workflow is nobody's secret.
    let key = format!("AKIA{}", "Q7ZX3M5N2P4R6S7T");
    let (one, other) = key.split_at(10);
    let workflow = script(&format!("one={one}; echo \"key $one\"'{other} shown'"));
    let tree = repository(&host, &format!("{workflow}      - run: seq 100000\n"));
    let first = submit(&host, &tree);
    let run = ended(&host, first);
    let kept = host.context.state().join("palisade/queue/logs");
    let mut texts =
        fs::read_dir(&kept).expect("logs").map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let text = texts.next().expect("a log");
    assert!(
        text.contains("key ***(aws-access-key-id) shown\n") && !text.contains(&key),
        "{}",
        &text[..2000.min(text.len())]
    );
    assert!(text.len() < 256 << 10, "{} bytes of a log, {run}", text.len());
    ended(&host, submit(&host, &tree));
    wait("one run", || (runs(&host).len() == 1).then_some(()));
    let gone = host.palisade(&["logs", &first.to_string()]).run();
    assert_eq!(gone.code, Some(2), "{gone}");
    assert_eq!(fs::read_dir(&kept).expect("logs").count(), 1);
}
