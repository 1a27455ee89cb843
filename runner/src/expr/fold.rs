//! Comparing text the way the expression language does: by UTF-16 unit, ignoring case.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// The upper-case form of a character where that is one character too, else the character itself: `ß` and
/// the dotless `ı` stay, as they do in .NET's ordinal comparison, which GitHub's service uses.
fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    if c == 'ı' {
        return c;
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// The text with every character folded.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// Whether two texts are equal but for case.
pub fn equal(a: &str, b: &str) -> bool {
    a == b || a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && folded_eq(a, b))
}

fn folded_eq(a: &str, b: &str) -> bool {
    a.chars().map(fold_char).eq(b.chars().map(fold_char))
}

/// The order of two texts, ignoring case.
pub fn compare(a: &str, b: &str) -> Ordering {
    fold_units(a).cmp(fold_units(b))
}

fn fold_units(text: &str) -> impl Iterator<Item = u16> {
    text.chars().flat_map(|c| {
        let mut buffer = [0; 2];
        let length = fold_char(c).encode_utf16(&mut buffer).len();
        buffer.into_iter().take(length)
    })
}

/// Hashes so that texts equal but for case have the same hash.
pub fn hash<H: Hasher>(text: &str, state: &mut H) {
    let mut buffer = [0; 64];
    if text.len() <= buffer.len() && text.is_ascii() {
        let folded = &mut buffer[..text.len()];
        folded.copy_from_slice(text.as_bytes());
        folded.make_ascii_uppercase();
        state.write(folded);
    } else {
        state.write(fold(text).as_bytes());
    }
    0xff_u8.hash(state);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_ignores_case_and_nothing_else() {
        for (a, b, same) in [
            ("", "", true),
            ("abc", "ABC", true),
            ("abc", "abd", false),
            ("abc", "abcd", false),
            ("é", "É", true),
            ("é", "e", false),
            ("ß", "SS", false),
            ("ı", "I", false),
            ("ä@", "Ä`", false),
        ] {
            assert_eq!(equal(a, b), same, "{a:?} {b:?}");
            assert_eq!(compare(a, b) == Ordering::Equal, same, "{a:?} {b:?}");
        }
    }

    #[test]
    fn order_is_by_utf16_unit_of_the_upper_case_form() {
        assert_eq!(compare("a", "B"), Ordering::Less);
        assert_eq!(compare("_", "a"), Ordering::Greater);
        assert_eq!(compare("\u{10000}", "\u{ffff}"), Ordering::Less);
    }

    #[test]
    fn equal_texts_hash_alike() {
        let of = |text: &str| {
            let mut state = std::hash::DefaultHasher::new();
            hash(text, &mut state);
            state.finish()
        };
        assert_eq!(of("Secret_Name"), of("secret_NAME"));
        assert_eq!(of(&"É".repeat(80)), of(&"é".repeat(80)));
        assert_ne!(of("a"), of("b"));
    }
}
