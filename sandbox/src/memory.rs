//! Memory for secrets, and what the kernel shows of a process's own.

use std::alloc::{Layout, handle_alloc_error};
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use crate::sys::memory::{Room, Share, drop_code, trim_heap};
use crate::sys::process::StartStrings;

/// Text that is kept out of swap space, core dumps and forked children, and cleared when it is dropped. It stands in
/// pages with others of its kind: pages of its own would take five system calls for each. What exceeds
/// RLIMIT_MEMLOCK isn't locked, but guarded in all other ways.
pub struct GuardedText(Share);

/// Where the next one goes.
static ROOM: Mutex<Option<Room>> = Mutex::new(None);

impl GuardedText {
    /// Copies a text. Aborts where there is no memory, as any allocation does.
    pub fn new(text: &str) -> GuardedText {
        let mut room = ROOM.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = room.as_mut().and_then(|room| room.take(text.as_bytes())) {
            return GuardedText(share);
        }
        let mut map = || {
            let mut new = Room::map(text.len()).ok()?;
            let share = new.take(text.as_bytes())?;
            *room = Some(new);
            Some(share)
        };
        GuardedText(map().unwrap_or_else(|| handle_alloc_error(Layout::for_value(text))))
    }
}

impl Deref for GuardedText {
    type Target = str;

    fn deref(&self) -> &str {
        // A forked child finds zeroes, which are text too.
        std::str::from_utf8(self.0.bytes()).unwrap_or_default()
    }
}

/// One of the strings that a process is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartString<'s> {
    /// An argument; the first is the program's name.
    Argument(&'s [u8]),
    /// A variable of its environment, `NAME=value`.
    Variable(&'s [u8]),
}

/// Overwrites ends of this process's arguments and environment, which other processes can read in
/// `/proc/PID/cmdline` and `/proc/PID/environ` as long as it lives.
///
/// `keep` is shown each, arguments first, and says how many bytes of it stay. From then on the process itself
/// sees the rest as gone, too. Gives `false`, and does nothing, while there are other threads, which might be
/// reading.
#[must_use = "nothing is overwritten while other threads exist"]
pub fn erase_start_strings(keep: impl FnMut(StartString<'_>) -> usize) -> bool {
    let Some(strings) = StartStrings::find().filter(|_| is_only_thread()) else { return false };
    strings.erase(keep);
    true
}

/// Whether an argument that this process was started with, by its number, is this text. Asks for it where the kernel
/// has put it, so that no copy of any argument comes about; the standard library makes one of all of them.
pub fn is_start_argument(number: usize, text: &str) -> bool {
    StartStrings::find().is_some_and(|strings| strings.get(number) == Some(text.as_bytes()))
}

/// Gives back what a process has needed so far and may not need again, for one that mostly waits: memory that is free, and
/// the program's own code, which is mapped again from its file as far as it still runs.
pub fn give_back() -> std::io::Result<()> {
    trim_heap();
    drop_code().map(drop)
}

/// Whether this process has no other thread.
pub(crate) fn is_only_thread() -> bool {
    // Links of the directory: itself, its parent's entry, and one for each thread.
    nix::sys::stat::stat(c"/proc/self/task").is_ok_and(|tasks| tasks.st_nlink == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flags that the kernel has for the mapping that holds an address.
    fn flags_of(address: usize) -> Vec<String> {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut within = false;
        for line in maps.lines() {
            let first = line.split(' ').next().unwrap_or_default();
            let range = first.split_once('-').and_then(|(start, end)| {
                Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
            });
            if let Some((start, end)) = range {
                within = (start..end).contains(&address);
            } else if within && let Some(flags) = line.strip_prefix("VmFlags: ") {
                return flags.split_whitespace().map(str::to_owned).collect();
            }
        }
        panic!("no mapping holds {address:#x}");
    }

    #[test]
    fn a_guarded_text_is_the_text_in_memory_that_is_neither_swapped_nor_dumped_nor_forked() {
        let text = GuardedText::new("hunter2-hunter2");
        assert_eq!(&*text, "hunter2-hunter2");
        let flags = flags_of(text.as_ptr() as usize);
        // Locked, don't dump, wipe on fork: proc_pid_smaps(5).
        for flag in ["lo", "dd", "wf"] {
            assert!(flags.iter().any(|f| f == flag), "no `{flag}` among {flags:?}");
        }
        assert_eq!(&*GuardedText::new(""), "");
        assert_eq!(GuardedText::new(&"x".repeat(100_000)).len(), 100_000);
    }

    #[test]
    fn dropping_one_text_leaves_another_locked() {
        let (one, other) = (GuardedText::new("one"), GuardedText::new("other"));
        drop(one);
        assert!(flags_of(other.as_ptr() as usize).iter().any(|flag| flag == "lo"));
        assert_eq!(&*other, "other");
    }

    #[test]
    fn texts_keep_apart() {
        let texts: Vec<String> = (0..2000).map(|n| format!("{n}").repeat(n % 7)).collect();
        let guarded: Vec<GuardedText> = texts.iter().map(|text| GuardedText::new(text)).collect();
        let (kept, dropped): (Vec<_>, Vec<_>) =
            guarded.into_iter().zip(&texts).partition(|(_, t)| t.len() % 2 == 0);
        drop(dropped);
        let others: Vec<GuardedText> = (0..2000).map(|_| GuardedText::new("x")).collect();
        assert!(kept.iter().all(|(guarded, text)| **guarded == **text));
        assert!(others.iter().all(|other| &**other == "x"));
    }
}
