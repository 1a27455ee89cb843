//! Actions of other repositories: where they come from, what is shown of them, what pins them.

use std::process::Command;

use palisade_tests::{Context, Events, Outcome};

/// A directory of repositories, and the configuration that names it.
struct Forge {
    context: Context,
}

impl Forge {
    fn new() -> Forge {
        Forge::with("")
    }

    fn with(settings: &str) -> Forge {
        let context = Context::new();
        let forge = Forge { context };
        let config = forge.context.config().join("palisade");
        std::fs::create_dir_all(&config).unwrap();
        let text = format!("[actions]\nsources = ['{}']\n{settings}", forge.directory());
        std::fs::write(config.join("config.toml"), text).unwrap();
        forge
    }

    fn directory(&self) -> String {
        self.context.root().join("forge").display().to_string()
    }

    fn git(&self, repository: &str, args: &[&str]) -> String {
        let directory = format!("{}/{repository}", self.directory());
        let identity =
            ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
        let run = Command::new("git")
            .args(["-C", &directory])
            .args(identity)
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git is there");
        assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8_lossy(&run.stdout).trim().to_owned()
    }

    /// Commits files and gives the commit.
    fn commit(&self, repository: &str, files: &[(&str, &str)]) -> String {
        let root = std::path::PathBuf::from(self.directory()).join(repository);
        if !root.exists() {
            std::fs::create_dir_all(&root).unwrap();
            self.git(repository, &["init", "-q"]);
        }
        for (name, content) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.git(repository, &["add", "-A"]);
        self.git(repository, &["commit", "-qm", "m"]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    fn run(&self, steps: &str, args: &[&str]) -> (Outcome, Events) {
        self.context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{}", super::steps(steps)));
        let outcome = self.context.palisade().args(["run", "--json"]).args(args).run();
        let events = Events::of(&outcome);
        (outcome, events)
    }
}

fn composite(text: &str) -> String {
    format!("runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: {text}\n")
}

#[test]
fn a_tag_a_branch_and_a_commit_are_found_and_shown() {
    let forge = Forge::new();
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
    let forge = Forge::new();
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
    let forge = Forge::new();
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
    let forge = Forge::new();
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
    let forge = Forge::new();
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
fn policies_refuse_with_their_names() {
    let forge = Forge::with("require-sha = true\n");
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
    let forge = Forge::new();
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
