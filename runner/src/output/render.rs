//! Events as lines of text, for all sinks that people read.

use super::event::{Annotation, Conclusion, Event, Issued, JobName, Level};
use super::{Masked, clock, report::Report, text};

/// What a step's lines begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// The job's name, once there are several jobs.
    Job,
    /// The time.
    Time,
}

/// How text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// palisade's own lines are coloured.
    pub own_colours: bool,
    /// Colours that a step prints are kept.
    pub step_colours: bool,
}

/// Turns events into text.
pub struct Renderer {
    prefix: Prefix,
    style: Style,
    several_jobs: bool,
    /// The only job so far.
    first_job: Option<JobName>,
    /// Whose line has no end yet.
    open: Option<JobName>,
    report: Report,
}

impl Renderer {
    /// A renderer at the beginning of a line.
    pub fn new(prefix: Prefix, style: Style) -> Self {
        Renderer {
            prefix,
            style,
            several_jobs: false,
            first_job: None,
            open: None,
            report: Report::default(),
        }
    }

    /// Text that can be shown as it is, without rendering; saves copying for the many.
    pub fn verbatim<'a>(&self, event: &'a Masked) -> Option<&'a str> {
        match &**event {
            Event::Log { text: log, .. }
                if self.prefix == Prefix::Job
                    && !self.several_jobs
                    && self.open.is_none()
                    && log.ends_with('\n')
                    && text::is_safe(log) =>
            {
                Some(log)
            }
            _ => None,
        }
    }

    /// Appends what an event looks like.
    pub fn render(&mut self, event: &Masked, out: &mut String) {
        self.report.note(event);
        match &**event {
            Event::RunStarted { workflow, trigger, name, jobs, .. } => {
                self.several_jobs |= *jobs > 1;
                self.own(out, None, |o| {
                    text::name(workflow, o);
                    o.push_str(" on ");
                    text::name(trigger, o);
                    if let Some(name) = name {
                        o.push_str(": ");
                        text::name(name, o);
                    }
                });
            }
            Event::Waiting { job, message, .. } => {
                self.own(out, job.as_ref(), |o| text::name(message, o));
            }
            Event::Reviewed { job, environment, approved, by, comment, .. } => {
                self.own(out, Some(job), |o| {
                    let verdict = if *approved { " approved its use of `" } else { " rejected its use of `" };
                    for part in [by, verdict, environment, "`"] {
                        text::name(part, o);
                    }
                    if let Some(comment) = comment {
                        o.push_str(": ");
                        text::name(comment, o);
                    }
                });
            }
            Event::Deployment { job, environment, url: Some(url), .. } => {
                self.own(out, Some(job), |o| {
                    for part in ["environment `", environment, "`: ", url] {
                        text::name(part, o);
                    }
                });
            }
            Event::Deployment { .. } => {}
            Event::JobStarted { job, .. } => {
                self.meet(job);
                if self.several_jobs {
                    self.own(out, Some(job), |o| o.push_str("started"));
                }
            }
            Event::Actions { job, actions } => {
                for line in actions {
                    self.own(out, Some(job), |o| {
                        o.push_str("action ");
                        let locked = if line.pinned { " (locked)" } else { "" };
                        for part in [
                            &line.uses,
                            ": commit ",
                            &line.commit,
                            ", ",
                            &line.tree,
                            ", from ",
                            &line.source,
                            locked,
                        ] {
                            text::name(part, o);
                        }
                    });
                }
            }
            Event::Layers { job, layers } => {
                for line in layers.iter().filter(|l| l.state != "held") {
                    self.own(out, Some(job), |o| {
                        o.push_str("layer ");
                        for part in [&line.layer, ": ", &line.state, ": ", &line.detail] {
                            text::name(part, o);
                        }
                    });
                }
            }
            Event::StepStarted { job, name, .. } => self.own(out, Some(job), |o| text::name(name, o)),
            Event::Log { job, text, .. } => self.log(job, text, out),
            Event::GroupStarted { job, title, .. } => {
                self.end_open(out);
                let mut line = String::from("--- ");
                text::name(title, &mut line);
                line.push('\n');
                self.log(job, &line, out);
            }
            Event::GroupEnded { .. } => {}
            Event::Annotation { job, annotation, .. } => self.annotation(out, job, annotation),
            // What was refused is told by a warning, the rest by the report.
            Event::Network { .. } | Event::NetworkUnnamed { .. } | Event::NetworkSummary { .. } => {}
            Event::Summary { job, markdown, .. } => self.summary(out, job, markdown),
            Event::Artifact { job, name, size, path, .. } => self.own(out, Some(job), |o| {
                o.push_str("artifact ");
                for part in [name, " (", &size.to_string(), " bytes): ", path] {
                    text::name(part, o);
                }
            }),
            Event::Issued { job, issued, .. } => self.own(out, Some(job), |o| {
                let Issued { by, provider, subject, audience, expires, .. } = issued;
                for part in ["issued ", provider, " of ", &by.to_string(), " for ", subject] {
                    text::name(part, o);
                }
                for (what, value) in [(" to ", audience), (", until ", expires)] {
                    if let Some(value) = value {
                        o.push_str(what);
                        text::name(value, o);
                    }
                }
            }),
            Event::StepFinished { job, name, outcome, conclusion, milliseconds, reason, .. } => {
                let style = self.style;
                self.own(out, Some(job), |o| {
                    text::name(name, o);
                    o.push_str(": ");
                    result(*conclusion, style, o);
                    ended(*conclusion, Some(*outcome), *milliseconds, reason.as_deref(), o);
                });
            }
            Event::JobFinished { job, result: conclusion, milliseconds, reason, .. } => {
                self.meet(job);
                if self.several_jobs || reason.is_some() {
                    let style = self.style;
                    self.own(out, Some(job), |o| {
                        o.push_str("job ");
                        result(*conclusion, style, o);
                        ended(*conclusion, None, *milliseconds, reason.as_deref(), o);
                    });
                }
            }
            Event::RunFinished { result: conclusion, reason, .. } => {
                if let Some(reason) = reason {
                    let style = self.style;
                    self.own(out, None, |o| {
                        o.push_str("run ");
                        result(*conclusion, style, o);
                        o.push_str(": ");
                        text::name(reason, o);
                    });
                }
                self.own(out, None, |o| o.push_str("report"));
                self.report.render(self.style, out);
            }
        }
    }

    /// Ends an unfinished line, before something else is written.
    fn end_open(&mut self, out: &mut String) {
        if self.open.take().is_some() {
            out.push('\n');
        }
    }

    fn meet(&mut self, job: &JobName) {
        match &self.first_job {
            None => self.first_job = Some(job.clone()),
            Some(first) => self.several_jobs |= first != job,
        }
    }

    /// One of palisade's own lines.
    fn own(&mut self, out: &mut String, job: Option<&JobName>, content: impl FnOnce(&mut String)) {
        self.end_open(out);
        if self.prefix == Prefix::Time {
            out.push_str(&clock::now());
            out.push(' ');
        }
        let (bold, end) = if self.style.own_colours { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        out.push_str(bold);
        out.push_str(text::MARK);
        out.push_str(end);
        out.push(' ');
        if let Some(job) = job.filter(|_| self.several_jobs && self.prefix == Prefix::Job) {
            text::name(&job.0, out);
            out.push_str(": ");
        }
        content(out);
        out.push('\n');
    }

    /// Appends lines that a step printed.
    pub fn log(&mut self, job: &JobName, log: &str, out: &mut String) {
        if self.open.as_ref().is_some_and(|open| open != job) {
            self.end_open(out);
        }
        for line in log.split_inclusive('\n') {
            let (body, ended) = match line.strip_suffix('\n') {
                Some(body) => (body, true),
                None => (line, false),
            };
            // A line that overwrites what is shown of it begins anew.
            if body.trim_end_matches('\r').contains('\r') {
                self.end_open(out);
            }
            if self.open.is_none() {
                self.begin_line(job, out);
            }
            text::line(body, self.style.step_colours, out);
            if ended {
                out.push('\n');
            }
            self.open = (!ended).then(|| job.clone());
        }
    }

    fn begin_line(&self, job: &JobName, out: &mut String) {
        match self.prefix {
            Prefix::Job if self.several_jobs => {
                text::name(&job.0, out);
                out.push_str(" | ");
            }
            Prefix::Job => {}
            Prefix::Time => {
                out.push_str(&clock::now());
                out.push(' ');
            }
        }
    }

    /// Markdown is made to be read as it is. Nothing is taken out: a secret could come together that way.
    fn summary(&mut self, out: &mut String, job: &JobName, markdown: &str) {
        self.own(out, Some(job), |o| o.push_str("summary"));
        for line in markdown.trim_end().lines() {
            self.log(job, line, out);
            self.log(job, "\n", out);
        }
    }

    fn annotation(&mut self, out: &mut String, job: &JobName, annotation: &Annotation) {
        let (word, colour) = match annotation.level {
            Level::Debug => ("debug", "\x1b[2m"),
            Level::Notice => ("notice", "\x1b[36m"),
            Level::Warning => ("warning", "\x1b[33m"),
            Level::Error => ("error", "\x1b[31m"),
        };
        let style = self.style;
        for (i, line) in annotation.message.split('\n').enumerate() {
            self.own(out, Some(job), |o| {
                paint(word, colour, style, o);
                o.push_str(": ");
                if i == 0 {
                    place(annotation, o);
                    if let Some(title) = &annotation.title {
                        text::name(title, o);
                        o.push_str(": ");
                    }
                }
                text::name(line, o);
            });
        }
    }
}

/// Where in the tree an annotation points: `file:line:column: `.
fn place(annotation: &Annotation, out: &mut String) {
    let Some(file) = &annotation.file else { return };
    text::name(file, out);
    for number in [annotation.line, annotation.line.and(annotation.column)].into_iter().flatten() {
        out.push(':');
        out.push_str(&number.to_string());
    }
    out.push_str(": ");
}

/// Appends a conclusion in its colour.
pub fn result(conclusion: Conclusion, style: Style, out: &mut String) {
    let colour = match conclusion {
        Conclusion::Success => "\x1b[32m",
        Conclusion::Failure => "\x1b[31m",
        Conclusion::Cancelled => "\x1b[33m",
        Conclusion::Skipped => "\x1b[2m",
    };
    paint(conclusion.as_str(), colour, style, out);
}

fn paint(word: &str, colour: &str, style: Style, out: &mut String) {
    match style.own_colours {
        true => out.extend([colour, word, "\x1b[0m"]),
        false => out.push_str(word),
    }
}

fn ended(
    conclusion: Conclusion,
    outcome: Option<Conclusion>,
    milliseconds: u64,
    reason: Option<&str>,
    out: &mut String,
) {
    if conclusion != Conclusion::Skipped {
        out.push_str(" in ");
        out.push_str(&clock::duration(milliseconds));
    }
    if let Some(outcome) = outcome.filter(|o| *o != conclusion) {
        out.push_str(" despite ");
        out.push_str(outcome.as_str());
    }
    if let Some(reason) = reason {
        out.push_str(": ");
        text::name(reason, out);
    }
}
