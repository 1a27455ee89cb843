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
    let told = format!("palisade: a.test:{closed} failed: it can't be connected to: Connection refused\n");
    assert_eq!(said.stderr, told);
    let said = world.try_program(&rules, &["dial", "b.test", &port.to_string(), "x"]);
    prevented(&said);
    assert_eq!(said.stderr, format!("palisade: b.test:{port} failed: there is no such name\n"));
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
