//! Jobs of a forge that answers.

use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Dialect, Forge, Job, Setup, need};

use crate::host::Host;

#[test]
fn a_job_runs_and_the_forge_hears_all_of_it() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(
        Job::new(
            "on: push
jobs:
  test:
    runs-on: host
    timeout-minutes: '5'
    strategy: { fail-fast: 'false', max-parallel: '0' }
    outputs: { told: '${{ steps.tell.outputs.word }}' }
    steps:
      - run: |
          echo \"$GREETING to ${{ vars.WHOM }} from $FORGEJO_ACTOR of $RUNNER_NAME: $KEY\"
          echo '::group::more'
          echo '::warning file=a.rs,line=3::careful'
          echo '::endgroup::'
          echo \"at $GITHUB_SERVER_URL\"
          [ -n \"$TOKEN\" ] && [ \"$TOKEN\" = \"$GITHUB_TOKEN\" ]
        env: { TOKEN: '${{ github.token }}', GREETING: '${{ needs.build.outputs.greeting }}', KEY: '${{ secrets.KEY }}' }
      - run: exit 3
        continue-on-error: true
      - run: echo never
        if: false
      - id: tell
        run: echo word=done >> $FORGEJO_OUTPUT
",
        )
        .steps(4)
        .secret("KEY", "correct-horse-battery")
        .secret("SWITCH", "on")
        .var("WHOM", "you")
        .need("build", need(Conclusion::Success, &[("greeting", "hello")])),
    );
    let record = forge.closed(task);
    assert_eq!(forge.violations(), Vec::<String>::new());
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    let log = record.log();
    assert!(log.contains("hello to you from root of test: ***"), "{log}");
    assert!(log.contains("##[group]more") && log.contains("::warning file=a.rs,line=3::careful"), "{log}");
    // What isn't secret is shown, and what can't be masked is told.
    assert!(log.contains(&format!("at {}\n", forge.url().trim_end_matches('/'))), "{log}");
    assert!(log.contains("::warning::") && log.contains("SWITCH"), "{log}");
    assert!(log.contains("##[group]Isolation: "), "{log}");
    assert_eq!(record.outputs.get("told").map(String::as_str), Some("done"));
    let steps = record.states.last().expect("a state").steps.iter().map(|step| step.conclusion);
    let (success, failure, skipped) = (Conclusion::Success, Conclusion::Failure, Conclusion::Skipped);
    assert_eq!(steps.collect::<Vec<_>>(), [Some(success), Some(failure), Some(skipped), Some(success)]);
    host.is_idle();
}

#[test]
fn what_a_forge_sends_ends_as_it_should() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let job =
        |steps: &str| Job::new(&format!("on: push\njobs:\n  test:\n    runs-on: host\n    steps:\n{steps}"));
    let skipped =
        "on: push\njobs:\n  test:\n    runs-on: host\n    if: false\n    steps:\n      - run: echo never\n";
    let cases = [
        (job("      - run: 'false'\n      - run: echo never\n").steps(2), Conclusion::Failure, "exit code 1"),
        (Job::new(skipped).steps(1), Conclusion::Skipped, "its condition is false"),
        (Job::new("on: push\njobs: [\n"), Conclusion::Failure, "the workflow is not valid"),
        // What is invalid here was not to the forge, which has steps of it.
        (
            job("      - run: echo never\n        bogus: true\n      - run: |\n          echo --not\n")
                .steps(2),
            Conclusion::Failure,
            "unknown key `bogus`",
        ),
        (Job::of_bytes(b"\xff\xfe"), Conclusion::Failure, "the workflow is not valid"),
        (
            Job::new(
                "on: push\njobs:\n  a: { runs-on: x, steps: [{ run: a }] }\n  b: { runs-on: x, steps: [{ run: b }] }\n",
            ),
            Conclusion::Failure,
            "the forge sent 2 jobs in one",
        ),
        (
            job("      - run: echo never\n").steps(1).need("a", need(Conclusion::Failure, &[])),
            Conclusion::Skipped,
            "a job that it needs did not succeed",
        ),
    ];
    let cases: Vec<_> = cases.into_iter().map(|(job, end, text)| (forge.enqueue(job), end, text)).collect();
    for (task, end, text) in cases {
        let record = forge.closed(task);
        assert_eq!(record.conclusion(), Some(end), "{}", record.log());
        assert!(record.log().contains(text), "{text}: {}", record.log());
    }
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}

/// As a Forgejo from 14 on sends it, which takes calls of workflows apart itself.
#[test]
fn a_job_of_a_called_workflow_has_its_inputs_and_needs() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let workflow = r#"name: called
"on":
    workflow_call:
        inputs:
            deep:
                default: true
                type: boolean
            title:
                default: fix ${{ secrets.KEY }}
                type: ""
jobs:
    outer.inner:
        name: inner
        runs-on: host
        if: ${{ (success()) && (inputs.deep) }}
        steps:
            - run: 'echo "$TITLE: $FIRST, $RUN"'
              env:
                FIRST: ${{ needs[format('{0}.{1}', 'outer', 'first')].outputs.word }}
                RUN: ${{ github.event.inputs.title }} by ${{ github.event_name }}
                TITLE: ${{ inputs.title }}
        outputs:
            word: ${{ inputs.deep }}
__metadata:
    workflow_call_parent: b5a9f46f1f2513d7777fde50b169d323a6519e349cc175484c947ac315a209ed
"#;
    let task = forge.enqueue(
        Job::new(workflow)
            .steps(1)
            .secret("KEY", "correct-horse-battery")
            .context("event_name", "workflow_call")
            .context("job", "outer.inner")
            .context("event", serde_json::json!({ "inputs": { "title": "of the run", "other": "x" } }))
            .need("outer.first", need(Conclusion::Success, &[("word", "done")])),
    );
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    let said = "fix ${{ secrets.KEY }}: done, of the run by workflow_call";
    assert!(record.rows.iter().any(|row| row.content == said), "{}", record.log());
    assert_eq!(record.outputs.get("word").map(String::as_str), Some("true"));
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}

/// As a Gitea from 1.27 on sends it by itself: with its inputs in the event.
#[test]
fn a_job_of_a_called_workflow_has_its_inputs_from_a_gitea() {
    let forge = Forge::with(Setup { dialect: Dialect::Gitea, ..Setup::default() });
    let mut host = Host::new();
    host.register(&forge, &[]).assert_code(0);
    host.start();
    let workflow = "on:
  workflow_call:
    inputs:
      whom: { type: string, required: true }
      dry: { type: boolean, default: true }
      times: { type: number }
      left: { type: string, default: out }
jobs:
  inner:
    runs-on: host
    steps:
      - run: echo \"${{ inputs.whom }} ${{ inputs.dry == false }} ${{ inputs.times == 2 }} ${{ inputs.left }}\"
";
    let inputs = serde_json::json!({ "whom": "you", "dry": false, "times": 2, "unknown": "x" });
    let job = Job::new(workflow)
        .steps(1)
        .context("event_name", "workflow_call")
        .context("event", serde_json::json!({ "inputs": inputs }));
    let record = forge.closed(forge.enqueue(job));
    assert!(record.rows.iter().any(|row| row.content == "you true true out"), "{}", record.log());
}

/// As Forgejo documents it ("Availability" of its reference of workflows), unlike GitHub.
#[test]
fn a_jobs_condition_reads_env_and_secrets() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let job = |condition: &str| {
        let workflow = format!(
            "on: push\nenv: {{ A: '1' }}\njobs:\n  test:\n    runs-on: host\n    env: {{ B: 'of ${{{{ env.A }}}}' }}\n    \
             if: {condition}\n    steps:\n      - run: echo ran\n"
        );
        forge.enqueue(Job::new(&workflow).steps(1).secret("KEY", "correct-horse-battery"))
    };
    let holds = "env.A == '1' && env.B == 'of 1' && env.FORGEJO_ACTOR == 'root' && secrets.KEY != ''";
    let tasks = [(job(holds), Conclusion::Success), (job("env.A == '2'"), Conclusion::Skipped)];
    for (task, end) in tasks {
        let record = forge.closed(task);
        assert_eq!(record.conclusion(), Some(end), "{}", record.log());
    }
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_cancelled_job_ends_by_its_grace() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(
        Job::new("on: push\njobs:\n  test:\n    runs-on: host\n    steps:\n      - run: echo begun; sleep 1000\n      - run: echo tidied\n        if: always()\n")
            .steps(2),
    );
    forge.row(task, "begun");
    forge.cancel(task);
    forge.row(task, "tidied");
    let record = forge.ended(task);
    assert_eq!(record.told(), Some(Conclusion::Cancelled));
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}

/// A script that tells when it ran.
pub const TIMED: &str = "echo at $EPOCHREALTIME; sleep 0.2; echo at $EPOCHREALTIME";

/// How many of the tasks, which run [`TIMED`] and succeed, ran at a time.
pub fn most_at_a_time(forge: &Forge, tasks: &[i64]) -> i32 {
    let mut changes = Vec::new();
    for task in tasks {
        let record = forge.closed(*task);
        assert_eq!(record.conclusion(), Some(Conclusion::Success));
        let times = record.rows.iter().filter_map(|row| row.content.strip_prefix("at ")?.parse::<f64>().ok());
        changes.extend(times.zip([1, -1]));
    }
    assert_eq!(changes.len(), 2 * tasks.len());
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let running = changes.iter().scan(0, |running, (_, change)| {
        *running += change;
        Some(*running)
    });
    running.max().unwrap_or(0)
}

#[test]
fn jobs_run_side_by_side_up_to_the_capacity() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.configure("[daemon]\ncapacity = 2\n");
    host.start();
    let tasks: Vec<i64> = (0..6).map(|_| forge.enqueue(Job::script(TIMED))).collect();
    assert_eq!(most_at_a_time(&forge, &tasks), 2);
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_forge_that_shows_summaries_gets_them() {
    let summary = "on: push
jobs:
  test:
    runs-on: host
    steps:
      - run: echo '# first' >> $GITHUB_STEP_SUMMARY
      - run: echo none
      - run: printf '%s' \"last $WORD\" >> $GITHUB_STEP_SUMMARY
        env: { WORD: '${{ secrets.WORD }}' }
";
    for (dialect, taken) in [(Dialect::Gitea, true), (Dialect::Forgejo, false)] {
        let forge = Forge::with(Setup { dialect, ..Setup::default() });
        let mut host = Host::new();
        host.register(&forge, &[]).assert_code(0);
        host.start();
        let job = Job::new(summary).steps(3).secret("WORD", "correct-horse-battery");
        let record = forge.closed(forge.enqueue(job));
        assert!(record.log().contains("# first\n") && record.log().contains("last ***"), "{}", record.log());
        let given: Vec<_> = record.summaries.into_iter().collect();
        let wanted = [(0, "# first\n".to_owned()), (2, "last ***".to_owned())];
        assert_eq!(given, if taken { &wanted[..] } else { &[] });
        assert_eq!(forge.violations(), Vec::<String>::new());
    }
}

#[test]
fn gitea_and_a_forge_without_declarations_are_served_too() {
    for setup in [
        Setup { dialect: Dialect::Gitea, ..Setup::default() },
        Setup { declare: false, recent: false, ..Setup::default() },
    ] {
        let forge = Forge::with(setup);
        let mut host = Host::new();
        host.register(&forge, &[]).assert_code(0);
        host.start();
        let task = forge.enqueue(Job::script("echo $GITEA_ACTIONS"));
        let record = forge.closed(task);
        assert!(record.log().contains("true"), "{}", record.log());
        assert_eq!(forge.violations(), Vec::<String>::new());
    }
}

#[test]
fn jobs_of_a_run_pass_artifacts_on_and_another_attempt_uploads_anew() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let upload = "on: push
jobs:
  make:
    runs-on: host
    steps:
      - run: echo made by $GITHUB_RUN_ATTEMPT > file
      - uses: actions/upload-artifact@v4
        with: { name: made, path: file }
";
    let download = "on: push
jobs:
  use:
    runs-on: host
    steps:
      - uses: actions/download-artifact@v4
        with: { name: made }
      - run: cat file
";
    let job = |text: &str, attempt: &str| {
        Job::new(text).steps(2).context("run_id", "7").context("run_attempt", attempt)
    };
    for attempt in ["1", "2"] {
        let made = forge.closed(forge.enqueue(job(upload, attempt)));
        assert_eq!(made.conclusion(), Some(Conclusion::Success), "{}", made.log());
        let used = forge.closed(forge.enqueue(job(download, attempt)));
        assert!(used.log().contains(&format!("made by {attempt}\n")), "{}", used.log());
    }
    let twice = forge.closed(forge.enqueue(job(upload, "2")));
    assert_eq!(twice.conclusion(), Some(Conclusion::Failure), "{}", twice.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
}
