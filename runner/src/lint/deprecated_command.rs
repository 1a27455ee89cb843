//! Workflow commands of old: some still work, some are refused unless a step allows them. Source: "Deprecating save-state and set-output
//! commands" and "Deprecating set-env and add-path commands" in GitHub's changelog.

use super::text::Text;
use super::{Lint, Report, Subject};
use crate::workflow::model::{Env, StepKind};

/// What a script prints, whether it is refused, and what to do instead.
const COMMANDS: &[(&str, bool, &str)] = &[
    ("::set-output ", false, "write to the file: `echo \"NAME=VALUE\" >> \"$GITHUB_OUTPUT\"`"),
    ("::save-state ", false, "write to the file: `echo \"NAME=VALUE\" >> \"$GITHUB_STATE\"`"),
    ("::set-env ", true, "write to the file: `echo \"NAME=VALUE\" >> \"$GITHUB_ENV\"`"),
    ("::add-path::", true, "write to the file: `echo \"PATH\" >> \"$GITHUB_PATH\"`"),
];

/// The variable that makes a step's output set variables and the path.
const SWITCH: &str = "ACTIONS_ALLOW_UNSECURE_COMMANDS";

/// Looks at every script and environment.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    if let Some(workflow) = subject.workflow {
        env(&workflow.env, report);
    }
    for block in &subject.blocks {
        if let Some(job) = block.job {
            env(&job.env, report);
        }
        for step in block.steps {
            env(&step.env, report);
            if let StepKind::Run { script, .. } = &step.kind {
                commands(&Text::from(script), report);
            }
        }
    }
}

fn commands(script: &Text<'_>, report: &mut Report<'_>) {
    for (command, is_refused, help) in COMMANDS {
        let name = command.trim_matches([':', ' ']);
        for (at, _) in script.source.match_indices(command) {
            let message = match is_refused {
                true => format!("the command `{name}` is refused, unless the step allows insecure commands"),
                false => format!("the command `{name}` is deprecated"),
            };
            let end = at + command.trim_end().len();
            report.warn_part(Lint::DeprecatedCommand, (script, at..end), message, help);
        }
    }
}

fn env(env: &Env, report: &mut Report<'_>) {
    for (name, _) in env.iter().filter(|(name, _)| name.value == SWITCH) {
        let message = "whatever the step prints, of whomever, can set variables and the path of later steps";
        let help = "remove it, and write to the files that `GITHUB_ENV` and `GITHUB_PATH` name";
        report.warn(Lint::DeprecatedCommand, name.span, message, help);
    }
}
