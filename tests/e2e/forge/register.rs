//! `palisade register`, `registrations` and `unregister`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use palisade_tests::forge::{Dialect, Fault, Forge, Method, REGISTRATION_TOKEN, Setup};
use palisade_tests::{Context, Outcome};
use serde_json::Value;

fn register(context: &Context, forge: &Forge, options: &[&str]) -> Outcome {
    let url = forge.url();
    context.palisade().args(["register", "--instance", &url]).args(options).input(REGISTRATION_TOKEN).run()
}

fn registrations(context: &Context) -> Vec<Value> {
    let outcome = context.palisade().args(["registrations", "--json"]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many files there are in the directory of registrations.
fn files(context: &Context) -> usize {
    let directory = context.state().join("palisade/registrations");
    fs::read_dir(directory).map_or(0, Iterator::count)
}

#[test]
fn a_registration_from_its_beginning_to_its_end() {
    let forge = Forge::with(Setup { path: "/git".to_owned(), ..Setup::default() });
    let context = Context::new();
    let outcome = register(&context, &forge, &["--name", "Build 1", "--labels", "linux,big:host"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("registered `build-1` at the Forgejo http://127.0.0.1:"), "{outcome}");
    let (uuid, labels) = forge.look(|state| (state.runners[0].uuid.clone(), state.runners[0].labels.clone()));
    assert_eq!(labels, ["linux", "big"]);

    let file = context.state().join("palisade/registrations/build-1.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let directory = file.parent().unwrap();
    assert_eq!(fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let token = kept["token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 40);
    assert!(!fs::read_to_string(&file).unwrap().contains(REGISTRATION_TOKEN));

    assert_eq!(register(&context, &forge, &["--name", "build 1"]).code, Some(0));
    let all = registrations(&context);
    let names: Vec<_> = all.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["build-1", "build-1-2"]);
    assert_eq!((&all[0]["uuid"], &all[0]["instance"]), (&uuid.into(), &forge.url().into()));
    let shown = context.palisade().args(["registrations"]).run();
    for text in [shown.stdout, format!("{all:?}"), outcome.stdout, outcome.stderr] {
        assert!(!text.contains(&token) && !text.contains(REGISTRATION_TOKEN), "{text}");
    }

    let outcome = context.palisade().args(["unregister", "build-1"]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(
        outcome.stdout.contains("remove the runner `Build 1` (number 1) in the settings of"),
        "{outcome}"
    );
    assert_eq!(registrations(&context).len(), 1);
    let outcome = context.palisade().args(["unregister", "build-1"]).run();
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("there is no registration `build-1`; there are build-1-2"), "{outcome}");
    assert_eq!(files(&context), 1);
}

#[test]
fn which_forge_it_is_is_found_at_its_address() {
    let gitea = Forge::with(Setup { dialect: Dialect::Gitea, ..Setup::default() });
    let context = Context::new();
    let outcome = register(&context, &gitea, &["--name", "found"]);
    assert!(outcome.stdout.contains("registered `found` at the Gitea http://127.0.0.1:"), "{outcome}");
    assert_eq!(register(&context, &gitea, &["--name", "told", "--forge", "forgejo"]).code, Some(0));
    let all = registrations(&context);
    let kinds: Vec<_> =
        all.iter().map(|one| (one["id"].as_str().unwrap(), one["forge"].as_str().unwrap())).collect();
    assert_eq!(kinds, [("found", "gitea"), ("told", "forgejo")]);
    gitea.go_down();
    let outcome = register(&context, &gitea, &[]);
    assert_eq!(outcome.code, Some(5), "{outcome}");
    assert!(outcome.stderr.contains("no connection"), "{outcome}");
}

#[test]
fn a_token_is_taken_from_where_it_is_given() {
    let forge = Forge::start();
    let context = Context::new();
    context.write("token", format!("{REGISTRATION_TOKEN}\n"));
    let url = forge.url();
    for (name, given) in [("a", ["--token", REGISTRATION_TOKEN]), ("b", ["--token-file", "token"])] {
        let args = ["register", "--instance", &url, "--name", name];
        let outcome = context.palisade().args(args).args(given).run();
        assert_eq!(outcome.code, Some(0), "{outcome}");
    }
    let outcome = context.palisade().args(["register", "--instance", &url]).run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(2), "error: the token is empty\n"));
    assert_eq!(forge.look(|state| state.runners.len()), 2);
}

#[test]
fn the_token_is_gone_from_the_arguments_before_the_forge_is_asked() {
    let forge = Forge::start();
    let context = Context::new();
    forge.fail_next(Method::Register, Fault::Hang);
    let url = forge.url();
    let args = ["register", "--instance", &url, "--token", REGISTRATION_TOKEN];
    let mut child = context.palisade().args(args).into_command().spawn().unwrap();
    forge.wait("a request to register", |state| (state.calls_of(Method::Register) > 0).then_some(()));
    let cmdline = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    forge.heal();
    child.wait().unwrap();
    let cmdline = String::from_utf8_lossy(&cmdline).into_owned();
    assert!(cmdline.contains("register") && !cmdline.contains(REGISTRATION_TOKEN), "{cmdline}");
}

#[test]
fn what_the_forge_refuses_is_not_kept() {
    let forge = Forge::start();
    let context = Context::new();
    let url = forge.url();
    let outcome = context.palisade().args(["register", "--instance", &url]).input("wrong").run();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stderr.contains("runner registration token not found"), "{outcome}");
    assert!(!outcome.stderr.contains("wrong"), "{outcome}");
    // What a forge's own command has logged beside the token.
    let two = format!("a warning\n{REGISTRATION_TOKEN}\n");
    let outcome = context.palisade().args(["register", "--instance", &url]).input(two).run();
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("a token is one word"), "{outcome}");
    // A Gitea has no code for a token that it doesn't know.
    forge.fail_next(Method::Register, Fault::Error("unknown", "runner registration token not found"));
    assert_eq!(register(&context, &forge, &[]).code, Some(3));
    for (fault, code, part) in [
        (Fault::Status(502), 5, "HTTP status 502"),
        (Fault::ResetAfter, 5, "the connection was cut"),
        (Fault::Garbage, 5, "the answer can't be read"),
        (Fault::Redirect("https://elsewhere.example.org/".to_owned()), 5, "`https://elsewhere.example.org/`"),
    ] {
        forge.fail_next(Method::Register, fault);
        let outcome = register(&context, &forge, &[]);
        assert_eq!(outcome.code, Some(code), "{outcome}");
        assert!(outcome.stderr.contains(part), "{outcome}");
    }
    assert_eq!(files(&context), 0);
}

#[test]
fn an_ephemeral_runner_is_one_or_none() {
    let context = Context::new();
    let outcome = register(&context, &Forge::start(), &["--ephemeral", "--name", "once"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(registrations(&context)[0]["ephemeral"], true);

    let old = Forge::with(Setup { recent: false, ..Setup::default() });
    let outcome = register(&context, &old, &["--ephemeral", "--name", "twice"]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stderr.contains("the forge knows no ephemeral runners"), "{outcome}");
    assert!(outcome.stderr.contains("remove runner 1 in the forge's settings"), "{outcome}");
    assert_eq!(files(&context), 1);
}

#[test]
fn a_runner_that_was_made_at_the_forge_is_one_here() {
    let forge = Forge::start();
    let context = Context::new();
    let url = forge.url();
    let register = |uuid: &str, token: &str, options: &[&str]| {
        let args = ["register", "--instance", &url, "--uuid", uuid, "--labels", "linux"];
        context.palisade().args(args).args(options).input(token.to_owned()).run()
    };
    let (uuid, token) = forge.make_runner("Build 7", false);
    let outcome = register(&uuid, "0123456789abcdef0123456789abcdef01234567", &[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stderr.contains("the token only once"), "{outcome}");
    // Its own token is no registration token, which palisade says what to do about.
    let outcome = context.palisade().args(["register", "--instance", &url]).input(token.clone()).run();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stderr.contains("give that with --uuid"), "{outcome}");
    assert_eq!(files(&context), 0);

    let outcome = register(&uuid, &token, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("registered `build-7` at the Forgejo"), "{outcome}");
    assert_eq!(
        forge.look(|state| (state.runners.len(), state.runners[0].labels.clone())),
        (1, vec!["linux".to_owned()])
    );
    let outcome = register(&uuid, &token, &["--name", "other"]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("registration `build-7` is this runner already"), "{outcome}");

    let (uuid, token) = forge.make_runner("once", true);
    assert_eq!(register(&uuid, &token, &["--ephemeral"]).code, Some(2));
    assert_eq!(register(&uuid, &token, &["--name", "mine"]).code, Some(0));
    let all = registrations(&context);
    let shown: Vec<_> = all.iter().map(|one| (&one["id"], &one["number"], &one["ephemeral"])).collect();
    assert_eq!(
        format!("{shown:?}"),
        r#"[(String("build-7"), Number(1), Bool(false)), (String("mine"), Number(2), Bool(true))]"#
    );
    assert_eq!(register("no uuid", &token, &[]).code, Some(2));

    let old = Forge::with(Setup { recent: false, dialect: Dialect::Gitea, ..Setup::default() });
    old.fail_next(Method::Declare, Fault::Status(404));
    let (uuid, token) = old.make_runner("old", false);
    let url = old.url();
    let outcome =
        context.palisade().args(["register", "--instance", &url, "--uuid", &uuid]).input(token).run();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(outcome.stderr.contains("too old to say which runner it is"), "{outcome}");
}

#[test]
fn a_runner_that_another_program_was_is_taken_over_with_its_labels() {
    let forge = Forge::start();
    let context = Context::new();
    let (uuid, token) = forge.make_runner("old one", false);
    let file = |text: &str| {
        context.write(".runner", text);
        context.palisade().args(["register", "--from", ".runner"])
    };
    let kept = serde_json::json!({
        "WARNING": "This file is automatically generated by act_runner.", "id": 1, "uuid": uuid, "name": "old one",
        "token": token, "address": forge.url(), "labels": ["ubuntu-latest:docker://node:20", "big:host", "plain"],
        "ephemeral": false,
    });
    let outcome = file(&kept.to_string()).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    for text in [
        "registered `old-one` at the Forgejo",
        "with the labels ubuntu-latest, big, plain\n",
        "jobs of ubuntu-latest:docker://node:20 run in palisade's sandbox from now on",
        "stop the other runner",
    ] {
        assert!(outcome.stdout.contains(text), "{text}: {outcome}");
    }
    assert!(!format!("{outcome}").contains(&token), "{outcome}");
    let runners =
        forge.look(|state| state.runners.iter().map(|runner| runner.labels.clone()).collect::<Vec<_>>());
    assert_eq!(runners, [["ubuntu-latest", "big", "plain"]]);
    let outcome = file(&kept.to_string()).run();
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("registration `old-one` is this runner already"), "{outcome}");
    for (text, said) in [
        ("runner:\n  capacity: 1\n", "it is no `.runner` of Forgejo's or Gitea's runner"),
        ("{\"uuid\": \"a\"}", "missing field"),
        (&kept.to_string().replace("http://", "ftp://"), "its address: "),
        (&kept.to_string().replace(&kept["labels"].to_string(), "null"), "it has no labels"),
    ] {
        let outcome = file(text).run();
        assert_eq!(outcome.code, Some(2), "{outcome}");
        assert!(outcome.stderr.contains(said) && !outcome.stderr.contains(&token), "{said}: {outcome}");
    }
    let outcome = file(&kept.to_string()).args(["--uuid", "a"]).run();
    assert!(outcome.stderr.contains("cannot be used with"), "{outcome}");
    assert_eq!(files(&context), 1);
}

#[test]
fn nothing_is_sent_where_something_is_wrong_here() {
    let forge = Forge::start();
    let context = Context::new();
    for (options, part) in [
        (&["--name", "a\nb"][..], "no control characters"),
        (&["--name", ""], "1 to 255 bytes"),
        (&["--labels", "x:docker://node"], "jobs run in palisade's own sandbox"),
        (&["--labels", ""], "`` is no label"),
        (&["--forge", "github"], "invalid value 'github'"),
        (&["--token", "a", "--token-file", "b"], "cannot be used with"),
        (&["--token-file", "nowhere"], "--token-file nowhere: No such file"),
    ] {
        let outcome = register(&context, &forge, options);
        assert_eq!(outcome.code, Some(2), "{options:?} {outcome}");
        assert!(outcome.stderr.contains(part), "{options:?} {outcome}");
    }
    let outcome = context
        .palisade()
        .args(["register", "--instance", "http://git.example.org"])
        .input(REGISTRATION_TOKEN)
        .run();
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("would get the token unencrypted"), "{outcome}");
    assert!(outcome.stderr.contains("--insecure-http"), "{outcome}");

    // The forge isn't asked for what can't be kept.
    fs::write(context.state().join("palisade"), "").unwrap();
    let outcome = register(&context, &forge, &[]);
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert_eq!(forge.look(|state| state.calls.len()), 0);
}

#[test]
fn doctor_asks_the_forges() {
    let (known, gone, away) = (Forge::start(), Forge::start(), Forge::start());
    let context = Context::new();
    for (forge, name) in [(&known, "known"), (&gone, "gone"), (&away, "away")] {
        assert_eq!(register(&context, forge, &["--name", name]).code, Some(0));
    }
    gone.revoke(&gone.look(|state| state.runners[0].uuid.clone()));
    away.go_down();
    let outcome = context.palisade().args(["doctor"]).run();
    assert_eq!(outcome.code, Some(4), "{outcome}");
    for line in [
        format!("ok    forge.known         {} answers and knows the runner\n", known.url()),
        format!("fail  forge.gone          Declare at {}: the forge refuses it", gone.url()),
        "      help: `palisade unregister gone`, and register anew\n".to_owned(),
        format!("fail  forge.away          Ping at {}: no connection", away.url()),
        "      help: check that the forge runs".to_owned(),
    ] {
        assert!(outcome.stdout.contains(&line), "{line}: {outcome}");
    }
    assert_eq!(known.look(|state| state.runners[0].fetches), 0);
}

#[test]
fn doctor_tells_of_a_clock_that_is_wrong() {
    let forge = Forge::start();
    let context = Context::new();
    assert_eq!(register(&context, &forge, &["--name", "late"]).code, Some(0));
    forge.fail(Method::Ping, 0, 1, Fault::Clock("Sun, 06 Nov 1994 08:49:37 GMT"));
    let outcome = context.palisade().args(["doctor"]).run();
    let line = outcome.stdout.lines().find(|line| line.contains("forge.late")).unwrap_or_default();
    assert!(line.starts_with("warn"), "{outcome}");
    assert!(line.contains("its clock is ") && line.ends_with(" from this host's"), "{outcome}");
    assert!(outcome.stdout.contains("timedatectl set-ntp true"), "{outcome}");
}
