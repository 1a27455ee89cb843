//! What was shown before it was known to be secret: it can't be taken back, but it must be told.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::index::Index;
use super::search::Goes;
use super::stream::{Searched, Wanted};
use super::unregistered::Catch;

/// So much of what was shown is kept, in bytes.
const KEPT: usize = 512 * 1024;
/// New values are looked for once so much more was shown, so that a flood of them costs no flood of searches.
const PATIENCE: usize = 32 * 1024;

/// A value that was shown before it was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Late {
    /// What the value is called.
    pub name: Arc<str>,
    /// How many lines were shown after it.
    pub lines: u64,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Late { name, lines } = self;
        let lines = match lines {
            0 => "in the line".to_string(),
            1 => "1 line".to_string(),
            many => format!("{many} lines"),
        };
        write!(
            f,
            "`{name}` was shown {lines} before it was known to be secret, and can't be taken back: revoke it"
        )
    }
}

/// The end of what all streams showed, as it was shown.
#[derive(Default)]
pub struct History {
    shown: Vec<u8>,
    /// How much came since new values were looked for.
    fresh: usize,
    /// How many values are looked for in what is shown.
    known: usize,
    /// How much was shown when the first of the others came.
    mark: Option<usize>,
}

impl History {
    /// Takes what was shown before the values of `index` were all known.
    pub fn add(&mut self, shown: &[u8], index: &Index) {
        if self.known != index.count() {
            self.mark.get_or_insert(self.shown.len());
        }
        self.fresh += shown.len();
        if self.shown.len() + shown.len() > 2 * KEPT {
            let kept = self.shown.len().saturating_sub(KEPT);
            self.shown.drain(..kept);
            self.mark = self.mark.map(|mark| mark.saturating_sub(kept));
        }
        self.shown.extend_from_slice(&shown[shown.len().saturating_sub(KEPT)..]);
    }

    /// Looks for values that were registered since the last time; `now` rather than when it is worth it.
    pub fn look_back(&mut self, index: &Index, now: bool) -> Vec<Late> {
        let count = index.count();
        if self.known == count || !now && self.fresh < PATIENCE {
            return Vec::new();
        }
        let new = index.since(std::mem::replace(&mut self.known, count));
        self.fresh = 0;
        let mut searched = Searched::default();
        let wanted = Wanted { index: &new, detector: None };
        searched.take_in(wanted, &self.shown, Goes::Ended, &mut Catch::default());
        let mark = self.mark.take().unwrap_or(self.shown.len());
        let lines = |at: usize| memchr::memchr_iter(b'\n', &self.shown[at..mark]).count() as u64;
        let late = searched.whole().iter().filter(|(_, at)| *at < mark);
        late.map(|(name, at)| Late { name: name.clone(), lines: lines(*at) }).collect()
    }

    /// Counts a value as known that nothing shown before could hold.
    pub fn skip(&mut self, index: &Index) {
        if self.shown.is_empty() {
            self.known = index.count();
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.shown);
    }
}
