//! What must not be seen, shared by all streams of a run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::detect::{Detector, Policy};
use super::floor::{self, Floor, Place, Refused};
use super::history::{History, Late};
use super::index::{Index, Spellings};
use super::search::Goes;
use super::stream::{MaskStream, Searched, Wanted};
use super::unregistered::Catch;
use super::{MASK, Secret, parts, variants};

/// What all values together may cost.
const MAX: Cost = Cost { values: 8192, bytes: 64 * 1024 * 1024 };
/// What those may cost that steps register. A hostile step could do it without end, and they must leave room for
/// what palisade itself learns later.
const MAX_OF_STEPS: Cost = Cost { values: 4096, bytes: 4 * 1024 * 1024 };

#[derive(Clone, Copy, Default)]
struct Cost {
    values: usize,
    bytes: usize,
}

impl Cost {
    fn with(self, value: &[u8]) -> Cost {
        Cost { values: self.values + 1, bytes: self.bytes + value.len() }
    }

    fn exceeds(self, max: Cost) -> bool {
        self.values > max.values || self.bytes > max.bytes
    }
}

/// The registered secrets of a run. Cheap to clone; all clones are the same masker.
#[derive(Clone, Default)]
pub struct Masker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    detector: Option<Detector>,
    /// How often each kind of credential was found that nobody registered.
    caught: Mutex<BTreeMap<&'static str, u64>>,
    history: Mutex<History>,
    late: Mutex<Told>,
    /// Grows with every added value: streams compare it to what they know.
    generation: AtomicU64,
    masked: AtomicU64,
    registry: RwLock<Registry>,
}

#[derive(Default)]
struct Told {
    all: Vec<Late>,
    /// How many of them were told.
    told: usize,
}

#[derive(Default)]
struct Registry {
    index: Index,
    all: Cost,
    of_steps: Cost,
}

impl Masker {
    /// A masker that masks nothing yet.
    pub fn new() -> Self {
        Masker::default()
    }

    /// One that masks credentials too that nobody registered.
    pub fn detecting(policy: Policy) -> Self {
        Masker(Arc::new(Shared { detector: Some(Detector::new(policy)), ..Shared::default() }))
    }

    /// Registers a value: from the next byte on it is masked in every stream of the run.
    ///
    /// `name` is what a refusal calls it; show the refusal as a warning.
    pub fn add(&self, name: &str, secret: &Secret) -> Result<(), Refused> {
        self.add_bytes(name, secret.expose().as_bytes())
    }

    /// As [`Masker::add`], for a value that needn't be text.
    pub fn add_bytes(&self, name: &str, value: &[u8]) -> Result<(), Refused> {
        self.register(name, value, Source::Trusted)
    }

    /// As [`Masker::add_bytes`], for a value that a step registers: there can't be too many of them.
    pub fn add_from_step(&self, name: &str, value: &[u8]) -> Result<(), Refused> {
        self.register(name, value, Source::Step)
    }

    fn register(&self, name: &str, value: &[u8], source: Source) -> Result<(), Refused> {
        let refused = |why| Refused { name: name.to_string(), why };
        let value = value.trim_ascii();
        let place = floor::place(value).map_err(refused)?;
        // Found before the lock is taken: the streams wait for it.
        let parts = parts::of(value);
        let variants = variants::of(value);
        let mut registry = self.0.registry.write().unwrap_or_else(PoisonError::into_inner);
        let name = &Arc::from(name);
        let mut added = registry.add(name, value, place, Spellings::All, source);
        for part in parts {
            if let Ok(place) = floor::place(&part) {
                added = added.and(registry.add(name, &part, place, Spellings::All, source));
            }
        }
        for variant in variants {
            added = added.and(registry.add(name, &variant, place, Spellings::Plain, source));
        }
        self.0.generation.fetch_add(1, Ordering::Release);
        added.map_err(refused)
    }

    /// A stream of bytes to be masked; one for each source of bytes, e.g. each step.
    pub fn stream(&self) -> MaskStream {
        MaskStream::new(self.clone())
    }

    /// Masks a text that stands alone, and counts what it masked.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let (masked, places) = self.mask_uncounted(text);
        self.count(places);
        masked
    }

    /// Masks a text that stands alone; gives how many places it masked.
    pub(crate) fn mask_uncounted<'a>(&self, text: &'a str) -> (Cow<'a, str>, u64) {
        let (mut out, mut caught) = (Vec::new(), Vec::new());
        let mut generation = self.generation();
        let bytes = text.as_bytes();
        let places =
            Searched::default().mask(self, &mut generation, bytes, Goes::Ended, &mut caught, &mut out);
        if places == 0 {
            return (Cow::Borrowed(text), 0);
        }
        // Only a form that isn't UTF-8 itself can cut a character.
        let text =
            String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        (Cow::Owned(text), places)
    }

    /// What a registered value is called that stands in a text as a whole, in any form. A part of one doesn't
    /// count, nor what only looks like a credential: withholding a text for that would break honest jobs.
    pub fn whole_secret(&self, text: &str) -> Option<Arc<str>> {
        self.with_wanted(|wanted, _| {
            let mut searched = Searched::default();
            let wanted = Wanted { detector: None, ..wanted };
            searched.take_in(wanted, text.as_bytes(), Goes::Ended, &mut Catch::default());
            searched.whole().first().map(|(name, _)| name.clone())
        })
    }

    /// How many places were masked so far, in all streams.
    pub fn masked(&self) -> u64 {
        self.0.masked.load(Ordering::Relaxed)
    }

    /// How many credentials of each kind were masked that nobody had registered, by rule.
    pub fn caught(&self) -> BTreeMap<&'static str, u64> {
        self.0.caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks for what was shown before it was registered.
    pub fn look_back(&self) {
        self.remember(&[], true);
    }

    /// What was found to be shown before it was registered, as far as it wasn't told yet.
    pub fn untold(&self) -> Vec<Late> {
        let mut late = self.0.late.lock().unwrap_or_else(PoisonError::into_inner);
        let told = late.told;
        late.told = late.all.len();
        late.all[told..].to_vec()
    }

    /// All that was found to be shown before it was registered.
    pub fn late(&self) -> Vec<Late> {
        self.0.late.lock().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    /// Keeps what was shown for a while, and looks in it for values that were registered since.
    pub(super) fn remember(&self, shown: &[u8], now: bool) {
        let mut history = self.0.history.lock().unwrap_or_else(PoisonError::into_inner);
        let late = self.with_wanted(|wanted, _| {
            history.skip(wanted.index);
            history.add(shown, wanted.index);
            history.look_back(wanted.index, now)
        });
        if !late.is_empty() {
            self.0.late.lock().unwrap_or_else(PoisonError::into_inner).all.extend(late);
        }
    }

    /// Counts what was found, and masks it from now on wherever it stands.
    pub(super) fn take_note(&self, catch: Catch) {
        for (rule, value) in catch.values {
            // Too short for a mask it stays where it is: masked where it was found.
            let _ = self.add_from_step(rule.id, &value);
        }
        if !catch.caught.is_empty() {
            let mut counts = self.0.caught.lock().unwrap_or_else(PoisonError::into_inner);
            catch.caught.iter().for_each(|c| *counts.entry(c.rule.id).or_default() += 1);
        }
    }

    pub(super) fn count(&self, places: u64) {
        if places > 0 {
            self.0.masked.fetch_add(places, Ordering::Relaxed);
        }
    }

    /// How often a value was added.
    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Works with all that is looked for, and its generation. Registering waits until it is done.
    pub(super) fn with_wanted<T>(&self, work: impl FnOnce(Wanted<'_>, u64) -> T) -> T {
        // A panic elsewhere leaves the registry whole: values are only ever added.
        let registry = self.0.registry.read().unwrap_or_else(PoisonError::into_inner);
        work(Wanted { index: &registry.index, detector: self.0.detector.as_ref() }, self.generation())
    }
}

impl Registry {
    fn add(
        &mut self,
        name: &Arc<str>,
        value: &[u8],
        place: Place,
        spellings: Spellings,
        source: Source,
    ) -> Result<(), Floor> {
        if self.index.holds(value) {
            return Ok(());
        }
        let all = self.all.with(value);
        let of_steps = match source {
            Source::Trusted => self.of_steps,
            Source::Step => self.of_steps.with(value),
        };
        if all.exceeds(MAX) || of_steps.exceeds(MAX_OF_STEPS) {
            return Err(Floor::Full);
        }
        (self.all, self.of_steps) = (all, of_steps);
        self.index.add(name, value, place, spellings);
        Ok(())
    }
}

/// Who registers a value.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    Trusted,
    Step,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masker({MASK})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_counts_texts() {
        let masker = Masker::new();
        assert_eq!(masker.mask("my hunter2hunter2"), "my hunter2hunter2");
        masker.add("PASSWORD", &Secret::new("hunter2hunter2".into())).unwrap();
        assert_eq!(masker.mask("my hunter2hunter2, again hunter2hunter2."), "my ***, again ***.");
        assert!(matches!(masker.mask("clean"), Cow::Borrowed("clean")));
        assert_eq!(masker.masked(), 2);
        assert_eq!(masker.whole_secret("xhunter2hunter2x").as_deref(), Some("PASSWORD"));
        assert_eq!(masker.whole_secret("aHVudGVyMmh1bnRlcjI=").as_deref(), Some("PASSWORD"));
        assert_eq!(masker.whole_secret("unter2hunter2"), None);
        assert_eq!(masker.masked(), 2);
    }

    #[test]
    fn refuses_by_name_and_never_grows_without_bound() {
        let masker = Masker::new();
        let refused = masker.add("PORT", &Secret::new("80".into())).unwrap_err();
        assert_eq!((refused.name.as_str(), refused.why), ("PORT", Floor::Short));
        let mut refusals = 0;
        for i in 0..1_500 {
            let value = format!("{i:02}{}", "x".repeat(48_000));
            refusals += u32::from(masker.add("FLOOD", &Secret::new(value)).is_err());
        }
        assert!(refusals > 0);
    }

    #[test]
    fn steps_leave_room_for_what_is_learnt_later() {
        let masker = Masker::new();
        let flooded = (0..100).any(|i| masker.add_from_step("x", format!("{i:048000}").as_bytes()).is_err());
        assert!(flooded);
        masker.add("TOKEN", &Secret::new("minted-later".into())).unwrap();
        assert_eq!(masker.mask("minted-later"), "***");
    }

    #[test]
    fn a_line_of_a_value_that_is_also_a_value_counts_by_the_stricter_of_both() {
        let masker = Masker::new();
        masker.add_bytes("A", b"hunter").unwrap();
        masker.add_bytes("B", b"hunter2hunter2\nhunter").unwrap();
        assert_eq!(masker.mask("hunters hunter"), "hunters ***");
    }
}
