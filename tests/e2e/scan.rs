//! `palisade mask --scan`: files, history, reports, and input that nobody wishes for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use palisade_tests::{Context, Identity, Need, Outcome, require};
use serde_json::Value;

/// A token of GitLab's, put together here so that none stands in this source.
fn token(which: usize) -> String {
    const TAILS: [&str; 5] = [
        "Zx4vQ9sT2mLk7RbW1nYc",
        "p3KdV8yHfN6wJ2tGqXs5",
        "Lm7RzB4cUe9TnQ1vYhW6",
        "g5JxPs2DkA8oFtM3bVrZ",
        "Wq6NyC9uEi4HlS7aKzG2",
    ];
    format!("{}-{}", "glpat", TAILS[which])
}

const RULE: &str = "gitlab-personal-access-token";

fn scan(context: &Context, args: &[&str]) -> Outcome {
    context.palisade().args(["mask"]).args(args).run()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome}"))
}

/// Where each hit is: `[commit:]path:line:column`.
fn places(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(|text| format!("{text}:")).unwrap_or_default();
    let place = |hit: &Value| {
        format!("{}{}{}:{}", text(&hit["commit"]), text(&hit["path"]), hit["line"], hit["column"])
    };
    report["hits"].as_array().expect("a list of hits").iter().map(place).collect()
}

/// Runs git in the working directory, as somebody at some time.
fn git(context: &Context, args: &[&str]) -> String {
    let mut git: Command = context.command("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]);
    git.args(["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"]).args(args);
    let output = git.output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git prints text").trim().to_owned()
}

/// A repository in which one credential stands in a file, one only in its history, one in a commit's message and one in
/// a tag's. Gives the commits.
fn repository(context: &Context) -> [String; 3] {
    git(context, &["init", "-q"]);
    context.write("src/old.py", format!("x = 1\nkey = '{}'\n", token(1)));
    git(context, &["add", "-A"]);
    git(context, &["commit", "-qm", "one"]);
    let first = git(context, &["rev-parse", "HEAD"]);
    context.write("src/old.py", format!("# more\nx = 1\nkey = '{}'\n", token(1)));
    git(context, &["commit", "-qam", &format!("two\n\nuses {}", token(2))]);
    let second = git(context, &["rev-parse", "HEAD"]);
    git(context, &["tag", "-a", "v1", "-m", &format!("with {}", token(3))]);
    context.write("src/old.py", "x = 1\n").write("a file.txt", format!("→ {}\n", token(4)));
    git(context, &["add", "-A"]);
    git(context, &["commit", "-qm", "three"]);
    let third = git(context, &["rev-parse", "HEAD"]);
    [first, second, third]
}

#[test]
fn nothing_found_is_success() {
    let context = Context::new();
    context.write("a", "x = 1\n").write("b/c", "password: required\n");
    let outcome = scan(&context, &["--scan", "."]);
    assert_eq!(
        outcome.to_string(),
        "exit code: 0\n--- stdout\n--- stderr\nscanned 2 files (25 bytes): 0 hits\n"
    );
}

#[test]
fn a_hit_is_told_without_its_value() {
    let context = Context::new();
    context.write("b.env", format!("first\n  TOKEN={} # mine\n", token(1)));
    let outcome = scan(&context, &["--scan", "b.env", "--digests"]);
    let digest = outcome.stdout.lines().nth(2).expect("a third line").trim().to_owned();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{outcome}");
    insta::assert_snapshot!(outcome.to_string().replace(&digest, "[DIGEST]"), @r"
    exit code: 1
    --- stdout
    b.env:2:9: gitlab-personal-access-token: GitLab personal, project, group or impersonation access token (critical)
        TOKEN=***(gitlab-personal-access-token) # mine
        [DIGEST]
    --- stderr
    scanned 1 file (48 bytes): 1 hit
      help: what is no credential can be allowed in `[detect]` of config.toml: its digest (--digests), its path, or its rule
    ");
    let json = scan(&context, &["--scan", "b.env", "--report", "json"]);
    assert!(!json.stdout.contains("sha256") && !json.stdout.contains("digest"), "{json}");

    let allow = context.write("by-digest.toml", format!("[detect]\nallow = ['{digest}']\n"));
    for (name, config) in [
        ("by-path.toml", "[detect]\nallow-paths = ['*.env']\n".to_owned()),
        ("by-rule.toml", format!("[detect.rules]\n{RULE} = 'off'\ntoken = 'off'\n")),
        ("by-default.toml", "[detect]\naction = 'off'\n".to_owned()),
    ] {
        allow.write(name, config);
    }
    let code = |config| scan(&context, &["--scan", "b.env", "--config", config]).code;
    assert_eq!(["by-digest.toml", "by-path.toml", "by-rule.toml"].map(code), [Some(0); 3]);
    assert_eq!(code("by-default.toml"), Some(1), "what isn't looked for in output is in files");
    assert_eq!(code("none.toml"), Some(2));
}

#[test]
fn history_is_told_with_the_commit_that_brought_it_in() {
    if !require(Need::Program("git")) {
        return;
    }
    let context = Context::new();
    let [first, second, third] = repository(&context);
    let outcome = scan(&context, &["--scan", ".", "--history", "--report", "json"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let report = json(&outcome);
    assert_eq!(
        places(&report),
        [
            "a file.txt:1:3".to_owned(),
            // A tag as it is stored: object, type, name, tagger, none, and the message.
            "6:6".to_owned(),
            format!("{first}:src/old.py:2:8"),
            // A commit: tree, parent, author, committer, none, and the message.
            format!("{second}:8:6"),
            format!("{third}:a file.txt:1:3"),
        ]
    );
    assert_eq!(report["hits"][1]["tag"], "v1");
    let document =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scan.md")).expect("a document");
    let objects = [&report, &report["totals"], &report["hits"][1], &report["hits"][2]];
    for key in objects.iter().filter_map(|value| value.as_object()).flat_map(|object| object.keys()) {
        assert!(document.contains(&format!("`{key}`")), "docs/scan.md doesn't know {key}");
    }
    assert_eq!(report["totals"]["objects"], 8);
    for seed in 1..5 {
        assert!(!outcome.stdout.contains(&token(seed)[6..]), "{outcome}");
    }
    let short = &first[..12];
    let text = scan(&context, &["--scan", "src", "--history"]);
    assert!(text.stdout.contains(&format!("\n{short}:src/old.py:2:8: {RULE}: GitLab ")), "{text}");
    let without = scan(&context, &["--scan", "."]);
    assert_eq!(without.stdout.lines().count(), 2, "{without}");

    context.write("c.toml", "[detect]\nallow-paths = ['/src/', '/a file.txt']\n");
    let allowed = scan(&context, &["--scan", ".", "--history", "--report", "json", "--config", "c.toml"]);
    assert_eq!(places(&json(&allowed)).len(), 2, "a commit and a tag have no path: {allowed}");
}

#[test]
fn sarif_is_complete_and_the_same_from_scan_to_scan() {
    if !require(Need::Program("git")) {
        return;
    }
    let context = Context::new();
    let [first, ..] = repository(&context);
    let run = || scan(&context, &["--scan", ".", "--history", "--report", "sarif"]);
    let outcome = run();
    assert_eq!((outcome.code, &outcome), (Some(1), &run()));
    let log = json(&outcome);
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().is_some_and(|url| url.ends_with("sarif-schema-2.1.0.json")));
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "palisade");
    let rules = driver["rules"].as_array().expect("rules");
    assert!(rules.len() > 200, "{}", rules.len());
    for rule in rules {
        assert!(rule["id"].is_string() && rule["shortDescription"]["text"].is_string(), "{rule}");
        assert!(rule["helpUri"].as_str().is_some_and(|uri| uri.starts_with("https://")), "{rule}");
    }
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let results = run["results"].as_array().expect("results");
    let mut fingerprints: Vec<&str> = Vec::new();
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!((&result["ruleId"], &result["level"]), (&rules[index]["id"], &"error".into()));
        assert!(result["message"]["text"].is_string());
        fingerprints.push(result["partialFingerprints"]["maskedLine/v1"].as_str().expect("a fingerprint"));
    }
    assert_eq!(fingerprints.len(), 5);
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 5, "{results:?}");
    let physical = &results[0]["locations"][0]["physicalLocation"];
    insta::assert_snapshot!(serde_json::to_string_pretty(physical).expect("JSON"), @r#"
    {
      "artifactLocation": {
        "uri": "a%20file.txt"
      },
      "region": {
        "startLine": 1,
        "startColumn": 3,
        "endLine": 1,
        "endColumn": 29,
        "snippet": {
          "text": "→ ***(gitlab-personal-access-token)"
        }
      }
    }
    "#);
    assert_eq!(results[2]["properties"]["commit"], *first);
    assert_eq!(results[1]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "tag v1");
}

#[test]
fn what_git_ignores_is_for_those_who_want_all() {
    if !require(Need::Program("git")) {
        return;
    }
    let context = Context::new();
    git(&context, &["init", "-q"]);
    context.write(".gitignore", "*.local\n/build/\n");
    for name in ["build/a", "x.local", "kept.local", "new"] {
        context.write(name, token(1));
    }
    git(&context, &["add", "-f", "kept.local"]);
    git(
        &context,
        &["config", "remote.origin.url", &format!("https://oauth2:{}@git.example.org/x", token(2))],
    );
    let found = |args: &[&str]| {
        let outcome = scan(&context, &[args, &["--report", "json"][..]].concat());
        let report = json(&outcome);
        let hits = report["hits"].as_array().expect("hits");
        hits.iter().map(|hit| hit["path"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&["--scan", "."]), [".git/config", "new", "kept.local"]);
    assert_eq!(found(&["--scan", ".", "--all"]), [".git/config", "build/a", "kept.local", "new", "x.local"]);
    assert_eq!(found(&["--scan", "build", "x.local"]), ["build/a", "x.local"]);
}

#[test]
fn a_repository_makes_git_run_nothing() {
    if !require(Need::Program("git")) {
        return;
    }
    let context = Context::new();
    git(&context, &["init", "-q"]);
    context.write("a", "x").write("b", token(1));
    git(&context, &["add", "-A"]);
    git(&context, &["commit", "-qm", "one"]);
    let object = git(&context, &["rev-parse", "HEAD:a"]);
    let hostile = context.work().join("hostile");
    let trap = context.work().join("trap.sh");
    context.write("trap.sh", format!("#!/bin/sh\ntouch {}\n", hostile.display()));
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).expect("own file");
    let trap = trap.to_str().expect("a path of text");
    for (key, value) in [
        ("core.fsmonitor", trap),
        ("core.pager", trap),
        ("core.sshCommand", trap),
        ("core.gitProxy", trap),
        ("core.hooksPath", "."),
        ("pager.rev-list", trap),
        ("pager.cat-file", trap),
        ("alias.rev-list", &format!("!{trap}")),
        ("alias.cat-file", &format!("!{trap}")),
        ("filter.trap.smudge", trap),
        ("diff.trap.textconv", trap),
        ("gpg.program", trap),
        ("log.showSignature", "true"),
        ("credential.helper", &format!("!{trap}")),
        // A partial clone: git would fetch what it lacks.
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", &format!("ext::{trap}")),
        ("remote.origin.uploadpack", trap),
        ("protocol.allow", "always"),
        ("protocol.ext.allow", "always"),
    ] {
        git(&context, &["config", key, value]);
    }
    context.write(".git/info/attributes", "* filter=trap diff=trap\n");
    context.write(".git/config.worktree", "[core]\n");
    fs::remove_file(context.work().join(format!(".git/objects/{}/{}", &object[..2], &object[2..])))
        .expect("a loose object");
    let unguarded = context.command("git").args(["cat-file", "blob", &object]).output();
    assert!(unguarded.is_ok() && hostile.exists(), "the trap is none: {unguarded:?}");
    fs::remove_file(&hostile).expect("own file");
    let outcome = scan(&context, &["--scan", "b", "--history"]);
    assert!(!hostile.exists(), "{outcome}");
    assert!(outcome.stderr.contains("not looked at: 1 unreadable file"), "{outcome}");
    assert_eq!((outcome.code, outcome.stdout.matches(RULE).count()), (Some(1), 4), "{outcome}");
}

#[test]
fn a_history_that_is_not_whole() {
    if !require(Need::Program("git")) {
        return;
    }
    let context = Context::new();
    let [.., third] = repository(&context);
    let url = format!("file://{}", context.work().display());
    git(&context, &["clone", "-q", "--depth", "1", &url, "shallow"]);
    let shallow = scan(&context, &["--scan", "shallow", "--history"]);
    assert!(shallow.stderr.contains("warning: [WORK]/shallow: the history is cut"), "{shallow}");
    assert_eq!((shallow.code, shallow.stdout.lines().count()), (Some(1), 4), "{shallow}");

    fs::remove_file(context.work().join(format!(".git/objects/{}/{}", &third[..2], &third[2..])))
        .expect("a loose object");
    let broken = scan(&context, &["--scan", "a file.txt", "--history"]);
    assert_eq!((broken.code, broken.stdout.lines().count()), (Some(2), 2), "{broken}");
    let error = "error: the scan is not complete: git cannot list the history of `[WORK]`\n";
    assert!(broken.stderr.ends_with(error), "{broken}");
    let sarif = json(&scan(&context, &["--scan", "a file.txt", "--history", "--report", "sarif"]));
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn usage_and_paths_that_cannot_be_read() {
    let context = Context::new();
    context.write("a", "x");
    let made = context.command("mkfifo").arg("pipe").status();
    assert!(made.is_ok_and(|status| status.success()));
    for (args, expected) in [
        (&["--scan", "none"][..], "error: cannot read `none`: No such file or directory"),
        (&["--scan", "a", "pipe"], "error: `pipe` is neither a file nor a directory"),
        (&["--scan", "/dev/zero"], "error: `/dev/zero` is neither a file nor a directory"),
        (&["--scan", "a", "--history"], "error: `a` is not in a git repository, so it has no history"),
        (&["--history"], "error: the following required arguments were not provided"),
        (&["--scan"], "error: a value is required"),
        (&["--scan", "a", "--report", "xml"], "error: invalid value 'xml'"),
        (&["--rules", "--report", "sarif"], "error: --report sarif: only a scan"),
        (&["--detect", "--report", "sarif"], "error: --report sarif: only a scan"),
    ] {
        let outcome = scan(&context, args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{args:?} {outcome}");
        assert!(outcome.stderr.starts_with(expected), "{args:?} {outcome}");
    }
}

#[test]
fn a_directory_that_cannot_be_read_is_a_warning() {
    if !require(Need::Root) {
        return;
    }
    let context = Context::of(Identity::Nobody);
    context.write("open", token(1)).write("shut/file", token(2)).write("closed", token(3));
    for name in ["shut", "closed"] {
        fs::set_permissions(context.work().join(name), fs::Permissions::from_mode(0o000)).expect("own");
    }
    let outcome = scan(&context, &["--scan", "."]);
    fs::set_permissions(context.work().join("shut"), fs::Permissions::from_mode(0o700)).expect("own");
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(1), 2), "{outcome}");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines[0], "warning: closed: can't be read: Permission denied (os error 13)");
    assert_eq!(lines[1], "warning: shut: can't be read: Permission denied (os error 13)");
    assert!(lines[2].ends_with("1 hit; not looked at: 2 unreadable files"), "{outcome}");
    let named = scan(&context, &["--scan", "closed"]);
    assert_eq!(named.code, Some(2), "{named}");
}

#[test]
fn strange_files() {
    let context = Context::new();
    context.write("empty", "").write("invalid", [b"\xfd\xff \xc3(", token(1).as_bytes()].concat());
    context.write("binary", [b"\0\x7fELF\0\0", token(2).as_bytes(), b"\0\xff"].concat());
    let utf16: Vec<u8> =
        format!("\u{feff}key: {}\r\n", token(3)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    context.write("utf16", utf16);
    context.write("na\nme\x1b[2J", token(4));
    for (name, target) in [("link", "binary"), ("loop", "."), ("dangling", "none")] {
        std::os::unix::fs::symlink(target, context.work().join(name)).expect("a link");
    }
    let pipe = context.command("mkfifo").arg("pipe").status();
    assert!(pipe.is_ok_and(|status| status.success()));
    let outcome = scan(&context, &["--scan", "."]);
    let heads: Vec<&str> = outcome.stdout.lines().filter(|line| !line.starts_with(' ')).collect();
    let places: Vec<&str> = heads.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(places, ["binary:1:8", "invalid:1:6", "na me:1:1", "utf16:1:6"], "{outcome}");
    assert!(outcome.stderr.contains("; not looked at: 3 symbolic links, 1 special file\n"), "{outcome}");
}

/// Peak memory in bytes of a run that scans one path.
fn peak(context: &Context, path: &str) -> u64 {
    let mut command = context.palisade().args(["mask", "--scan", path]).into_command();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("palisade starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("an own child").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let field = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = field.and_then(|f| f.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or_default() * 1024);
        thread::sleep(Duration::from_millis(2));
    }
    peak
}

#[test]
fn a_line_of_100_megabytes_in_constant_memory() {
    let context = Context::new();
    let mut line = "lorem ipsum ".repeat(100_000_000 / 12).into_bytes();
    let middle = line.len() / 24 * 12;
    for (at, seed) in [(0, 1), (middle, 2), (line.len() - 36, 3)] {
        line[at..at + 26].copy_from_slice(token(seed).as_bytes());
        line[at + 26] = b' ';
    }
    context.write("line", &line);
    let outcome = scan(&context, &["--scan", "line", "--report", "json"]);
    let columns = [1, middle + 1, line.len() - 35].map(|column| format!("line:1:{column}"));
    assert_eq!(places(&json(&outcome)), columns);
    let peak = peak(&context, "line");
    assert!((1..48 << 20).contains(&peak), "{peak} bytes");
}

#[test]
fn what_is_too_much_is_told() {
    let context = Context::new();
    context.write("many", format!("{}\n", token(1)).repeat(1500));
    let outcome = scan(&context, &["--scan", "many"]);
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(1), 2000), "{}", outcome.stderr);
    assert!(
        outcome.stderr.starts_with("warning: many: 500 more hits are not listed\n"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains(": 1500 hits\n"), "{}", outcome.stderr);

    let large = fs::File::create(context.work().join("large")).expect("a file");
    large.set_len((64 << 20) + 1).expect("room for holes");
    let outcome = scan(&context, &["--scan", "large"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let warning = "warning: large: skipped: a binary file of 67108865 bytes; --all looks at it too\n";
    assert!(outcome.stderr.starts_with(warning), "{outcome}");
    let all = scan(&context, &["--scan", "large", "--all"]);
    assert_eq!(all.stderr, "scanned 1 file (67.1 MB): 0 hits\n");
}

#[test]
fn a_reader_may_leave() {
    let context = Context::new();
    context.write("many", format!("{}\n", token(1)).repeat(900));
    let mut command = context.palisade().args(["mask", "--scan", "many"]).into_command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("palisade starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("an own child").code(), Some(1));
}

#[test]
fn rules_are_listed() {
    let context = Context::new();
    let table = scan(&context, &["--rules"]);
    assert_eq!(table.code, Some(0));
    assert!(table.stdout.lines().count() > 200 && table.stdout.contains(RULE), "{table}");
    let list = json(&scan(&context, &["--rules", "--report", "json"]));
    assert_eq!(list.as_array().map(Vec::len), Some(table.stdout.lines().count()));
}
