//! Actions of the repository itself: composite ones, JavaScript ones, and broken ones.

use palisade_tests::{Context, Events, Need, Outcome, require};

use super::{run_in, steps};

fn with(files: &[(&str, &str)], job: &str) -> (Outcome, Events) {
    let context = Context::new();
    for (path, content) in files {
        context.write(path, content);
    }
    run_in(&context, &steps(job), &[])
}

const GREET: &str = r#"
name: greet
inputs:
  who: { description: x, default: world }
  How: { description: x, required: true }
outputs:
  said: { description: x, value: "${{ steps.say.outputs.v }}" }
runs:
  using: composite
  steps:
    - id: say
      run: |
        echo "$GREETING ${{ inputs.how }} ${{ inputs.WHO }} $OWN ${{ env.OWN }}"
        echo "v=${{ inputs.who }}!" >> "$GITHUB_OUTPUT"
        echo "LATER=${{ inputs.who }}" >> "$GITHUB_ENV"
      shell: bash
      env: { OWN: own }
    - run: echo "[$LATER] [$OWN] [$GREETING] [${{ steps.say.outcome }}] [${{ steps.outer.outcome }}]"
      shell: sh
    - run: basename "$GITHUB_ACTION_PATH" "${{ github.action_path }}"; pwd | grep -q "$GITHUB_WORKSPACE" && echo here
      shell: bash
"#;

#[test]
fn a_composite_action_has_inputs_outputs_and_an_environment() {
    let (outcome, events) = with(
        &[("act/greet/action.yml", GREET)],
        "
      - { id: outer, run: 'true' }
      - { id: g, uses: ./act/greet, with: { how: dear }, env: { GREETING: hello } }
      - run: echo \"${{ steps.g.outputs.said }} [$LATER] [$GREETING] [${{ inputs.who }}] [$GITHUB_ACTION_PATH]\"
      - { uses: ./act/greet/, with: { How: my, WHO: you } }
",
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    insta::assert_snapshot!(events.log("a"), @r"
    hello dear world own own
    [world] [] [hello] [success] []
    greet
    here
    world! [world] [] [] []
     my you own own
    [you] [] [] [success] []
    greet
    here
    ");
}

#[test]
fn the_steps_of_an_action_have_a_standing_of_their_own() {
    let (outcome, events) = with(
        &[(
            "a/action.yml",
            "
runs:
  using: composite
  steps:
    - { run: 'exit 4', shell: bash, if: \"inputs.fail == 'yes'\" }
    - { run: echo skipped, shell: bash }
    - { run: echo always, shell: bash, if: always() }
    - { run: echo failure, shell: bash, if: failure() }
inputs: { fail: { default: 'no' } }
",
        )],
        "
      - { id: x, uses: ./a, with: { fail: yes }, continue-on-error: true }
      - run: echo ${{ steps.x.outcome }} ${{ steps.x.conclusion }} ${{ job.status }}
      - { uses: ./a }
      - { uses: ./a, with: { fail: 'yes' } }
      - run: echo never
      - { uses: ./a, if: failure() }
",
    );
    assert_eq!(outcome.code, Some(1), "{outcome}");
    insta::assert_debug_snapshot!(events.steps("a"), @r#"
    [
        "failure as success: a step of the action failed",
        "success",
        "success",
        "failure: a step of the action failed",
        "skipped",
        "success",
    ]
    "#);
    insta::assert_snapshot!(events.log("a"), @r"
    always
    failure
    failure success success
    skipped
    always
    always
    failure
    skipped
    always
    ");
}

#[test]
fn actions_use_actions_but_not_without_end() {
    let (outcome, events) = with(
        &[
            (
                "outer/action.yml",
                "
inputs: { n: { default: '1' } }
outputs: { sum: { value: '${{ steps.i.outputs.twice }}${{ steps.i.outputs.none }}' } }
runs: { using: composite, steps: [ { id: i, uses: ./inner, with: { n: '${{ inputs.n }}' } } ] }
",
            ),
            (
                "inner/action.yaml",
                "
inputs: { n: {} }
outputs: { twice: { value: '${{ inputs.n }}${{ inputs.n }}' } }
runs: { using: composite, steps: [ { run: 'echo inner ${{ inputs.n }}', shell: bash } ] }
",
            ),
            ("loop/action.yml", "runs: { using: composite, steps: [ { uses: ./loop } ] }\n"),
        ],
        "
      - { id: o, uses: ./outer, with: { n: 7 } }
      - run: echo ${{ steps.o.outputs.sum }}
      - { uses: ./loop }
",
    );
    assert_eq!(outcome.code, Some(1), "{outcome}");
    insta::assert_snapshot!(events.log("a"), @r"
    inner 7
    77
    ");
    assert!(
        events
            .annotations("error")
            .iter()
            .any(|e| e.contains("`./loop`: actions are nested more than 10 deep")),
        "{outcome}"
    );
}

#[test]
fn an_action_that_is_made_by_a_step_can_be_used() {
    let (outcome, events) = with(
        &[],
        "
      - run: |
          mkdir made && printf 'runs:\\n  using: composite\\n  steps: [{ run: echo made, shell: bash }]\\n' > made/action.yml
      - uses: ./made
",
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("a").contains("made\n"), "{outcome}");
}

#[test]
fn a_broken_action_fails_its_step_and_says_why() {
    let (outcome, events) = with(
        &[
            ("nouse/action.yml", "runs: { using: cobol, main: x }\n"),
            ("noshell/action.yml", "runs:\n  using: composite\n  steps:\n    - run: echo\n"),
            ("image/action.yml", "runs: { using: docker, image: Dockerfile }\n"),
            ("out/action.yml", "runs: { using: node20, main: ../../x.js }\n"),
        ],
        "
      - { uses: ./none, continue-on-error: true }
      - { uses: ./nouse, continue-on-error: true }
      - { uses: ./noshell, continue-on-error: true }
      - { uses: ./image, continue-on-error: true }
      - { uses: ./out, continue-on-error: true }
      - run: mkdir pipe big && mkfifo pipe/action.yml && head -c 20000000 /dev/zero > big/action.yml
      - { uses: ./pipe, continue-on-error: true }
      - { uses: ./big, continue-on-error: true }
      - run: echo '${{ job.status }}'
",
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let without_shell = "Run echo: a `run` step of an action needs the key `shell`: it has no default";
    assert!(events.annotations("error").contains(&without_shell), "{outcome}");
    insta::assert_snapshot!(events.steps("a").join("\n"), @r"
    failure as success: there is no action `./none`: it has neither action.yml nor action.yaml
    failure as success: the action `./nouse` can't be run:
    error: `using` can't be `cobol`
     --> nouse/action.yml:1:16
      |
    1 | runs: { using: cobol, main: x }
      |                ^^^^^
      = help: it is composite, node20 or node24, or docker


    failure as success: a step of the action failed
    failure as success: this version can't run actions in containers, such as `./image`
    failure as success: `./out`: the script `../../x.js` is out of the repository
    success
    failure as success: cannot read action.yml of the action `./pipe`: it could not be read in time
    failure as success: cannot read action.yml of the action `./big`: it is larger than 524288 bytes
    success
    ");
}

const STAGES: &str = r#"
name: stages
inputs: { my name: { default: nobody } }
outputs: { o: { description: x } }
runs:
  using: node20
  main: dist/main.js
  post: dist/post.js
"#;

const MAIN: &str = r#"
const fs = require("fs");
console.log(`main ${process.env["INPUT_MY_NAME"]} ${process.env.OWN} ${process.env.STATE_n}`);
fs.appendFileSync(process.env.GITHUB_STATE, `n=${process.env["INPUT_MY_NAME"]}\n`);
fs.appendFileSync(process.env.GITHUB_OUTPUT, `o=${__filename.startsWith(process.env.GITHUB_WORKSPACE)}\n`);
if (process.env["INPUT_MY_NAME"] === "bad") process.exit(2);
"#;

const POST: &str = r#"console.log(`post ${process.env.STATE_n} ${process.env.OWN} ${process.env.LATE}`);"#;

#[test]
fn a_javascript_action_has_stages_and_the_last_comes_first_at_the_end() {
    if !require(Need::Program("node")) {
        return;
    }
    let (outcome, events) = with(
        &[
            ("js/action.yml", STAGES),
            ("js/dist/main.js", MAIN),
            ("js/dist/post.js", POST),
            (
                "wrap/action.yml",
                "runs: { using: composite, steps: [ { uses: ./js, with: { my name: inner } } ] }\n",
            ),
            (
                "cond/action.yml",
                "runs: { using: node20, main: ../cond/main.js, post: main.js, post-if: success() }\n",
            ),
            ("cond/main.js", "console.log('cond')"),
        ],
        "
      - { id: j, uses: ./js, with: { my name: first }, env: { OWN: own } }
      - run: echo \"${{ steps.j.outputs.o }}\"; echo LATE=late >> $GITHUB_ENV
      - { uses: ./wrap }
      - { uses: ./cond }
      - { uses: ./js, with: { my name: bad } }
      - { uses: ./js, with: { my name: never } }
",
    );
    assert_eq!(outcome.code, Some(1), "{outcome}");
    insta::assert_snapshot!(events.log("a"), @r"
    main first own undefined
    true
    main inner undefined undefined
    cond
    main bad undefined undefined
    post bad undefined late
    post inner undefined late
    post first own late
    ");
    insta::assert_snapshot!(events.steps("a").join("\n"), @r"
    success
    success
    success
    success
    failure: exit code 2
    skipped
    success
    skipped
    success
    success
    ");
}

#[test]
fn problem_matchers_of_the_workspace_find_problems() {
    let matcher = r#"{"problemMatcher":[{"owner":"cc","pattern":[{"regexp":"^(.+):(\\d+): (warning|error): (.*)$",
        "file":1,"line":2,"severity":3,"message":4}]}]}"#;
    let (outcome, events) = with(
        &[("cc.json", matcher), ("a.c", "int x;\n")],
        "
      - run: |
          echo '::add-matcher::cc.json'
          echo 'a.c:1: error: x is no good'
      - run: |
          echo 'a.c:1: warning: still found'
          echo '::remove-matcher owner=cc::'
          echo 'a.c:1: warning: not found'
",
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let found: Vec<String> = events
        .of_kind("annotation")
        .map(|e| format!("{} {}:{} {}", e["level"], e["file"], e["line"], e["message"]))
        .collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    "error" "a.c":1 "x is no good"
    "warning" "a.c":1 "still found"
    "#);
}
