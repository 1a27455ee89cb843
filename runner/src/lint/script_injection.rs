//! Text of a stranger that becomes part of a script.

use super::script::{Script, scripts};
use super::subject::Block;
use super::text::Text;
use super::untrusted::is_untrusted;
use super::{Lint, Report, Subject};
use crate::expr::{Flow, Reading};
use crate::workflow::model::Step;

/// Looks at every script.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    for block in &subject.blocks {
        for step in block.steps {
            for script in scripts(step) {
                for reading in script.text.readings() {
                    one(block, step, &script, &reading, report);
                }
            }
        }
    }
}

fn one(block: &Block<'_>, step: &Step, script: &Script<'_>, reading: &Reading<'_>, report: &mut Report<'_>) {
    let read = script.text.part(&reading.at);
    let written = match reading.flow {
        Flow::Json => format!("toJSON({read})"),
        Flow::Text | Flow::Decides => read.to_owned(),
    };
    let place = (&script.text, reading.at.clone());
    if is_untrusted(reading) {
        let message = format!("`{written}` may be text of a stranger, and becomes part of the script");
        let name = variable(reading);
        let variable = script.read(&name);
        let help = format!(
            "give it to the step in `env`, `{name}: ${{{{ {written} }}}}`, and read {variable} in the script"
        );
        report.warn_part(Lint::ScriptInjection, place, message, help);
    } else if let Some((name, origin)) = through_env(block, step, reading) {
        let message =
            format!("`{written}` is `{origin}`, may be text of a stranger, and becomes part of the script");
        let help = format!("read the variable in the script, as {}", script.read(&name));
        report.warn_part(Lint::ScriptInjection, place, message, help);
    }
}

/// The name of a variable for what is read.
fn variable(reading: &Reading<'_>) -> String {
    let last = reading.path.iter().rev().find_map(|name| *name).unwrap_or(reading.context);
    last.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// The variable and what it was given, where a reading of `env` gives text of a stranger.
fn through_env<'a>(block: &Block<'a>, step: &'a Step, reading: &Reading<'_>) -> Option<(String, &'a str)> {
    let (("env", [Some(name)]), Flow::Text) = ((reading.context, &reading.path[..]), reading.flow) else {
        return None;
    };
    let mut envs = std::iter::once(&step.env).chain(block.envs.iter().copied());
    let (known, value) =
        envs.find_map(|env| env.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)))?;
    let text = Text::from(value);
    let origin = text.readings().find(is_untrusted)?;
    Some((known.value.clone(), text.part(&origin.at)))
}
