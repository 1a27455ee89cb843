//! Certificates of a forge's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Where a forge has its certificate from; it is for `localhost`.
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
    /// What the server answers with.
    pub server: Arc<ServerConfig>,
}

/// A fresh one.
pub fn authority(certificate: Certificate) -> Authority {
    let names = match certificate {
        Certificate::Issued => Vec::new(),
        Certificate::Own | Certificate::Expired => vec!["localhost".to_owned()],
    };
    let mut params = CertificateParams::new(names).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    if certificate == Certificate::Expired {
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let own = PrivatePkcs8KeyDer::from(key.serialize_der());
    let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of the authority");
    let (der, key) = match certificate {
        Certificate::Issued => {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
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
