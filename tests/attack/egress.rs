//! What a job does to reach the world, honest or not: names, addresses, bytes. Tests of the gateway run these.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use crate::outcome::{Attempt, Program, Step, Stop, argument, prevented};
use crate::sys::call;

pub const PROGRAMS: &[(&str, Program)] = &[
    ("resolve", resolve),
    ("dial", dial),
    ("echo", echo),
    ("ask", ask),
    ("ask-many", ask_many),
    ("send-fast", send_fast),
];

/// Nothing waits longer than this for an answer.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));
/// Where a job's name server is.
const NAME_SERVER: &str = "198.18.0.1:53";

fn addresses(host: &str, port: &str) -> Result<Vec<SocketAddr>, Stop> {
    let port: u16 = port.parse().map_err(|e| Stop::Broken(format!("{port}: {e}")))?;
    Ok((host, port).to_socket_addrs().step(format!("look up {host}"))?.collect())
}

/// `resolve NAME`: by the C library, as programs do it.
fn resolve(args: &[String]) -> Attempt {
    let mut found: Vec<String> =
        addresses(argument(args, 0)?, "1")?.iter().map(|address| address.ip().to_string()).collect();
    found.sort();
    found.dedup();
    Ok(found.join(" "))
}

fn connect(args: &[String]) -> Result<TcpStream, Stop> {
    let (host, port) = (argument(args, 0)?, argument(args, 1)?);
    let addresses = addresses(host, port)?;
    let stream = TcpStream::connect(&addresses[..]).step(format!("connect to {host}:{port}"))?;
    stream.set_read_timeout(PATIENCE).step("set a time limit")?;
    Ok(stream)
}

/// Sends in pieces of so many bytes, each on its way before the next.
fn send_pieces(mut stream: &TcpStream, bytes: &[u8], size: usize) -> Result<(), Stop> {
    stream.set_nodelay(true).step("send at once")?;
    for piece in bytes.chunks(size.max(1)) {
        match stream.write_all(piece) {
            // Who has refused it reads no more; what it answered is there still.
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => break,
            sent => sent.step("send")?,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// `dial HOST PORT BYTES [PIECE]`: connects, sends (`hex:` before hexadecimal), whole or in pieces, and tells what
/// comes back.
pub fn dial(args: &[String]) -> Attempt {
    let mut stream = connect(args)?;
    let bytes = match argument(args, 2)?.strip_prefix("hex:") {
        Some(digits) => digits
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| Stop::Broken("odd digits".into()))?,
        None => argument(args, 2)?.as_bytes().to_vec(),
    };
    match args.get(3).map(|size| size.parse()) {
        None => stream.write_all(&bytes).step("send")?,
        Some(Ok(size)) => send_pieces(&stream, &bytes, size)?,
        Some(Err(_)) => return Err(Stop::Broken("no number".into())),
    }
    stream.shutdown(Shutdown::Write).step("end")?;
    let mut got = Vec::new();
    stream.read_to_end(&mut got).step("receive")?;
    if got.is_empty() {
        return prevented("nothing came back");
    }
    Ok(got.escape_ascii().to_string())
}

/// `echo HOST PORT COUNT`: sends so many bytes, ends, and wants them all back.
fn echo(args: &[String]) -> Attempt {
    let stream = connect(args)?;
    let count: usize = argument(args, 2)?.parse().map_err(|_| Stop::Broken("no number".into()))?;
    let sent: Vec<u8> = (0..count).map(|n| (n * 31 % 251) as u8).collect();
    let mut writer = stream.try_clone().step("share the socket")?;
    let copy = sent.clone();
    let sender =
        std::thread::spawn(move || writer.write_all(&copy).and_then(|()| writer.shutdown(Shutdown::Write)));
    let mut got = Vec::new();
    (&stream).read_to_end(&mut got).step("receive")?;
    sender.join().map_err(|_| Stop::Broken("the sender died".into()))?.step("send")?;
    match got == sent {
        true => Ok(format!("{count} bytes came back")),
        false => prevented(format!("{} other bytes of {count} came back", got.len())),
    }
}

/// A question, byte by byte.
fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![(id >> 8) as u8, id as u8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, (kind >> 8) as u8, kind as u8, 0, 1]);
    message
}

/// `ask NAME TYPE [tcp|tcp-bytes|SERVER]`: one question to the name server; tells code and number of answers.
fn ask(args: &[String]) -> Attempt {
    let kind: u16 = argument(args, 1)?.parse().map_err(|_| Stop::Broken("no number".into()))?;
    let message = question(7, argument(args, 0)?, kind);
    let answer = match args.get(2).map(String::as_str) {
        Some(way @ ("tcp" | "tcp-bytes")) => {
            let mut stream = TcpStream::connect(NAME_SERVER).step("connect")?;
            stream.set_read_timeout(PATIENCE).step("set a time limit")?;
            // In parts: a stream has no borders.
            let length = (message.len() as u16).to_be_bytes();
            let whole = [&length[..], &message].concat();
            send_pieces(&stream, &whole, if way == "tcp" { whole.len() } else { 1 })?;
            let mut length = [0; 2];
            stream.read_exact(&mut length).step("receive")?;
            let mut answer = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut answer).step("receive")?;
            answer
        }
        server => {
            let socket = UdpSocket::bind("0.0.0.0:0").step("bind")?;
            socket.set_read_timeout(PATIENCE).step("set a time limit")?;
            let server = server.unwrap_or(NAME_SERVER);
            socket.connect(server).step(format!("send to {server}"))?;
            socket.send(&message).step(format!("send to {server}"))?;
            let mut answer = vec![0; 4096];
            let length = socket.recv(&mut answer).step("receive")?;
            answer.truncate(length);
            answer
        }
    };
    match answer.get(..12) {
        Some([0, 7, _, flags, _, _, high, low, ..]) => {
            Ok(format!("code {}, {} answers", flags & 15, u16::from_be_bytes([*high, *low])))
        }
        _ => prevented("that is no answer"),
    }
}

/// `ask-many COUNT NAME`: asks for so many names below one; tells how many have an address.
fn ask_many(args: &[String]) -> Attempt {
    let count: u32 = argument(args, 0)?.parse().map_err(|_| Stop::Broken("no number".into()))?;
    let top = argument(args, 1)?;
    let mut known = 0;
    for number in 0..count {
        let asked = [format!("x{number}.{top}"), "1".to_owned()];
        known += u32::from(ask(&asked)?.ends_with(" 1 answers"));
    }
    Ok(format!("{known} of {count}"))
}

/// `send-fast ADDRESS PORT`: data without connecting first.
fn send_fast(args: &[String]) -> Attempt {
    let (host, port) = (argument(args, 0)?, argument(args, 1)?);
    let address =
        addresses(host, port)?.into_iter().next().ok_or_else(|| Stop::Broken("no address".into()))?;
    let SocketAddr::V4(address) = address else { return Err(Stop::Broken("no IPv4 address".into())) };
    let socket = call!(SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0).step("socket")?;
    let mut raw = [0u8; 16];
    raw[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    raw[2..4].copy_from_slice(&address.port().to_be_bytes());
    raw[4..8].copy_from_slice(&address.ip().octets());
    let data = b"secret";
    let sent = call!(SYS_sendto, socket, &data[..], data.len(), libc::MSG_FASTOPEN, &raw[..], raw.len())
        .step("sendto with MSG_FASTOPEN")?;
    Ok(format!("{sent} bytes are on their way"))
}
