//! What must fail, each with a server that waits for it.

use palisade_tests::Identity;

use crate::world::{CANARY, Server, World, blunt, prevented, succeeded};

#[test]
fn no_address_is_reached_but_by_its_name() {
    let server = Server::blunt();
    let port = server.port().to_string();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        let rules = [format!("a.test:{port}/opaque")];
        for address in [
            "127.0.0.2",
            "127.0.0.1",
            "::ffff:127.0.0.2",
            "::1",
            "192.0.2.1",
            "169.254.169.254",
            "10.0.0.1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:2",
            "2001:4860:4860::8888",
            "0.0.0.0",
            // Synthetic addresses that stand for no name, and the name server's.
            "198.18.0.1",
            "198.18.0.2",
            "198.19.255.254",
            "fd70:616c:6973::2",
            "fd70:616c:6973::ffff",
        ] {
            let said = world.try_program(&rules, &["dial", address, &port, "x"]);
            assert!(prevented(&said).starts_with("prevented: connect"), "{address}: {said}");
        }
        // As numbers, which the C library takes for addresses.
        for address in ["2130706434", "0x7f000002", "0177.0.0.2"] {
            let said = world.try_program(&rules, &["dial", address, &port, "x"]);
            assert!(prevented(&said).starts_with("prevented: "), "{address}: {said}");
        }
        let said = world.try_program(&rules, &["send-fast", "127.0.0.2", &port]);
        assert!(said.stdout.contains("outcome: "), "{said}");
        let said = world.try_program(&rules, &["ask", "a.test", "1", &world.resolver()]);
        assert!(prevented(&said).starts_with("prevented: "), "the host's name server: {said}");
        let said = world.try_program(&rules, &["ask", "a.test", "1", "8.8.8.8:53"]);
        assert!(prevented(&said).starts_with("prevented: send"), "a public name server: {said}");
        assert!(server.heard().is_empty());
        // The twin: by its name all of that is reached.
        let said = world.try_program(&rules, &["dial", "a.test", &port, "x"]);
        assert_eq!(succeeded(&said), CANARY);
        assert_eq!(server.heard(), ["x"]);
        server.forget();
    }
}

#[test]
fn a_name_that_leads_to_the_host_or_to_metadata_is_refused() {
    let server = Server::blunt();
    let port = server.port().to_string();
    let world = World::new(Identity::Current);
    let rules = [format!("a.test:{port}/opaque")];
    for (address, what) in [
        ("127.0.0.1", "the host's loopback"),
        ("169.254.169.254", "link-local, where clouds have their metadata"),
        ("fd00:ec2::254", "not of the internet"),
        ("::1", "the host's loopback"),
        ("::ffff:127.0.0.1", "the host's loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local, where clouds have their metadata"),
        ("2002:7f00:1::1", "the host's loopback"),
        ("10.0.0.1", "of a private network"),
        ("0.0.0.0", "of this host alone"),
    ] {
        world.name("a.test", &[address]);
        let said = world.try_program(&rules, &["dial", "a.test", &port, "x"]);
        prevented(&said);
        let told = format!(
            "palisade: `palisade-attack`: a.test:{port} refused: its address {address}: it is {what}\n"
        );
        assert_eq!(said.stderr, told, "{address}");
    }
    // Of several addresses only those are tried that may be.
    world.name("a.test", &["127.0.0.1", "169.254.169.254", "127.0.0.2"]);
    assert_eq!(succeeded(&world.try_program(&rules, &["dial", "a.test", &port, "x"])), CANARY);
}

#[test]
fn a_name_that_moves_to_the_host_meanwhile_is_refused_there() {
    let host = Server::start("127.0.0.1:0", blunt);
    let port = host.port();
    let server = Server::start(&format!("127.0.0.2:{port}"), blunt);
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let attack = world.attack();
    // The name is asked for anew once its answer, which is good for no time at all, is a second old.
    let script = format!("{attack} dial a.test {port} x; sleep 1.5; {attack} dial a.test {port} y");
    let said = std::thread::scope(|scope| {
        let running = scope.spawn(|| world.shell(&[format!("a.test:{port}/opaque")], &script).run());
        while server.heard().is_empty() && !running.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        world.name("a.test", &["127.0.0.1"]);
        running.join().expect("it ends")
    });
    assert_eq!(succeeded(&said), CANARY);
    assert_eq!((server.heard().len(), host.heard().len()), (1, 0), "{said}");
    assert!(said.stderr.contains("its address 127.0.0.1: it is the host's loopback"), "{said}");
}

#[test]
fn another_port_of_an_allowed_name_is_closed() {
    let (server, other) = (Server::blunt(), Server::blunt());
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let rules = [format!("a.test:{}/opaque", server.port())];
    let said = world.try_program(&rules, &["dial", "a.test", &other.port().to_string(), "x"]);
    assert!(prevented(&said).contains("ECONNREFUSED"), "{said}");
    assert!(other.heard().is_empty());
}

#[test]
fn http_must_be_for_the_name_in_every_request() {
    let server = Server::http();
    let port = server.port().to_string();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let rules = [format!("a.test:{port}")];
    let send = |text: &str| world.try_program(&rules, &["dial", "a.test", &port, text]);
    let good = "GET /good HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for bad in [
        "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        "GET http://evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "CONNECT evil.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: evil.test\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let said = send(bad);
        assert!(said.stderr.contains(" refused: the HTTP request "), "{bad}: {said}");
        assert!(succeeded(&said).contains("403 Forbidden"), "{said}");
        assert!(!said.stdout.contains(CANARY));
        assert!(server.heard().is_empty(), "{bad}");
    }
    let second = send(&format!("{good}GET /bad HTTP/1.1\r\nHost: evil.test\r\n\r\n"));
    assert!(second.stderr.contains("the HTTP request is for `evil.test`"), "{second}");
    assert!(server.heard().iter().all(|head| head.starts_with("GET /good")));
    // The twin: two honest ones.
    server.forget();
    let said = send(&format!("{good}{good}"));
    assert_eq!(succeeded(&said).matches(CANARY).count(), 2);
}

fn vector(bytes: usize, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&length[4 - bytes..], content].concat()
}

/// A client's hello for a server, with one more extension.
pub fn hello(server: Option<&str>, extension: Option<u16>) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(server) = server {
        let entry = [vec![0], vector(2, server.as_bytes())].concat();
        extensions.extend([vec![0, 0], vector(2, &vector(2, &entry))].concat());
    }
    if let Some(kind) = extension {
        extensions.extend([kind.to_be_bytes().to_vec(), vector(2, &[0])].concat());
    }
    let body = [
        vec![3, 3],
        vec![7; 32],
        vector(1, &[]),
        vector(2, &[0x13, 0x01]),
        vector(1, &[0]),
        vector(2, &extensions),
    ]
    .concat();
    [vec![1], vector(3, &body)].concat()
}

/// Records of so many bytes each around it, in hexadecimal.
pub fn records(message: &[u8], size: usize) -> String {
    let bytes = message.chunks(size).flat_map(|part| [vec![22, 3, 1], vector(2, part)].concat());
    bytes.fold("hex:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn tls_must_name_the_server_in_clear() {
    let server = Server::blunt();
    let port = server.port().to_string();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let rules = [format!("a.test:{port}")];
    for (hello, reason) in [
        (hello(Some("evil.test"), None), "the TLS handshake is for `evil.test`"),
        (hello(None, None), "names no server (SNI)"),
        (hello(Some("a.test"), Some(0xfe0d)), "hides the server's name (ECH)"),
        (hello(Some("a.test"), Some(0)), "is malformed"),
    ] {
        let said = world.try_program(&rules, &["dial", "a.test", &port, &records(&hello, 4096)]);
        prevented(&said);
        assert!(said.stderr.contains(reason), "{said}");
        assert!(server.heard().is_empty());
    }
    // The twin, whole and in pieces.
    for size in [4096, 7] {
        let hello = records(&hello(Some("a.test"), Some(43)), size);
        let said = world.try_program(&rules, &["dial", "a.test", &port, &hello]);
        assert_eq!(succeeded(&said), CANARY);
    }
}

#[test]
fn other_protocols_need_a_rule_that_says_so() {
    let server = Server::blunt();
    let port = server.port().to_string();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let bytes = "hex:00000008b0b0";
    let said = world.try_program(&[format!("a.test:{port}")], &["dial", "a.test", &port, bytes]);
    prevented(&said);
    let remedy = format!("neither TLS nor HTTP is spoken; `--allow a.test:{port}/opaque` would allow it");
    assert!(said.stderr.contains(&remedy), "{said}");
    assert!(server.heard().is_empty());
    let said = world.try_program(&[format!("a.test:{port}/opaque")], &["dial", "a.test", &port, bytes]);
    assert_eq!(succeeded(&said), CANARY);
    // Families and kinds of sockets that pass names by: raw, packet, SCTP, DCCP, UDP-Lite, vsock, AF_ALG.
    for socket in [
        ["2", "3", "1"],
        ["10", "3", "58"],
        ["17", "3", "768"],
        ["40", "1", "0"],
        ["38", "5", "0"],
        ["2", "6", "33"],
    ] {
        let args: Vec<&str> = ["socket"].into_iter().chain(socket).collect();
        let said = world.try_program(&["a.test"], &args);
        assert!(!said.stdout.contains("outcome: succeeded"), "{socket:?}: {said}");
    }
}

#[test]
fn no_gateway_means_no_network() {
    use std::os::unix::process::CommandExt;
    let world = World::new(Identity::Current);
    let args = ["sandbox", "--allow", "a.test", "--", "sh", "-c", "getent hosts a.test; sleep 1000"];
    let mut command = world.context.palisade().args(args).into_command();
    command.process_group(0).stderr(std::process::Stdio::piped());
    let child = command.spawn().expect("palisade starts");
    let gateway = loop {
        if let Some(gateway) = gateway_of(child.id()) {
            break gateway;
        }
        std::thread::yield_now();
    };
    nix::sys::signal::kill(gateway, nix::sys::signal::Signal::SIGKILL).expect("it lives");
    let output = child.wait_with_output().expect("palisade ends");
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8_lossy(&output.stderr);
    // It may have died before it had its orders.
    let died = ["the egress gateway has died", "the egress gateway can't be started"];
    assert!(died.iter().any(|died| said.contains(died)), "{said}");
}

/// The gateway among a process's children, whichever of its threads has started it.
pub fn gateway_of(parent: u32) -> Option<nix::unistd::Pid> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).ok()?.flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let children: String = children.collect();
    children.split_whitespace().find_map(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let is = line.starts_with(b"palisade-gateway\0");
        is.then(|| pid.parse().ok().map(nix::unistd::Pid::from_raw))?
    })
}
