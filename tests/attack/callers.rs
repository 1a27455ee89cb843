//! What a job does about being seen when it connects: it races, hides, floods, and listens itself.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, connect};

use crate::outcome::{Attempt, Program, Step, Stop, argument, prevented};
use crate::sys::{call, connect_shared, filter_connect, owned};

pub const PROGRAMS: &[(&str, Program)] =
    &[("race", race), ("hide", hide), ("storm", storm), ("wild", wild), ("decoy", decoy), ("filter", filter)];

fn number<T: std::str::FromStr>(args: &[String], at: usize) -> Result<T, Stop> {
    argument(args, at)?.parse().map_err(|_| Stop::Broken(format!("argument {at} is wrong")))
}

/// The first eight bytes of `struct sockaddr_in`; the others are zero.
fn raw_address(address: Ipv4Addr, port: u16) -> u64 {
    let [a, b, c, d] = address.octets();
    let ([e, f], [g, h]) = ((libc::AF_INET as u16).to_ne_bytes(), port.to_be_bytes());
    u64::from_ne_bytes([e, f, g, h, a, b, c, d])
}

fn allowed(args: &[String]) -> Result<(Ipv4Addr, u16), Stop> {
    let (host, port) = (argument(args, 0)?, number(args, 1)?);
    let mut found = (host, port).to_socket_addrs().step(format!("look up {host}"))?;
    found
        .find_map(|address| match address {
            SocketAddr::V4(v4) => Some((*v4.ip(), port)),
            SocketAddr::V6(_) => None,
        })
        .ok_or_else(|| Stop::Broken("no IPv4 address".into()))
}

/// `race HOST PORT ADDRESS COUNT`: connects to what is allowed while a thread puts an address there that isn't.
fn race(args: &[String]) -> Attempt {
    let (host, port) = allowed(args)?;
    let (forbidden, count): (Ipv4Addr, usize) = (number(args, 2)?, number(args, 3)?);
    let [good, bad] = [host, forbidden].map(|address| raw_address(address, port));
    let (cell, over) =
        (Arc::new([AtomicU64::new(good), AtomicU64::new(0)]), Arc::new(AtomicBool::new(false)));
    let racer = std::thread::spawn({
        let (cell, over) = (cell.clone(), over.clone());
        move || {
            while !over.load(Ordering::Relaxed) {
                cell[0].store(bad, Ordering::Relaxed);
                cell[0].store(good, Ordering::Relaxed);
            }
        }
    });
    let (mut to_good, mut unreachable, mut elsewhere) = (0, 0, None);
    for _ in 0..count {
        let socket = owned(call!(SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0).step("socket")?);
        match connect_shared(&socket, &cell) {
            Ok(()) => {
                let stream = TcpStream::from(socket);
                match stream.peer_addr() {
                    Ok(peer) if peer.ip() == host => to_good += 1,
                    peer => {
                        elsewhere = Some(format!("{peer:?}"));
                        break;
                    }
                }
            }
            Err(Errno::ENETUNREACH) => unreachable += 1,
            Err(e) => return Err(e).step("connect"),
        }
    }
    over.store(true, Ordering::Relaxed);
    racer.join().map_err(|_| Stop::Broken("the racer died".into()))?;
    match elsewhere {
        Some(peer) => Ok(format!("connected to {peer}")),
        None => prevented(format!("of {count} tries {} came to nothing or to {host}", to_good + unreachable)),
    }
}

/// `hide PROGRAM ARGUMENT…`: has nobody look at this process's memory, and goes on as that program.
fn hide(args: &[String]) -> Attempt {
    call!(SYS_prctl, libc::PR_SET_DUMPABLE, 0, 0, 0, 0).step("hide")?;
    match argument(args, 0)? {
        "dial" => crate::egress::dial(&args[1..]),
        other => Err(Stop::Broken(format!("not `{other}`"))),
    }
}

/// `storm THREADS COUNT`: so many threads try so many ports each of an address without a name.
fn storm(args: &[String]) -> Attempt {
    let (threads, count): (usize, u16) = (number(args, 0)?, number(args, 1)?);
    let storm =
        move || (1..=count).all(|port| TcpStream::connect((Ipv4Addr::new(192, 0, 2, 1), port)).is_err());
    let running: Vec<_> = (0..threads).map(|_| std::thread::spawn(storm)).collect();
    match running.into_iter().all(|thread| thread.join().unwrap_or(false)) {
        true => prevented("all of it came to nothing"),
        false => Ok("there was a connection".into()),
    }
}

/// `wild`: makes connections of pointers, lengths and descriptors that are none.
fn wild(_: &[String]) -> Attempt {
    let socket = call!(SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0).step("socket")?;
    let mut said = std::collections::BTreeSet::new();
    for pointer in [0u64, 1, 1 << 46, u64::MAX - 4096, u64::MAX] {
        for length in [0u64, 1, 2, 16, 28, 128, u64::from(u32::MAX), u64::MAX] {
            for fd in [socket, -1, 0, i64::MAX] {
                let fast = libc::MSG_FASTOPEN;
                let results = [
                    call!(SYS_connect, fd, pointer, length),
                    call!(SYS_sendto, fd, pointer, 1, fast, pointer, length),
                    call!(SYS_sendmsg, fd, pointer, fast),
                    call!(SYS_sendmmsg, fd, pointer, length, fast),
                ];
                said.extend(results.map(|result| match result {
                    // No message is sent by none.
                    Ok(0) => "nothing".to_owned(),
                    Ok(_) => "sent".to_owned(),
                    Err(errno) => errno.to_string(),
                }));
            }
        }
    }
    match said.contains("sent") || said.iter().any(|errno| errno.starts_with("ENOSYS")) {
        true => Ok(format!("{said:?}")),
        false => prevented("none of it is a connection"),
    }
}

/// `decoy HOST PORT`: connects to each of the addresses, and once more by the same socket, which comes to nothing but is seen;
/// then waits for the end of its input.
fn decoy(args: &[String]) -> Attempt {
    let host = argument(args, 0)?;
    let mut streams = Vec::new();
    for address in (host, number::<u16>(args, 1)?).to_socket_addrs().step(format!("look up {host}"))? {
        let stream = TcpStream::connect(address).step("connect")?;
        let again = connect(stream.as_raw_fd(), &SockaddrStorage::from(address));
        println!("{again:?}");
        streams.push(stream);
    }
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).step("wait")?;
    Ok(format!("{} seen", streams.len()))
}

/// `filter`: tries to hear of its own calls, and puts a filter on itself by which connecting fails with `EDOM`.
fn filter(_: &[String]) -> Attempt {
    let listens = filter_connect(true);
    filter_connect(false).step("put a filter on itself")?;
    let connects = TcpStream::connect((Ipv4Addr::new(192, 0, 2, 1), 80)).map_err(|e| e.raw_os_error());
    let connects = connects.map_err(|errno| Errno::from_raw(errno.unwrap_or(0))).map(drop);
    Ok(format!("listening: {:?}, connecting: {connects:?}", listens.map(drop)))
}
