//! Finds credentials that nobody registered, by what their providers say they look like.
//!
//! [`rules`] is the table: a file per family of providers, a [`Rule`] per kind. A [`Detector`] looks for all of
//! them at once: a prefilter finds the few places where one could begin, and what stands there is
//! compared with the rule's parts and then checked (checksum, structure, no placeholder). [`Context`] is what one
//! block of a stream tells about the next.
//!
//! Nothing here masks. Every cost is linear in the size of the block, whatever it holds.

mod armour;
mod assign;
mod check;
mod command;
mod generic;
mod manifest;
mod paths;
mod policy;
mod prefilter;
mod rule;
pub mod rules;
mod scan;
mod set;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod userinfo;

use std::ops::Range;

pub use paths::{AllowedPaths, BadPattern};
pub use policy::{Action, Digest, Policy, UnknownRule};
pub use rule::{Rule, Severity};

use prefilter::PREFILTER;
use rule::Partner;
use scan::Scan;

/// Looks for credentials. Made at no cost.
#[derive(Debug)]
pub struct Detector {
    policy: Policy,
}

/// What one block of a stream tells about the next: a private key or a manifest that goes on, an identifier whose
/// secret is yet to come. One per stream.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The rule and the state of a private key that goes on.
    key: Option<(&'static Rule, armour::Key)>,
    /// The rule and the state of a manifest that goes on.
    manifest: Option<(&'static Rule, manifest::Manifest)>,
    /// What is expected to follow soon, and in how many bytes.
    partner: Option<(&'static Partner, usize)>,
}

/// A credential that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is.
    pub rule: &'static Rule,
    /// Where its secret stands in the block.
    pub span: Range<usize>,
    /// Whether it is distinct enough to be masked from now on wherever it stands. A password may be an everyday
    /// word.
    pub register: bool,
    /// Whether it is a further piece of the one before, as each line of a private key is.
    pub continued: bool,
    /// What the policy says about it; never [`Action::Off`].
    pub action: Action,
}

impl Detector {
    /// Looks for what `policy` doesn't switch off.
    pub fn new(policy: Policy) -> Detector {
        Detector { policy }
    }

    /// Calls `found` with every credential in `block`, in their order; none overlaps another.
    ///
    /// `block` is one or more whole lines of a stream, and `context` what remains of those before. Its last line
    /// may lack its end where the stream ended or fell silent.
    pub fn scan(&self, block: &[u8], context: &mut Context, found: &mut dyn FnMut(Finding)) {
        let mut scan = Scan::new(block, context);
        scan.resume();
        let table = rules::table();
        PREFILTER.scan(block, |at, anchor| {
            let rule = table.get(usize::from(anchor.rule));
            if let Some(rule) = rule.filter(|rule| self.policy.action(rule) != Action::Off) {
                scan.candidate(rule, at, anchor);
            }
        });
        for hit in scan.hits() {
            let action = self.policy.action(hit.rule);
            if action != Action::Off && !self.policy.allows(&block[hit.span.clone()]) {
                found(Finding {
                    rule: hit.rule,
                    span: hit.span,
                    register: hit.register,
                    continued: hit.continued,
                    action,
                });
            }
        }
    }
}
