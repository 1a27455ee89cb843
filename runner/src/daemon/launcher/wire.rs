//! What daemon and launcher say to each other, a process a connection. All of it is of a fixed length but for the reason
//! why nothing was started:
//!
//! | who | what | with it |
//! | --- | --- | --- |
//! | daemon | `job1`, the daemon's program, the number of a blank directory | the end of a pipe that the order is read from |
//! | launcher | 0 | the process, as a descriptor (`pidfd_open(2)`) |
//! | or | 1, or 2 where another launcher may; why not, until the connection ends | |
//! | launcher, later | how it ended, as `wait(2)` tells it | |
//!
//! Numbers are little-endian.

use std::fs;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// What a request begins with: what it is, and the version of all this.
const JOB: [u8; 4] = *b"job1";
/// Bytes of a request.
const REQUEST: usize = JOB.len() + 3 * size_of::<u64>();
/// What an answer begins with.
const STARTED: u8 = 0;
const NOT_STARTED: u8 = 1;
const NOT_BY_THIS: u8 = 2;
/// Longest reason, in bytes.
const MAX_WHY: usize = 512;

/// Which program a process is one of, by its file: orders are for the program that they are from, to the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    device: u64,
    inode: u64,
}

impl Program {
    /// This process's.
    pub fn own() -> io::Result<Program> {
        let file = fs::metadata("/proc/self/exe")?;
        Ok(Program { device: file.dev(), inode: file.ino() })
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub program: Program,
    /// The number of the blank directory.
    pub number: u64,
}

/// The number that a blank directory is called by.
pub fn number(directory: &Path) -> io::Result<u64> {
    let number = directory.file_name().and_then(|name| name.to_str()?.parse().ok());
    number.ok_or_else(|| {
        let why = format!("`{}` is no blank directory", directory.display());
        io::Error::new(ErrorKind::InvalidInput, why)
    })
}

/// Asks for a process.
pub fn ask(to: &UnixStream, request: Request, order: BorrowedFd<'_>) -> io::Result<()> {
    let Request { program: Program { device, inode }, number } = request;
    let numbers = [device, inode, number].map(u64::to_le_bytes);
    send(to, &[&JOB[..], numbers.as_flattened()].concat(), order)
}

/// Reads what was asked for.
pub fn asked(from: &UnixStream) -> io::Result<(Request, OwnedFd)> {
    // One byte more shows what is too long.
    let mut request = [0; REQUEST + 1];
    let (length, order) = receive(from, &mut request)?;
    if length == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let numbers = request[..length].strip_prefix(&JOB).and_then(|numbers| {
        let (numbers, []) = numbers.as_chunks() else { return None };
        <[_; 3]>::try_from(numbers).ok()
    });
    match (numbers, order) {
        (Some(numbers), Some(order)) => {
            let [device, inode, number] = numbers.map(u64::from_le_bytes);
            Ok((Request { program: Program { device, inode }, number }, order))
        }
        _ => Err(nonsense("this is no request")),
    }
}

/// Answers that it was started.
pub fn started(to: &UnixStream, process: BorrowedFd<'_>) -> io::Result<()> {
    send(to, &[STARTED], process)
}

/// Answers why it wasn't; where another launcher may, the error is of the kind [`ErrorKind::NotConnected`].
pub fn not_started(mut to: &UnixStream, error: &io::Error) -> io::Result<()> {
    let kind = if error.kind() == ErrorKind::NotConnected { NOT_BY_THIS } else { NOT_STARTED };
    let why = error.to_string();
    to.write_all(&[&[kind], &why.as_bytes()[..why.len().min(MAX_WHY)]].concat())
}

/// Reads an answer: the process, or as an error why there is none.
pub fn answer(mut from: &UnixStream) -> io::Result<OwnedFd> {
    let mut kind = [NOT_STARTED];
    let error = match (receive(from, &mut kind)?, kind) {
        ((0, _), _) => return Err(ErrorKind::UnexpectedEof.into()),
        ((_, Some(process)), [STARTED]) => return Ok(process),
        ((_, None), [NOT_STARTED]) => ErrorKind::Other,
        ((_, None), [NOT_BY_THIS]) => ErrorKind::NotConnected,
        _ => return Err(nonsense("this is no answer")),
    };
    let mut why = Vec::new();
    // Where the launcher hasn't read the request, the connection ends in an error.
    let _ = Read::take(&mut from, MAX_WHY as u64).read_to_end(&mut why);
    Err(io::Error::new(error, String::from_utf8_lossy(&why)))
}

/// Tells how a process ended.
pub fn ended(mut to: &UnixStream, status: ExitStatus) -> io::Result<()> {
    to.write_all(&status.into_raw().to_le_bytes())
}

/// Waits for that.
pub fn end(mut from: &UnixStream) -> io::Result<ExitStatus> {
    let mut status = [0; size_of::<i32>()];
    from.read_exact(&mut status)?;
    Ok(ExitStatus::from_raw(i32::from_le_bytes(status)))
}

fn nonsense(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

fn send(to: &UnixStream, bytes: &[u8], descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let flags = SendFlags::NOSIGNAL;
    match rustix::io::retry_on_intr(|| sendmsg(to, &[IoSlice::new(bytes)], &mut control, flags))? {
        sent if sent == bytes.len() => Ok(()),
        _ => Err(ErrorKind::WriteZero.into()),
    }
}

/// Receives so many bytes at most, with one descriptor or none.
fn receive(from: &UnixStream, into: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let mut parts = [IoSliceMut::new(into)];
    let received = rustix::io::retry_on_intr(|| recvmsg(from, &mut parts, &mut control, flags))?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            descriptors.extend(passed);
        }
    }
    // What there is no room for the kernel has closed; there may be room for one more than was asked for.
    if received.flags.contains(ReturnFlags::CTRUNC) || descriptors.len() > 1 {
        return Err(nonsense("more descriptors than one"));
    }
    Ok((received.bytes, descriptors.pop()))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap()
    }

    #[test]
    fn what_is_said_arrives_with_its_descriptor() {
        let (daemon, launcher) = pair();
        let (order, mut writer) = io::pipe().unwrap();
        let request = Request { program: Program::own().unwrap(), number: u64::MAX - 1 };
        ask(&daemon, request, order.as_fd()).unwrap();
        let (received, passed) = asked(&launcher).unwrap();
        assert_eq!(received, request);
        writer.write_all(b"order").unwrap();
        drop(writer);
        assert_eq!(io::read_to_string(std::fs::File::from(passed)).unwrap(), "order");

        started(&launcher, order.as_fd()).unwrap();
        assert!(answer(&daemon).is_ok());
        ended(&launcher, ExitStatus::from_raw(9)).unwrap();
        assert_eq!(end(&daemon).unwrap().signal(), Some(9));

        for kind in [ErrorKind::Other, ErrorKind::NotConnected] {
            let (daemon, launcher) = pair();
            not_started(&launcher, &io::Error::new(kind, "why".repeat(1000))).unwrap();
            drop(launcher);
            let error = answer(&daemon).unwrap_err();
            assert_eq!((error.kind(), error.to_string().len()), (kind, MAX_WHY));
        }
        drop(launcher);
        assert_eq!(answer(&daemon).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(end(&daemon).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_request_is_none() {
        let (order, _writer) = io::pipe().unwrap();
        let request = [&JOB[..], &[7; 24]].concat();
        let other = [&b"job2"[..], &[7; 24]].concat();
        let long = [&request[..], &[0]].concat();
        for bytes in [&request[..5], &request[..27], &long, &other, &[0; 28], &[0xff; 4096]] {
            let (daemon, launcher) = pair();
            send(&daemon, bytes, order.as_fd()).unwrap();
            assert_eq!(asked(&launcher).unwrap_err().kind(), ErrorKind::InvalidData, "{bytes:?}");
        }
        let (mut daemon, launcher) = pair();
        daemon.write_all(&request).unwrap();
        assert!(asked(&launcher).is_err(), "without a pipe");
        let (daemon, launcher) = pair();
        drop(daemon);
        assert_eq!(asked(&launcher).unwrap_err().kind(), ErrorKind::UnexpectedEof);

        let (daemon, launcher) = pair();
        let many = [order.as_fd(); 2];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&many)));
        sendmsg(&daemon, &[IoSlice::new(&request)], &mut control, SendFlags::NOSIGNAL).unwrap();
        assert!(asked(&launcher).is_err(), "two descriptors");
    }

    #[test]
    fn a_blank_directory_is_called_by_a_number() {
        assert_eq!(number(Path::new("/state/blank/17")).unwrap(), 17);
        for path in ["/", "/state/blank/..", "/state/blank/-1", "/state/tasks/test-1"] {
            assert!(number(Path::new(path)).is_err(), "{path}");
        }
    }
}
