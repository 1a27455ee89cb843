//! Host and internet, each a network namespace, and the peers: what a client runs within.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const NAMESPACE: &str = "palisade-bench";
const HOST: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 1);
const INTERNET: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 2);
const NAME: &str = "server.test";

/// Ends a process, and what was made for it.
pub struct World {
    server: Child,
    pub namespace: bool,
    pub address: SocketAddr,
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
    pub fn new(this: &Path) -> World {
        let inside = |args: &[&str]| ip(&[&["-n", NAMESPACE], args].concat());
        // A run that was ended by force has left it.
        if Path::new("/run/netns").join(NAMESPACE).exists() {
            ip(&["netns", "delete", NAMESPACE]);
        }
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
pub type Peer = Box<dyn Fn(&str) -> Command>;

/// A client without a sandbox, and in palisade's.
pub fn peers(palisade: &str, this: &Path, world: &World) -> [Peer; 2] {
    let (at, program) = (world.address, this.to_owned());
    let none = move |what: &str| {
        let mut command = Command::new(&program);
        command.args(["client", what, &at.to_string()]);
        command
    };
    let (resolver, own, program) = (name_server(at), palisade.to_owned(), this.to_owned());
    let ours = move |what: &str| {
        let (mut command, name) = (Command::new(&own), format!("{NAME}:{}", at.port()));
        let dir = program.parent().unwrap_or(Path::new("/"));
        command.args(["sandbox", "--resolver", &resolver.to_string(), "--ro"]).arg(dir);
        command.args(["--limit", "open-files=8192"]);
        command.args(["--allow", &format!("{name}/opaque"), "--allow", &at.ip().to_string(), "--"]);
        command.arg(&program).args(["client", what, &name]);
        command
    };
    [Box::new(none), Box::new(ours)]
}

/// The start of a sandbox without a network, and of one with a gateway.
pub fn starts(palisade: &str) -> [Peer; 2] {
    let start = |options: &'static [&'static str]| -> Peer {
        let palisade = palisade.to_owned();
        Box::new(move |_| {
            let mut command = Command::new(&palisade);
            command.arg("sandbox").args(options).args(["--", "/usr/bin/true"]);
            command
        })
    };
    [start(&["--net", "none"]), start(&["--allow", NAME])]
}

/// The same client in a namespace that slirp4netns serves.
pub struct Slirp {
    holder: Child,
    slirp: Child,
}

impl Slirp {
    pub fn start() -> Option<Slirp> {
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

    pub fn command(&self, this: &Path, what: &str, address: &str) -> Command {
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
