//! TLS to a proxy: whose certificates vouch for it, and which name it must have.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};

use super::{Host, Proxy};

/// Most bytes of a file of certificates.
const MAX_CA: u64 = 4 << 20;

/// What a connection to a proxy begins with.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Proxy {
    /// Reads whom this host trusts, for a proxy within TLS; files aren't needed any more then.
    pub fn tls(&self) -> io::Result<Option<Tls>> {
        if !self.is_encrypted() {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        // What can't be read is left out: with none left, the handshake says so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(self.own_ca()?);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = match &self.host {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => ServerName::try_from(name.as_str().to_owned()).map_err(io::Error::other)?,
        };
        Ok(Some(Tls { config: Arc::new(config), name }))
    }

    /// Reads the certificates that the configuration names.
    pub fn own_ca(&self) -> io::Result<Vec<CertificateDer<'static>>> {
        let Some(path) = &self.files.ca else { return Ok(Vec::new()) };
        certificates(path).map_err(|e| io::Error::new(e.kind(), format!("`{}`: {e}", path.display())))
    }
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let mut pem = Vec::new();
    File::open(path)?.take(MAX_CA).read_to_end(&mut pem)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => {
            let why = "it holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`), or a broken one";
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        }
    }
}

impl Tls {
    /// A connection that has yet to say its first word.
    pub fn connection(&self) -> Result<ClientConnection, String> {
        ClientConnection::new(self.config.clone(), self.name.clone()).map_err(|e| why(&e))
    }
}

/// Why there is no TLS with a proxy.
pub fn why(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "this host trusts nobody who vouches for the proxy's certificate: `proxy-ca-file`".to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the proxy's certificate is for another name than `proxy` has".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the proxy's certificate has expired".to_owned(),
        rustls::Error::InvalidMessage(_) => "the proxy doesn't speak TLS".to_owned(),
        other => format!("there is no TLS with the proxy: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::proxy::Files;

    #[test]
    fn certificates_are_read_and_what_is_none_is_named() {
        let proxy = |address: &str, ca: Option<&Path>| {
            Proxy::new(address, Files { ca: ca.map(Path::to_owned), credentials: None }, Vec::new()).unwrap()
        };
        assert!(proxy("http://a.test:1", None).tls().unwrap().is_none());
        for address in ["https://a.test:1", "https://[fd00::1]:1"] {
            assert!(proxy(address, None).tls().unwrap().unwrap().connection().is_ok());
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            std::fs::write(file.path(), text).unwrap();
            let error = proxy("https://a.test:1", Some(file.path())).tls().unwrap_err().to_string();
            assert!(error.ends_with("or a broken one"), "{error}");
        }
        let error = proxy("https://a.test:1", Some(Path::new("/none"))).tls().unwrap_err().to_string();
        assert!(error.starts_with("`/none`: "), "{error}");
    }
}
