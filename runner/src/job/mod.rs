//! Runs the jobs of a workflow: `plan` says which, `legs` what they come to, `schedule` when, `gate` what they wait for before that, `call` one that calls a workflow, `execute` one of them from its sandbox
//! to its outputs, `step` one of its steps, `action` what a step uses, `native` such an action that is palisade's own, `pre` and `post` what actions do before and after the steps, each a `stage`, `command`
//! and `process` one command, `hash_files` what expressions ask of the workspace, `identity` who its steps are to others, `reach` what they reach.

mod action;
mod call;
mod cancel;
mod command;
mod contexts;
mod execute;
pub mod files;
mod gate;
mod hash_files;
mod identity;
mod inputs;
pub mod legs;
pub mod matrix;
mod native;
mod network;
mod origin;
mod place;
mod plan;
mod post;
mod pre;
mod process;
mod reach;
mod schedule;
mod secrets;
pub mod shell;
mod slots;
mod stage;
mod step;

pub use contexts::{Forge, RUNNER, RunContexts, inside};
pub use execute::Fault;
pub use gate::{Gates, Group};
pub use inputs::{InputError, inputs, inputs_of};
pub use place::{Early, Place};
pub use plan::{MAX_RUN_JOBS, Plan, PlanError, Selection};
pub use schedule::{Elsewhere, Interrupts, Run, RunEnd, RunError, run, together};
pub use secrets::Secrets;
pub use slots::Slots;
