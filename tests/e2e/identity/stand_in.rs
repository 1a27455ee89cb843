//! A stand-in for a provider: an HTTP server of the tests' own that answers what a test tells it to, and keeps what it
//! was asked. What it answers is written from the providers' documented APIs; none of it is theirs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    /// A header by its name in small letters.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A field of a form.
    pub fn field(&self, name: &str) -> String {
        let fields = self.body.split('&').filter_map(|field| field.split_once('='));
        fields.filter(|(known, _)| *known == name).map(|(_, value)| decode(value)).next().unwrap_or_default()
    }

    /// The body in JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

fn decode(text: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits: Vec<u8> = bytes.by_ref().take(2).collect();
            let digits = std::str::from_utf8(&digits).unwrap_or_default();
            out.push(u8::from_str_radix(digits, 16).unwrap_or(b'?'));
        } else {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
    sent: Sent,
}

/// How much of an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Whole,
    Nothing,
    /// A byte now and then, without end.
    InDrops,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into(), sent: Sent::Whole }
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Answer {
        Answer::new(status, body.to_string()).with("Content-Type: application/json")
    }

    pub fn with(mut self, header: &str) -> Answer {
        self.headers.push(header.to_owned());
        self
    }

    pub fn silence() -> Answer {
        Answer { sent: Sent::Nothing, ..Answer::new(200, "") }
    }

    /// One that goes on for ever, and never stands still for long.
    pub fn drops() -> Answer {
        Answer { sent: Sent::InDrops, ..Answer::new(200, "") }
    }
}

/// A server that answers by a function.
pub struct StandIn {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    /// On an address of the loopback.
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> StandIn {
        StandIn::listen(answer, |stream, log, answer| {
            let _ = serve(stream, log, answer);
        })
    }

    /// The same, encrypted, by this name; gives the certificate of its authority in PEM.
    pub fn encrypted(
        name: &str,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> (StandIn, String) {
        let (config, pem) = certificate(name);
        let server = StandIn::listen(answer, move |stream, log, answer| {
            let connection = ServerConnection::new(config.clone()).expect("a configuration");
            let _ = serve(StreamOwned::new(connection, stream), log, answer);
        });
        (server, pem)
    }

    fn listen(
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
        serve: impl Fn(TcpStream, &Mutex<Vec<Asked>>, &dyn Fn(&Asked) -> Answer) + Send + Sync + 'static,
    ) -> StandIn {
        let listener = TcpListener::bind("127.0.0.2:0").expect("an address of the loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, answer, serve) = (asked.clone(), Arc::new(answer), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer, serve) = (log.clone(), answer.clone(), serve.clone());
                std::thread::spawn(move || serve(stream, &log, &*answer));
            }
        });
        StandIn { address, asked }
    }

    /// Answers in this order, and with the last one from then on.
    pub fn in_order(answers: Vec<Answer>) -> StandIn {
        let next = Mutex::new(0);
        StandIn::start(move |_| {
            let mut next = next.lock().expect("nobody panics with it");
            *next += 1;
            answers[(*next - 1).min(answers.len() - 1)].clone()
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

/// A certificate for a name, of an authority of its own.
fn certificate(name: &str) -> (Arc<ServerConfig>, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Without names of their own, both would be called the same, and the second one self-signed.
    params.distinguished_name.push(DnType::CommonName, "authority of the tests");
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of the authority");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&key, &issuer).expect("a certificate of the server");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate with its key");
    (Arc::new(config), issuer.pem())
}

fn serve(
    stream: impl Read + Write,
    log: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&Asked) -> Answer,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let mut words = line.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut asked = Asked { method, path, headers, body: String::new() };
        let length = asked.header("content-length").parse().unwrap_or(0);
        let mut body = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut body).ok()?;
        asked.body = String::from_utf8_lossy(&body).into_owned();
        let Answer { status, headers, body, sent } = answer(&asked);
        log.lock().ok()?.push(asked);
        match sent {
            Sent::Whole => {}
            Sent::Nothing => {
                // As long as the other side waits.
                let _ = reader.read(&mut [0]);
                return None;
            }
            Sent::InDrops => {
                reader.get_mut().write_all(b"HTTP/1.1 200 Told\r\nContent-Length: 200000\r\n\r\n").ok()?;
                loop {
                    reader.get_mut().write_all(b"<").ok()?;
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
            }
        }
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Told\r\nContent-Length: {length}\r\n{headers}\r\n");
        let stream = reader.get_mut();
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(&body).ok()?;
        stream.flush().ok()?;
    }
}
