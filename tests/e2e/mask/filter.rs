//! Runs `palisade mask` and decides what it reads at once.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};
use palisade_tests::Context;

/// Largest chunk: well below what a socket takes at once.
pub const MAX_CHUNK: usize = 4096;

/// A running filter. Its input is a socket that keeps the borders of what is written, so each chunk is exactly
/// what one read of the filter gives, however fast either side is.
pub struct Filter {
    child: Child,
    input: OwnedFd,
    output: JoinHandle<Vec<u8>>,
    errors: JoinHandle<String>,
    /// The secrets' file lies there.
    _context: Context,
}

/// What a filter did.
#[derive(Debug)]
pub struct Filtered {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it let pass.
    pub output: Vec<u8>,
    /// Its warnings.
    pub errors: String,
    /// Most memory that it took, in KiB.
    pub peak: u64,
}

impl Filter {
    /// Starts one for these secrets.
    pub fn start<S: AsRef<str>>(secrets: &[S]) -> Filter {
        let secrets: Vec<&str> = secrets.iter().map(AsRef::as_ref).collect();
        Filter::of_file(&serde_json::to_string(&secrets).expect("JSON of strings"))
    }

    /// Starts one for a file of secrets.
    pub fn of_file(contents: &str) -> Filter {
        let context = Context::new();
        context.write("secrets", contents);
        let (ours, its) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .expect("a pair of sockets");
        let mut command = context.palisade().args(["mask", "--secrets", "secrets"]).into_command();
        command.stdin(its).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("palisade starts");
        // The command holds the filter's end of the input.
        drop(command);
        let mut output = child.stdout.take().expect("it is a pipe");
        let mut errors = child.stderr.take().expect("it is a pipe");
        Filter {
            child,
            input: ours,
            output: std::thread::spawn(move || {
                let mut bytes = Vec::new();
                output.read_to_end(&mut bytes).expect("a pipe can be read");
                bytes
            }),
            errors: std::thread::spawn(move || {
                let mut text = String::new();
                errors.read_to_string(&mut text).expect("warnings are text");
                text
            }),
            _context: context,
        }
    }

    /// Gives it a chunk. That it has ended already shows at the end.
    pub fn chunk(&mut self, chunk: &[u8]) {
        use std::os::fd::AsRawFd;
        for part in chunk.chunks(MAX_CHUNK) {
            // A message without bytes would be the end of input.
            if send(self.input.as_raw_fd(), part, MsgFlags::MSG_NOSIGNAL).is_err() {
                return;
            }
        }
    }

    /// Ends its input and waits for its end.
    pub fn finish(self) -> Filtered {
        let Filter { mut child, input, output, errors, _context } = self;
        // What is measured now may lack what the end of input costs, so it goes on until the end.
        drop(input);
        let mut peak = 0;
        let status = loop {
            peak = peak.max(peak_of(child.id()));
            match child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        Filtered {
            code: status.code(),
            output: output.join().expect("reading doesn't panic"),
            errors: errors.join().expect("reading doesn't panic"),
            peak,
        }
    }
}

fn peak_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// Runs one over a text, in these chunks.
pub fn mask<S: AsRef<str>>(secrets: &[S], chunks: &[&[u8]]) -> Filtered {
    let mut filter = Filter::start(secrets);
    for chunk in chunks {
        filter.chunk(chunk);
    }
    filter.finish()
}

/// Runs one over a text in one piece.
pub fn mask_text<S: AsRef<str>>(secrets: &[S], text: impl AsRef<[u8]>) -> Filtered {
    mask(secrets, &[text.as_ref()])
}
