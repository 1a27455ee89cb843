//! How much a job may send, receive and connect.

use palisade_tests::{Events, Identity, Outcome};

use crate::jobs::{run_scripts, run_workflow};
use crate::world::{Server, World};

/// Runs a job whose steps are one command each, where a, b and c are an echo and everything may be spoken.
fn run(limits: &str, commands: &[String]) -> Outcome {
    let (world, server) = (World::new(Identity::Current), Server::echo());
    let rules: Vec<String> = ["a.test", "b.test", "c.test"]
        .map(|name| {
            world.name(name, &["127.0.0.2"]);
            format!("'{name}:{}/opaque'", server.port())
        })
        .into();
    let args = world.configured(&format!("allow = ['127.0.0.2', {}]\n{limits}", rules.join(", ")), "");
    let steps: String = commands.iter().map(|command| format!("      - run: {command}\n")).collect();
    let text = format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n{steps}");
    let outcome = run_workflow(&world, &server, &text, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    outcome
}

fn echo(name: &str, bytes: u32) -> String {
    format!("if \"$ATTACK\" echo {name}.test $PORT {bytes}; then echo fine; else echo broken; fi")
}

/// What became of each step's connection, and why.
fn ends(outcome: &Outcome) -> Vec<(bool, String)> {
    let events = Events::of(outcome);
    let network = events.of_kind("network");
    let end = |event: &serde_json::Value| {
        let step = event["step"].as_u64().and_then(|step| usize::try_from(step).ok()).expect("a step");
        let fine = events.step_log("a", step).ends_with("fine\n");
        (fine, event["reason"].as_str().unwrap_or_default().to_owned())
    };
    network.map(end).collect()
}

fn sum(outcome: &Outcome, way: &str, name: &str) -> u64 {
    let events = Events::of(outcome);
    let of_name =
        events.of_kind("network").filter(|event| event["name"].as_str().is_some_and(|n| n.starts_with(name)));
    of_name.filter_map(|event| event[way].as_u64()).sum()
}

#[test]
fn no_byte_more_is_sent_than_may_be() {
    let limits = "max-sent-to-name = '100000'\nmax-sent = '180000'\n";
    let commands = [
        echo("a", 50_000),
        echo("a", 60_000),
        echo("a", 1),
        echo("b", 60_000),
        echo("c", 60_000),
        echo("c", 1),
    ];
    let outcome = run(limits, &commands);
    let of_a = "100000 bytes were sent to it, which is all that a job may (`max-sent-to-name`)";
    let of_all = "180000 bytes were sent in all, which is all that a job may (`max-sent`)";
    let fine = (true, String::new());
    let broken = |why: &str| (false, why.to_owned());
    let expected = [fine.clone(), broken(of_a), broken(of_a), fine, broken(of_all), broken(of_all)];
    // A refusal is told once for each name.
    let told: Vec<_> = [0, 1, 3, 4].map(|at: usize| expected[at].clone()).into();
    assert_eq!(ends(&outcome), told, "{outcome}");
    assert!(sum(&outcome, "sent", "a") <= 100_000 && sum(&outcome, "sent", "") <= 180_000, "{outcome}");
    assert!(sum(&outcome, "sent", "a") >= 50_000, "{outcome}");
}

#[test]
fn no_byte_more_is_received_than_may_be() {
    let limits = "max-received-from-name = '100000'\nmax-received = '1G'\n";
    let outcome = run(limits, &[echo("a", 100_000), echo("a", 1), echo("b", 100_001)]);
    let why = "100000 bytes were received from it, which is all that a job may (`max-received-from-name`)";
    let told = [(true, String::new()), (false, why.to_owned()), (false, why.to_owned())];
    assert_eq!(ends(&outcome), told, "{outcome}");
    assert!(
        sum(&outcome, "received", "a") == 100_000 && sum(&outcome, "received", "b") <= 100_000,
        "{outcome}"
    );
}

#[test]
fn requests_of_http_count_as_they_are_sent() {
    let (world, server) = (World::new(Identity::Current), Server::http());
    world.name("a.test", &["127.0.0.2"]);
    let port = server.port();
    let request = format!("GET / HTTP/1.1\r\nHost: a.test:{port}\r\n\r\n");
    let most = 2 * request.len() + 30;
    let network = format!("allow = ['127.0.0.2', 'a.test:{port}']\nmax-sent-to-name = '{most}'");
    let args = world.configured(&network, "");
    // The third is one too many, and comes in pieces, none of which is.
    let script = "\"$ATTACK\" dial a.test $PORT \"$REQUEST$REQUEST$REQUEST\" 10 || true";
    let outcome = run_scripts(&world, &server, &[script], &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(server.heard().len(), 2, "{outcome}");
    let why = format!("{most} bytes were sent to it, which is all that a job may (`max-sent-to-name`)");
    let events = Events::of(&outcome);
    let event = events.of_kind("network").next().expect("an event");
    assert_eq!((event["outcome"].as_str(), event["reason"].as_str()), (Some("refused"), Some(why.as_str())));
}

#[test]
fn connections_are_limited_by_the_minute() {
    let outcome = run("connections-per-minute = 2", &[echo("a", 1), echo("b", 1), echo("c", 1)]);
    let why =
        "2 connections were made within a minute, which is all that a job may (`connections-per-minute`)";
    let told = [(true, String::new()), (true, String::new()), (false, why.to_owned())];
    assert_eq!(ends(&outcome), told, "{outcome}");
}
