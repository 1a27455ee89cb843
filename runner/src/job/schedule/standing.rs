//! How jobs stand that others need: for conditions, for the `needs` context, and for the run as a whole.

use super::{Scheduler, State};
use crate::expr::{Object, Value};
use crate::job::contexts::Standing;
use crate::output::event::Conclusion;

impl Scheduler<'_> {
    /// How everything stands that an entry needs, directly or not.
    pub(super) fn standing(&self, entry: usize) -> Standing {
        let results = self.plan.ancestors(entry).into_iter().filter_map(|n| match &self.states[n] {
            State::Done { result, .. } => Some(*result),
            _ => None,
        });
        let results: Vec<Conclusion> =
            results.chain(self.run.elsewhere.iter().map(|job| job.result)).collect();
        let all_success = results.iter().all(|r| *r == Conclusion::Success);
        Standing {
            success: all_success && !self.cancelled,
            failure: results.contains(&Conclusion::Failure) && !self.cancelled,
            cancelled: self.cancelled,
        }
    }

    /// The `needs` context of an entry.
    pub(super) fn needs(&self, entry: usize) -> Value {
        let needs = self.plan.entries[entry].needs.iter();
        let needs = needs.filter_map(|n| Some((self.plan.entries[*n].id.as_str(), self.result_of(*n)?)));
        let elsewhere = self.run.elsewhere.iter().filter(|job| job.direct).map(|job| {
            let outputs = job.outputs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            (job.id.as_str(), told(job.result, outputs))
        });
        Value::from(needs.chain(elsewhere).collect::<Object>())
    }

    /// Result and outputs of an entry that has ended.
    pub(super) fn result_of(&self, entry: usize) -> Option<Value> {
        let State::Done { result, outputs } = &self.states[entry] else { return None };
        Some(told(*result, outputs.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
    }

    pub(super) fn result(&self) -> Conclusion {
        let results = self.states.iter().map(|state| match state {
            State::Done { result, .. } => *result,
            State::Waiting | State::Started { .. } => Conclusion::Cancelled,
        });
        match together(&results.collect::<Vec<_>>()) {
            // A run of which nothing ran hasn't failed.
            Conclusion::Skipped => Conclusion::Success,
            result => result,
        }
    }
}

/// A job that has ended, as contexts tell it.
fn told<'a>(result: Conclusion, outputs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let outputs: Object = outputs.collect();
    let result: Object =
        [("result", Value::from(result.as_str())), ("outputs", Value::from(outputs))].into_iter().collect();
    Value::from(result)
}

/// The result of several jobs as one.
pub fn together(results: &[Conclusion]) -> Conclusion {
    let any = |wanted| results.contains(&wanted);
    if any(Conclusion::Failure) {
        Conclusion::Failure
    } else if any(Conclusion::Cancelled) {
        Conclusion::Cancelled
    } else if any(Conclusion::Success) || results.is_empty() {
        Conclusion::Success
    } else {
        Conclusion::Skipped
    }
}
