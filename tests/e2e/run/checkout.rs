//! `actions/checkout`: the tree as it is, or what git fetches, from real repositories.

use palisade_tests::{Context, Events, GitServer, Identity, Need, Outcome, require};

use super::{run_in, steps};

/// A repository in the working directory: a branch `main` of three commits, the first with the tag `v1`, a branch
/// `topic` beside it, and a change that isn't committed.
fn repository() -> Context {
    let context = Context::new();
    context.write("a/f", "one\n").write("b/g", "g\n");
    git(&context, "init -q -b main .");
    commit(&context, "one");
    git(&context, "tag v1");
    git(&context, "checkout -q -b topic");
    context.write("a/f", "topic\n");
    commit(&context, "topic");
    git(&context, "checkout -q main");
    for content in ["two", "three"] {
        context.write("a/f", format!("{content}\n"));
        commit(&context, content);
    }
    context.write("a/f", "dirty\n").write("new", "new\n");
    context
}

fn git(context: &Context, args: &str) -> String {
    git_args(context, &args.split(' ').collect::<Vec<_>>())
}

fn git_args(context: &Context, args: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    let out = context.command("git").args(identity).args(args).output().expect("git is installed");
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn commit(context: &Context, message: &str) {
    git(context, "add -A");
    git(context, &format!("commit -q -m {message}"));
}

fn run(context: &Context, job: &str) -> (Outcome, Events) {
    run_in(context, &steps(job), &[])
}

/// What the last step has said.
fn said(outcome: &Outcome, events: &Events) -> String {
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.log("a");
    log.rsplit_once("SAID\n").unwrap_or_else(|| panic!("{outcome}")).1.to_owned()
}

#[test]
fn the_own_tree_is_there_as_it_is() {
    let context = repository();
    let head = git(&context, "rev-parse HEAD");
    let (outcome, events) = run(
        &context,
        "
      - { id: c, uses: actions/checkout@v4, with: { fetch-depth: 0, persist-credentials: false } }
      - run: echo SAID; cat a/f new; git log --format=%s; echo ${{ steps.c.outputs.ref }} ${{ steps.c.outputs.commit }}
",
    );
    assert_eq!(said(&outcome, &events), format!("dirty\nnew\nthree\ntwo\none\nrefs/heads/main {head}\n"));
    assert!(events.log("a").contains("The workspace holds the tree of this run as it is"));
    assert_eq!(events.steps("a"), ["success", "success", "success"]);
}

#[test]
fn a_ref_is_checked_out_in_its_place_and_the_users_tree_stays() {
    let context = repository();
    let topic = git(&context, "rev-parse topic");
    let (outcome, events) = run(
        &context,
        "
      - { id: c, uses: actions/checkout@v4, with: { ref: topic } }
      - run: |
          echo SAID; cat a/f; ls; git log --format=%s; git status --short --branch; echo ${{ steps.c.outputs.ref }} ${{ steps.c.outputs.commit }}
          git -c user.name=t -c user.email=t@t commit -q --allow-empty -m x
          rm -rf .git a
",
    );
    assert_eq!(
        said(&outcome, &events),
        format!("topic\na\nb\ntopic\n## topic...origin/topic\ntopic {topic}\n")
    );
    assert_eq!(std::fs::read_to_string(context.work().join("a/f")).unwrap(), "dirty\n");
    assert_eq!(git(&context, "rev-parse topic"), topic);
    assert_eq!(git(&context, "log --all --format=%s").lines().count(), 4);
}

#[test]
fn of_what_was_in_the_workspace_nothing_is_left() {
    let context = repository();
    context.write(".gitignore", "ignored\n");
    std::os::unix::fs::symlink("/tmp", context.work().join("link")).unwrap();
    let (outcome, events) = run(
        &context,
        "
      - run: |
          echo x > ignored; mkdir -p sub; git init -q sub; chmod 644 b/g; rm a/f; ln -s /etc/passwd a/f; rm -r b; ln -s /tmp b; echo keep > /tmp/g
          git config core.hooksPath /tmp; git config user.name evil; printf '#!/bin/sh\\necho evil > /tmp/hooked' > /tmp/post-checkout; chmod +x /tmp/post-checkout
      - { uses: actions/checkout@v4, with: { ref: v1 } }
      - run: echo SAID; find . -path ./.git -prune -o -print | sort; cat a/f b/g /tmp/g; git status --short; git config user.name || ls /tmp/hooked || true
",
    );
    insta::assert_snapshot!(said(&outcome, &events), @r"
    .
    ./a
    ./a/f
    ./b
    ./b/g
    one
    g
    keep
    ls: cannot access '/tmp/hooked': No such file or directory
    ");
}

#[test]
fn a_linked_work_tree_is_of_its_repository() {
    let context = repository();
    git(&context, "worktree add -q linked topic");
    context.write("linked/.github/workflows/w.yml", "on: push\njobs: { a: { runs-on: x, steps: [ { uses: actions/checkout@v4, with: { ref: v1 } }, { run: cat a/f; git log --format=%s } ] } }\n");
    let outcome = context.palisade().args(["run", "-C", "linked"]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("\none\none\n"), "{outcome}");
}

#[test]
fn git_works_in_a_linked_work_tree() {
    let context = repository();
    git(&context, "config remote.origin.url https://me:hunter2@git.example.org/team/tool");
    git(&context, "worktree add -q linked -b other");
    let workflow = format!(
        "on: push\njobs:\n{}",
        steps(
            "
      - run: |
          git status --short; git branch --show-current; git remote get-url origin; git tag
          echo new > new; git add new
          git -c user.name=t -c user.email=t@example.org commit -q -m third
          git log --format=%s; git fsck
"
        )
    );
    context.write("linked/.github/workflows/w.yml", workflow);
    let before = git(&context, "log --all --format=%s");
    let outcome = context.palisade().args(["run", "--json", "-C", "linked"]).run();
    let events = Events::of(&outcome);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    insta::assert_snapshot!(events.log("a"), @r"
    ?? .github/
    other
    https://git.example.org/team/tool
    v1
    third
    three
    two
    one
    ");
    assert!(!outcome.stdout.contains("hunter2"));
    assert_eq!(git(&context, "log --all --format=%s"), before);
    assert!(context.work().join("linked/.git").is_file());
}

#[test]
fn a_job_that_writes_a_linked_work_tree_reads_its_repository_and_leaves_it() {
    let context = repository();
    git(&context, "worktree add -q linked -b other");
    let workflow = format!(
        "on: push\njobs:\n{}",
        steps(
            "
      - run: |
          echo new > new
          git status --short; git log --format=%s
          git add new || echo refused
"
        )
    );
    context.write("linked/.github/workflows/w.yml", workflow);
    let outcome = context.palisade().args(["run", "--json", "--write", "-C", "linked"]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = Events::of(&outcome).log("a");
    assert!(log.starts_with("?? .github/\n?? new\nthree\ntwo\none\n"), "{log}");
    assert!(log.ends_with("refused\n"), "{log}");
    assert!(
        outcome.stderr.contains("where `.git` of this tree points, as it is, and can't change it"),
        "{outcome}"
    );
    assert!(context.work().join("linked/new").is_file());
}

#[test]
fn a_repository_of_the_longer_hash_is_checked_out() {
    let context = Context::new();
    context.write("f", "f\n").write(".gitignore", "ignored\n").write("ignored", "tracked all the same\n");
    git(&context, "init -q -b main --object-format=sha256 .");
    git(&context, "add -f ignored");
    commit(&context, "first");
    let (outcome, events) = run(
        &context,
        "
      - uses: actions/checkout@v4
        with: { path: copy, fetch-depth: 0 }
      - run: |
          echo SAID
          cat ignored; git -C copy rev-parse --show-object-format; git -C copy log --format=%s
",
    );
    assert_eq!(said(&outcome, &events), "tracked all the same\nsha256\nfirst\n");
    assert!(!outcome.stderr.contains("index"), "{outcome}");
}

#[test]
fn it_does_not_matter_whose_the_repository_is_and_who_may_read_it() {
    for identity in [Identity::Current, Identity::Nobody] {
        if identity == Identity::Nobody && !require(Need::Root) {
            return;
        }
        let context = Context::of(identity);
        context.write("a/f", "one\n");
        git(&context, "init -q -b main .");
        commit(&context, "one");
        let mut chmod = context.command("chmod");
        assert!(chmod.args(["-R", "go-rwx", ".git"]).status().unwrap().success());
        let (outcome, events) = run(
            &context,
            "
      - { uses: actions/checkout@v4, with: { ref: main, path: p } }
      - { uses: actions/checkout@v4, with: { ref: main } }
      - run: echo SAID; cat a/f; git log --format=%s
",
        );
        assert_eq!(said(&outcome, &events), "one\none\n");
    }
}

#[test]
fn history_is_as_deep_as_asked() {
    let context = repository();
    let second = git(&context, "rev-parse HEAD~1");
    let (outcome, events) = run(
        &context,
        &format!(
            "
      - {{ uses: actions/checkout@v4, with: {{ path: one }} }}
      - {{ uses: actions/checkout@v4, with: {{ path: two, fetch-depth: 2 }} }}
      - {{ uses: actions/checkout@v4, with: {{ path: all, fetch-depth: 0, ref: refs/heads/main }} }}
      - {{ uses: actions/checkout@v4, with: {{ path: tag, ref: v1, fetch-tags: true }} }}
      - {{ uses: actions/checkout@v4, with: {{ path: sha, ref: '{second}' }} }}
      - run: |
          echo SAID
          for d in one two all tag sha; do
            cd $d; echo $d $(cat a/f): $(git log --format=%s), $(git rev-parse --is-shallow-repository), $(git branch -a --format='%(refname:short)'), $(git tag); cd ..
          done
",
        ),
    );
    insta::assert_snapshot!(said(&outcome, &events).replace(&second[..7], "SHA"), @r"
    one three: three, true, main origin/main,
    two three: three two, true, main origin/main,
    all three: three two one, false, main origin/main origin/topic, v1
    tag one: one, true, (HEAD detached at v1), v1
    sha two: two, true, (HEAD detached at SHA),
    ");
}

#[test]
fn a_part_of_the_tree_is_enough_where_that_is_asked_for() {
    let context = repository();
    let (outcome, events) = run(
        &context,
        "
      - { uses: actions/checkout@v4, with: { path: cone, sparse-checkout: a } }
      - uses: actions/checkout@v4
        with:
          path: patterns
          sparse-checkout-cone-mode: false
          sparse-checkout: |
            /b/*
            !/b/none
      - run: echo SAID; ls cone patterns
",
    );
    assert_eq!(said(&outcome, &events), "cone:\na\n\npatterns:\nb\n");
}

#[test]
fn what_is_there_goes_unless_it_is_to_stay() {
    let context = repository();
    let (outcome, events) = run(
        &context,
        "
      - { uses: actions/checkout@v4, with: { path: p } }
      - run: echo x > p/untracked; echo x > p/a/f
      - { uses: actions/checkout@v4, with: { path: p, clean: false } }
      - run: ls p; cat p/a/f
      - { uses: actions/checkout@v4, with: { path: p } }
      - run: echo SAID; ls p
",
    );
    assert_eq!(said(&outcome, &events), "a\nb\n");
    assert!(events.log("a").contains("a\nb\nuntracked\nthree\n"), "{outcome}");
}

#[test]
fn a_token_is_never_in_the_tree_and_gone_at_the_end() {
    let context = repository();
    let (outcome, events) = run(
        &context,
        "
      - { uses: actions/checkout@v4, with: { path: p, token: tok-3n-value } }
      - run: |
          cd p; grep -rl 'AUTHORIZATION\\|tok-3n' . && exit 1
          git config --get-all http.https://github.com/.extraheader | tee /tmp/header
          test \"$(base64 -d < <(cut -d' ' -f3 /tmp/header))\" = x-access-token:tok-3n-value
      - { uses: actions/checkout@v4, with: { path: q, token: tok-3n-value, persist-credentials: false } }
      - { uses: actions/checkout@v4, with: { token: tok-3n-value } }
      - run: git config --get-all http.https://github.com/.extraheader; ! grep -rlE 'AUTHORIZATION|tok-3n' .git
      - run: echo SAID; ls $RUNNER_TEMP | grep -c credentials; cd q; git config --get-all http.https://github.com/.extraheader || echo none
",
    );
    assert_eq!(said(&outcome, &events), "2\nnone\n");
    assert!(
        !outcome.stdout.contains("tok-3n-value\\n") && !outcome.stdout.contains("eC1hY2Nlc3MtdG9rZW46dG9r"),
        "{outcome}"
    );
}

#[test]
fn what_can_not_be_had_is_told() {
    let context = repository();
    for (with, reason) in [
        (
            "repository: o/r",
            "cannot fetch `o/r` from https://github.com: the job has no network; give it one with --net",
        ),
        ("ref: none", "the repository on this machine has no branch, tag or commit `none`"),
        ("ref: --upload-pack=x", "`ref: --upload-pack=x` can't be the name of a branch, tag or commit"),
        ("path: ../x", "`path: ../x` is not within the workspace"),
        ("path: link/x", "is a symbolic link, which a checkout doesn't follow"),
        ("repository: '--x/y'", "`repository: --x/y` is not of the form `owner/name`"),
        ("{ path: p, lfs: true }", "`lfs: true` needs the program git-lfs"),
        ("{ repository: o/r, github-server-url: 'ext::sh -c x' }", "is not of the form `https://host`"),
    ] {
        let with = if with.starts_with('{') { with.to_owned() } else { format!("{{ {with} }}") };
        let job = format!(
            "\n      - run: ln -s /tmp link\n      - {{ uses: actions/checkout@v4, with: {with} }}\n"
        );
        let (outcome, events) = run(&context, &job);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert!(events.steps("a")[1].contains(reason), "{with}: {:?}", events.steps("a"));
    }
}

#[test]
fn a_repository_that_is_too_large_is_told() {
    let context = repository();
    let mut text = String::new();
    for line in 0..15_000 {
        text.push_str(&format!("{line} x\n"));
    }
    for name in 0..80 {
        context.write(&format!("large/{name}"), &text);
    }
    commit(&context, "large");
    context.write("limits.toml", "[sandbox.limits]\ndisk = \"8MiB\"\n");
    let job = steps("\n      - { uses: actions/checkout@v4, with: { path: p } }\n");
    let (outcome, events) = run_in(&context, &job, &["--config", "limits.toml"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        events.steps("a")[0]
            .ends_with("the sandbox's disk is full: raise its limit `disk`, or fetch less of the repository"),
        "{outcome}"
    );
}

#[test]
fn the_users_own_tree_is_never_overwritten() {
    let context = repository();
    let job = steps("\n      - { uses: actions/checkout@v4, with: { ref: v1 } }\n");
    let (outcome, events) = run_in(&context, &job, &["--write"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(events.steps("a")[0].contains("has content, which a checkout would replace"), "{outcome}");
    let job = steps("\n      - { uses: actions/checkout@v4, with: { ref: v1, path: sub } }\n");
    let (outcome, _) = run_in(&context, &job, &["--write"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(std::fs::read_to_string(context.work().join("sub/a/f")).unwrap(), "one\n");
    assert_eq!(std::fs::read_to_string(context.work().join("a/f")).unwrap(), "dirty\n");
}

#[test]
fn nothing_that_a_repository_brings_is_run() {
    let context = repository();
    // A hook and a filter of the user's own repository, and links in the tree that lead into `.git`.
    context.write(".git/hooks/post-checkout", "#!/bin/sh\necho HOOKED > /tmp/hooked\n");
    context.write(".gitattributes", "* filter=evil\n");
    git(&context, "config core.fsmonitor /bin/false");
    git(&context, "config filter.evil.smudge /bin/false");
    std::os::unix::fs::symlink(".git/hooks", context.work().join("hooks")).unwrap();
    git_args(&context, &["-c", "core.fsmonitor=false", "-c", "filter.evil.clean=cat", "add", "-A"]);
    git_args(
        &context,
        &["-c", "core.fsmonitor=false", "-c", "filter.evil.clean=cat", "commit", "-qm", "evil"],
    );
    let (outcome, events) = run(
        &context,
        "
      - { uses: actions/checkout@v4, with: { ref: main } }
      - run: echo SAID; cat new; ls .git/hooks /tmp/hooked 2>&1 | grep -c hook
",
    );
    assert_eq!(said(&outcome, &events), "new\n2\n");
}

#[test]
fn submodules_that_the_own_tree_lacks_are_told() {
    let context = repository();
    let here = context.work().display().to_string();
    git_args(&context, &["-c", "protocol.file.allow=always", "submodule", "add", "-q", &here, "sub"]);
    let job = "\n      - { uses: actions/checkout@v4, with: { submodules: true } }\n      - run: echo SAID; cat sub/a/f\n";
    let (outcome, events) = run(&context, job);
    assert_eq!(said(&outcome, &events), "three\n");
    git(&context, "submodule deinit -q -f sub");
    let (outcome, events) = run(&context, job);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        events.steps("a")[0].contains("the tree lacks its submodules (sub), and the job has no network"),
        "{outcome}"
    );
}

/// `x-access-token:tok-3n-value`
const CREDENTIAL: &str = "eC1hY2Nlc3MtdG9rZW46dG9rLTNuLXZhbHVl";

/// A forge with the repository of a context under several names, the second only for a token.
fn forge(context: &Context) -> GitServer {
    let forge = GitServer::start(&context.root().join("forge"), CREDENTIAL);
    for name in ["o/r", "private/r"] {
        let to = forge.path(name).display().to_string();
        git_args(context, &["clone", "-q", "--bare", ".", &to]);
    }
    forge
}

fn run_online(context: &Context, job: &str) -> (Outcome, Events) {
    run_in(context, &steps(job), &["--net", "host"])
}

#[test]
fn another_repository_comes_from_its_forge() {
    let context = repository();
    let GitServer { url, .. } = &forge(&context);
    let sha = git(&context, "rev-parse v1");
    let (outcome, events) = run_online(
        &context,
        &format!(
            "
      - {{ id: c, uses: actions/checkout@v4, with: {{ repository: o/r, github-server-url: '{url}', path: default }} }}
      - {{ uses: actions/checkout@v4, with: {{ repository: o/r, github-server-url: '{url}', path: topic, ref: topic, fetch-depth: 0 }} }}
      - {{ uses: actions/checkout@v4, with: {{ repository: o/r, github-server-url: '{url}', path: tag, ref: v1 }} }}
      - {{ uses: actions/checkout@v4, with: {{ repository: o/r, github-server-url: '{url}', path: sha, ref: {sha} }} }}
      - {{ uses: actions/checkout@v4, with: {{ repository: o/r, github-server-url: '{url}', path: full, ref: refs/heads/topic, fetch-depth: 0 }} }}
      - {{ uses: actions/checkout@v4, with: {{ repository: o/r, github-server-url: '{url}', path: none, ref: none }}, continue-on-error: true }}
      - {{ uses: actions/checkout@v4, with: {{ repository: o/none, github-server-url: '{url}', path: none }}, continue-on-error: true }}
      - run: |
          echo SAID
          for d in default topic tag sha full; do
            cd $d; echo $d $(cat a/f): $(git log --format=%s), $(git rev-parse --is-shallow-repository), $(git tag); cd ..
          done
"
        ),
    );
    insta::assert_snapshot!(said(&outcome, &events), @r"
    default three: three, true,
    topic topic: topic one, false, v1
    tag one: one, true, v1
    sha one: one, true,
    full topic: topic one, false, v1
    ");
    let steps = events.steps("a");
    assert!(steps[5].contains("`o/r` has no branch or tag `none`"), "{steps:?}");
    assert!(steps[6].contains("cannot read `o/none` at http://127.0.0.1"), "{steps:?}");
}

#[test]
fn a_forge_that_does_not_answer_costs_no_more_than_the_steps_time() {
    let context = repository();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (outcome, events) = run_online(
        &context,
        &format!(
            "\n      - {{ uses: actions/checkout@v4, timeout-minutes: 0.01, with: {{ repository: o/r, path: p, github-server-url: '{url}' }} }}\n"
        ),
    );
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(events.steps("a")[0], "failure: exceeded its timeout of 0.01 minutes");
}

#[test]
fn a_token_opens_a_private_repository_and_later_steps_can_push() {
    let context = repository();
    let forge = forge(&context);
    let url = &forge.url;
    let with = format!("repository: private/r, github-server-url: '{url}'");
    let (outcome, events) = run_online(
        &context,
        &format!(
            "
      - {{ uses: actions/checkout@v4, with: {{ {with}, path: p }}, continue-on-error: true }}
      - {{ uses: actions/checkout@v4, with: {{ {with}, path: q, token: tok-3n-value }} }}
      - run: |
          cd q; git -c user.name=t -c user.email=t@t commit -q --allow-empty -m pushed
          git push -q origin HEAD:refs/heads/pushed
          ! grep -rlE 'AUTHORIZATION|tok-3n|{CREDENTIAL}' .
          echo SAID; git log -1 --format=%s
"
        ),
    );
    assert_eq!(said(&outcome, &events), "pushed\n");
    assert!(events.steps("a")[0].contains("cannot read `private/r`"), "{outcome}");
    assert!(!outcome.stdout.contains(CREDENTIAL));
    let there = forge.path("private/r").display().to_string();
    assert_eq!(git_args(&context, &["--git-dir", &there, "log", "-1", "--format=%s", "pushed"]), "pushed");
}

#[test]
fn submodules_come_too_but_only_from_forges() {
    let context = repository();
    let forge = forge(&context);
    let url = &forge.url;
    let file = ["-c", "protocol.file.allow=always"];
    let outer = forge.path("o/outer").display().to_string();
    let nested = forge.path("o/nested").display().to_string();
    for (bare, path) in [(&nested, "one"), (&outer, "sub/two")] {
        // The URL that is tried is a path, the one that is written relative.
        let from = forge.path(if path == "one" { "o/r" } else { "o/nested" }).display().to_string();
        git_args(&context, &[&file[..], &["submodule", "add", "-q", "-f", &from, path]].concat());
        let relative = if path == "one" { "../r" } else { "../nested" };
        git(&context, &format!("config -f .gitmodules submodule.{path}.url {relative}"));
        commit(&context, "submodule");
        git_args(&context, &["clone", "-q", "--bare", ".", bare]);
        if path == "one" {
            git(&context, "reset -q --hard HEAD~1");
            git(&context, "clean -qffdx");
        }
    }
    let evil = forge.path("o/evil").display().to_string();
    git(&context, "config -f .gitmodules submodule.sub/two.url file:///etc");
    commit(&context, "evil");
    git_args(&context, &["clone", "-q", "--bare", ".", &evil]);
    let with = |name: &str, submodules: &str| {
        format!(
            "{{ uses: actions/checkout@v4, with: {{ repository: o/{name}, github-server-url: '{url}', path: {name}-{submodules}, submodules: {submodules} }}, continue-on-error: true }}"
        )
    };
    let job = format!(
        "
      - {}
      - {}
      - {}
      - run: echo SAID; for d in outer-true outer-recursive; do cat $d/sub/two/a/f; ls $d/sub/two/one; done
",
        with("outer", "true"),
        with("outer", "recursive"),
        with("evil", "recursive"),
    );
    let (outcome, events) = run_online(&context, &job);
    assert_eq!(said(&outcome, &events), "dirty\ndirty\na\nb\n", "{outcome}");
    assert!(events.steps("a")[2].contains("`git submodule` ended with exit code"), "{outcome}");
    assert!(events.log("a").contains("transport 'file' not allowed"), "{outcome}");
}
