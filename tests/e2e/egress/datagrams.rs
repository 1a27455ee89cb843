//! UDP: what rules let through, and all they don't.

use palisade_tests::{Events, Identity};

use crate::jobs::{run_scripts, run_workflow};
use crate::world::{CANARY, Datagrams, Server, World, prevented, succeeded};

/// How what the attack program did is told.
const BY: &str = "palisade: `palisade-attack`";
const WAYS: [&str; 4] = ["connect", "sendto", "sendmsg", "sendmmsg"];

#[test]
fn datagrams_go_where_a_rule_says_and_answers_come_from_there() {
    let server = Datagrams::start("127.0.0.2:0");
    let port = server.port();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let rules = [format!("a.test:{port}/udp")];
        // One answer over IPv4, one over IPv6: the program wants each from the address that it has asked.
        for way in WAYS {
            let said = world.try_program(&rules, &["datagram", "a.test", &port, "hello", way]);
            assert_eq!(succeeded(&said), format!("{CANARY} {CANARY}"), "{way}: {said}");
            assert_eq!(said.stderr, "", "nothing was refused");
            assert_eq!(server.heard(), ["hello", "hello"]);
        }
        let said = world.try_program(&rules, &["datagram", "a.test", &port, "x60000"]);
        assert_eq!(succeeded(&said), "60000 bytes 60000 bytes");
        server.heard();
    }
}

#[test]
fn without_a_rule_for_datagrams_a_job_hears_at_once_that_nobody_listens() {
    // Behind the same number there is TCP, too, which the rule is for.
    let (server, tcp) = (Datagrams::start("127.0.0.2:0"), Server::blunt());
    let port = server.port();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]).name("b.test", &["127.0.0.2"]);
        let rules = [format!("a.test:{port}/opaque"), format!("b.test:{}/udp", tcp.port())];
        for way in WAYS {
            // The twin: without a gateway it is reached.
            let mut attack = world.context.command(world.attack());
            let output = attack.args(["datagram", "127.0.0.2", &port, "x", way]).output().expect("it runs");
            assert!(String::from_utf8_lossy(&output.stdout).contains(CANARY), "{output:?}");
            assert_eq!(server.heard(), ["x"]);
            let said = world.try_program(&rules, &["datagram", "a.test", &port, "x", way]);
            assert!(prevented(&said).contains("ECONNREFUSED"), "{way}: {said}");
            let said = world.try_program(&rules, &["datagram", "127.0.0.2", &port, "x", way]);
            assert!(prevented(&said).starts_with("prevented: "), "{way}: {said}");
            assert_eq!(server.heard(), [""; 0], "{way}");
        }
        for address in ["::ffff:127.0.0.2", "2130706434", "192.0.2.1", "2001:db8::1", "198.18.0.9"] {
            let said = world.try_program(&rules, &["datagram", address, &port, "x", "sendto"]);
            assert!(prevented(&said).starts_with("prevented: "), "{address}: {said}");
        }
        assert_eq!(server.heard(), [""; 0]);
        let said = world.try_program(&rules, &["dial", "b.test", &tcp.port().to_string(), "x"]);
        assert!(prevented(&said).contains("ECONNREFUSED"), "a rule for UDP opens TCP: {said}");
    }
    assert!(tcp.heard().is_empty());
}

#[test]
fn what_no_rule_opens_for_datagrams_is_told_where_it_was_lost() {
    let (world, tcp) = (World::new(Identity::Current), Server::blunt());
    world.name("a.test", &["127.0.0.2"]);
    let port = tcp.port();
    // The last two are a look for addresses while datagrams of the job's own are lost, and one that goes over to TCP.
    let scripts = [
        "\"$ATTACK\" resolve a.test",
        "echo x >/dev/udp/198.18.0.2/5000",
        "\"$ATTACK\" resolve a.test; echo x >/dev/udp/127.0.0.1/5001",
        "echo x >/dev/udp/198.18.0.2/$PORT; \"$ATTACK\" dial a.test $PORT x",
    ];
    let mut args = world.options(&[format!("a.test:{port}/opaque")]);
    args.push("--json".to_owned());
    let outcome = run_scripts(&world, &tcp, &scripts, &args);
    let events = Events::of(&outcome);
    let told: Vec<_> = events.of_kind("network").filter(|event| event["outcome"] == "refused").collect();
    assert_eq!(told.len(), 1, "{outcome}");
    let field = |key: &str| told[0][key].to_string();
    assert_eq!(
        ["step", "name", "port", "protocol", "reason", "suggestion"].map(field),
        ["1", "\"a.test\"", "5000", "\"udp\"", "\"no rule opens this port\"", "\"a.test:5000/udp\""]
    );
    assert!(told[0]["process"]["exe"].as_str().is_some_and(|exe| exe.ends_with("bash")), "{outcome}");
}

#[test]
fn datagrams_to_the_host_or_to_metadata_are_refused() {
    let server = Datagrams::start("127.0.0.1:0");
    let port = server.port();
    let world = World::new(Identity::Current);
    let rules = [format!("a.test:{port}/udp")];
    for (address, what) in [
        ("127.0.0.1", "the host's loopback"),
        ("169.254.169.254", "link-local, where clouds have their metadata"),
        ("::ffff:127.0.0.1", "the host's loopback"),
        ("fd00:ec2::254", "not of the internet"),
        ("10.0.0.1", "of a private network"),
    ] {
        world.name("a.test", &[address]);
        let told = world.until_told(&rules, &["flood", "a.test", &port, "3"]);
        let refused = format!("{BY}: a.test:{port}/udp refused: its address {address}: it is {what}\n");
        assert_eq!(told, refused, "{address}");
    }
    assert_eq!(server.heard(), [""; 0]);
}

#[test]
fn a_flood_of_datagrams_harms_nobody_but_its_own_flows() {
    let server = Datagrams::start("127.0.0.2:0");
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let attack = world.attack();
    // A busy machine may lose what comes right behind.
    let script = format!(
        "{attack} flood a.test {port} 900; for n in 1 2 3; do {attack} datagram a.test {port} after && break; done"
    );
    let said = world.shell(&[format!("a.test:{port}/udp")], &script).run();
    assert!(said.stdout.contains("succeeded: 900 are on their way"), "{said}");
    assert!(said.stdout.contains(&format!("succeeded: {CANARY} {CANARY}")), "{said}");
    // On a busy machine the first of them make room before anybody knows where the name leads.
    let early = format!(": a.test:{port}/udp failed: it ended before the name's address was known");
    let is_early = |line: &str| line.strip_suffix(&early).is_some_and(|by| by == BY || by == "palisade");
    assert!(said.stderr.lines().all(is_early), "{said}");
}

#[test]
fn datagrams_are_on_record() {
    let server = Datagrams::start("127.0.0.2:0");
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    world.context.write("attack", std::fs::read(world.attack()).expect("a program"));
    world.context.write(
        ".github/workflows/w.yml",
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: 'true'\n      \
         - run: chmod +x attack; ./attack datagram a.test $PORT hello; ./attack datagram a.test $PORT hello\n",
    );
    let rules = world.options(&[format!("a.test:{port}/udp")]);
    let run = world.context.palisade().args(["run", "--json", "--env", &format!("PORT={port}")]);
    let outcome = run.args(rules).run();
    let events = Events::of(&outcome);
    let told: Vec<_> = events
        .of_kind("network")
        .map(|event| {
            let field = |key: &str| event[key].to_string();
            ["step", "port", "outcome", "protocol", "address", "sent", "received", "suggestion"].map(field)
        })
        .collect();
    let suggestion = format!("\"a.test:{port}/udp\"");
    let flow = ["1", &port, "\"reached\"", "\"udp\"", "\"127.0.0.2\"", "5", "20", &suggestion];
    assert_eq!(told, vec![flow.map(str::to_owned); 4], "{outcome}");
    let summary = events.of_kind("network_summary").next().expect("a summary");
    assert_eq!(summary["rows"][0]["udp"], true);
    assert_eq!(summary["rows"][0]["count"], 4);
}

#[test]
fn a_server_that_is_not_there_is_a_failure() {
    let closed = Datagrams::start("127.0.0.3:0").port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let rules = [format!("a.test:{closed}/udp"), format!("b.test:{closed}/udp")];
    let told = world.until_told(&rules, &["flood", "a.test", &closed, "1"]);
    let failed = format!("{BY}: a.test:{closed}/udp failed: it can't be sent to: Connection refused");
    assert!(told.starts_with(&failed), "{told}");
    let told = world.until_told(&rules, &["flood", "b.test", &closed, "1"]);
    assert_eq!(told, format!("{BY}: b.test:{closed}/udp failed: there is no such name\n"));
}

#[test]
fn datagrams_are_held_to_lists_to_limits_and_to_the_proxy() {
    let server = Datagrams::start("127.0.0.2:0");
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let tcp = Server::blunt();
    let run = |network: &str, lists: &[&str]| {
        let steps: String = lists
            .iter()
            .map(|list| {
                format!(
                    "      - run: if \"$ATTACK\" datagram a.test {port} hello connect; then echo reached; fi\n        \
                     env: {{ PALISADE_EGRESS: '{list}' }}\n"
                )
            })
            .collect();
        let text = format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n{steps}");
        let args = world.configured(&format!("allow = ['127.0.0.2', 'a.test:{port}/udp']\n{network}"), "");
        let outcome = run_workflow(&world, &tcp, &text, &args);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let events = Events::of(&outcome);
        let reached: Vec<bool> =
            (0..lists.len()).map(|step| events.step_log("a", step).contains("\nreached")).collect();
        let reasons =
            events.of_kind("network").filter_map(|event| event["reason"].as_str().map(str::to_owned));
        (reached, reasons.collect::<Vec<_>>())
    };
    let (udp, other) = (format!("a.test:{port}/udp"), format!("a.test:{port}/opaque"));
    let (reached, reasons) = run("", &[&udp, &other, &udp]);
    assert_eq!(reached, [true, false, true]);
    assert_eq!(reasons, ["the workflow's `PALISADE_EGRESS` leaves it out"]);
    server.heard();
    let (reached, reasons) = run("max-sent-to-name = '8'", &[&udp]);
    assert_eq!((reached, server.heard().len()), (vec![false], 1), "{reasons:?}");
    assert_eq!(reasons, ["8 bytes were sent to it, which is all that a job may (`max-sent-to-name`)"]);
    let (reached, reasons) = run("proxy = 'http://127.0.0.3:1'", &[&udp]);
    assert_eq!((reached, server.heard().len()), (vec![false], 0));
    assert_eq!(reasons, ["datagrams don't go by way of a proxy"]);
}
