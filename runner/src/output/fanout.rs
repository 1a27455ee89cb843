//! Hands every event, masked, to every sink.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::mask::Masker;

use super::event::{Event, JobName, Level};
use super::masked::MaskedText;
use super::{Failed, Masked, Sink, StepLog};

/// How often sinks that show passing time are called.
const TICK: Duration = Duration::from_millis(100);

/// Longest text in characters where there is no room for more.
const MAX_SHORT: usize = 200;

/// What is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Shows `::debug::` messages.
    pub debug: bool,
}

/// The way out, shared by all threads of a run. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Output(Arc<Shared>);

struct Shared {
    masker: Masker,
    options: Options,
    sinks: Mutex<Sinks>,
}

#[derive(Default)]
struct Sinks {
    open: Vec<Box<dyn Sink>>,
    failed: Vec<Failed>,
}

impl Output {
    /// A way out to these sinks; nothing leaves it unmasked by `masker`.
    pub fn new(masker: Masker, sinks: Vec<Box<dyn Sink>>, options: Options) -> Output {
        let animated = sinks.iter().any(|s| s.animated());
        let sinks = Mutex::new(Sinks { open: sinks, failed: Vec::new() });
        let shared = Arc::new(Shared { masker, options, sinks });
        if animated {
            let shared = Arc::downgrade(&shared);
            std::thread::spawn(move || tick(&shared));
        }
        Output(shared)
    }

    /// The masker that all output goes through.
    pub fn masker(&self) -> &Masker {
        &self.0.masker
    }

    /// What is shown.
    pub fn options(&self) -> Options {
        self.0.options
    }

    /// Masks an event and hands it to every sink. The count in [`Event::RunFinished`] is filled in here.
    pub fn emit(&self, event: Event) {
        let debug =
            matches!(&event, Event::Annotation { annotation, .. } if annotation.level == Level::Debug);
        if debug && !self.0.options.debug {
            return;
        }
        self.hand_out(&Masked::new(event, &self.0.masker));
    }

    /// The beginning of a text, masked, for a place that has no room for all of it.
    pub fn shortened(&self, text: &str) -> String {
        let masked = self.masker().mask(text);
        match masked.char_indices().nth(MAX_SHORT) {
            // Only what is masked may be cut: the rest of a secret would be shown.
            Some((end, _)) => format!("{}…", &masked[..end]),
            None => masked.into_owned(),
        }
    }

    /// A way in for the bytes that a step prints.
    pub fn step_log<'a>(&self, job: &JobName, step: usize) -> StepLog<'a> {
        StepLog::new(self.clone(), job.clone(), step)
    }

    /// Closes every sink; gives those that failed at any time.
    pub fn close(&self) -> Vec<Failed> {
        let mut sinks = self.0.sinks();
        sinks.each(|sink| sink.close());
        sinks.open.clear();
        std::mem::take(&mut sinks.failed)
    }

    pub(super) fn emit_log(&self, job: &JobName, step: usize, text: MaskedText) {
        self.hand_out(&Masked::log(job, step, text, &self.0.masker));
    }

    fn hand_out(&self, event: &Masked) {
        self.0.sinks().each(|sink| sink.event(event));
    }
}

impl Shared {
    fn sinks(&self) -> MutexGuard<'_, Sinks> {
        // A sink that panicked may have lost its own event, not another's.
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sinks {
    fn each(&mut self, mut call: impl FnMut(&mut dyn Sink) -> std::io::Result<()>) {
        let failed = &mut self.failed;
        self.open.retain_mut(|sink| match call(sink.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                failed.push(Failed { sink: sink.name(), error });
                false
            }
        });
    }
}

fn tick(shared: &Weak<Shared>) {
    loop {
        std::thread::sleep(TICK);
        let Some(shared) = shared.upgrade() else { return };
        shared.sinks().each(|sink| sink.tick());
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("options", &self.0.options).finish_non_exhaustive()
    }
}
