//! A log that ends at a size.

use std::io;

use super::event::Event;
use super::{Masked, Sink};

/// What an event takes besides its text, in bytes.
const OF_EVENT: u64 = 64;
/// What a line takes besides, in bytes: its time, its place.
const OF_LINE: u64 = 24;

/// Hands events on, of what steps print only so many bytes; what else happens goes on.
pub struct Limited<S> {
    to: S,
    /// In bytes.
    limit: u64,
    printed: u64,
}

impl<S: Sink> Limited<S> {
    /// A log of at most `limit` bytes.
    pub fn new(to: S, limit: u64) -> Self {
        Limited { to, limit, printed: 0 }
    }
}

impl<S: Sink> Sink for Limited<S> {
    fn name(&self) -> String {
        self.to.name()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        // What a step can bring about as often as it likes.
        let (job, step, size) = match &**event {
            Event::Log { job, step, text } => {
                let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
                (job, *step, text.len() as u64 + OF_LINE * lines)
            }
            Event::GroupStarted { job, step, title } => (job, *step, title.len() as u64),
            Event::GroupEnded { job, step } => (job, *step, 0),
            Event::Annotation { job, step: Some(step), annotation } => {
                (job, *step, annotation.message.len() as u64)
            }
            _ => return self.to.event(event),
        };
        let within = self.printed <= self.limit;
        let room = self.limit.saturating_sub(self.printed);
        self.printed = self.printed.saturating_add(size + OF_EVENT);
        if self.printed <= self.limit {
            self.to.event(event)
        } else if within {
            if let Some(beginning) = event.beginning(room, OF_LINE) {
                self.to.event(&beginning)?;
            }
            let limit = self.limit;
            let text =
                format!("the log is larger than {limit} bytes: what steps print from here on is not kept\n");
            self.to.event(&Masked::notice(job, step, text))
        } else {
            Ok(())
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.to.close()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Json;
    use super::super::event::JobName;
    use super::super::sample::{self, Memory};
    use super::*;

    #[test]
    fn beyond_the_limit_only_the_log_ends() {
        let memory = Memory::default();
        let json = Json::new("memory", memory.clone());
        sample::send(sample::run(1), Box::new(Limited::new(json, 100)));
        let text = memory.text();
        assert_eq!(text.matches("larger than 100 bytes").count(), 1);
        assert!(text.contains("run_finished") && text.contains("step_finished"));
    }

    #[test]
    fn of_what_is_too_much_the_lines_that_fit_are_kept() {
        let event = Masked::notice(&JobName("a".into()), 0, "one\ntwo\nthree\n".into());
        let kept = |most| {
            event.beginning(most, 2).map(|kept| match &*kept {
                Event::Log { text, .. } => text.clone(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(kept(5), None);
        assert_eq!(kept(6).as_deref(), Some("one\n"));
        assert_eq!(kept(19).as_deref(), Some("one\ntwo\n"));
        assert_eq!(kept(100).as_deref(), Some("one\ntwo\nthree\n"));
    }
}
