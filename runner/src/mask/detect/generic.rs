//! Tells whether a value that is given to a telling name (`password`, `api_key`) is a secret, and not a word, a
//! path, code or a hole to be filled.

use super::check;
use super::set;

/// Shortest password.
const MIN_PASSWORD: usize = 8;
/// Shortest secret that a machine made.
const MIN_RANDOM: usize = 16;
/// Shortest credential after `Authorization: Bearer`.
const MIN_BEARER: usize = 12;

/// Whether a value may be a password that somebody uses.
pub(super) fn is_password(value: &[u8]) -> bool {
    let value = check::head(value);
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let marks = value.iter().filter(|b| is_mark(**b)).count();
    let strange = value.iter().any(|b| *b >= 0x80 || *b < b' ');
    let spaces = value.iter().filter(|b| **b == b' ').count();
    // Translations: "Forgot password?"
    let sentence = spaces > 1 || spaces == 1 && value.ends_with(b"?");
    value.len() >= MIN_PASSWORD
        && !strange
        && !sentence
        && letters + digits > 0
        && !check::is_placeholder(value)
        && !is_code(value)
        && !is_reference(value)
        && check::distinct(value) >= 5
        // A word or a number alone is more likely something else.
        && (digits > 0 && letters > 0 && !is_version(value) || marks > 0 && digits + letters >= 4)
}

/// Whether a value may be a secret made by a machine.
pub(super) fn is_random(value: &[u8]) -> bool {
    if check::is_uuid(value) {
        return check::uuid(value);
    }
    let value = check::head(value);
    value.len() >= MIN_RANDOM
        && value.iter().all(|b| (b'!'..=b'~').contains(b))
        && !check::is_placeholder(value)
        && !is_code(value)
        && !is_reference(value)
        && mixing(value) * 6 >= value.len()
        && check::entropy(value) >= 3.0
}

/// Whether what follows `Authorization:` and its scheme may be a credential.
pub(super) fn is_bearer(value: &[u8]) -> bool {
    let value = check::head(value);
    value.len() >= MIN_BEARER
        && value.iter().all(|b| TOKEN68.has(*b))
        && !check::is_placeholder(value)
        && !is_reference(value)
        && (mixing(value) * 8 >= value.len() || value.len() >= 64 && check::distinct(value) >= 12)
}

/// What credentials in headers consist of (RFC 9110, `token68`).
pub(super) const TOKEN68: set::Set =
    set::BASE64_PADDED.or(set::BASE64_URL).or(set::DOT).or(set::TILDE).or(set::COLON);

/// How often a letter follows a digit, a digit a letter, or a capital a small letter, without beginning a word: in
/// random text every other time, in words hardly ever.
fn mixing(value: &[u8]) -> usize {
    let mixed = |at: &usize| {
        let (a, b) = (value[*at], value[*at + 1]);
        let word = || {
            b.is_ascii_uppercase()
                && value.get(at + 2..at + 4).is_some_and(|next| next.iter().all(u8::is_ascii_lowercase))
        };
        a.is_ascii_alphabetic() && b.is_ascii_digit()
            || a.is_ascii_digit() && b.is_ascii_alphabetic() && !word()
            || a.is_ascii_lowercase() && b.is_ascii_uppercase() && !word()
    };
    (0..value.len().saturating_sub(1)).filter(mixed).count()
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'?' | b'+' | b'=' | b'~')
}

/// Whether a value is an expression of a programming language or a shell.
fn is_code(value: &[u8]) -> bool {
    const SIGNS: &[&[u8]] =
        &[b"()", b"::", b"->", b"=>", b"&&", b"||", b"$(", b"${", b"{{", b"}}", b"==", b"../", b"://"];
    // `name=`, `name=name`
    let mut sides = value.splitn(2, |b| *b == b'=');
    if let (Some(name), Some(given)) = (sides.next(), sides.next())
        && name.len() >= 3
        && name.iter().chain(given).all(|b| set::ALPHA.or(set::UNDERSCORE).has(*b))
    {
        return true;
    }
    // The rest of an expression, where what looked like an opening quote closed a string.
    if matches!(value, [b' ' | b',' | b')' | b';' | b'+' | b'@', ..]) {
        return true;
    }
    let names = |rest: &[u8]| rest.iter().all(|b| set::WORD.or(set::DOT).has(*b) || *b == b'%');
    // `name(…`, `name[…`, `!name`, `&name`, `@name`, `$NAME`, `%NAME%`, `*name.field`
    let call = value.iter().position(|b| !set::WORD.or(set::DOT).has(*b));
    call.is_some_and(|at| at > 0 && matches!(value[at], b'(' | b'['))
        || matches!(value, [b'$' | b'&' | b'@' | b'%', rest @ ..] if names(rest))
        || matches!(value, [b'*', rest @ ..] if names(rest) && rest.contains(&b'.'))
        || SIGNS.iter().any(|sign| check::contains(value, sign) && !value.ends_with(b"=="))
}

/// Whether a value says where a secret is, or what it hashes to, instead of being one.
fn is_reference(value: &[u8]) -> bool {
    const BEGINNINGS: &[&[u8]] = &[
        b"sha256:",
        b"sha512:",
        b"sha1:",
        b"sha512-",
        b"sha256-",
        b"sha384-",
        b"sha1-",
        b"md5:",
        b"file:",
        b"http",
        b"arn:",
        b"env:",
        b"env.",
        b"ENV[",
        b"vault:",
        b"process.env",
        b"os.environ",
        b"secrets.",
        b"$secrets",
        b"projects/",
        b"data:",
        b"/",
        b"./",
        b"~/",
        b"ssh-",
        b"self.",
        b"this.",
        b"&quot;",
        b"&#",
    ];
    BEGINNINGS.iter().any(|beginning| value.starts_with(beginning)) || is_path(value) || is_constant(value)
}

/// Whether a value is the name of a constant or a variable: `WIN32_ERROR`.
fn is_constant(value: &[u8]) -> bool {
    value.contains(&b'_')
        && value.iter().all(|b| set::UPPER_ALNUM.or(set::UNDERSCORE).has(*b))
        && mixing(value) * 4 < value.len()
}

/// Whether a value is made of words between slashes, or is a file's name.
fn is_path(value: &[u8]) -> bool {
    const EXTENSIONS: &[&[u8]] = &[
        b".rs", b".js", b".ts", b".py", b".go", b".json", b".yaml", b".yml", b".txt", b".pem", b".key",
        b".html", b".java", b".rb", b".so",
    ];
    let words = value.split(|b| *b == b'/');
    let wordy = |word: &[u8]| mixing(word) * 6 < word.len().max(6);
    EXTENSIONS.iter().any(|extension| value.ends_with(extension))
        || (value.contains(&b'/') && words.clone().count() > 2 && words.filter(|w| wordy(w)).count() > 2)
}

/// Whether a value is a number with a unit or a version: `16.04.1-r2`, `v1.2.3`, `3600s`.
fn is_version(value: &[u8]) -> bool {
    let digits =
        value.iter().filter(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'_')).count();
    value.len() - digits <= 2
        || (value.iter().filter(|b| **b == b'.').count() >= 2 && digits * 2 > value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords() {
        for value in
            ["hunter2hunter", "Tr0ub4dor&3x", "correct!horse", "s3cr3t-p4ss", "*hunter22", "who am1?x"]
        {
            assert!(is_password(value.as_bytes()), "{value}");
        }
        for value in [
            "hunter",
            "required",
            "os.environ['X1']",
            "getpass()",
            "${DB_PASSWORD1}",
            "process.env.PASS1",
            "v1.22.333-r1",
            "my-secret-name",
            "$PASSWORD1",
            "12345678",
            "/run/secrets/db1",
            "aaaaaaaa1",
            "20240101-1200",
            "Wachtwoord vergeten?",
            "*form.MustChangePassword2",
        ] {
            assert!(!is_password(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn secrets_of_machines() {
        for value in
            ["k8Zc0Qv9xLm2Tz4R", "9f86d081884c7d659a2feaa0c55ad015", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"]
        {
            assert!(is_random(value.as_bytes()), "{value}");
        }
        for value in [
            "getAuthTokenFromHeader",
            "projects/123/secrets/foo-v2/versions/1",
            "sha256:9f86d081884c7d659a2feaa0",
            "kubernetes_secret_v1.default.data",
            "my-service-account-token-2xk9",
            "k8Zc0Qv9",
            "node_modules/a1/b2/c3.js",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert!(!is_random(value.as_bytes()), "{value}");
        }
    }
}
