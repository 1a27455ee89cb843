//! A file that was read as far as it can be read: what it says, and what is to be said of it.

use std::borrow::Cow;
use std::path::Path;

use super::diagnostic::{Collector, Diagnostics};
use super::reader::Reader;
use super::yaml::{self, Node};
use crate::lint::{Allowances, Levels, Rules};

/// A workflow or an action that was read.
pub struct Examined<'s, T> {
    /// The content; only the beginning of what is too large or no text.
    pub text: Cow<'s, str>,
    /// What it says. Where there are errors among what was found, parts may be missing.
    pub value: Option<T>,
    /// What was found. Without a value there is at least one error.
    pub found: Collector,
}

impl<'s, T> Examined<'s, T> {
    /// Reads a file's content. All that is wrong is reported at once, as far as it can be told.
    pub fn read(source: &'s [u8], read: impl FnOnce(&mut Reader, &Node) -> Option<T>) -> Self {
        let mut found = Collector::default();
        let Some(text) = yaml::text(source, &mut found) else {
            // Places are before the first byte that isn't text, so they fit the replacement.
            let shown = source.get(..yaml::MAX_BYTES).unwrap_or(source);
            return Examined { text: String::from_utf8_lossy(shown), value: None, found };
        };
        let root = yaml::load(text, &mut found);
        let mut reader = Reader::new(text, found);
        let value = root.and_then(|root| read(&mut reader, &root));
        Examined { text: Cow::Borrowed(text), value, found: reader.found }
    }

    /// What it says, with the warnings that no comment allows; or else what is wrong with it by these rules.
    pub fn finish(mut self, path: &Path, rules: Rules) -> Result<(T, Diagnostics), Diagnostics> {
        Allowances::of(&self.text).apply(&mut self.found);
        self.found.decide(|lint, _| Levels::default().of(lint, rules));
        let has_errors = self.found.has_errors();
        let diagnostics = self.found.finish(path, &self.text);
        match self.value {
            Some(value) if !has_errors => Ok((value, diagnostics)),
            _ => Err(diagnostics),
        }
    }
}
