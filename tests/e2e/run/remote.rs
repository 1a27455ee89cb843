//! Actions of other repositories: where they come from, what is shown of them, what pins them.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::repositories::{Repositories, composite};

#[test]
fn a_tag_a_branch_and_a_commit_are_found_and_shown() {
    let forge = Repositories::new();
    let first = forge
        .commit("o/tool", &[("action.yml", &composite("cat $GITHUB_ACTION_PATH/text")), ("text", "one\n")]);
    forge.git("o/tool", &["tag", "-a", "v1", "-m", "v1"]);
    forge.commit(
        "o/tool",
        &[
            ("text", "two\n"),
            ("sub/action.yaml", &composite("echo $GITHUB_ACTION_REPOSITORY $GITHUB_ACTION_REF")),
        ],
    );
    let (outcome, events) = forge.run(
        &format!("      - uses: o/tool@v1\n      - uses: O/tool@main\n      - uses: o/tool@{first}\n      - uses: o/tool/sub@main\n"),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "one\ntwo\none\no/tool main\n");
    assert!(outcome.stdout.contains(&first), "{outcome}");
    // The second time it comes from the store, and what the store has is the same.
    let (outcome, _) = forge.run(&format!("      - uses: o/tool@{first}\n"), &["--offline"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn what_is_not_there_fails_the_job_before_its_first_step() {
    let forge = Repositories::new();
    forge.commit("o/tool", &[("README", "")]);
    for (uses, why) in [
        ("o/none@v1", "has no repository `o/none`"),
        ("o/tool@v9", "has no tag or branch `v9`"),
        ("o/tool@abc1234", "a commit is named by all of its 40 digits"),
        ("o/tool@main", "it has neither action.yml nor action.yaml"),
    ] {
        let (outcome, events) = forge.run(&format!("      - run: echo never\n      - uses: {uses}\n"), &[]);
        assert_eq!(outcome.code, Some(1), "{uses}: {outcome}");
        assert!(outcome.stdout.contains(why), "{uses}: {outcome}");
        assert_eq!(events.log("a"), "", "{uses}");
    }
}

#[test]
fn what_a_composite_uses_is_fetched_too_and_nobody_can_change_it() {
    let forge = Repositories::new();
    forge.commit(
        "o/inner",
        &[(
            "action.yml",
            &composite("echo inner; echo evil 2>/dev/null >> $GITHUB_ACTION_PATH/x || echo read-only"),
        )],
    );
    forge.commit(
        "o/outer",
        &[("action.yml", "runs:\n  using: composite\n  steps:\n    - uses: o/inner@main\n")],
    );
    forge.context.write("mine/action.yml", "runs:\n  using: composite\n  steps:\n    - uses: o/outer@main\n");
    let (outcome, events) = forge.run("      - uses: ./mine\n      - uses: o/outer@main\n", &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "inner\nread-only\ninner\nread-only\n");
}

#[test]
fn links_out_of_the_repository_lead_nowhere() {
    let forge = Repositories::new();
    forge.commit("o/tool", &[("real.yml", &composite("echo linked"))]);
    std::os::unix::fs::symlink("real.yml", format!("{}/o/tool/action.yml", forge.directory())).unwrap();
    std::fs::create_dir(format!("{}/o/tool/out", forge.directory())).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", format!("{}/o/tool/out/action.yml", forge.directory()))
        .unwrap();
    forge.commit("o/tool", &[]);
    let (outcome, events) = forge.run("      - uses: o/tool@main\n", &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "linked\n");
    let (outcome, _) = forge.run("      - uses: o/tool/out@main\n", &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stdout.contains("cannot read action.yml of the action"), "{outcome}");
}

#[test]
fn stages_come_before_and_after_the_steps_and_share_their_state() {
    let forge = Repositories::new();
    let stage = |name: &str| {
        format!(
            "const s = process.env; require('fs').appendFileSync(s.GITHUB_STATE, '{name}=1\\n'); console.log('{name}', s.INPUT_WHO, s.STATE_pre || '-', s.STATE_main || '-');\n"
        )
    };
    let action = "inputs: { who: { default: d } }\nruns: { using: node20, pre: pre.js, main: main.js, post: post.js }\n";
    let files = [
        ("action.yml", action),
        ("pre.js", &stage("pre")),
        ("main.js", &stage("main")),
        ("post.js", &stage("post")),
    ];
    forge.commit("o/js", &files);
    forge.commit("o/outer", &[("action.yml", "inputs: { for: {} }\nruns:\n  using: composite\n  steps:\n    - uses: o/js@main\n      with: { who: '${{ inputs.for }}' }\n")]);
    let (outcome, events) = forge.run(
        "      - run: echo step\n      - uses: o/js@main\n        with: { who: me }\n      - uses: o/outer@main\n        with: { for: you }\n      - uses: o/js@main\n        if: false\n",
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        events.log("a"),
        "pre me - -\npre you - -\npre d - -\nstep\nmain me 1 -\nmain you 1 -\npost d 1 -\npost you 1 1\npost me 1 1\n"
    );
}

#[test]
fn conditions_of_stages_see_the_inputs_and_last_stages_go_against_the_order_of_the_steps() {
    let forge = Repositories::new();
    let stage = "const s = process.env; console.log(s.INPUT_WHO, __filename.match(/[a-z]+(?=.js)/)[0])\n";
    let runs = "using: node20, main: main.js, post: post.js, post-if: \"inputs.who != 'nobody'\"";
    let inputs = "inputs: { who: { default: x } }\n";
    forge.commit(
        "o/early",
        &[
            (
                "action.yml",
                &format!("{inputs}runs: {{ {runs}, pre: pre.js, pre-if: \"inputs.who == 'b'\" }}\n"),
            ),
            ("pre.js", stage),
            ("main.js", stage),
            ("post.js", stage),
        ],
    );
    let late =
        [("action.yml", &*format!("{inputs}runs: {{ {runs} }}\n")), ("main.js", stage), ("post.js", stage)];
    forge.commit("o/late", &late);
    let (outcome, events) = forge.run(
        "      - { uses: o/late@main, with: { who: a } }
      - { uses: o/early@main, with: { who: b } }
      - { uses: o/early@main, with: { who: nobody } }
      - { id: s, run: echo who=c >> $GITHUB_OUTPUT }
      - { uses: o/early@main, with: { who: '${{ steps.s.outputs.who }}' } }
",
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    insta::assert_snapshot!(events.log("a"), @r"
    b pre
    a main
    b main
    nobody main
    c main
    c post
    b post
    a post
    ");
}

#[test]
fn policies_refuse_with_their_names() {
    let forge = Repositories::with("require-sha = true\n");
    let commit = forge.commit("o/tool", &[("action.yml", &composite("echo ran"))]);
    let (outcome, _) = forge.run("      - uses: o/tool@main\n", &[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stdout.contains("`require-sha`"), "{outcome}");
    let (outcome, _) = forge.run(&format!("      - uses: o/tool@{commit}\n"), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let (outcome, _) = forge.run("      - uses: https://169.254.169.254/o/tool@main\n", &[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
}

#[test]
fn a_stored_tree_that_was_changed_is_refused_with_both_digests() {
    let forge = Repositories::new();
    forge.commit("o/tool", &[("action.yml", &composite("echo ran"))]);
    let (outcome, _) = forge.run("      - uses: o/tool@main\n", &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let store = forge.context.state().join("palisade/actions");
    let mut entries = std::fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path());
    let entry = entries.find(|path| path.join("tree").is_dir()).unwrap();
    std::fs::write(entry.join("tree/action.yml"), composite("echo evil")).unwrap();
    let (outcome, events) = forge.run("      - uses: o/tool@main\n", &[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert_eq!(outcome.stdout.matches("sha256:").count(), 2, "{outcome}");
    assert_eq!(events.log("a"), "");
}

#[test]
fn a_commit_counts_only_for_the_repository_that_has_it() {
    let directory = Repositories::new();
    let commit = directory.commit("o/tool", &[("action.yml", &composite("echo ran"))]);
    directory.commit("p/other", &[("action.yml", &composite("echo other"))]);
    let (outcome, _) = directory.run("      - uses: o/tool@main\n", &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let (outcome, events) = directory.run(&format!("      - uses: p/other@{commit}\n"), &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(events.log("a"), "");
    let (outcome, _) = directory.run(&format!("      - uses: o/tool@{commit}\n"), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn a_forge_is_asked_over_http_and_no_more_than_once() {
    let directory = Repositories::new();
    let commit = directory.commit("o/tool", &[("action.yml", &composite("echo ran"))]);
    directory.git("o/tool", &["clone", "-q", "--bare", ".", "../served"]);
    let server = palisade_tests::GitServer::start(&directory.context.root().join("forge/o"), "none");
    let url = server.url.clone();
    // The address is the mirror's, the name the one that workflows have.
    std::fs::create_dir_all(server.path("o")).unwrap();
    std::fs::rename(server.path("served"), server.path("o/tool")).unwrap();
    directory.config(&format!(
        "sources = ['https://forge.example']\n[actions.mirrors]\n'https://forge.example' = '{url}'\n"
    ));
    let (outcome, events) = directory.run("      - uses: o/tool@main\n", &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "ran\n");
    assert!(outcome.stdout.contains(&url), "{outcome}");
    // Without the forge what is known is used, where that is asked for.
    std::fs::rename(server.path("o/tool"), server.path("o/gone")).unwrap();
    let (outcome, events) = directory.run("      - uses: o/tool@main\n", &["--offline"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "ran\n");
    let (_, events) = directory.run(&format!("      - uses: o/tool@{commit}\n"), &["--offline"]);
    assert_eq!(events.log("a"), "ran\n");
    let (outcome, _) = directory.run("      - uses: o/tool@main\n", &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let (outcome, _) = directory.run("      - uses: o/other@main\n", &["--offline"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stdout.contains("palisade is offline"), "{outcome}");
}

#[test]
fn a_forge_that_does_not_answer_is_given_up_when_the_run_is_cancelled() {
    let directory = Repositories::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    directory.config(&format!("sources = ['{url}']\n"));
    directory.write_steps("      - uses: o/tool@main\n");
    let mut command = directory.context.palisade().args(["run", "--json"]).into_command();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It is connected: git waits for an answer that never comes.
    let connection = listener.accept().unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("\"event\":\"job_finished\",\"job\":\"a\",\"result\":\"cancelled\""),
        "{printed}"
    );
    drop(connection);
}

#[test]
fn a_workflow_of_another_repository_is_called_with_what_it_calls_there() {
    let directory = Repositories::new();
    let inner = "on:\n  workflow_call:\n    inputs: { n: { type: string } }\njobs:\n  in:\n    runs-on: x\n    steps:\n      - run: echo \"inner ${{ inputs.n }} $(cat mine)\"\n";
    let outer = "on:\n  workflow_call:\n    inputs: { n: { type: string } }\n    secrets: { key: { required: true } }\n    outputs: { out: { value: '${{ jobs.mid.outputs.o }}' } }\njobs:\n  mid:\n    runs-on: x\n    outputs: { o: '${{ steps.s.outputs.o }}' }\n    steps:\n      - { id: s, run: 'echo o=from-${{ inputs.n }}-${#KEY} >> $GITHUB_OUTPUT', env: { KEY: '${{ secrets.key }}' } }\n  nested:\n    uses: ./.github/workflows/inner.yml\n    with: { n: '${{ inputs.n }}' }\n";
    let commit = directory
        .commit("o/flows", &[(".github/workflows/inner.yml", inner), (".github/workflows/outer.yml", outer)]);
    directory.context.write("mine", "of the caller");
    directory.context.write(
        ".github/workflows/w.yml",
        "on: push\njobs:\n  call:\n    uses: o/flows/.github/workflows/outer.yml@main\n    with: { n: '7' }\n    secrets: { key: 12345678 }\n  last:\n    needs: call\n    runs-on: x\n    steps:\n      - run: echo ${{ needs.call.outputs.out }}\n",
    );
    let (outcome, events) = directory.start(&[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("call / nested / in"), "inner 7 of the caller\n");
    assert_eq!(events.log("last"), "from-7-8\n");
    assert!(outcome.stdout.contains(&commit), "{outcome}");
}

#[test]
fn a_workflow_that_cannot_be_had_is_told_before_anything_runs() {
    let directory = Repositories::with("require-sha = true\n");
    let commit = directory.commit("o/flows", &[(".github/workflows/x.yml", "on: push\njobs: {}\n")]);
    for (uses, code, why) in [
        ("o/flows/.github/workflows/x.yml@main", 3, "`require-sha`"),
        (&format!("o/none/.github/workflows/x.yml@{commit}"), 5, "has no repository `o/none`"),
        (&format!("o/flows/.github/workflows/y.yml@{commit}"), 2, "can't be read"),
        (&format!("o/flows/.github/workflows/x.yml@{commit}"), 2, "`jobs`"),
        ("o/flows/x.yml@main", 2, "is no workflow"),
    ] {
        let jobs = format!(
            "on: push\njobs:\n  a: {{ runs-on: x, steps: [ {{ run: echo }} ] }}\n  c: {{ uses: '{uses}' }}\n"
        );
        directory.context.write(".github/workflows/w.yml", jobs);
        let (outcome, events) = directory.start(&[]);
        assert_eq!(outcome.code, Some(code), "{uses}: {outcome}");
        assert!(outcome.stderr.contains(why), "{uses}: {outcome}");
        assert!(events.jobs().is_empty(), "{outcome}");
    }
}
