//! Ways past the gateway by other calls and transports, and by the addresses of others.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use palisade_tests::{Identity, Outcome};

use crate::world::{CANARY, Server, World, prevented, succeeded};

/// Types and protocols of sockets: multipath TCP, SCTP, DCCP, UDP-Lite.
const TRANSPORTS: [[&str; 2]; 4] = [["1", "262"], ["1", "132"], ["6", "33"], ["2", "136"]];
const EVIL: &str = "GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n";
const GOOD: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// Runs one of the attack programs with every system call there is.
fn unfiltered(world: &World, rules: &[String], program: &[String]) -> Outcome {
    let attack = world.attack();
    let programs = Path::new(&attack).parent().expect("a directory").to_owned();
    let palisade =
        world.context.palisade().args(["sandbox", "--without", "seccomp", "--net", "allow", "--ro"]);
    palisade.args([programs]).args(world.options(rules)).args(["--", &attack]).args(program).run()
}

#[test]
fn no_transport_leads_past_the_gateway() {
    let server = Server::http();
    let port = server.port().to_string();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let rules = [format!("a.test:{port}")];
        for [kind, protocol] in TRANSPORTS {
            let reach = |host, said| ["reach", kind, protocol, host, &port, said].map(str::to_owned);
            // The twin: without the gateway, where this kernel has the transport and the server takes it.
            let output = world.context.command(world.attack()).args(reach("127.0.0.2", EVIL)).output();
            let output = output.expect("it runs");
            let outside = String::from_utf8_lossy(&output.stdout).into_owned();
            let is_void = outside.starts_with("outcome: void: ");
            let falls_back = protocol == "262";
            assert!(is_void || !falls_back || outside.contains(CANARY), "to a server of TCP: {outside}");
            server.forget();
            // The filter of system calls has none of them, as a kernel without them, so that programs take TCP.
            let args = reach("a.test", GOOD);
            let said = world.try_program(&rules, &args.each_ref().map(String::as_str));
            assert!(said.stdout.starts_with("outcome: void: "), "{protocol}: {said}");
            // Without it the gateway is as good.
            for (host, said) in [("127.0.0.2", GOOD), ("192.0.2.1", GOOD), ("a.test", EVIL)] {
                let said = unfiltered(&world, &rules, &reach(host, said));
                assert!(!said.stdout.contains(CANARY), "{protocol} to {host}: {said}");
            }
            assert!(server.heard().is_empty(), "{protocol}");
            // What is for the name goes through, by whatever a job calls it.
            let said = unfiltered(&world, &rules, &args);
            assert!(is_void || !falls_back || said.stdout.contains(CANARY), "{protocol}: {said}");
            server.forget();
        }
    }
}

#[test]
fn data_that_comes_with_the_connection_is_looked_at() {
    let server = Server::http();
    let port = server.port().to_string();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        // `secret` isn't a request, and stands alone.
        let said = world.try_program(&[format!("a.test:{port}")], &["send-fast", "198.18.0.2", &port]);
        assert!(said.stdout.contains("outcome: "), "{said}");
        let said = world.try_program(&[format!("a.test:{port}")], &["send-fast", "a.test", &port]);
        assert!(said.stdout.contains("outcome: "), "{said}");
        assert!(server.heard().is_empty());
    }
}

#[test]
fn another_job_s_address_leads_nowhere() {
    let server = Server::blunt();
    let port = server.port().to_string();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]).name("b.test", &["127.0.0.2"]);
        // One job has looked its name up, and holds a connection.
        let programs = Path::new(&world.attack()).parent().expect("a directory").to_owned();
        let palisade = world.context.palisade().args(["sandbox", "--net", "allow", "--ro"]).args([programs]);
        let palisade = palisade.args(world.options(&[format!("a.test:{port}/opaque")])).args(["--"]);
        let mut command = palisade.args([&world.attack(), "hold", "a.test", &port, "1", "x"]).into_command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut other = command.spawn().expect("palisade starts");
        let mut said = String::new();
        BufReader::new(other.stdout.take().expect("a pipe")).read_line(&mut said).expect("a line");
        assert_eq!(said, "1 of 1 are answered\n");
        server.forget();
        // Another one knows its address.
        let rules = [format!("b.test:{port}/opaque")];
        for address in ["198.18.0.2", "fd70:616c:6973::2"] {
            let said = world.try_program(&rules, &["dial", address, &port, "x"]);
            assert!(prevented(&said).contains("ECONNREFUSED"), "{address}: {said}");
        }
        assert!(server.heard().is_empty());
        assert_eq!(succeeded(&world.try_program(&rules, &["dial", "b.test", &port, "x"])), CANARY);
        drop(other.stdin.take());
        assert!(other.wait().expect("palisade ends").success());
        server.forget();
    }
}

#[test]
fn a_job_neither_sees_its_gateway_nor_ends_it() {
    let server = Server::blunt();
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let attack = world.attack();
    let script = format!(
        "getent hosts a.test || exit; if grep -l palisade-gatewa[y] /proc/[0-9]*/cmdline; then exit; fi; kill -9 -1; \
         for n in $(seq 1000); do [ $n = $$ ] || kill -9 $n; done 2>/dev/null; {attack} dial a.test {port} x"
    );
    let said = world.shell(&[format!("a.test:{port}/opaque")], &script).run();
    assert_eq!(succeeded(&said), CANARY);
}
