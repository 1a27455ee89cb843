//! A live view for a terminal: log lines scroll above, one line for each running job stays below.
//!
//! Nothing is asked of the terminal but to move the cursor up and to clear what is below. The lines are
//! drawn at most ten times a second, however much is printed.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::event::{Event, JobName};
use super::render::{Prefix, Renderer, Style};
use super::{Masked, Plain, Sink, clock, text};

const REDRAW: Duration = Duration::from_millis(100);
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// The sink that suits standard output: live on a terminal that can, else plain. `NO_COLOR` and
/// `TERM=dumb` are respected.
pub fn for_stdout() -> Box<dyn Sink> {
    let out = io::stdout();
    let colours = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|t| t.is_empty() || t == "dumb");
    match (out.is_terminal(), dumb) {
        (true, false) => Box::new(Terminal::new("standard output", out, size_of_stdout, colours)),
        (true, true) => Box::new(Plain::new("standard output", out, false, false)),
        (false, _) => Box::new(Plain::new("standard output", out, false, colours)),
    }
}

/// Columns and rows.
pub type Size = (usize, usize);

fn size_of_stdout() -> Size {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map_or((80, 24), |(w, h)| (w.0.into(), h.0.into()))
}

/// Writes a run to a terminal.
pub struct Terminal<W> {
    name: String,
    to: W,
    size: fn() -> Size,
    renderer: Renderer,
    jobs: Vec<Live>,
    /// How many lines stand below the log.
    drawn: usize,
    last_drawn: Option<Instant>,
    frame: usize,
    /// Kept between events for its memory.
    buffer: String,
}

/// A running job.
struct Live {
    job: JobName,
    step: String,
    since: Instant,
    /// A line that has no end yet, such as a prompt.
    unfinished: String,
}

impl<W: Write + Send> Terminal<W> {
    /// A sink called `name` that writes to the terminal `to`, whose size is asked before each drawing.
    pub fn new(name: impl Into<String>, to: W, size: fn() -> Size, colours: bool) -> Self {
        let style = Style { own_colours: colours, step_colours: colours };
        Terminal {
            name: name.into(),
            to,
            size,
            renderer: Renderer::new(Prefix::Job, style),
            jobs: Vec::new(),
            drawn: 0,
            last_drawn: None,
            frame: 0,
            buffer: String::new(),
        }
    }

    /// Appends what scrolls above, and takes note of what stands below.
    fn scroll(&mut self, event: &Masked, out: &mut String) {
        match &**event {
            Event::JobStarted { job, .. } => {
                let (job, step) = (job.clone(), String::from("setting up"));
                self.jobs.push(Live { job, step, since: Instant::now(), unfinished: String::new() });
            }
            Event::StepStarted { job, name, .. } => {
                if let Some(live) = live(&mut self.jobs, job) {
                    live.step.clear();
                    text::name(name, &mut live.step);
                    live.since = Instant::now();
                }
            }
            Event::Log { job, text: log, .. } => {
                if let Some(live) = live(&mut self.jobs, job)
                    && !(live.unfinished.is_empty() && log.ends_with('\n'))
                {
                    live.unfinished.push_str(log);
                    let whole = live.unfinished.rfind('\n').map_or(0, |at| at + 1);
                    self.renderer.log(job, &live.unfinished[..whole], out);
                    live.unfinished.drain(..whole);
                    return;
                }
            }
            Event::StepFinished { job, .. } | Event::JobFinished { job, .. } => {
                if let Some(live) = live(&mut self.jobs, job)
                    && !live.unfinished.is_empty()
                {
                    live.unfinished.push('\n');
                    self.renderer.log(job, &live.unfinished, out);
                    live.unfinished.clear();
                }
                if matches!(&**event, Event::JobFinished { .. }) {
                    self.jobs.retain(|live| live.job != *job);
                }
            }
            _ => {}
        }
        self.renderer.render(event, out);
    }

    fn erase(&mut self, out: &mut String) {
        if self.drawn > 0 {
            out.push_str(&format!("\r\x1b[{}A\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }

    fn is_due(&self) -> bool {
        !self.jobs.is_empty() && self.last_drawn.is_none_or(|at| at.elapsed() >= REDRAW)
    }

    fn draw(&mut self, out: &mut String) {
        let (width, height) = (self.size)();
        let room = (height / 2).max(1);
        self.frame = (self.frame + 1) % SPINNER.len();
        for live in self.jobs.iter().take(room) {
            let mut line = format!("{} ", SPINNER[self.frame]);
            text::name(&live.job.0, &mut line);
            // Before the step's name, which may be too long for the line.
            line.push_str(&format!(" {}: {}", whole_seconds(live.since.elapsed()), live.step));
            if !live.unfinished.is_empty() {
                line.push_str("  ");
                text::line(&live.unfinished, false, &mut line);
            }
            push_cut(&line, width.saturating_sub(1), out);
            out.push('\n');
        }
        self.drawn = self.jobs.len().min(room);
        if self.jobs.len() > room {
            out.push_str(&format!("  and {} more\n", self.jobs.len() - room));
            self.drawn += 1;
        }
        self.last_drawn = Some(Instant::now());
    }

    fn write(&mut self, buffer: String) -> io::Result<()> {
        self.to.write_all(buffer.as_bytes())?;
        self.buffer = buffer;
        self.to.flush()
    }

    fn take_buffer(&mut self) -> String {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer
    }
}

impl<W: Write + Send> Sink for Terminal<W> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        let mut buffer = self.take_buffer();
        self.erase(&mut buffer);
        self.scroll(event, &mut buffer);
        if self.is_due() {
            self.draw(&mut buffer);
        }
        self.write(buffer)
    }

    fn tick(&mut self) -> io::Result<()> {
        if !self.is_due() {
            return Ok(());
        }
        let mut buffer = self.take_buffer();
        self.erase(&mut buffer);
        self.draw(&mut buffer);
        self.write(buffer)
    }

    fn animated(&self) -> bool {
        true
    }

    fn close(&mut self) -> io::Result<()> {
        let mut buffer = self.take_buffer();
        self.erase(&mut buffer);
        self.write(buffer)
    }
}

fn live<'a>(jobs: &'a mut [Live], job: &JobName) -> Option<&'a mut Live> {
    jobs.iter_mut().find(|live| live.job == *job)
}

/// How long a step has taken by now: without fractions, since it is drawn at any moment.
fn whole_seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => clock::duration(seconds * 1000),
    }
}

/// Appends as much of a line as surely fits: characters that may be wide count as two columns.
fn push_cut(line: &str, width: usize, out: &mut String) {
    let mut used = 0;
    for c in line.chars().map(|c| if c == '\t' { ' ' } else { c }) {
        used += if c < '\u{1100}' || SPINNER.contains(&c) { 1 } else { 2 };
        if used > width {
            break;
        }
        out.push(c);
    }
}
#[cfg(test)]
mod tests {
    use super::super::sample::{self, Memory};
    use super::*;

    /// What a terminal shows in the end, by the few sequences that the sink uses.
    fn screen(written: &str) -> String {
        let mut rows: Vec<String> = vec![String::new()];
        let mut rest = written;
        while let Some(c) = rest.chars().next() {
            if let Some(sequence) = rest.strip_prefix("\x1b[") {
                let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                match &sequence[end..=end] {
                    "A" => {
                        let up: usize = sequence[..end].parse().unwrap();
                        assert_eq!(rows.pop().as_deref(), Some(""), "the cursor stands at a line's start");
                        rows.truncate(rows.len() - up);
                        rows.push(String::new());
                    }
                    "J" | "m" => {}
                    other => panic!("unexpected sequence {other}"),
                }
                rest = &sequence[end + 1..];
                continue;
            }
            match c {
                '\n' => rows.push(String::new()),
                '\r' => {}
                c => rows.last_mut().unwrap().push(c),
            }
            rest = &rest[c.len_utf8()..];
        }
        rows.join("\n")
    }

    fn terminal(memory: &Memory) -> Terminal<Memory> {
        Terminal::new("memory", memory.clone(), || (40, 10), false)
    }

    #[test]
    fn what_scrolls_is_what_the_plain_sink_writes() {
        let (live, plain) = (Memory::default(), Memory::default());
        sample::send(sample::run(2), Box::new(terminal(&live)));
        sample::send(sample::run(2), Box::new(Plain::new("memory", plain.clone(), false, false)));
        assert!(live.text().contains("\x1b[1A\x1b[J"), "something was drawn and erased");
        assert_eq!(screen(&live.text()), plain.text());
    }

    #[test]
    fn an_unfinished_line_stands_beside_its_job() {
        let memory = Memory::default();
        let mut events = sample::run(1);
        let prompt = events.iter().position(|e| matches!(e, Event::Log { text, .. } if text.ends_with(": ")));
        events.truncate(prompt.unwrap() + 1);
        let masker = crate::mask::Masker::new();
        let mut sink = terminal(&memory);
        for event in events {
            sink.event(&Masked::new(event, &masker)).unwrap();
        }
        sink.last_drawn = None;
        sink.tick().unwrap();
        let last =
            screen(&memory.text()).trim_end().lines().last().unwrap().chars().skip(2).collect::<String>();
        assert_eq!(last, "build s3cret-token 0 s: Build s3cret-");
        assert_eq!(sink.jobs[0].unfinished, "Prompt: ");
    }

    #[test]
    fn lines_are_cut_so_that_they_never_wrap() {
        let mut out = String::new();
        push_cut("ab\tc漢字漢", 8, &mut out);
        assert_eq!(out, "ab c漢字");
    }
}
