//! Failures as the person at the terminal sees them: whose fault, what failed, what to do, and the exit
//! code that scripts rely on.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::action::ObtainError;
use crate::job::Fault;
use crate::workflow::escape;

/// Whose fault a failure is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The job or step failed.
    Job,
    /// Usage or invalid input.
    Input,
    /// Refused by policy.
    Policy,
    /// Isolation could not be set up.
    Isolation,
    /// The forge or the network failed.
    Forge,
    /// Interrupted by a signal.
    Interrupted,
}

impl Blame {
    /// The documented exit code.
    pub fn code(self) -> u8 {
        match self {
            Blame::Job => 1,
            Blame::Input => 2,
            Blame::Policy => 3,
            Blame::Isolation => 4,
            Blame::Forge => 5,
            Blame::Interrupted => 130,
        }
    }
}

impl From<&ObtainError> for Blame {
    fn from(error: &ObtainError) -> Self {
        match error {
            ObtainError::Refused(_) => Blame::Policy,
            ObtainError::Failed(_) => Blame::Forge,
            ObtainError::Stopped => Blame::Interrupted,
        }
    }
}

/// Text as it may be written to a terminal: a message quotes files and programs that anyone may have written.
fn shown(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// A failure that ends the command.
#[derive(Debug)]
pub enum Error {
    /// clap's own report (also `--help` and `--version`, which are no failures).
    Usage(Box<clap::Error>),
    /// Everything else.
    Failed {
        /// Whose fault.
        blame: Blame,
        /// What failed and with what.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Usage(error) => error.fmt(f),
            Error::Failed { message, hint: None, .. } => f.write_str(message),
            Error::Failed { message, hint: Some(hint), .. } => write!(f, "{message}; {hint}"),
        }
    }
}

impl From<clap::Error> for Error {
    fn from(e: clap::Error) -> Self {
        Error::Usage(Box::new(e))
    }
}

impl Error {
    /// A failure without a hint.
    pub fn new(blame: Blame, message: impl Display) -> Self {
        Error::Failed { blame, message: message.to_string(), hint: None }
    }

    /// Adds what to do about it.
    pub fn hint(self, text: impl Display) -> Self {
        match self {
            Error::Failed { blame, message, .. } => {
                Error::Failed { blame, message, hint: Some(text.to_string()) }
            }
            usage => usage,
        }
    }

    /// Invalid input.
    pub fn input(message: impl Display) -> Self {
        Error::new(Blame::Input, message)
    }

    /// Why a job could not be done that failed by it.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Error::Failed { blame: Blame::Policy, .. } => Some(Fault::Refused),
            Error::Failed { blame: Blame::Isolation, .. } => Some(Fault::NoIsolation),
            _ => None,
        }
    }

    /// Prints the failure to standard error and gives its exit code.
    pub fn report(self) -> ExitCode {
        match self {
            Error::Usage(e) => {
                let _ = e.print();
                ExitCode::from(if e.use_stderr() { Blame::Input.code() } else { 0 })
            }
            Error::Failed { blame, message, hint } => {
                let mut err = std::io::stderr().lock();
                let _ = writeln!(err, "error: {}", shown(&message));
                if let Some(hint) = hint {
                    let _ = writeln!(err, "  help: {}", shown(&hint));
                }
                ExitCode::from(blame.code())
            }
        }
    }
}
