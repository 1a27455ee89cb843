//! Masks one stream of bytes, chunk by chunk.
//!
//! A byte is let go once no form can begin at or before it any more; what was let go is kept for a while,
//! since a later byte may have to be read together with it.

use std::sync::Arc;

use super::MASK;
use super::detect::Detector;
use super::index::Index;
use super::masker::Masker;
use super::search::found::Found;
use super::search::{Goes, Search};
use super::unregistered::{Catch, Caught, Unregistered};

/// So much is looked at before some of it is let go, so that it stays in the processor's cache.
const PIECE: usize = 16 * 1024;

/// One stream being masked. What it lets go is the same for any cutting of the stream into chunks,
/// unless [`MaskStream::flush_after_silence`] or a new secret comes in between.
pub struct MaskStream {
    masker: Masker,
    generation: u64,
    searched: Searched,
    caught: Vec<Caught>,
}

/// A stream's text and what was found in it.
#[derive(Default)]
pub(super) struct Searched {
    /// What was let go last, and what wasn't yet.
    text: Vec<u8>,
    /// How much of it was let go.
    free: usize,
    search: Search,
    unregistered: Unregistered,
    found: Found,
    /// What was let go last is a mask, and nothing after it.
    joined: bool,
}

/// What a stream is searched for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub index: &'a Index,
    pub detector: Option<&'a Detector>,
}

impl MaskStream {
    pub(super) fn new(masker: Masker) -> Self {
        let generation = masker.generation();
        MaskStream { masker, generation, searched: Searched::default(), caught: Vec::new() }
    }

    /// Takes the next bytes in and appends to `out` what can be let go.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        // In pieces, so that what is found in one is known in the next.
        for piece in chunk.chunks(PIECE) {
            self.advance(piece, Goes::On, out);
        }
    }

    /// Lets go what isn't the beginning of a secret, once the stream has been silent for a while: a whole
    /// word that stands at the end counts as ended.
    pub fn flush_after_silence(&mut self, out: &mut Vec<u8>) {
        self.advance(&[], Goes::Silent, out);
    }

    /// Lets go all that is held, since something that isn't text stands between it and what follows. A secret
    /// that goes on behind it is masked as far as it is recognised there.
    pub fn interrupt(&mut self, out: &mut Vec<u8>) {
        self.advance(&[], Goes::Interrupted, out);
    }

    /// Ends the stream: lets go all that is held. What follows is a new stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.advance(&[], Goes::Ended, out);
        self.searched = Searched::default();
    }

    /// Drops what is held, because the bytes that would tell whether it is a secret will never come. Gives
    /// how many bytes were dropped. What follows is a new stream.
    pub fn abandon(&mut self) -> usize {
        let dropped = self.searched.held();
        self.searched = Searched::default();
        dropped
    }

    /// Whether bytes are held back.
    pub fn holds(&self) -> bool {
        self.searched.held() > 0
    }

    /// The credentials that nobody registered and that were masked since the last call.
    pub fn caught(&mut self) -> Vec<Caught> {
        std::mem::take(&mut self.caught)
    }

    fn advance(&mut self, chunk: &[u8], goes: Goes, out: &mut Vec<u8>) {
        let Self { masker, generation, searched, caught } = self;
        let shown = out.len();
        let places = searched.mask(masker, generation, chunk, goes, caught, out);
        masker.count(places);
        masker.remember(&out[shown..], goes == Goes::Ended);
    }
}

impl Searched {
    /// Takes the next bytes in and appends to `out` what can be let go; gives how many places it masked. What is
    /// found that nobody registered is registered before anything is let go.
    pub fn mask(
        &mut self,
        masker: &Masker,
        generation: &mut u64,
        mut chunk: &[u8],
        goes: Goes,
        caught: &mut Vec<Caught>,
        out: &mut Vec<u8>,
    ) -> u64 {
        loop {
            let mut catch = Catch::default();
            let places = masker.with_wanted(|wanted, now| {
                if std::mem::replace(generation, now) != now {
                    self.search.look_again();
                }
                let free = self.take_in(wanted, chunk, goes, &mut catch);
                catch.values.is_empty().then(|| self.let_go(free, wanted.index, out))
            });
            caught.extend_from_slice(&catch.caught);
            masker.take_note(catch);
            chunk = &[];
            if let Some(places) = places {
                return places;
            }
        }
    }

    /// Takes the next bytes in; gives up to where the text can be let go.
    pub fn take_in(&mut self, wanted: Wanted<'_>, chunk: &[u8], goes: Goes, catch: &mut Catch) -> usize {
        let Wanted { index, detector } = wanted;
        self.text.extend_from_slice(chunk);
        let Self { text, search, unregistered, found, .. } = self;
        let mut free = text.len();
        if !index.is_empty() {
            free = search.advance(index, text, chunk.len(), goes, found);
        }
        if let Some(detector) = detector {
            free = free.min(unregistered.advance(detector, index, text, goes, found, catch));
        }
        free
    }

    /// What those values are called that stood in the text as a whole, and where.
    pub fn whole(&self) -> &[(Arc<str>, usize)] {
        self.found.whole()
    }

    fn held(&self) -> usize {
        self.text.len() - self.free
    }

    /// Lets the text go up to `free`; gives how many places were masked.
    fn let_go(&mut self, free: usize, index: &Index, out: &mut Vec<u8>) -> u64 {
        let free = free.max(self.free);
        let mut places = 0;
        let mut at = self.free;
        for span in self.found.spans() {
            if span.end <= at {
                continue;
            }
            if span.start >= free {
                break;
            }
            if at < span.start {
                out.extend_from_slice(&self.text[at..span.start]);
                self.joined = false;
            }
            if !self.joined {
                out.extend_from_slice(MASK.as_bytes());
                if let Some(label) = self.found.label_of(span) {
                    out.extend_from_slice(&[b"(", label.as_bytes(), b")"].concat());
                }
                places += 1;
                self.joined = true;
            }
            at = span.end.min(free);
        }
        if at < free {
            out.extend_from_slice(&self.text[at..free]);
            self.joined = false;
        }
        self.free = free;
        self.forget(index);
        places
    }

    fn forget(&mut self, index: &Index) {
        let kept = Search::context(index);
        if self.free > kept + PIECE / 2 {
            let count = self.free - kept;
            self.text.drain(..count);
            self.free -= count;
            self.search.shift(count);
            self.unregistered.shift(count);
            self.found.shift(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masker(values: &[&str]) -> Masker {
        let masker = Masker::new();
        for value in values {
            // Values below the floor are part of some tests.
            let _ = masker.add_bytes("test", value.as_bytes());
        }
        masker
    }

    fn through(masker: &Masker, chunks: &[&[u8]]) -> String {
        let mut stream = masker.stream();
        let mut out = Vec::new();
        for chunk in chunks {
            stream.push(chunk, &mut out);
        }
        stream.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn masked(values: &[&str], text: &str) -> String {
        through(&masker(values), &[text.as_bytes()])
    }

    fn cut<'a>(text: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect()
    }

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYq7vT2sL9dQ";

    #[test]
    fn a_value_is_masked_in_every_way_that_text_can_be_read() {
        let spaced = KEY.chars().map(|c| format!("{c} ")).collect::<String>();
        let lines = KEY.chars().map(|c| format!("{c}\n")).collect::<String>();
        let numbered: String = KEY
            .as_bytes()
            .chunks(7)
            .zip(1..)
            .map(|(c, i)| format!("{i:6}\t{}\n", String::from_utf8_lossy(c)))
            .collect();
        let traced: String = KEY.chars().map(|c| format!("+ echo {c}\n{c}\n")).collect();
        let percent: String = KEY.bytes().map(|b| format!("%{b:02X}")).collect();
        let list = format!("{:?}", KEY.as_bytes());
        let c_list: String = KEY.bytes().map(|b| format!("0x{b:02x}, ")).collect();
        for (text, want) in [
            (KEY, "***"),
            (&KEY[..20], "***"),
            (&KEY[13..33], "***"),
            (&spaced, "*** "),
            (&lines, "***\n"),
            (&numbered, "     1\t***\n"),
            (&percent, "***"),
            (&KEY.replace('/', "%2F").replace('+', "%2b"), "***"),
            (&KEY.replace('/', "\\/"), "***"),
            (&KEY.replace('/', "\\u002f").replace('\\', "\\\\"), "***"),
            (&list, "[***]"),
            (&c_list, "***, "),
            ("d0phbHJYVXRuRkVNSS9LN01ERU5HK2JQeFJmaUNZcTd2VDJzTDlkUQ==", "***"),
        ] {
            assert_eq!(masked(&[KEY], &format!("see\n{text} end")), format!("see\n{want} end"), "{text}");
        }
        assert_eq!(masked(&[KEY], &traced), "+ echo ***\n");
    }

    #[test]
    fn escapes_far_apart_are_all_undone() {
        let twice = KEY.replace('/', "%252F").replace('+', "%252B");
        let far = " ordinary text".repeat(100);
        let text = format!("%25{far}%25{far}\n{twice}{far}%25{far}");
        assert!(!masked(&[KEY], &text).contains("%252F"));
    }

    #[test]
    fn escapes_within_escapes_hide_nothing_however_text_comes_in() {
        let masker = masker(&[KEY]);
        for twice in [
            KEY.bytes().map(|b| format!("\\\\u{b:04x}")).collect::<String>(),
            KEY.bytes().map(|b| format!("\\\\x{b:02x}")).collect(),
            KEY.bytes().map(|b| format!("%25{b:02X}")).collect(),
        ] {
            let text = format!("see {twice}\n{}\n", " end".repeat(100));
            let whole = through(&masker, &[text.as_bytes()]);
            assert!(whole.starts_with("see ***\n"), "{whole}");
            for at in 1..text.len() {
                let (first, second) = text.as_bytes().split_at(at);
                assert_eq!(through(&masker, &[first, second]), whole, "{twice} {at}");
            }
        }
    }

    #[test]
    fn what_javascript_escapes_is_undone() {
        let value = "\u{65e5}\u{672c}\u{8a9e}-\u{43a}\u{43b}\u{44e}\u{447}-1";
        assert_eq!(masked(&[value], "(%u65E5%u672C%u8A9E-%u043A%u043B%u044E%u0447-1)"), "(***)");
    }

    #[test]
    fn where_decoding_ends_no_value_does() {
        let escaped = KEY.replace('+', "=2B");
        for distance in 0..120 {
            let text = format!("&#46;{}{escaped} end", " x".repeat(distance));
            assert!(masked(&[KEY], &text).ends_with("*** end"), "{distance}");
        }
    }

    #[test]
    fn a_backslash_is_masked_with_what_it_escapes() {
        let value = "%##$>\\<=\\'__0$*@_%\\@_><&a_#";
        let escaped: String = value.chars().map(|c| format!("\\{c}")).collect();
        let masker = masker(&[value]);
        let text = format!("{escaped}\n{}%41", " ".repeat(40));
        let whole = through(&masker, &[text.as_bytes()]);
        assert!(whole.starts_with("***\n"), "{whole}");
        for at in 1..text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            assert_eq!(through(&masker, &[first, second]), whole, "{at}");
        }
    }

    #[test]
    fn much_punctuation_hides_nothing() {
        let value = "P@$$w0rd!#%^&*()_+";
        for text in [
            "P@$$w0rd!#%^&*()_+",
            "P @ $ $ w 0 r d ! # % ^ & * ( ) _ +",
            "P%40%24%24w0rd%21%23%25%5E%26%2A%28%29_%2B",
            "P@$$w0rd!#%^&amp;*()_+",
            "P\\@\\$\\$w0rd\\!\\#\\%\\^\\&\\*\\(\\)_+",
            "UEAkJHcwcmQhIyVeJiooKV8r",
            "P@$$w0rd!#%^",
        ] {
            let masked = masked(&[value], &format!("x={text};"));
            assert!(masked.starts_with("x=***") && masked.len() < 12, "{masked}");
        }
    }

    #[test]
    fn ordinary_text_passes_untouched() {
        let text = "commit 9fceb02d0ae598e95dc970b74767f19372d61af8\n   Compiling serde v1.0.229\n 45% [====>   ]\n\
            2026-11-25T00:00:00Z INFO x=1 C:\\temp\\new %PATH% &amp; 0x7fff5fbff8c0\n  1: a\n  2: b\nok 3\n";
        assert_eq!(masked(&[KEY, "hunter2hunter2", "correct horse", "pass"], text), text);
    }

    #[test]
    fn short_values_count_as_words() {
        assert_eq!(
            masked(&["pass"], "pass passage pass-age (pass)pass_pass\npass"),
            "*** passage ***-age (***)***_***\n***"
        );
        assert_eq!(masked(&["pass"], "cGFzcw=="), "cGFzcw==");
    }

    #[test]
    fn titles_and_broken_literals_hide_nothing() {
        let (head, tail) = KEY.split_at(18);
        for between in ["\u{1b}]0;title\u{7}", "\u{1b}]8;;https://example.com\u{1b}\\", "'\n  b'", "\"\r\n\""]
        {
            assert_eq!(masked(&[KEY], &format!("({head}{between}{tail})")), "(***)");
        }
        assert_eq!(masked(&[KEY], &format!("\u{1b}]0;{KEY}\u{7}")), "\u{1b}]0;***\u{7}");
    }

    #[test]
    fn a_colour_is_no_part_of_a_word() {
        assert_eq!(masked(&["pass"], "\u{1b}[32mpass\u{1b}[0m mpass"), "\u{1b}[32m***\u{1b}[0m mpass");
    }

    #[test]
    fn what_only_looked_like_a_secret_shows_when_its_line_ends() {
        let masker = masker(&[KEY]);
        let mut stream = masker.stream();
        let mut out = Vec::new();
        stream.push(format!("say {}", &KEY[..5]).as_bytes(), &mut out);
        stream.flush_after_silence(&mut out);
        assert_eq!(out, b"say ");
        stream.push(b"\n", &mut out);
        stream.flush_after_silence(&mut out);
        assert_eq!(out, format!("say {}\n", &KEY[..5]).as_bytes());
    }

    #[test]
    fn overlapping_and_touching_values_are_one_mask() {
        assert_eq!(masked(&["abcdefgh1234", "1234ijklmnop"], "<abcdefgh1234ijklmnop>"), "<***>");
        assert_eq!(masked(&["abcdefgh1234", "ijklmnop5678"], "<abcdefgh1234ijklmnop5678>"), "<***>");
    }

    #[test]
    fn a_secret_registered_while_its_beginning_is_held_is_masked() {
        let masker = masker(&["prefix-of-one"]);
        let mut stream = masker.stream();
        let mut out = Vec::new();
        stream.push(b"say prefix-of-", &mut out);
        masker.add_bytes("two", b"prefix-of-two").unwrap();
        stream.push(b"two!", &mut out);
        stream.finish(&mut out);
        assert_eq!(out, b"say ***!");
    }

    #[test]
    fn a_prompt_shows_after_silence_unless_it_may_begin_a_secret() {
        let masker = masker(&["correct horse", "pass", KEY]);
        let mut stream = masker.stream();
        let mut out = Vec::new();
        for (text, shown) in [
            ("Password: ", "Password: "),
            ("pass", "Password: ***"),
            (" corr", "Password: *** "),
            ("ect horse wJalrXUtnFEMI/K7", "Password: *** *** "),
        ] {
            stream.push(text.as_bytes(), &mut out);
            stream.flush_after_silence(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), shown);
        }
        assert!(stream.holds());
        stream.finish(&mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "Password: *** *** wJalrXUtnFEMI/K7",
            "less than half of it"
        );
    }

    #[test]
    fn what_is_abandoned_is_not_shown() {
        let mut stream = masker(&["correct horse"]).stream();
        let mut out = Vec::new();
        stream.push(b"it is correct ho", &mut out);
        let shown = out.len();
        assert_eq!(stream.abandon(), 16 - shown);
        stream.push(b"rse", &mut out);
        stream.finish(&mut out);
        assert!(!String::from_utf8_lossy(&out).contains("correct"));
    }

    #[test]
    fn a_character_far_above_a_column_is_no_part_of_it() {
        let (encoded, spelt) = ("e+/1c+++9b1e7+z+63n+w7xx6i/s0o++bl7zl1+v", ".bb.b....abbb");
        let masker = masker(&[encoded, spelt]);
        let encoded: String = encoded.bytes().map(|b| format!("%{b:02X}")).collect();
        let column: String = spelt[1..].chars().map(|c| format!("{c}\n")).collect();
        for distance in (1..400).step_by(9) {
            let text = format!(".\n{}{encoded}.\n{column}", " cc".repeat(distance / 3));
            let whole = through(&masker, &[text.as_bytes()]);
            for at in (1..text.len()).step_by(7) {
                let (first, second) = text.as_bytes().split_at(at);
                assert_eq!(through(&masker, &[first, second]), whole, "{distance} {at}");
            }
        }
    }

    #[test]
    fn what_is_held_back_is_bounded() {
        let mut stream = masker(&["correct horse", "pass", KEY]).stream();
        let mut out = Vec::new();
        for text in
            [" ".repeat(100), "-\n".repeat(100), "correct".into(), "1\n".repeat(100), "\\".repeat(100)]
        {
            for _ in 0..2_000 {
                stream.push(text.as_bytes(), &mut out);
                out.clear();
                assert!(stream.searched.held() <= 2 * 1024 * 1024);
            }
        }
    }

    /// Values over few letters and texts of pieces of them, so that they overlap in every way.
    fn values() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[ab.]{0,24}|[a-z0-9/+]{20,40}", 1..5)
    }

    fn text(values: Vec<String>) -> impl Strategy<Value = (Vec<String>, Vec<u8>)> {
        let noise = prop_oneof!["[ab.\r\n]{0,12}", "[cd ]{0,400}", "[\\\\%&=0x;#1-9\n\u{1b}\\[]{0,12}"];
        let part = (proptest::sample::select(values.clone()), any::<(usize, usize, u8)>()).prop_map(
            |(v, (a, b, how))| {
                let (a, b) = (a % (v.len() + 1), b % (v.len() + 1));
                let part = if a < b { &v[a..b] } else { &v };
                match how % 8 {
                    0 => part.bytes().map(|b| format!("%{b:02X}")).collect(),
                    1 => part.bytes().map(|b| format!("{b:02x}:")).collect(),
                    2 => part.bytes().map(|b| format!("{}\n", char::from(b))).collect(),
                    3 => part.bytes().map(|b| format!(" 7\t{}\n", char::from(b))).collect(),
                    4 => part.bytes().map(|b| format!("x {}\n", char::from(b))).collect(),
                    5 => part.bytes().map(|b| format!("\\\\u{b:04x}")).collect(),
                    _ => part.to_string(),
                }
            },
        );
        let text = proptest::collection::vec(prop_oneof![noise.prop_map(|s| s), part], 0..12);
        (Just(values), text.prop_map(|p| p.concat().into_bytes()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_chunking_masks_as_the_whole(
            (values, text) in values().prop_flat_map(text),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let masker = masker(&values);
            let whole = through(&masker, &[&text]);
            let count = masker.masked();
            prop_assert_eq!(&through(&masker, &cut(&text, &cuts)), &whole, "{:?}", String::from_utf8_lossy(&text));
            prop_assert_eq!(masker.masked(), 2 * count);
            let single: Vec<&[u8]> = text.chunks(1).collect();
            prop_assert_eq!(&through(&masker, &single), &whole, "{:?}", String::from_utf8_lossy(&text));
        }

        #[test]
        fn no_value_survives_silence(
            (values, text) in values().prop_flat_map(text),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            let names: Vec<&str> = values.iter().map(String::as_str).collect();
            let masker = masker(&names);
            let mut stream = masker.stream();
            let mut out = Vec::new();
            for (i, chunk) in cut(&text, &cuts).into_iter().enumerate() {
                stream.push(chunk, &mut out);
                if i % 2 == 0 {
                    stream.flush_after_silence(&mut out);
                }
            }
            stream.finish(&mut out);
            let out = String::from_utf8_lossy(&out);
            for value in values.iter().map(|v| v.trim()).filter(|v| v.len() >= 8) {
                prop_assert!(!out.contains(value), "{:?} in {:?}", value, out);
            }
        }
    }
}
