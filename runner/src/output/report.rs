//! The closing report: result and time of every job and step, the layers of isolation, where artifacts are, what was
//! masked.

use indexmap::IndexMap;

use super::event::{Conclusion, Event, JobName, LayerLine, Masking};
use super::render::{Style, result};
use super::{Masked, clock, text};
use crate::egress::record::Table;

/// How many artifacts are listed; their events tell of all.
const MAX_ARTIFACTS: usize = 50;

/// What the report will say, gathered from the events of a run.
#[derive(Default)]
pub struct Report {
    jobs: Vec<Job>,
    /// Name and path; the last of a name is the one that is kept.
    artifacts: IndexMap<String, String>,
    end: Option<Ended>,
    masking: Masking,
}

struct Job {
    name: JobName,
    steps: Vec<Row>,
    layers: Option<Vec<LayerLine>>,
    network: Option<Table>,
    end: Option<Ended>,
}

struct Row {
    name: String,
    /// What it would have been without `continue-on-error`.
    outcome: Conclusion,
    end: Ended,
}

#[derive(Clone, Copy)]
struct Ended {
    conclusion: Conclusion,
    milliseconds: u64,
}

impl Report {
    /// Takes note of an event.
    pub fn note(&mut self, event: &Masked) {
        match &**event {
            Event::JobStarted { job, .. } => {
                self.job(job);
            }
            Event::Layers { job, layers } => self.job(job).layers = Some(layers.clone()),
            Event::NetworkSummary { job, table, .. } => self.job(job).network = Some(table.clone()),
            Event::Artifact { name, path, .. } => {
                self.artifacts.insert(name.clone(), path.clone());
            }
            Event::StepFinished { job, name, outcome, conclusion, milliseconds, .. } => {
                let end = Ended { conclusion: *conclusion, milliseconds: *milliseconds };
                self.job(job).steps.push(Row { name: name.clone(), outcome: *outcome, end });
            }
            Event::JobFinished { job, result, milliseconds, .. } => {
                self.job(job).end = Some(Ended { conclusion: *result, milliseconds: *milliseconds });
            }
            Event::RunFinished { result, milliseconds, masking, .. } => {
                self.end = Some(Ended { conclusion: *result, milliseconds: *milliseconds });
                self.masking = masking.clone();
            }
            _ => {}
        }
    }

    /// Appends the report.
    pub fn render(&self, style: Style, out: &mut String) {
        let width = self.width();
        for job in &self.jobs {
            row(&job.name.0, 2, width, job.end, None, style, out);
            for step in &job.steps {
                row(&step.name, 4, width, Some(step.end), Some(step.outcome), style, out);
            }
        }
        self.render_layers(out);
        self.render_network(out);
        for (name, path) in self.artifacts.iter().take(MAX_ARTIFACTS) {
            out.push_str("  artifact ");
            text::name(&format!("{name}: {path}"), out);
            out.push('\n');
        }
        if let Some(more) = self.artifacts.len().checked_sub(MAX_ARTIFACTS + 1) {
            out.push_str(&format!("  and {} more artifacts\n", more + 1));
        }
        let Masking { masked, credentials, shown } = &self.masking;
        let places = if *masked == 1 { "place" } else { "places" };
        out.push_str(&format!("  masked: {masked} {places}\n"));
        if !credentials.is_empty() {
            let kinds: Vec<String> =
                credentials.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
            out.push_str(&format!("  credentials that are no registered secrets: {}\n", kinds.join(", ")));
        }
        for late in shown {
            out.push_str("  shown: ");
            text::name(&late.to_string(), out);
            out.push('\n');
        }
        if let Some(end) = self.end {
            row("run", 2, width, Some(end), None, style, out);
        }
    }

    fn job(&mut self, name: &JobName) -> &mut Job {
        let at = self.jobs.iter().position(|j| j.name == *name).unwrap_or_else(|| {
            self.jobs.push(Job {
                name: name.clone(),
                steps: Vec::new(),
                layers: None,
                network: None,
                end: None,
            });
            self.jobs.len() - 1
        });
        &mut self.jobs[at]
    }

    /// Where results begin: after the longest name, within reason.
    fn width(&self) -> usize {
        let jobs = self.jobs.iter().map(|j| 2 + j.name.0.chars().count());
        let steps = self.jobs.iter().flat_map(|j| &j.steps).map(|s| 4 + s.name.chars().count());
        jobs.chain(steps).max().unwrap_or(0).clamp(8, 60) + 2
    }

    /// Once if it is the same for all jobs, else for each set of jobs.
    fn render_layers(&self, out: &mut String) {
        let mut sets: Vec<(String, Vec<&JobName>)> = Vec::new();
        let with_layers = || self.jobs.iter().filter_map(|j| Some((&j.name, j.layers.as_ref()?)));
        for (name, layers) in with_layers() {
            let shown = show_layers(layers);
            match sets.iter_mut().find(|s| s.0 == shown) {
                Some(set) => set.1.push(name),
                None => sets.push((shown, vec![name])),
            }
        }
        let several = sets.len() > 1;
        for (shown, jobs) in &sets {
            out.push_str("  layers");
            if several {
                out.push_str(" of ");
                for (i, job) in jobs.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    text::name(&job.0, out);
                }
            }
            out.push_str(": ");
            out.push_str(shown);
            out.push('\n');
        }
    }
}

impl Report {
    /// What each job tried to reach.
    fn render_network(&self, out: &mut String) {
        for job in &self.jobs {
            let Some(table) = &job.network else { continue };
            out.push_str("  network of ");
            text::name(&job.name.0, out);
            out.push_str(if table.is_empty() { ": nothing was tried\n" } else { ":\n" });
            for line in table.lines() {
                out.push_str("    ");
                text::name(&line, out);
                out.push('\n');
            }
        }
    }
}

/// `user, mount held; cgroup degraded (why); net off (why)`.
fn show_layers(layers: &[LayerLine]) -> String {
    let mut shown = String::new();
    let held: Vec<&str> = layers.iter().filter(|l| l.state == "held").map(|l| l.layer.as_str()).collect();
    if held.is_empty() {
        shown.push_str("none held");
    } else {
        text::name(&held.join(", "), &mut shown);
        shown.push_str(" held");
    }
    for line in layers.iter().filter(|l| l.state != "held") {
        text::name(&format!("; {} {} ({})", line.layer, line.state, line.detail), &mut shown);
    }
    shown
}

fn row(
    name: &str,
    indent: usize,
    width: usize,
    end: Option<Ended>,
    outcome: Option<Conclusion>,
    style: Style,
    out: &mut String,
) {
    out.extend(std::iter::repeat_n(' ', indent));
    let start = out.len();
    text::name(name, out);
    let used = indent + out[start..].chars().count();
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(used).max(2)));
    match end {
        None => out.push_str("not finished"),
        Some(end) => {
            result(end.conclusion, style, out);
            if end.conclusion != Conclusion::Skipped {
                let pad = "cancelled".len() - end.conclusion.as_str().len();
                out.push_str(&format!("{:pad$}{:>12}", "", clock::duration(end.milliseconds)));
            }
            if let Some(outcome) = outcome.filter(|o| *o != end.conclusion) {
                out.push_str(&format!("  despite {}", outcome.as_str()));
            }
        }
    }
    out.push('\n');
}
