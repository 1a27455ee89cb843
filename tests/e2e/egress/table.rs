//! Attacks on what the gateway reads, each with a harmless twin. Each attack is first tried without the gateway, where it
//! must succeed, so that its failure says something.

use std::fmt::Write as _;

use palisade_tests::target_dir;

use crate::attacks::{hello, records};
use crate::world::{CANARY, Server, World, succeeded};

/// What a row sends to a server.
enum Says {
    /// Requests of HTTP, behind which is the server that trusts every head it sees.
    Http(String),
    /// The first message of TLS.
    Tls(String),
}

struct Row {
    name: &'static str,
    says: Says,
    /// In pieces of so many bytes.
    piece: Option<&'static str>,
}

fn http(name: &'static str, text: &str) -> Row {
    Row { name, says: Says::Http(text.to_owned()), piece: None }
}

fn tls(name: &'static str, server: Option<&str>, extension: Option<u16>) -> Row {
    Row { name, says: Says::Tls(records(&hello(server, extension), 4096)), piece: None }
}

impl Row {
    fn in_pieces(self, piece: &'static str) -> Row {
        Row { piece: Some(piece), ..self }
    }

    fn bytes(&self) -> &str {
        match &self.says {
            Says::Http(bytes) | Says::Tls(bytes) => bytes,
        }
    }
}

/// A request that is smuggled in another's body, or behind it.
const EVIL: &str = "GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n";

fn post(lines: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n{body}")
}

/// As the attack program takes bytes that can't stand in an argument.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("hex:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// What must not reach the server.
fn attacks() -> Vec<Row> {
    let smuggled = format!("0\r\n\r\n{EVIL}");
    let length = smuggled.len();
    vec![
        http("Host of another", EVIL),
        http("Host of another, byte by byte", EVIL).in_pieces("1"),
        http("two Hosts, the other first", "GET /evil HTTP/1.1\r\nHost: evil.test\r\nHost: a.test\r\n\r\n"),
        http("two Hosts, the other last", "GET /evil HTTP/1.1\r\nHost: a.test\r\nHost: evil.test\r\n\r\n"),
        http(
            "a Host behind a bare line feed",
            "GET /evil HTTP/1.1\r\nHost: a.test\r\nX: a\nHost: evil.test\r\n\r\n",
        ),
        http(
            "a Host on a folded line",
            "GET /evil HTTP/1.1\r\nHost: a.test\r\nX: a\r\n Host: evil.test\r\n\r\n",
        ),
        http(
            "a Host with a space before its colon",
            "GET /evil HTTP/1.1\r\nHost : evil.test\r\nHost: a.test\r\n\r\n",
        ),
        http("an absolute target of another", "GET http://evil.test/evil HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        http(
            "an absolute target with user information",
            "GET http://a.test@evil.test/evil HTTP/1.1\r\nHost: a.test\r\n\r\n",
        ),
        http("a tunnel", "CONNECT evil.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        http(
            "a tunnel behind a request",
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\nCONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n",
        ),
        http(
            "HTTP/2 in clear, for another",
            &hex(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x0e\x01\x05\0\0\0\x01\x82\x86\x84\x41\x09evil.test\r\n\r\n"),
        ),
        http(
            "an upgrade to HTTP/2, and another behind it",
            &format!(
                "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{EVIL}"
            ),
        ),
        http(
            "a name that only looks alike",
            "GET /evil HTTP/1.1\r\nHost: xn--a-ebb.test\r\nX: evil.test\r\n\r\n",
        ),
        http(
            "length and chunks",
            &post(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"), &smuggled),
        ),
        http(
            "chunks and length",
            &post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"), &smuggled),
        ),
        http("two lengths", &post(&format!("Content-Length: {length}\r\nContent-Length: 0"), &smuggled)),
        http("an encoding that isn't known", &post("Transfer-Encoding: xchunked", &smuggled)),
        http("an encoding behind a space", &post("Transfer-Encoding : chunked", &smuggled)),
        http("a second request behind a body of chunks", &post("Transfer-Encoding: chunked", &smuggled)),
        http("the same, byte by byte", &post("Transfer-Encoding: chunked", &smuggled)).in_pieces("1"),
        http(
            "a second request behind one for WebSocket that isn't granted",
            &format!(
                "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n{EVIL}"
            ),
        ),
        tls("a handshake for another", Some("evil.test"), None),
        tls("the same in pieces", Some("evil.test"), None).in_pieces("3"),
        tls("a handshake for nobody", None, None),
        tls("a handshake for a name that only looks alike", Some("xn--a-ebb.test"), None),
        tls("a handshake for a name below", Some("evil.a.test"), None),
        tls("an encrypted hello", Some("a.test"), Some(0xfe0d)),
        tls("two names of the server", Some("a.test"), Some(0)),
    ]
}

/// What must.
fn twins() -> Vec<Row> {
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    vec![
        http("a request", get),
        http("a request, byte by byte", get).in_pieces("1"),
        http("a name in capitals and with its dot", "GET / HTTP/1.1\r\nHost: A.Test.\r\n\r\n"),
        http("an absolute target", "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        http("two requests", &format!("{get}{get}")),
        http("a body of a length", &post("Content-Length: 2", "ok")),
        http("a body of chunks", &post("Transfer-Encoding: chunked", "2\r\nok\r\n0\r\n\r\n")),
        tls("a handshake", Some("a.test"), None),
        tls("a handshake in capitals", Some("A.TEST"), None),
        tls("a handshake in pieces", Some("a.test"), None).in_pieces("3"),
    ]
}

/// The servers that wait for all of it.
struct Servers {
    http: Server,
    blunt: Server,
}

impl Servers {
    fn of(&self, row: &Row) -> &Server {
        match row.says {
            Says::Http(_) => &self.http,
            Says::Tls(_) => &self.blunt,
        }
    }

    /// What the server of a row has heard that it mustn't: of HTTP, where each request is checked, what is evil.
    fn breach(&self, row: &Row) -> bool {
        let heard = self.of(row).heard();
        match row.says {
            Says::Http(_) => heard.iter().any(|head| head.contains("evil")),
            Says::Tls(_) => !heard.is_empty(),
        }
    }
}

#[test]
fn what_the_gateway_reads_is_not_understood_in_another_way_behind_it() {
    let servers = Servers { http: Server::http(), blunt: Server::blunt() };
    let mut table =
        "# Attacks × gateway\n\n| attack | without the gateway | with it |\n| --- | --- | --- |\n".to_owned();
    let mut wrong = Vec::new();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        for row in attacks() {
            let server = servers.of(&row);
            let port = server.port().to_string();
            let dial = |host| ["dial", host, port.as_str(), row.bytes()].into_iter().chain(row.piece);
            world.context.command(world.attack()).args(dial("127.0.0.2")).output().expect("it runs");
            let outside = servers.breach(&row);
            server.forget();
            let said = world.try_program(&[format!("a.test:{port}")], &dial("a.test").collect::<Vec<_>>());
            let inside = servers.breach(&row) || !said.stderr.contains(" refused: ");
            server.forget();
            let told = |breach| if breach { "succeeds" } else { "is refused" };
            let _ = writeln!(table, "| {} | {} | {} |", row.name, told(outside), told(inside));
            if !outside || inside {
                wrong.push(format!("{}: outside {outside}, inside {inside}: {said}", row.name));
            }
        }
        for row in twins() {
            let port = servers.of(&row).port().to_string();
            let dial = ["dial", "a.test", port.as_str(), row.bytes()].into_iter().chain(row.piece);
            let said = world.try_program(&[format!("a.test:{port}")], &dial.collect::<Vec<_>>());
            servers.of(&row).forget();
            if !succeeded(&said).contains(CANARY) || !said.stderr.is_empty() {
                wrong.push(format!("{}: {said}", row.name));
            }
        }
    }
    std::fs::write(target_dir().join("egress-attack-table.md"), &table).expect("the table is written");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

#[test]
fn names_that_only_look_like_an_allowed_one_are_nobody_s() {
    let world = World::new(palisade_tests::Identity::Current);
    let ask = |name: &str, way: &[&str]| {
        let args: Vec<&str> = ["ask", name, "1"].iter().chain(way).copied().collect();
        succeeded(&world.try_program(&["a.test"], &args)).to_owned()
    };
    let long = "x".repeat(63);
    let deep = format!("{long}.{long}.a.test");
    for name in ["xn--a-ebb.test", "\u{e4}.test", "a-.test", "a.test.test", "b.a.test", &deep] {
        for way in [&[][..], &["tcp-bytes"]] {
            let answer = ask(name, way);
            assert!(answer.ends_with(", 0 answers") && !answer.starts_with("code 0"), "{name}: {answer}");
        }
    }
    assert_eq!(ask("A.tEsT", &[]), "code 0, 1 answers");
    assert_eq!(ask("a.test", &["tcp-bytes"]), "code 0, 1 answers");
    assert_eq!(world.asked(), [""; 0]);
}
