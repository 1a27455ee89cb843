//! The addresses of forges, remembered for a while. ureq asks for them at every call, even where it has a connection
//! already, and starts a thread each time: a runner that polls would do little else.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long addresses are remembered, as long as they can be reached.
const KEPT: Duration = Duration::from_secs(60);

/// How many names are remembered at most.
const MAX_NAMES: usize = 64;

/// What is known of names. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Arc<Mutex<HashMap<String, Known>>>);

#[derive(Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    until: Instant,
}

impl Names {
    /// Asks anew from now on.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, name: &str, now: Instant) -> Option<Vec<SocketAddr>> {
        self.lock().get(name).filter(|known| now < known.until).map(|known| known.addresses.clone())
    }

    fn remember(&self, name: String, addresses: Vec<SocketAddr>, now: Instant) {
        let mut known = self.lock();
        if known.len() >= MAX_NAMES {
            known.clear();
        }
        known.insert(name, Known { addresses, until: now + KEPT });
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let name = format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
        let name = format!("{name}:{}", uri.port_u16().unwrap_or_default());
        let now = Instant::now();
        if let Some(addresses) = self.remembered(&name, now) {
            let mut resolved = self.empty();
            addresses.into_iter().for_each(|address| resolved.push(address));
            return Ok(resolved);
        }
        let resolved = DefaultResolver::default().resolve(uri, config, timeout)?;
        self.remember(name, resolved.to_vec(), now);
        Ok(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_remembered_for_a_while_or_until_it_is_forgotten() {
        let names = Names::default();
        let address: SocketAddr = "127.0.0.1:3000".parse().unwrap();
        let now = Instant::now();
        names.remember("a".to_owned(), vec![address], now);
        assert_eq!(names.remembered("a", now), Some(vec![address]));
        assert_eq!(names.remembered("a", now + KEPT), None);
        assert_eq!(names.remembered("b", now), None);
        names.clone().forget();
        assert_eq!(names.remembered("a", now), None);
        for number in 0..1000 {
            names.remember(number.to_string(), vec![address], now);
        }
        assert!(names.lock().len() <= MAX_NAMES);
    }
}
