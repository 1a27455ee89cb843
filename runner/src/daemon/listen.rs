//! Answers who asks for metrics (`/metrics`) or whether the daemon is well (`/health`), on a port of the loopback.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::status::Hindered;
use super::{Daemon, Phase, Severity};

/// How long one who asks may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest head of a request, in bytes.
const MAX_HEAD: u64 = 8 << 10;

/// Begins, in a thread of its own: one who asks at a time.
pub fn spawn(daemon: &Arc<Daemon>, address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let daemon = daemon.clone();
    std::thread::Builder::new().name("metrics".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // One who doesn't listen to the answer has it no better.
            let _ = answer(&daemon, stream);
        }
    })?;
    Ok(())
}

fn answer(daemon: &Daemon, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(Read::take(&stream, MAX_HEAD));
    let mut request = String::new();
    head.read_line(&mut request)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        line.clear();
    }
    let (status, kind, body) = match request.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["GET", "/metrics"] => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", daemon.metrics_text()),
        ["GET", "/health"] => match (daemon.phase(), daemon.hindered()) {
            (Phase::Running, Hindered { no_space: false, no_launcher: false }) => {
                ("200 OK", "text/plain", "ok\n".to_owned())
            }
            (Phase::Running, Hindered { no_space: true, .. }) => {
                ("503 Service Unavailable", "text/plain", "too little disk space\n".to_owned())
            }
            (Phase::Running, _) => ("503 Service Unavailable", "text/plain", "no launcher\n".to_owned()),
            _ => ("503 Service Unavailable", "text/plain", "draining\n".to_owned()),
        },
        ["GET", _] => ("404 Not Found", "text/plain", "there are /metrics and /health\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", "GET only\n".to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

/// Tells that nobody can ask.
pub fn failed(daemon: &Daemon, address: SocketAddr, error: &io::Error) {
    let (address, error) = (address.to_string(), error.to_string());
    let fields = [("address", address.as_str()), ("error", &error)];
    daemon.journal.write(Severity::Error, "cannot listen for who asks for metrics", &fields);
}
