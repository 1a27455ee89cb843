//! Summaries of a job's steps, for a forge that shows them beside a run: sent by the job's own process, which has the token
//! that they are taken with. They stand in the log too, so that nothing is lost where one isn't taken.

use std::collections::BTreeMap;
use std::io;

use palisade_proto::forgejo::{MAX_SUMMARIES, send_summary};
use palisade_proto::{Http, Instance, Secret};

use crate::output::event::Event;
use crate::output::{Masked, Sink};

/// Takes them as they come, and sends them after the last event.
pub struct Summaries {
    /// With what, where to, and where there.
    pub http: Http,
    /// The forge.
    pub instance: Instance,
    /// What the job's token for such things is.
    pub token: Secret,
    /// Where they go, below the forge's address.
    pub path: String,
    /// By step.
    pub texts: BTreeMap<usize, String>,
}

impl Sink for Summaries {
    fn name(&self) -> String {
        "the forge's summaries".to_owned()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        if let Event::Summary { step, markdown, .. } = &**event {
            let room = MAX_SUMMARIES.saturating_sub(self.texts.values().map(String::len).sum());
            let text = self.texts.entry(*step).or_default();
            let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let room = room.saturating_sub(separator.len());
            text.push_str(separator);
            text.push_str(&markdown[..markdown.floor_char_boundary(room)]);
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let texts = std::mem::take(&mut self.texts);
        for (step, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
            match send_summary(&self.http, &self.instance, &self.token, &self.path, *step, text) {
                // One that isn't a step of the workflow's own, say.
                Err(error) if error.is_transient() => break,
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}
