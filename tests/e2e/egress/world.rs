//! The world of these tests: a name server that says what it is told to, servers that keep what they were sent,
//! and a sandbox that reaches some of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use palisade_tests::{Context, Identity, Invocation, NameServer, Outcome, attack_program, install};

/// In what servers say, and in nothing else.
pub const CANARY: &str = "canary-of-the-server";

type Log = Arc<Mutex<Vec<String>>>;

/// A name server and the sandboxes that know its names.
pub struct World {
    pub context: Context,
    programs: PathBuf,
    names: NameServer,
}

/// A server of datagrams: it says the canary and what it is told, and keeps that.
pub struct Datagrams {
    pub address: SocketAddr,
    heard: Log,
}

impl Datagrams {
    /// At this address.
    pub fn start(address: &str) -> Datagrams {
        let socket = UdpSocket::bind(address).expect("a port of the loopback");
        let address = socket.local_addr().expect("a bound socket has an address");
        let log = Log::default();
        let server = Datagrams { address, heard: log.clone() };
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok((length, asker)) = socket.recv_from(&mut buffer) {
                log.lock().unwrap().push(buffer[..length].escape_ascii().to_string());
                let answer = if length < 100 { CANARY.as_bytes() } else { &buffer[..length] };
                let _ = socket.send_to(answer, asker);
            }
        });
        server
    }

    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// All that it was told since it was asked last.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
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

    /// Changes to another protocol when it is asked to, and says back what is said in it; else answers as HTTP.
    pub fn websocket() -> Server {
        Server::start("127.0.0.2:0", websocket)
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

fn websocket(mut stream: TcpStream, log: &Log) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    log.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    let lines = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    if stream.write_all(lines.as_bytes()).is_ok() {
        echo(stream, log);
    }
}

/// Says the canary to whatever it is told first.
pub fn blunt(mut stream: TcpStream, log: &Log) {
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
        World { context, programs, names: NameServer::start() }
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
        self.names.name(name, addresses);
        self
    }

    /// Makes a name an alias of another one, which has this address.
    pub fn alias(&self, name: &str, address: &str) -> &World {
        self.names.alias(name, "behind.test", address);
        self
    }

    /// The names that the gateway has asked for.
    pub fn asked(&self) -> Vec<String> {
        self.names.asked()
    }

    pub fn resolver(&self) -> String {
        self.names.address().to_string()
    }

    /// Options by which `palisade run` has this in its configuration, the names' servers and their addresses besides.
    pub fn configured(&self, network: &str, rest: &str) -> Vec<String> {
        let path = self.context.config().join("palisade/config.toml");
        std::fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory");
        let resolver = self.resolver();
        let text = format!("{rest}\n[network]\nmode = 'allow'\nresolver = '{resolver}'\n{network}\n");
        std::fs::write(&path, text).expect("a file");
        vec!["--json".to_owned()]
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
        self.program(rules, program).run()
    }

    /// Runs one that waits for the end of its input, until its caller was told something. Gives all that it was told, but for
    /// the same of nobody: whose a datagram was that is looked at after its sender has ended, can't be known.
    pub fn until_told<S: AsRef<str>>(&self, rules: &[S], program: &[&str]) -> String {
        let mut command = self.program(rules, program).into_command();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("palisade starts");
        let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut lines = String::new();
        told.read_line(&mut lines).expect("a line");
        drop(child.stdin.take());
        let of_nobody = lines.replace("`palisade-attack`: ", "");
        let mut more = String::new();
        told.read_to_string(&mut more).expect("text");
        lines.extend(more.split_inclusive('\n').filter(|line| *line != of_nobody));
        child.wait().expect("palisade ends");
        lines
    }

    /// What runs a script in a sandbox that reaches what these rules say and has the attack programs.
    pub fn shell(&self, rules: &[String], script: &str) -> Invocation<'_> {
        let programs = self.programs.to_str().expect("a path in UTF-8");
        let args = ["sandbox", "--net", "allow", "--limit", "open-files=2000", "--ro", programs];
        self.context.palisade().args(args).args(self.options(rules)).args(["--", "sh", "-c", script])
    }

    fn program<S: AsRef<str>>(&self, rules: &[S], program: &[&str]) -> Invocation<'_> {
        let rules: Vec<String> = rules.iter().map(|rule| rule.as_ref().to_owned()).collect();
        let programs = self.programs.to_str().expect("a path in UTF-8");
        let args = ["sandbox", "--net", "allow", "--ro", programs].map(str::to_owned);
        let command =
            ["--".to_owned(), self.attack()].into_iter().chain(program.iter().map(|a| (*a).to_owned()));
        self.context.palisade().args(args.into_iter().chain(self.options(&rules)).chain(command))
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
