//! TLS, proxies, and where a forge is.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use palisade_proto::forgejo::Server;
use palisade_proto::http::{Proxies, Settings};
use palisade_proto::{Http, Instance, Reason, Unreachable};
use palisade_tests::Certificate;
use palisade_tests::forge::{Dialect, Fault, Forge, Job, Method, Setup};

use super::{fetch, register, row, settings, trusting};

#[test]
fn only_a_certificate_that_is_trusted_will_do() {
    let forge = Forge::with(Setup { tls: true, ..Setup::default() });
    assert_eq!(trusting(&forge, Some(forge.ca_file())).ping("you").unwrap(), "Hello, you!");
    let error = trusting(&forge, None).ping("you").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no encrypted connection: invalid peer certificate: UnknownIssuer"), "{text}");
    assert!(text.contains("`ca-file`"), "{text}");

    // The certificate isn't for this name.
    let other = forge.url().replace("localhost", "127.0.0.1");
    let http = Http::new(Settings { ca_file: Some(forge.ca_file().into()), ..settings() }).unwrap();
    let error = Server::new(&http, &other.parse().unwrap(), Dialect::Forgejo).ping("you").unwrap_err();
    assert!(error.to_string().contains("certificate not valid for name \"127.0.0.1\""), "{error}");

    // Who speaks no TLS hangs up, or answers what is none.
    let plain = Forge::start();
    let instance: Instance = plain.url().replace("http://127.0.0.1", "https://localhost").parse().unwrap();
    let error = Server::new(&http, &instance, Dialect::Forgejo).ping("you").unwrap_err();
    let reason = error.reason();
    assert!(
        matches!(reason, Reason::Unreachable { what: Unreachable::Cut | Unreachable::Tls, .. }),
        "{error}"
    );
}

#[test]
fn a_server_that_is_its_own_authority_is_trusted_where_its_very_certificate_is() {
    let own = || Forge::with(Setup { tls: true, certificate: Certificate::Own, ..Setup::default() });
    let (forge, other) = (own(), own());
    assert_eq!(trusting(&forge, Some(forge.ca_file())).ping("you").unwrap(), "Hello, you!");
    for ca_file in [None, Some(other.ca_file())] {
        let error = trusting(&forge, ca_file).ping("you").unwrap_err();
        assert!(matches!(error.reason(), Reason::Unreachable { what: Unreachable::Tls, .. }), "{error}");
        assert!(error.to_string().contains("to trust that very one, name its file as `ca-file`"), "{error}");
    }
    // The certificate isn't for this name.
    let address = forge.url().replace("localhost", "127.0.0.1");
    let http = Http::new(Settings { ca_file: Some(forge.ca_file().into()), ..settings() }).unwrap();
    let error = Server::new(&http, &address.parse().unwrap(), Dialect::Forgejo).ping("you").unwrap_err();
    assert!(error.to_string().contains("certificate not valid for name \"127.0.0.1\""), "{error}");
    // Nor for this time.
    let forge = Forge::with(Setup { tls: true, certificate: Certificate::Expired, ..Setup::default() });
    let error = trusting(&forge, Some(forge.ca_file())).ping("you").unwrap_err();
    assert!(error.to_string().contains("certificate expired"), "{error}");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let http = |path: &std::path::Path| {
        Http::new(Settings { ca_file: Some(path.into()), ..settings() }).err().unwrap().to_string()
    };
    assert!(http(file.path()).contains("holds no certificate in PEM"));
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n").unwrap();
    assert!(http(file.path()).contains("holds no certificate in PEM"));
    assert!(http("/nonexistent".as_ref()).starts_with("cannot read the certificates in `/nonexistent`: "));
}

#[test]
fn a_name_that_nobody_has() {
    // RFC 6761 keeps `invalid` for this.
    let instance = "https://git.invalid".parse().unwrap();
    let error =
        Server::new(&Http::new(settings()).unwrap(), &instance, Dialect::Forgejo).ping("you").unwrap_err();
    assert!(matches!(error.reason(), Reason::Unreachable { what: Unreachable::Name, .. }), "{error}");
}

#[test]
fn a_forge_below_a_path() {
    let forge = Forge::with(Setup { path: "/git/forge".to_owned(), ..Setup::default() });
    let server = super::server(&forge, Dialect::Forgejo);
    assert_eq!(server.ping("you").unwrap(), "Hello, you!");
    let above: Instance = forge.url().trim_end_matches("/forge").parse().unwrap();
    let error =
        Server::new(&Http::new(settings()).unwrap(), &above, Dialect::Forgejo).ping("you").unwrap_err();
    assert!(error.is_unimplemented(), "{error}");
    assert!(
        error.to_string().contains("HTTP status 404 without an answer of the runner service: Not found.")
    );
}

#[test]
fn a_redirection_gets_no_token() {
    let (forge, other) = (Forge::start(), Forge::start());
    let runner = super::runner(&forge);
    forge.fail_next(Method::FetchTask, Fault::Redirect(other.url()));
    let error = fetch(&runner, None).unwrap_err();
    assert!(
        error.to_string().contains(&format!("the forge says that it is at `{}`", other.url())),
        "{error}"
    );
    assert_eq!(other.look(|state| state.calls.len()), 0);
}

/// A proxy that knows one address under any name. It takes one tunnel after the other.
fn proxy(to: u16) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let tunnels = thread::spawn(move || {
        let mut client = BufReader::new(listener.accept().unwrap().0);
        let mut asked = Vec::new();
        loop {
            let mut line = String::new();
            client.read_line(&mut line).unwrap();
            if line.trim_end().is_empty() {
                break;
            }
            asked.push(line.trim_end().to_owned());
        }
        client.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut client = client.into_inner();
        let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
        let (mut back_from, mut back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let back = thread::spawn(move || {
            let _ = std::io::copy(&mut back_from, &mut back_to);
            let _ = back_to.shutdown(std::net::Shutdown::Both);
        });
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(std::net::Shutdown::Both);
        back.join().unwrap();
        asked
    });
    (address, tunnels)
}

#[test]
fn a_proxy_that_is_not_there_is_who_is_blamed() {
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let named = |name: &str| (name == "https_proxy").then(|| format!("http://{gone}"));
    let proxies = Proxies::of_variables(&named).unwrap();
    let http = Http::new(Settings { proxies, ..settings() }).unwrap();
    let instance = "https://forge.example.org".parse().unwrap();
    let error = Server::new(&http, &instance, Dialect::Forgejo).ping("you").unwrap_err();
    assert!(matches!(error.reason(), Reason::Unreachable { what: Unreachable::Proxy, .. }), "{error}");
}

#[test]
fn a_forge_behind_a_proxy_gets_its_logs_packed() {
    let forge = Forge::start();
    let port: u16 = forge.url().rsplit(':').next().unwrap().parse().unwrap();
    let (address, tunnels) = proxy(port);
    let address = address.replace("http://", "http://bob:hunter2@");
    let proxies = Proxies::of_variables(&|name| (name == "http_proxy").then(|| address.clone())).unwrap();
    {
        let http = Http::new(Settings { proxies, ..settings() }).unwrap();
        let instance = "http://forge.example.org".parse().unwrap();
        let server = Server::new(&http, &instance, Dialect::Forgejo);
        let runner = server.runner(register(&server, false).unwrap().credentials);
        let id = forge.enqueue(Job::script("true"));
        let task = fetch(&runner, None).unwrap().remove(0);
        let rows = vec![row(&"x".repeat(60_000)); 50];
        assert_eq!(runner.update_log(task.id, 0, &rows, false).unwrap(), 50);
        let record = forge.taken(id);
        assert_eq!((record.row_count, record.row_bytes), (50, 3_000_000));
        assert!(record.received_bytes < 100_000, "{}", record.received_bytes);
    }
    let asked = tunnels.join().unwrap();
    assert_eq!(asked[0], "CONNECT forge.example.org:80 HTTP/1.1");
    assert!(
        asked.iter().any(|line| line.to_ascii_lowercase().starts_with("proxy-authorization: ")),
        "{asked:?}"
    );
}
