//! Secrets that become part of a script's text instead of its environment.

use super::script::scripts;
use super::{Lint, Report, Subject};
use crate::expr::Flow;

/// Looks at every script.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    for step in subject.steps() {
        for script in scripts(step) {
            for reading in script.text.readings() {
                let name = match (reading.context, &reading.path[..]) {
                    ("secrets", [name]) => name.unwrap_or("SECRET"),
                    ("secrets", _) => "SECRETS",
                    ("github", [Some(name)]) if name.eq_ignore_ascii_case("token") => "GITHUB_TOKEN",
                    _ => continue,
                };
                if reading.flow == Flow::Decides {
                    continue;
                }
                let written = script.text.part(&reading.at);
                let message = format!(
                    "`{written}` becomes part of the script: it is in a file, and in the arguments of what the script starts"
                );
                let name = name.to_ascii_uppercase();
                let help = format!(
                    "give it to the step in `env`, `{name}: ${{{{ {written} }}}}`, and read {} in the script",
                    script.read(&name)
                );
                report.warn_part(Lint::SecretInArgument, (&script.text, reading.at.clone()), message, help);
            }
        }
    }
}
