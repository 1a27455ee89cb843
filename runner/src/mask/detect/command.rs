//! Passwords in command lines, as `set -x` prints them: `curl -u user:password`, `docker login -p password`.

use std::ops::Range;

use super::assign::{self, Extent, Given, Quote, Value};
use super::check;
use super::generic;
use super::text::Text;

/// How far behind the command its option may stand, in bytes.
const WITHIN: usize = 512;
/// Shortest password.
const MIN: usize = 4;

/// How an option is given its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// In the next word: `-p password`.
    Next,
    /// In the same word: `-ppassword`. The option alone asks for the password.
    Joined,
    /// In the next word, behind a user: `-u user:password`.
    AfterUser,
}

/// The password that an option of the command before `at` is given.
pub(super) fn password(text: &Text<'_>, at: usize, options: &[&str], style: Style) -> Option<Range<usize>> {
    let line = text.from(at);
    let line = &line[..line.len().min(WITHIN)];
    // A line that ends in a backslash goes on with the next.
    let ends = |end: &usize| !line[..*end].trim_ascii_end().ends_with(b"\\");
    let line = &line[..memchr::memchr_iter(b'\n', line).find(ends).unwrap_or(line.len())];
    let ends_word = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'"' | b'\'' | b',');
    let mut before = b' ';
    for (offset, byte) in line.iter().enumerate() {
        if *byte == b'-' && ends_word(before) {
            let rest = &line[offset..];
            let value =
                options.iter().filter(|option| rest.starts_with(option.as_bytes())).find_map(|option| {
                    let after = at + offset + option.len();
                    let start = match (style, text.byte(after)) {
                        (Style::Joined, Some(next)) if !ends_word(next) || matches!(next, b'"' | b'\'') => {
                            after
                        }
                        (Style::Next | Style::AfterUser, Some(b' ' | b'=' | b'"' | b'\'')) => {
                            skip_separators(text, after)
                        }
                        _ => return None,
                    };
                    word(text, start, style)
                });
            if value.is_some() {
                return value;
            }
        }
        before = *byte;
    }
    None
}

/// What separates an option from its value, also in a list of quoted words: `-p `, `-p=`, `"-p", "`.
fn skip_separators(text: &Text<'_>, at: usize) -> usize {
    let separators =
        text.from(at).iter().take(8).take_while(|b| matches!(b, b' ' | b'=' | b',' | b'"' | b'\'')).count();
    // The quote that opens the value belongs to it.
    match text.bytes.get(at..at + separators) {
        Some([.., quote @ (b'"' | b'\'')]) if *quote != 0 => at + separators - 1,
        _ => at + separators,
    }
}

fn word(text: &Text<'_>, start: usize, style: Style) -> Option<Range<usize>> {
    let (start, quote) = match text.byte(start) {
        Some(quote @ (b'"' | b'\'')) => (start + 1, Quote::Plain(quote)),
        _ => (start, Quote::None),
    };
    let argument = |start, quote| {
        start..assign::value_end(text, Value { start, quote, given: Given::Argument }, Extent::Word)
    };
    let word = argument(start, quote);
    let password = match style {
        Style::Next | Style::Joined => word,
        Style::AfterUser => {
            let colon = word.start + memchr::memchr(b':', text.from(word.start))?;
            let opens = text.byte(colon + 1).filter(|byte| matches!(byte, b'"' | b'\''));
            match opens {
                // `user:'password'`, `"user":"password"`
                Some(opens) if (colon == word.end + 1) || quote == Quote::None && colon < word.end => {
                    argument(colon + 2, Quote::Plain(opens))
                }
                _ if colon >= word.end => return None,
                // A key alone, as the user without a password.
                _ if colon + 1 == word.end => {
                    let key = word.start..colon;
                    return generic::is_random(&text.bytes[key.clone()]).then_some(key);
                }
                _ => colon + 1..word.end,
            }
        }
    };
    is_given(&text.bytes[password.clone()]).then_some(password)
}

/// Whether a password is said, and not where the shell has it from.
fn is_given(password: &[u8]) -> bool {
    let is_variable = |pair: &[u8]| {
        pair[0] == b'$' && (pair[1].is_ascii_alphabetic() || matches!(pair[1], b'_' | b'{' | b'('))
    };
    password.len() >= MIN
        && !matches!(password[0], b'-' | b'$' | b'%' | b'<' | b'/')
        && !password.windows(2).any(is_variable)
        && !check::is_placeholder(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given<'t>(line: &'t str, options: &[&str], style: Style) -> Option<&'t str> {
        let at = line.find(' ')?;
        password(&Text::new(line.as_bytes()), at, options, style).map(|span| &line[span])
    }

    #[test]
    fn options_of_commands() {
        let curl = |line| given(line, &["-u", "--user"], Style::AfterUser);
        assert_eq!(curl("curl -sS -u robot:s3cret https://x"), Some("s3cret"));
        assert_eq!(curl("curl --user \"robot:s3 cret\" https://x"), Some("s3 cret"));
        assert_eq!(curl("curl --user=robot:s3cret"), Some("s3cret"));
        assert_eq!(curl("curl -u robot:$TOKEN https://x"), None);
        assert_eq!(curl("curl -uname x:y1234"), None);
        assert_eq!(curl("curl -u robot:s3c$et1 https://x"), None);
        assert_eq!(curl("curl -u elastic:P@ss$1 https://x"), Some("P@ss$1"));
        assert_eq!(curl("curl --user robot:'s3 cret' -i"), Some("s3 cret"));
        assert_eq!(curl("curl --user \"{a-b}\":\"{s3cret}\" -i"), Some("{s3cret}"));
        assert_eq!(curl("curl -k x \\\n  -d 'world' \\\n  -u robot:s3cret"), Some("s3cret"));
        assert_eq!(curl("curl -k x\n  -u robot:s3cret"), None);
        assert_eq!(curl("curl -u 'k8Zc0Qv9xLm2Tz4R:' https://x"), Some("k8Zc0Qv9xLm2Tz4R"));
        assert_eq!(curl("curl -u robot: https://x:1234"), None);
        let docker = |line| given(line, &["-p"], Style::Next);
        assert_eq!(docker("docker login -u robot -p 's3cret!' registry"), Some("s3cret!"));
        assert_eq!(docker("\"docker\", \"login\", \"-p\", \"s3cret\"]"), Some("s3cret"));
        assert_eq!(docker("docker login -u robot --password-stdin"), None);
        let mysql = |line| given(line, &["-p"], Style::Joined);
        assert_eq!(mysql("mysql -uroot -ps3cret app"), Some("s3cret"));
        assert_eq!(mysql("mysql -uroot -p app"), None);
    }
}
