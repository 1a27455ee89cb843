//! One address for a forge and its repositories: the scripted forge answers runners, git's own server all else.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use palisade_tests::GitServer;
use palisade_tests::forge::Forge;

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

    /// The heads of git's requests.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no thread has panicked").clone()
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
