//! The pieces of secrets that count, found in one pass over a text.

use std::collections::HashMap;

/// Fewest characters of a piece that counts, unless the secret itself is shorter.
const MIN_PIECE: usize = 12;
/// Shorter secrets aren't looked for: they are masked as whole words only, and in no other form.
const MIN_SECRET: usize = 8;
/// Bytes by which pieces are looked up. No piece is shorter.
const KEY: usize = 8;

/// With what a view is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// With the secrets as they are.
    Exact,
    /// With what of the secrets is a letter or a digit: the view holds nothing else.
    Alphanumeric,
}

/// The secrets, prepared for the search.
#[derive(Default)]
pub struct Targets {
    exact: Pieces,
    alphanumeric: Pieces,
}

#[derive(Default)]
struct Pieces {
    texts: Vec<Vec<u8>>,
    /// Where each piece stands, by its first bytes.
    by_key: HashMap<[u8; KEY], Vec<Piece>>,
    /// Which two bytes begin a piece.
    beginnings: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Piece {
    text: usize,
    start: usize,
    end: usize,
}

impl Targets {
    /// Adds a secret.
    pub fn add(&mut self, secret: &str) {
        let chars = secret.chars().count();
        if chars < MIN_SECRET {
            return;
        }
        let floor = chars.div_ceil(2).max(MIN_PIECE).min(chars);
        self.exact.add(secret, floor);
        // Hex means the same in either case.
        if secret.chars().all(|c| c.is_ascii_hexdigit()) {
            self.exact.add(&secret.to_ascii_lowercase(), floor);
            self.exact.add(&secret.to_ascii_uppercase(), floor);
        }
        let alphanumeric = super::strip::alphanumeric(secret.as_bytes());
        let alphanumeric = String::from_utf8(alphanumeric).expect("whole characters are left out");
        if alphanumeric.chars().count() >= floor {
            self.alphanumeric.add(&alphanumeric, floor);
        }
    }

    /// The longest piece at the first place where one stands.
    pub fn find<'a>(&self, text: &'a [u8], kind: Kind) -> Option<&'a [u8]> {
        match kind {
            Kind::Exact => self.exact.find(text),
            Kind::Alphanumeric => self.alphanumeric.find(text),
        }
    }
}

impl Pieces {
    fn add(&mut self, text: &str, floor: usize) {
        self.beginnings.resize(1 << 16, false);
        let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let bytes = text.as_bytes();
        for piece in bounds.windows(floor + 1) {
            let (start, end) = (piece[0], piece[floor]);
            let key = bytes[start..start + KEY].try_into().expect("a piece is no shorter than its key");
            self.beginnings[beginning(&bytes[start..])] = true;
            self.by_key.entry(key).or_default().push(Piece { text: self.texts.len(), start, end });
        }
        self.texts.push(bytes.to_vec());
    }

    fn find<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        if self.texts.is_empty() {
            return None;
        }
        for at in 0..(text.len() + 1).saturating_sub(KEY) {
            let rest = &text[at..];
            if !self.beginnings[beginning(rest)] {
                continue;
            }
            let pieces = self.by_key.get(&rest[..KEY]).into_iter().flatten();
            let lengths = pieces.filter_map(|piece| {
                let whole = &self.texts[piece.text];
                let same = rest.iter().zip(&whole[piece.start..]).take_while(|(a, b)| a == b).count();
                (same >= piece.end - piece.start).then_some(same)
            });
            if let Some(longest) = lengths.max() {
                return Some(&rest[..longest]);
            }
        }
        None
    }
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}
