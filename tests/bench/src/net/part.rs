//! The server of the internet, and what its clients do within a sandbox: parts of this program that run as processes of
//! their own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{AT_ONCE, OPEN};

/// What clients do, the first byte of each connection.
const DOWN: u8 = b'd';
const UP: u8 = b'u';
const SHORT: u8 = b's';
/// One byte there and back, again and again.
const ECHO: u8 = b'r';
/// As `SHORT`, each with a lookup of the name.
const LOOKUP: u8 = b'l';
/// As `SHORT`, but that the median is told.
const CONNECT: u8 = b'c';
/// As `ECHO`, on many connections that stay open.
const MANY: u8 = b'm';
/// How long one stream is measured.
const STREAM: Duration = Duration::from_secs(2);
/// How many short connections.
const CONNECTIONS: u32 = 4000;
/// Threads of the server that take connections, and answer the short ones.
const TAKERS: usize = 2;
/// How many round trips on an open stream.
const TRIPS: usize = 20_000;
const CHUNK: usize = 256 << 10;

/// A part of this program that runs as a process of its own: `server ADDRESS` or `client WHAT ADDRESS`.
pub fn part(args: &[&str]) -> Option<()> {
    match args {
        ["server", address] => serve(address),
        ["client", what, address] => println!("{}", client(what.as_bytes()[0], address)),
        _ => return None,
    }
    Some(())
}

/// As many descriptors as there may be.
fn descriptors() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

fn serve(address: &str) {
    descriptors();
    let listener = TcpListener::bind(address).expect("the server's address");
    std::thread::scope(|scope| {
        for _ in 0..TAKERS {
            scope.spawn(|| listener.incoming().flatten().for_each(take));
        }
    });
}

fn take(mut stream: TcpStream) {
    let mut what = [0];
    let _ = stream.set_nodelay(true);
    match stream.read_exact(&mut what).map(|()| what[0]) {
        Ok(SHORT) => drop(stream.write_all(&what)),
        Ok(what) => {
            // Thousands of these wait at a time.
            let thread = std::thread::Builder::new().stack_size(64 << 10);
            thread.spawn(move || answer(stream, what)).expect("a thread");
        }
        Err(_) => {}
    }
}

fn answer(mut stream: TcpStream, what: u8) {
    match what {
        DOWN => {
            let chunk = vec![0; CHUNK];
            while stream.write_all(&chunk).is_ok() {}
        }
        UP => {
            let mut chunk = vec![0; CHUNK];
            while stream.read(&mut chunk).is_ok_and(|length| length > 0) {}
        }
        ECHO => {
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
        }
        _ => {}
    }
}

fn connect(address: impl ToSocketAddrs, what: u8) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server");
    stream.set_nodelay(true).expect("an option of TCP");
    stream.write_all(&[what]).expect("a byte to the server");
    stream
}

/// What is measured: bytes or connections a second, or microseconds.
fn client(what: u8, address: &str) -> f64 {
    let addresses: Vec<SocketAddr> = address.to_socket_addrs().expect("an address").collect();
    let known = || connect(&addresses[..], SHORT).read_exact(&mut [0]).expect("a byte back");
    match what {
        SHORT => a_second(known),
        LOOKUP => a_second(|| connect(address, SHORT).read_exact(&mut [0]).expect("a byte back")),
        CONNECT => median_of(CONNECTIONS as usize, known),
        ECHO => {
            let mut stream = connect(address, ECHO);
            median_of(TRIPS, || {
                stream.write_all(&[ECHO]).expect("a byte there");
                stream.read_exact(&mut [0]).expect("a byte back");
            })
        }
        MANY => many(&addresses),
        what => stream(what, address),
    }
}

/// Connections a second, several at a time.
fn a_second(connection: impl Fn() + Sync) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| (0..CONNECTIONS / AT_ONCE).for_each(|_| connection()));
        }
    });
    f64::from(CONNECTIONS) / start.elapsed().as_secs_f64()
}

fn stream(what: u8, address: &str) -> f64 {
    let mut stream = connect(address, what);
    let mut chunk = vec![0; CHUNK];
    let (start, mut bytes) = (Instant::now(), 0);
    while start.elapsed() < STREAM {
        bytes += match what {
            UP => stream.write(&chunk),
            _ => stream.read(&mut chunk),
        }
        .expect("bytes");
    }
    bytes as f64 / start.elapsed().as_secs_f64()
}

/// Opens many connections, has a byte go there and back on each, says so, and keeps them until its input ends.
fn many(addresses: &[SocketAddr]) -> f64 {
    descriptors();
    let mut streams: Vec<TcpStream> = (0..OPEN).map(|_| connect(addresses, ECHO)).collect();
    for stream in &mut streams {
        stream.write_all(&[MANY]).expect("a byte there");
    }
    for stream in &mut streams {
        stream.read_exact(&mut [0]).expect("a byte back");
    }
    println!("{OPEN}");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    OPEN as f64
}

/// The median of so many runs, in microseconds.
fn median_of(count: usize, mut run: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        run();
        times.push(start.elapsed());
    }
    crate::measure::median(times).as_secs_f64() * 1e6
}
