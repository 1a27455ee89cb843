//! What a step reaches of what its job may: the rules that the configuration has for it, and what the workflow leaves of
//! all of them (`PALISADE_EGRESS`). Decided before the step begins. Nothing that a step says decides for another one.

use super::contexts::View;
use super::execute::{Execution, Running};
use super::identity::Refused;
use crate::egress::narrow::{Narrowing, VARIABLE};
use crate::egress::{Mode, Network, OfStep, Seen};
use crate::output::event::Level;
use crate::workflow::model::Step;

/// Why a list can't be held where the network is the host's.
const HOST_NETWORK: &str = "its network is the host's, of which nothing can be taken away";

/// Reads the lists around a job's steps, the outermost first, and tells what in them the runner doesn't allow. `texts` are
/// those of its workflow, of the command line and of the job.
///
/// # Errors
/// One of them is none, or can't be held.
pub fn around(execution: &Execution<'_>, texts: &[String]) -> Result<Vec<Narrowing>, Refused> {
    let network = &execution.place.network;
    let mut lists = execution.run.narrowed.clone();
    for text in texts {
        let list = parse(text, network)?;
        if let Some(scope) = network.mode.scope() {
            let mut widest = network.steps.of_any();
            lists.iter().for_each(|list| widest.narrow(list));
            let policy = network.settings.policy_of(scope, &widest).map_err(|e| e.to_string())?;
            execution.tell_beyond(None, list.beyond(&policy));
        }
        lists.push(list);
    }
    match network.mode == Mode::Host && !lists.is_empty() {
        true => Err(refused(HOST_NETWORK)),
        false => Ok(lists),
    }
}

/// A list of a workflow that calls another, for the jobs of that.
pub fn of_caller(text: &str, network: &Network) -> Result<Narrowing, String> {
    parse(text, network).map_err(|refused| refused.outcome.reason.unwrap_or_default())
}

/// Has a step's rules hold.
///
/// # Errors
/// Its own list is none, or the gateway is gone.
pub fn enter(job: &mut Running<'_>, index: usize, step: &Step, action: &str) -> Result<(), Refused> {
    let own = job.own_list(step, Some(action))?;
    let rules = job.rules(step);
    if let (Some(list), Some(scope)) = (&own, job.execution.place.network.mode.scope()) {
        let policy = job.execution.place.network.settings.policy_of(scope, &rules);
        let policy = policy.map_err(|e| e.to_string())?;
        job.execution.tell_beyond(Some(index), list.beyond(&policy));
    }
    job.have_hold(index, rules, own.as_ref())
}

/// The same for what an action does before and after its step, which reaches what the step does.
pub fn enter_stage(job: &mut Running<'_>, index: usize) -> Result<(), Refused> {
    let step = job.trail.first().and_then(|number| job.execution.job.steps().get(*number));
    let Some(step) = step else { return Ok(()) };
    let own = job.own_list(step, None)?;
    let rules = job.rules(step);
    job.have_hold(index, rules, own.as_ref())
}

impl Execution<'_> {
    fn tell_beyond(&self, step: Option<usize>, beyond: Vec<String>) {
        for rule in beyond {
            let message = format!(
                "{VARIABLE}: {rule} isn't within what may be reached here; it takes away from that and adds nothing"
            );
            self.annotate(step, Level::Warning, message);
        }
    }
}

impl Running<'_> {
    /// The list of a step of the job's own.
    fn own_list(&self, step: &Step, action: Option<&str>) -> Result<Option<Narrowing>, Refused> {
        // Within an action the job's own steps wait as the first of all.
        let frame = self.outer.first().unwrap_or(&self.frame);
        let view = View { frame: Some(frame), ..self.view(None, action) };
        let Some(text) = step.env.get(VARIABLE, &view).map_err(|e| e.to_string())? else { return Ok(None) };
        let network = &self.execution.place.network;
        if network.mode == Mode::Host {
            return Err(refused(HOST_NETWORK));
        }
        parse(&text, network).map(Some)
    }

    /// What a step reaches before its own list.
    fn rules(&mut self, step: &Step) -> OfStep {
        let execution = self.execution;
        let network = &execution.place.network;
        if network.mode.scope().is_none() {
            return OfStep::default();
        }
        let mut rules = match network.steps.is_empty() {
            true => OfStep::default(),
            false => {
                let claims = self.claims();
                let grants: Vec<&str> = self.identity.grants().collect();
                let id = step.id.as_ref().map(|id| id.value.as_str());
                network.steps.of(Seen { claims: &claims, id, grants: &grants })
            }
        };
        self.reach.iter().for_each(|list| rules.narrow(list));
        rules
    }

    fn have_hold(&self, index: usize, mut rules: OfStep, own: Option<&Narrowing>) -> Result<(), Refused> {
        own.into_iter().for_each(|list| rules.narrow(list));
        self.at_step.enter(index, rules).map_err(|e| e.to_string().into())
    }
}

fn parse(text: &str, network: &Network) -> Result<Narrowing, Refused> {
    let list = Narrowing::parse(text).and_then(|list| list.with_forge(&network.settings.private));
    list.map_err(|e| format!("`{VARIABLE}`: {e}").into())
}

fn refused(why: &str) -> Refused {
    Refused::by_rule(format!("`{VARIABLE}` can't be held: {why}"))
}
