//! What a job tries to reach by an address that stands for no name. Nothing leads there: it fails in the job's own kernel,
//! which counts what it has no route for. That says how often, and neither what nor who. Beside it stands there how many
//! datagrams went to ports on which nobody listens.

use std::fs::File;

use nix::sys::uio::pread;
use palisade_sandbox::Counters;
use serde::{Deserialize, Serialize};

/// Most bytes of a file of counters.
const MAX: usize = 16 << 10;

/// Counts them, and datagrams that nobody has listened for. A new network has none of either.
#[derive(Debug)]
pub struct UnnamedCount {
    files: Vec<File>,
    before: Counted,
    /// What there was when the first step ended, which may be counted late.
    first: Option<Counted>,
}

/// How many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Packets without a route.
    pub unnamed: u64,
    /// Datagrams for a port on which nobody listens.
    pub unheard: u64,
}

impl UnnamedCount {
    /// By what the job's kernel counts.
    pub fn new(Counters(files): Counters) -> UnnamedCount {
        UnnamedCount { files, before: Counted::default(), first: None }
    }

    /// The same, where somebody has counted already when the first step ended.
    pub fn since(self, first: Option<Counted>) -> UnnamedCount {
        UnnamedCount { first, ..self }
    }

    /// How many there were since the last time.
    pub fn more(&mut self) -> Counted {
        let now = self.first.take().unwrap_or_else(|| self.all());
        let before = std::mem::replace(&mut self.before, now);
        Counted {
            unnamed: now.unnamed.saturating_sub(before.unnamed),
            unheard: now.unheard.saturating_sub(before.unheard),
        }
    }

    /// How many there were.
    pub fn all(&self) -> Counted {
        let mut all = Counted::default();
        for file in &self.files {
            let mut bytes = [0; MAX];
            // What can't be read counts nothing.
            let length = pread(file, &mut bytes, 0).unwrap_or(0);
            let text = String::from_utf8_lossy(&bytes[..length]);
            all.unnamed += counter(&text, "Ip", "OutNoRoutes");
            all.unheard += counter(&text, "Udp", "NoPorts");
        }
        all
    }
}

/// A number of `snmp` (a group's names in one line, its numbers in the next) or `snmp6` (a name and a number a line):
/// proc(5).
fn counter(text: &str, group: &str, name: &str) -> u64 {
    let of_v4 = || {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)?.strip_prefix(": "));
        let at = lines.next()?.split_whitespace().position(|word| word == name)?;
        lines.next()?.split_whitespace().nth(at)
    };
    let of_v6 = || {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)?.strip_prefix('6'));
        let rest = lines.find_map(|line| line.strip_prefix(name))?;
        rest.strip_prefix(char::is_whitespace).map(str::trim)
    };
    of_v4().or_else(of_v6).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_own_files_are_read() {
        let snmp = "Ip: Forwarding DefaultTTL OutDiscards OutNoRoutes ReasmTimeout\nIp: 2 64 0 17 3\nIcmp: A\nIcmp: 1\n\
                    Udp: InDatagrams NoPorts\nUdp: 1 4\nUdpLite: InDatagrams NoPorts\nUdpLite: 0 9\n";
        assert_eq!((counter(snmp, "Ip", "OutNoRoutes"), counter(snmp, "Udp", "NoPorts")), (17, 4));
        let snmp6 = "Ip6InReceives                   \t3\nIp6OutNoRoutes                  \t5\n\
                     Udp6NoPorts                     \t7\nUdpLite6NoPorts                 \t8\n";
        assert_eq!((counter(snmp6, "Ip", "OutNoRoutes"), counter(snmp6, "Udp", "NoPorts")), (5, 7));
        for other in ["", "Ip: A\nIp: 1\n", "Ip: OutNoRoutes", "Ip6OutNoRoutes", "Ip: OutNoRoutes\nIp: x\n"] {
            assert_eq!(counter(other, "Ip", "OutNoRoutes"), 0);
        }
    }

    #[test]
    fn what_can_t_be_read_counts_nothing() {
        let none = || File::open("/dev/null").unwrap();
        assert_eq!(UnnamedCount::new(Counters(vec![none(), none()])).more(), Counted::default());
        assert_eq!(UnnamedCount::new(Counters(Vec::new())).more(), Counted::default());
    }
}
