//! QUIC by a real client and a real server: aioquic, from PyPI.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use palisade_tests::{Identity, Outcome, Python, python, skipped};

use crate::world::World;

const PROGRAM: &str = include_str!("quic.py");

/// A server at the loopback's second address and the port of HTTP/3; the gateway takes no other for QUIC.
struct Server(Child);

impl Server {
    fn start(python: &Python, program: &Path) -> Option<Server> {
        let mut child = Command::new(python.program("python3"))
            .arg(program)
            .args(["server", "127.0.0.2", "443"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut said = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut said).expect("a line");
        let server = Server(child);
        if said != "listening\n" {
            skipped("no server can listen on port 443 of 127.0.0.2");
            return None;
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A client in a sandbox that reaches `a.test`.
fn client(world: &World, python: &Python, program: &Path, rule: &str, args: &[&str]) -> Outcome {
    let mut palisade = world.context.palisade().args(["sandbox", "--net", "allow"]);
    for shown in [&python.dir, &python.base, program.parent().expect("a directory")] {
        palisade = palisade.args(["--ro".as_ref(), shown.as_os_str()]);
    }
    palisade = palisade.args(world.options(&[rule.to_owned()])).args(["--"]);
    palisade.args([python.program("python3").as_path(), program]).args(["client"]).args(args).run()
}

#[test]
fn quic_goes_to_the_name_that_was_looked_up_and_to_no_other() {
    let Some(python) = python() else { return };
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let programs = world.context.root().join("quic");
    std::fs::create_dir(&programs).expect("a directory");
    let program = programs.join("quic.py");
    std::fs::write(&program, PROGRAM).expect("a file");
    let Some(_server) = Server::start(python, &program) else { return };
    // The server has each client begin again (a retry), whose keys are others.
    for version in ["VERSION_1", "VERSION_2"] {
        let said = client(&world, python, &program, "a.test:443/udp", &["a.test", "443", "a.test", version]);
        assert_eq!(said.stdout, "answer: echo of xxxxx\n", "{version}: {said}");
        assert_eq!(said.stderr, "", "nothing was refused");
        let said =
            client(&world, python, &program, "a.test:443/udp", &["a.test", "443", "evil.test", version]);
        let reason = "the QUIC handshake is for `evil.test`, not for the name that was looked up";
        assert_eq!(said.stdout, format!("refused: error 305: palisade refuses this: {reason}\n"), "{said}");
        assert_eq!(said.stderr, format!("palisade: `python3.11`: a.test:443/udp refused: {reason}\n"));
        // The twin: without a gateway the server answers to any name.
        let output = Command::new(python.program("python3"))
            .arg(&program)
            .args(["client", "127.0.0.2", "443", "evil.test", version])
            .output()
            .expect("python3 runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "answer: echo of xxxxx\n");
    }
    // Datagrams of something else, at the port of QUIC.
    let told = world.until_told(&["a.test:443/udp"], &["flood", "a.test", "443", "3"]);
    assert_eq!(
        told,
        "palisade: `palisade-attack`: a.test:443/udp refused: the QUIC packet begins no connection\n"
    );
}
