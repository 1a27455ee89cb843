//! Ports of names that no rule opens for datagrams, and who was seen to try them. A datagram socket is connected also to find
//! out by which address something would go: the C library does so once for each address of a name, in either family, before
//! anything is connected to. So what was seen counts where one family was tried more often than the other, where the job's kernel has
//! dropped datagrams that nobody listened for, and where TCP wasn't tried as well: whoever goes over to it has lost nothing.

use std::collections::BTreeMap;
use std::rc::Rc;

use palisade_sandbox::Caller;

use crate::egress::name::Name;

/// Most of a step that are told apart.
const MAX: usize = 50;

/// Those of the step that runs.
#[derive(Debug, Default)]
pub struct Unheard {
    /// How often over IPv4 and over IPv6.
    seen: BTreeMap<(Name, u16), (Rc<Caller>, [u64; 2])>,
}

impl Unheard {
    /// Takes note of a datagram socket that was connected to a port of a name.
    pub fn note(&mut self, name: &Name, port: u16, v6: bool, caller: Rc<Caller>) {
        let key = (name.clone(), port);
        // Nothing is ever sent to port 0.
        if port != 0 && (self.seen.len() < MAX || self.seen.contains_key(&key)) {
            let (_, counts) = self.seen.entry(key).or_insert_with(|| (caller, [0; 2]));
            counts[usize::from(v6)] += 1;
        }
    }

    /// The same port is tried by TCP.
    pub fn forget(&mut self, name: &Name, port: u16) {
        self.seen.remove(&(name.clone(), port));
    }

    /// Those of a step in which so many datagrams were dropped.
    pub fn of_step(&mut self, dropped: u64) -> impl Iterator<Item = ((Name, u16), Rc<Caller>)> + use<> {
        let seen = std::mem::take(&mut self.seen).into_iter();
        let used = seen.filter(move |(_, (_, [v4, v6]))| dropped > 0 && v4 != v6);
        used.map(|(at, (caller, _))| (at, caller))
    }
}

#[cfg(test)]
mod tests {
    use palisade_sandbox::Process;

    use super::*;

    #[test]
    fn a_look_for_addresses_is_no_attempt() {
        let process = Process { pid: 1, exe: String::new(), command: String::new() };
        let caller = Rc::new(Caller { process, parents: Vec::new() });
        let [a, b, c] = ["a.test", "b.test", "c.test"].map(|name| Name::parse(name).unwrap());
        let mut unheard = Unheard::default();
        let mut told = |tries: &[(&Name, u16, bool)], tcp: &[(&Name, u16)], dropped| {
            tries.iter().for_each(|(name, port, v6)| unheard.note(name, *port, *v6, caller.clone()));
            tcp.iter().for_each(|(name, port)| unheard.forget(name, *port));
            unheard.of_step(dropped).map(|((name, port), _)| format!("{name}:{port}")).collect::<Vec<_>>()
        };
        let looks = [(&a, 1, true), (&a, 1, false), (&b, 1, true), (&b, 1, false), (&c, 0, true)];
        assert_eq!(told(&looks, &[], 1), [""; 0]);
        let used = [&looks[..], &[(&a, 1, true), (&b, 1, true), (&c, 2, false)]].concat();
        assert_eq!(told(&used, &[], 0), [""; 0], "nothing was sent");
        assert_eq!(told(&used, &[], 2), ["a.test:1", "b.test:1", "c.test:2"]);
        assert_eq!(told(&used, &[(&b, 1)], 2), ["a.test:1", "c.test:2"], "TCP took its place");
        let many: Vec<_> = (1..200).map(|port| (&a, port, true)).collect();
        assert_eq!(told(&many, &[], 1).len(), MAX);
    }
}
