//! Who asks: a thread's process, and those above it, by what `/proc` says of them; proc(5). A process that doesn't let itself
//! be looked at (it has made itself undumpable) isn't known.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use nix::sys::uio::pread;

use crate::sightings::{
    Caller, Holder, MAX_COMMAND, MAX_EXE, MAX_PARENT_COMMAND, MAX_PARENTS, PLACES, Process,
};

/// Most bytes of `/proc/PID/stat` and `/proc/PID/status`.
const MAX_STAT: usize = 4096;

/// Descriptors that are looked at for one socket, of all processes together.
const MAX_LOOKED: usize = 8192;

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

/// Who has the socket with this inode: the youngest of those that have it.
pub fn holder(socket: u64) -> Option<Holder> {
    let own = std::process::id().cast_signed();
    let named = std::fs::read_dir("/proc").ok()?.flatten();
    let mut processes: Vec<i32> =
        named.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    processes.retain(|process| *process != own);
    processes.sort_unstable_by(|one, other| other.cmp(one));
    let wanted = PathBuf::from(format!("socket:[{socket}]"));
    let (mut left, mut found) = (MAX_LOOKED, None);
    for process in processes {
        // Who doesn't let itself be looked at has nothing that could be found.
        let Ok(descriptors) = std::fs::read_dir(format!("/proc/{process}/fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let Some(less) = left.checked_sub(1) else {
                return found.and_then(|process| held_by(process, false));
            };
            left = less;
            if std::fs::read_link(descriptor.path()).is_ok_and(|to| to == wanted) {
                match found {
                    None => found = Some(process),
                    Some(youngest) => return held_by(youngest, false),
                }
                break;
            }
        }
    }
    found.and_then(|process| held_by(process, true))
}

fn held_by(process: i32, alone: bool) -> Option<Holder> {
    let parent = value(&read(process, "status", MAX_STAT), "PPid:")?;
    Some(Holder { caller: caller(process, parent)?, alone })
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
    use std::os::unix::fs::MetadataExt;

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
    fn a_socket_is_found_with_who_has_it() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let inode = |fd: &dyn std::os::fd::AsRawFd| {
            std::fs::metadata(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap().ino()
        };
        // Of this process itself, which is the one that looks, nothing is told; of one that it has started, what is.
        assert_eq!(holder(inode(&socket)), None);
        let theirs = std::os::fd::OwnedFd::from(socket.try_clone().unwrap());
        let mut child = std::process::Command::new("sleep").arg("60").stdin(theirs).spawn().unwrap();
        let found = loop {
            let found = holder(inode(&socket)).unwrap();
            if found.caller.process.exe.ends_with("sleep") {
                break found;
            }
        };
        assert!(found.alone && found.caller.process.pid == child.id(), "{found:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(holder(u64::MAX), None);
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
