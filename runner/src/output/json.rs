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
