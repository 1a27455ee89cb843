//! Who reaches the queue, and what is said there that makes no sense.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_tests::{Identity, Need, Outcome, palisade, require};
use serde_json::json;

use super::{answers, ended, log, repository, runs, script, started, submit};
use crate::host::{Host, wait};

fn socket(host: &Host) -> PathBuf {
    host.context.state().join("palisade/queue/socket")
}

/// Says something; gives the first line that is answered.
fn say(socket: &Path, text: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).expect("it listens");
    // It may be refused before all of it is read.
    let _ = stream.write_all(text);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = String::new();
    let _ = BufReader::new(stream).read_line(&mut answer);
    answer
}

#[test]
fn what_is_no_request_is_refused_and_changes_nothing() {
    let host = started();
    let socket = socket(&host);
    let entry = |needs: &[usize]| json!({ "key": "a", "needs": needs, "conditional": false, "legs": null });
    let submission = |needs: &[usize], commit: &str, bundle: u64| {
        let github = json!({ "repository": "o/r" });
        let workflow = json!({ "file": "x", "name": "x", "text": "", "github": github, "payload": {}, "group": null, "entries": [entry(needs)] });
        let submission = json!({ "repository": "o/r", "path": "/x", "reference": "HEAD", "commit": commit, "title": "", "event": "push",
            "workflows": [workflow] });
        format!("{}\n", json!({ "submit": { "submission": submission, "bundle": bundle } }))
    };
    let sha = "0".repeat(40);
    for (text, why) in [
        ("\n".to_owned(), "no request"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "no request"),
        ("{\"jobs\":{\"most\":1}".to_owned(), "it has no end"),
        ("{\"jobs\":{\"most\":-1}}\n".to_owned(), "no request"),
        ("{\"jobs\":{\"most\":1,\"more\":1}}\n".to_owned(), "unknown field"),
        ("{\"cancel\":{\"id\":\"1'; DROP TABLE runs\"}}\n".to_owned(), "no number of a run"),
        ("{\"log\":{\"id\":\"9\",\"follow\":true}}\n".to_owned(), "there is no run or job 9"),
        (submission(&[0], &sha, 0), "stands before one that it needs"),
        (submission(&[], "main; rm", 0), "is no commit"),
        (
            submission(&[], &sha, 0).replace("\"repository\":\"o/r\"", "\"repository\":\"o/..\""),
            "is no name of a repository",
        ),
        (
            submission(&[], &sha, 0).replacen("\"repository\":\"o/r\"", "\"repository\":\"o/s\"", 1),
            "of another repository",
        ),
        (submission(&[], &sha, 1 << 40), "local.max-bundle"),
        (submission(&[], &sha, 10), "came only in part"),
        ("[".repeat(1 << 20) + "\n", "no request"),
        ("\u{0}".repeat(40 << 20), "it has no end"),
    ] {
        let answer = say(&socket, text.as_bytes());
        assert!(answer.contains(why), "{}: {answer}", &text[..text.len().min(200)]);
    }
    assert_eq!(runs(&host).len(), 0);
    let queue = host.context.state().join("palisade/queue");
    assert_eq!(fs::read_dir(queue.join("bundles")).expect("a directory").count(), 0);
}

#[test]
fn nobody_waits_for_who_is_slow() {
    let host = started();
    let socket = socket(&host);
    // They say nothing, or half of something, or never read.
    let mut slow: Vec<UnixStream> =
        (0..10).map(|_| UnixStream::connect(&socket).expect("it listens")).collect();
    slow[0].write_all(b"{\"jobs\":").expect("it can be written");
    slow[1].write_all(b"{\"jobs\":{\"most\":1}}\n").expect("it can be written");
    let tree = repository(&host, &script("echo quick"));
    let run = ended(&host, submit(&host, &tree));
    assert_eq!(run["result"], "success");
    // Too many are told so at once, and those that come when they are gone are served.
    let full = wait("that it is full", || {
        // Anew each time: where this takes long, those before aren't waited for any more.
        let _many: Vec<UnixStream> =
            (0..40).map(|_| UnixStream::connect(&socket).expect("it listens")).collect();
        Some(host.palisade(&["jobs"]).run()).filter(|outcome| outcome.code == Some(5))
    });
    assert!(full.stderr.contains("connections"), "{full}");
    drop(slow);
    answers(&host);
    let left = host.palisade(&["logs", "1"]).run();
    assert_eq!(left.code, Some(0), "{left}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let host = started();
    let tree = repository(&host, &script("seq 100000"));
    let number = submit(&host, &tree);
    ended(&host, number);
    let mut stream = UnixStream::connect(socket(&host)).expect("it listens");
    writeln!(stream, "{}", json!({ "log": { "id": number.to_string(), "follow": false } }))
        .expect("it can be written");
    let mut some = [0; 1000];
    stream.read_exact(&mut some).expect("it answers");
    drop(stream);
    assert!(log(&host, number).contains("100000\n"));
}

/// Runs palisade as the user of the tests, whoever the host's daemon is.
fn by_tester(host: &Host, args: &[&str]) -> Outcome {
    let mut command = Command::new(palisade());
    command
        .env("NO_COLOR", "1")
        .env("XDG_STATE_HOME", host.context.root().join("mine"))
        .env("XDG_CONFIG_HOME", host.context.root());
    let output = command.args(args).output().expect("palisade runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome {
        code: output.status.code(),
        signal: None,
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

#[test]
fn root_submits_to_a_daemon_that_cannot_read_the_repository() {
    if !require(Need::Root) {
        return;
    }
    let mut host = Host::of(Identity::Nobody);
    host.start();
    let socket = socket(&host).display().to_string();
    wait("an answer", || (by_tester(&host, &["jobs", "--socket", &socket]).code == Some(0)).then_some(()));
    let tree = repository(
        &host,
        "on: push\njobs:\n  a:\n    runs-on: host\n    steps: [{ uses: actions/checkout@v4 }, { run: cat secret-plan }]\n",
    );
    fs::write(tree.join("secret-plan"), "read by a job\n").expect("a file");
    super::git(&tree, &["add", "."]);
    super::git(&tree, &["commit", "-qm", "a plan"]);
    fs::set_permissions(&tree, Permissions::from_mode(0o700)).expect("own directory");
    let outcome = by_tester(&host, &["submit", "-f", "--socket", &socket, &tree.display().to_string()]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("read by a job\n"), "{outcome}");
}

#[test]
fn another_user_is_refused() {
    if !require(Need::Root) {
        return;
    }
    let mut host = Host::new();
    let path = host.context.root().join("shared/socket");
    host.configure(&format!("[local]\nsocket = \"{}\"\n", path.display()));
    host.start();
    answers(&host);
    let other = palisade_tests::Context::of(Identity::Nobody);
    let shown = path.display().to_string();
    let ask = || other.palisade().args(["jobs", "--socket", &shown]).run();
    let outcome = ask();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    // Nor does it help where the file system lets everybody in.
    fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("root can");
    let outcome = ask();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stderr.contains("rule local-peer: nobody (uid 65534)"), "{outcome}");
}

#[test]
fn members_of_the_group_may_use_the_queue() {
    if !require(Need::Root) || !require(Need::Program("setpriv")) {
        return;
    }
    let mut host = Host::new();
    let path = host.context.root().join("shared/socket");
    host.configure(&format!("[local]\nsocket = \"{}\"\n", path.display()));
    // A list of groups that nobody else sees.
    let groups = host.context.root().join("group");
    let known = fs::read_to_string("/etc/group").expect("groups");
    fs::write(&groups, format!("{known}palisade:x:4242:\n")).expect("a file");
    let mount = "mount --bind \"$0\" /etc/group && exec \"$@\"";
    let with_group = || {
        let mut command = host.context.command("unshare");
        command.args(["--mount", "sh", "-c", mount]).arg(&groups);
        command
    };
    let mut daemon = with_group();
    daemon.arg(palisade()).arg("daemon");
    host.start_by(daemon);
    answers(&host);
    let tree = repository(&host, &script("sleep 1000"));
    let copy = palisade_tests::install(palisade(), &host.context.root().join("bin"));
    let ask = |groups: &[&str], args: &[&str]| {
        let mut command = host.context.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534"]).args(groups).arg("env").arg("HOME=/");
        let output = command.arg(&copy).args(args).args(["--socket", &path.display().to_string()]).output();
        let output = output.expect("it runs");
        let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned());
        (output.status.code(), said.concat())
    };
    let (code, said) = ask(&["--clear-groups"], &["jobs"]);
    assert_eq!(code, Some(3), "{said}");
    let (code, said) = ask(&["--groups=4242"], &["jobs"]);
    assert_eq!(code, Some(0), "{said}");
    let number = submit(&host, &tree);
    let (code, said) = ask(&["--groups=4242"], &["cancel", &number.to_string()]);
    assert_eq!(code, Some(0), "{said}");
    let run = ended(&host, number);
    assert_eq!(run["jobs"][0]["reason"], "cancelled by nobody (uid 65534)", "{run}");
}
