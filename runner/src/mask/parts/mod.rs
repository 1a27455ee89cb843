//! The parts of a structured secret that a program prints alone: the password of a connection string, the
//! key in a service account's JSON, one line of many.
//!
//! How a part is found decides how short it may be. A *named* part stands where the format or a name says
//! "secret" (`Password=`, the password of a URL): 4 characters are enough. So they are for a *line* of a value
//! of several lines, since programs print such a value line by line. A *leaf* is any other value within a
//! structure, and needs 8 characters: `{"port": "8080", "mode": "prod"}` must not shred logs.
//!
//! Parts are looked into in turn, e.g. base64 of JSON that holds a URL with a password. What is never a part,
//! in whatever format: names and keys, the armour lines of PEM, lines that only open or close a structure,
//! constants that every file of a kind holds (`service_account`, `kind: Config`), addresses without a
//! credential in them, dates and names of regions. See `ordinary`.

pub(crate) use decode::base64 as decode_base64;
use indexmap::IndexMap;
use zeroize::Zeroizing;

use super::floor::MAX_VALUE;

mod assignments;
mod connection;
mod credentials;
mod decode;
mod json;
mod lines;
mod ordinary;
mod pem;
mod signs;
mod url;
mod wrapped;
mod xml;
mod yaml;

/// Most parts of one value: enough for the lines of the longest key file that can be masked.
pub const MAX_PARTS: usize = 1024;
/// How many structures may lie within one another.
const MAX_DEPTH: usize = 16;
/// How many bytes are looked at for one value; what lies within several structures counts for each.
const MAX_WORK: usize = 32 * MAX_VALUE;
/// Fewest characters of a part that is named, or a line.
const MIN_NAMED: usize = 4;
/// Fewest characters of any other part.
const MIN_LEAF: usize = 8;

/// Every format. Each looks at one text, and adds what it finds if the text is of its kind; in time and memory
/// proportional to the text.
const FORMATS: [fn(&[u8], &mut Found); 15] = [
    assignments::find,
    connection::find,
    credentials::authorization,
    credentials::fields,
    credentials::jwt,
    credentials::netrc,
    credentials::pgpass,
    credentials::user_and_password,
    json::find,
    lines::find,
    pem::find,
    url::find,
    wrapped::find,
    xml::find,
    yaml::find,
];

/// The values within a value that are secrets of their own: each once, trimmed, without the value itself.
///
/// There are at most [`MAX_PARTS`]; of more, those are left out that look least like secrets. A value longer
/// than [`MAX_VALUE`] has none.
pub fn of(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    if value.len() > MAX_VALUE {
        return Vec::new();
    }
    let mut found = Found::default();
    found.look_into(value);
    let mut next = 0;
    while let Some((text, entry)) = found.texts.get_index(next) {
        next += 1;
        if let Some(depth) = entry.depth {
            let text = text.clone();
            found.depth = depth + 1;
            FORMATS.iter().for_each(|format| format(&text.0, &mut found));
        }
    }
    // The value is the first text.
    let mut parts: Vec<_> =
        found.texts.into_iter().skip(1).filter_map(|(text, e)| Some((e.reason?, text.0))).collect();
    if parts.len() > MAX_PARTS {
        let rank =
            |(reason, text): &(Reason, Zeroizing<Vec<u8>>)| (*reason, signs::is_random(text), text.len());
        parts.sort_by_key(|part| std::cmp::Reverse(rank(part)));
        parts.truncate(MAX_PARTS);
    }
    parts.into_iter().map(|(_, text)| text).collect()
}

/// How a part was found, the weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Leaf,
    Line,
    Named,
}

impl Reason {
    /// Of a value with a name.
    fn by(name: &[u8]) -> Reason {
        if signs::says_secret_of_any_length(name) { Reason::Named } else { Reason::Leaf }
    }

    fn fewest(self) -> usize {
        match self {
            Reason::Leaf => MIN_LEAF,
            Reason::Line | Reason::Named => MIN_NAMED,
        }
    }
}

/// What is found so far; also what is still to be looked into.
#[derive(Default)]
struct Found {
    texts: IndexMap<Text, Entry>,
    /// Of what is added now.
    depth: usize,
    work: usize,
}

struct Entry {
    /// Why it is a part; `None` where it only holds some.
    reason: Option<Reason>,
    /// Within how many others it lies; `None` where it isn't looked into.
    depth: Option<usize>,
}

impl Found {
    /// Adds a part, unless it is too short or too ordinary, and looks into it.
    fn add(&mut self, part: &[u8], reason: Reason) {
        self.look_into(part);
        self.add_opaque(part, reason);
    }

    /// Adds a part, unless it is too short or too ordinary.
    fn add_opaque(&mut self, part: &[u8], reason: Reason) {
        let part = trim(part);
        if decode::chars(part) >= reason.fewest() && !ordinary::is(part) {
            let entry = self.entry(part, None);
            entry.reason = entry.reason.max(Some(reason));
        }
    }

    /// Looks for parts in a text that is none itself.
    fn look_into(&mut self, text: &[u8]) {
        let text = trim(text);
        if text.len() >= MIN_NAMED && self.depth <= MAX_DEPTH && self.work + text.len() <= MAX_WORK {
            self.entry(text, Some(self.depth));
        }
    }

    /// The entry of a text, new or as it was.
    fn entry(&mut self, text: &[u8], depth: Option<usize>) -> &mut Entry {
        let work = &mut self.work;
        self.texts.entry(Text::new(text)).or_insert_with(|| {
            *work += text.len();
            Entry { reason: None, depth }
        })
    }
}

/// Bytes that are cleared when they are dropped.
#[derive(Clone, PartialEq, Eq)]
struct Text(Zeroizing<Vec<u8>>);

impl Text {
    fn new(bytes: &[u8]) -> Text {
        Text(Zeroizing::new(bytes.to_vec()))
    }
}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

/// Without surrounding white space and byte order mark.
fn trim(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text).trim_ascii()
}

/// The lines of a text, however they end.
fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| matches!(b, b'\n' | b'\r')).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// A text up to and without the first of some bytes, and what follows from there.
fn split_before<'t>(text: &'t [u8], ends: &[u8]) -> (&'t [u8], &'t [u8]) {
    text.split_at(text.iter().position(|b| ends.contains(b)).unwrap_or(text.len()))
}

/// Both sides of the first of a byte.
fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(at, text)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests;
