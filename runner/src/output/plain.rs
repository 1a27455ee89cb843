//! Lines of text, for pipes, files and terminals that can do no more.

use std::io::{self, Write};

use super::render::{Prefix, Renderer, Style};
use super::{Masked, Sink};

/// Writes a run as plain lines.
pub struct Plain<W> {
    name: String,
    to: W,
    renderer: Renderer,
    /// Kept between events for its memory.
    buffer: String,
}

impl<W: Write + Send> Plain<W> {
    /// A sink called `name` that writes to `to`.
    ///
    /// `own_colours`: palisade's own lines are coloured. `step_colours`: colours that steps print are kept.
    pub fn new(name: impl Into<String>, to: W, own_colours: bool, step_colours: bool) -> Self {
        let renderer = Renderer::new(Prefix::Job, Style { own_colours, step_colours });
        Plain { name: name.into(), to, renderer, buffer: String::new() }
    }
}

impl<W: Write + Send> Sink for Plain<W> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        if let Some(text) = self.renderer.verbatim(event) {
            self.to.write_all(text.as_bytes())?;
        } else {
            self.buffer.clear();
            self.renderer.render(event, &mut self.buffer);
            self.to.write_all(self.buffer.as_bytes())?;
        }
        self.to.flush()
    }
}
