//! What a row of the attack table may say.

use palisade_sandbox::LayerId;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// A program of `palisade-attack` and its arguments.
    Program(&'static [&'static str]),
    /// A script for `sh`, which succeeds if its last command does.
    Shell(&'static str),
}

/// What proves that an attack succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It says so.
    Says,
    /// The host's canary is in its output, whatever it says.
    Leaks,
    /// The guarded directory of the host isn't as it was.
    Changes,
    /// A process of it is alive after its end.
    Survives,
}

/// Who can succeed outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Every user.
    Anyone,
    /// Root alone: for an ordinary user the row is void outside, and still tried inside.
    Root,
}

/// What stands between the suite and the command line, the sandbox's or the attack's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// Nothing.
    Nothing,
    /// `palisade-attack around-terminal`: a controlling terminal.
    Terminal,
    /// `palisade-attack around-group`: a process group with a witness in it.
    Group,
    /// The same command has been run before.
    Twice,
}

/// What standard input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `/dev/null`.
    Null,
    /// The guarded file of the host, opened for reading.
    File,
    /// The root directory of the host.
    Root,
    /// The console, where the caller may open it.
    Console,
}

/// One attack, or one harmless twin.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Stable; the row's name in the report.
    pub name: &'static str,
    /// What it would gain.
    pub purpose: &'static str,
    /// What is run.
    pub run: Run,
    /// What proves its success.
    pub proof: Proof,
    /// Who can succeed outside.
    pub needs: Needs,
    /// The layers that each hold it alone. Without one of them it must still fail if another is named.
    pub held_by: &'static [LayerId],
    /// What stands around it.
    pub around: Around,
    /// Its standard input.
    pub input: Input,
    /// Options of `palisade sandbox` for this row; `@NAME` stands for a fact about the host, and
    /// `@DECOY` for a variable with the canary, which the command may see in its environment.
    pub options: &'static [&'static str],
    /// What palisade says where it refuses to run the command at all.
    pub refused: Option<&'static str>,
    /// An open finding: what it is that isn't as it should be inside. The suite fails once that is mended.
    pub open: Option<&'static str>,
}

impl Row {
    /// A row that runs a program of `palisade-attack`.
    pub const fn program(name: &'static str, args: &'static [&'static str], purpose: &'static str) -> Row {
        Row {
            name,
            purpose,
            run: Run::Program(args),
            proof: Proof::Says,
            needs: Needs::Anyone,
            held_by: &[],
            around: Around::Nothing,
            input: Input::Null,
            options: &[],
            refused: None,
            open: None,
        }
    }

    /// A row that runs a shell script.
    pub const fn shell(name: &'static str, script: &'static str, purpose: &'static str) -> Row {
        Row { run: Run::Shell(script), ..Row::program(name, &[], purpose) }
    }

    /// Succeeds outside for root alone.
    pub const fn root(self) -> Row {
        Row { needs: Needs::Root, ..self }
    }

    /// Sets the proof of success.
    pub const fn proof(self, proof: Proof) -> Row {
        Row { proof, ..self }
    }

    /// Sets the layers that each hold it alone.
    pub const fn held_by(self, held_by: &'static [LayerId]) -> Row {
        Row { held_by, ..self }
    }

    /// Sets what stands around it.
    pub const fn around(self, around: Around) -> Row {
        Row { around, ..self }
    }

    /// Sets its standard input.
    pub const fn input(self, input: Input) -> Row {
        Row { input, ..self }
    }

    /// Sets options of `palisade sandbox`.
    pub const fn options(self, options: &'static [&'static str]) -> Row {
        Row { options, ..self }
    }

    /// Sets what palisade says where it refuses to run the command at all.
    pub const fn refused(self, text: &'static str) -> Row {
        Row { refused: Some(text), ..self }
    }

    /// Marks an open finding.
    pub const fn open(self, finding: &'static str) -> Row {
        Row { open: Some(finding), ..self }
    }
}
