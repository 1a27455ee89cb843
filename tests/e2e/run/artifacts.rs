//! `actions/upload-artifact` and `actions/download-artifact`: what jobs pass on to each other, and to people.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::Context;

use super::{run, run_in, steps};

/// All that the store of artifacts holds.
fn store(context: &Context) -> Vec<PathBuf> {
    let directory = context.state().join("palisade/artifacts");
    let mut found: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().map(|e| e.unwrap().path()).collect();
    found.retain(|path| !path.ends_with("lock") && !path.ends_with("runs"));
    found.sort();
    found
}

#[test]
fn a_job_gets_what_another_has_uploaded() {
    let context = Context::new();
    context.write("src/tracked.txt", "tracked\n");
    let (outcome, events) = run_in(
        &context,
        "  build:
    runs-on: x
    outputs: { id: '${{ steps.up.outputs.artifact-id }}', digest: '${{ steps.up.outputs.artifact-digest }}' }
    steps:
      - run: |
          mkdir -p out/bin out/doc; echo program > out/bin/tool; chmod +x out/bin/tool
          echo text > out/doc/a.md; echo draft > out/doc/draft.md; echo hidden > out/.env
      - id: up
        uses: actions/upload-artifact@v4
        with:
          name: my tool
          path: |
            out/bin/
            out/doc/*.md
            src
            !**/draft.md
      - run: echo '${{ steps.up.outputs.artifact-url }}'
  use:
    needs: build
    runs-on: x
    steps:
      - id: down
        uses: actions/download-artifact@v5
        with: { name: my tool, path: got }
      - run: |
          cd '${{ steps.down.outputs.download-path }}' && pwd
          find . -type f | sort; cat out/bin/tool; test -x out/bin/tool || echo not executable
",
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    insta::assert_snapshot!(events.log("build"), @"
    Multiple search paths detected. The least common ancestor, /home/runner/work/work/work, is the root of the artifact
    With the provided path, there will be 3 files uploaded
    Artifact my tool has been successfully uploaded! Final size is 403 bytes. Artifact ID is 1
    ");
    insta::assert_snapshot!(events.step_log("use", 1), @"
    /home/runner/work/work/work/got
    ./out/bin/tool
    ./out/doc/a.md
    ./src/tracked.txt
    program
    not executable
    ");
    let artifact = events.of_kind("artifact").next().unwrap();
    assert_eq!((&artifact["name"], &artifact["id"]), (&"my tool".into(), &1.into()));
    let archive = PathBuf::from(
        artifact["path"].as_str().unwrap().replace("[STATE]", context.state().to_str().unwrap()),
    );
    let size = fs::metadata(&archive).unwrap_or_else(|e| panic!("{}: {e}", archive.display())).len();
    assert_eq!(artifact["size"], size);
    let digest = context.command("sha256sum").arg(&archive).output().unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap()[..64].to_owned();
    assert_eq!(artifact["digest"], format!("sha256:{digest}"));
    let outputs =
        events.of_kind("job_finished").find(|e| e["job"] == "build").unwrap()["outputs"].to_string();
    assert_eq!(outputs, format!(r#"[["id","1"],["digest","{digest}"]]"#));
    // A later run sees nothing of it.
    let (outcome, events) = run_in(
        &context,
        &steps("      - { uses: actions/download-artifact@v4, with: { name: my tool } }"),
        &[],
    );
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        events.steps("a"),
        ["failure: Artifact 'my tool' not found; no artifact was uploaded in this run so far"]
    );
    assert_eq!(store(&context).len(), 1);
}

#[test]
fn the_jobs_of_a_matrix_upload_at_the_same_time() {
    let (outcome, events) = run(
        "  make:
    runs-on: x
    strategy: { matrix: { n: [1, 2, 3, 4, 5, 6, 7, 8] } }
    steps:
      - run: echo ${{ matrix.n }} > ${{ matrix.n }}.txt; echo last > same.txt
      - uses: actions/upload-artifact@v4
        with: { name: 'part-${{ matrix.n }}', path: '*.txt', if-no-files-found: error }
  other:
    runs-on: x
    steps:
      - run: echo other > other
      - { uses: actions/upload-artifact@v4, with: { path: other } }
  collect:
    needs: [make, other]
    runs-on: x
    steps:
      - uses: actions/download-artifact@v4
        with: { pattern: 'part-[1-7]', path: ~/merged, merge-multiple: true }
      - uses: actions/download-artifact@v4
        with: { path: all }
      - run: |
          cd ~/merged && echo * && cat ?.txt | tr '\\n' ' '
          cd $GITHUB_WORKSPACE/all && echo * && cat part-8/8.txt artifact/other
",
        &["--jobs", "4"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        events.step_log("collect", 2),
        "1.txt 2.txt 3.txt 4.txt 5.txt 6.txt 7.txt same.txt\n1 2 3 4 5 6 7 \
         artifact part-1 part-2 part-3 part-4 part-5 part-6 part-7 part-8\n8\nother\n"
    );
    let mut ids: Vec<u64> = events.of_kind("artifact").map(|e| e["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=9).collect::<Vec<_>>());
}

#[test]
fn artifacts_are_had_by_their_ids() {
    let (outcome, events) = run(
        &steps(
            "
      - run: echo one > one; echo two > two
      - { id: one, uses: actions/upload-artifact@v4, with: { name: first, path: one } }
      - { id: two, uses: actions/upload-artifact@v4, with: { name: second, path: two } }
      - { uses: actions/download-artifact@v5, with: { artifact-ids: '${{ steps.two.outputs.artifact-id }}', path: by-id } }
      - { uses: actions/download-artifact@v5, with: { artifact-ids: '1, 2, 7', path: both } }
      - run: cat by-id/two both/first/one both/second/two
      - { uses: actions/download-artifact@v5, with: { artifact-ids: 'x' }, continue-on-error: true }
      - { uses: actions/download-artifact@v5, with: { artifact-ids: '7' }, continue-on-error: true }
      - { uses: actions/download-artifact@v5, with: { artifact-ids: '1', name: first }, continue-on-error: true }
      - { uses: actions/download-artifact@v5, with: { name: first, run-id: 7, github-token: t }, continue-on-error: true }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.step_log("a", 5), "two\none\ntwo\n");
    assert_eq!(events.annotations("warning"), ["Could not find the following artifact IDs: 7"]);
    insta::assert_snapshot!(events.steps("a")[6..].join("\n"), @"
    failure as success: Invalid artifact ID: 'x'. Must be a number.
    failure as success: None of the provided artifact IDs were found; there are: first (ID: 1), second (ID: 2)
    failure as success: Inputs 'name' and 'artifact-ids' cannot be used together. Please specify only one.
    failure as success: `run-id: 7`: only artifacts of this run can be downloaded
    ");
}

#[test]
fn a_name_is_taken_once_unless_it_is_to_be_overwritten() {
    let (outcome, events) = run(
        &steps(
            "
      - run: echo one > f
      - { uses: actions/upload-artifact@v4, with: { name: n, path: f } }
      - { uses: actions/upload-artifact@v4, with: { name: n, path: f }, continue-on-error: true }
      - { uses: actions/upload-artifact@v4, with: { name: n, path: none, if-no-files-found: ignore } }
      - run: echo two > f
      - { uses: actions/upload-artifact@v4, with: { name: n, path: f, overwrite: true, compression-level: 0 } }
      - { uses: actions/download-artifact@v4, with: { name: n, path: got } }
      - run: cat got/f
      - { uses: actions/upload-artifact@v4, with: { name: ../n, path: f }, continue-on-error: true }
      - { uses: actions/upload-artifact@v4, with: { name: .., path: f }, continue-on-error: true }
      - { uses: actions/upload-artifact@v4, with: { name: '-é $(id) .zip', path: f } }
      - { uses: actions/upload-artifact@v4, with: { name: 'secret-${{ secrets.TOKEN }}', path: f }, continue-on-error: true }
",
        ),
        &["--secret", "TOKEN=hunter2-hunter2"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.step_log("a", 7), "two\n");
    insta::assert_snapshot!(events.steps("a").join("\n"), @r#"
    success
    success
    failure as success: cannot upload the artifact `n`: an artifact with this name already exists on the workflow run; take another name, or `overwrite: true`
    success
    success
    success
    success
    success
    failure as success: the artifact name `../n` is not valid: it contains `/`; it can't have any of " : < > | * ? \ / and ends of lines
    failure as success: the artifact name `..` is not valid: it means a directory
    success
    failure as success: the artifact's name holds the secret `TOKEN`; name it otherwise
    "#);
    assert!(!outcome.stdout.contains("hunter2"));
    let named = events.of_kind("artifact").last().unwrap();
    assert_eq!(named["name"], "-é $(id) .zip");
    assert!(named["path"].as_str().unwrap().ends_with("/_-____id__.zip.zip"), "{named}");
}

#[test]
fn no_files_are_a_warning_or_what_is_asked_for() {
    let (outcome, events) = run(
        &steps(
            "
      - { uses: actions/upload-artifact@v4, with: { path: 'none*' } }
      - { uses: actions/upload-artifact@v4, with: { path: none, if-no-files-found: ignore } }
      - { uses: actions/upload-artifact@v4, with: { path: none, if-no-files-found: error }, continue-on-error: true }
      - { uses: actions/upload-artifact@v4, with: { name: n }, continue-on-error: true }
      - { uses: actions/upload-artifact@v4, with: { path: ../x }, continue-on-error: true }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        events.annotations("warning"),
        ["No files were found with the provided path: none*. No artifacts will be uploaded."]
    );
    insta::assert_snapshot!(events.steps("a").join("\n"), @"
    success
    success
    failure as success: No files were found with the provided path: none. No artifacts will be uploaded.
    failure as success: Input required and not supplied: path
    failure as success: the pattern `../x` is refused: `..` can't be a part of it; write an absolute path, or `~/` for one in the home directory
    ");
    insta::assert_snapshot!(events.log("a"), @"No files were found with the provided path: none. No artifacts will be uploaded.");
}

#[test]
fn hostile_names_and_links_stay_in_the_sandbox() {
    let context = Context::new();
    fs::write(context.root().join("outside"), "outside\n").unwrap();
    let outside = context.root().join("outside");
    let (outcome, events) = run_in(
        &context,
        &steps(&format!(
            "
      - run: |
          mkdir d; ln -s {} d/host; ln -s /etc/passwd d/passwd; ln -s ../d d/circle
          odd=\"$(printf 'n\\n::set-output name=x::y')\"; mkdir \"$odd\"; echo x > \"$odd/f\"
      - {{ id: links, uses: actions/upload-artifact@v4, with: {{ name: links, path: d }} }}
      - {{ id: newline, uses: actions/upload-artifact@v4, with: {{ name: newline, path: '.' }}, continue-on-error: true }}
      - uses: actions/upload-artifact@v4
        id: root
        with: {{ name: root, path: \"n*/f\\nd/passwd\" }}
        continue-on-error: true
      - {{ uses: actions/download-artifact@v4, with: {{ name: links, path: got }} }}
      - run: ls got; ln -s /tmp out; mkdir -p up/d; echo t > up/d/t
      - {{ uses: actions/upload-artifact@v4, with: {{ name: up, path: up }} }}
      - run: rm -r d; ln -s /tmp d
      - {{ uses: actions/download-artifact@v4, with: {{ name: up }}, continue-on-error: true }}
      - run: ls /tmp/t || echo nothing was written through the link
",
            outside.display()
        )),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    // The host's file isn't in the sandbox; what is there is the sandbox's own.
    assert_eq!(events.step_log("a", 5), "passwd\n");
    insta::assert_snapshot!(events.steps("a").join("\n"), @r"
    success
    success
    failure as success: the path `n\n::set-output name=x::y/f` can't be in an artifact: it contains `\n`, which some file systems don't have in names
    failure as success: the path `n\n::set-output name=x::y/f` can't be in an artifact: it contains `\n`, which some file systems don't have in names
    success
    success
    success
    success
    failure as success: cannot download the artifact `up`: `d` is a link, which isn't followed, and something would land in it
    success
    ");
    assert!(events.step_log("a", 9).ends_with("nothing was written through the link\n"), "{outcome}");
}

#[test]
fn a_hundred_thousand_small_files_are_passed_on() {
    let (outcome, events) = run(
        &steps(
            "
      - run: mkdir -p d/{0..99} && for i in {0..99}; do (cd d/$i && seq -f 'f%g' 1000 | xargs touch); done
      - { uses: actions/upload-artifact@v4, with: { path: d, compression-level: 1 } }
      - { uses: actions/download-artifact@v4, with: { name: artifact, path: got } }
      - run: find got -type f | wc -l
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.step_log("a", 3), "100000\n");
}

#[test]
fn a_full_store_refuses_and_says_which_bound() {
    let context = Context::new();
    context.write("config.toml", "[artifacts]\nmax-size = '100K'\n");
    let config = context.work().join("config.toml");
    let job = steps(
        "
      - run: head -c 60000 /dev/urandom > f
      - { uses: actions/upload-artifact@v4, with: { name: one, path: f, compression-level: 0 } }
      - { uses: actions/upload-artifact@v4, with: { name: two, path: f, compression-level: 0 } }
",
    );
    for _ in 0..2 {
        let (outcome, events) = run_in(&context, &job, &["--config", config.to_str().unwrap()]);
        assert_eq!(outcome.code, Some(1));
        assert_eq!(
            events.steps("a")[1..],
            [
                "success",
                "failure: cannot upload the artifact `two`: the store is full: it may hold 102400 bytes, \
                 `max-size` of [artifacts] in the configuration"
            ]
        );
        // The second time that of the first run has gone.
        assert_eq!(store(&context).len(), 1);
    }
}

/// A workflow whose upload doesn't end.
const ENDLESS: &str = "
      - run: truncate -s 100T huge
      - { uses: actions/upload-artifact@v4, with: { path: huge, compression-level: 1 } }
";

/// Runs it and sends a signal as soon as the upload has begun.
fn stopped(context: &Context, signal: Signal) -> (Option<i32>, String) {
    context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{}", steps(ENDLESS)));
    let mut command = context.palisade().args(["run", "--json"]).into_command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains(r#""event":"step_started","job":"a","step":1"#) {
        assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "{said}");
    }
    // It writes once there is something to stop.
    while !store(context)
        .iter()
        .any(|entry| fs::read_dir(entry).is_ok_and(|mut files| files.next().is_some()))
    {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    stdout.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

#[test]
fn an_upload_that_is_stopped_leaves_nothing() {
    let context = Context::new();
    let (code, said) = stopped(&context, Signal::SIGINT);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains(r#""event":"job_finished","job":"a","result":"cancelled""#), "{said}");
    assert_eq!(store(&context).len(), 0);
    let (code, _) = stopped(&context, Signal::SIGKILL);
    assert_eq!(code, None);
    assert_eq!(store(&context).len(), 1);
    // Who comes next cleans up.
    let (outcome, events) = run_in(
        &context,
        &steps(
            "      - { uses: actions/upload-artifact@v4, with: { path: .github, include-hidden-files: true } }",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.of_kind("artifact").count(), 1);
    assert_eq!(store(&context).len(), 1);
}

#[test]
fn composite_actions_and_called_workflows_share_the_runs_artifacts() {
    let context = Context::new();
    context
        .write(
            "act/action.yml",
            "runs:\n  using: composite\n  steps:\n    - { run: echo c > c, shell: bash }\n    - { uses: actions/upload-artifact@v4, with: { name: c, path: c } }\n",
        )
        .write(
            ".github/workflows/called.yml",
            "on: workflow_call\njobs:\n  up:\n    runs-on: x\n    steps:\n      - run: echo w > w\n      - { uses: actions/upload-artifact@v4, with: { name: w, path: w } }\n",
        );
    let (outcome, events) = run_in(
        &context,
        "  a: { runs-on: x, steps: [{ uses: ./act }] }
  b: { uses: ./.github/workflows/called.yml }
  c:
    needs: [a, b]
    runs-on: x
    steps:
      - { uses: actions/download-artifact@v4, with: { merge-multiple: true } }
      - run: cat c w
",
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.step_log("c", 1), "c\nw\n");
}
