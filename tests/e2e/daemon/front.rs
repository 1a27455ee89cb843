//! One address for a forge and its repositories: the scripted forge answers runners, git's own server all else.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use palisade_tests::Authority;
use palisade_tests::GitServer;
use palisade_tests::forge::Forge;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The address, and what git asked there.
pub struct Front {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// Passes connections on by what they begin with. Runners keep theirs, git has one for each question.
    pub fn before(forge: &Forge, git: &GitServer) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let address = |url: &str| url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (forge, git) = (address(&forge.url()), address(&git.url));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heads = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (forge, git, heads) = (forge.clone(), git.clone(), heads.clone());
                thread::spawn(move || pass_on(stream, &forge, &git, &heads));
            }
        });
        Front { url, asked }
    }

    /// The same with TLS, for clients that trust this.
    pub fn encrypted(forge: &Forge, git: &GitServer, authority: &Authority) -> Front {
        let Front { url, asked } = Front::before(forge, git);
        let plain = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = authority.server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (plain, server) = (plain.clone(), server.clone());
                thread::spawn(move || decrypt(stream, &plain, server));
            }
        });
        Front { url: format!("https://localhost:{port}"), asked }
    }

    /// The heads of git's requests.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no thread has panicked").clone()
    }
}

/// Passes a connection on in clear, whoever has something to say.
fn decrypt(stream: TcpStream, plain: &str, server: Arc<ServerConfig>) -> Option<()> {
    const LOOK: Duration = Duration::from_millis(5);
    let mut to = TcpStream::connect(plain).ok()?;
    let mut from = StreamOwned::new(ServerConnection::new(server).ok()?, stream);
    while from.conn.is_handshaking() {
        from.conn.complete_io(&mut from.sock).ok()?;
    }
    from.sock.set_read_timeout(Some(LOOK)).ok()?;
    to.set_read_timeout(Some(LOOK)).ok()?;
    let mut bytes = vec![0; 64 << 10];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return to.shutdown(Shutdown::Both).ok(),
            Ok(count) => to.write_all(&bytes[..count]).ok()?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return to.shutdown(Shutdown::Both).ok(),
        }
        match to.read(&mut bytes) {
            Ok(0) => {
                from.conn.send_close_notify();
                let _ = from.flush();
                return from.sock.shutdown(Shutdown::Both).ok();
            }
            Ok(count) => from.write_all(&bytes[..count]).ok()?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return None,
        }
    }
}

fn pass_on(mut client: TcpStream, forge: &str, git: &str, heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let to_forge = text.contains("/api/");
    let mut server = TcpStream::connect(if to_forge { forge } else { git }).ok()?;
    if !to_forge {
        heads.lock().ok()?.push(text);
    }
    server.write_all(&head).ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    Some(())
}
