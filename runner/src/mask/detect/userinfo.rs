//! Passwords in URLs: `scheme://user:password@host`.

use std::ops::Range;

use super::check;
use super::text::Text;

/// Longest user and password together, in bytes.
const MAX: usize = 1024;
/// Shortest password that is worth masking.
const MIN_PASSWORD: usize = 4;

/// The password in the URL whose user begins at `at`; without one the user, if it is alone as a token is.
pub(super) fn password(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.from(at);
    let rest = &rest[..rest.len().min(MAX)];
    // A password that should have been encoded and wasn't may hold `@` itself, but what ends a URL ends it.
    let end =
        rest.iter().position(|b| *b <= b' ' || matches!(b, b'/' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\'));
    let authority = &rest[..end.unwrap_or(rest.len())];
    let host = memchr::memrchr(b'@', authority)?;
    let userinfo = &authority[..host];
    let start = match memchr::memchr(b':', userinfo) {
        Some(colon) => at + colon + 1,
        // A user alone is a name, unless it is as long as a token.
        None if userinfo.len() >= 20 && check::mixed(userinfo) => at,
        None => return None,
    };
    Some(start..at + host).filter(|password| !password.is_empty())
}

/// Whether a password in a URL keeps anyone out.
pub(super) fn is_secret(text: &Text<'_>, at: usize, password: &Range<usize>) -> bool {
    /// Defaults that are printed in every manual.
    const DEFAULTS: &[&[u8]] = &[
        b"password",
        b"passwd",
        b"pass",
        b"secret",
        b"root",
        b"admin",
        b"guest",
        b"user",
        b"test",
        b"postgres",
        b"mysql",
        b"redis",
        b"x-oauth-basic",
        b"pwd",
        b"token",
        b"credentials",
        b"1234",
        b"12345",
        b"123456",
    ];
    let value = &text.bytes[password.clone()];
    let user = &text.bytes[at..password.start.saturating_sub(1).max(at)];
    let lower = value.to_ascii_lowercase();
    value.len() >= MIN_PASSWORD
        && value != user
        && !value.iter().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.'))
        && !DEFAULTS.contains(&lower.as_slice())
        && !value.iter().any(|b| matches!(b, b'{' | b'}' | b'(' | b')' | b'[' | b']' | b'|'))
        && !value.starts_with(b"$")
        && !check::is_placeholder(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str) -> Option<&str> {
        let at = url.find("://")? + 3;
        let text = Text::new(url.as_bytes());
        let password = password(&text, at)?;
        is_secret(&text, at, &password).then(|| &url[password])
    }

    #[test]
    fn passwords_of_urls() {
        assert_eq!(found("postgres://app:s3cr3t!x@db:5432/app"), Some("s3cr3t!x"));
        assert_eq!(found("redis://:s3cr3tx@cache"), Some("s3cr3tx"));
        assert_eq!(found("amqp://a:b@dog@host/"), Some("b@dog"));
        assert_eq!(found("https://k8Zc0Qv9xLm2Tz4Rj7Wb@forge/x.git"), Some("k8Zc0Qv9xLm2Tz4Rj7Wb"));
    }

    #[test]
    fn what_keeps_no_one_out() {
        for url in [
            "https://example.com/a@b",
            "https://git@forge/x",
            "postgres://postgres:postgres@localhost",
            "https://user:${TOKEN}@forge",
            "https://user:***@forge",
            "https://user:<password>@forge",
            "https://host:8080/path",
            "https://registry/@scope/pkg",
        ] {
            assert_eq!(found(url), None, "{url}");
        }
    }
}
