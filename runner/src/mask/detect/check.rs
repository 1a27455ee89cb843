//! Tells values that are credentials from what only looks like them.

use super::set;

/// Whatever has the shape is one.
pub(super) fn anything(_: &[u8]) -> bool {
    true
}

/// How much of a long value is judged, so that a hostile line costs what its length says.
const JUDGED: usize = 256;

/// No placeholder, and not too regular to be random.
pub(super) fn plausible(value: &[u8]) -> bool {
    let body = body(value);
    !is_placeholder(value) && distinct(body) >= (body.len() / 4).clamp(3, 8)
}

/// As [`plausible`], with at least one digit and one letter: no words.
pub(super) fn mixed(value: &[u8]) -> bool {
    let body = body(value);
    plausible(value) && body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_alphabetic)
}

/// As [`plausible`], with digits and letters of both cases: no hash in hexadecimal, no path, no name.
pub(super) fn mixed_case(value: &[u8]) -> bool {
    let body = body(value);
    mixed(value) && body.iter().any(u8::is_ascii_uppercase) && body.iter().any(u8::is_ascii_lowercase)
}

/// Both cases and digits, and as little order as 40 random characters of base64 have.
pub(super) fn random_base64(value: &[u8]) -> bool {
    mixed_case(value) && entropy(value) > 4.0 && changes(value) * 3 > value.len()
}

/// A UUID that isn't all the same.
pub(super) fn uuid(value: &[u8]) -> bool {
    is_uuid(value) && distinct(value) >= 8
}

/// Whether `value` is a UUID in its usual spelling.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => set::ANY_HEX.has(*byte),
        })
}

/// A UUID after a prefix.
pub(super) fn prefixed_uuid(value: &[u8]) -> bool {
    value.len() >= 36 && uuid(&value[value.len() - 36..])
}

/// As little order as random characters have: no name of words that `_` or `-` separate.
pub(super) fn random_token(value: &[u8]) -> bool {
    mixed_case(value) && changes(body(value)) * 3 > body(value).len()
}

/// As [`random_token`], for tokens that may have no digit.
pub(super) fn random_token_of_letters(value: &[u8]) -> bool {
    let body = body(value);
    plausible(value)
        && body.iter().any(u8::is_ascii_uppercase)
        && body.iter().any(u8::is_ascii_lowercase)
        && changes(body) * 3 > body.len()
}

/// Begins with many of the same letter but doesn't go on so.
pub(super) fn long_tail(value: &[u8]) -> bool {
    let same = value.iter().take_while(|b| **b == value[0]).count();
    mixed_case(&value[same..])
}

/// An access token of Synapse: `syt_`, base64 of the user's name, 20 letters and a checksum of 6 characters.
pub(super) fn synapse(token: &[u8]) -> bool {
    let mut parts = token.rsplitn(3, |b| *b == b'_');
    let (sum, random, user) = (parts.next(), parts.next(), parts.next());
    sum.is_some_and(|sum| sum.len() == 6)
        && random.is_some_and(|random| random.len() == 20 && random.iter().all(u8::is_ascii_alphabetic))
        && user.is_some_and(|user| user.len() > 4)
}

/// Whatever is given where a password is expected, and is no hole to be filled.
pub(super) fn given(value: &[u8]) -> bool {
    !is_placeholder(value) && !value.contains(&b'$') && distinct(value) > 1
}

/// The last six characters of the token are the CRC-32 of the random part, in base62: tokens of GitHub
/// ("Behind GitHub's new authentication token formats") and npm.
pub(super) fn crc32_base62(token: &[u8]) -> bool {
    let Some(underscore) = token.iter().position(|b| *b == b'_') else { return false };
    let body = &token[underscore + 1..];
    let Some((random, sum)) = body.split_at_checked(30) else { return false };
    sum.get(..6).is_some_and(|sum| base62(crc32(random)) == sum)
}

/// A GitHub refresh token: checked as the others are, or so long that no name is.
pub(super) fn refresh_token(token: &[u8]) -> bool {
    crc32_base62(token) || token.len() >= 76 && mixed_case(token)
}

/// A GitHub App installation token: of the old format, or `ghs_`, the app's id, `_` and a JSON web token.
pub(super) fn installation_token(token: &[u8]) -> bool {
    let body = token.get(4..).unwrap_or_default();
    let digits = body.iter().take_while(|b| b.is_ascii_digit()).count();
    crc32_base62(token) || body.get(digits) == Some(&b'_') && jwt(&body[digits + 1..])
}

/// Base64 of a PEM file whose first line says that it is a private key.
pub(super) fn encoded_private_key(value: &[u8]) -> bool {
    decode_base64(head(value)).is_some_and(|text| contains(&text, b"PRIVATE KEY-----"))
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn base62(mut number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text
}

/// A JSON web token: the first segment is base64 of a JSON object that names an algorithm.
pub(super) fn jwt(token: &[u8]) -> bool {
    let header = token.split(|b| *b == b'.').next().unwrap_or_default();
    let Some(header) = decode_base64(head(header)) else { return false };
    header.starts_with(b"{") && (contains(&header, b"\"alg\"") || contains(&header, b"\"enc\""))
}

/// Base64 of a JSON web token, as values of a Kubernetes Secret and of variables are.
pub(super) fn encoded_jwt(value: &[u8]) -> bool {
    decode_base64(head(value))
        .is_some_and(|token| contains(&token, b".eyJ") || token.contains(&b'.') && jwt(&token))
}

/// The value of an `Authorization: Basic` header, or of `auth` in Docker's configuration: base64 of `user:password`.
pub(super) fn basic(value: &[u8]) -> bool {
    let Some(decoded) = decode_base64(head(value)) else { return false };
    let Some(colon) = decoded.iter().position(|b| *b == b':') else { return false };
    let password = &decoded[colon + 1..];
    decoded.iter().all(|b| (b' '..=b'~').contains(b) || *b >= 0x80)
        && !password.is_empty()
        && !is_placeholder(password)
}

/// Base64 of either alphabet, padded or not, whole or up to where it was cut.
pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.iter().take_while(|b| !matches!(b, b'=' | b'%')) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

/// Shannon's entropy of a value's characters, in bits per character.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    let total = value.len() as f64;
    let bits = |count: u32| {
        let share = f64::from(count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|c| **c > 0).map(|c| bits(*c)).sum()
}

/// How many different bytes a value has.
pub(super) fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    value.iter().for_each(|b| seen[usize::from(*b)] = true);
    seen.iter().filter(|s| **s).count()
}

/// How often neighbours are of different kinds: digit, lower case, upper case, else. Words change seldom.
pub(super) fn changes(value: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    value.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count()
}

/// Whether people write this where a credential belongs, so that it isn't one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    /// What shows a placeholder wherever it stands, in lower case.
    const TELLTALES: &[&[u8]] = &[
        b"example",
        b"placeholder",
        b"changeme",
        b"change_me",
        b"change-me",
        b"redacted",
        b"replace",
        b"your_",
        b"your-",
        b"yourtoken",
        b"insert",
        b"xxxxx",
        b"*****",
        b".....",
        b"-----",
        b"_____",
        b"dummy",
        b"12345678",
        b"abcdefgh",
        b"deadbeef",
        b"todo:",
        b"fake",
        b"sample",
    ];
    /// What a template's hole begins with.
    const HOLES: &[&[u8]] = &[b"${", b"$(", b"{{", b"<", b"%(", b"#{", b"***"];
    if HOLES.iter().any(|hole| value.starts_with(hole)) {
        return true;
    }
    // A telltale is a matter of short values: in 200 random characters one can stand by chance.
    let lower: Vec<u8> = value.iter().take(120).map(u8::to_ascii_lowercase).collect();
    TELLTALES.iter().any(|telltale| contains(&lower, telltale)) || repeats(&lower, 8)
}

/// Whether a byte is repeated `times` times in a row.
fn repeats(value: &[u8], times: usize) -> bool {
    value.windows(times).any(|window| window.iter().all(|b| *b == window[0]))
}

pub(super) fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// What of a token is judged: what follows its kind, which ends at the last `_`, `-`, `.` or `:` of its first third.
fn body(value: &[u8]) -> &[u8] {
    let value = head(value);
    let kind = &value[..value.len() / 3];
    let kind = kind.iter().rposition(|b| matches!(b, b'_' | b'-' | b'.' | b':')).map_or(0, |at| at + 1);
    &value[kind..]
}

/// What of a value is judged.
pub(super) fn head(value: &[u8]) -> &[u8] {
    &value[..value.len().min(JUDGED)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_github_s() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(base62(61), *b"00000z");
        assert_eq!(base62(u32::MAX), *b"4gfFC3");
    }

    #[test]
    fn base64_in_every_spelling() {
        assert_eq!(decode_base64(b"aGk6eW91").as_deref(), Some(&b"hi:you"[..]));
        assert_eq!(decode_base64(b"aGk6eQ==").as_deref(), Some(&b"hi:y"[..]));
        assert_eq!(decode_base64(b"_-8").as_deref(), Some(&[0xff, 0xef][..]));
        assert_eq!(decode_base64(b"a b"), None);
    }

    #[test]
    fn placeholders_are_no_credentials() {
        for value in
            ["${TOKEN}", "<token>", "***", "your_api_key_here", "AKIAIOSFODNN7EXAMPLE", "aaaaaaaaaaaa"]
        {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
        for value in ["hunter2!horse", "Zk3vQ9x0Lm", "p4ssw0rd-of-x"] {
            assert!(!is_placeholder(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn random_text_is_told_from_written_text() {
        assert!(random_base64(b"k8Zc0Qv9x/Lm2Tz4Rj7Wb1Yd5Gf3Hs6Np+Ua8EoX"));
        assert!(!random_base64(b"node_modules/express/lib/Router/index.js"));
        assert!(!random_base64(b"da39a3ee5e6b4b0d3255bfef95601890afd80709"));
        assert_eq!(entropy(b"abab"), 1.0);
        assert_eq!(changes(b"aB3-x"), 4);
    }
}
