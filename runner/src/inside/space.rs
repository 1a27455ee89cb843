//! Whether the file system of a directory is full: what a program that fails for that reason often doesn't tell.

use std::ffi::OsString;

use nix::sys::statvfs::{Statvfs, statvfs};

/// What of it has to be free so that it doesn't count as full: a twentieth.
const FREE: u64 = 20;

/// Exit code where it is full.
pub const FULL: u8 = 3;

/// Arguments: the directory.
pub fn main(args: &[OsString]) -> u8 {
    let [directory] = args else { return 2 };
    match statvfs(directory.as_os_str()) {
        Ok(stat) if is_full(&stat) => FULL,
        Ok(_) => 0,
        Err(_) => 1,
    }
}

fn is_full(stat: &Statvfs) -> bool {
    let few = |free: u64, all: u64| all > 0 && free < all.div_ceil(FREE);
    few(stat.blocks_available(), stat.blocks()) || few(stat.files_available(), stat.files())
}
