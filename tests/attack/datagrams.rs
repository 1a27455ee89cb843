//! What a job does to reach the world by datagrams, and by transports that few think of.

use std::io::{IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg, sendmsg, setsockopt, sockopt};

use crate::outcome::{Attempt, Program, Step, Stop, argument, prevented, void};
use crate::sys::call;

pub const PROGRAMS: &[(&str, Program)] =
    &[("datagram", datagram), ("flood", flood), ("reach", reach), ("hold", hold), ("drip", drip)];

/// Nothing waits longer than this for an answer.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

fn addresses(args: &[String], at: usize) -> Result<Vec<SocketAddr>, Stop> {
    let (host, port) = (argument(args, at)?, argument(args, at + 1)?);
    let port: u16 = port.parse().map_err(|e| Stop::Broken(format!("{port}: {e}")))?;
    Ok((host, port).to_socket_addrs().step(format!("look up {host}"))?.collect())
}

fn number(args: &[String], at: usize) -> Result<usize, Stop> {
    argument(args, at)?.parse().map_err(|_| Stop::Broken("no number".into()))
}

/// A socket for datagrams that hears at once where nobody listens, whether or not it is connected.
fn loose(to: SocketAddr) -> Result<UdpSocket, Stop> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).step("bind")?;
    // Addresses of IPv4 may be written as such of IPv6.
    setsockopt(&socket, sockopt::Ipv4RecvErr, &true).step("ask for errors")?;
    if to.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true).step("ask for errors")?;
    }
    socket.set_read_timeout(PATIENCE).step("set a time limit")?;
    Ok(socket)
}

/// `datagram HOST PORT TEXT [connect|sendto|sendmsg|sendmmsg]`: sends it to each of the host's addresses by one of the
/// calls; `xN` stands for so many bytes. Tells what comes back, each from where it was asked.
fn datagram(args: &[String]) -> Attempt {
    let text = argument(args, 2)?;
    let data = match text.strip_prefix('x').and_then(|count| count.parse().ok()) {
        Some(count) => vec![b'x'; count],
        None => text.as_bytes().to_vec(),
    };
    let mut got = Vec::new();
    for to in addresses(args, 0)? {
        let socket = loose(to)?;
        let (name, data) = (SockaddrStorage::from(to), [IoSlice::new(&data)]);
        let how = args.get(3).map_or("connect", String::as_str);
        let step = format!("{how} to {to}");
        match how {
            "connect" => {
                socket.connect(to).step(&step)?;
                socket.send(&data[0]).step(&step)?;
            }
            "sendto" => drop(socket.send_to(&data[0], to).step(&step)?),
            "sendmsg" => {
                let none = MsgFlags::empty();
                sendmsg(socket.as_raw_fd(), &data, &[], none, Some(&name)).step(&step)?;
            }
            "sendmmsg" => {
                let mut headers = MultiHeaders::preallocate(1, None);
                let none = MsgFlags::empty();
                sendmmsg(socket.as_raw_fd(), &mut headers, &[data], [Some(name)], [], none).step(&step)?;
            }
            _ => return Err(Stop::Broken(format!("`{how}` is no way to send"))),
        }
        let mut answer = vec![0; 1 << 16];
        let (length, from) = socket.recv_from(&mut answer).step(format!("an answer from {to}"))?;
        if from != to {
            return prevented(format!("{to} was asked, and {from} answers"));
        }
        got.push(match length {
            100.. => format!("{length} bytes"),
            _ => answer[..length].escape_ascii().to_string(),
        });
    }
    Ok(got.join(" "))
}

/// `flood HOST PORT COUNT`: a datagram each from so many sockets, which it keeps until its input ends.
fn flood(args: &[String]) -> Attempt {
    let to = addresses(args, 0)?.into_iter().next().ok_or_else(|| Stop::Broken("no address".into()))?;
    let mut sockets = Vec::new();
    for _ in 0..number(args, 2)? {
        let socket = loose(to)?;
        socket.send_to(b"flood", to).step("send")?;
        sockets.push(socket);
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(format!("{} are on their way", sockets.len()))
}

/// `reach TYPE PROTOCOL ADDRESS PORT TEXT`: a connection by a transport of this number; tells what comes back.
fn reach(args: &[String]) -> Attempt {
    let (kind, protocol) = (number(args, 0)?, number(args, 1)?);
    let Some(SocketAddr::V4(to)) = addresses(args, 2)?.into_iter().find(SocketAddr::is_ipv4) else {
        return Err(Stop::Broken("no address of IPv4".into()));
    };
    let socket = match call!(SYS_socket, libc::AF_INET, kind, protocol) {
        Err(nix::errno::Errno::EPROTONOSUPPORT | nix::errno::Errno::ESOCKTNOSUPPORT) => {
            return void("this kernel hasn't this transport");
        }
        socket => socket.step("socket")?,
    };
    let mut raw = [0u8; 16];
    raw[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    raw[2..4].copy_from_slice(&to.port().to_be_bytes());
    raw[4..8].copy_from_slice(&to.ip().octets());
    call!(SYS_connect, socket, &raw[..], raw.len()).step("connect")?;
    let mut stream = TcpStream::from(crate::sys::owned(socket));
    stream.set_read_timeout(PATIENCE).step("set a time limit")?;
    stream.write_all(argument(args, 4)?.as_bytes()).step("send")?;
    let mut got = [0; 100];
    let length = stream.read(&mut got).step("receive")?;
    match length {
        0 => prevented("nothing came back"),
        length => Ok(got[..length].escape_ascii().to_string()),
    }
}

/// `hold HOST PORT COUNT TEXT`: opens so many connections, says that on each, and keeps them until its input ends. Tells on
/// how many something came back.
fn hold(args: &[String]) -> Attempt {
    let (to, count) = (addresses(args, 0)?, number(args, 2)?);
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(&to[..]).step("connect")?;
        let _ = stream.write_all(argument(args, 3)?.as_bytes());
        streams.push(stream);
    }
    let mut answered = 0;
    for stream in &mut streams {
        stream.set_read_timeout(PATIENCE).step("set a time limit")?;
        answered += usize::from(stream.read(&mut [0; 1]).is_ok_and(|length| length > 0));
    }
    println!("{answered} of {count} are answered");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(format!("{answered} of {count} are answered"))
}

/// `drip HOST PORT COUNT TEXT`: opens so many connections, says the beginning of something on each and no more, and keeps
/// them until its input ends.
fn drip(args: &[String]) -> Attempt {
    let (to, count) = (addresses(args, 0)?, number(args, 2)?);
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(&to[..]).step("connect")?;
        stream.write_all(argument(args, 3)?.as_bytes()).step("send")?;
        streams.push(stream);
    }
    println!("{} drip", streams.len());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(format!("{} dripped", streams.len()))
}
