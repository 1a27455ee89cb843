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
    /// The variables of `set-env`, likewise; none where the step may not set any.
    pub env: Vec<(String, String)>,
    /// The directories of `add-path`, likewise.
    pub path: Vec<String>,
}

/// Most bytes of names and values that one step may print, as much as its files may hold.
pub const MAX_KEPT: usize = 1 << 20;
/// The variable that names the file which does the same as `add-path`.
pub const PATH_VARIABLE: &str = "GITHUB_PATH";
/// Most values.
const MAX_VALUES: usize = 10_000;

/// What is kept until the step has ended.
#[derive(Debug, Default)]
pub struct Values {
    /// Outputs.
    pub outputs: Vec<(String, String)>,
    /// State.
    pub state: Vec<(String, String)>,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// Directories.
    pub path: Vec<String>,
    bytes: usize,
}

impl Values {
    /// Keeps one more, unless there are too many.
    pub fn add(&mut self, what: Kept, name: String, value: String) -> Result<(), String> {
        self.count(name.len() + value.len(), what.variable())?;
        let pairs = match what {
            Kept::Output => &mut self.outputs,
            Kept::State => &mut self.state,
            Kept::Env => &mut self.env,
        };
        pairs.push((name, value));
        Ok(())
    }

    /// Keeps a directory, likewise.
    pub fn add_path(&mut self, directory: String) -> Result<(), String> {
        self.count(directory.len(), PATH_VARIABLE)?;
        self.path.push(directory);
        Ok(())
    }

    /// Counts a value of so many bytes that belongs into the file that a variable names.
    fn count(&mut self, bytes: usize, variable: &str) -> Result<(), String> {
        let bytes = self.bytes + bytes;
        let values = self.outputs.len() + self.state.len() + self.env.len() + self.path.len();
        if bytes > MAX_KEPT || values == MAX_VALUES {
            return Err(format!(
                "a step may print {MAX_VALUES} values of together {MAX_KEPT} bytes (rule `size`); write to the \
                 file ${variable}"
            ));
        }
        self.bytes = bytes;
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
