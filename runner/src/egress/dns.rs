//! Messages of the domain name system: RFC 1035, with EDNS of RFC 6891. The job's questions are read and answered;
//! questions of the gateway's own are written and their answers read. Both kinds come from strangers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::Name;

/// Largest message over UDP that is read.
pub const MAX_UDP: usize = 4096;
/// Largest answer over UDP without EDNS.
const PLAIN_UDP: usize = 512;
/// What the gateway can take over UDP: the recommendation of DNS flag day 2020.
const OWN_UDP: u16 = 1232;
const HEADER: usize = 12;
/// Longest name in a message.
const MAX_WIRE_NAME: usize = 255;
/// Most records of an answer that are looked at.
const MAX_RECORDS: u16 = 256;
/// How often a name in a message may refer to another place.
const MAX_JUMPS: usize = 32;
/// How many aliases are followed.
const MAX_ALIASES: usize = 16;

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;
/// "Blocked": RFC 8914, section 4.16.
const EDE_BLOCKED: u16 = 15;
const OPTION_EDE: u16 = 15;

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Anything else.
    Other(u16),
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Kind::A => TYPE_A,
            Kind::Aaaa => TYPE_AAAA,
            Kind::Other(number) => number,
        }
    }
}

/// A job's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    id: u16,
    recursion: bool,
    /// The question as it stood in the message, for the answer.
    question: Vec<u8>,
    /// What is asked about; as text where it can't be a host's name.
    pub name: Result<Name, String>,
    /// What is asked for.
    pub kind: Kind,
    class: u16,
    /// The asker knows EDNS, and takes so much over UDP.
    edns: Option<u16>,
}

/// An answer's code: RFC 1035, section 4.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// There is an answer, though perhaps an empty one.
    NoError = 0,
    /// The question makes no sense.
    FormatError = 1,
    /// It can't be answered now.
    ServerFailure = 2,
    /// There is no such name.
    NoName = 3,
    /// No such operation.
    NotImplemented = 4,
}

/// Why a message isn't a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// It deserves no answer: it is too short or an answer itself.
    Ignore,
    /// It is answered with this, under its number.
    Answer(u16, Code),
}

impl Query {
    /// Reads a question.
    pub fn parse(message: &[u8]) -> Result<Query, NotAsked> {
        let word = |at| word(message, at).ok_or(NotAsked::Ignore);
        let (id, flags) = (word(0)?, word(2)?);
        let counts = [word(4)?, word(6)?, word(8)?, word(10)?];
        if flags & 0x8000 != 0 {
            return Err(NotAsked::Ignore);
        }
        if flags & 0x7800 != 0 {
            return Err(NotAsked::Answer(id, Code::NotImplemented));
        }
        let malformed = NotAsked::Answer(id, Code::FormatError);
        if counts[0] != 1 || counts[1] != 0 || counts[2] != 0 {
            return Err(malformed);
        }
        let mut reader = Reader { message, at: HEADER };
        let labels = reader.name(0).ok_or(malformed)?;
        let (kind, class) = reader.u16().zip(reader.u16()).ok_or(malformed)?;
        let question = message[HEADER..reader.at].to_vec();
        let mut edns = None;
        for _ in 0..counts[3].min(MAX_RECORDS) {
            let record = reader.record().ok_or(malformed)?;
            if record.kind == TYPE_OPT {
                edns = Some(record.class);
            }
        }
        let kind = match kind {
            TYPE_A => Kind::A,
            TYPE_AAAA => Kind::Aaaa,
            other => Kind::Other(other),
        };
        Ok(Query { id, recursion: flags & 0x0100 != 0, question, name: host(labels), kind, class, edns })
    }

    /// Whether it is about the internet; there are other classes, of history.
    pub fn is_of_internet(&self) -> bool {
        self.class == CLASS_IN
    }

    /// Whether it asks for the name of an address.
    pub fn is_reverse(&self) -> bool {
        let below = |name: &Name| name.as_str().ends_with(".arpa");
        self.name.as_ref().is_ok_and(below)
    }

    /// The name whose service is asked for (RFC 2782), as `deb.debian.org` by `_http._tcp.deb.debian.org`.
    pub fn of_service(&self) -> Option<Name> {
        let name = self.name.as_ref().ok().filter(|_| matches!(self.kind, Kind::Other(_)))?;
        let mut labels = name.as_str().split('.').peekable();
        let mut described = 0;
        while labels.next_if(|label| label.starts_with('_')).is_some() {
            described += 1;
        }
        let of: Vec<&str> = labels.collect();
        Name::parse(&of.join(".")).ok().filter(|_| described > 0)
    }

    /// An answer without records. `blocked` says that a rule is why.
    pub fn answer(&self, code: Code, blocked: bool) -> Vec<u8> {
        self.write(code, None, blocked)
    }

    /// An answer with one address, which is good for so many seconds.
    pub fn address(&self, address: IpAddr, ttl: u32) -> Vec<u8> {
        self.write(Code::NoError, Some((address, ttl)), false)
    }

    fn write(&self, code: Code, address: Option<(IpAddr, u32)>, blocked: bool) -> Vec<u8> {
        let mut out = header(self.id, code, self.recursion);
        out[5] = 1;
        out[7] = u8::from(address.is_some());
        out[11] = u8::from(self.edns.is_some());
        out.extend_from_slice(&self.question);
        if let Some((address, ttl)) = address {
            // The question's name, at the end of the header.
            out.extend([0xc0, HEADER as u8]);
            let (kind, octets) = match address {
                IpAddr::V4(address) => (TYPE_A, address.octets().to_vec()),
                IpAddr::V6(address) => (TYPE_AAAA, address.octets().to_vec()),
            };
            out.extend(kind.to_be_bytes().into_iter().chain(CLASS_IN.to_be_bytes()));
            out.extend(ttl.to_be_bytes());
            out.extend((octets.len() as u16).to_be_bytes());
            out.extend(octets);
        }
        if self.edns.is_some() {
            let option = match blocked {
                true => [OPTION_EDE, 2, EDE_BLOCKED].map(u16::to_be_bytes).concat(),
                false => Vec::new(),
            };
            opt(&mut out, &option);
        }
        out
    }

    /// Whether an answer is too long for the asker over UDP.
    pub fn is_too_long(&self, answer: &[u8]) -> bool {
        answer.len() > self.edns.map_or(PLAIN_UDP, |size| usize::from(size).max(PLAIN_UDP))
    }
}

/// The answer to what is no question.
pub fn refuse(id: u16, code: Code) -> Vec<u8> {
    header(id, code, false)
}

fn header(id: u16, code: Code, recursion: bool) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    out[..2].copy_from_slice(&id.to_be_bytes());
    // A response; recursion was desired, and is available.
    out[2] = 0x80 | u8::from(recursion);
    out[3] = 0x80 | code as u8;
    out
}

/// Appends the pseudo-record of EDNS.
fn opt(out: &mut Vec<u8>, options: &[u8]) {
    out.push(0);
    out.extend(TYPE_OPT.to_be_bytes().into_iter().chain(OWN_UDP.to_be_bytes()).chain([0; 4]));
    out.extend((options.len() as u16).to_be_bytes());
    out.extend(options);
}

/// A question of the gateway's own.
pub fn ask(id: u16, name: &Name, kind: Kind) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    out[..2].copy_from_slice(&id.to_be_bytes());
    // Recursion is desired.
    out[2] = 0x01;
    out[5] = 1;
    out[11] = 1;
    for label in name.as_str().split('.') {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out.extend(kind.number().to_be_bytes().into_iter().chain(CLASS_IN.to_be_bytes()));
    opt(&mut out, &[]);
    out
}

/// What a resolver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The addresses, in its order.
    pub addresses: Vec<IpAddr>,
    /// How many seconds they are good for.
    pub ttl: u32,
    /// What became of the question: 0 for an answer, 3 for no such name.
    pub code: u8,
}

/// Reads the answer to a question of the gateway's own; `None` where it isn't one.
pub fn read_answer(message: &[u8], id: u16, name: &Name, kind: Kind) -> Option<Answer> {
    let flags = word(message, 2)?;
    if word(message, 0)? != id || flags & 0x8000 == 0 || word(message, 4)? != 1 {
        return None;
    }
    let code = (flags & 0x000f) as u8;
    let mut reader = Reader { message, at: HEADER };
    let asked = host(reader.name(0)?).ok()?;
    let (asked_kind, asked_class) = (reader.u16()?, reader.u16()?);
    if asked != *name || asked_kind != kind.number() || asked_class != CLASS_IN {
        return None;
    }
    // Aliases stand in any order, so all is read first. A message that was cut off ends early.
    let mut aliases: Vec<(String, String, u32)> = Vec::new();
    let mut found: Vec<(String, IpAddr, u32)> = Vec::new();
    for _ in 0..word(message, 6)?.min(MAX_RECORDS) {
        let Some(record) = reader.record() else { break };
        if record.class != CLASS_IN {
            continue;
        }
        let owner = text(&record.owner);
        match (record.kind, record.data.len()) {
            (TYPE_CNAME, _) => {
                let mut target = Reader { message, at: record.at };
                aliases.push((owner, text(&target.name(0)?), record.ttl));
            }
            (TYPE_A, 4) if kind == Kind::A => {
                let octets: [u8; 4] = record.data.try_into().ok()?;
                found.push((owner, Ipv4Addr::from(octets).into(), record.ttl));
            }
            (TYPE_AAAA, 16) if kind == Kind::Aaaa => {
                let octets: [u8; 16] = record.data.try_into().ok()?;
                found.push((owner, Ipv6Addr::from(octets).into(), record.ttl));
            }
            _ => {}
        }
    }
    let (mut owner, mut ttl) = (name.as_str().to_owned(), u32::MAX);
    for _ in 0..MAX_ALIASES {
        let Some((_, target, seconds)) = aliases.iter().find(|(alias, ..)| *alias == owner) else { break };
        (owner, ttl) = (target.clone(), ttl.min(*seconds));
    }
    let own = found.into_iter().filter(|(of, ..)| *of == owner);
    let (addresses, ttls): (Vec<IpAddr>, Vec<u32>) = own.map(|(_, address, ttl)| (address, ttl)).unzip();
    let ttl = ttls.into_iter().fold(ttl, u32::min);
    Some(Answer { addresses, ttl, code })
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

/// The labels of a name.
type Labels<'m> = Vec<&'m [u8]>;

/// A host's name, or else what it says, for showing.
fn host(labels: Labels<'_>) -> Result<Name, String> {
    // A dot within a label would make another name of it.
    let plain = labels.iter().all(|label| !label.contains(&b'.'));
    let text = text(&labels);
    match Name::parse(&text) {
        Ok(name) if plain => Ok(name),
        _ => Err(text),
    }
}

/// A name as lower-case text, with escapes for what isn't printable.
fn text(labels: &[&[u8]]) -> String {
    let shown: Vec<String> =
        labels.iter().map(|label| label.to_ascii_lowercase().escape_ascii().to_string()).collect();
    shown.join(".")
}

struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

struct Record<'m> {
    owner: Labels<'m>,
    kind: u16,
    class: u16,
    ttl: u32,
    /// Where its data begin.
    at: usize,
    data: &'m [u8],
}

impl<'m> Reader<'m> {
    fn u16(&mut self) -> Option<u16> {
        let word = word(self.message, self.at)?;
        self.at += 2;
        Some(word)
    }

    /// A name, which may refer to places before it.
    fn name(&mut self, jumps: usize) -> Option<Labels<'m>> {
        let mut labels = Vec::new();
        let mut length = 0;
        loop {
            let start = self.at;
            let size = usize::from(*self.message.get(start)?);
            match size {
                0 => {
                    self.at += 1;
                    return Some(labels);
                }
                1..=63 => {
                    length += size + 1;
                    labels.push(self.message.get(start + 1..start + 1 + size)?);
                    self.at += 1 + size;
                }
                0xc0.. => {
                    let target = usize::from(word(self.message, start)? & 0x3fff);
                    self.at += 2;
                    if target >= start || jumps == MAX_JUMPS {
                        return None;
                    }
                    let mut rest = Reader { message: self.message, at: target };
                    let rest = rest.name(jumps + 1)?;
                    length += rest.iter().map(|label| label.len() + 1).sum::<usize>();
                    labels.extend(rest);
                    return (length < MAX_WIRE_NAME).then_some(labels);
                }
                _ => return None,
            }
            if length >= MAX_WIRE_NAME {
                return None;
            }
        }
    }

    fn record(&mut self) -> Option<Record<'m>> {
        let owner = self.name(0)?;
        let (kind, class) = (self.u16()?, self.u16()?);
        let ttl = u32::from(self.u16()?) << 16 | u32::from(self.u16()?);
        let length = usize::from(self.u16()?);
        let at = self.at;
        let data = self.message.get(at..at + length)?;
        self.at += length;
        // RFC 2181, section 8: the topmost bit is never set.
        Some(Record { owner, kind, class, ttl: if ttl >> 31 == 1 { 0 } else { ttl }, at, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    /// A resolver's answer: the question, then records of owner, kind and data.
    fn answer(asked: &Name, kind: Kind, records: &[(&str, u16, Vec<u8>)]) -> Vec<u8> {
        let mut message = ask(7, asked, kind);
        message.truncate(message.len() - 11);
        message[2] |= 0x80;
        message[7] = records.len() as u8;
        message[11] = 0;
        for (owner, kind, data) in records {
            message.extend(wire(owner));
            message.extend(kind.to_be_bytes().into_iter().chain(CLASS_IN.to_be_bytes()));
            message.extend(60u32.to_be_bytes());
            message.extend((data.len() as u16).to_be_bytes());
            message.extend(data);
        }
        message
    }

    fn wire(name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for label in name.split('.') {
            out.push(label.len() as u8);
            out.extend(label.as_bytes());
        }
        out.push(0);
        out
    }

    #[test]
    fn a_question_is_read_and_answered_with_an_address() {
        let message = ask(513, &name("Example.com"), Kind::A);
        let query = Query::parse(&message).unwrap();
        assert_eq!(query.name, Ok(name("example.com")));
        assert_eq!((query.kind, query.edns), (Kind::A, Some(OWN_UDP)));
        let answer = query.address("198.18.0.2".parse().unwrap(), 60);
        let read = read_answer(&answer, 513, &name("example.com"), Kind::A).unwrap();
        assert_eq!(read, Answer { addresses: vec!["198.18.0.2".parse().unwrap()], ttl: 60, code: 0 });
        let blocked = query.answer(Code::NoName, true);
        assert_eq!(read_answer(&blocked, 513, &name("example.com"), Kind::A).unwrap().code, 3);
        assert!(blocked.ends_with(&[0, 15, 0, 2, 0, 15]));
    }

    #[test]
    fn what_is_no_question_is_told_apart() {
        let good = ask(9, &name("a.test"), Kind::Aaaa);
        let changed = |at: usize, byte: u8| {
            let mut message = good.clone();
            message[at] = byte;
            Query::parse(&message)
        };
        assert_eq!(Query::parse(&good[..11]), Err(NotAsked::Ignore));
        assert_eq!(changed(2, 0x81), Err(NotAsked::Ignore));
        assert_eq!(changed(2, 0x29), Err(NotAsked::Answer(9, Code::NotImplemented)));
        assert_eq!(changed(5, 2), Err(NotAsked::Answer(9, Code::FormatError)));
        assert_eq!(changed(5, 0), Err(NotAsked::Answer(9, Code::FormatError)));
        // A label that says it is longer than the message, and a reference to itself.
        assert_eq!(changed(12, 63), Err(NotAsked::Answer(9, Code::FormatError)));
        assert_eq!(changed(12, 0xc0), Err(NotAsked::Answer(9, Code::FormatError)));
        for cut in 12..good.len() {
            assert_eq!(Query::parse(&good[..cut]), Err(NotAsked::Answer(9, Code::FormatError)), "{cut}");
        }
    }

    #[test]
    fn names_that_are_no_hosts_are_shown_and_never_taken_for_one() {
        for (labels, shown) in [
            (&b"\x09evil.test\x00"[..], "evil.test"),
            (b"\x01\x00\x04test\x00", "\\x00.test"),
            (b"\x00", ""),
            (b"\x0a2130706433\x00", "2130706433"),
        ] {
            let mut message = ask(1, &name("x.test"), Kind::A)[..HEADER].to_vec();
            message[11] = 0;
            message.extend(labels.iter().chain(&[0, 1, 0, 1]));
            assert_eq!(Query::parse(&message).unwrap().name, Err(shown.to_owned()));
        }
    }

    #[test]
    fn aliases_are_followed_in_any_order_and_strangers_ignored() {
        let asked = name("www.test");
        let records = [
            ("other.test", TYPE_A, vec![6, 6, 6, 6]),
            ("cdn.test", TYPE_A, vec![9, 9, 9, 9]),
            ("mid.test", TYPE_CNAME, wire("cdn.test")),
            ("www.test", TYPE_CNAME, wire("mid.test")),
        ];
        let message = answer(&asked, Kind::A, &records);
        let read = read_answer(&message, 7, &asked, Kind::A).unwrap();
        assert_eq!(read.addresses, ["9.9.9.9".parse::<IpAddr>().unwrap()]);
        assert_eq!(read_answer(&message, 8, &asked, Kind::A), None, "another number");
        assert_eq!(read_answer(&message, 7, &name("x.test"), Kind::A), None, "another name");
        assert_eq!(read_answer(&message, 7, &asked, Kind::Aaaa), None, "another kind");
        let circle = answer(&asked, Kind::A, &[("www.test", TYPE_CNAME, wire("www.test"))]);
        assert!(read_answer(&circle, 7, &asked, Kind::A).unwrap().addresses.is_empty());
    }

    #[test]
    fn references_may_only_go_back_and_not_for_ever() {
        let asked = name("www.test");
        let mut message = answer(&asked, Kind::A, &[]);
        message[7] = 1;
        let here = message.len();
        // Names of one label each that refer to the one before.
        message.extend([0xc0, 0x0c]);
        let mut last = here;
        for _ in 0..40 {
            let at = message.len();
            message.extend([1, b'a', 0xc0 | (last >> 8) as u8, last as u8]);
            last = at;
        }
        let mut reader = Reader { message: &message, at: last };
        assert!(reader.name(0).is_none());
        let mut forward = Reader { message: &[0xc0, 0x02, 0], at: 0 };
        assert!(forward.name(0).is_none());
    }
}
