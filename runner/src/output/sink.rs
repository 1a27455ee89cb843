//! Where events go.

use std::io;

use super::Masked;

/// A place that takes events: a terminal, a file, a forge's log.
///
/// A sink that is slow makes the job wait, so that memory never grows. One that fails gets nothing more;
/// the run goes on, and [`super::Output::close`] tells.
pub trait Sink: Send {
    /// What the sink is called in an error, e.g. `standard output`.
    fn name(&self) -> String;

    /// Takes one event.
    fn event(&mut self, event: &Masked) -> io::Result<()>;

    /// Called about ten times a second where [`Sink::animated`] says so.
    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether the sink shows passing time.
    fn animated(&self) -> bool {
        false
    }

    /// Called after the last event.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A sink that failed and got nothing after that.
#[derive(Debug, thiserror::Error)]
#[error("writing to {sink} failed, what followed is missing there: {error}")]
pub struct Failed {
    /// Its name.
    pub sink: String,
    /// Why.
    #[source]
    pub error: io::Error,
}
