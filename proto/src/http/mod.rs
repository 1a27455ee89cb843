//! Connections to forges and to other servers: who is trusted, through which proxy, and how long is waited.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, DefaultConnector, TcpConnector};
use ureq::{Agent, Proxy};

use crate::Instance;
use names::Names;
use tls::Tls;

mod names;
mod proxy;
mod request;
pub(crate) mod tls;

pub use proxy::{InvalidProxy, Proxies};
pub use request::{Content, Method, Reply, Request, RequestError};

/// Largest file of certificates, in bytes.
const MAX_CA_FILE: u64 = 4 << 20;

/// How forges are reached.
#[derive(Clone)]
pub struct Settings {
    /// How palisade names itself, e.g. `palisade/1.0`.
    pub user_agent: String,
    /// Proxies.
    pub proxies: Proxies,
    /// Certificates in PEM that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may take, with the TLS handshake.
    pub connect_timeout: Duration,
    /// How long a call may take as a whole.
    pub call_timeout: Duration,
}

impl Settings {
    /// No proxy, the system's certificates, 10 s and 60 s.
    pub fn new(user_agent: impl Into<String>) -> Self {
        Settings {
            user_agent: user_agent.into(),
            proxies: Proxies::default(),
            ca_file: None,
            connect_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(60),
        }
    }
}

/// A file of certificates that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCa {
    /// It can't be read.
    #[error("cannot read the certificates in `{}`: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// There is none in it.
    #[error("`{}` holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`), or a broken one", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// What all clients of a process share: the connections that are kept open, and who is trusted.
#[derive(Clone)]
pub struct Http(Arc<Shared>);

struct Shared {
    settings: Settings,
    own_ca: Vec<Certificate<'static>>,
    trusted: OnceLock<RootCerts>,
    names: Names,
    /// Without a proxy, through that for `https`, through that for `http`.
    agents: [OnceLock<Agent>; 3],
}

/// It shows nothing: an address of a proxy may hold a password.
impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}

impl Http {
    /// Reads the certificates that the settings name; the system's are read when they are needed.
    pub fn new(settings: Settings) -> Result<Http, InvalidCa> {
        let own_ca = settings.ca_file.as_deref().map(certificates).transpose()?.unwrap_or_default();
        Ok(Http(Arc::new(Shared {
            settings,
            own_ca,
            trusted: OnceLock::new(),
            names: Names::default(),
            agents: Default::default(),
        })))
    }

    /// The same with the certificates of another file instead, beside the system's: connections of its own.
    pub fn with_ca_file(&self, path: &Path) -> Result<Http, InvalidCa> {
        Http::new(Settings { ca_file: Some(path.to_owned()), ..self.0.settings.clone() })
    }

    /// Reads whom the system trusts, which takes some milliseconds, ahead of the first connection.
    pub fn prepare(&self) {
        self.trusted();
    }

    /// How long a call may take unless it is told otherwise.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.0.settings.call_timeout
    }

    /// Has names resolved anew: an address that was remembered may be the wrong one by now.
    pub(crate) fn forget_names(&self) {
        self.0.names.forget();
    }

    /// Whether this forge is reached through a proxy.
    pub(crate) fn is_proxied(&self, instance: &Instance) -> bool {
        self.0.settings.proxies.of_instance(instance).is_some()
    }

    /// What reaches this forge.
    pub(crate) fn agent(&self, instance: &Instance) -> &Agent {
        let proxy = self.0.settings.proxies.of_instance(instance);
        let which = match (proxy, instance.is_encrypted()) {
            (None, _) => 0,
            (Some(_), true) => 1,
            (Some(_), false) => 2,
        };
        self.0.agents[which].get_or_init(|| self.new_agent(proxy))
    }

    // Timeouts, proxy and trust are the agent's own, not the request's: for a request with its own ureq reads all
    // certificates anew.
    fn new_agent(&self, proxy: Option<&Proxy>) -> Agent {
        let settings = &self.0.settings;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(self.trusted())
            .unversioned_rustls_crypto_provider(provider.clone())
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(proxy.cloned())
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(settings.user_agent.as_str())
            .accept("")
            .accept_encoding("")
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_global(Some(settings.call_timeout))
            .max_response_header_size(32 << 10)
            .input_buffer_size(16 << 10)
            .output_buffer_size(64 << 10)
            .max_idle_connections(16)
            .max_idle_connections_per_host(4)
            .build();
        let names = self.0.names.clone();
        match self.own_tls(provider) {
            Some(tls) => {
                let first = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
                Agent::with_parts(config, first.chain(tls), names)
            }
            None => Agent::with_parts(config, DefaultConnector::default(), names),
        }
    }

    /// Where the configuration has certificates of its own.
    fn own_tls(&self, provider: Arc<CryptoProvider>) -> Option<Tls> {
        let der = |certificate: &Certificate<'_>| CertificateDer::from(certificate.der().to_vec());
        let own: Vec<_> = self.0.own_ca.iter().map(der).collect();
        let RootCerts::Specific(trusted) = self.trusted() else { return None };
        // What can't be made of them, the other way tells in its words.
        if own.is_empty() { None } else { Tls::new(provider, trusted.iter().map(der), own).ok() }
    }

    fn trusted(&self) -> RootCerts {
        let all = || -> RootCerts {
            // What can't be read is left out: with none left, the handshake says so.
            let system = rustls_native_certs::load_native_certs().certs;
            let system = system.iter().map(|der| Certificate::from_der(der).to_owned());
            system.chain(self.0.own_ca.iter().cloned()).collect::<Vec<_>>().into()
        };
        self.0.trusted.get_or_init(all).clone()
    }
}

/// The certificates of a file and all that the system trusts, in PEM, for a program that takes one file of them.
///
/// # Errors
/// Where the file can't be read, or has none.
pub fn trusted_with(path: &Path) -> Result<String, InvalidCa> {
    let own = certificates(path)?;
    let system = rustls_native_certs::load_native_certs().certs;
    let mut pem = String::new();
    for der in own.iter().map(Certificate::der).chain(system.iter().map(AsRef::as_ref)) {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = BASE64_STANDARD.encode(der);
        for at in (0..text.len()).step_by(64) {
            pem.push_str(&text[at..text.len().min(at + 64)]);
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    Ok(pem)
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, InvalidCa> {
    let read = |error| InvalidCa::Read { path: path.to_owned(), error };
    let mut pem = Vec::new();
    File::open(path).map_err(read)?.take(MAX_CA_FILE).read_to_end(&mut pem).map_err(read)?;
    let found: Result<Vec<PemItem<'_>>, ureq::Error> = parse_pem(&pem).collect();
    let found = found.unwrap_or_default().into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(InvalidCa::Empty { path: path.to_owned() });
    }
    Ok(found)
}
