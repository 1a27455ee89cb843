//! Moto's server: the APIs of AWS, by a project of others. It gives credentials to whoever asks and checks no token; that
//! tokens are good is tested elsewhere.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use palisade_tests::Python;

/// One that serves until it is dropped.
pub struct Moto {
    server: Child,
    pub port: u16,
}

impl Moto {
    pub fn start(python: &Python) -> Moto {
        // It says where it listens before it does so.
        let mut server = Command::new(python.program("moto_server"))
            .args(["-H", "127.0.0.2", "-p", "0"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            // A host's name that isn't AWS's names no bucket.
            .env("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto's server starts");
        let mut said = BufReader::new(server.stderr.take().expect("it is a pipe"));
        let mut line = String::new();
        let port = loop {
            line.clear();
            let read = said.read_line(&mut line).expect("it can be read");
            assert!(read > 0, "moto's server ended before it listened");
            let port = line.split("http://127.0.0.2:").nth(1).map(|rest| rest.trim().to_owned());
            if let Some(port) = port {
                break port.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a port");
            }
        };
        std::thread::spawn(move || said.lines().for_each(drop));
        while TcpStream::connect(("127.0.0.2", port)).is_err() {
            std::thread::yield_now();
        }
        Moto { server, port }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
