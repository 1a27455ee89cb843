//! The archive of an entry: written once, with its digest, and bounded; verified when it is read.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Digest, StoreError};
use crate::shelf::told;

/// How often it is looked whether there is room for more, in bytes.
const CHECK: u64 = 64 << 20;
/// How much is read at once.
const BUFFER: usize = 1 << 20;

/// An archive that is written.
pub struct Archive {
    file: File,
    path: PathBuf,
    digest: Sha256,
    size: u64,
    checked: u64,
}

impl Archive {
    /// Makes the file.
    pub fn create(path: PathBuf) -> Result<Archive, StoreError> {
        let file = File::create_new(&path).map_err(told(&path))?;
        Ok(Archive { file, path, digest: Sha256::new(), size: 0, checked: 0 })
    }

    /// Adds bytes; asks for room now and then.
    pub fn write(&mut self, bytes: &[u8], room: impl FnOnce() -> Result<(), StoreError>) -> io::Result<()> {
        if self.size + bytes.len() as u64 >= self.checked + CHECK {
            room().map_err(io::Error::other)?;
            self.checked = self.size;
        }
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Bytes and digest.
    pub fn end(self) -> (PathBuf, u64, Digest) {
        (self.path, self.size, Digest(self.digest.finalize().into()))
    }
}

/// Opens an archive that has this digest.
pub fn open(path: &Path, was: Digest) -> Result<File, StoreError> {
    let mut file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(StoreError::Gone),
        opened => opened.map_err(told(path))?,
    };
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => digest.update(&buffer[..read]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(told(path)(e).into()),
        }
    }
    let is = Digest(digest.finalize().into());
    if is != was {
        return Err(StoreError::Changed { path: path.to_owned(), was, is });
    }
    file.rewind().map_err(told(path))?;
    Ok(file)
}
