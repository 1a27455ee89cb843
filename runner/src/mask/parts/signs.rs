//! The signs by which a secret is known.

/// What a name of a secret contains, without its separators and in small letters.
const WITHIN: [&str; 20] = [
    "accesskey",
    "accountkey",
    "apikey",
    "authkey",
    "authorization",
    "clientkey",
    "connectionstring",
    "credential",
    "encryptionkey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "sharedkey",
    "signature",
    "signingkey",
    "token",
    "webhook",
];
/// What a name of a secret ends with, after a separator.
const LAST: [&str; 4] = ["pass", "pin", "psk", "pw"];
/// The same of a secret that is generated, so never short. What is short under such a name is something else,
/// as in `key: name`.
const LAST_OF_LONG: [&str; 6] = ["auth", "code", "jwt", "key", "salt", "sig"];
/// Longest name in bytes.
const MAX_NAME: usize = 128;

/// Whether a name says that its value is secret: `DB_PASSWORD`, `client-secret`, `_authToken`, `sig`.
pub fn says_secret(name: &[u8]) -> bool {
    name.len() <= MAX_NAME && (ends_with(name, &LAST_OF_LONG) || says_secret_of_any_length(name))
}

/// Whether a name says that its value is secret even if it is short.
pub fn says_secret_of_any_length(name: &[u8]) -> bool {
    if name.len() > MAX_NAME {
        return false;
    }
    let letters: Vec<u8> =
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    ends_with(name, &LAST)
        || WITHIN.iter().any(|word| memchr::memmem::find(&letters, word.as_bytes()).is_some())
}

fn ends_with(name: &[u8], words: &[&str]) -> bool {
    let mut in_name = name.rsplit(|b| !b.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    in_name.next().is_some_and(|last| words.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(last)))
}

/// Fewest characters of what looks random.
const MIN_RANDOM: usize = 16;

/// Whether a text looks generated: a word of 16 characters or more that mixes letters and digits as no name
/// does.
pub fn is_random(text: &[u8]) -> bool {
    let of_word = |b: &u8| b.is_ascii_alphanumeric() || b"+/=_-.~".contains(b);
    if text.len() < MIN_RANDOM || !text.iter().all(of_word) {
        return false;
    }
    let count = |is: fn(&u8) -> bool| text.iter().filter(|b| is(b)).count();
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let digits = count(u8::is_ascii_digit);
    upper + lower > 0 && digits > 0 && (upper > 0 && lower > 0 || digits >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "DB_PASSWORD",
            "client-secret",
            "//registry.example.com/:_authToken",
            "sig",
            "X-Amz-Signature",
            "SharedAccessKey",
            "AZURE_KEY",
            "api.key",
            "Pwd",
        ] {
            assert!(says_secret(name.as_bytes()), "{name}");
        }
        for name in ["", "host", "monkey", "passenger", "author", "design", "sv", "region"] {
            assert!(!says_secret(name.as_bytes()), "{name}");
        }
        for (name, of_any_length) in
            [("DB_PASS", true), ("token", true), ("key", false), ("AZURE_KEY", false)]
        {
            assert_eq!(says_secret_of_any_length(name.as_bytes()), of_any_length, "{name}");
        }
    }

    #[test]
    fn random_words() {
        for text in ["wJalrXUtnFEMI/K7MDENG/bPx", "0123456789abcdef0123", "T0AAAAAAA/B0AAAAAAb"] {
            assert!(is_random(text.as_bytes()), "{text}");
        }
        for text in ["correct-horse-battery", "Version", "two words 1234567890 A", "20240131123456789"] {
            assert!(!is_random(text.as_bytes()), "{text}");
        }
    }
}
