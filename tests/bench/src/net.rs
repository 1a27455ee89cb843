//! Bytes and connections through the egress gateway, beside no sandbox and slirp4netns, peers taking turns. The server
//! is in a network namespace of its own behind a veth pair, which takes root and `ip`; for others it is on the loopback.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::table::{Goal, line};

/// What clients do, the first byte of each connection.
const DOWN: u8 = b'd';
const UP: u8 = b'u';
const SHORT: u8 = b's';
/// How long one stream is measured.
const STREAM: Duration = Duration::from_secs(2);
/// How many short connections one after the other.
const CONNECTIONS: u32 = 2000;
const ROUNDS: usize = 5;
const CHUNK: usize = 256 << 10;
const NAMESPACE: &str = "palisade-bench";
const HOST: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 1);
const INTERNET: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 2);
const NAME: &str = "server.test";

/// A part of this program that runs as a process of its own: `server ADDRESS` or `client WHAT ADDRESS`.
pub fn part(args: &[&str]) -> Option<()> {
    match args {
        ["server", address] => serve(address),
        ["client", what, address] => println!("{}", client(what.as_bytes()[0], address)),
        _ => return None,
    }
    Some(())
}

fn serve(address: &str) {
    let listener = TcpListener::bind(address).expect("the server's address");
    for mut stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let mut what = [0];
            let mut chunk = vec![0; CHUNK];
            match stream.read_exact(&mut what).map(|()| what[0]) {
                Ok(DOWN) => while stream.write_all(&chunk).is_ok() {},
                Ok(UP) => while stream.read(&mut chunk).is_ok_and(|length| length > 0) {},
                Ok(SHORT) => drop(stream.write_all(&what)),
                _ => {}
            }
        });
    }
}

/// Bytes or connections a second.
fn client(what: u8, address: &str) -> f64 {
    let connect = || {
        let mut stream = TcpStream::connect(address).expect("the server");
        stream.write_all(&[what]).expect("a byte to the server");
        stream
    };
    let mut chunk = vec![0; CHUNK];
    let start = Instant::now();
    if what == SHORT {
        for _ in 0..CONNECTIONS {
            connect().read_exact(&mut chunk[..1]).expect("a byte back");
        }
        return f64::from(CONNECTIONS) / start.elapsed().as_secs_f64();
    }
    let mut stream = connect();
    let mut bytes = 0;
    while start.elapsed() < STREAM {
        bytes += match what {
            UP => stream.write(&chunk),
            _ => stream.read(&mut chunk),
        }
        .expect("bytes");
    }
    bytes as f64 / start.elapsed().as_secs_f64()
}

/// Ends a process, and what was made for it.
struct World {
    server: Child,
    namespace: bool,
    address: SocketAddr,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        if self.namespace {
            ip(&["netns", "delete", NAMESPACE]);
        }
    }
}

fn ip(args: &[&str]) -> bool {
    Command::new("ip").args(args).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl World {
    fn new(this: &Path) -> World {
        let inside = |args: &[&str]| ip(&[&["-n", NAMESPACE], args].concat());
        let (host, internet) = (format!("{HOST}/24"), format!("{INTERNET}/24"));
        let link =
            ["link", "add", "palisade-b0", "type", "veth", "peer", "name", "palisade-b1", "netns", NAMESPACE];
        let namespace = nix::unistd::geteuid().is_root()
            && ip(&["netns", "add", NAMESPACE])
            && ip(&link)
            && ip(&["address", "add", &host, "dev", "palisade-b0"])
            && ip(&["link", "set", "palisade-b0", "up"])
            && inside(&["address", "add", &internet, "dev", "palisade-b1"])
            && inside(&["link", "set", "palisade-b1", "up"]);
        let address =
            SocketAddr::new(if namespace { INTERNET } else { Ipv4Addr::new(127, 0, 0, 2) }.into(), 7070);
        let mut server = match namespace {
            true => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", NAMESPACE]).arg(this);
                command
            }
            false => Command::new(this),
        };
        let server = server.args(["server", &address.to_string()]).spawn().expect("the server starts");
        let world = World { server, namespace, address };
        while TcpStream::connect(address).is_err() {
            std::thread::yield_now();
        }
        world
    }
}

/// A name server that knows one name.
fn name_server(address: SocketAddr) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port of the loopback");
    let own = socket.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, asker)) = socket.recv_from(&mut question) {
            // The header, one name, kind and class; what follows is EDNS.
            let end = 12 + NAME.len() + 2 + 4;
            let is_a = length >= end && question[end - 3] == 1;
            let mut answer = question[..end].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
            if let (true, IpAddr::V4(v4)) = (is_a, address.ip()) {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                answer.extend(v4.octets());
            }
            let _ = socket.send_to(&answer, asker);
        }
    });
    own
}

/// Something that a client runs within.
type Peer = Box<dyn Fn(&str) -> Command>;

fn peers(palisade: &str, this: &Path, world: &World) -> Vec<(&'static str, Peer)> {
    let client = |mut command: Command, what: &str, address: String| {
        command.args(["client", what, &address]);
        command
    };
    let (at, resolver) = (world.address, name_server(world.address));
    let (own, program, name) = (palisade.to_owned(), this.to_owned(), format!("{NAME}:{}", at.port()));
    let mut peers: Vec<(&str, Peer)> = Vec::new();
    let this = this.to_owned();
    peers.push(("no sandbox", Box::new(move |what| client(Command::new(&this), what, at.to_string()))));
    peers.push((
        "palisade",
        Box::new(move |what| {
            let mut command = Command::new(&own);
            let dir = program.parent().unwrap_or(Path::new("/"));
            command.args(["sandbox", "--resolver", &resolver.to_string(), "--ro"]).arg(dir);
            command.args(["--allow", &format!("{name}/opaque"), "--allow", &at.ip().to_string(), "--"]);
            command.arg(&program);
            client(command, what, name.clone())
        }),
    ));
    peers
}

/// The same client in a namespace that slirp4netns serves.
struct Slirp {
    holder: Child,
    slirp: Child,
}

impl Slirp {
    fn start() -> Option<Slirp> {
        let holder = Command::new("unshare").args(["-n", "sleep", "1000"]).spawn().ok()?;
        let pid = holder.id().to_string();
        let entered = || std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let own = std::fs::read_link("/proc/self/ns/net").ok();
        while entered() == own {
            std::thread::yield_now();
        }
        let slirp = Command::new("slirp4netns")
            .args(["-c", "--mtu=65520", &pid, "tap0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(slirp) = slirp else {
            let mut holder = holder;
            let _ = holder.kill();
            let _ = holder.wait();
            return None;
        };
        Some(Slirp { holder, slirp })
    }

    fn command(&self, this: &Path, what: &str, address: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-n", "-t", &self.holder.id().to_string()]).arg(this).args(["client", what, address]);
        command
    }
}

impl Drop for Slirp {
    fn drop(&mut self) {
        for child in [&mut self.slirp, &mut self.holder] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn measure(mut command: Command) -> Option<f64> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// Prints the section.
pub fn section(palisade: &str) {
    let this: PathBuf = std::env::current_exe().expect("this program has a path");
    let world = World::new(&this);
    let slirp = if world.namespace { Slirp::start() } else { None };
    let mut peers = peers(palisade, &this, &world);
    let address = world.address.to_string();
    if let Some(slirp) = &slirp {
        while measure(slirp.command(&this, "s", &address)).is_none() {
            std::thread::sleep(Duration::from_millis(50));
        }
    } else {
        println!("slirp4netns is left out: it isn't installed, or this isn't root");
    }
    println!("\nthe server is {}", if world.namespace { "behind a veth pair" } else { "on the loopback" });
    for (what, name, unit, scale, of_none) in [
        ("d", "one stream to the job", "GB/s", 1e9, 0.6),
        ("u", "one stream from the job", "GB/s", 1e9, 0.6),
        ("s", "short connections", "1000/s", 1e3, 0.3),
    ] {
        let mut figures = vec![Vec::new(); 3];
        for _ in 0..ROUNDS {
            for (index, (_, peer)) in peers.iter_mut().enumerate() {
                figures[index].extend(measure(peer(what)));
            }
            figures[2].extend(slirp.as_ref().and_then(|slirp| measure(slirp.command(&this, what, &address))));
        }
        let [none, ours, slirp] = [0, 1, 2].map(|index| median(figures[index].clone()));
        line(&format!("{name}, no sandbox"), none / scale, unit, None);
        line(&format!("{name}, palisade"), ours / scale, unit, None);
        line(&format!("{name}, palisade / no sandbox"), ours / none, "x", Some(Goal::AtLeast(of_none)));
        if slirp > 0.0 {
            line(&format!("{name}, slirp4netns"), slirp / scale, unit, None);
            line(&format!("{name}, palisade / slirp4netns"), ours / slirp, "x", Some(Goal::AtLeast(2.0)));
        }
    }
}
