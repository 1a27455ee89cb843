//! The world of these tests: a name server that says what it is told to, servers that keep what they were sent,
//! and a sandbox that reaches some of it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use palisade_tests::{Context, Identity, Outcome, attack_program, install};

/// In what servers say, and in nothing else.
pub const CANARY: &str = "canary-of-the-server";

type Log = Arc<Mutex<Vec<String>>>;

/// A name server and the sandboxes that know its names.
pub struct World {
    pub context: Context,
    programs: PathBuf,
    resolver: SocketAddr,
    asked: Log,
    records: Arc<Mutex<HashMap<String, Vec<IpAddr>>>>,
}

/// A server on one of the loopback's addresses.
pub struct Server {
    pub address: SocketAddr,
    heard: Log,
}

impl Server {
    /// Answers each request of HTTP with the canary, and keeps connections.
    pub fn http() -> Server {
        Server::start("127.0.0.2:0", http)
    }

    /// Says the canary to whatever it is told first.
    pub fn blunt() -> Server {
        Server::start("127.0.0.2:0", blunt)
    }

    /// Says back what it is told.
    pub fn echo() -> Server {
        Server::start("127.0.0.2:0", echo)
    }

    /// On another address.
    pub fn start(at: &str, serve: fn(TcpStream, &Log)) -> Server {
        let listener = TcpListener::bind(at).expect("an address of the loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let heard = Log::default();
        let log = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                std::thread::spawn(move || serve(stream, &log));
            }
        });
        Server { address, heard }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Forgets it.
    pub fn forget(&self) {
        self.heard.lock().unwrap().clear();
    }

    /// All that it was told.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn http(mut stream: TcpStream, log: &Log) {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        while let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            log.lock().unwrap().push(String::from_utf8_lossy(&read[..end]).into_owned());
            read.drain(..end + 4);
            let length = CANARY.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{CANARY}");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 => read.extend_from_slice(&buffer[..length]),
            _ => return,
        }
    }
}

fn blunt(mut stream: TcpStream, log: &Log) {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).unwrap_or(0);
    log.lock().unwrap().push(buffer[..length].escape_ascii().to_string());
    let _ = stream.write_all(CANARY.as_bytes());
}

fn echo(mut stream: TcpStream, _: &Log) {
    let Ok(mut reader) = stream.try_clone() else { return };
    let _ = std::io::copy(&mut reader, &mut stream);
    let _ = stream.shutdown(Shutdown::Write);
}

impl World {
    pub fn new(identity: Identity) -> World {
        let context = Context::of(identity);
        let programs = context.root().join("programs");
        install(&attack_program(), &programs);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port of the loopback");
        let resolver = socket.local_addr().expect("a bound socket has an address");
        let world = World { context, programs, resolver, asked: Log::default(), records: Arc::default() };
        let (asked, records) = (world.asked.clone(), world.records.clone());
        std::thread::spawn(move || {
            let mut message = [0; 4096];
            while let Ok((length, asker)) = socket.recv_from(&mut message) {
                if let Some(answer) = answer(&message[..length], &asked, &records) {
                    let _ = socket.send_to(&answer, asker);
                }
            }
        });
        world
    }

    /// As each user that these tests can run as.
    pub fn all() -> Vec<World> {
        let mut identities = vec![Identity::Current];
        if nix::unistd::geteuid().is_root() {
            identities.push(Identity::Nobody);
        }
        identities.into_iter().map(World::new).collect()
    }

    /// Gives a name these addresses.
    pub fn name(&self, name: &str, addresses: &[&str]) -> &World {
        let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        self.records.lock().unwrap().insert(name.to_owned(), addresses);
        self
    }

    /// The names that the gateway has asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub fn resolver(&self) -> String {
        self.resolver.to_string()
    }

    /// The attack program, as the sandbox sees it.
    pub fn attack(&self) -> String {
        self.programs.join("palisade-attack").to_str().expect("a path in UTF-8").to_owned()
    }

    /// Options of a sandbox that reaches what these rules say; names may lead to the servers' address.
    pub fn options(&self, rules: &[String]) -> Vec<String> {
        let mut options = vec!["--resolver".to_owned(), self.resolver()];
        for rule in rules.iter().map(String::as_str).chain(["127.0.0.2"]) {
            options.extend(["--allow".to_owned(), rule.to_owned()]);
        }
        options
    }

    /// Runs one of the attack programs in a sandbox that reaches what these rules say.
    pub fn try_program<S: AsRef<str>>(&self, rules: &[S], program: &[&str]) -> Outcome {
        let rules: Vec<String> = rules.iter().map(|rule| rule.as_ref().to_owned()).collect();
        let programs = self.programs.to_str().expect("a path in UTF-8");
        let args = ["sandbox", "--net", "allow", "--ro", programs].map(str::to_owned);
        let command =
            ["--".to_owned(), self.attack()].into_iter().chain(program.iter().map(|a| (*a).to_owned()));
        self.context.palisade().args(args.into_iter().chain(self.options(&rules)).chain(command)).run()
    }
}

/// What a program said, if it succeeded.
pub fn succeeded(outcome: &Outcome) -> &str {
    let said = outcome.stdout.lines().find_map(|line| line.strip_prefix("outcome: succeeded: "));
    said.unwrap_or_else(|| panic!("it failed:\n{outcome}"))
}

/// What stopped a program. Nothing of a server has come in.
pub fn prevented(outcome: &Outcome) -> &str {
    assert!(!outcome.stdout.contains(CANARY), "the server was reached:\n{outcome}");
    let said = outcome.stdout.lines().find_map(|line| line.strip_prefix("outcome: "));
    said.unwrap_or_else(|| panic!("it said nothing:\n{outcome}"))
}

/// The answer to a question, by the records; names that have none don't exist.
fn answer(message: &[u8], asked: &Log, records: &Mutex<HashMap<String, Vec<IpAddr>>>) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).into_owned());
        at += length;
    }
    let kind = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
    let name = labels.join(".");
    asked.lock().unwrap().push(name.clone());
    let addresses = records.lock().unwrap().get(&name).cloned();
    let mut out = message[..2].to_vec();
    out.extend([0x81, if addresses.is_some() { 0x80 } else { 0x83 }, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend(&message[12..at + 4]);
    for address in addresses.unwrap_or_default() {
        let data = match address {
            IpAddr::V4(address) if kind == 1 => address.octets().to_vec(),
            IpAddr::V6(address) if kind == 28 => address.octets().to_vec(),
            _ => continue,
        };
        out[7] += 1;
        out.extend([0xc0, 12, 0, kind as u8, 0, 1, 0, 0, 0, 0, 0, data.len() as u8]);
        out.extend(data);
    }
    Some(out)
}
