//! Credentials that nobody registered, found in a stream line by line.

use zeroize::Zeroizing;

use super::detect::{Action, Context, Detector, Finding, Rule};
use super::index::Index;
use super::search::Goes;
use super::search::found::Found;

/// A line longer than this is looked at in parts, which overlap.
const MAX_LINE: usize = 64 * 1024;
/// By so much.
const OVERLAP: usize = 4 * 1024;

/// A credential that was found and masked.
#[derive(Clone, Copy, Debug)]
pub struct Caught {
    /// What it is.
    pub rule: &'static Rule,
    /// What the policy says about it.
    pub action: Action,
}

/// What was found in a chunk.
#[derive(Default)]
pub struct Catch {
    /// Each credential once.
    pub caught: Vec<Caught>,
    /// Those values that are to be masked from now on wherever they stand.
    pub values: Vec<(&'static Rule, Zeroizing<Vec<u8>>)>,
}

/// Where the detector stands in a stream's text.
#[derive(Default)]
pub struct Unregistered {
    context: Context,
    /// Where the line begins that wasn't looked at.
    line: usize,
}

impl Unregistered {
    /// Looks at the lines of `text` that are whole; adds to `found`, and gives from where on the text can't be let go.
    pub fn advance(
        &mut self,
        detector: &Detector,
        index: &Index,
        text: &[u8],
        goes: Goes,
        found: &mut Found,
        catch: &mut Catch,
    ) -> usize {
        match goes {
            Goes::On => {
                let end = memchr::memrchr(b'\n', &text[self.line..]).map(|i| self.line + i + 1);
                if let Some(end) = end {
                    let context = &mut self.context;
                    scan(detector, index, &text[self.line..end], self.line, context, found, catch);
                    self.line = end;
                }
                if text.len() - self.line > MAX_LINE {
                    let context = &mut self.context.clone();
                    scan(detector, index, &text[self.line..], self.line, context, found, catch);
                    self.line = text.len() - OVERLAP;
                }
                self.line
            }
            // The line may go on; it is looked at again then.
            Goes::Silent | Goes::Interrupted => {
                let context = &mut self.context.clone();
                scan(detector, index, &text[self.line..], self.line, context, found, catch);
                text.len()
            }
            Goes::Ended => {
                let context = &mut self.context;
                scan(detector, index, &text[self.line..], self.line, context, found, catch);
                self.line = text.len();
                self.line
            }
        }
    }

    /// The text lost its first `count` bytes.
    pub fn shift(&mut self, count: usize) {
        self.line = self.line.saturating_sub(count);
    }
}

fn scan(
    detector: &Detector,
    index: &Index,
    block: &[u8],
    at: usize,
    context: &mut Context,
    found: &mut Found,
    catch: &mut Catch,
) {
    if block.is_empty() {
        return;
    }
    detector.scan(block, context, &mut |Finding { rule, span, register, continued, action }| {
        let value = &block[span.clone()];
        let span = at + span.start..at + span.end;
        // What somebody registered is no find; what was found before is registered.
        if found.covers(&span) || index.holds(value) {
            found.cover(span);
            return;
        }
        if continued {
            found.cover(span);
        } else {
            found.label(span, rule.id);
            catch.caught.push(Caught { rule, action });
        }
        if register {
            catch.values.push((rule, Zeroizing::new(value.to_vec())));
        }
    });
}
