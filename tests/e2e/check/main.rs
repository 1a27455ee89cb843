//! `palisade check`, end to end: what people and programs read, and the exit code.

use palisade_tests::{Context, Outcome};

mod lints;
mod uses;

fn check(context: &Context, args: &[&str]) -> Outcome {
    context.palisade().args(["check"]).args(args).run()
}

/// A context with one workflow.
fn workflow(source: &str) -> Context {
    let context = Context::new();
    context.write(".github/workflows/ci.yml", source);
    context
}
