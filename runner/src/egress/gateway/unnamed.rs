//! What a job tries to reach by an address that stands for no name. Nothing leads there: it fails in the job's own kernel,
//! which counts what it has no route for. That says how often, and neither what nor who.

use std::fs::File;

use nix::sys::uio::pread;
use palisade_sandbox::Counters;

/// Most bytes of a file of counters.
const MAX: usize = 16 << 10;

/// Counts them, from when it was made.
#[derive(Debug)]
pub struct UnnamedCount {
    files: Vec<File>,
    before: u64,
}

impl UnnamedCount {
    /// By what the job's kernel counts.
    pub fn new(Counters(files): Counters) -> UnnamedCount {
        let mut count = UnnamedCount { files, before: 0 };
        count.more();
        count
    }

    /// How many there were since the last time.
    pub fn more(&mut self) -> u64 {
        let read = |file: &File| {
            let mut bytes = [0; MAX];
            // What can't be read counts nothing.
            let length = pread(file, &mut bytes, 0).unwrap_or(0);
            without_route(&String::from_utf8_lossy(&bytes[..length]))
        };
        let now = self.files.iter().map(read).sum::<u64>();
        now.saturating_sub(std::mem::replace(&mut self.before, now))
    }
}

/// Packets without a route, of `snmp` (names in one line, numbers in the next) or `snmp6` (a name and a number a line):
/// proc(5).
fn without_route(text: &str) -> u64 {
    let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).unwrap_or(0);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("Ip:") => {
                let at = words.position(|name| name == "OutNoRoutes");
                let numbers = lines.next().unwrap_or_default().split_whitespace().skip(1);
                return at.map_or(0, |at| number(numbers.clone().nth(at)));
            }
            Some("Ip6OutNoRoutes") => return number(words.next()),
            _ => {}
        }
    }
    0
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
    fn what_was_there_before_isn_t_counted() {
        let own = || Counters(File::open("/proc/self/net/snmp").into_iter().collect());
        let mut count = UnnamedCount::new(own());
        count.before = 0;
        assert_eq!(count.more(), count.before, "all of it");
        assert_eq!(UnnamedCount::new(Counters(Vec::new())).more(), 0);
    }
}
