//! What a step gave by printing commands, within bounds.

use super::super::command::Kept;

/// What came of a step's output, besides what was shown.
#[derive(Debug, Default)]
pub struct Printed {
    /// Why the step fails although its program may have succeeded: it printed a credential that the policy
    /// doesn't let pass, or a command that can't be carried out.
    pub failure: Option<String>,
    /// The values of `set-output`, in order; a name may come again.
    pub outputs: Vec<(String, String)>,
    /// The values of `save-state`, likewise.
    pub state: Vec<(String, String)>,
}

/// Most bytes of names and values that one step may print, as much as its files may hold.
pub const MAX_KEPT: usize = 1 << 20;
/// Most values.
const MAX_VALUES: usize = 10_000;

/// The values of `set-output` and `save-state`.
#[derive(Debug, Default)]
pub struct Values {
    /// Outputs.
    pub outputs: Vec<(String, String)>,
    /// State.
    pub state: Vec<(String, String)>,
    bytes: usize,
}

impl Values {
    /// Keeps one more, unless there are too many.
    pub fn add(&mut self, what: Kept, name: String, value: String) -> Result<(), String> {
        let bytes = self.bytes + name.len() + value.len();
        if bytes > MAX_KEPT || self.outputs.len() + self.state.len() == MAX_VALUES {
            return Err(format!(
                "a step may print {MAX_VALUES} values of together {MAX_KEPT} bytes (rule `size`); write to the \
                 file ${}",
                what.variable()
            ));
        }
        self.bytes = bytes;
        let pairs = match what {
            Kept::Output => &mut self.outputs,
            Kept::State => &mut self.state,
        };
        pairs.push((name, value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bounded_in_number_and_size() {
        let mut many = Values::default();
        let accepted =
            (0..MAX_VALUES + 5).filter(|i| many.add(Kept::State, format!("{i}"), "".into()).is_ok());
        assert_eq!(accepted.count(), MAX_VALUES);
        let mut large = Values::default();
        let value = "x".repeat(MAX_KEPT / 2);
        assert!(large.add(Kept::Output, "a".into(), value.clone()).is_ok());
        assert!(large.add(Kept::Output, "b".into(), value).is_err());
        assert!(large.add(Kept::State, "c".into(), "small".into()).is_ok());
        assert_eq!((large.outputs.len(), large.state.len()), (1, 1));
    }
}
