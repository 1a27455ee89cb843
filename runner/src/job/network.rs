//! A job's gateway: started beside its sandbox, told of in events, ended with it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cancel::Urgency;
use super::execute::Execution;
use crate::egress::record::{Outcome, Told};
use crate::egress::{self, Gateway, GatewayError, NotEntered, OfStep, OnRefused};
use crate::native::Tree;
use crate::output::event::{Annotation, Event, Level};

/// Most warnings of what was refused; each is in the table at the job's end as well.
const MAX_WARNINGS: usize = 50;

/// Which of the job's own steps runs, for whoever tells of what happens meanwhile.
#[derive(Clone, Debug)]
pub struct AtStep {
    index: Arc<AtomicUsize>,
    gateway: Arc<egress::AtStep>,
}

impl AtStep {
    const NONE: usize = usize::MAX;

    fn new(gateway: egress::AtStep) -> AtStep {
        AtStep { index: Arc::new(AtomicUsize::new(Self::NONE)), gateway: Arc::new(gateway) }
    }

    /// This one runs.
    pub fn set(&self, step: usize) {
        self.index.store(step, Ordering::Relaxed);
        self.gateway.set(step);
    }

    /// This one runs, with these rules; returns when they hold.
    pub fn enter(&self, step: usize, rules: OfStep) -> Result<(), NotEntered> {
        self.gateway.enter(step, rules)
    }

    /// Which one runs.
    pub fn get(&self) -> Option<usize> {
        Some(self.index.load(Ordering::Relaxed)).filter(|step| *step != Self::NONE)
    }
}

/// The gateway of a job that has one.
pub struct Egress {
    gateway: Option<Gateway>,
}

impl Egress {
    /// Starts it, where the job's network is to have one. If it ends before the job, the job is stopped at once.
    pub fn start(execution: &Execution<'_>, inlet: Option<OwnedFd>) -> Result<Egress, GatewayError> {
        let network = &execution.place.network;
        let (Some(scope), Some(inlet)) = (network.mode.scope(), inlet) else {
            return Ok(Egress { gateway: None });
        };
        let (output, job) = (execution.output.clone(), execution.name.clone());
        let mut warnings = 0;
        let of_forge = execution.place.tree == Tree::Empty;
        let remedy = move |rule: &str| match of_forge {
            true => format!("`allow = [\"{rule}\"]` in `[network]` of the runner's configuration"),
            false => format!("`--allow {rule}`"),
        };
        let told = move |told: Told| {
            let warning = match &told {
                Told::Attempt(attempt) if attempt.outcome != Outcome::Refused => None,
                Told::Attempt(attempt) => Some((attempt.step, attempt.told(remedy))),
                Told::Unnamed(unnamed) => Some((unnamed.step, unnamed.to_string())),
            };
            if let Some((step, text)) = warning.filter(|_| warnings < MAX_WARNINGS) {
                warnings += 1;
                let annotation = Annotation::new(Level::Warning, format!("network: {text}"));
                output.emit(Event::Annotation { job: job.clone(), step, annotation });
            }
            output.emit(match told {
                Told::Attempt(attempt) => Event::Network { job: job.clone(), attempt },
                Told::Unnamed(unnamed) => Event::NetworkUnnamed { job: job.clone(), unnamed },
            });
        };
        let cancel = execution.cancel.clone();
        let lost = move |_: &GatewayError| cancel.order(Urgency::AtOnce);
        Gateway::start(scope, &network.settings, inlet, told, lost)
            .map(|gateway| Egress { gateway: Some(gateway) })
    }

    /// For saying which step begins.
    pub fn at_step(&mut self) -> Result<AtStep, GatewayError> {
        let at_step = self.gateway.as_mut().map(Gateway::at_step).transpose();
        at_step.map(|gateway| AtStep::new(gateway.unwrap_or_default())).map_err(GatewayError::Start)
    }

    /// Ends it and tells its table; gives why the job fails for what it was refused, if it is to. An error where the
    /// gateway had ended before, so that the job's network was gone.
    pub fn finish(self, execution: &Execution<'_>) -> Result<Option<String>, GatewayError> {
        let Some(gateway) = self.gateway else { return Ok(None) };
        let table = gateway.finish()?;
        let network = &execution.place.network;
        let refused = table.rows.iter().find(|row| row.outcome == Outcome::Refused);
        let why = refused.filter(|_| network.on_refused == OnRefused::Fail).map(|row| {
            let port = row.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("it was refused `{}{port}`, and `on-refused` is `fail`", row.name)
        });
        let (job, mode) = (execution.name.clone(), network.mode);
        execution.output.emit(Event::NetworkSummary { job, mode, table });
        Ok(why)
    }
}
