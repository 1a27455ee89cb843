//! What the jobs of a run share.

use std::sync::Arc;

use crate::action::Actions;
use crate::identity::Broker;
use crate::job::contexts::RunContexts;
use crate::job::gate::Gates;
use crate::job::place::Place;
use crate::job::slots::Slots;
use crate::output::event::Conclusion;
use crate::store::Stores;
use crate::workflow::model::Workflow;
use crate::workflow::{Called, WorkflowFile};

/// Everything that the jobs of a run share.
pub struct Run {
    /// What it says.
    pub workflow: Arc<Workflow>,
    /// Its file, where it is called by another workflow.
    pub file: Option<WorkflowFile>,
    /// What the workflow is called.
    pub name: String,
    /// Contexts.
    pub contexts: RunContexts,
    /// Variables for every step, besides the workflow's.
    pub extra_env: Vec<(String, String)>,
    /// Sandbox, tree and tools.
    pub place: Arc<Place>,
    /// How many jobs run side by side.
    pub slots: Arc<Slots>,
    /// The workflows that it calls, directly or not.
    pub called: Arc<Called>,
    /// Actions of other repositories.
    pub actions: Arc<Actions>,
    /// What decides whether its jobs may start.
    pub gates: Gates,
    /// What jobs pass on.
    pub stores: Arc<Stores>,
    /// What steps may have of others, and by what.
    pub identity: Arc<Broker>,
    /// What its jobs need of jobs that a forge had others run.
    pub elsewhere: Vec<Elsewhere>,
}

/// A job that ran elsewhere.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Its key under `jobs:`.
    pub id: String,
    /// Whether the job here names it; else one does that it needs.
    pub direct: bool,
    /// Its result.
    pub result: Conclusion,
    /// Its outputs.
    pub outputs: Vec<(String, String)>,
}
