//! Credentials of one line: a user and password, a header, a token of several segments, the entry of a
//! password file.

use super::{Found, Reason, decode, signs, split_once};

/// Shortest password of `user:password`; a shorter one could be the port of an address.
const MIN_PASSWORD: usize = 8;
/// Most fields of a line that is taken for a list of credentials.
const MAX_FIELDS: usize = 16;

/// The value of an `Authorization` header: `Bearer …`, `Basic …`.
pub fn authorization(text: &[u8], found: &mut Found) {
    const SCHEMES: [&str; 5] = ["apikey", "basic", "bearer", "negotiate", "token"];
    if let Some((scheme, credential)) = split_once(text, b' ')
        && SCHEMES.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(scheme))
        && !credential.trim_ascii().contains(&b' ')
    {
        found.add(credential, Reason::Named);
    }
}

/// `user:password`.
pub fn user_and_password(text: &[u8], found: &mut Found) {
    if let Some((user, password)) = split_once(text, b':')
        && !user.is_empty()
        && !user.iter().any(|b| b"/=\"'{[<".contains(b))
        && !password.starts_with(b"//")
        && !text.iter().any(u8::is_ascii_whitespace)
        && decode::chars(password) >= MIN_PASSWORD
    {
        found.add(password, Reason::Named);
    }
}

/// Fields of one line, at least two: those that look generated, as the key in `AKIA…,secret`.
pub fn fields(text: &[u8], found: &mut Found) {
    let fields = text.split(|b| b",:;| \t".contains(b)).filter(|field| !field.is_empty());
    if text.contains(&b'\n') || !(2..=MAX_FIELDS).contains(&fields.clone().take(MAX_FIELDS + 1).count()) {
        return;
    }
    // An assignment, or the rest of a URL, is read by its own format.
    let whole = |field: &&[u8]| !without_padding(field).contains(&b'=') && !field.starts_with(b"//");
    let fields = fields.filter(whole).filter(|field| signs::is_random(field));
    fields.for_each(|field| found.add(field, Reason::Leaf));
}

fn without_padding(text: &[u8]) -> &[u8] {
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    &text[..text.len() - padding]
}

/// A JSON web token (RFC 7519): its payload and signature. Its header is the same for all tokens of an issuer,
/// and what the payload says, such as names and addresses, is no credential.
pub fn jwt(text: &[u8], found: &mut Found) {
    let Some((header, rest)) = split_once(text, b'.') else { return };
    let of_token = |b: &u8| b.is_ascii_alphanumeric() || b"-_.=".contains(b);
    // base64 of `{"`.
    if header.starts_with(b"eyJ") && rest.contains(&b'.') && rest.iter().all(of_token) {
        rest.split(|b| *b == b'.').for_each(|segment| found.add_opaque(segment, Reason::Leaf));
    }
}

/// A .netrc (`machine … login … password …`), in one line or several.
pub fn netrc(text: &[u8], found: &mut Found) {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if !matches!(words.next(), Some(b"machine" | b"default")) {
        return;
    }
    while let Some(word) = words.next() {
        match word {
            b"password" | b"account" => found.add(words.next().unwrap_or_default(), Reason::Named),
            b"login" => {
                let login = words.next().unwrap_or_default();
                if signs::is_random(login) {
                    found.add(login, Reason::Named);
                }
            }
            _ => {}
        }
    }
}

/// A line of a .pgpass: `host:port:database:user:password`, with `\:` and `\\` in fields.
pub fn pgpass(text: &[u8], found: &mut Found) {
    if text.contains(&b'\n') {
        return;
    }
    let mut fields = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        if byte == b':' && !escaped && fields.len() < 4 {
            fields.push(&text[start..at]);
            start = at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    let password = &text[start..];
    let [_, port, ..] = fields[..] else { return };
    if fields.len() == 4 && (port == b"*" || !port.is_empty() && port.iter().all(u8::is_ascii_digit)) {
        found.add(password, Reason::Named);
        if let Some(plain) = decode::backslashes(password) {
            found.add(&plain, Reason::Named);
        }
    }
}
