//! Jobs: their events, their log, their end.

use std::io::{BufRead, BufReader, Read};

use palisade_tests::{Events, Identity, Invocation, Outcome};

use crate::attacks::gateway_of;
use crate::world::{Datagrams, Server, World};

const STEPS: &str = "
      - run: '\"$ATTACK\" resolve evil.test || true'
      - run: '\"$ATTACK\" dial a.test $PORT \"$REQUEST\"'
";

/// A script that tells which of some names it reaches, where anything may be spoken.
const REACH: &str = "reach() { for name in $*; do \"$ATTACK\" dial $name.test $PORT x | grep -q canary && \
                     echo reached $name; done; true; }; reach";

/// Runs a workflow of these steps, with a server's port and a request for `a.test` in its environment.
fn run(world: &World, server: &Server, steps: &str, args: &[String]) -> Outcome {
    let steps = steps.trim_matches('\n');
    run_workflow(world, server, &format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n{steps}"), args)
}

/// The same of scripts, a step each.
pub fn run_scripts(world: &World, server: &Server, scripts: &[&str], args: &[String]) -> Outcome {
    let step = |script: &&str| -> String {
        let lines = script.trim().lines().map(|line| format!("          {}\n", line.trim_start()));
        format!("      - run: |\n{}", lines.collect::<String>())
    };
    run(world, server, &scripts.iter().map(step).collect::<String>(), args)
}

/// The same of a whole workflow.
pub fn run_workflow(world: &World, server: &Server, text: &str, args: &[String]) -> Outcome {
    ready(world, server, text, args).run()
}

/// What runs it, ready to be started.
pub fn ready<'a>(world: &'a World, server: &Server, text: &str, args: &[String]) -> Invocation<'a> {
    world.context.write(".github/workflows/w.yml", text);
    world.context.write("attack", std::fs::read(world.attack()).expect("a program"));
    let port = server.port();
    let request = format!("GET / HTTP/1.1\r\nHost: a.test:{port}\r\n\r\n");
    let variables = [
        "ATTACK=./attack".to_owned(),
        format!("PORT={port}"),
        format!("REQUEST={request}"),
        format!("REACH={REACH}"),
    ];
    std::process::Command::new("chmod")
        .arg("+x")
        .arg(world.context.work().join("attack"))
        .status()
        .expect("chmod runs");
    let variables = variables.iter().flat_map(|variable| ["--env", variable.as_str()]);
    world.context.palisade().args(["run"]).args(variables).args(args)
}

#[test]
fn a_job_s_attempts_are_events_warnings_and_a_table() {
    let server = Server::http();
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let mut args = world.options(&[format!("a.test:{port}")]);
    let outcome = run(&world, &server, STEPS, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    for line in [
        "warning: network: `attack`: evil.test refused: no rule allows it; `--allow evil.test` would allow it"
            .to_owned(),
        "  network of a:".to_owned(),
        format!("    reached  a.test:{port}  once, "),
        "    refused  evil.test  2 times: no rule allows it".to_owned(),
    ] {
        assert!(outcome.stdout.contains(&line), "no `{line}` in\n{outcome}");
    }
    args.push("--json".to_owned());
    let outcome = run(&world, &server, STEPS, &args);
    let events = Events::of(&outcome);
    let network: Vec<_> = events.of_kind("network").collect();
    let shown: Vec<_> = network
        .iter()
        .map(|event| {
            let text = |key: &str| event[key].as_str().unwrap_or("null").to_owned();
            (event["step"].as_u64(), text("name"), event["port"].as_u64(), text("outcome"), text("protocol"))
        })
        .collect();
    let text = str::to_owned;
    assert_eq!(
        shown,
        [
            (Some(0), text("evil.test"), None, text("refused"), text("null")),
            (Some(1), text("a.test"), Some(port.into()), text("reached"), text("http")),
        ]
    );
    let summary = events.of_kind("network_summary").next().expect("a summary");
    assert_eq!((summary["mode"].as_str(), summary["untold"].as_u64()), (Some("allow"), Some(1)));
    assert_eq!(summary["rows"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_job_that_was_refused_something_fails_where_the_configuration_says_so() {
    let server = Server::http();
    let world = World::new(Identity::Current);
    let config = world.context.root().join("config.toml");
    let text = "[network]\nmode = 'allow'\nallow = ['a.test']\ndeny = ['*.a.test']\non-refused = 'fail'\n";
    std::fs::write(&config, text).expect("a file");
    let config = ["--config".to_owned(), config.to_str().expect("a path in UTF-8").to_owned()];
    let steps = "
      - run: '\"$ATTACK\" resolve b.a.test || true'
";
    let outcome = run(&world, &server, steps, &config);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    for line in [
        "warning: network: `attack`: b.a.test refused: rule `*.a.test` denies it\n",
        "job failure in [TIME]: it was refused `b.a.test`, and `on-refused` is `fail`",
    ] {
        assert!(outcome.stdout.contains(line), "no `{line}` in\n{outcome}");
    }
}

#[test]
fn what_an_audit_suggests_lets_the_same_workflow_pass() {
    let (server, other, datagrams) = (Server::http(), Server::http(), Datagrams::start("127.0.0.2:0"));
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let (port, closed, udp) = (server.port(), other.port(), datagrams.port());
    // Ports that an audit doesn't open by itself, of which it is told one.
    let request = r"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let scripts = [
        "\"$ATTACK\" dial a.test $PORT \"$REQUEST\" | grep -q canary".to_owned(),
        format!("\"$ATTACK\" dial a.test {closed} $'{request}' | grep -o canary || true"),
        format!(
            "exec 3<>/dev/udp/a.test/{udp}; echo hello >&3; timeout 5 head -c 6 <&3 | grep -o canary || true"
        ),
    ];
    let scripts = scripts.each_ref().map(String::as_str);
    let mut args = world.options(&[format!("a.test:{port}")]);
    args.extend(["--net", "audit", "--suggest"].map(str::to_owned));
    let outcome = run_scripts(&world, &server, &scripts, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let at = outcome.stdout.find("[network]\n").expect("a suggestion");
    let suggested = &outcome.stdout[at..];
    let lines: Vec<&str> = suggested.lines().collect();
    let (rule, rule_of_tcp, rule_of_udp) = (
        format!("  \"a.test:{port}\","),
        format!("  # \"a.test:{closed}\","),
        format!("  # \"a.test:{udp}/udp\","),
    );
    assert_eq!(lines[..4], ["[network]", "mode = \"allow\"", "allow = [", &rule], "{suggested}");
    let list = format!("#   a: {{ PALISADE_EGRESS: \"a.test:{port}\" }}");
    let end =
        ["]", "# The same by job, for the `env` of each in the workflow, which can only take away:", &list];
    assert_eq!(lines[lines.len() - 3..], end, "{suggested}");
    let mut decided: Vec<&str> = lines[4..lines.len() - 3].to_vec();
    decided.retain(|line| line.starts_with("  # \""));
    decided.sort_unstable();
    let mut expected = [&rule_of_tcp[..], &rule_of_udp];
    expected.sort_unstable();
    assert_eq!(decided, expected, "{suggested}");
    let config = world.context.root().join("suggested.toml");
    let resolver = world.resolver();
    // What isn't a name of the job's is the administrator's to say: who answers, and that it is on the loopback; and what of
    // the rest is allowed.
    let as_it_is = suggested
        .replace("allow = [\n", &format!("resolver = \"{resolver}\"\nallow = [\n  \"127.0.0.2\",\n"));
    for (text, reached) in [(as_it_is.clone(), 0), (as_it_is.replace("  # \"", "  \""), 2)] {
        std::fs::write(&config, text).expect("a file");
        let args = ["--config", config.to_str().expect("a path in UTF-8"), "--json"].map(str::to_owned);
        let outcome = run_scripts(&world, &server, &scripts, &args);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let events = Events::of(&outcome);
        let also = [1, 2].into_iter().filter(|step| events.step_log("a", *step).contains("canary")).count();
        assert_eq!(also, reached, "{outcome}");
    }
    let alone = ["--suggest".to_owned()];
    assert_eq!(run_scripts(&world, &server, &scripts, &alone).code, Some(2));
}

#[test]
fn a_job_whose_gateway_dies_ends_with_exit_code_4_and_the_reason() {
    let world = World::new(Identity::Current);
    world.context.write(
        ".github/workflows/w.yml",
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: getent hosts a.test && sleep 1000\n      - run: echo on\n",
    );
    let mut command = world.context.palisade().args(["run", "--allow", "a.test"]).into_command();
    command.stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("palisade starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let mut said = String::new();
    // The first name that is looked up has it started.
    while !said.contains("198.18.") && !said.contains("fd70:") {
        assert!(stdout.read_line(&mut said).expect("it can be read") > 0, "{said}");
    }
    let gateway = gateway_of(child.id()).expect("a job that has looked a name up has one");
    nix::sys::signal::kill(gateway, nix::sys::signal::Signal::SIGKILL).expect("it lives");
    stdout.read_to_string(&mut said).expect("it can be read");
    let status = child.wait().expect("palisade ends");
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(said.contains("the egress gateway has died"), "{said}");
    assert!(!said.contains("\non\n"), "{said}");
}
