//! Bytes.

use palisade_tests::{Identity, Need, require};

use crate::world::{Server, World, prevented, succeeded};

#[test]
fn all_bytes_go_both_ways_and_each_end_is_told() {
    let server = Server::echo();
    let port = server.port().to_string();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let rules = [format!("a.test:{port}/opaque")];
        for count in ["1", "65537", "20000000"] {
            let said = world.try_program(&rules, &["echo", "a.test", &port, count]);
            assert_eq!(succeeded(&said), format!("{count} bytes came back"));
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_a_failure_and_no_refusal() {
    let port = Server::echo().port();
    let world = World::new(Identity::Current);
    // Nothing listens on this address.
    world.name("a.test", &["127.0.0.2"]);
    let closed = std::net::TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port();
    let rules = [format!("a.test:{closed}/opaque"), format!("b.test:{port}/opaque")];
    let said = world.try_program(&rules, &["dial", "a.test", &closed.to_string(), "x"]);
    prevented(&said);
    let told = format!(
        "palisade: `palisade-attack`: a.test:{closed} failed: it can't be connected to: Connection refused\n"
    );
    assert_eq!(said.stderr, told);
    let said = world.try_program(&rules, &["dial", "b.test", &port.to_string(), "x"]);
    prevented(&said);
    assert_eq!(
        said.stderr,
        format!("palisade: `palisade-attack`: b.test:{port} failed: there is no such name\n")
    );
}

#[test]
fn a_job_s_own_servers_are_its_own() {
    let world = World::new(Identity::Current);
    if !require(Need::Program("python3")) {
        return;
    }
    let script = "import socket; socket.getaddrinfo('a.test', 8080); \
                  s = socket.create_server(('127.0.0.1', 8080)); \
                  c = socket.create_connection(('localhost', 8080)); print('own')";
    let args = ["sandbox", "--allow", "a.test:8080", "--", "python3", "-c", script];
    let outcome = world.context.palisade().args(args).run();
    assert_eq!(outcome.stdout, "own\n", "{outcome}");
}

#[test]
fn websocket_goes_to_the_host_that_was_asked_for_it() {
    let (server, other) = (Server::websocket(), Server::http());
    let (port, others) = (server.port().to_string(), other.port().to_string());
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let rules = [format!("a.test:{port}"), format!("a.test:{others}")];
        let upgrade = |host: &str, then: &str| {
            format!(
                "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n{then}"
            )
        };
        // All bytes, and those that come in one piece with the request.
        let said = world.try_program(&rules, &["dial", "a.test", &port, &upgrade("a.test", "\u{1}frame")]);
        assert!(succeeded(&said).ends_with("\\r\\n\\x01frame"), "{said}");
        assert_eq!(said.stderr, "");
        server.forget();
        let said = world.try_program(&rules, &["dial", "a.test", &port, &upgrade("evil.test", "")]);
        assert!(said.stderr.contains("the HTTP request is for `evil.test`"), "{said}");
        assert!(server.heard().is_empty());
        // A server that doesn't change the protocol: what follows is a request like others.
        let evil = "GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n";
        let said = world.try_program(&rules, &["dial", "a.test", &others, &upgrade("a.test", evil)]);
        assert!(said.stderr.contains("the HTTP request is for `evil.test`"), "{said}");
        assert!(other.heard().iter().all(|head| !head.contains("evil")));
        let more = "GET /more HTTP/1.1\r\nHost: a.test\r\n\r\n";
        let said = world.try_program(&rules, &["dial", "a.test", &others, &upgrade("a.test", more)]);
        assert_eq!(succeeded(&said).matches(crate::world::CANARY).count(), 2, "{said}");
        other.forget();
    }
}
