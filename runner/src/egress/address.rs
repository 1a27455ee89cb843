//! Addresses that a name must not lead a job to, and prefixes of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A prefix of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

impl Cidr {
    /// Reads `ADDRESS` or `ADDRESS/LENGTH`; what is wrong where it is none.
    pub fn parse(text: &str) -> Result<Cidr, String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| format!("`{}` is no address", address.escape_debug()))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => bits,
            Some(length) => match length.parse::<u8>() {
                Ok(number) if number <= bits && length.bytes().all(|b| b.is_ascii_digit()) => number,
                _ => return Err(format!("the length of a prefix is a number from 0 to {bits}")),
            },
        };
        let cidr = Cidr { address, length };
        if mask(address, length) != number(address) {
            return Err(format!("`{address}` has bits beyond its prefix of {length}"));
        }
        Ok(cidr)
    }

    /// Whether an address lies in it, in all ways to write it.
    pub fn contains(self, address: IpAddr) -> bool {
        let has = |address: IpAddr| {
            address.is_ipv4() == self.address.is_ipv4() && mask(address, self.length) == number(self.address)
        };
        has(address) || embedded_v4(address).is_some_and(|v4| has(v4.into()))
    }
}

/// The IPv4 address that packets to an IPv6 address end up at.
fn embedded_v4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let [_, a, b, .., c, d] = address.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    if within(address, NAT64) {
        return of(c, d);
    }
    if within(address, SIX_TO_FOUR) {
        return of(a, b);
    }
    address.to_ipv4_mapped()
}

fn within(address: Ipv6Addr, (prefix, length): (Ipv6Addr, u8)) -> bool {
    mask(address.into(), length) == number(prefix.into())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

fn mask(address: IpAddr, length: u8) -> u128 {
    number(address) & u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// What of IPv4 isn't of the internet: the registry of special-purpose addresses
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>), multicast and reserved space.
const SPECIAL_V4: [(Ipv4Addr, u8, &str); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "of this host alone"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, PRIVATE),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared space behind a provider"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "the host's loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local, where clouds have their metadata"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "the platform of a cloud, with its metadata"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, PRIVATE),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "for protocols, and some clouds' metadata"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay to IPv6"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, PRIVATE),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(203, 0, 113, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved or broadcast"),
];

const PRIVATE: &str = "of a private network";
const DOCUMENTATION: &str = "for documentation";

/// What within the global unicast space of IPv6, 2000::/3, isn't of the internet:
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>.
const SPECIAL_V6: [(Ipv6Addr, u8, &str); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "for protocols, such as a tunnel"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, DOCUMENTATION),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, DOCUMENTATION),
];

/// The global unicast space.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// IPv4 translated: RFC 6052.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
/// IPv4 tunnelled: RFC 3056.
const SIX_TO_FOUR: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

/// Whether an address is of the internet, in all ways to write it; what it is where it isn't.
pub fn check_public(address: IpAddr) -> Result<(), &'static str> {
    if let Some(v4) = embedded_v4(address) {
        return check_public(v4.into());
    }
    match address {
        IpAddr::V4(address) => {
            let special = SPECIAL_V4
                .iter()
                .find(|(prefix, length, _)| mask(address.into(), *length) == number((*prefix).into()));
            special.map_or(Ok(()), |(_, _, what)| Err(what))
        }
        IpAddr::V6(address) => {
            if let Some((_, _, what)) =
                SPECIAL_V6.iter().find(|(prefix, length, _)| within(address, (*prefix, *length)))
            {
                return Err(what);
            }
            match within(address, GLOBAL_V6) {
                true => Ok(()),
                false if address.is_loopback() => Err("the host's loopback"),
                false => Err("not of the internet"),
            }
        }
    }
}

/// Where owners of private networks have their hosts: RFC 1918 and RFC 4193.
const PRIVATE_NETWORKS: [(IpAddr, u8); 4] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
];

/// What of these isn't theirs: clouds have their metadata there (EC2, Google, Oracle, Scaleway), and the gateway its own
/// addresses.
const NOT_PRIVATE: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfd70, 0x616c, 0x6973, 0, 0, 0, 0, 0), 64),
];

/// Whether an address is one of a private network, as hosts there have it: not embedded in another.
pub fn is_private(address: IpAddr) -> bool {
    let of = |(prefix, length): (IpAddr, u8)| {
        prefix.is_ipv4() == address.is_ipv4() && mask(address, length) == number(prefix)
    };
    PRIVATE_NETWORKS.into_iter().any(of)
        && !NOT_PRIVATE.into_iter().any(|(prefix, length)| of((prefix.into(), length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_found_in_every_spelling() {
        for text in [
            "0.0.0.0",
            "10.255.255.53",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.1.2.3",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.2",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "203.0.113.80",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fd00:ec2::254",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ] {
            assert!(check_public(text.parse().unwrap()).is_err(), "{text}");
        }
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "::ffff:8.8.8.8",
            "2a00::1",
        ] {
            assert_eq!(check_public(text.parse().unwrap()), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_prefix_holds_its_addresses_in_every_spelling() {
        let has = |cidr: &str, address: &str| Cidr::parse(cidr).unwrap().contains(address.parse().unwrap());
        for spelling in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1"] {
            assert!(has("10.0.0.0/8", spelling), "{spelling}");
        }
        assert!(!has("10.0.0.0/8", "11.0.0.0") && !has("::/0", "10.0.0.1"));
        assert!(has("0.0.0.0/0", "8.8.8.8") && has("10.0.0.1", "10.0.0.1") && !has("10.0.0.1", "10.0.0.2"));
        assert!(has("fd00::/8", "fd12::1") && has("::1", "::1"));
        for bad in ["10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "x", "10.0.0.0/+8"] {
            assert!(Cidr::parse(bad).is_err(), "{bad}");
        }
    }
}
