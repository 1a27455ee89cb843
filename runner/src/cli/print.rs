//! Standard output, for commands that print one thing.

use std::io::{self, ErrorKind, Write};

use super::{Blame, Error};

/// Writes everything. A reader that has read enough and left is no failure.
pub fn to_stdout(bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes.as_ref()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Blame::Input, format!("cannot write to standard output: {e}")))
        }
        _ => Ok(()),
    }
}
