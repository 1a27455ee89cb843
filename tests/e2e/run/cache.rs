//! `actions/cache`, `actions/cache/restore` and `actions/cache/save`: what runs pass on to later ones.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::{Context, Events, Outcome};

use super::{run_in, steps};

/// All that the store of caches holds.
fn store(context: &Context) -> Vec<PathBuf> {
    let directory = context.state().join("palisade/cache");
    let mut found: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn run(context: &Context, job: &str, args: &[&str]) -> Events {
    let (outcome, events) = run_in(context, &steps(job), args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    events
}

/// What a job said, without sizes, which depend on times.
fn log(events: &Events) -> String {
    let sized = |line: &str| if line.starts_with("Cache Size:") { "Cache Size: …" } else { line }.to_owned();
    events.log("a").lines().map(sized).collect::<Vec<_>>().join("\n")
}

/// A repository on a branch, whose default branch is `main`.
fn on_branch(context: &Context, branch: &str) {
    context.write(".git/HEAD", format!("ref: refs/heads/{branch}\n"));
    context.write(".git/objects/x", "").write(".git/refs/x", "");
}

/// A job that shows what it found, and saves what is new.
const CACHED: &str = "
      - id: cache
        uses: actions/cache@v4
        with:
          path: |
            deps
            ~/.tool
          key: deps-${{ vars.KEY }}
          restore-keys: |
            deps-
      - run: |
          echo \"[${{ steps.cache.outputs.cache-hit }}]:$(cat deps/a ~/.tool/b 2>/dev/null | xargs)\"
          mkdir -p deps ~/.tool; echo ${{ vars.KEY }} > deps/a; echo ${{ vars.KEY }}2 > ~/.tool/b
";

#[test]
fn a_run_finds_what_an_earlier_one_has_saved() {
    let context = Context::new();
    let job = |key: &str| run(&context, CACHED, &["--var", &format!("KEY={key}")]);
    let first = job("one");
    insta::assert_snapshot!(log(&first), @"
    Cache not found for input keys: deps-one, deps-
    []:
    Cache Size: …
    Cache saved with key: deps-one
    ");
    let second = job("one");
    insta::assert_snapshot!(log(&second), @"
    Cache Size: …
    Cache restored successfully
    Cache restored from key: deps-one
    [true]:one one2
    Cache hit occurred on the primary key deps-one, not saving cache.
    ");
    // The newest of those that begin so.
    let third = job("two");
    assert_eq!(third.step_log("a", 1), "[false]:one one2\n");
    let fourth = job("three");
    assert_eq!(fourth.step_log("a", 1), "[false]:two two2\n");
    assert_eq!(store(&context).len(), 3);
}

#[test]
fn what_fails_saves_nothing_and_save_saves_in_any_case() {
    let context = Context::new();
    let fail = format!("{CACHED}      - run: exit 1\n");
    let (outcome, events) = run_in(&context, &steps(&fail), &[]);
    assert_eq!((outcome.code, events.steps("a").last().unwrap().as_str()), (Some(1), "skipped"));
    assert_eq!(store(&context).len(), 0);
    let save = "
      - { id: r, uses: actions/cache/restore@v4, with: { path: deps, key: k1, restore-keys: k } }
      - run: test -e deps || { mkdir deps; date +%N > deps/a; }
      - run: echo '${{ toJSON(steps.r.outputs) }}'
      - { uses: actions/cache/save@v4, with: { path: deps, key: '${{ steps.r.outputs.cache-primary-key }}' } }
";
    insta::assert_snapshot!(run(&context, save, &[]).step_log("a", 2), @r#"
    {
      "cache-primary-key": "k1"
    }
    "#);
    let again = run(&context, save, &[]);
    insta::assert_snapshot!(again.step_log("a", 2), @r#"
    {
      "cache-primary-key": "k1",
      "cache-hit": "true",
      "cache-matched-key": "k1"
    }
    "#);
    insta::assert_snapshot!(again.step_log("a", 3), @"Failed to save: Unable to reserve cache with key k1, another job has made this cache, or is making it");
}

#[test]
fn misses_are_told_as_asked() {
    let context = Context::new();
    let (outcome, events) = run_in(
        &context,
        &steps(
            "
      - { id: miss, uses: actions/cache/restore@v4, with: { path: d, key: k } }
      - run: echo '[${{ steps.miss.outputs.cache-hit }}]'
      - { uses: actions/cache/restore@v4, with: { path: d, key: k, fail-on-cache-miss: true }, continue-on-error: true }
      - { uses: actions/cache/restore@v4, with: { path: d, key: 'a,b' }, continue-on-error: true }
      - { uses: actions/cache/restore@v4, with: { key: k }, continue-on-error: true }
      - { uses: actions/cache/restore@v4, with: { path: ../d, key: k } }
      - { uses: actions/cache/save@v4, with: { path: d, key: k } }
      - { uses: actions/cache/save@v4, with: { path: ../d, key: k } }
      - run: mkdir d; echo x > d/x
      - { uses: actions/cache/save@v4, with: { path: d, key: k } }
      - { uses: actions/cache/save@v4, with: { path: d, key: k } }
      - { id: look, uses: actions/cache/restore@v4, with: { path: d, key: K, restore-keys: k, lookup-only: true } }
      - run: echo '${{ steps.look.outputs.cache-hit }} ${{ steps.look.outputs.cache-matched-key }}'
      # Other paths are another cache.
      - { uses: actions/cache/restore@v4, with: { path: e, key: k, fail-on-cache-miss: true }, continue-on-error: true }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    insta::assert_snapshot!(events.steps("a").join("\n"), @"
    success
    success
    failure as success: Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: k
    failure as success: Key Validation Error: a,b cannot contain commas.
    failure as success: Input required and not supplied: path
    success
    success
    success
    success
    success
    success
    success
    success
    failure as success: Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: k
    ");
    insta::assert_snapshot!(log(&events), @"
    Cache not found for input keys: k
    []
    Cache not found for input keys: k
    Cache Size: …
    Cache saved with key: k
    Failed to save: Unable to reserve cache with key k, another job has made this cache, or is making it
    Cache found and can be restored from key: k
    true k
    ");
    insta::assert_snapshot!(events.annotations("warning").join("\n"), @"
    Failed to save: Path Validation Error: Path(s) specified in the action for caching do(es) not exist, hence no cache is being saved.
    Failed to save: the pattern `../d` is refused: `..` can't be a part of it; write an absolute path, or `~/` for one in the home directory
    ");
}

#[test]
fn a_pull_requests_cache_is_for_itself_only() {
    let context = Context::new();
    let payload = |number: u32, head: &str| {
        let name = format!("event-{number}.json");
        context.write(
            &name,
            format!(
                r#"{{"number": {number}, "repository": {{"default_branch": "main"}}, "pull_request": {{"number": {number},
                "base": {{"ref": "release"}}, "head": {{"ref": "{head}", "sha": "{}"}}}}}}"#,
                "a".repeat(40)
            ),
        );
        context.work().join(name).display().to_string()
    };
    let run = |job: &str, args: &[&str]| {
        let on = "[push, pull_request, pull_request_target]";
        context.write(".github/workflows/w.yml", format!("on: {on}\njobs:\n{}", steps(job)));
        let outcome = context.palisade().args(["run", "--json"]).args(args).run();
        assert_eq!(outcome.code, Some(0), "{outcome}");
        Events::of(&outcome)
    };
    let keep = |content: &str, args: &[&str]| {
        let job = format!(
            "
      - run: mkdir d; echo {content} > d/f
      - {{ uses: actions/cache/save@v4, with: {{ path: d, key: k-{content} }} }}
"
        );
        run(&job, args);
    };
    let found = |args: &[&str]| {
        let job = "
      - { uses: actions/cache/restore@v4, with: { path: d, key: none, restore-keys: k- } }
      - run: cat d/f || echo nothing
";
        run(job, args).step_log("a", 1).lines().last().unwrap_or_default().to_owned()
    };
    let (seven, eight) = (payload(7, "topic"), payload(8, "other"));
    let pull = ["--event", "pull_request", "--event-file", &seven];
    let target = ["--event", "pull_request_target", "--event-file", &seven];
    let other = ["--event", "pull_request", "--event-file", &eight];
    on_branch(&context, "main");
    keep("evil", &pull);
    keep("evil-too", &target);
    assert_eq!(found(&[]), "nothing");
    assert_eq!(found(&other), "nothing");
    assert_eq!(found(&pull), "evil-too");
    // What the default branch and the base keep is for all.
    keep("main", &[]);
    assert_eq!([found(&[]), found(&pull), found(&other)], ["main", "evil-too", "main"]);
    on_branch(&context, "release");
    keep("release", &[]);
    assert_eq!([found(&[]), found(&pull), found(&other)], ["release", "evil-too", "release"]);
    on_branch(&context, "topic");
    assert_eq!(found(&[]), "main");
    keep("topic", &[]);
    assert_eq!([found(&[]), found(&other)], ["topic", "release"]);
    on_branch(&context, "main");
    assert_eq!(found(&[]), "main");
}

#[test]
fn other_trees_have_other_caches() {
    let context = Context::new();
    let job = steps(CACHED);
    for directory in ["one", "two"] {
        context.write(&format!("{directory}/.github/workflows/w.yml"), format!("on: push\njobs:\n{job}"));
    }
    let run = |directory: &str| {
        let outcome = context.palisade().args(["run", "--json", "-C", directory, "--var", "KEY=k"]).run();
        Events::of(&outcome).step_log("a", 1)
    };
    assert_eq!(run("one"), "[]:\n");
    assert_eq!([run("two"), run("one")], ["[]:\n", "[true]:k k2\n"]);
}

#[test]
fn links_modes_and_times_are_kept_and_lead_nowhere_on_the_host() {
    let context = Context::new();
    let victim = context.root().join("victim");
    fs::write(&victim, "kept\n").unwrap();
    let job = format!(
        "
      - {{ id: c, uses: actions/cache@v4, with: {{ path: d, key: k }} }}
      - if: steps.c.outputs.cache-hit != 'true'
        run: |
          mkdir -p d/sub d/empty; echo tool > d/tool; chmod 750 d/tool; ln d/tool d/twin; ln -s {0} d/host; ln -s tool d/link
          touch -d '2001-02-03 04:05:06.789' d/tool; mkfifo d/fifo; chmod 500 d/sub
          echo odd > \"d/$(printf 'a\\n::warning::b')\"
      - run: |
          cd d && stat -c '%N %a %h' * && stat -c %y tool
          (echo over > host) 2>/dev/null || echo nowhere
",
        victim.display()
    );
    run(&context, &job, &[]);
    let again = run(&context, &job, &[]);
    insta::assert_snapshot!(context.redact(&again.step_log("a", 2)).replace("\\n", "/n"), @"
    'a'$'/n''::warning::b' 644 1
    'empty' 755 2
    'host' -> '[ROOT]/victim' 777 1
    'link' -> 'tool' 777 1
    'sub' 500 2
    'tool' 750 2
    'twin' 750 2
    2001-02-03 04:05:06.789000000 +0000
    nowhere
    ");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "kept\n");
    assert_eq!(again.annotations("warning"), [""; 0]);
}

#[test]
fn a_cache_that_was_changed_is_a_miss_and_made_anew() {
    let context = Context::new();
    run(&context, CACHED, &["--var", "KEY=k"]);
    let archive = store(&context)[0].join("cache.tar.zst");
    let good = fs::read(&archive).unwrap();
    fs::write(&archive, &good[..good.len() - 1]).unwrap();
    let events = run(&context, CACHED, &["--var", "KEY=k"]);
    assert_eq!(events.step_log("a", 1), "[]:\n");
    let warnings = events.annotations("warning");
    assert!(
        warnings[0].contains("Failed to restore") && warnings[0].contains("was changed after it was kept"),
        "{warnings:?}"
    );
    assert_eq!(run(&context, CACHED, &["--var", "KEY=k"]).step_log("a", 1), "[true]:k k2\n");
}

#[test]
fn a_hostile_archive_with_the_right_digest_stays_in_its_paths() {
    let context = Context::new();
    run(&context, CACHED, &["--var", "KEY=k"]);
    let entry = store(&context)[0].clone();
    let archive = entry.join("cache.tar.zst");
    // As whoever could write to the store might make one.
    let script = r#"
        set -e; mkdir evil; cd evil; mkdir workspace; echo evil > workspace/stolen; ln -s /home/runner link
        tar -cPf ../evil.tar --transform 's,^workspace/stolen,../../../escaped,' workspace/stolen
        tar -rPf ../evil.tar workspace/stolen
        cd .. && zstd -q -f evil.tar -o "$1" && sha256sum "$1" | cut -c1-64 && wc -c < "$1"
    "#;
    let made = context.command("bash").args(["-c", script, "bash"]).arg(&archive).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8(made.stdout).unwrap();
    let (digest, size) = said.trim().split_once('\n').unwrap();
    let path = entry.join("cache.json");
    let mut description: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let bytes: Vec<u8> =
        (0..32).map(|i| u8::from_str_radix(&digest[2 * i..2 * i + 2], 16).unwrap()).collect();
    description["digest"] = bytes.into();
    description["size"] = size.parse::<u64>().unwrap().into();
    fs::write(&path, description.to_string()).unwrap();
    let job = format!(
        "{CACHED}      - run: ls $GITHUB_WORKSPACE/stolen /home/runner/escaped /home/escaped /escaped || echo nothing\n"
    );
    let events = run(&context, &job, &["--var", "KEY=k"]);
    assert_eq!(events.step_log("a", 1), "[]:\n");
    assert!(events.step_log("a", 2).ends_with("nothing\n"));
    let warnings = events.annotations("warning");
    assert!(warnings[0].starts_with("Failed to restore: the archive is refused: it holds"), "{warnings:?}");
}

#[test]
fn what_does_not_fit_is_not_kept_and_the_least_used_goes() {
    let context = Context::new();
    context.write("config.toml", "[cache]\nmax-size = '150K'\n");
    let config = context.work().join("config.toml").display().to_string();
    let job = |key: &str, size: u32| {
        let job = format!(
            "
      - {{ id: c, uses: actions/cache@v4, with: {{ path: d, key: {key} }} }}
      - run: echo '${{{{ steps.c.outputs.cache-hit }}}}'; head -c {size} /dev/urandom > d
"
        );
        let events = run(&context, &job, &["--config", &config]);
        let warnings = events.annotations("warning").join("\n");
        (events.step_log("a", 1), warnings)
    };
    job("a", 60_000);
    job("b", 60_000);
    assert_eq!(job("a", 1).0, "true\n");
    job("c", 60_000);
    assert_eq!(job("a", 1).0, "true\n");
    assert_eq!(job("b", 200_000).0, "\n");
    let (_, warning) = job("d", 200_000);
    assert_eq!(
        warning,
        "Failed to save: the store is full: it may hold 153600 bytes, `max-size` of [cache] in the configuration"
    );
}

#[test]
fn jobs_that_save_the_same_key_at_the_same_time_all_succeed() {
    let context = Context::new();
    let (outcome, events) = run_in(
        &context,
        "  a:
    runs-on: x
    strategy: { matrix: { n: [1, 2, 3, 4, 5, 6] } }
    steps:
      - run: mkdir d; seq 200000 > d/f; echo ${{ matrix.n }} > d/n
      - { uses: actions/cache/save@v4, with: { path: d, key: same } }
",
        &["--jobs", "6"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.annotations("warning"), [""; 0]);
    assert_eq!(store(&context).len(), 1);
}

/// Runs a job whose cache doesn't end, and sends a signal as soon as something was written.
fn stopped(context: &Context, signal: Signal) -> Outcome {
    let job = "
      - run: truncate -s 100T huge
      - { uses: actions/cache/save@v4, with: { path: huge, key: k } }
";
    context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{}", steps(job)));
    let mut command = context.palisade().args(["run", "--json"]).into_command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains(r#""event":"step_started","job":"a","step":1"#) {
        assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let grows =
        |entry: &PathBuf| fs::metadata(entry.join("cache.tar.zst")).is_ok_and(|archive| archive.len() > 0);
    while !store(context).iter().any(grows) {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    stdout.read_to_string(&mut said).unwrap();
    Outcome { code: child.wait().unwrap().code(), signal: None, stdout: said, stderr: String::new() }
}

#[test]
fn a_save_that_is_stopped_leaves_nothing() {
    let context = Context::new();
    let outcome = stopped(&context, Signal::SIGINT);
    assert_eq!(outcome.code, Some(130), "{outcome}");
    assert_eq!(Events::of(&outcome).result("a"), "cancelled");
    assert_eq!(store(&context).len(), 0);
    assert_eq!(stopped(&context, Signal::SIGKILL).code, None);
    assert_eq!(store(&context).len(), 1);
    // Who comes next cleans up.
    run(&context, CACHED, &[]);
    assert_eq!(store(&context).len(), 1);
    assert!(store(&context)[0].join("cache.json").is_file());
}
