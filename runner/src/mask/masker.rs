//! What must not be seen, shared by all streams of a run.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::automaton::Automaton;
use super::forms::{self, Floor, Form, Refused};
use super::stream::MaskStream;
use super::{MASK, Secret};

/// What all forms together may cost.
const MAX: Cost = Cost { forms: 8192, bytes: 1024 * 1024 };
/// What those may cost that steps register. A hostile step could do it without end; each costs a new search,
/// and they must leave room for what palisade itself learns later.
const MAX_OF_STEPS: Cost = Cost { forms: 1024, bytes: 256 * 1024 };

#[derive(Clone, Copy, Default)]
struct Cost {
    forms: usize,
    bytes: usize,
}

impl Cost {
    fn with(self, form: &Form) -> Cost {
        Cost { forms: self.forms + 1, bytes: self.bytes + form.bytes.len() }
    }

    fn exceeds(self, max: Cost) -> bool {
        self.forms > max.forms || self.bytes > max.bytes
    }
}

/// The registered secrets of a run. Cheap to clone; all clones are the same masker.
#[derive(Clone, Default)]
pub struct Masker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Grows with every added form: streams compare it to what they know, without the lock.
    generation: AtomicU64,
    masked: AtomicU64,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    /// Ordered by bytes, each once.
    forms: Vec<Form>,
    all: Cost,
    of_steps: Cost,
    /// The search for `forms`, unless some were added since.
    built: Option<Search>,
}

/// What streams look for; `None` where nothing is registered.
pub(super) type Search = Option<Arc<Automaton>>;

impl Masker {
    /// A masker that masks nothing yet.
    pub fn new() -> Self {
        Masker::default()
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
        let forms = forms::of(value).map_err(refused)?;
        let mut registry = self.registry();
        let mut grown = false;
        let mut full = false;
        for form in forms {
            match registry.insert(form, source) {
                Insert::New => grown = true,
                Insert::Known => {}
                Insert::Full => full = true,
            }
        }
        if grown {
            self.0.generation.fetch_add(1, Ordering::Release);
        }
        if full { Err(refused(Floor::Full)) } else { Ok(()) }
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
        let (_, Some(search)) = self.search() else { return (Cow::Borrowed(text), 0) };
        let mut out = Vec::new();
        let places = super::stream::mask_whole(search, text.as_bytes(), &mut out);
        if places == 0 {
            return (Cow::Borrowed(text), 0);
        }
        // Only a form that isn't UTF-8 itself can cut a character.
        let text =
            String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        (Cow::Owned(text), places)
    }

    /// Whether a text holds anything that would be masked.
    pub fn would_mask(&self, text: &str) -> bool {
        self.mask_uncounted(text).1 > 0
    }

    /// How many places were masked so far, in all streams.
    pub fn masked(&self) -> u64 {
        self.0.masked.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, places: u64) {
        if places > 0 {
            self.0.masked.fetch_add(places, Ordering::Relaxed);
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// The search for all that is registered, built by the first who asks, and its generation.
    pub(super) fn search(&self) -> (u64, Search) {
        let mut registry = self.registry();
        let generation = self.generation();
        let Registry { forms, built, .. } = &mut *registry;
        let search = built.get_or_insert_with(|| Automaton::new(forms).map(Arc::new));
        (generation, search.clone())
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // A panic elsewhere leaves the registry whole: forms are only ever added.
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn insert(&mut self, form: Form, source: Source) -> Insert {
        match self.forms.binary_search_by(|f| f.bytes.as_slice().cmp(&form.bytes)) {
            Ok(known) if self.forms[known].place <= form.place => return Insert::Known,
            Ok(known) => self.forms[known].place = form.place,
            Err(at) => {
                let all = self.all.with(&form);
                let of_steps = match source {
                    Source::Trusted => self.of_steps,
                    Source::Step => self.of_steps.with(&form),
                };
                if all.exceeds(MAX) || of_steps.exceeds(MAX_OF_STEPS) {
                    return Insert::Full;
                }
                (self.all, self.of_steps) = (all, of_steps);
                self.forms.insert(at, form);
            }
        }
        self.built = None;
        Insert::New
    }
}

/// Who registers a value.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    Trusted,
    Step,
}

enum Insert {
    /// Streams have to learn it.
    New,
    Known,
    Full,
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
        assert!(masker.would_mask("xhunter2hunter2x"));
        assert_eq!(masker.masked(), 2);
    }

    #[test]
    fn refuses_by_name_and_never_grows_without_bound() {
        let masker = Masker::new();
        let refused = masker.add("PORT", &Secret::new("80".into())).unwrap_err();
        assert_eq!((refused.name.as_str(), refused.why), ("PORT", Floor::Short));
        let mut refusals = 0;
        for i in 0..30 {
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
