//! Tools as people use them, which know nothing of the gateway: over HTTPS, to a server of the tests' own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use palisade_tests::{Authority, Certificate, Events, Identity, Need, authority, require};
use rustls::{ServerConnection, StreamOwned};

use crate::jobs::run_scripts;
use crate::world::{Server, World};

/// Who vouches for the server, and what it serves.
fn served() -> &'static (Authority, Mutex<PathBuf>) {
    static SERVED: OnceLock<(Authority, Mutex<PathBuf>)> = OnceLock::new();
    SERVED.get_or_init(|| (authority(&["a.test"], Certificate::Issued), Mutex::default()))
}

/// One request for a file, within TLS.
fn file(client: TcpStream, log: &Arc<Mutex<Vec<String>>>) {
    let (authority, root) = served();
    let session = ServerConnection::new(authority.server.clone()).expect("a session");
    let mut client = StreamOwned::new(session, client);
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(target.clone());
    let path =
        root.lock().unwrap().join(target.split('?').next().unwrap_or_default().trim_start_matches('/'));
    let (code, body) = match std::fs::read(path) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let answer = format!("HTTP/1.1 {code}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = client.write_all(&[answer.as_bytes(), &body].concat()).and_then(|()| client.flush());
    client.conn.send_close_notify();
    let _ = client.flush();
}

#[test]
fn curl_and_git_need_no_settings_for_the_gateway() {
    if !require(Need::Program("curl")) || !require(Need::Program("git")) {
        return;
    }
    let world = World::new(Identity::Current);
    let root = world.context.root().join("served");
    std::fs::create_dir(&root).expect("a directory");
    std::fs::write(root.join("hello"), "hello of the server\n").expect("a file");
    let make = "
        git init -q --bare repo.git && cd repo.git
        tree=$(git hash-object -t tree -w /dev/null)
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git update-ref refs/heads/main $(git commit-tree -m 'said by a commit' $tree)
        git symbolic-ref HEAD refs/heads/main && git update-server-info";
    let made = world.context.command("sh").args(["-e", "-c", make]).current_dir(&root).status();
    assert!(made.expect("git runs").success());
    *served().1.lock().unwrap() = root;
    world.name("a.test", &["127.0.0.2"]).context.write("ca.pem", &served().0.pem);
    let server = Server::start("127.0.0.2:0", file);
    let port = server.port();
    let mut args = world.options(&[format!("a.test:{port}")]);
    args.push("--json".to_owned());
    let scripts = [
        "curl -sS --cacert ca.pem https://a.test:$PORT/hello",
        "git -c http.sslCAInfo=$PWD/ca.pem clone -q https://a.test:$PORT/repo.git r && git -C r log --format=%s",
        "env | grep -i proxy || true",
    ];
    let outcome = run_scripts(&world, &server, &scripts, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let events = Events::of(&outcome);
    let logs = [0, 1, 2].map(|step| events.step_log("a", step));
    assert_eq!(logs, ["hello of the server\n", "said by a commit\n", ""], "{outcome}");
    let network: Vec<_> = events.of_kind("network").collect();
    assert!(network.len() > 3, "{outcome}");
    for event in network {
        assert_eq!((&event["outcome"], &event["protocol"]), (&"reached".into(), &"tls".into()), "{outcome}");
    }
    assert!(server.heard().contains(&"/hello".to_owned()), "{:?}", server.heard());
}
