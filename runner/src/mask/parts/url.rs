//! URLs (RFC 3986): their userinfo, and parameters that are secret.

use memchr::memmem;

use super::{Found, Reason, decode, signs, split_before, split_once};

/// Adds the passwords, tokens and secret parameters of all URLs in a text. Of a URL whose path is the secret,
/// as a webhook's, that is the path with its parameters, as an HTTP client prints it.
pub fn find(text: &[u8], found: &mut Found) {
    let mut rest = text;
    while let Some(at) = memmem::find(rest, b"://") {
        let (url, after) = split_before(&rest[at + 3..], ENDS);
        let url = Url::parse(url);
        if let Some(userinfo) = url.userinfo {
            match split_once(userinfo, b':') {
                Some((user, password)) => {
                    add(password, found);
                    add_if_token(user, found);
                }
                None => add_if_token(userinfo, found),
            }
        }
        secret_parameters(url.target).for_each(|value| add(value, found));
        if has_random_path(url.target) {
            found.add(url.target, Reason::Named);
        }
        rest = after;
    }
}

/// What can't stand in a URL.
const ENDS: &[u8] = b" \t\n\r\"'`<>";

struct Url<'t> {
    userinfo: Option<&'t [u8]>,
    /// Path, query and fragment.
    target: &'t [u8],
}

impl<'t> Url<'t> {
    /// Parses what follows the `://`.
    fn parse(url: &'t [u8]) -> Url<'t> {
        let (authority, target) = split_before(url, b"/?#");
        if let Some(at) = memchr::memrchr(b'@', authority) {
            return Url { userinfo: Some(&authority[..at]), target };
        }
        // A password with a character in it that should have been encoded: what would be the port is no number.
        if let Some((_, port)) = split_once(authority, b':')
            && !port.iter().all(u8::is_ascii_digit)
            && let Some(at) = memchr::memrchr(b'@', url)
        {
            let (_, target) = split_before(&url[at..], b"/?#");
            return Url { userinfo: Some(&url[..at]), target };
        }
        Url { userinfo: None, target }
    }
}

fn add(value: &[u8], found: &mut Found) {
    found.add(value, Reason::Named);
    if let Some(plain) = decode::percent(value) {
        found.add(&plain, Reason::Named);
    }
}

/// A user alone can be the token: `https://TOKEN@host`, `https://TOKEN:x-oauth-basic@host`.
fn add_if_token(user: &[u8], found: &mut Found) {
    if signs::is_random(user) {
        add(user, found);
    }
}

/// The values of parameters whose names say that they are secret, of a query or fragment.
fn secret_parameters(target: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (_, parameters) = split_before(target, b"?#");
    parameters
        .split(|b| b"?#&;".contains(b))
        .filter_map(|parameter| split_once(parameter, b'='))
        .filter_map(|(name, value)| signs::says_secret(name).then_some(value))
}

fn has_random_path(target: &[u8]) -> bool {
    let (path, _) = split_before(target, b"?#");
    path.split(|b| b"/:@.".contains(b)).any(signs::is_random)
}

/// Whether a text is a URL as a whole, and holds no credential.
pub fn is_address(text: &[u8]) -> bool {
    let Some(at) = memmem::find(text, b"://") else { return false };
    let (scheme, rest) = (&text[..at], &text[at + 3..]);
    if scheme.is_empty() || !scheme.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)) {
        return false;
    }
    let url = Url::parse(rest);
    let harmless = |userinfo: &[u8]| !userinfo.contains(&b':') && !signs::is_random(userinfo);
    !rest.iter().any(|b| ENDS.contains(b))
        && memmem::find(rest, b"://").is_none()
        && url.userinfo.is_none_or(harmless)
        && secret_parameters(url.target).next().is_none()
        && !has_random_path(url.target)
        && !rest.contains(&b';')
}
