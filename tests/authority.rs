//! Certificates of the tests' own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Where a server has its certificate from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// From an authority of its own.
    #[default]
    Issued,
    /// It has made it itself, and with it an authority, as `forgejo cert --ca` does.
    Own,
    /// The same, long ago.
    Expired,
}

/// What a client has to trust, and a server with the certificate.
pub struct Authority {
    /// In PEM.
    pub pem: String,
    /// The server.
    pub server: Arc<ServerConfig>,
}

/// A fresh one, for a server of these names and addresses.
pub fn authority(names: &[&str], certificate: Certificate) -> Authority {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let own_names = if certificate == Certificate::Issued { Vec::new() } else { names.clone() };
    let mut params = CertificateParams::new(own_names).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes one of the same name as its issuer for one that is signed by itself.
    params.distinguished_name.push(DnType::CommonName, "the tests' authority");
    if certificate == Certificate::Expired {
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let own = PrivatePkcs8KeyDer::from(key.serialize_der());
    let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of the authority");
    let (der, key) = match certificate {
        Certificate::Issued => {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(names).expect("names");
            let signed = params.signed_by(&key, &issuer).expect("a certificate of the server");
            (signed.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()))
        }
        Certificate::Own | Certificate::Expired => (CertificateDer::from(issuer.der().to_vec()), own),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![der], PrivateKeyDer::Pkcs8(key))
        .expect("a certificate with its key");
    Authority { pem: issuer.pem(), server: Arc::new(server) }
}
