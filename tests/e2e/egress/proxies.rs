//! A host whose way to the internet is a proxy: small ones of HTTP, of HTTP within TLS and of SOCKS, all of the tests' own.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use palisade_tests::{Authority, Certificate, Events, Identity, Outcome, authority};
use rustls::{ServerConnection, StreamOwned};

use crate::jobs::run_scripts;
use crate::world::{CANARY, Server, World, blunt};

type Log = Arc<Mutex<Vec<String>>>;

const USER: &str = "runner";
const WORD: &str = "word-of-the-runner";
/// `runner:word-of-the-runner`
const ENCODED: &str = "cnVubmVyOndvcmQtb2YtdGhlLXJ1bm5lcg==";
/// Where the proxies are.
const AT: &str = "127.0.0.3:0";

/// Connects a client with the names' server, whatever the name.
fn connect(client: TcpStream, port: u16) {
    let Ok(server) = TcpStream::connect(("127.0.0.2", port)) else { return };
    let both = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
    let threads = both.map(|(from, to)| {
        std::thread::spawn(move || {
            let (Ok(mut from), Ok(mut to)) = (from, to) else { return };
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        })
    });
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

/// The head of a request, without its last line.
fn head(client: &mut impl Read) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// CONNECT for who has the word.
fn http(mut client: TcpStream, log: &Log) {
    if let Some(port) = asked(&mut client, log) {
        connect(client, port);
    }
}

/// The port that a client of HTTP may be connected with.
fn asked(client: &mut (impl Read + Write), log: &Log) -> Option<u16> {
    let head = head(client)?;
    log.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
    if !head.contains(&format!("\r\nProxy-Authorization: Basic {ENCODED}\r\n")) {
        client.write_all(b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n").ok()?;
        return None;
    }
    // In pieces, and with what the server says right behind.
    client.write_all(b"HTTP/1.1 200 Connection est").ok()?;
    client.write_all(b"ablished\r\nVia: test\r\n\r\n").ok()?;
    head.split(' ').nth(1)?.rsplit_once(':')?.1.parse().ok()
}

/// Who vouches for the proxy within TLS.
fn vouching() -> &'static Authority {
    static VOUCHING: OnceLock<Authority> = OnceLock::new();
    VOUCHING.get_or_init(|| authority(&["proxy.test", "127.0.0.3"], Certificate::Issued))
}

/// The same within TLS.
fn https(client: TcpStream, log: &Log) {
    let session = ServerConnection::new(vouching().server.clone()).expect("a session");
    let mut client = StreamOwned::new(session, client);
    let server = asked(&mut client, log).and_then(|port| TcpStream::connect(("127.0.0.2", port)).ok());
    if let Some(server) = server {
        let _ = carry(client, server);
    }
    // Who hasn't been heard to the end has given up, or wasn't known.
}

/// Carries bytes both ways until both have ended.
fn carry(mut client: StreamOwned<ServerConnection, TcpStream>, mut server: TcpStream) -> std::io::Result<()> {
    let soon = Some(Duration::from_millis(2));
    client.sock.set_read_timeout(soon)?;
    server.set_read_timeout(soon)?;
    let (mut buffer, mut ended) = ([0; 4096], [false; 2]);
    let waits = |e: &std::io::Error| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    while ended != [true; 2] {
        match client.read(&mut buffer) {
            _ if ended[0] => {}
            Ok(0) => {
                ended[0] = true;
                server.shutdown(Shutdown::Write)?;
            }
            Ok(length) => server.write_all(&buffer[..length])?,
            Err(e) if waits(&e) => {}
            Err(e) => return Err(e),
        }
        match server.read(&mut buffer) {
            _ if ended[1] => {}
            Ok(0) => {
                ended[1] = true;
                client.conn.send_close_notify();
                client.flush()?;
            }
            Ok(length) => client.write_all(&buffer[..length])?,
            Err(e) if waits(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn no(mut client: TcpStream, log: &Log) {
    let Some(head) = head(&mut client) else { return };
    log.lock().unwrap().push(head);
    let _ = client.write_all(b"HTTP/1.1 403 No\r\nX: word-of-the-proxy\r\n\r\nword-of-the-proxy");
}

fn silent(mut client: TcpStream, _: &Log) {
    head(&mut client);
}

/// What stands behind its length, and some bytes before that.
fn text(client: &mut TcpStream, before: usize) -> std::io::Result<String> {
    let mut bytes = vec![0; before + 1];
    client.read_exact(&mut bytes)?;
    let mut text = vec![0; bytes[before].into()];
    client.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// SOCKS 5 for who has the word.
fn socks(mut client: TcpStream, log: &Log) {
    let mut serve = || -> std::io::Result<Option<u16>> {
        if !text(&mut client, 1)?.contains('\u{2}') {
            client.write_all(&[5, 0xff])?;
            return Ok(None);
        }
        client.write_all(&[5, 2])?;
        let known = [text(&mut client, 1)?, text(&mut client, 0)?] == [USER, WORD];
        client.write_all(&[1, u8::from(!known)])?;
        if !known {
            return Ok(None);
        }
        let name = text(&mut client, 4)?;
        let mut port = [0; 2];
        client.read_exact(&mut port)?;
        let port = u16::from_be_bytes(port);
        log.lock().unwrap().push(format!("SOCKS {name}:{port}"));
        client.write_all(&[5, 0, 0, 3, 1, b'x', 0, 0])?;
        Ok(Some(port))
    };
    if let Ok(Some(port)) = serve() {
        connect(client, port);
    }
}

/// A file with this text and this mode.
fn file(world: &World, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = world.context.root().join(name);
    std::fs::write(&path, text).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&path, mode).expect("its mode");
    path
}

/// Has the configuration trust who vouches for the proxy within TLS.
fn trusting(world: &World) -> String {
    format!("proxy-ca-file = '{}'", file(world, "ca.pem", &vouching().pem, 0o644).display())
}

/// Runs a job that asks a server of HTTP for the canary, with a word in the file of credentials.
fn run(world: &World, server: &Server, word: &str, network: &str) -> Outcome {
    let path = file(world, "credentials", &format!("{USER}:{word}\n"), 0o600);
    let args = world.configured(&format!("proxy-credentials = '{}'\n{network}", path.display()), "");
    let script = "
          env
          if \"$ATTACK\" dial a.test $PORT \"$REQUEST\" | grep -q canary; then echo reached it; fi
";
    let outcome = run_scripts(world, server, &[script], &args);
    for secret in [WORD, ENCODED, "word-of-the-proxy"] {
        assert!(!outcome.to_string().contains(secret), "{secret}\n{outcome}");
    }
    outcome
}

fn why(outcome: &Outcome) -> String {
    assert!(!outcome.stdout.contains(CANARY), "{outcome}");
    let events = Events::of(outcome);
    let network: Vec<_> = events.of_kind("network").collect();
    assert_eq!(network.len(), 1, "{outcome}");
    assert_eq!(
        (network[0]["outcome"].as_str(), network[0]["proxied"].as_bool()),
        (Some("failed"), Some(true))
    );
    assert!(!events.step_log("a", 0).contains("reached it"), "{outcome}");
    network[0]["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn names_are_reached_by_a_proxy_that_is_told_the_name() {
    let server = Server::http();
    let port = server.port();
    for (scheme, serve, asked) in [
        ("http", http as fn(TcpStream, &Log), format!("CONNECT a.test:{port} HTTP/1.1")),
        ("https", https, format!("CONNECT a.test:{port} HTTP/1.1")),
        ("socks5", socks, format!("SOCKS a.test:{port}")),
    ] {
        let proxy = Server::start(AT, serve);
        let world = World::new(Identity::Current);
        world.name("proxy.test", &["127.0.0.3"]);
        let ca = if scheme == "https" { trusting(&world) } else { String::new() };
        for host in ["127.0.0.3", "proxy.test"] {
            for opaque in ["", "/opaque"] {
                let network = format!(
                    "{ca}\nproxy = '{scheme}://{host}:{}'\nallow = ['a.test:{port}{opaque}']",
                    proxy.port()
                );
                let outcome = run(&world, &server, WORD, &network);
                let events = Events::of(&outcome);
                assert!(events.step_log("a", 0).contains("reached it"), "{outcome}");
                let event = events.of_kind("network").next().expect("an event");
                assert_eq!((event["proxied"].as_bool(), event["address"].as_str()), (Some(true), None));
                assert_eq!(event["outcome"], "reached");
                assert_eq!(proxy.heard(), std::slice::from_ref(&asked));
                proxy.forget();
            }
        }
        assert!(world.asked().iter().all(|name| name == "proxy.test"), "the name is the proxy's to look up");
    }
}

#[test]
fn what_a_proxy_refuses_is_told_by_its_code_alone() {
    let server = Server::http();
    let port = server.port();
    let world = World::new(Identity::Current);
    let run = |word, serve, scheme| {
        let proxy = Server::start(AT, serve);
        let network = format!("proxy = '{scheme}://127.0.0.3:{}'\nallow = ['a.test:{port}']", proxy.port());
        why(&run(&world, &server, word, &network))
    };
    let wrong = "the proxy doesn't take its credentials, or wants some (407): `proxy-credentials`";
    assert_eq!(run("wrong", http as fn(TcpStream, &Log), "http"), wrong);
    assert_eq!(run("wrong", socks, "socks5"), "the proxy doesn't take its user and password");
    assert_eq!(run(WORD, no, "http"), "the proxy answers with code 403");
    assert_eq!(run(WORD, blunt, "socks5"), "the proxy doesn't speak SOCKS 5");
    assert_eq!(run(WORD, silent, "http"), "the proxy has ended the connection");
    let gone = std::net::TcpListener::bind(AT).unwrap().local_addr().unwrap().port();
    let network = |host: &str| format!("proxy = 'http://{host}:{gone}'\nallow = ['a.test:{port}']");
    let told = why(&self::run(&world, &server, WORD, &network("127.0.0.3")));
    assert_eq!(told, "the proxy can't be connected to: Connection refused");
    let told = why(&self::run(&world, &server, WORD, &network("nowhere.test")));
    assert_eq!(told, "the proxy: there is no such name");
    assert!(server.heard().is_empty());
}

#[test]
fn a_proxy_within_tls_must_be_the_one_that_is_meant() {
    let (server, proxy) = (Server::http(), Server::start("0.0.0.0:0", https));
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("other.test", &["127.0.0.3"]);
    let ca = trusting(&world);
    let run = |at: &str, more: &str| {
        let network = format!("proxy = 'https://{at}'\nallow = ['a.test:{port}']\n{more}");
        why(&run(&world, &server, WORD, &network))
    };
    let at = |host: &str, server: &Server| format!("{host}:{}", server.port());
    let untrusted = "this host trusts nobody who vouches for the proxy's certificate: `proxy-ca-file`";
    assert_eq!(run(&at("127.0.0.3", &proxy), ""), untrusted);
    let another = "the proxy's certificate is for another name than `proxy` has";
    assert_eq!(run(&at("other.test", &proxy), &ca), another);
    assert_eq!(run(&at("127.0.0.4", &proxy), &ca), another);
    let gone = Server::start(AT, |client, _| drop(client));
    assert!(run(&at("127.0.0.3", &gone), &ca).starts_with("the "), "it ends or resets the connection");
    let blunt = Server::start(AT, blunt);
    assert_eq!(run(&at("127.0.0.3", &blunt), &ca), "the proxy doesn't speak TLS");
    assert!(server.heard().is_empty() && proxy.heard().is_empty());
    assert!(!blunt.heard().concat().contains("CONNECT"), "nothing is said to who doesn't speak TLS");
}

#[test]
fn much_goes_by_a_proxy_within_tls_and_both_ends_are_told() {
    let (server, proxy) = (Server::echo(), Server::start(AT, https));
    let port = server.port();
    let world = World::new(Identity::Current);
    let credentials = file(&world, "credentials", &format!("{USER}:{WORD}\n"), 0o600);
    let network = format!(
        "proxy = 'https://127.0.0.3:{}'\nproxy-credentials = '{}'\nallow = ['a.test:{port}/opaque']\n{}",
        proxy.port(),
        credentials.display(),
        trusting(&world)
    );
    let args = world.configured(&network, "");
    let script = "for n in 1 2 3; do \"$ATTACK\" echo a.test $PORT 400000 & done; wait";
    let outcome = run_scripts(&world, &server, &[script], &args);
    let events = Events::of(&outcome);
    let log = events.step_log("a", 0);
    assert_eq!(log.matches("400000 bytes came back").count(), 3, "{outcome}");
    let network: Vec<_> = events.of_kind("network").collect();
    assert_eq!(network.len(), 3, "{outcome}");
    for event in network {
        assert_eq!((&event["sent"], &event["received"]), (&400_000.into(), &400_000.into()), "{outcome}");
        assert_eq!(event["outcome"], "reached");
    }
}

#[test]
fn exceptions_are_reached_without_the_proxy_and_under_the_usual_checks() {
    let (server, proxy) = (Server::http(), Server::start(AT, http));
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let network = |more: &str| {
        format!(
            "proxy = 'http://127.0.0.3:{}'\nproxy-except = ['*.b.test', 'a.test']\nallow = ['a.test:{port}'{more}]",
            proxy.port()
        )
    };
    let outcome = run(&world, &server, WORD, &network(", '127.0.0.2'"));
    assert!(Events::of(&outcome).step_log("a", 0).contains("reached it"), "{outcome}");
    let outcome = run(&world, &server, WORD, &network(""));
    let events = Events::of(&outcome);
    let event = events.of_kind("network").next().expect("an event");
    assert_eq!(
        (event["outcome"].as_str(), event["proxied"].as_bool()),
        (Some("refused"), Some(false)),
        "{outcome}"
    );
    assert!(proxy.heard().is_empty());
}

#[test]
fn credentials_that_others_can_read_are_not_used() {
    let world = World::new(Identity::Current);
    let server = Server::http();
    let path = file(&world, "open", "runner:word\n", 0o644);
    let network =
        format!("proxy = 'http://127.0.0.3:1'\nproxy-credentials = '{}'\nallow = ['a.test']", path.display());
    let args = world.configured(&network, "");
    let outcome = run_scripts(&world, &server, &["echo began"], &args);
    assert_eq!(outcome.code, Some(4), "{outcome}");
    let reason = Events::of(&outcome).reason("a").to_owned();
    assert!(
        reason.contains("credentials of the network's proxy can't be used") && reason.contains("chmod 640"),
        "{reason}"
    );
    for (network, why) in [
        ("proxy = 'http://u:p@h:1'", "`proxy-credentials`"),
        ("proxy-except = ['a.test']", "`proxy-credentials`, `proxy-ca-file` and `proxy-except` need `proxy`"),
        ("proxy = 'http://h:1'\nproxy-ca-file = '/ca.pem'", "needs a `proxy` that begins with https://"),
    ] {
        let outcome = run_scripts(&world, &server, &["echo began"], &world.configured(network, ""));
        assert_eq!(outcome.code, Some(2), "{outcome}");
        assert!(outcome.stderr.contains(why), "{outcome}");
    }
}

#[test]
fn certificates_that_are_none_end_the_job_before_it_begins() {
    let world = World::new(Identity::Current);
    let server = Server::http();
    let ca = file(&world, "ca.pem", "no certificate", 0o644);
    let network = format!("proxy = 'https://127.0.0.3:1'\nproxy-ca-file = '{}'", ca.display());
    let outcome = run_scripts(&world, &server, &["echo began"], &world.configured(&network, ""));
    assert_eq!(outcome.code, Some(4), "{outcome}");
    let reason = Events::of(&outcome).reason("a").to_owned();
    assert!(reason.contains("certificates for the network's proxy can't be used"), "{reason}");
    assert!(reason.contains("it holds no certificate in PEM"), "{reason}");
}

#[test]
fn doctor_asks_the_proxy() {
    let world = World::new(Identity::Current);
    let (http, socks, no) = (Server::start(AT, http), Server::start(AT, socks), Server::start(AT, no));
    let https = Server::start(AT, https);
    let ca = trusting(&world);
    let silent = Server::start(AT, |client, _| drop(client));
    let doctor = |proxy: &str, word: Option<&str>| {
        let (proxy, more) = proxy.split_once(' ').unwrap_or((proxy, ""));
        let file = word.map(|word| {
            let path = file(&world, "credentials", &format!("{USER}:{word}\n"), 0o600);
            format!("proxy-credentials = '{}'", path.display())
        });
        world.configured(&format!("proxy = '{proxy}'\n{more}\n{}", file.unwrap_or_default()), "");
        let outcome = world.context.palisade().args(["doctor"]).run();
        assert!(!outcome.to_string().contains(WORD), "{outcome}");
        let lines = outcome.stdout.lines().skip_while(|line| !line.contains(" proxy "));
        lines.take(2).map(str::trim).collect::<Vec<_>>().join(" ")
    };
    let at = |kind: &str, server: &Server| format!("{kind}://127.0.0.3:{}", server.port());
    for (proxy, word, verdict, said) in [
        (at("http", &http), Some(WORD), "ok ", "answers, and takes the user and the password"),
        (at("socks5", &socks), Some(WORD), "ok ", "answers, and takes the user and the password"),
        (at("https", &https) + " " + &ca, Some(WORD), "ok ", "answers, and takes the user and the password"),
        (at("https", &https) + " " + &ca, Some("another"), "fail ", "or wants some (407)"),
        (at("https", &https), Some(WORD), "fail ", "this host trusts nobody who vouches for"),
        (at("https", &silent) + " " + &ca, Some(WORD), "fail ", "help: check `proxy` in `[network]`"),
        // It refuses the name, to whoever asks.
        (at("http", &no), None, "ok ", "answers, and asks for no user"),
        (at("http", &http), Some("another"), "fail ", "doesn't take its credentials, or wants some (407)"),
        (at("http", &http), None, "fail ", "doesn't take its credentials, or wants some (407)"),
        (at("socks5", &socks), Some("another"), "fail ", "doesn't take its user and password"),
        (at("socks5", &socks), None, "fail ", "the proxy wants to know who asks: `proxy-credentials`"),
        (at("http", &silent), None, "fail ", "help: check `proxy` in `[network]`"),
        ("http://127.0.0.3:1".to_owned(), None, "fail ", "Connection refused"),
        (at("http", &http), Some(""), "fail ", "help: mend the file that `proxy-credentials`"),
    ] {
        let found = doctor(&proxy, word);
        assert!(found.starts_with(verdict) && found.contains(said), "{proxy} {word:?}: {found}");
    }
}
