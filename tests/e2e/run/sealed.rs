//! Sealed secrets: who opens them, and that nobody else does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use palisade_tests::{Context, Outcome, script};

use super::run_in;

const VALUE: &str = "hunter2-Zx81kQ";
const FILE: &str = ".palisade/secrets.yml";

/// A context with a runner's key, whose configuration has the environment `production`.
fn runner() -> Context {
    let context = Context::new();
    configure(&context, "[environment.production]\n[environment.other]\n");
    let public = palisade(&context, &["seal", "key", "init"]);
    context.write("runner.pub", public.stdout);
    context
}

fn configure(context: &Context, text: &str) {
    let directory = context.config().join("palisade");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("config.toml"), text).unwrap();
}

fn palisade(context: &Context, args: &[&str]) -> Outcome {
    context.palisade().args(args).input(VALUE).run()
}

/// Seals the value for runs of `main` on this machine, with more or other options.
fn seal(context: &Context, args: &[&str]) {
    let base = ["seal", "--to", "runner.pub", "--repository", "acme/app", "--name", "TOKEN", "--local"];
    let rest = ["--environment", "production", "--ref", "refs/heads/main"];
    let outcome = context.palisade().args(base).args(rest).args(args).input(format!("{VALUE}\n")).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

/// A tree that is a clone of `acme/app` on `main`.
fn clone(context: &Context) {
    context.write(".git/HEAD", "ref: refs/heads/main\n");
    context.write(".git/config", "[remote \"origin\"]\n\turl = https://git.example/acme/app.git\n");
}

fn job(environment: &str) -> String {
    format!(
        "  a:
    {environment}
    runs-on: x
    env: {{ TOKEN: '${{{{ secrets.TOKEN }}}}' }}
    steps: [ {{ run: 'echo \"[$TOKEN] ${{#TOKEN}}\"' }} ]\n"
    )
}

fn path(context: &Context) -> PathBuf {
    context.work().join(FILE)
}

fn change(context: &Context, from: &str, to: &str) {
    let text = fs::read_to_string(path(context)).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path(context), text.replace(from, to)).unwrap();
}

/// The run has it, masked.
fn given(context: &Context, environment: &str) {
    let (outcome, events) = run_in(context, &job(environment), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "[***] 14\n", "{outcome}");
    assert!(!outcome.stdout.contains(VALUE), "{outcome}");
}

/// The run goes on without it, and is told why.
fn withheld(context: &Context, environment: &str, rule: &str) {
    let (outcome, events) = run_in(context, &job(environment), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "[] 0\n", "{outcome}");
    let told = format!("the sealed secret `TOKEN` is withheld: {rule}");
    assert!(events.annotations("warning").iter().any(|text| text.starts_with(&told)), "{told}: {outcome}");
}

/// The job is refused.
fn refused(context: &Context, why: &str) {
    let (outcome, events) = run_in(context, &job("environment: production"), &[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(events.reason("a").contains(why), "{outcome}");
}

#[test]
fn the_job_that_a_secret_names_has_it_and_no_other() {
    let context = runner();
    clone(&context);
    seal(&context, &[]);
    assert!(!fs::read_to_string(path(&context)).unwrap().contains(VALUE));
    let key = context.state().join("palisade/seal/1.key");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    given(&context, "environment: production");
    given(&context, "environment: Production");
    for environment in ["", "environment: other"] {
        let (outcome, events) = run_in(&context, &job(environment), &[]);
        assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "[] 0\n"), "{outcome}");
    }
    // The value of one that is sealed again takes the place of the first.
    seal(&context, &["--ref", "refs/tags/v*"]);
    assert_eq!(fs::read_to_string(path(&context)).unwrap().matches("- name: ").count(), 1);
    given(&context, "environment: production");
}

#[test]
fn elsewhere_it_is_withheld_by_a_rule() {
    let context = runner();
    clone(&context);
    seal(&context, &[]);
    context.write(".git/HEAD", "ref: refs/heads/topic\n");
    withheld(&context, "environment: production", "`refs`: it is for refs/heads/main");
    context.write(".git/config", "[remote \"origin\"]\n\turl = https://git.example/eve/app.git\n");
    withheld(&context, "environment: production", "`repository`: it is for acme/app");
    clone(&context);
    configure(&context, "");
    withheld(&context, "environment: production", "`environment`: ");
    configure(&context, "[environment.production]\n");
    given(&context, "environment: production");
    // A runner without a key, and one with another.
    let seal_directory = context.state().join("palisade/seal");
    fs::rename(&seal_directory, context.root().join("kept")).unwrap();
    withheld(&context, "environment: production", "`key`: ");
    assert_eq!(palisade(&context, &["seal", "key", "init"]).code, Some(0));
    withheld(&context, "environment: production", "`key`: ");
    assert_eq!(palisade(&context, &["unseal", "--name", "TOKEN"]).code, Some(3));
    // For jobs of a forge.
    fs::remove_file(path(&context)).unwrap();
    let args = ["--to", "runner.pub", "--name", "TOKEN", "--environment", "production", "--ref", "refs/**"];
    assert_eq!(palisade(&context, &[&["seal"][..], &args].concat()).code, Some(0));
    withheld(&context, "environment: production", "`server`: it is for jobs of https://git.example");
}

#[test]
fn what_was_moved_or_changed_is_refused() {
    let context = runner();
    clone(&context);
    for (from, to) in [
        ("refs/heads/main", "refs/heads/*"),
        ("refs/heads/main", "refs/heads/main\", \"refs/heads/topic"),
        ("name: TOKEN", "name: OTHER"),
        ("sealed:\n      \"", "sealed:\n      # \"\n      \""),
    ] {
        seal(&context, &[]);
        change(&context, from, to);
        match to.contains('#') {
            // What means the same is the same.
            true => given(&context, "environment: production"),
            false => refused(&context, "changed or moved after it was sealed"),
        }
        fs::remove_file(path(&context)).unwrap();
    }
    for (option, from, to) in [
        (["--environment", "other"], "environment: \"other\"", "environment: \"production\""),
        (["--repository", "eve/app"], "repository: \"eve/app\"", "repository: \"acme/app\""),
        (["--ref", "refs/heads/x"], "\"refs/heads/main\", \"refs/heads/x\"", "\"refs/heads/main\""),
    ] {
        // The last of several counts.
        let args = ["seal", "--to", "runner.pub", "--name", "TOKEN", "--local"];
        let mut rest =
            vec!["--environment", "production", "--repository", "acme/app", "--ref", "refs/heads/main"];
        if option[0] != "--ref" {
            let at = rest.iter().position(|text| *text == option[0]).unwrap();
            rest.drain(at..at + 2);
        }
        rest.extend(option);
        let outcome = palisade(&context, &[&args[..], &rest].concat());
        assert_eq!(outcome.code, Some(0), "{outcome}");
        change(&context, from, to);
        refused(&context, "changed or moved after it was sealed");
        fs::remove_file(path(&context)).unwrap();
    }
    context.write(FILE, "version: 1\nsecrets: [\n");
    refused(&context, "is no file of sealed secrets");
    fs::remove_file(path(&context)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", path(&context)).unwrap();
    refused(&context, "a link leads out of the repository");
}

#[test]
fn keys_are_rotated_and_secrets_resealed() {
    let context = runner();
    clone(&context);
    seal(&context, &[]);
    assert_eq!(palisade(&context, &["seal", "key", "init"]).code, Some(2));
    let rotated = palisade(&context, &["seal", "key", "rotate"]).stdout;
    assert_ne!(rotated, fs::read_to_string(context.work().join("runner.pub")).unwrap());
    assert_eq!(palisade(&context, &["seal", "key", "show"]).stdout, rotated);
    given(&context, "environment: production");
    context.write("runner.pub", format!("# the runner's\n{rotated}"));
    let resealed = palisade(&context, &["reseal", "--to", "runner.pub"]);
    assert_eq!(resealed.stdout, format!("sealed 1 secret again in {FILE}: commit it\n"), "{resealed}");
    assert_eq!(palisade(&context, &["seal", "key", "forget"]).stdout, rotated);
    given(&context, "environment: production");
    assert_eq!(palisade(&context, &["unseal", "--name", "token"]).stdout, VALUE);
}

#[test]
fn what_can_not_be_sealed_says_why() {
    let context = runner();
    let base = ["seal", "--name", "A", "--environment", "e", "--local", "--to"];
    for (args, why) in [
        (&["runner.pub", "--ref", "main"][..], "begins with `refs/`"),
        (&["nothing.pub", "--ref", "refs/heads/main"], "--to nothing.pub: "),
        (&["runner.pub", "--ref", "refs/heads/main", "--name", "B"], "cannot be used multiple times"),
        (&["runner.pub", "--ref", "refs/heads/main", "--file", "nothing"], "--file nothing: "),
        (&["bad.pub", "--ref", "refs/heads/main"], "--to bad.pub: line 1: "),
        (&["runner.pub", "--ref", "refs/heads/main", "--file", "empty"], "the value is empty"),
        (&["runner.pub", "--ref", "refs/heads/main", "--file", "binary"], "no UTF-8"),
    ] {
        context.write("bad.pub", "age1something\n").write("empty", "").write("binary", [0xff]);
        let outcome = palisade(&context, &[&base[..], args].concat());
        assert_eq!(outcome.code, Some(2), "{outcome}");
        assert!(outcome.stderr.contains(why), "{outcome}");
        assert!(!path(&context).exists());
    }
    let outcome = palisade(&context, &[&base[..4], &["e", "--to", "runner.pub", "--ref", "refs/x"]].concat());
    assert!(outcome.code == Some(2) && outcome.stderr.contains("--local"), "{outcome}");
}

#[test]
fn what_the_configuration_refers_to_is_fetched_for_who_may_have_it() {
    let context = Context::new();
    clone(&context);
    let kept = context.root().join("kept");
    fs::write(&kept, format!("{VALUE}\n")).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o600)).unwrap();
    let program = context.root().join("program");
    script(&program, &format!("#!/bin/sh\ncat {}\n", kept.display()));
    let refer = |kind: &str, path: &std::path::Path, reference: &str| {
        let from = format!("secret://{kind}{}", path.display());
        let allow = format!("{{ local = true, repository = 'acme/app', ref = '{reference}' }}");
        configure(&context, &format!("[[secret]]\nname = 'token'\nfrom = '{from}'\nallow = [{allow}]\n"));
    };
    for (kind, path) in [("file", &kept), ("exec", &program)] {
        refer(kind, path, "refs/heads/main");
        given(&context, "");
        refer(kind, path, "refs/heads/other");
        let (outcome, events) = run_in(&context, &job(""), &[]);
        assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "[] 0\n"), "{outcome}");
        let told = "secret `TOKEN` is withheld, so it is empty: `ref`: ";
        assert!(events.annotations("warning").iter().any(|text| text.starts_with(told)), "{outcome}");
    }
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o644)).unwrap();
    let failing = context.root().join("failing");
    script(&failing, "#!/bin/sh\necho some; exit 3\n");
    let nothing = context.root().join("nothing");
    for (kind, path, why) in [
        ("file", &kept, "others can read or change it"),
        ("file", &nothing, "No such file"),
        ("exec", &failing, "it failed: exit status: 3"),
        ("exec", &nothing, "No such file"),
    ] {
        refer(kind, path, "refs/heads/main");
        let (outcome, events) = run_in(&context, &job(""), &[]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        let reason = events.reason("a");
        assert!(reason.starts_with("cannot fetch the secret `token`") && reason.contains(why), "{outcome}");
    }
    configure(&context, "[[secret]]\nname = 'A'\nfrom = 'file:///x'\nallow = []\n");
    let (outcome, _) = run_in(&context, &job(""), &[]);
    assert!(outcome.code == Some(2) && outcome.stderr.contains("secret://file/PATH"), "{outcome}");
}
