//! The token that upstream's checkout leaves in `.git/config`, in an artifact of the whole tree. Source: "ArtiPACKED",
//! Palo Alto Networks, 2024. palisade's own checkout leaves none there; the workflow may run elsewhere too.

use super::subject::official;
use super::{Lint, Report, Subject};
use crate::action::Remote;
use crate::expr::Template;
use crate::workflow::model::{Env, Step};
use crate::workflow::span::Spanned;

/// Looks at every upload after a checkout.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    for block in &subject.blocks {
        let Some(checkout) = block.steps.iter().position(persists) else { continue };
        for step in &block.steps[checkout..] {
            let Some((remote, with)) = official(step, "upload-artifact") else { continue };
            let Some(path) = input(with, "path") else { continue };
            if path.source().lines().any(is_whole_tree) && takes_hidden(remote, with) {
                let message = "the artifact has the token that the checkout leaves in `.git/config`";
                let help = "give the checkout `persist-credentials: false`, or name what is to be uploaded";
                report.warn(Lint::PersistedCredentials, path.span, message, help);
            }
        }
    }
}

/// Whether a step checks the workspace out and leaves the token there.
fn persists(step: &Step) -> bool {
    official(step, "checkout").is_some_and(|(_, with)| {
        let keeps = input(with, "persist-credentials").is_none_or(|value| value.source() != "false");
        keeps && input(with, "path").is_none()
    })
}

/// Whether an upload takes files whose names begin with a dot: not since 4.4, unless asked to.
fn takes_hidden(remote: &Remote, with: &Env) -> bool {
    if input(with, "include-hidden-files").is_some_and(|value| value.source() == "true") {
        return true;
    }
    let mut numbers = remote.reference.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), None) => major < 4,
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (4, 4),
        _ => false,
    }
}

fn is_whole_tree(path: &str) -> bool {
    let path = path.trim().trim_end_matches('/');
    let whole =
        [".", "*", "**", "./*", "./**", "**/*", "./**/*", "${{ github.workspace }}", "${{github.workspace}}"];
    whole.contains(&path)
}

fn input<'a>(with: &'a Env, name: &str) -> Option<&'a Spanned<Template>> {
    with.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
