//! Names and rules.

use palisade_tests::Identity;

use crate::world::{CANARY, Server, World, prevented, succeeded};

fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn an_allowed_name_is_reached_over_ipv4_and_ipv6_as_every_user() {
    let server = Server::http();
    let port = server.port().to_string();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let rules = [format!("a.test:{port}")];
        let found = world.try_program(&rules, &["resolve", "a.test"]);
        let addresses: Vec<&str> = succeeded(&found).split(' ').collect();
        assert_eq!(addresses, ["198.18.0.2", "fd70:616c:6973::2"], "{found}");
        assert_eq!(world.asked(), [""; 0], "a lookup alone is nobody else's business");
        for host in ["a.test", "A.TEST.", "a.test."] {
            let said = world.try_program(&rules, &["dial", host, &port, &get("a.test")]);
            assert!(succeeded(&said).contains(CANARY), "{said}");
            assert_eq!(said.stderr, "", "nothing was refused");
        }
        assert_eq!(world.asked().into_iter().filter(|name| name != "a.test").count(), 0);
    }
    assert_eq!(server.heard().len() % 3, 0);
}

#[test]
fn everything_else_is_refused_without_asking_anybody() {
    let server = Server::http();
    let port = server.port().to_string();
    let world = World::new(Identity::Current);
    world.name("evil.test", &["127.0.0.2"]).name("a.test", &["127.0.0.2"]);
    let rules = [format!("a.test:{port}"), format!("*.w.test:{port}")];
    for name in ["evil.test", "w.test", "xa.test", "a.test.evil.test", "localhost.localdomain"] {
        let said = world.try_program(&rules, &["dial", name, &port, &get(name)]);
        assert!(prevented(&said).starts_with("prevented: look up"), "{said}");
        let told = format!(
            "palisade: `palisade-attack`: {name} refused: no rule allows it; `--allow {name}` would allow it\n"
        );
        assert_eq!(said.stderr, told);
    }
    assert_eq!(world.asked(), [""; 0]);
    assert!(server.heard().is_empty());
}

#[test]
fn other_kinds_of_records_and_transports_are_answered_in_kind() {
    let world = World::new(Identity::Current);
    let ask = |args: &[&str]| {
        let args: Vec<&str> = ["ask"].iter().chain(args).copied().collect();
        succeeded(&world.try_program(&["a.test", "*.w.test"], &args)).to_owned()
    };
    assert_eq!(ask(&["a.test", "1"]), "code 0, 1 answers");
    assert_eq!(ask(&["a.test", "28", "tcp"]), "code 0, 1 answers");
    // TXT, NULL, HTTPS, ANY: nothing that could carry more than yes or no.
    for kind in ["16", "10", "65", "255"] {
        assert_eq!(ask(&["secret.w.test", kind]), "code 0, 0 answers");
        assert_eq!(ask(&["secret.evil.test", kind]), "code 3, 0 answers");
    }
    assert_eq!(ask(&["evil.test", "1", "tcp"]), "code 3, 0 answers");
    assert_eq!(ask(&["2.0.18.198.in-addr.arpa", "12"]), "code 3, 0 answers");
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn where_a_service_is_is_a_question_about_its_name() {
    let world = World::new(Identity::Current);
    // SRV, as apt asks before it asks for the name, and TXT.
    for (name, kind, answer, told) in [
        ("_http._tcp.a.test", "33", "code 0, 0 answers", ""),
        ("_acme-challenge.a.test", "16", "code 0, 0 answers", ""),
        ("_http._tcp.evil.test", "33", "code 3, 0 answers", "evil.test"),
        ("_http._tcp.b.a.test", "33", "code 3, 0 answers", "b.a.test"),
        ("_http._tcp.a.test", "1", "code 3, 0 answers", "_http._tcp.a.test"),
        ("_tcp", "33", "code 3, 0 answers", "_tcp"),
    ] {
        let said = world.try_program(&["a.test"], &["ask", name, kind]);
        assert_eq!(succeeded(&said), answer, "{name}");
        let refused = format!("palisade: `palisade-attack`: {told} refused: no rule allows it");
        assert!(said.stderr.starts_with(if told.is_empty() { "" } else { &refused }), "{said}");
        assert_eq!(said.stderr.is_empty(), told.is_empty(), "{said}");
    }
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn names_below_a_wildcard_are_limited() {
    let world = World::new(Identity::Current);
    let said = world.try_program(&["*.w.test", "known.w.test"], &["ask-many", "130", "w.test"]);
    assert_eq!(succeeded(&said), "100 of 130");
    let reason =
        "palisade: `palisade-attack`: x100.w.test refused: 100 names below `*.w.test` have been asked for";
    assert!(said.stderr.contains(reason), "{said}");
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn what_is_no_rule_ends_with_exit_code_2_before_anything_runs() {
    let world = World::new(Identity::Current);
    for (options, message) in [
        (&["--allow", "a..b"][..], "error: --allow: rule `a..b`, column 3: a label between dots is empty"),
        (&["--allow", "a.b/udp"], "column 5: `/udp` needs a port before it, as in `NAME:22/udp`"),
        (&["--preset", "cargo"], "error: --preset: no preset is called `cargo`; did you mean `crates`?"),
        (&["--preset", "x"], "error: --preset: no preset is called `x`; there are crates, npm"),
        (
            &["--allow", "npm"],
            "error: --allow: `npm` is a preset, not a rule; a host of this name is written `npm:443`",
        ),
        (&["--resolver", "ns.test"], "a name server is an address"),
        (&["--net", "none", "--allow", "a.b"], "error: --allow and --preset need --net allow or --net audit"),
        (
            &["--net", "host", "--preset", "npm"],
            "error: --allow and --preset need --net allow or --net audit",
        ),
        (&["--allow", "a.b", "--without", "net"], "need the layer `net`"),
    ] {
        let outcome = world.context.palisade().args(["sandbox"]).args(options).args(["--", "true"]).run();
        assert_eq!(outcome.code, Some(2), "{outcome}");
        assert!(outcome.stderr.contains(message), "{outcome}");
    }
}
