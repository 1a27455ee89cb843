//! What workflows use of their own repository: called workflows and actions.

use std::process::Command;

use palisade_tests::Context;

use super::{check, workflow};

const COMPOSITE: &str = "\
name: Greet
inputs:
  who: { required: true }
  how: { default: loud }
outputs:
  said: { value: '${{ steps.say.outputs.text }}' }
runs:
  using: composite
  steps:
    - id: say
      run: echo \"Hello ${{ inputs.who }}\"
      shell: bash
    - run: echo ${{ steps.sya.outputs.text }} ${{ secrets.A }}
      shell: bash
    - uses: ./.github/actions/inner
";

#[test]
fn actions_of_the_repository_are_checked_with_what_is_given_to_them() {
    let context = workflow(
        "\
on: pull_request
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: greet
        uses: ./.github/actions/greet
        with: { whom: x }
      - run: echo ${{ steps.greet.outputs.siad }} ${{ steps.greet.output }} ${{ steps.greet.outputs.said }}
      - uses: ./.github/actions/greet
        with: { WHO: '${{ github.head_ref }}' }
      - uses: ./nowhere
  b:
    runs-on: ubuntu-latest
    steps:
      - run: make action
      - uses: ./made
",
    );
    context.write(".github/actions/greet/action.yml", COMPOSITE);
    context.write(
        ".github/actions/inner/action.yaml",
        "runs: { using: composite, steps: [{ run: x }], shell: bash }\n",
    );
    insta::assert_snapshot!(check(&context, &[]), @r#"
    exit code: 2
    --- stdout
    --- stderr
    warning[missing-input]: the action `./.github/actions/greet` needs the input `who`
     --> .github/workflows/ci.yml:8:15
      |
    8 |         uses: ./.github/actions/greet
      |               ^^^^^^^^^^^^^^^^^^^^^^^
      = help: give it in `with`; without it, it is empty

    warning[unknown-input]: the action `./.github/actions/greet` has no input `whom`
     --> .github/workflows/ci.yml:9:17
      |
    9 |         with: { whom: x }
      |                 ^^^^
      = help: its inputs: who, how

    warning[always-empty]: `steps.greet.outputs.siad` is always empty
      --> .github/workflows/ci.yml:10:23
       |
    10 |       - run: echo ${{ steps.greet.outputs.siad }} ${{ steps.greet.output }} ${{ steps.greet.outputs.…
       |                       ^^^^^^^^^^^^^^^^^^^^^^^^
       = help: did you mean `said`?

    warning[always-empty]: `steps.greet.output` is always empty
      --> .github/workflows/ci.yml:10:55
       |
    10 | …cho ${{ steps.greet.outputs.siad }} ${{ steps.greet.output }} ${{ steps.greet.outputs.said }}
       |                                          ^^^^^^^^^^^^^^^^^^
       = help: did you mean `outputs`?

    warning[script-injection]: `github.head_ref` may be text of a stranger, and becomes part of a script of `./.github/actions/greet`, which reads `inputs.WHO`
      --> .github/workflows/ci.yml:12:27
       |
    12 |         with: { WHO: '${{ github.head_ref }}' }
       |                           ^^^^^^^^^^^^^^^
       = help: give the input to the script in `env` there, and read the variable

    warning[always-empty]: `steps.sya` is always empty
      --> .github/actions/greet/action.yml:13:27
       |
    13 |     - run: echo ${{ steps.sya.outputs.text }} ${{ secrets.A }}
       |                           ^^^
       = help: did you mean `say`?

    error[unavailable-context]: the context `secrets` is not available at `jobs.<id>.steps.run`
      --> .github/actions/greet/action.yml:13:51
       |
    13 |     - run: echo ${{ steps.sya.outputs.text }} ${{ secrets.A }}
       |                                                   ^^^^^^^
       = help: available here: github, strategy, matrix, job, runner, env, steps, inputs

    warning[secret-in-argument]: `secrets.A` becomes part of the script: it is in a file, and in the arguments of what the script starts
      --> .github/actions/greet/action.yml:13:51
       |
    13 |     - run: echo ${{ steps.sya.outputs.text }} ${{ secrets.A }}
       |                                                   ^^^^^^^^^
       = help: give it to the step in `env`, `A: ${{ secrets.A }}`, and read "$A" in the script

    warning[missing-shell]: a `run` step of an action needs the key `shell`
     --> .github/actions/inner/action.yaml:1:35
      |
    1 | runs: { using: composite, steps: [{ run: x }], shell: bash }
      |                                   ^^^^^^^^^^
      = help: a composite action has no default: add `shell: bash`

    warning[unknown-key]: unknown key `shell` in `runs` of a composite action
     --> .github/actions/inner/action.yaml:1:48
      |
    1 | runs: { using: composite, steps: [{ run: x }], shell: bash }
      |                                                ^^^^^
      = help: known here: using, steps

    checked 3 files: 1 error, 9 warnings
    "#);
}

#[test]
fn called_workflows_are_checked_with_what_is_given_to_them() {
    let context = workflow(
        "\
on: push
jobs:
  a:
    uses: ./.github/workflows/called.yml
    with: { level: x, leevl: 2 }
    secrets: { other: x }
  b: { uses: ./.github/workflows/none.yml }
  c: { uses: ./.github/workflows/plain.yml }
  d:
    needs: [a]
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ needs.a.outputs.reuslt }} ${{ needs.a.outputs.result }} ${{ needs.a.outcome }}
permissions: { issues: read }
",
    );
    let called = "\
on:
  workflow_call:
    inputs: { level: { type: number }, name: { type: string, required: true } }
    secrets: { token: { required: true } }
    outputs: { result: { value: '${{ jobs.x.outputs.r }}' } }
jobs:
  x:
    runs-on: ubuntu-latest
    outputs: { r: '1' }
    permissions: { issues: write }
    steps: [{ run: 'echo ${{ inputs.level }} ${{ inputs.nmae }} ${{ github.sah }}' }]
";
    context.write(".github/workflows/called.yml", called);
    context
        .write(".github/workflows/plain.yml", "on: push\njobs: { x: { runs-on: x, steps: [{ run: x }] } }\n");
    insta::assert_snapshot!(check(&context, &[".github/workflows/ci.yml"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: `./.github/workflows/called.yml` can't be called so: its input `name` is required and not given in `with`
     --> .github/workflows/ci.yml:4:11
      |
    4 |     uses: ./.github/workflows/called.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `./.github/workflows/called.yml` can't be called so: its secret `token` is required and not given in `secrets`
     --> .github/workflows/ci.yml:4:11
      |
    4 |     uses: ./.github/workflows/called.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `./.github/workflows/called.yml` can't be called so: its job `x`: it asks for the permission `issues: write`, and the job that calls its workflow has `issues: read`
     --> .github/workflows/ci.yml:4:11
      |
    4 |     uses: ./.github/workflows/called.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `./.github/workflows/called.yml` can't be called so: its input `level` must be a number, not `x`
     --> .github/workflows/ci.yml:5:20
      |
    5 |     with: { level: x, leevl: 2 }
      |                    ^

    error: `./.github/workflows/called.yml` can't be called so: it has no input `leevl`
     --> .github/workflows/ci.yml:5:23
      |
    5 |     with: { level: x, leevl: 2 }
      |                       ^^^^^

    error: `./.github/workflows/called.yml` can't be called so: it has no secret `other`
     --> .github/workflows/ci.yml:6:16
      |
    6 |     secrets: { other: x }
      |                ^^^^^

    error: there is no workflow `./.github/workflows/none.yml`
     --> .github/workflows/ci.yml:7:14
      |
    7 |   b: { uses: ./.github/workflows/none.yml }
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `./.github/workflows/plain.yml` can't be called so: it has no `workflow_call` under `on`
     --> .github/workflows/ci.yml:8:14
      |
    8 |   c: { uses: ./.github/workflows/plain.yml }
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    warning[always-empty]: `needs.a.outputs.reuslt` is always empty
      --> .github/workflows/ci.yml:13:23
       |
    13 |       - run: echo ${{ needs.a.outputs.reuslt }} ${{ needs.a.outputs.result }} ${{ needs.a.outcome }}
       |                       ^^^^^^^^^^^^^^^^^^^^^^
       = help: did you mean `result`?

    warning[always-empty]: `needs.a.outcome` is always empty
      --> .github/workflows/ci.yml:13:83
       |
    13 |       - run: echo ${{ needs.a.outputs.reuslt }} ${{ needs.a.outputs.result }} ${{ needs.a.outcome }}
       |                                                                                   ^^^^^^^^^^^^^^^
       = help: there is: outputs, result

    warning[always-empty]: `inputs.nmae` is always empty
      --> .github/workflows/called.yml:11:50
       |
    11 |     steps: [{ run: 'echo ${{ inputs.level }} ${{ inputs.nmae }} ${{ github.sah }}' }]
       |                                                  ^^^^^^^^^^^
       = help: did you mean `name`?

    warning[always-empty]: `github.sah` is always empty
      --> .github/workflows/called.yml:11:69
       |
    11 |     steps: [{ run: 'echo ${{ inputs.level }} ${{ inputs.nmae }} ${{ github.sah }}' }]
       |                                                                     ^^^^^^^^^^
       = help: did you mean `sha`?

    checked 3 files: 8 errors, 4 warnings
    ");
    let all = check(&context, &[]);
    assert!(all.stderr.contains("checked 3 files: "), "{all}");
}

#[test]
fn calls_without_end_are_told() {
    let context = workflow("on: workflow_call\njobs: { a: { uses: ./.github/workflows/b.yml } }\n");
    context.write(
        ".github/workflows/b.yml",
        "on: workflow_call\njobs: { a: { uses: ./.github/workflows/ci.yml } }\n",
    );
    insta::assert_snapshot!(check(&context, &[".github/workflows/ci.yml"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: workflows call each other in a circle: ./.github/workflows/b.yml → ./.github/workflows/ci.yml → ./.github/workflows/b.yml
     --> .github/workflows/ci.yml:2:20
      |
    2 | jobs: { a: { uses: ./.github/workflows/b.yml } }
      |                    ^^^^^^^^^^^^^^^^^^^^^^^^^

    error: workflows call each other in a circle: ./.github/workflows/ci.yml → ./.github/workflows/b.yml → ./.github/workflows/ci.yml
     --> .github/workflows/b.yml:2:20
      |
    2 | jobs: { a: { uses: ./.github/workflows/ci.yml } }
      |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^

    checked 2 files: 2 errors, 0 warnings
    ");
}

#[test]
fn hostile_files_are_bounded() {
    let context = workflow(
        "\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: ./large
      - uses: ./pipe
      - uses: ./link
      - uses: ./binary
",
    );
    context.write("large/action.yml", "");
    let large = std::fs::File::create(context.work().join("large/action.yml")).unwrap();
    large.set_len(100 << 20).unwrap();
    context.write("pipe/x", "").write("link/x", "").write("binary/action.yml", b"\xff\xfe\x00");
    let made = Command::new("mkfifo").arg(context.work().join("pipe/action.yml")).status().unwrap();
    assert!(made.success());
    std::os::unix::fs::symlink("/etc/passwd", context.work().join("link/action.yml")).unwrap();
    insta::assert_snapshot!(check(&context, &[]), @r"
    exit code: 2
    --- stdout
    --- stderr
    warning[missing-action]: the action `./pipe` can't be read: it is no file
     --> .github/workflows/ci.yml:7:15
      |
    7 |       - uses: ./pipe
      |               ^^^^^^
      = help: make it a file of the repository

    warning[missing-action]: the action `./link` can't be read: a link leads out of the repository
     --> .github/workflows/ci.yml:8:15
      |
    8 |       - uses: ./link
      |               ^^^^^^
      = help: make it a file of the repository

    error: the file is larger than 512 KiB
     --> large/action.yml
      = help: move long scripts into files of the repository

    error: the file is not UTF-8: byte 0xff here
     --> binary/action.yml:1:1
      |
    1 | ��\u{0}
      | ^
      = help: save the file as UTF-8

    checked 3 files: 2 errors, 2 warnings
    ");
}

#[test]
fn paths_are_shown_from_where_one_is() {
    let context = Context::new();
    context.write(
        "a/.github/workflows/ci.yml",
        "on: push\njobs: { a: { runs-on: x, steps: [{ uses: ./act }] } }\n",
    );
    context.write("a/act/action.yml", "runs: { using: nothing }\n");
    let outcome = context.palisade().args(["check"]).current_dir("a").run();
    assert!(outcome.stderr.contains("--> act/action.yml:1:16"), "{outcome}");
    let outcome = check(&context, &["a/.github/workflows/ci.yml"]);
    assert!(outcome.stderr.contains("--> [WORK]/a/act/action.yml:1:16"), "{outcome}");
}

#[test]
fn actions_that_use_each_other_in_a_circle_are_told() {
    let context = workflow(
        "on: push\npermissions: {}\njobs: { a: { runs-on: x, steps: [{ uses: ./one }, { uses: ./three }] } }\n",
    );
    let composite = |uses: &str| format!("runs: {{ using: composite, steps: [{{ uses: {uses} }}] }}\n");
    for (action, uses) in [("one", "./two"), ("two", "./one"), ("three", "./four")] {
        context.write(&format!("{action}/action.yml"), composite(uses));
    }
    context.write("four/action.yml", "runs: { using: composite, steps: [{ run: x, shell: bash }] }\n");
    insta::assert_snapshot!(check(&context, &[]), @r"
    exit code: 0
    --- stdout
    --- stderr
    warning[endless-actions]: actions use each other in a circle: ./one → ./two → ./one
     --> .github/workflows/ci.yml:3:42
      |
    3 | jobs: { a: { runs-on: x, steps: [{ uses: ./one }, { uses: ./three }] } }
      |                                          ^^^^^
      = help: take one of the steps out, or let its `if` end it

    checked 5 files: 0 errors, 1 warning
    ");
}
