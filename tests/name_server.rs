//! A name server of the tests' own, on the loopback: it says what it is told to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

/// The addresses of names, and the name that they belong to where a name is an alias.
type Records = Arc<Mutex<HashMap<String, (Vec<IpAddr>, Option<String>)>>>;

/// One that serves until the test's process ends.
pub struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    records: Records,
}

impl NameServer {
    /// One that knows no name yet.
    pub fn start() -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port of the loopback");
        let address = socket.local_addr().expect("a bound socket has an address");
        let server = NameServer { address, asked: Arc::default(), records: Records::default() };
        let (asked, records) = (server.asked.clone(), server.records.clone());
        std::thread::spawn(move || {
            let mut message = [0; 4096];
            while let Ok((length, asker)) = socket.recv_from(&mut message) {
                if let Some(answer) = answer(&message[..length], &asked, &records) {
                    let _ = socket.send_to(&answer, asker);
                }
            }
        });
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives a name these addresses.
    pub fn name(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        self.records.lock().expect("nobody panics with it").insert(name.to_owned(), (addresses, None));
    }

    /// Makes a name an alias of another, which has this address.
    pub fn alias(&self, name: &str, of: &str, address: &str) {
        let record = (vec![address.parse().expect("an address")], Some(of.to_owned()));
        self.records.lock().expect("nobody panics with it").insert(name.to_owned(), record);
    }

    /// The names that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

/// The answer to a question, by the records; names that have none don't exist.
fn answer(message: &[u8], asked: &Mutex<Vec<String>>, records: &Records) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).into_owned());
        at += length;
    }
    let kind = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
    let name = labels.join(".");
    asked.lock().ok()?.push(name.clone());
    let record = records.lock().ok()?.get(&name).cloned();
    let mut out = message[..2].to_vec();
    out.extend([0x81, if record.is_some() { 0x80 } else { 0x83 }, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend(&message[12..at + 4]);
    let (addresses, alias) = record.unwrap_or_default();
    // Whose the addresses are, as a place in the message: of the question, or of the alias's own record.
    let mut owner = [0xc0, 12];
    if let Some(of) = alias {
        let labels = of.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
        let target: Vec<u8> = labels.chain([0]).collect();
        out[7] += 1;
        out.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 0, 0, target.len() as u8]);
        owner = [0xc0, u8::try_from(out.len()).ok()?];
        out.extend(target);
    }
    for address in addresses {
        let data = match address {
            IpAddr::V4(address) if kind == 1 => address.octets().to_vec(),
            IpAddr::V6(address) if kind == 28 => address.octets().to_vec(),
            _ => continue,
        };
        out[7] += 1;
        out.extend(owner);
        out.extend([0, kind as u8, 0, 1, 0, 0, 0, 0, 0, data.len() as u8]);
        out.extend(data);
    }
    Some(out)
}
