//! Who asks: a thread's process, and those above it, by what `/proc` says of them; proc(5). A process that doesn't let itself
//! be looked at (it has made itself undumpable) isn't known.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use nix::sys::uio::pread;

use crate::sightings::{Caller, MAX_COMMAND, MAX_EXE, MAX_PARENT_COMMAND, MAX_PARENTS, PLACES, Process};

/// Most bytes of `/proc/PID/stat` and `/proc/PID/status`.
const MAX_STAT: usize = 4096;

/// Those who have asked, each at its place.
#[derive(Default)]
pub struct Callers {
    places: Vec<Option<Known>>,
    next: usize,
}

/// A thread that has asked before.
struct Known {
    thread: i32,
    /// Open all the time: it never becomes another thread's.
    stat: File,
    mark: Mark,
}

/// What changes when a process executes another program, or loses its parent.
#[derive(Clone, Copy, PartialEq)]
struct Mark {
    parent: i32,
    arguments: u64,
}

impl Callers {
    /// The place of the thread's process, and who it is where that wasn't said before.
    pub fn find(&mut self, thread: i32) -> Option<(u8, Option<Box<Caller>>)> {
        let at =
            self.places.iter().position(|known| known.as_ref().is_some_and(|known| known.thread == thread));
        if let Some((at, known)) = at.and_then(|at| Some((at, self.places[at].as_ref()?)))
            && mark(&known.stat) == Some(known.mark)
        {
            return Some((at as u8, None));
        }
        let stat = File::open(format!("/proc/{thread}/stat")).ok()?;
        let mark = mark(&stat)?;
        let caller = caller(thread, mark.parent)?;
        let at = at.unwrap_or_else(|| {
            let at = self.next;
            self.next = (at + 1) % PLACES;
            at
        });
        if at >= self.places.len() {
            self.places.resize_with(at + 1, || None);
        }
        self.places[at] = Some(Known { thread, stat, mark });
        Some((at as u8, Some(Box::new(caller))))
    }

    /// It wasn't said after all.
    pub fn forget(&mut self, place: u8) {
        if let Some(place) = self.places.get_mut(usize::from(place)) {
            *place = None;
        }
    }
}

fn mark(stat: &File) -> Option<Mark> {
    let mut bytes = [0; MAX_STAT];
    let length = pread(stat, &mut bytes, 0).ok()?;
    // The second field is the program's name in brackets, which may have brackets and spaces itself.
    let after = bytes[..length].iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = std::str::from_utf8(&bytes[after..length]).ok()?.split_ascii_whitespace();
    // From the third on: the fourth is the parent, the forty-eighth where the arguments begin.
    let parent = fields.nth(1)?.parse().ok()?;
    Some(Mark { parent, arguments: fields.nth(43)?.parse().ok()? })
}

fn caller(thread: i32, parent: i32) -> Option<Caller> {
    let status = read(thread, "status", MAX_STAT);
    let process = value(&status, "Tgid:").unwrap_or(thread);
    let mut parents = Vec::new();
    let mut at = parent;
    // Init's parent is none, and init isn't told.
    while at > 1 && parents.len() < MAX_PARENTS {
        parents.push(self::process(at, MAX_PARENT_COMMAND));
        at = value(&read(at, "status", MAX_STAT), "PPid:").unwrap_or(0);
    }
    Some(Caller { process: self::process(process, MAX_COMMAND), parents })
}

fn process(pid: i32, most: usize) -> Process {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_else(|_| PathBuf::new());
    let mut exe = exe.to_string_lossy().into_owned();
    if exe.len() > MAX_EXE {
        exe.replace_range(..exe.ceil_char_boundary(exe.len() - MAX_EXE), "…");
    }
    Process { pid: pid.unsigned_abs(), exe, command: command(&read(pid, "cmdline", most + 1), most) }
}

/// Of the arguments, each with a zero at its end. One that isn't there to its end is left out: the part of a secret isn't
/// known as one.
fn command(bytes: &[u8], most: usize) -> String {
    let whole = if bytes.len() > most {
        let end = bytes[..most].iter().rposition(|byte| *byte == 0);
        end.map_or(&[][..], |end| &bytes[..end])
    } else {
        bytes.strip_suffix(&[0]).unwrap_or(bytes)
    };
    let arguments = whole.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let more = (bytes.len() > most).then_some("…".into());
    arguments.chain(more).filter(|argument| !argument.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Reads a file of a process; nothing of one that is gone.
fn read(pid: i32, name: &str, most: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(most.min(MAX_STAT));
    let read = File::open(format!("/proc/{pid}/{name}"))
        .and_then(|file| file.take(most as u64).read_to_end(&mut bytes));
    if read.is_err() {
        bytes.clear();
    }
    bytes
}

/// The number behind a word of `/proc/PID/status`.
fn value(status: &[u8], word: &str) -> Option<i32> {
    let text = String::from_utf8_lossy(status);
    text.lines().find_map(|line| line.strip_prefix(word))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_said_once_until_it_changes() {
        let own = nix::unistd::Pid::this().as_raw();
        let mut callers = Callers::default();
        let (place, said) = callers.find(own).unwrap();
        let said = said.unwrap();
        assert_eq!(said.process.pid, own.unsigned_abs());
        assert!(said.process.exe.contains("palisade_sandbox") && !said.parents.is_empty());
        assert_eq!(callers.find(own), Some((place, None)));
        callers.forget(place);
        assert!(callers.find(own).unwrap().1.is_some());
        // A thread is its process's; one that isn't there is nobody's.
        let thread = std::thread::spawn(|| {
            let id = nix::unistd::gettid().as_raw();
            Callers::default().find(id).and_then(|(_, said)| Some((id, said?.process.pid)))
        });
        let (thread, process) = thread.join().unwrap().unwrap();
        assert!(thread != own && process == own.unsigned_abs());
        assert_eq!(callers.find(i32::MAX), None);
    }

    #[test]
    fn a_long_command_line_has_whole_arguments() {
        let command = |bytes: &[u8]| command(bytes, 30);
        assert_eq!(command(b"curl\0-s\0https://a.test\0"), "curl -s https://a.test");
        assert_eq!(command(b"title set by itself"), "title set by itself");
        assert_eq!(command(b""), "");
        assert_eq!(command(&[b"sh\0-c\0".as_slice(), &[b'x'; 40]].concat()), "sh -c …");
        assert_eq!(command(&[b'x'; 31]), "…");
    }
}
