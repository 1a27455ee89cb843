//! Who is at the other end of a socket, by the kernel's word.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::str::FromStr;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};

/// Most bytes of `/etc/passwd` and `/etc/group` that are read.
const MAX_LIST: u64 = 16 << 20;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user id.
    pub uid: u32,
    /// What `/etc/passwd` calls it.
    pub name: Option<String>,
    /// The ids of the groups that its process has.
    pub groups: Vec<u32>,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (uid {})", self.uid),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

/// Who may approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approver {
    /// A user by name or id.
    User(String),
    /// Every member of a group, by name or id.
    Group(String),
}

impl FromStr for Approver {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let approver = match text.strip_prefix('@') {
            Some(group) => Approver::Group(group.to_owned()),
            None => Approver::User(text.to_owned()),
        };
        match text.trim_start_matches('@') {
            "" => Err(format!("the approver `{text}` names nobody")),
            _ => Ok(approver),
        }
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Approver::User(name) => f.write_str(name),
            Approver::Group(name) => write!(f, "@{name}"),
        }
    }
}

impl Approver {
    /// Whether one person is meant.
    pub fn is_user(&self) -> bool {
        matches!(self, Approver::User(_))
    }

    /// The id of a group, if there is one of the name.
    pub fn group_id(&self) -> Option<u32> {
        match self {
            Approver::User(_) => None,
            Approver::Group(name) => name.parse().ok().or_else(|| id_of("/etc/group", name)),
        }
    }

    /// Whether it is, or has among its members, a person.
    pub fn is(&self, person: &Person) -> bool {
        match self {
            Approver::User(name) => person.name.as_ref() == Some(name) || name.parse() == Ok(person.uid),
            Approver::Group(_) => self.group_id().is_some_and(|id| person.groups.contains(&id)),
        }
    }
}

impl Person {
    /// Whose process has connected. One in a sandbox is refused: it may run as the user who runs palisade.
    pub fn at(stream: &UnixStream) -> Result<Person> {
        let peer = getsockopt(stream, sockopt::PeerCredentials)?;
        // One of another user is none of the sandbox, and may be one that isn't shown here (hidepid of proc(5)).
        if peer.uid() == nix::unistd::geteuid().as_raw() {
            // Kernels before 6.5 don't have it.
            let process = getsockopt(stream, sockopt::PeerPidfd).ok();
            let refused = |why: &str| Error::new(ErrorKind::PermissionDenied, why);
            let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/user"));
            if namespace(&peer.pid().to_string()).ok() != Some(namespace("self")?) {
                return Err(refused("it comes out of a sandbox"));
            }
            if let Some(process) = process
                && poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)? > 0
            {
                return Err(refused("its process has ended, so what was read may be another's"));
            }
        }
        let mut groups = vec![peer.gid()];
        groups.extend(palisade_sandbox::peer_groups(stream.as_fd())?);
        Ok(Person { uid: peer.uid(), name: name_of("/etc/passwd", peer.uid()), groups })
    }
}

/// The lines of a list of users or groups: name and id.
fn entries(list: &str) -> impl Iterator<Item = (String, u32)> {
    let lines = File::open(list).into_iter().flat_map(|file| BufReader::new(file.take(MAX_LIST)).lines());
    lines.map_while(Result::ok).filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}

fn name_of(list: &str, id: u32) -> Option<String> {
    entries(list).find(|(_, known)| *known == id).map(|(name, _)| name)
}

fn id_of(list: &str, name: &str) -> Option<u32> {
    entries(list).find(|(known, _)| known == name).map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_known_by_name_and_by_number() {
        let person = Person { uid: 7, name: Some("alice".into()), groups: vec![5, 0] };
        for (approver, is) in [
            ("alice", true),
            ("7", true),
            ("bob", false),
            ("8", false),
            ("@5", true),
            ("@root", true),
            ("@6", false),
            ("@none", false),
        ] {
            assert_eq!(approver.parse::<Approver>().unwrap().is(&person), is, "{approver}");
        }
    }

    #[test]
    fn a_list_that_is_broken_has_fewer_entries() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwd");
        let list = path.to_str().unwrap();
        std::fs::write(&path, "root:x:0:0::/:/bin/sh\n\nbroken\nodd:x:y:\nalice:x:7:\n").unwrap();
        assert_eq!(name_of(list, 7), Some("alice".into()));
        assert_eq!((id_of(list, "alice"), id_of(list, "odd")), (Some(7), None));
        assert_eq!(id_of("/nonexistent", "alice"), None);
    }

    #[test]
    fn the_other_end_is_whoever_connected() {
        let (here, _there) = UnixStream::pair().unwrap();
        let person = Person::at(&here).unwrap();
        assert_eq!(person.uid, nix::unistd::geteuid().as_raw());
        assert!(person.groups.contains(&nix::unistd::getegid().as_raw()));
    }
}
