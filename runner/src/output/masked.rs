//! Events whose text is masked: the only kind that sinks take.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::sync::Arc;

use palisade_sandbox::Process;

use crate::egress::record::{Asker, Attempt, Row, Stray, Table, Unnamed};
use crate::mask::Masker;

use super::event::{ActionLine, Annotation, By, Event, Issued, JobName, LayerLine, Masking};

/// An event in which every text has gone through the masker.
#[derive(Clone, Debug)]
pub struct Masked(Event);

impl Deref for Masked {
    type Target = Event;
    fn deref(&self) -> &Event {
        &self.0
    }
}

impl Masked {
    /// Masks every text of an event. Each field is named here, so that a new one can't be forgotten.
    pub(super) fn new(event: Event, masker: &Masker) -> Masked {
        let text = |s: String| match masker.mask(&s) {
            Cow::Borrowed(_) => s,
            Cow::Owned(masked) => masked,
        };
        let some = |s: Option<String>| s.map(text);
        let name = |job: JobName| name(job, masker);
        Masked(match event {
            Event::RunStarted { workflow, trigger, name, run, jobs, steps } => Event::RunStarted {
                workflow: text(workflow),
                trigger: text(trigger),
                name: some(name),
                run: text(run),
                jobs,
                steps,
            },
            Event::Waiting { job, reason, name: thing, message } => {
                Event::Waiting { job: job.map(name), reason, name: text(thing), message: text(message) }
            }
            Event::Reviewed { job, environment, approved, by, uid, comment } => Event::Reviewed {
                job: name(job),
                environment: text(environment),
                approved,
                by: text(by),
                uid,
                comment: some(comment),
            },
            Event::Deployment { job, environment, state, url } => {
                Event::Deployment { job: name(job), environment: text(environment), state, url: some(url) }
            }
            Event::JobStarted { job, permissions } => Event::JobStarted { job: name(job), permissions },
            Event::Actions { job, actions } => Event::Actions {
                job: name(job),
                actions: actions
                    .into_iter()
                    .map(|ActionLine { uses, source, commit, tree, pinned }| ActionLine {
                        uses: text(uses),
                        source: text(source),
                        commit: text(commit),
                        tree: text(tree),
                        pinned,
                    })
                    .collect(),
            },
            Event::Layers { job, layers } => Event::Layers {
                job: name(job),
                layers: layers
                    .into_iter()
                    .map(|LayerLine { layer, state, detail }| LayerLine {
                        layer: text(layer),
                        state: text(state),
                        detail: text(detail),
                    })
                    .collect(),
            },
            Event::StepStarted { job, step, name: title } => {
                Event::StepStarted { job: name(job), step, name: text(title) }
            }
            Event::Log { job, step, text: log } => Event::Log { job: name(job), step, text: text(log) },
            Event::GroupStarted { job, step, title } => {
                Event::GroupStarted { job: name(job), step, title: text(title) }
            }
            Event::GroupEnded { job, step } => Event::GroupEnded { job: name(job), step },
            Event::Annotation { job, step, annotation } => {
                let Annotation { level, message, title, file, line, end_line, column, end_column } =
                    annotation;
                let annotation = Annotation {
                    level,
                    message: text(message),
                    title: some(title),
                    file: some(file),
                    line,
                    end_line,
                    column,
                    end_column,
                };
                Event::Annotation { job: name(job), step, annotation }
            }
            Event::Network { job, attempt } => {
                let Attempt {
                    step,
                    name: host,
                    process,
                    port,
                    address,
                    rule,
                    outcome,
                    reason,
                    protocol,
                    proxied,
                    sent,
                    received,
                    milliseconds,
                    suggestion,
                } = attempt;
                let attempt = Attempt {
                    step,
                    name: text(host),
                    process: process.map(|process| asker(process, text)),
                    port,
                    address,
                    rule: some(rule),
                    outcome,
                    reason: some(reason),
                    protocol,
                    proxied,
                    sent,
                    received,
                    milliseconds,
                    suggestion: some(suggestion),
                };
                Event::Network { job: name(job), attempt }
            }
            Event::NetworkUnnamed { job, unnamed: Unnamed { step, attempts, to } } => {
                let to = to.map(|Stray { address, port, udp, process }| Stray {
                    address,
                    port,
                    udp,
                    process: asker(process, text),
                });
                Event::NetworkUnnamed { job: name(job), unnamed: Unnamed { step, attempts, to } }
            }
            Event::NetworkSummary { job, mode, table } => {
                let Table { rows, untold, beyond, unnamed, unattributed, unseen } = table;
                let rows = rows.into_iter().map(|row| {
                    let Row {
                        name: host,
                        port,
                        udp,
                        outcome,
                        count,
                        sent,
                        received,
                        programs,
                        steps,
                        reason,
                        suggestion,
                    } = row;
                    Row {
                        name: text(host),
                        port,
                        udp,
                        outcome,
                        count,
                        sent,
                        received,
                        programs: programs.into_iter().map(text).collect(),
                        steps,
                        reason: some(reason),
                        suggestion: some(suggestion),
                    }
                });
                let unattributed = some(unattributed);
                let table = Table { rows: rows.collect(), untold, beyond, unnamed, unattributed, unseen };
                Event::NetworkSummary { job: name(job), mode, table }
            }
            Event::Summary { job, step, markdown } => {
                Event::Summary { job: name(job), step, markdown: text(markdown) }
            }
            Event::Artifact { job, step, id, name: title, size, digest, path } => Event::Artifact {
                job: name(job),
                step,
                id,
                name: text(title),
                size,
                digest: text(digest),
                path: text(path),
            },
            Event::Issued { job, step, issued } => {
                let Issued { by, provider, subject, audience, id, expires, record } = issued;
                let record = record.into_iter().map(|(key, value)| (key, text(value))).collect();
                let issued = Issued {
                    by: match by {
                        By::Grant(name) => By::Grant(text(name)),
                        By::Secret(name) => By::Secret(text(name)),
                    },
                    provider,
                    subject: text(subject),
                    audience: some(audience),
                    id: some(id),
                    expires,
                    record,
                };
                Event::Issued { job: name(job), step, issued }
            }
            Event::StepFinished { job, step, name: title, outcome, conclusion, milliseconds, reason } => {
                Event::StepFinished {
                    job: name(job),
                    step,
                    name: text(title),
                    outcome,
                    conclusion,
                    milliseconds,
                    reason: some(reason),
                }
            }
            Event::JobFinished { job, result, milliseconds, reason, outputs } => Event::JobFinished {
                job: name(job),
                result,
                milliseconds,
                reason: some(reason),
                outputs: outputs.into_iter().map(|(k, v)| (text(k), text(v))).collect(),
            },
            Event::RunFinished { result, milliseconds, reason, masking: _ } => {
                let masking = Masking::of(masker);
                Event::RunFinished { result, milliseconds, reason: some(reason), masking }
            }
        })
    }

    /// Lines that come out of a mask stream already; only the job's name is masked here.
    pub(super) fn log(job: &JobName, step: usize, text: MaskedText, masker: &Masker) -> Masked {
        Masked(Event::Log { job: name(job.clone(), masker), step, text: text.0 })
    }

    /// The first whole lines of a log's event, as many as take at most `most` bytes where each takes `each` more; none
    /// where it is none.
    pub(super) fn beginning(&self, most: u64, each: u64) -> Option<Masked> {
        let Event::Log { job, step, text } = &self.0 else { return None };
        let mut taken = 0;
        let fit = text.split_inclusive('\n').take_while(|line| {
            taken += line.len() as u64 + each;
            taken <= most && line.ends_with('\n')
        });
        let end: usize = fit.map(str::len).sum();
        let text = text[..end].to_owned();
        (end > 0).then(|| Masked(Event::Log { job: job.clone(), step: *step, text }))
    }

    /// Palisade's own word among what a step prints; the job's name is of an event that was masked.
    pub(super) fn notice(job: &JobName, step: usize, text: String) -> Masked {
        Masked(Event::Log { job: job.clone(), step, text })
    }
}

/// What a process says of itself, and what those above it do.
fn asker(asker: Asker, text: impl Fn(String) -> String) -> Asker {
    let process = |Process { pid, exe, command }| Process { pid, exe: text(exe), command: text(command) };
    let Asker { process: own, parents, certain } = asker;
    Asker { process: process(own), parents: parents.into_iter().map(process).collect(), certain }
}

/// A job's name stands in every event: masked in each, but not counted over and over.
fn name(job: JobName, masker: &Masker) -> JobName {
    match masker.mask_uncounted(&job.0) {
        (Cow::Borrowed(_), _) => job,
        (Cow::Owned(masked), _) => JobName(Arc::from(masked)),
    }
}

/// Text that a [`crate::mask::MaskStream`] let go.
pub(super) struct MaskedText(String);

impl MaskedText {
    /// For looking at.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A part of it, which has to begin and end with characters.
    pub(super) fn part(&self, range: Range<usize>) -> MaskedText {
        MaskedText(self.0[range].to_owned())
    }

    /// Takes what a mask stream appended; what isn't UTF-8 becomes U+FFFD.
    pub(super) fn from_stream(bytes: Vec<u8>) -> Self {
        MaskedText(
            String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
        )
    }
}
