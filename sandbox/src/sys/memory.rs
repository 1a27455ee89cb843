//! Pages of memory of one's own, and texts that share them.

use std::ffi::c_void;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

use super::{Result, check};

/// Pages that nothing but secrets stands in, so that what is said of them (not to swap, not to dump) ends with the last.
struct Pages {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the pages belong to this value alone. Each of their bytes is given out once ([`Room::take`]), to one owner, who
// gives references to it out as any owner of bytes does.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl Pages {
    /// Maps pages for `length` bytes, all zero: left out of core dumps and of a forked child's memory, and
    /// locked into memory as far as RLIMIT_MEMLOCK allows.
    fn map(length: usize) -> Result<Pages> {
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
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the range is this value's own mapping, and nothing borrows from it any more: whoever does holds it.
        unsafe { libc::munmap(self.address(), self.length) };
    }
}

/// Pages with bytes that were not given out yet.
pub struct Room {
    pages: Arc<Pages>,
    used: usize,
}

/// The least that is mapped, in bytes: a page, on most machines.
const LEAST: usize = 4096;

impl Room {
    /// Room for `length` bytes at least.
    pub fn map(length: usize) -> Result<Room> {
        Ok(Room { pages: Arc::new(Pages::map(length.max(LEAST))?), used: 0 })
    }

    /// Gives bytes out, with this content; none where so many aren't left.
    pub fn take(&mut self, content: &[u8]) -> Option<Share> {
        let end = self.used.checked_add(content.len()).filter(|end| *end <= self.pages.length)?;
        let range = self.used..end;
        self.used = end;
        let share = Share { pages: self.pages.clone(), range };
        // SAFETY: `share` has so many bytes within the mapping. They were given to nobody else, now or before, since `used`
        // only grows, and nothing borrows from `share` yet; so `content` isn't among them either.
        unsafe { std::ptr::copy_nonoverlapping(content.as_ptr(), share.start(), content.len()) };
        Some(share)
    }
}

/// Bytes of pages in which others have theirs. They are cleared when this is dropped.
pub struct Share {
    pages: Arc<Pages>,
    range: Range<usize>,
}

impl Share {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping holds the range, is readable and initialised, and lives as long as `self`; nobody else has
        // these bytes, and they change only when `self` is dropped.
        unsafe { std::slice::from_raw_parts(self.start(), self.range.len()) }
    }

    fn start(&self) -> *mut u8 {
        // SAFETY: the range is within the mapping, or empty at its end.
        unsafe { self.pages.start.as_ptr().add(self.range.start) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // SAFETY: the bytes are this value's own, see `bytes`; this write isn't optimised away.
        unsafe { libc::explicit_bzero(self.start().cast(), self.range.len()) };
    }
}

/// Takes the program's code out of this process's memory: what runs next is mapped again, from the file. Gives how many
/// bytes of it there are.
pub fn drop_code() -> std::io::Result<usize> {
    let program = std::fs::read_link("/proc/self/exe")?;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let mut dropped = 0;
    for range in maps.lines().filter_map(|line| code_of(line, program.as_os_str().as_encoded_bytes())) {
        let length = range.len();
        // SAFETY: the pages are private, of a file, and can't be written to, so that none differs from the file's; the
        // kernel maps each again when it is used.
        let dropping = unsafe { libc::madvise(range.start as *mut c_void, length, libc::MADV_DONTNEED) };
        check(i64::from(dropping))?;
        dropped += length;
    }
    Ok(dropped)
}

/// The range of a line of `/proc/PID/maps`, where it is code of this program that nobody can have changed.
/// Source: `proc_pid_maps(5)`.
fn code_of(line: &str, program: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut fields = line.splitn(6, ' ');
    let (range, rights) = (fields.next()?, fields.next()?);
    let path = fields.nth(3)?.trim_start();
    let (start, end) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    (rights == "r-xp" && path.as_bytes() == program).then_some(number(start)?..number(end)?)
}

/// Gives memory that is free, but kept for later, back to the system.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks and touches no memory that is in use.
    unsafe {
        libc::malloc_trim(0)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_the_program_itself_is_dropped() {
        let code = |line| code_of(line, b"/usr/bin/palisade");
        let line = "00484000-010ab000 r-xp 00284000 fe:00 29 /usr/bin/palisade";
        assert_eq!(code(line), Some(0x484000..0x10ab000));
        for line in [
            "00200000-00484000 r--p 00000000 fe:00 29                     /usr/bin/palisade",
            "00484000-010ab000 rwxp 00284000 fe:00 29                     /usr/bin/palisade",
            "00484000-010ab000 r-xp 00284000 fe:00 29                     /usr/bin/palisade (deleted)",
            "7f3e00000000-7f3e00063000 r-xp 00000000 00:00 0",
            "7ffd1a3a3000-7ffd1a3a5000 r-xp 00000000 00:00 0                          [vdso]",
            "",
        ] {
            assert_eq!(code(line), None, "{line}");
        }
    }

    #[test]
    fn a_program_goes_on_without_its_pages() {
        let dropped = drop_code().unwrap();
        assert!(dropped > 0);
        trim_heap();
        assert_eq!(drop_code().unwrap(), dropped);
    }
}
