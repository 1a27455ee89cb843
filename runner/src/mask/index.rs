//! All that is looked for: the registered values, the forms of each, and where in text to look for them.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::encoding::{ABSENT, Encoding};
use super::floor::Place;
use super::search::filter::Filter;
use super::seeds::{Seed, Seeds};

/// Bytes in a row that begin a comparison.
pub const WINDOW: usize = 8;
/// The same for what is too short for so many.
pub const SHORT_WINDOW: usize = 5;
/// One window of so many is looked up.
pub const STEP: usize = 4;
/// So many symbols of an encoding hold the windows of a step also where a filter drops some.
const SAFE_SPAN: usize = 16;
/// Bytes of a whole word that begin a comparison.
pub const WORD_WINDOW: usize = 4;
/// Bytes that tell most text from the beginnings of all values.
const BEGIN_WINDOW: usize = 4;
/// Longest value that counts as a whole word only, in bytes: seven characters.
pub const MAX_WORD: usize = 28;
/// A part of a value shorter than this many characters is never masked by itself.
const MIN_PART: usize = 12;

/// One value in one spelling, seen through one filter.
pub struct Form {
    value: u32,
    encoding: Encoding,
    filter: Filter,
    /// Symbols of the spelling.
    pub len: usize,
    /// So many in a row are masked.
    pub least: usize,
    folds: bool,
}

/// The set of forms. It only grows.
#[derive(Default)]
pub struct Index {
    values: Vec<Value>,
    forms: Vec<Form>,
    seeds: [Seeds<WINDOW, STEP>; Filter::COUNT],
    short_seeds: [Seeds<SHORT_WINDOW, STEP>; Filter::COUNT],
    /// Longest [`Form::least`] by filter.
    longest: [usize; Filter::COUNT],
    longest_escaped: usize,
    words: Vec<Value>,
    word_seeds: Seeds<WORD_WINDOW, 1>,
    /// The first bytes of each value.
    begins: BTreeSet<[u8; WINDOW]>,
    /// The first few of them: most text is told from all values by these.
    begin_seeds: Seeds<BEGIN_WINDOW, 1>,
    /// The values and words by a keyed hash, so that none is added twice.
    known: HashMap<u64, Known>,
    hash: RandomState,
}

struct Value {
    bytes: Zeroizing<Vec<u8>>,
    /// What it is called, or the value is that it is part of.
    name: Arc<str>,
}

#[derive(Clone, Copy)]
enum Known {
    Value(u32),
    Word(u32),
}

/// Whether a value is looked for in encodings too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Spellings {
    /// In all.
    All,
    /// As it is: it is itself a variant of another value.
    Plain,
}

impl Index {
    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.words.is_empty()
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// An index of those values alone that were added after the first `count`, apart from whole words.
    pub fn since(&self, count: usize) -> Index {
        let mut new = Index::default();
        for Value { bytes, name } in self.values.iter().skip(count) {
            new.add(name, bytes, Place::Anywhere, Spellings::All);
        }
        new
    }

    /// Whether a value was added.
    pub fn holds(&self, value: &[u8]) -> bool {
        match self.known.get(&self.hash.hash_one(value)) {
            Some(Known::Value(i)) => *self.values[*i as usize].bytes == value,
            Some(Known::Word(i)) => *self.words[*i as usize].bytes == value,
            None => false,
        }
    }

    /// Adds a value that stands for itself at `place`; at least 4 bytes, 8 where it counts anywhere.
    pub fn add(&mut self, name: &Arc<str>, value: &[u8], place: Place, spellings: Spellings) {
        let owned = Zeroizing::new(value.to_vec());
        if place == Place::WholeWord {
            if let (Some(window), Ok(form)) = (value.first_chunk(), u32::try_from(self.words.len())) {
                self.known.insert(self.hash.hash_one(value), Known::Word(form));
                self.word_seeds.add(window, Seed { form, at: 0 });
                self.words.push(Value { bytes: owned, name: name.clone() });
            }
            return;
        }
        let Ok(index) = u32::try_from(self.values.len()) else { return };
        self.known.insert(self.hash.hash_one(value), Known::Value(index));
        self.begins.extend(value.first_chunk());
        if let Some(window) = value.first_chunk() {
            self.begin_seeds.add(window, Seed { form: index, at: 0 });
        }
        self.add_plain(index, &owned, Encoding::Plain);
        if spellings == Spellings::All {
            self.add_plain(index, &owned, Encoding::Reversed);
            if owned.iter().any(u8::is_ascii_alphabetic) {
                self.add_plain(index, &owned, Encoding::Rot13);
            }
            let alphabets = inner_alphabets_differ(&owned);
            for encoding in Encoding::all() {
                if alphabets || !encoding.is_url_safe_inside() {
                    self.add_form(index, &owned, encoding, Filter::Letters, Cover::AsFarAsItGoes);
                }
            }
        }
        self.values.push(Value { bytes: owned, name: name.clone() });
    }

    /// A spelling with the value's own characters: through the filter that drops most of those that keep enough.
    fn add_plain(&mut self, index: u32, value: &[u8], encoding: Encoding) {
        let _ = Filter::ALL
            .into_iter()
            .filter(|f| f.suits(value))
            .find(|filter| self.add_form(index, value, encoding, *filter, Cover::Whole));
    }

    /// Adds a form so that every [`Form::least`] symbols of it in a row hold a step of seeds. Gives whether they do.
    fn add_form(
        &mut self,
        index: u32,
        value: &[u8],
        encoding: Encoding,
        filter: Filter,
        cover: Cover,
    ) -> bool {
        let len = encoding.len(value.len());
        let least = encoding.least(least_part(value)).min(len);
        let folds = encoding.folds() || encoding == Encoding::Plain && is_hex(value);
        let form = Form { value: index, encoding, filter, len, least, folds };
        let Ok(id) = u32::try_from(self.forms.len()) else { return false };
        let (seeds, short) = (&self.seeds[filter as usize], &self.short_seeds[filter as usize]);
        let long = cover == Cover::Whole || least >= SAFE_SPAN;
        if let Some(chosen) = long.then(|| form.choose(value, cover, seeds)).flatten() {
            add(&mut self.seeds[filter as usize], id, chosen);
        } else if let Some(chosen) = form.choose(value, cover, short) {
            add(&mut self.short_seeds[filter as usize], id, chosen);
        } else {
            return false;
        }
        self.longest[filter as usize] = self.longest[filter as usize].max(least);
        if encoding.is_text() {
            self.longest_escaped = self.longest_escaped.max(least);
        }
        self.forms.push(form);
        true
    }

    /// The seeds of a filter.
    pub fn seeds(&self, filter: Filter) -> &Seeds<WINDOW, STEP> {
        &self.seeds[filter as usize]
    }

    /// The seeds of those of its forms that are too short for the others.
    pub fn short_seeds(&self, filter: Filter) -> &Seeds<SHORT_WINDOW, STEP> {
        &self.short_seeds[filter as usize]
    }

    /// The most symbols in a row that go by before one of this filter's forms is sure to be masked.
    pub fn longest(&self, filter: Filter) -> usize {
        self.longest[filter as usize]
    }

    /// As [`Index::longest_of_all`], of those spellings that are often written with escapes.
    pub fn longest_escaped(&self) -> usize {
        self.longest_escaped
    }

    /// As [`Index::longest`], of all filters.
    pub fn longest_of_all(&self) -> usize {
        self.longest.into_iter().max().unwrap_or(0)
    }

    /// A form by its number, with its symbols.
    pub fn form(&self, id: u32) -> Spelled<'_> {
        let form = &self.forms[id as usize];
        let value = &self.values[form.value as usize];
        Spelled { form, value: &value.bytes, name: &value.name }
    }

    /// All forms seen through a filter.
    pub fn forms(&self, filter: Filter) -> impl Iterator<Item = (u32, Spelled<'_>)> {
        (0..).zip(&self.forms).filter(move |(_, f)| f.filter == filter).map(|(id, _)| (id, self.form(id)))
    }

    /// The seeds of whole words; each seed's form is a number for [`Index::word`].
    pub fn word_seeds(&self) -> &Seeds<WORD_WINDOW, 1> {
        &self.word_seeds
    }

    /// A value that counts as a whole word only.
    pub fn word(&self, id: u32) -> (&[u8], &Arc<str>) {
        let Value { bytes, name } = &self.words[id as usize];
        (bytes, name)
    }

    /// Whether text begins as a value does, by the first [`WINDOW`] bytes; `None` if more bytes have to tell.
    pub fn begins(&self, text: &[u8]) -> Option<bool> {
        if text.first_chunk().is_some_and(|window| !self.begin_seeds.may_hold(window)) {
            return Some(false);
        }
        let text = &text[..text.len().min(WINDOW)];
        let mut least = [0; WINDOW];
        least[..text.len()].copy_from_slice(text);
        match self.begins.range(least..).next().is_some_and(|value| value.starts_with(text)) {
            true if text.len() < WINDOW => None,
            begins => Some(begins),
        }
    }

    /// Whether text ends with the beginning of a value, but not with the whole of it.
    pub fn ends_with_beginning(&self, text: &[u8]) -> usize {
        let begun = |Value { bytes, .. }: &Value| {
            let most = (bytes.len() - 1).min(WINDOW).min(text.len());
            (1..=most).rev().find(|n| text.ends_with(&bytes[..*n])).unwrap_or(0)
        };
        self.values.iter().chain(&self.words).map(begun).max().unwrap_or(0)
    }
}

/// Windows of a form, and the symbol that each begins with.
type Chosen<const WIDTH: usize> = Vec<([u8; WIDTH], u32)>;

impl Form {
    /// The windows to look for: those of a step in each part that is masked by itself.
    fn choose<const WIDTH: usize>(
        &self,
        value: &[u8],
        cover: Cover,
        taken: &Seeds<WIDTH, STEP>,
    ) -> Option<Chosen<WIDTH>> {
        // Text of symbols that the filter drops, as base64 of 0xFF bytes is, has no windows; it isn't searched for long.
        const MAX_MISSES: usize = 64;
        let mut chosen: Chosen<WIDTH> = Vec::new();
        let (mut from, mut misses, mut next) = (0, 0, 0);
        while from + self.least <= self.len {
            match self.rarest(value, from..from + self.least, taken) {
                Some(step) => {
                    from = step[0].1 + 1;
                    // Steps may overlap.
                    let end = step[STEP - 1].1 + 1;
                    for (window, at) in step.into_iter().filter(|(_, at)| *at >= next) {
                        chosen.push((window, u32::try_from(at).ok()?));
                    }
                    next = end;
                }
                None if cover == Cover::Whole => return None,
                None if misses == MAX_MISSES => break,
                None => (from, misses) = (from + 1, misses + 1),
            }
        }
        (!chosen.is_empty()).then_some(chosen)
    }

    /// The windows of a step within some symbols, as far right as can be; others where other forms have them too.
    fn rarest<const WIDTH: usize>(
        &self,
        value: &[u8],
        within: Range<usize>,
        taken: &Seeds<WIDTH, STEP>,
    ) -> Option<[([u8; WIDTH], usize); STEP]> {
        // Rarer ones are worth some more seeds, but not many.
        const MOST: usize = 3 * WINDOW;
        let span = WIDTH + STEP - 1;
        // From the end on, as they come.
        let (mut kept, mut at) = ([0; MOST], [0; MOST]);
        let mut free = MOST;
        let mut first = None;
        for i in within.rev() {
            let symbol = self.encoding.symbol(value, i);
            if symbol == ABSENT || !self.filter.keeps(symbol) {
                continue;
            }
            free -= 1;
            (kept[free], at[free]) = (symbol, i);
            if MOST - free >= span {
                let (kept, at) = (&kept[free..], &at[free..]);
                let step = std::array::from_fn(|k| (std::array::from_fn(|j| kept[k + j]), at[k]));
                if !step.iter().any(|(window, _)| taken.may_hold(window)) {
                    return Some(step);
                }
                first.get_or_insert(step);
            }
            if free == 0 {
                break;
            }
        }
        first
    }
}

fn add<const WIDTH: usize>(seeds: &mut Seeds<WIDTH, STEP>, form: u32, chosen: Chosen<WIDTH>) {
    for (window, at) in chosen {
        seeds.add(&window, Seed { form, at });
    }
}

/// Whether a form may have parts that no seed finds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cover {
    Whole,
    AsFarAsItGoes,
}

/// A form beside its value.
#[derive(Clone, Copy)]
pub struct Spelled<'a> {
    /// The form.
    pub form: &'a Form,
    value: &'a [u8],
    /// What the value is called.
    pub name: &'a Arc<str>,
}

impl<'a> Spelled<'a> {
    /// Symbol `i`, or `None` where the filter drops it or there is none.
    pub fn symbol(self, i: usize) -> Option<u8> {
        let symbol = self.form.encoding.symbol(self.value, i);
        (symbol != ABSENT && self.form.filter.keeps(symbol)).then_some(symbol)
    }

    /// Whether a byte of text shows a symbol.
    pub fn shows(self, byte: u8, symbol: u8) -> bool {
        byte == symbol || self.form.folds && byte.eq_ignore_ascii_case(&symbol)
    }

    /// How much of the text before a row of symbols shows more of them, which the filter drops, or shares bits with
    /// the value's first.
    pub fn margin_before(self, symbols: Range<usize>, text: &[u8]) -> usize {
        let dropped = symbols.clone().take_while(|i| self.symbol(*i).is_none()).count();
        let dropped = (symbols.start..symbols.start + dropped).map(|i| self.any(i));
        let shown =
            dropped.rev().zip(text.iter().rev()).take_while(|(symbol, byte)| same(*symbol, **byte)).count();
        let (before, _) = self.form.encoding.edges(self.value.len());
        if symbols.start > 0 || shown > 0 {
            shown
        } else {
            text.iter().rev().take(before).take_while(is_symbol).count()
        }
    }

    /// As [`Spelled::margin_before`], of the text behind the row; padding belongs to it.
    pub fn margin_after(self, symbols: Range<usize>, text: &[u8]) -> usize {
        const MAX_PADDING: usize = 6;
        let dropped = symbols.clone().rev().take_while(|i| self.symbol(*i).is_none()).count();
        let dropped = (symbols.end - dropped..symbols.end).map(|i| self.any(i));
        let mut shown = dropped.zip(text).take_while(|(symbol, byte)| same(*symbol, **byte)).count();
        let (_, after) = self.form.encoding.edges(self.value.len());
        if symbols.end == self.form.len && after > 0 {
            shown += text[shown..].iter().take(after).take_while(is_symbol).count();
            shown += text[shown..].iter().take(MAX_PADDING).take_while(|b| **b == b'=').count();
        }
        shown
    }

    /// Symbol `i`, whether or not the filter drops it.
    fn any(self, i: usize) -> u8 {
        self.form.encoding.symbol(self.value, i)
    }
}

/// Whether text shows a symbol that a filter drops; both alphabets of base64 have it.
fn same(symbol: u8, byte: u8) -> bool {
    symbol == byte || matches!((symbol, byte), (b'+', b'-') | (b'/', b'_'))
}

/// Whether a byte is a symbol of base64 or base32.
fn is_symbol(byte: &&u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// How long a part of a value is masked by itself, in bytes: half of it, of at least 12 characters; of very long
/// values less than half.
fn least_part(value: &[u8]) -> usize {
    // Bytes that continue a UTF-8 sequence are no characters of their own.
    let characters = value.iter().filter(|b| (**b & 0xC0) != 0x80).count();
    let most = (characters / 32).max(64);
    let part = characters.div_ceil(2).min(most).max(MIN_PART);
    if part < characters { part } else { value.len() }
}

fn is_hex(value: &[u8]) -> bool {
    value.iter().all(|b| b.is_ascii_hexdigit())
}

/// Whether base64 of a value differs between the two alphabets, at any alignment.
fn inner_alphabets_differ(value: &[u8]) -> bool {
    (0..3).map(Encoding::Base64).any(|encoding| {
        (0..encoding.len(value.len())).any(|i| matches!(encoding.symbol(value, i), b'+' | b'/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_half_of_a_value_and_twelve_characters() {
        assert_eq!(least_part("\u{e9}".repeat(40).as_bytes()), 20);
        assert_eq!(least_part("\u{e9}".repeat(10).as_bytes()), 20);
        for (len, part) in [(8, 8), (12, 12), (13, 12), (24, 12), (41, 21), (300, 64), (48 * 1024, 1536)] {
            assert_eq!(least_part(&vec![b'a'; len]), part, "{len}");
        }
    }

    #[test]
    fn every_part_of_every_form_holds_a_seed() {
        for value in
            ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz", "P@$$w0rd!#%^&*()_+", "correct horse", "hunter22"]
        {
            let mut index = Index::default();
            index.add(&"test".into(), value.as_bytes(), Place::Anywhere, Spellings::All);
            for filter in Filter::ALL {
                for (id, spelled) in index.forms(filter) {
                    let symbols: Vec<Option<u8>> = (0..spelled.form.len).map(|i| spelled.symbol(i)).collect();
                    for part in symbols.windows(spelled.form.least) {
                        let text: Vec<u8> = part.iter().copied().flatten().collect();
                        for from in 0..STEP {
                            let mut found = false;
                            let mut note = |_, seed: Seed| found |= seed.form == id;
                            index.seeds(filter).scan(&text, from, &mut note);
                            index.short_seeds(filter).scan(&text, from, &mut note);
                            assert!(
                                found,
                                "{value} {:?} {:?} from {from}",
                                spelled.form.encoding,
                                String::from_utf8_lossy(&text)
                            );
                        }
                    }
                }
            }
        }
    }
}
