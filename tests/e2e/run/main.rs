//! `palisade run`, end to end.

mod actions;
mod artifacts;
mod bad_input;
mod cache;
mod cancel;
mod checkout;
mod commands;
mod concurrency;
mod environments;
mod files;
mod hash_files;
mod identity;
mod input;
mod issuer;
mod jobs;
mod lock;
mod masking;
mod projects;
mod remote;
mod repositories;
mod reusable;
mod running;
mod sealed;
mod secrets;
mod settings;
mod shells;
mod steps;
mod tool_cache;
mod toolkit;
mod workspace;

use palisade_tests::{Context, Events, Outcome};

/// Runs a workflow of these jobs, in YAML, and gives what it said.
fn run(jobs: &str, args: &[&str]) -> (Outcome, Events) {
    run_in(&Context::new(), jobs, args)
}

fn run_in(context: &Context, jobs: &str, args: &[&str]) -> (Outcome, Events) {
    context.write(".github/workflows/w.yml", format!("on: [push, pull_request]\njobs:\n{jobs}"));
    let outcome = context.palisade().args(["run", "--json"]).args(args).run();
    let events = Events::of(&outcome);
    (outcome, events)
}

/// A workflow of one job `a` of these steps, in YAML.
fn steps(steps: &str) -> String {
    let steps = steps.trim_matches('\n');
    format!("  a:\n    runs-on: x\n    steps:\n{steps}\n")
}
