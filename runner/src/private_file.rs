//! Files with private keys: nobody but this user can read them.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

/// Largest file of a key, in bytes.
const MAX: u64 = 16 << 10;

/// Keeps a key in a new file that only this user can read.
pub fn write(path: &Path, kept: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(kept)?;
    file.sync_all()
}

/// Reads it; an error where others could have done so.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    let refused = |why: &str| Error::new(ErrorKind::PermissionDenied, why);
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return Err(refused("it belongs to another user"));
    }
    if found.mode() & 0o077 != 0 {
        return Err(refused("others can read or change it; take that away with `chmod 600`"));
    }
    // Room from the start: a buffer that grows leaves copies behind.
    let mut kept = Zeroizing::new(Vec::with_capacity(MAX as usize));
    file.take(MAX).read_to_end(&mut kept)?;
    Ok(kept)
}
