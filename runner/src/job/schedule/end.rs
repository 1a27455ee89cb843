//! What follows from the end of a job, and from an order to stop.

use std::collections::VecDeque;

use indexmap::IndexMap;

use super::standing::together;
use super::{Active, Done, Instance, Scheduler, State, tell};
use crate::job::cancel::Urgency;
use crate::job::contexts::JobContexts;
use crate::job::execute::Finished;
use crate::job::gate::Refusal;
use crate::output::event::Conclusion;

impl Scheduler<'_> {
    pub(super) fn ended(&mut self, Done { slot, finished }: Done) {
        let Some(Active { entry, .. }) = self.active.get_mut(slot).and_then(Option::take) else { return };
        self.fault = self.fault.max(finished.fault);
        if finished.result == Conclusion::Failure && self.plan.entries[entry].fail_fast {
            for sibling in self.active.iter().flatten().filter(|a| a.entry == entry) {
                sibling.cancel.order(Urgency::Asked);
            }
            self.drop_ready(|instance| instance.entry == entry, "another job of its matrix failed");
        }
        self.count(entry, finished);
    }

    /// Counts the end of one job of an entry.
    pub(super) fn count(&mut self, entry: usize, finished: Finished) {
        let State::Started { left, results, outputs } = &mut self.states[entry] else { return };
        *left -= 1;
        results.push(finished.result);
        for (name, value) in finished.outputs {
            // Of several jobs that set an output, the last that gives it a value stands.
            if !value.is_empty() || !outputs.contains_key(&name) {
                outputs.insert(name, value);
            }
        }
        if *left == 0 {
            let result = together(results);
            let outputs = std::mem::take(outputs);
            self.states[entry] = State::Done { result, outputs };
        }
    }

    /// Ends an entry of which nothing runs.
    pub(super) fn settle(&mut self, entry: usize, result: Conclusion, reason: String) {
        let run = self.run.clone();
        let job = self.job(&run, entry);
        let shown = job.name.as_ref().and_then(|name| name.as_literal().map(str::to_owned));
        let shown = shown.filter(|name| !name.is_empty());
        let name = self.unique(shown.unwrap_or_else(|| job.id.value.clone()));
        tell(self.output, name, result, reason);
        self.states[entry] = State::Done { result, outputs: IndexMap::new() };
    }

    /// Ends all entries of a run of which nothing runs.
    pub(super) fn settle_all(&mut self, refusal: &Refusal) {
        for entry in 0..self.states.len() {
            self.settle(entry, refusal.result, refusal.reason.clone());
        }
    }

    /// Takes ready jobs out of the queue: they are cancelled.
    pub(super) fn drop_ready(&mut self, which: impl Fn(&Instance) -> bool, reason: &str) {
        let (dropped, kept) = std::mem::take(&mut self.ready).into_iter().partition(which);
        self.ready = kept;
        let dropped: VecDeque<Instance> = dropped;
        for Instance { entry, name, .. } in dropped {
            tell(self.output, name, Conclusion::Cancelled, reason.to_owned());
            self.count(entry, Finished::nothing(Conclusion::Cancelled));
        }
    }

    /// One order to stop the run: the first asks, a second doesn't.
    pub(super) fn cancel(&mut self) -> Urgency {
        let urgency = if self.cancelled { Urgency::AtOnce } else { Urgency::Asked };
        self.cancelled = true;
        for active in self.active.iter().flatten() {
            active.cancel.order(urgency);
        }
        if urgency == Urgency::AtOnce {
            self.drop_ready(|_| true, "the run was cancelled");
        } else {
            // Those stay whose condition holds for a cancelled run too.
            let run = self.run.clone();
            let stays: Vec<bool> = (0..self.states.len())
                .map(|entry| {
                    let job = self.job(&run, entry);
                    let base = JobContexts { needs: self.needs(entry), ..JobContexts::default() };
                    matches!(self.states[entry], State::Started { .. })
                        && self.holds(&run, job, entry, &base).unwrap_or(false)
                })
                .collect();
            self.drop_ready(|instance| !stays[instance.entry], "the run was cancelled");
        }
        urgency
    }
}
