//! The host's own addresses: what is theirs may look public, and services of the host trust who comes from there.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// So long it is remembered. A host gets another address rarely, and never by a job's doing.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Most addresses that are remembered.
const MAX: usize = 1024;

/// Which addresses are the host's own.
#[derive(Debug, Default)]
pub struct Own {
    known: HashMap<IpAddr, (bool, Instant)>,
}

impl Own {
    /// Whether an address is one of this host's.
    pub fn has(&mut self, address: IpAddr, now: Instant) -> bool {
        if let Some((own, until)) = self.known.get(&address)
            && *until > now
        {
            return *own;
        }
        if self.known.len() >= MAX {
            self.known.clear();
        }
        let own = is_own(address);
        self.known.insert(address, (own, now + REMEMBERED));
        own
    }
}

/// Who connects to an address of this host comes from the same. Nothing is sent.
fn is_own(address: IpAddr) -> bool {
    /// Any would do: discard, RFC 863.
    const PORT: u16 = 9;
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let probe = UdpSocket::bind(any).and_then(|socket| socket.connect((address, PORT)).map(|()| socket));
    probe
        .and_then(|socket| socket.local_addr())
        .is_ok_and(|own| own.ip().to_canonical() == address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_own_addresses_are_known_without_sending_anything() {
        let (mut own, now) = (Own::default(), Instant::now());
        // The second is for documentation: no host has it, whether or not there is a route.
        for (address, expected) in [("127.0.0.1", true), ("203.0.113.1", false)] {
            let address = address.parse().unwrap();
            assert_eq!((own.has(address, now), own.has(address, now)), (expected, expected));
            // What was remembered is asked for again in time.
            own.known.insert(address, (!expected, now + REMEMBERED));
            assert_eq!((own.has(address, now), own.has(address, now + REMEMBERED)), (!expected, expected));
        }
    }
}
