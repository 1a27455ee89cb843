//! Pages of memory of one's own.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::{Result, check};

/// Pages that nothing else stands in, so that what is said of them (not to swap, not to dump) is said of their
/// content alone, and ends with it.
pub struct Pages {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the pages belong to this value alone, which gives its bytes out as any owner of bytes does.
unsafe impl Send for Pages {}
// SAFETY: as above; through a shared reference they can only be read.
unsafe impl Sync for Pages {}

impl Pages {
    /// Maps pages for `length` bytes, all zero: left out of core dumps and of a forked child's memory, and
    /// locked into memory as far as RLIMIT_MEMLOCK allows.
    pub fn map(length: usize) -> Result<Pages> {
        let length = length.max(1);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: the kernel chooses a place where nothing is mapped.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(nix::errno::Errno::last());
        }
        let Some(start) = NonNull::new(start.cast()) else { return Err(nix::errno::Errno::ENOMEM) };
        let pages = Pages { start, length };
        for advice in [libc::MADV_DONTDUMP, libc::MADV_WIPEONFORK] {
            // SAFETY: the range is this value's own mapping; neither advice changes its content.
            check(i64::from(unsafe { libc::madvise(pages.address(), length, advice) }))?;
        }
        // SAFETY: as above. A failure is no error, see above.
        unsafe { libc::mlock(pages.address(), length) };
        Ok(pages)
    }

    fn address(&self) -> *mut c_void {
        self.start.as_ptr().cast()
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping has this length, is readable and initialised, and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// The bytes, to be written to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; it is writable, and borrowed by nobody else.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the range is this value's own mapping; this write isn't optimised away.
        unsafe { libc::explicit_bzero(self.address(), self.length) };
        // SAFETY: as above, and nothing borrows from it any more.
        unsafe { libc::munmap(self.address(), self.length) };
    }
}
