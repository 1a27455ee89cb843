//! PEM (RFC 7468), also where its line breaks were lost on the way: written as `\n`, or become blanks.

use memchr::memmem;
use zeroize::Zeroizing;

use super::{Found, Reason, lines_of};

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";

/// Adds the body of each block, as one string and line by line; not the armour, not headers.
pub fn find(text: &[u8], found: &mut Found) {
    let mut rest = text;
    while let Some(begin) = memmem::find(rest, BEGIN) {
        let label = &rest[begin + BEGIN.len()..];
        let Some(end) = memmem::find(label, DASHES) else { return };
        rest = &label[end + DASHES.len()..];
        // A block that was cut off is as secret.
        let end = memmem::find(rest, DASHES).unwrap_or(rest.len());
        block(&rest[..end], found);
        rest = &rest[end..];
    }
}

fn block(body: &[u8], found: &mut Found) {
    let mut whole = Zeroizing::new(Vec::with_capacity(body.len()));
    // A line with a colon is a header, as `Proc-Type: 4,ENCRYPTED`.
    for line in lines_of(&with_real_breaks(body)).filter(|line| !line.contains(&b':')) {
        for piece in line.split(u8::is_ascii_whitespace).filter(|piece| piece.iter().all(is_of_base64)) {
            found.add(piece, Reason::Named);
            whole.extend_from_slice(piece);
        }
    }
    found.add(&whole, Reason::Named);
}

/// Makes line breaks of `\n` and `\r`, with however many backslashes.
fn with_real_breaks(body: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(body.len()));
    let mut escaped = false;
    for &byte in body {
        match byte {
            b'\\' => {}
            b'n' | b'r' if escaped => plain.push(b'\n'),
            _ => plain.push(byte),
        }
        escaped = byte == b'\\';
    }
    plain
}

fn is_of_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(byte)
}
