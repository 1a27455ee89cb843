//! A value written in other characters or bytes that look the same: only values beyond ASCII have any.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The variants of a value: normalised (Unicode Standard Annex 15), in UTF-16, and from its last character
/// to its first.
pub fn of(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let Some(text) = std::str::from_utf8(value).ok().filter(|text| !text.is_ascii()) else {
        return Vec::new();
    };
    let mut variants = vec![
        text.nfc().collect::<String>().into_bytes(),
        text.nfd().collect::<String>().into_bytes(),
        text.chars().rev().collect::<String>().into_bytes(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ];
    variants.dedup();
    variants.into_iter().map(Zeroizing::new).filter(|v| v.as_slice() != value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_beyond_ascii_has_variants() {
        assert!(of(b"plain").is_empty());
        assert!(of(b"\xFF\xFE").is_empty());
        let variants = of("p\u{e9}".as_bytes());
        let has = |bytes: &[u8]| variants.iter().any(|v| v.as_slice() == bytes);
        assert!(has("pe\u{301}".as_bytes()) && has("\u{e9}p".as_bytes()));
        assert!(has(b"p\0\xE9\0") && has(b"\0p\0\xE9"));
    }
}
