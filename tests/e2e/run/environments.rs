//! Environments: rules, people who approve, and what a job gets then.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use palisade_tests::{Context, Events, Identity, Need, Outcome, require};

use super::run_in;
use super::running::Running;

/// A context whose configuration has this.
fn configured(config: &str) -> Context {
    configured_of(Identity::Current, config)
}

fn configured_of(identity: Identity, config: &str) -> Context {
    let context = Context::of(identity);
    let secrets = context.root().join("production.env");
    fs::write(&secrets, "KEY=hunter2-Zx81kQ\nSHARED=other-Vv21\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    identity.own(&secrets);
    let config = config.replace("SECRETS", &secrets.display().to_string());
    let directory = context.config().join("palisade");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("config.toml"), config).unwrap();
    context
}

const PRODUCTION: &str = "[environment.Production]
approvals = 1
vars = { LEVEL = 'high' }
secrets = 'SECRETS'
";

const SAY: &str = "echo \"[${#KEY}] [${#SHARED}] [$LEVEL]\"";

fn write_workflow(context: &Context, jobs: &str) {
    context.write(".github/workflows/w.yml", format!("name: CI\non: push\njobs:\n{jobs}"));
}

/// Jobs of these names that say what they have, the first of them in an environment.
fn workflow(environment: &str) -> String {
    let env = "{ KEY: '${{ secrets.KEY }}', SHARED: '${{ secrets.SHARED }}', LEVEL: '${{ vars.LEVEL }}' }";
    format!(
        "  deploy:
    environment: {environment}
    runs-on: x
    env: {env}
    steps:
      - run: {SAY}; echo \"$KEY\"
  other:
    runs-on: x
    env: {env}
    steps: [ {{ run: {SAY:?} }} ]
  after:
    needs: deploy
    runs-on: x
    env: {env}
    steps: [ {{ run: {SAY:?} }} ]
"
    )
}

fn approve(context: &Context, args: &[&str]) -> Outcome {
    context.palisade().args(["approve"]).args(args).run()
}

/// The fields of the events of a kind that a job has, as text.
fn told(events: &Events, kind: &str, fields: &[&str]) -> Vec<String> {
    let shown = |event: &serde_json::Value| {
        fields.iter().map(|field| event[*field].to_string()).collect::<Vec<_>>().join(" ")
    };
    events.of_kind(kind).map(shown).collect()
}

#[test]
fn a_job_that_is_approved_has_what_no_other_job_has() {
    let context = configured(PRODUCTION);
    let environment =
        "{ name: \"${{ 'production' }}\", url: \"https://x.example/${{ steps.s.outcome || 'done' }}\" }";
    write_workflow(&context, &workflow(environment));
    let mut run = Running::start_with(&context, "w.yml", &["--jobs", "1", "--secret", "SHARED=the-run-s"]);
    let id = run.id();
    let message = run.until_it_waits();
    assert_eq!(
        message,
        format!("waits for 1 approval of the environment `production`: palisade approve {id} deploy")
    );
    // The job that waits takes no place from the one that doesn't.
    run.until_ever(|event| event["event"] == "job_finished" && event["job"] == "other");
    let listed = approve(&context, &[]).stdout.replace(&id, "RUN     ");
    insta::assert_snapshot!(listed, @"
    RUN       JOB     ENVIRONMENT  WORKFLOW  APPROVED  BY
    RUN       deploy  production   CI        0 of 1    anybody here
    ");
    let json: serde_json::Value = serde_json::from_str(&approve(&context, &["--json"]).stdout).unwrap();
    assert_eq!((json["run"].as_str(), json["job"].as_str()), (Some(&*id), Some("deploy")));
    let outcome = approve(&context, &[&id, "deploy", "--comment", "go"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "approved\n"), "{outcome}");
    let (outcome, events) = run.end();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let logs = ["other", "deploy", "after"].map(|job| format!("{job}: {}", events.log(job)));
    insta::assert_snapshot!(logs.concat(), @"
    other: [0] [9] []
    deploy: [14] [10] [high]
    ***
    after: [0] [9] []
    ");
    let uid = nix::unistd::geteuid();
    let reviewed = told(&events, "reviewed", &["job", "environment", "approved", "uid", "comment"]);
    assert_eq!(reviewed, [format!("\"deploy\" \"production\" true {uid} \"go\"")]);
    let deployments = told(&events, "deployment", &["job", "environment", "state", "url"]);
    assert_eq!(
        deployments,
        [
            "\"deploy\" \"production\" \"in_progress\" null",
            "\"deploy\" \"production\" \"success\" \"https://x.example/done\""
        ]
    );
    assert_eq!(approve(&context, &[]).stdout, "nothing waits\n");
}

#[test]
fn a_job_that_is_rejected_fails_by_policy() {
    let context = configured(PRODUCTION);
    write_workflow(&context, &workflow("production"));
    let logs = context.work().join("logs");
    let mut run = Running::start_with(&context, "w.yml", &["--log-dir", logs.to_str().unwrap()]);
    let id = run.id();
    run.until_it_waits();
    let outcome = approve(&context, &[&id, "deploy", "--reject", "--comment", "not on a\nFriday"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "rejected: the job fails\n"), "{outcome}");
    let (outcome, events) = run.end();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert_eq!((events.result("deploy"), events.result("after")), ("failure", "skipped"));
    assert!(
        events
            .reason("deploy")
            .ends_with(") rejected its use of the environment `production`: not on a\nFriday"),
        "{outcome}"
    );
    let log = fs::read_to_string(logs.join("deploy.log")).unwrap();
    assert!(log.contains(" rejected its use of `production`: not on a Friday\n"), "{log}");
    assert_eq!(told(&events, "deployment", &["state"]), [""; 0]);
}

#[test]
fn who_is_not_among_the_approvers_is_refused() {
    let context = configured("[environment.e]\napprovers = ['4294967290', '@no-such-group']\n");
    write_workflow(&context, "  a: { environment: e, runs-on: x, steps: [ { run: echo never } ] }\n");
    let mut run = Running::start(&context, "w.yml");
    let id = run.id();
    let message = run.until_it_waits();
    assert!(
        message.contains("1 approval of the environment `e` by 4294967290, @no-such-group: "),
        "{message}"
    );
    let outcome = approve(&context, &[&id, "a"]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stderr.contains("refused: `approvers`: "), "{outcome}");
    let outcome = approve(&context, &[&id, "b"]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains(&format!("no job `b` of a run `{id}` waits")), "{outcome}");
    assert_eq!(approve(&context, &[&id]).code, Some(2));
    run.interrupt();
    let (outcome, events) = run.end();
    assert_eq!((outcome.code, events.result("a")), (Some(130), "cancelled"), "{outcome}");
    assert_eq!(events.reason("a"), "it was cancelled while it waited for the environment `e`");
}

#[test]
fn time_is_waited_for() {
    let context = configured("[environment.e]\nwait-minutes = 0.001\n[environment.zero]\nwait-minutes = 0\n");
    let job = |environment: &str| {
        format!(
            "  {environment}: {{ environment: {environment}, runs-on: x, steps: [ {{ run: echo ran }} ] }}\n"
        )
    };
    let (outcome, events) = run_in(&context, &(job("e") + &job("zero") + &job("unknown")), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let waits = told(&events, "waiting", &["job", "for", "name"]);
    assert_eq!(waits, ["\"e\" \"timer\" \"e\""]);
    assert_eq!(["e", "zero", "unknown"].map(|job| events.log(job)), ["ran\n"; 3]);
}

#[test]
fn a_branch_that_is_not_allowed_gets_nothing() {
    let context = configured(
        "[environment.e]\nbranches = ['release/**']\nsecrets = 'SECRETS'\n[environment.open]\nbranches = ['*']\n",
    );
    let jobs = "  a: { environment: E, runs-on: x, steps: [ { run: echo never } ] }
  b: { environment: \"${{ github.ref_name == 'main' && 'open' }}\", runs-on: x, steps: [ { run: echo ran } ] }
";
    let (outcome, events) = run_in(&context, jobs, &[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    let reason = "the environment `E` is closed: it allows branches `release/**`, and this run is of `main`";
    assert_eq!((events.reason("a"), events.log("b")), (reason, "ran\n".to_owned()));
}

#[test]
fn a_job_cannot_approve() {
    let identities: &[Identity] = match nix::unistd::geteuid().is_root() {
        true => &[Identity::Current, Identity::Nobody],
        false => &[Identity::Current],
    };
    for identity in identities {
        // The worst case: the configuration shows jobs the state directory, and palisade itself.
        let context = configured_of(*identity, "");
        let state = context.state().join("palisade");
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        identity.own(&state);
        let binary = context.palisade_path();
        let config = format!(
            "[sandbox]\nro = [{:?}, {:?}]\n[environment.prod]\napprovals = 1\n[environment.first]\napprovals = 1\n",
            state, binary
        );
        fs::write(context.config().join("palisade/config.toml"), config).unwrap();
        let try_it = format!("{} approve --state {}", binary.display(), state.display());
        write_workflow(
            &context,
            &format!(
                "  prod: {{ environment: prod, runs-on: x, steps: [ {{ run: echo never }} ] }}
  evil:
    environment: first
    runs-on: x
    steps:
      - run: |
          {try_it} && echo listed
          for id in {id} \"$(ls {state}/approvals | head -n 1 | cut -d - -f 1)\"; do
            {try_it} $id prod && echo approved
          done
          echo tried
",
                state = state.display(),
                id = "00000000",
            ),
        );
        let mut run = Running::start(&context, "w.yml");
        let id = run.id();
        for _ in 0..2 {
            run.until_it_waits();
        }
        assert_eq!(approve(&context, &[&id, "evil"]).code, Some(0));
        run.until_printed("tried");
        let outcome = approve(&context, &[&id, "prod", "--reject"]);
        assert_eq!(outcome.code, Some(0), "{identity:?}: {outcome}");
        let (outcome, events) = run.end();
        assert_eq!(outcome.code, Some(3), "{identity:?}: {outcome}");
        assert_eq!(told(&events, "reviewed", &["job", "approved"]), ["\"evil\" true", "\"prod\" false"]);
        assert_eq!(events.log("prod"), "");
        let log = events.log("evil");
        assert!(!log.contains("listed") && !log.contains("approved\n"), "{log}");
        if *identity == Identity::Nobody {
            assert!(log.contains("it comes out of a sandbox"), "{log}");
        }
    }
}

#[test]
fn a_state_directory_that_jobs_see_is_no_place_to_approve() {
    let context = configured(PRODUCTION);
    let jobs = "  a: { environment: production, runs-on: x, steps: [ { run: echo never } ] }\n";
    for state in [context.work().join("deep/state").to_str().unwrap(), "deep/state"] {
        let (outcome, events) = run_in(&context, jobs, &["--state", state]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert!(events.reason("a").contains("the state directory is in the tree that jobs see"), "{outcome}");
    }
}

#[test]
fn an_environment_that_means_nothing_is_told() {
    let context = configured(
        "[environment.gone]\nsecrets = '/nonexistent/secrets'\n[environment.\"../\\u001b[31m\"]\nvars = { A = 'odd' }\n",
    );
    let long = "x".repeat(450_000);
    let step = "runs-on: x, steps: [ { run: 'echo [${{ vars.A }}]' } ]";
    let jobs = format!(
        "  long: {{ environment: {long}, {step} }}
  gone: {{ environment: gone, {step} }}
  broken: {{ environment: '${{{{ fromJSON(github.ref) }}}}', {step} }}
  empty: {{ environment: '${{{{ github.none }}}}', {step} }}
  odd: {{ environment: {{ name: \"../\\e[31m\", url: 'javascript:x' }}, {step} }}
  spaced: {{ environment: {{ name: e, url: 'https://x/a b' }}, {step} }}
  silent: {{ environment: {{ name: e, url: 'https://x/', deployment: false }}, {step} }}
"
    );
    let (outcome, events) = run_in(&context, &jobs, &[]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let reasons = ["long", "gone", "broken"].map(|job| events.reason(job));
    insta::assert_snapshot!(reasons.join("\n"), @"
    cannot evaluate `environment`: its name is longer than 255 characters
    cannot read the secrets of the environment `gone`: `/nonexistent/secrets`: No such file or directory (os error 2)
    cannot evaluate `environment`: Error parsing JSON when evaluating fromJson: expected value at line 1 column 1. Located within expression: fromJSON(github.ref)
    ");
    assert_eq!(["empty", "odd", "spaced"].map(|job| events.log(job)), ["[]\n", "[odd]\n", "[]\n"]);
    let mut warnings = events.annotations("warning");
    warnings.sort_unstable();
    insta::assert_snapshot!(warnings.join("\n"), @"
    the environment's `url` is left out: it begins with neither https:// nor http://
    the environment's `url` is left out: there is a space or control character in it
    ");
    let deployments = told(&events, "deployment", &["job"]);
    assert!(!deployments.contains(&"\"silent\"".to_owned()) && deployments.contains(&"\"odd\"".to_owned()));
    // For people, no control character of a name is let through.
    let shown = context.palisade().args(["run", "--job", "odd"]).run().stdout;
    assert!(!shown.contains('\x1b'), "{shown}");
}

#[test]
fn members_of_the_group_approve_and_nobody_else() {
    if !require(Need::Root) {
        return;
    }
    let context = configured("[environment.e]\napprovers = ['@65534']\n");
    write_workflow(&context, "  a: { environment: e, runs-on: x, steps: [ { run: echo ran } ] }\n");
    let state = context.state().join("palisade");
    let directories = [state.clone(), state.join("approvals")];
    for directory in &directories {
        fs::create_dir(directory).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let other = Context::of(Identity::Nobody);
    let approve = |id: &str| {
        let args = ["approve", id, "a", "--state", state.to_str().unwrap()];
        other.palisade().args(args).run()
    };
    let mut run = Running::start(&context, "w.yml");
    let id = run.id();
    run.until_it_waits();
    let outcome = approve(&id);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("Permission denied"), "{outcome}");
    run.interrupt();
    assert_eq!(run.end().0.code, Some(130));

    for directory in &directories {
        std::os::unix::fs::chown(directory, None, Some(Identity::Nobody.uid())).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o750)).unwrap();
    }
    let mut run = Running::start(&context, "w.yml");
    let id = run.id();
    let message = run.until_it_waits();
    assert!(message.contains(&format!(" by @65534: palisade approve {id} a --state /")), "{message}");
    // Who runs it is no member.
    let outcome = context.palisade().args(["approve", &id, "a"]).run();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    let outcome = approve(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let (outcome, events) = run.end();
    assert_eq!((outcome.code, events.log("a")), (Some(0), "ran\n".to_owned()), "{outcome}");
    assert_eq!(told(&events, "reviewed", &["uid", "approved"]), ["65534 true"]);
}
