//! A scope that is nothing but contexts: for `palisade expr` and for tests.

use super::eval::Scope;
use super::function::StatusFunction;
use super::value::{Object, Value};

/// Contexts by name. The job's status is what `job.status` says, `success` where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Contexts(Object);

impl Contexts {
    /// A scope of the given contexts.
    pub fn new(contexts: Object) -> Self {
        Contexts(contexts)
    }
}

impl Scope for Contexts {
    fn context(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn status(&self, function: StatusFunction) -> bool {
        let status = self.0.get("job").and_then(|job| job.get("status")).map(Value::to_display_string);
        let status = status.as_deref().unwrap_or("success");
        match function {
            StatusFunction::Success => status.eq_ignore_ascii_case("success"),
            StatusFunction::Failure => status.eq_ignore_ascii_case("failure"),
            StatusFunction::Always => true,
            StatusFunction::Cancelled => status.eq_ignore_ascii_case("cancelled"),
        }
    }
}
