//! A step with rules of its own begins. What was connected before is decided by the rules before, also what nobody has
//! accepted yet; what is open and the new rules don't allow is reset. Then the caller hears that the rules hold, and the
//! step begins: whatever comes from now on is its own, or of a process that it was let live beside.

use super::serve::Gateway;
use super::steps::Begun;
use super::stream::Phase;
use crate::egress::OfStep;
use crate::egress::name::Name;
use crate::egress::narrow::VARIABLE;
use crate::egress::record::{Attempt, Protocol};
use crate::egress::rule::{Decision, Policy, RuleError, Scope};
use crate::egress::settings::Settings;

/// How often a listener has its turn before the rules change: more than the kernel lets wait there.
const TURNS: usize = 128;

/// What rules are made of.
#[derive(Debug)]
pub struct Entering {
    /// Which names are let through.
    pub scope: Scope,
    /// The rules of all steps.
    pub settings: Settings,
}

impl Entering {
    /// The rules for a step.
    pub fn policy(&self, step: &OfStep) -> Result<Policy, RuleError> {
        self.settings.policy_of(self.scope, step)
    }
}

impl Gateway {
    /// A step begins.
    pub(super) fn enter(&mut self, begun: Begun) {
        if let Some(rules) = begun.rules {
            self.accept_all();
            // The caller has read them before. What isn't understood lets nothing through.
            let nothing = || Policy::new(Scope::Allowed, Vec::new(), Vec::new());
            self.policy = self.entering.policy(&rules).unwrap_or_else(|_| nothing());
            self.of_step = rules;
            self.cut();
            let waits = self.outbox.entered();
            self.await_caller(waits);
        }
        self.step = Some(begun.step);
    }

    /// Takes what has connected and was asked until now: it is of the step before.
    pub(super) fn accept_all(&mut self) {
        self.answer_udp();
        for key in self.listeners.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            // What goes on connecting is a process that was let live, and of the next step as of this one.
            let _ = (0..TURNS).all(|_| self.accept(key));
        }
        for key in self.door_keys() {
            let _ = (0..TURNS).all(|_| self.job_sends(key));
        }
    }

    /// Resets what is open and isn't let through any more.
    fn cut(&mut self) {
        self.cut_flows();
        for key in self.streams.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            let Some(stream) = self.streams.get(key) else { continue };
            let opaque = stream.protocol == Some(Protocol::Opaque);
            let decision = self.policy.of_port(&stream.name, stream.port);
            let goes_on = matches!(decision, Decision::Allowed(grant) if grant.opaque || !opaque);
            if goes_on || matches!(stream.phase, Phase::Closed) {
                continue;
            }
            stream.reset();
            // What was open was reached, by who might; whoever has it may be long gone.
            let open = matches!(stream.phase, Phase::Open(_));
            self.close(key, Some("a step began that may not reach it").filter(|_| !open));
        }
    }

    /// What becomes of a connection that an earlier step may have made, and this one not.
    pub(super) fn not_of_step(&self, name: &Name, port: u16, decision: Decision<'_>) -> Attempt {
        let attempt = Attempt::new(name.as_str(), Some(port));
        match decision {
            Decision::Denied(rule) => {
                let attempt = Attempt { rule: Some(rule.to_string()), ..attempt };
                attempt.refused(format!("rule `{rule}` denies it"))
            }
            Decision::LeftOut => attempt.refused(format!("the workflow's `{VARIABLE}` leaves it out")),
            Decision::Allowed(_) | Decision::Unknown => attempt.refused("no rule of this step allows it"),
        }
    }
}
