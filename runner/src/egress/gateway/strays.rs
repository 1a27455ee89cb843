//! Who has tried to reach addresses that stand for no name, as far as it was seen. The kernel's count ([`unnamed`](super::unnamed))
//! has these among others.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use palisade_sandbox::{Asked, Caller, Transport};

use crate::egress::record::{Asker, Stray, Unnamed};

/// Most of a step that are told apart.
const MAX: usize = 50;

/// Those of the step that runs.
#[derive(Debug, Default)]
pub struct Strays {
    seen: BTreeMap<(SocketAddr, Option<bool>, String), (Caller, u64)>,
}

impl Strays {
    /// Takes note of one.
    pub fn note(&mut self, caller: &Caller, asked: Asked) {
        let udp = asked.transport.map(|transport| transport == Transport::Udp);
        let key = (asked.to, udp, caller.process.exe.clone());
        if let Some((_, attempts)) = self.seen.get_mut(&key) {
            *attempts += 1;
        } else if self.seen.len() < MAX {
            self.seen.insert(key, (caller.clone(), 1));
        }
    }

    /// What is told of a step in which the kernel has counted so many.
    pub fn of_step(&mut self, step: Option<usize>, counted: u64) -> Vec<Unnamed> {
        let mut left = counted;
        let seen = std::mem::take(&mut self.seen).into_iter();
        let mut told: Vec<Unnamed> = seen
            .map(|((to, udp, _), (caller, attempts))| {
                left = left.saturating_sub(attempts);
                let stray =
                    Stray { address: to.ip(), port: to.port(), udp, process: Asker::of(&caller, true) };
                Unnamed { step, attempts, to: Some(stray) }
            })
            .collect();
        if left > 0 {
            told.push(Unnamed { step, attempts: left, to: None });
        }
        told
    }
}
