//! What a job tries to reach by an address that stands for no name. Nothing leads there: it fails in the job's own kernel,
//! which counts what it has no route for. That says how often, and neither what nor who.

use std::fs::File;

use nix::sys::uio::pread;
use palisade_sandbox::Counters;

/// Most bytes of a file of counters.
const MAX: usize = 16 << 10;

/// Counts them. A new network has none.
#[derive(Debug)]
pub struct UnnamedCount {
    files: Vec<File>,
    before: u64,
}

impl UnnamedCount {
    /// By what the job's kernel counts.
    pub fn new(Counters(files): Counters) -> UnnamedCount {
        UnnamedCount { files, before: 0 }
    }

    /// How many there were since the last time.
    pub fn more(&mut self) -> u64 {
        let now = self.all();
        now.saturating_sub(std::mem::replace(&mut self.before, now))
    }

    /// How many there were.
    pub fn all(&self) -> u64 {
        let read = |file: &File| {
            let mut bytes = [0; MAX];
            // What can't be read counts nothing.
            let length = pread(file, &mut bytes, 0).unwrap_or(0);
            without_route(&String::from_utf8_lossy(&bytes[..length]))
        };
        self.files.iter().map(read).sum()
    }
}

/// Packets without a route, of `snmp` (names in one line, numbers in the next) or `snmp6` (a name and a number a line):
/// proc(5).
fn without_route(text: &str) -> u64 {
    let number = match text.strip_prefix("Ip: ") {
        Some(text) => {
            let mut lines = text.lines();
            let mut words = || lines.next().unwrap_or_default().split_whitespace();
            let at = words().position(|name| name == "OutNoRoutes");
            at.and_then(|at| words().nth(1 + at))
        }
        None => {
            let of_v6 = text.split_once("Ip6OutNoRoutes").map(|(_, rest)| rest);
            of_v6.and_then(|rest| rest.split_whitespace().next())
        }
    };
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_own_files_are_read() {
        let snmp = "Ip: Forwarding DefaultTTL OutDiscards OutNoRoutes ReasmTimeout\nIp: 2 64 0 17 3\nIcmp: A\nIcmp: 1\n";
        assert_eq!(without_route(snmp), 17);
        let snmp6 = "Ip6InReceives                   \t3\nIp6OutNoRoutes                  \t5\n";
        assert_eq!(without_route(snmp6), 5);
        for other in ["", "Ip: A\nIp: 1\n", "Ip: OutNoRoutes", "Ip6OutNoRoutes", "Ip: OutNoRoutes\nIp: x\n"] {
            assert_eq!(without_route(other), 0);
        }
    }

    #[test]
    fn what_can_t_be_read_counts_nothing() {
        let none = || File::open("/dev/null").unwrap();
        assert_eq!(UnnamedCount::new(Counters(vec![none(), none()])).more(), 0);
        assert_eq!(UnnamedCount::new(Counters(Vec::new())).more(), 0);
    }
}
