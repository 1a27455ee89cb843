//! Sockets at paths of this host, however long: the kernel takes no more than 107 bytes (`unix(7)`).

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::environment::{open, within};

/// Listens at a path, for this user alone. A socket there that nobody listens on any more is removed.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    let no_name = || io::Error::new(ErrorKind::InvalidInput, "it names no file");
    let directory = open(path.parent().ok_or_else(no_name)?)?;
    let short = within(&directory, path.file_name().ok_or_else(no_name)?);
    if UnixStream::connect(&short).is_ok() {
        return Err(io::Error::new(ErrorKind::AddrInUse, "another process listens there"));
    }
    match fs::symlink_metadata(&short) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(&short)?,
        Ok(_) => return Err(io::Error::new(ErrorKind::AlreadyExists, "what is there is no socket")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(&short)?;
    fs::set_permissions(short, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to who listens at a path.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let no_name = || io::Error::new(ErrorKind::NotFound, "it names no file");
    let directory = open(path.parent().ok_or_else(no_name)?)?;
    UnixStream::connect(within(&directory, path.file_name().ok_or_else(no_name)?))
}
