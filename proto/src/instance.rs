//! Where a forge is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ureq::http::Uri;

/// Longest address, in bytes.
const MAX_LENGTH: usize = 2048;

/// The address of a forge: `http://` or `https://`, a host, perhaps a port and a path, and no credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance {
    /// Without a slash at its end.
    address: String,
    host: String,
    encrypted: bool,
}

/// Why an address isn't one of a forge.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInstance {
    /// Not an address at all.
    #[error("it is no address: one looks like `https://git.example.org`")]
    Syntax,
    /// Neither `http` nor `https`.
    #[error("it begins with neither `https://` nor `http://`")]
    Scheme,
    /// A name or password stands in it.
    #[error("it has a name or password in it; a forge knows a runner by its registration alone")]
    Credentials,
    /// `?` or `#`.
    #[error("it has a query (`?`) or a fragment (`#`) in it")]
    Query,
    /// Longer than an address is.
    #[error("it is longer than {MAX_LENGTH} bytes")]
    Long,
}

impl Instance {
    /// The host alone, without a port; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host with its port, if the address has one: `Host` of a request.
    pub fn authority(&self) -> &str {
        let behind = self.address.split_once("://").map_or("", |(_, behind)| behind);
        behind.split('/').next().unwrap_or_default()
    }

    /// Which port is meant, whether or not the address names it.
    pub fn port(&self) -> u16 {
        let named = self
            .authority()
            .strip_prefix(&self.host)
            .or(self.authority().rsplit_once(']').map(|(_, rest)| rest));
        let named = named.and_then(|rest| rest.strip_prefix(':')?.parse().ok());
        named.unwrap_or(if self.encrypted { 443 } else { 80 })
    }

    /// Whether what is sent there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether it is this machine itself.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.address
    }
}

impl FromStr for Instance {
    type Err = InvalidInstance;

    fn from_str(text: &str) -> Result<Self, InvalidInstance> {
        if text.len() > MAX_LENGTH {
            return Err(InvalidInstance::Long);
        }
        if text.contains(['?', '#']) {
            return Err(InvalidInstance::Query);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidInstance::Syntax)?;
        let scheme = uri.scheme_str().ok_or(InvalidInstance::Scheme)?.to_ascii_lowercase();
        let encrypted = match scheme.as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(InvalidInstance::Scheme),
        };
        let authority = uri.authority().ok_or(InvalidInstance::Syntax)?;
        if authority.as_str().contains('@') {
            return Err(InvalidInstance::Credentials);
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(InvalidInstance::Syntax);
        }
        let port = authority.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let address = format!("{scheme}://{host}{port}{}", uri.path().trim_end_matches('/'));
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Instance { address, host, encrypted })
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_one_way() {
        for (text, address) in [
            ("https://git.example.org", "https://git.example.org"),
            ("https://git.example.org/", "https://git.example.org"),
            ("HTTPS://Git.Example.org:8443/Forge//", "https://git.example.org:8443/Forge"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(text.parse::<Instance>().map(|i| i.to_string()).as_deref(), Ok(address), "{text}");
        }
    }

    #[test]
    fn the_authority_is_what_is_between() {
        for (text, authority) in
            [("https://git.example.org/a/b", "git.example.org"), ("http://[::1]:3000/a", "[::1]:3000")]
        {
            assert_eq!(text.parse::<Instance>().as_ref().map(Instance::authority), Ok(authority));
        }
    }

    #[test]
    fn the_port_is_the_scheme_s_unless_the_address_names_one() {
        for (text, port) in [
            ("https://git.example.org/a:1/b", 443),
            ("http://git.example.org", 80),
            ("https://git.example.org:8443", 8443),
            ("http://[::1]/", 80),
            ("http://[::1]:3000/a", 3000),
        ] {
            assert_eq!(text.parse::<Instance>().as_ref().map(Instance::port), Ok(port), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        use InvalidInstance::*;
        for (text, why) in [
            ("", Syntax),
            ("git.example.org", Scheme),
            ("ftp://git.example.org", Scheme),
            ("https://", Syntax),
            ("https://bob:hunter2@git.example.org", Credentials),
            ("https://git.example.org/?a=b", Query),
            ("https://git.example.org/#a", Query),
            ("https://git example.org", Syntax),
        ] {
            assert_eq!(text.parse::<Instance>(), Err(why), "{text}");
        }
        assert_eq!(format!("https://{}", "a".repeat(3000)).parse::<Instance>(), Err(Long));
    }

    #[test]
    fn loopback_is_this_machine() {
        let loopback = |text: &str| text.parse::<Instance>().map(|i| (i.is_loopback(), i.is_encrypted()));
        assert_eq!(loopback("http://127.0.0.2:3000/x"), Ok((true, false)));
        assert_eq!(loopback("http://[::1]"), Ok((true, false)));
        assert_eq!(loopback("https://localhost"), Ok((true, true)));
        assert_eq!(loopback("http://localhost.example.org"), Ok((false, false)));
        assert_eq!(loopback("http://10.0.0.1"), Ok((false, false)));
    }
}
