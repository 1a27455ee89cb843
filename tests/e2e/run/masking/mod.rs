//! A workflow that means no harm and prints its secrets in every way that programs have, against an oracle
//! that tries to recover them from everything that palisade lets out.

mod prints;
mod sinks;

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use palisade_tests::samples::{self, Sample};
use palisade_tests::{Context, Events, Oracle, Random, skipped};
use serde_json::{Value, json};

use prints::{PRINTS, Print};

/// What a script says that needs a tool that isn't there.
const MISSING: &str = "this machine has no ";

/// A workflow in which one job for each secret prints it in every way.
fn workflow(samples: &[Sample]) -> Value {
    let mut jobs = serde_json::Map::new();
    for (i, sample) in samples.iter().enumerate() {
        let steps: Vec<Value> = prints(sample).map(|print| step(print, &format!("S{i}"))).collect();
        jobs.insert(job_id(sample), json!({ "runs-on": "x", "steps": steps }));
    }
    json!({ "on": "push", "jobs": jobs })
}

/// What is printed of a secret: all that isn't known to leak.
fn prints(sample: &Sample) -> impl Iterator<Item = &'static Print> {
    PRINTS.iter().filter(|print| print.leaks(sample.kind).is_none())
}

fn step(print: &Print, secret: &str) -> Value {
    let Print { tool, script, .. } = print;
    let need = format!("command -v {tool} >/dev/null || {{ echo '{MISSING}{tool}'; exit 0; }}\n");
    json!({
        "name": title(print),
        "run": format!("{need}{{\n{script}\n}} 2>&1\ntrue\n"),
        "shell": "bash {0}",
        "env": { "S": format!("${{{{ secrets.{secret} }}}}") },
    })
}

/// A print's own name: scripts have none.
fn title(print: &Print) -> String {
    let first = print.script.trim().lines().next().unwrap_or_default();
    format!("{}: {}", print.tool, first.replace("${{", "$ {{"))
}

fn job_id(sample: &Sample) -> String {
    sample.kind.replace(' ', "-").replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "")
}

fn context(samples: &[Sample], workflow: &Value) -> Context {
    let context = Context::new();
    // JSON is YAML.
    context.write(".github/workflows/w.yml", workflow.to_string());
    let secrets: serde_json::Map<String, Value> =
        samples.iter().enumerate().map(|(i, s)| (format!("S{i}"), s.value.clone().into())).collect();
    context.write("secrets.json", Value::Object(secrets).to_string());
    context
}

/// The secrets of these kinds.
fn of_kinds(seed: u64, kinds: &[&str]) -> Vec<Sample> {
    let mut r = Random::new(Random::seed() ^ seed);
    samples::all(&mut r).into_iter().filter(|s| kinds.contains(&s.kind)).collect()
}

fn oracle(samples: &[Sample]) -> Oracle {
    Oracle::new(samples.iter().flat_map(Sample::targets))
}

/// All files below a directory, in one text; of events, what their strings say.
fn files(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let is_json = path.extension().is_some_and(|e| e == "jsonl");
        all.extend(match std::fs::read(&path) {
            Ok(bytes) if is_json => strings(&bytes),
            Ok(bytes) => bytes,
            Err(_) => files(&path),
        });
    }
    all
}

/// All strings in JSON of one value a line.
fn strings(json: &[u8]) -> Vec<u8> {
    fn collect(value: &Value, into: &mut String) {
        match value {
            Value::String(text) => {
                into.push_str(text);
                into.push('\n');
            }
            Value::Array(values) => values.iter().for_each(|v| collect(v, into)),
            Value::Object(members) => members.iter().for_each(|(key, v)| {
                into.push_str(key);
                into.push('\n');
                collect(v, into);
            }),
            _ => {}
        }
    }
    let mut all = String::new();
    for line in json.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        collect(&serde_json::from_slice(line).expect("a JSON value on each line"), &mut all);
    }
    all.into_bytes()
}

#[test]
fn no_tool_prints_a_secret_so_that_it_can_be_recovered() {
    let samples = of_kinds(
        0x0301,
        &[
            "aws secret key",
            "password",
            "quotes",
            "passphrase",
            "private key",
            "service account",
            "url",
            "non-ascii",
        ],
    );
    let oracle = oracle(&samples);
    let context = context(&samples, &workflow(&samples));
    let args = ["run", "--json", "--secret-file", "secrets.json", "--log-dir", "logs"];
    let outcome = context.palisade().args(args).run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let events = Events::of(&outcome);
    let mut missing = std::collections::BTreeSet::new();
    let mut leaks = Vec::new();
    for sample in &samples {
        for (i, print) in prints(sample).enumerate() {
            let log = events.step_log(&job_id(sample), i);
            if let Some(tool) = log.strip_prefix(MISSING) {
                missing.insert(tool.trim().to_string());
                continue;
            }
            assert!(!log.is_empty(), "{} printed nothing", title(print));
            if let Some(leak) = oracle.leak(log.as_bytes()) {
                leaks.push(format!("{} of {}: {leak}", title(print), sample.kind));
            }
        }
    }
    for print in PRINTS {
        if let Some((kinds, reason)) = print.leak {
            skipped(&format!("`{}` of {} is known to leak: {reason}", print.script, kinds.join(", ")));
        }
    }
    for tool in missing {
        skipped(&format!("{MISSING}{tool}"));
    }
    for (sink, text) in [
        ("--json", strings(outcome.stdout.as_bytes())),
        ("standard error", outcome.stderr.into_bytes()),
        ("--log-dir", files(&context.work().join("logs"))),
    ] {
        // Where the steps themselves leak, every sink does.
        if leaks.is_empty()
            && let Some(leak) = oracle.glance(&text)
        {
            leaks.push(format!("{sink}: {leak}"));
        }
    }
    assert!(leaks.is_empty(), "PALISADE_TEST_SEED={}:\n{}", Random::seed(), leaks.join("\n"));
}

#[test]
fn neither_a_pipe_nor_a_terminal_shows_a_secret() {
    let samples = of_kinds(0x0302, &["forge token", "punctuation"]);
    let oracle = oracle(&samples);
    let context = context(&samples, &workflow(&samples));
    let args = ["run", "--jobs", "1", "--secret-file", "secrets.json"];
    let outcome = context.palisade().args(args).run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(oracle.glance(outcome.stdout.as_bytes()), None, "on a pipe");
    let shown = on_a_terminal(&context, &args);
    assert!(shown.len() > 10_000, "{}", String::from_utf8_lossy(&shown));
    assert_eq!(oracle.glance(&shown), None, "on a terminal");
}

/// What `palisade` shows on a terminal.
fn on_a_terminal(context: &Context, args: &[&str]) -> Vec<u8> {
    let size = nix::pty::Winsize { ws_row: 40, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = nix::pty::openpty(Some(&size), None).expect("a terminal");
    let mut command = context.palisade().args(args).env("TERM", "xterm-256color").into_command();
    command.env_remove("NO_COLOR").stderr(Stdio::from(terminal.slave.try_clone().unwrap()));
    let mut child = command.stdout(terminal.slave).spawn().expect("palisade starts");
    // The command holds the other end of the terminal.
    drop(command);
    let mut shown = Vec::new();
    // A terminal whose other end is closed reads as an error.
    let _ = std::fs::File::from(terminal.master).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&shown));
    shown
}
