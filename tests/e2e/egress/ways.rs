//! Ways to reach somebody past the gateway, by address, by name, by other calls and transports. Each is first gone without
//! the gateway, where it must lead there, in a network that has the addresses of the world: a public one and a name server's,
//! clouds' metadata, a private network's.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use palisade_tests::{Need, Outcome, require};

use crate::world::{CANARY, Datagrams, Server, World, blunt, succeeded};

/// Addresses that this network has besides those of its loopback.
const WORLD: [&str; 6] =
    [PUBLIC, "2001:4860:4860::8888", METADATA, "fd00:ec2::254", "10.77.0.9", "100.64.0.9"];
const PUBLIC: &str = "8.8.8.8";
const METADATA: &str = "169.254.169.254";

/// Where those listen of whom it isn't counted what they hear: the program says where it got to.
const UNCOUNTED: u16 = 999;

/// One way: what is run without the gateway, and what within the sandbox. `PORT` is that of the servers.
struct Way {
    name: String,
    outside: String,
    inside: String,
    /// What `a.test` leads to, where that isn't where it may.
    leads_to: Option<&'static str>,
}

fn way(name: impl Into<String>, outside: impl Into<String>, inside: impl Into<String>) -> Way {
    Way { name: name.into(), outside: outside.into(), inside: inside.into(), leads_to: None }
}

/// The same thing without the gateway and with it.
fn alike(name: impl Into<String>, run: impl Into<String>) -> Way {
    let run = run.into();
    way(name, run.clone(), run)
}

fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for (what, address) in [
        ("the host's loopback", "127.0.0.1"),
        ("the host's loopback, of IPv6", "::1"),
        ("the host's loopback, as an address of IPv6", "::ffff:127.0.0.1"),
        ("the host's loopback, as a number", "2130706433"),
        ("the host's loopback, in hexadecimal", "0x7f000001"),
        ("the host's loopback, in octal", "0177.0.0.1"),
        ("no address", "0.0.0.0"),
        ("the allowed name's own address", "127.0.0.2"),
        ("a public address", PUBLIC),
        ("a public address, as a number", "134744072"),
        ("a public address of IPv6", "2001:4860:4860::8888"),
        ("a private network's", "10.77.0.9"),
        ("a shared network's", "100.64.0.9"),
        ("metadata", METADATA),
        ("metadata of IPv6", "fd00:ec2::254"),
        ("metadata, as an address of IPv6", "::ffff:169.254.169.254"),
        ("metadata, as a number", "2852039166"),
    ] {
        ways.push(alike(format!("{what}: `{address}`"), format!("dial {address} PORT x")));
    }
    for address in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        PUBLIC,
        "10.77.0.9",
        "100.64.0.9",
        METADATA,
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
    ] {
        let name = format!("an allowed name that leads to `{address}`, which is the host's");
        let way = way(name, format!("dial {address} PORT x"), "dial a.test PORT x");
        ways.push(Way { leads_to: Some(address), ..way });
    }
    let alias = way("the same by an alias", format!("dial {METADATA} PORT x"), "dial alias.test PORT x");
    ways.push(alias);
    for how in ["connect", "sendto", "sendmsg", "sendmmsg"] {
        for address in ["127.0.0.1", PUBLIC, METADATA, "::ffff:169.254.169.254"] {
            let name = format!("datagrams by `{how}` to `{address}`");
            ways.push(alike(name, format!("datagram {address} PORT x {how}")));
        }
        ways.push(way(
            format!("datagrams by `{how}` to a port of TCP alone"),
            format!("datagram 127.0.0.2 PORT x {how}"),
            format!("datagram a.test PORT x {how}"),
        ));
    }
    for (what, port) in [("over TCP", 53), ("over TLS", 853), ("over HTTPS", 443)] {
        ways.push(alike(format!("a public name server's answers {what}"), format!("dial {PUBLIC} {port} x")));
    }
    ways.push(alike("a public name server's answers", format!("ask secret.evil.test 16 {PUBLIC}:53")));
    ways.push(way("another name", "dial 127.0.0.2 PORT x", "dial evil.test PORT x"));
    ways.push(way("another port of the name", "dial 127.0.0.2 853 x", "dial a.test 853 x"));
    for address in ["127.0.0.1", PUBLIC, METADATA] {
        let fast = format!("send-fast {address} PORT");
        ways.push(alike(format!("data before a connection (MSG_FASTOPEN) to `{address}`"), fast));
    }
    for (what, kind, protocol) in [("multipath TCP", 1, 262), ("SCTP", 1, 132), ("DCCP", 6, 33)] {
        ways.push(alike(what, format!("reach {kind} {protocol} {PUBLIC} PORT x")));
    }
    for (what, address) in [("metadata", METADATA), ("a public address", PUBLIC)] {
        let race = |host, times| format!("race {host} {UNCOUNTED} {address} {times}");
        let name = format!("an address in memory that turns into that of {what} meanwhile");
        ways.push(way(name, race("127.0.0.2", 100_000), race("a.test", 300)));
    }
    for (what, socket) in [
        ("raw packets", "2 3 1"),
        ("raw packets of IPv6", "10 3 58"),
        ("packets of the link", "17 3 768"),
        ("echo requests", "2 2 1"),
        ("the hypervisor's sockets", "40 1 0"),
        ("the kernel's cryptography", "38 5 0"),
        ("the packet filter's sockets", "16 3 12"),
    ] {
        ways.push(alike(what, format!("socket {socket}")));
    }
    ways
}

/// Who waits at all these addresses.
struct Servers {
    port: u16,
    tcp: Vec<Server>,
    udp: Vec<Datagrams>,
    _uncounted: Vec<Server>,
}

impl Servers {
    fn start() -> Servers {
        let first = Server::start("127.0.0.2:0", blunt);
        let (port, mut tcp, mut udp) = (first.port(), vec![first], Vec::new());
        let at = |address: &str, port: u16| match address.contains(':') {
            true => format!("[{address}]:{port}"),
            false => format!("{address}:{port}"),
        };
        for address in ["127.0.0.1", "::1"].iter().chain(&WORLD) {
            tcp.push(Server::start(&at(address, port), blunt));
        }
        for address in ["127.0.0.1", "127.0.0.2", PUBLIC, METADATA] {
            udp.push(Datagrams::start(&at(address, port)));
        }
        tcp.extend([53, 853, 443].map(|port| Server::start(&at(PUBLIC, port), blunt)));
        tcp.push(Server::start(&at("127.0.0.2", 853), blunt));
        udp.push(Datagrams::start(&at(PUBLIC, 53)));
        let uncounted =
            ["127.0.0.2", PUBLIC, METADATA].map(|address| Server::start(&at(address, UNCOUNTED), blunt));
        Servers { port, tcp, udp, _uncounted: uncounted.into() }
    }

    /// Whether anything has come since this was asked last.
    fn were_reached(&self) -> bool {
        let streams = self.tcp.iter().filter(|server| !server.heard().is_empty()).count();
        self.tcp.iter().for_each(Server::forget);
        streams + self.udp.iter().filter(|server| !server.heard().is_empty()).count() > 0
    }

    fn args<'a>(&self, run: &'a str, port: &'a str) -> Vec<&'a str> {
        run.split(' ').map(|word| if word == "PORT" { port } else { word }).collect()
    }
}

/// Has this thread, and what it starts, be in a network of its own that has the world's addresses.
fn apart() {
    unshare(CloneFlags::CLONE_NEWNET).expect("a network of its own");
    let ip = |args: &str| {
        let done = Command::new("ip").args(args.split(' ')).status().expect("`ip` runs");
        assert!(done.success(), "ip {args}");
    };
    ip("link set lo up");
    for address in WORLD {
        let length = if address.contains(':') { 128 } else { 32 };
        ip(&format!("address add {address}/{length} dev lo"));
    }
}

/// What is wrong with a way, and its row of the table.
fn go(world: &World, servers: &Servers, way: &Way) -> (Option<String>, String) {
    let port = servers.port.to_string();
    world.name("a.test", &[way.leads_to.unwrap_or("127.0.0.2")]);
    let output = world.context.command(world.attack()).args(servers.args(&way.outside, &port)).output();
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let claims = said.contains("outcome: succeeded: ");
    // What is on its way arrives.
    let mut reached = servers.were_reached();
    while way.outside.starts_with("send-fast ") && claims && !reached {
        std::thread::sleep(Duration::from_millis(1));
        reached = servers.were_reached();
    }
    let outside = reached || claims;
    // An ordinary user may not have such a socket anywhere, and not every kernel has each.
    let refused = said.contains(": EPERM") || said.contains(": EACCES");
    let is_void = said.contains("outcome: void: ") || way.outside.starts_with("socket ") && refused;
    let rules = [
        format!("a.test:{port}/opaque"),
        format!("alias.test:{port}/opaque"),
        format!("a.test:{UNCOUNTED}/opaque"),
    ];
    let said_inside = world.try_program(&rules, &servers.args(&way.inside, &port));
    let inside = servers.were_reached() || said_inside.stdout.contains("outcome: succeeded: ");
    let wrong = !outside && !is_void || inside || !said_inside.stdout.contains("outcome: ");
    let wrong = wrong.then(|| format!("{}: outside {said}, inside {said_inside}", way.name));
    let told = [
        if outside { "leads there" } else { "isn't to be had here" },
        if inside { "leads there" } else { "leads nowhere" },
    ];
    (wrong, format!("| {} | {} | {} |\n", way.name, told[0], told[1]))
}

/// Goes all ways as each user; gives the table and what is wrong.
fn go_all() -> (String, Vec<String>) {
    apart();
    let servers = Servers::start();
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for (world, user) in World::all().into_iter().zip(["root", "an ordinary user"]) {
        world.alias("alias.test", METADATA).name("evil.test", &["127.0.0.2"]);
        let _ =
            writeln!(table, "\n## As {user}\n\n| way | without the gateway | with it |\n| --- | --- | --- |");
        for way in ways() {
            let (broken, row) = go(&world, &servers, &way);
            table.push_str(&row);
            wrong.extend(broken);
        }
        // The twin: what is allowed is reached, by name.
        world.name("a.test", &["127.0.0.2"]);
        let port = servers.port.to_string();
        let said: Outcome =
            world.try_program(&[format!("a.test:{port}/opaque")], &["dial", "a.test", &port, "x"]);
        assert_eq!(succeeded(&said), CANARY);
        assert!(servers.were_reached());
    }
    (table, wrong)
}

#[test]
fn no_way_leads_past_the_gateway() {
    if !require(Need::Root) || !require(Need::Program("ip")) {
        return;
    }
    // Networks are threads', not processes'.
    let (table, wrong) = std::thread::spawn(go_all).join().expect("it ends");
    let table = format!("# Ways past the gateway\n{table}");
    std::fs::write(palisade_tests::target_dir().join("egress-ways-table.md"), &table)
        .expect("the table is written");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

#[test]
fn a_connection_of_the_caller_s_isn_t_its_sandbox_s() {
    let server = Server::start("127.0.0.2:0", blunt);
    let port = server.port().to_string();
    for world in World::all() {
        let palisade = world.context.palisade_path();
        let palisade = palisade.to_str().expect("a path in UTF-8");
        let holding = |program: &[&str]| {
            let script = "exec 3<>/dev/tcp/127.0.0.2/$0; exec \"$@\"";
            let args = ["-c", script, &port].into_iter().chain(program.iter().copied());
            world.context.command("bash").args(args).output().expect("it runs")
        };
        let leak = ["sh", "-c", "echo secret >&3"];
        assert!(holding(&leak).status.success());
        let said = holding(&[&[palisade, "sandbox", "--allow", "a.test", "--"][..], &leak].concat());
        assert_eq!(said.status.code(), Some(2), "{said:?}");
        assert!(String::from_utf8_lossy(&said.stderr).contains("Bad file descriptor"), "{said:?}");
        // The first one's, and the end of the second one's.
        while server.heard().len() < 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut heard = server.heard();
        heard.sort();
        assert_eq!(heard, ["", "secret\\n"]);
        server.forget();
    }
}
