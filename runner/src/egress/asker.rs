//! The process that has made an attempt, and how it is told in a sentence.

use std::fmt;

use palisade_sandbox::{Caller, Process};
use serde::{Deserialize, Serialize};

/// Longest that a command line is in a sentence, in characters.
const MAX_BRIEF: usize = 60;

/// The process that has made an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Itself.
    #[serde(flatten)]
    pub process: Process,
    /// Its parent, that one's parent and so on; the last is what the step runs.
    pub parents: Vec<Process>,
    /// Whether there is no other that it may have been.
    pub certain: bool,
}

impl Asker {
    /// Of what was seen.
    pub fn of(caller: &Caller, certain: bool) -> Asker {
        let Caller { process, parents } = caller.clone();
        Asker { process, parents, certain }
    }

    /// Its program's name.
    pub fn program(&self) -> String {
        program(&self.process)
    }
}

/// `` `curl` (of `make test`)``: its program, and what the step's own script has started for it.
impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asker { process, parents, certain } = self;
        write!(f, "`{}`", program(process))?;
        // The last is the step's shell.
        if let Some(below) = parents.len().checked_sub(2).and_then(|at| parents.get(at)) {
            write!(f, " (of `{}`)", brief(below))?;
        }
        f.write_str(if *certain { "" } else { ", perhaps" })
    }
}

/// A program's name.
fn program(process: &Process) -> String {
    let Process { pid, exe, command } = process;
    let path = if exe.is_empty() { command.split(' ').next().unwrap_or_default() } else { exe };
    match shown(path.rsplit('/').next().unwrap_or_default()) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("process {pid}"),
    }
}

/// A command line's beginning: whole arguments, since the part of a secret isn't known as one.
fn brief(process: &Process) -> String {
    let mut words = process.command.split(' ');
    let mut text = match words.next().map(|word| word.rsplit('/').next().unwrap_or_default()).and_then(shown)
    {
        Some(first) if !first.is_empty() => first.to_owned(),
        _ => return program(process),
    };
    for word in words {
        match shown(word) {
            Some(word) if text.chars().count() + word.chars().count() < MAX_BRIEF => {
                text.push(' ');
                text.push_str(word);
            }
            _ => {
                text.push_str(" …");
                break;
            }
        }
    }
    text
}

/// What can be shown within a line; a process can call itself anything.
fn shown(text: &str) -> Option<&str> {
    let fits = text.chars().count() <= MAX_BRIEF && !text.chars().any(|c| c.is_control() || c == '`');
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_told_by_program_and_command_and_nothing_of_it_breaks_the_line() {
        let process =
            |pid, exe: &str, command: &str| Process { pid, exe: exe.into(), command: command.into() };
        let asker = |process, parents: &[Process], certain| {
            Asker { process, parents: parents.to_vec(), certain }.to_string()
        };
        let curl = || process(9, "/usr/bin/curl", "curl -s https://a.test");
        let shell = || process(2, "/usr/bin/bash", "bash -e step.sh");
        assert_eq!(asker(curl(), &[], true), "`curl`");
        assert_eq!(asker(curl(), &[shell()], false), "`curl`, perhaps");
        let make = process(5, "/usr/bin/make", "/usr/bin/make test");
        let between = process(7, "/usr/bin/dash", "sh -c curl");
        assert_eq!(asker(curl(), &[between, make, shell()], true), "`curl` (of `make test`)");
        // Whole arguments, and nothing that a terminal or a reader could take for something else.
        let long = process(5, "/x/node", &format!("node a.js {} b", "x".repeat(60)));
        assert_eq!(asker(curl(), &[long, shell()], true), "`curl` (of `node a.js …`)");
        for odd in ["\u{1b}[2J", "a\nb", "`", ""] {
            let odd = process(5, &format!("/tmp/{odd}"), odd);
            assert_eq!(asker(odd.clone(), &[odd, shell()], true), "`process 5` (of `process 5`)");
        }
    }
}
