//! One JSON object a line, for programs. `docs/events.md` is its schema.

use std::io::{self, Write};

use super::{Masked, Sink, clock};

/// Writes each event as a line of JSON.
pub struct Json<W> {
    name: String,
    to: W,
    /// Kept between events for its memory.
    buffer: Vec<u8>,
}

impl<W: Write + Send> Json<W> {
    /// A sink called `name` that writes to `to`.
    pub fn new(name: impl Into<String>, to: W) -> Self {
        Json { name: name.into(), to, buffer: Vec::new() }
    }
}

impl<W: Write + Send> Sink for Json<W> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, &**event)?;
        // The time goes first, in place of the opening brace.
        write!(self.to, "{{\"time\":\"{}\",", clock::now())?;
        self.buffer.push(b'\n');
        self.to.write_all(&self.buffer[1..])?;
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::sample::{self, Memory};
    use super::*;

    fn lines() -> Vec<serde_json::Map<String, serde_json::Value>> {
        let memory = Memory::default();
        sample::send(sample::run(1), Box::new(Json::new("memory", memory.clone())));
        let text = memory.text();
        assert!(!text.contains(sample::SECRET));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Each event with its fields, as the document has them: a heading with the event's name, then a row
    /// for each field that begins with its name.
    fn documented() -> BTreeMap<String, BTreeSet<String>> {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md");
        let document = std::fs::read_to_string(document).unwrap();
        let mut events: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut event = String::new();
        for line in document.lines() {
            if let Some(name) = line.strip_prefix("### `") {
                event = name.trim_end_matches('`').into();
                events.entry(event.clone()).or_default();
            } else if let Some(row) = line.strip_prefix("| `") {
                let field = row.split('`').next().unwrap_or_default();
                events.entry(event.clone()).or_default().insert(field.into());
            }
        }
        events
    }

    #[test]
    fn the_document_lists_every_event_and_field() {
        let mut written: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in lines() {
            let name = line["event"].as_str().unwrap().to_string();
            let fields = line.keys().filter(|k| !matches!(k.as_str(), "time" | "event")).cloned();
            written.entry(name).or_default().extend(fields);
        }
        assert_eq!(written, documented());
    }

    #[test]
    fn time_comes_first_and_the_count_is_filled_in() {
        let lines = lines();
        let keys: Vec<&str> = lines[0].keys().map(String::as_str).collect();
        assert_eq!(keys, ["time", "event", "workflow", "trigger", "name", "run", "jobs", "steps"]);
        let last = lines.last().unwrap();
        assert_eq!(last["event"], "run_finished");
        assert!(last["masked"].as_u64().unwrap() > 10);
    }
}
