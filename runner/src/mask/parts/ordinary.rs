//! Text that stands in secrets and isn't secret, and would shred logs as a mask.

use super::{signs, split_before, url};

/// Constants of files that hold credentials, and words that stand in them.
const CONSTANTS: [&str; 40] = [
    "allow_if_exists",
    "apiVersion: v1",
    "application/json",
    "application/x-www-form-urlencoded",
    "authorized_user",
    "default",
    "development",
    "done",
    "else",
    "encrypted",
    "external_account",
    "false",
    "googleapis.com",
    "impersonated_service_account",
    "kind: Config",
    "kind: Secret",
    "localhost",
    "localhost.localdomain",
    "login",
    "machine",
    "none",
    "null",
    "oauth2accesstoken",
    "password",
    "postgres",
    "postgresql",
    "preferences: {}",
    "production",
    "return",
    "service_account",
    "set -e",
    "sslmode=require",
    "staging",
    "text/plain",
    "then",
    "true",
    "type: Opaque",
    "username",
    "x-access-token",
    "x-oauth-basic",
];

/// Whether a text is ordinary, whatever it was found as.
pub fn is(text: &[u8]) -> bool {
    CONSTANTS.iter().any(|constant| constant.as_bytes().eq_ignore_ascii_case(text))
        || is_armour(text)
        || is_date(text)
        || is_region(text)
        || url::is_address(text)
}

/// Whether a line is the header or footer of PEM (RFC 7468): all keys of a kind have the same.
pub fn is_armour(text: &[u8]) -> bool {
    let dashes = |text: &[u8]| text.len() > 10 && text.starts_with(b"-----") && text.ends_with(b"-----");
    dashes(text) && !text[5..text.len() - 5].contains(&b'-')
}

/// `2026-01-31`, also with a time.
fn is_date(text: &[u8]) -> bool {
    let Some((date, time)) = text.split_at_checked(10) else { return false };
    date.iter().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { *b == b'-' } else { b.is_ascii_digit() })
        && time.iter().all(|b| b.is_ascii_digit() || b"TZ:. +-".contains(b))
}

/// A cloud's `eu-central-1`, `us-gov-west-1a` or `europe-west4`.
fn is_region(text: &[u8]) -> bool {
    const AREAS: [&str; 17] = [
        "af",
        "africa",
        "ap",
        "asia",
        "australia",
        "ca",
        "cn",
        "eu",
        "europe",
        "il",
        "me",
        "mx",
        "northamerica",
        "sa",
        "southamerica",
        "us",
        "us-gov",
    ];
    const SIDES: [&str; 5] = ["central", "east", "north", "south", "west"];
    let (area, rest) = match text.strip_prefix(b"us-gov") {
        Some(rest) => (&b"us-gov"[..], rest),
        None => split_before(text, b"-"),
    };
    let Some(rest) = rest.strip_prefix(b"-") else { return false };
    let (side, number) = split_before(rest, b"-0123456789");
    let number = number.strip_prefix(b"-").unwrap_or(number);
    let sides = SIDES.iter().any(|known| side.starts_with(known.as_bytes()));
    AREAS.iter().any(|known| known.as_bytes() == area)
        && sides
        && side.len() <= 10
        && matches!(number, [b'0'..=b'9'] | [b'0'..=b'9', b'a'..=b'f'])
}

/// Whether a line of a structure holds no value: it opens or closes something, or gives an ordinary value to
/// an ordinary name.
pub fn is_scaffold(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let opens = matches!(line.last(), Some(b'{' | b'[' | b'(' | b':'));
    let bare = !line.iter().any(u8::is_ascii_alphanumeric);
    let section = line.starts_with(b"[") && line.ends_with(b"]") && !line.contains(&b',');
    let element = line.starts_with(b"<")
        && line.ends_with(b">")
        && !line.contains(&b'"')
        && !line.contains(&b'\'')
        && line.iter().filter(|b| **b == b'<').count() == 1;
    if opens || bare || section || element || line.starts_with(b"<?xml ") {
        return true;
    }
    let (name, value) = split_before(line, b"=:");
    let block = [&b": |"[..], b": >", b": |-", b": >-", b": |+", b": >+"].contains(&value);
    let unquoted = value.get(1..).unwrap_or_default().trim_ascii();
    let unquoted = unquoted.strip_suffix(b",").unwrap_or(unquoted);
    let unquoted = match unquoted {
        [b'"' | b'\'', inner @ .., b'"' | b'\''] => inner,
        other => other,
    };
    // `https` isn't a name.
    let named = !value.starts_with(b"://") && !value.is_empty() && !signs::says_secret(name);
    block || named && is(unquoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_file_holds_is_ordinary() {
        for text in [
            "service_account",
            "-----BEGIN RSA PRIVATE KEY-----",
            "2026-01-31",
            "2026-01-31T10:20:30.5Z",
            "eu-central-1",
            "us-gov-west-1",
            "ap-southeast-2b",
            "europe-west4",
            "https://accounts.google.com/o/oauth2/auth",
        ] {
            assert!(is(text.as_bytes()), "{text}");
        }
        for text in ["", "hunter2hunter2", "2026-01-31x", "eu-secret-1", "-----", "-----a-b-----", "us-e-1"] {
            assert!(!is(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn lines_without_a_value() {
        for line in [
            "{",
            "\"auth\": {",
            "},",
            "users:",
            "key: |",
            "[default]",
            "<server>",
            "\"type\": \"service_account\",",
            "region = eu-central-1",
            "endpoint: https://example.com/v1",
        ] {
            assert!(is_scaffold(line.as_bytes()), "{line}");
        }
        for line in ["hunter", "pin: 1234", "<a>hunter2</a>", "password=default", "https://u:pw@example.com"]
        {
            assert!(!is_scaffold(line.as_bytes()), "{line}");
        }
    }
}
