//! Answers on a listening socket, in threads of its own, until it is dropped.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};

use super::http::{self, Answer, Asked};

/// Answers a question.
pub type Answers = dyn Fn(&Asked<'_>) -> Answer + Send + Sync;

/// Questions that are answered at a time; more wait for their turn, as the kernel holds them.
const THREADS: usize = 16;
/// Memory of a thread's stack.
const STACK: usize = 256 << 10;

/// A server at work.
#[derive(Debug)]
pub struct Server(Arc<TcpListener>);

impl Server {
    /// Starts it.
    pub fn start(listener: TcpListener, answers: Arc<Answers>) -> io::Result<Server> {
        let listener = Arc::new(listener);
        let server = Server(listener.clone());
        let busy = Arc::new(AtomicUsize::new(0));
        thread().spawn(move || {
            while let Some(stream) = next(&listener) {
                take(stream, &answers, &busy);
            }
        })?;
        Ok(server)
    }
}

/// Has a connection answered: by a thread of its own while there are few, and else before the next is taken.
fn take(stream: TcpStream, answers: &Arc<Answers>, busy: &Arc<AtomicUsize>) {
    // What one client does wrong is its own affair.
    let serve = |stream, answers: &Answers| drop(http::serve(stream, |asked| answers(asked)));
    if busy.fetch_add(1, Ordering::Relaxed) >= THREADS {
        busy.fetch_sub(1, Ordering::Relaxed);
        return serve(stream, &**answers);
    }
    let (answers, done) = (answers.clone(), busy.clone());
    let spawned = thread().spawn(move || {
        serve(stream, &*answers);
        done.fetch_sub(1, Ordering::Relaxed);
    });
    if spawned.is_err() {
        busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn thread() -> std::thread::Builder {
    std::thread::Builder::new().name("identity".into()).stack_size(STACK)
}

/// The next connection; nothing once there will be none.
fn next(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        let error = match listener.accept() {
            Ok((stream, _)) => return Some(stream),
            Err(error) => error,
        };
        match error.raw_os_error().map(Errno::from_raw) {
            // Of a connection that is gone already.
            Some(Errno::ECONNABORTED | Errno::EINTR) => {}
            // Of this process's limits, which others may leave room in again.
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS) => {
                std::thread::sleep(Duration::from_millis(10));
            }
            _ => return None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Wakes the thread that waits for a connection; those that answer end by themselves.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}
