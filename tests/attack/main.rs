//! `palisade-attack NAME [ARGUMENT…]`: one hostile or harmless program, to be run outside and inside of
//! the sandbox. It prints `outcome: …` as its last line, and exits with 0 if the attack succeeded, 1 if
//! it was prevented, 2 if it can't be tried here, and 3 if the test itself is wrong.
//!
//! The library's `table` says what each is for and what must hold it.

use std::process::ExitCode;

mod callers;
mod datagrams;
mod egress;
mod exhaustion;
mod files;
mod kernel;
mod namespaces;
mod outcome;
mod privilege;
mod process;
mod sockets;
mod sys;
mod terminal;
mod twins;
mod victim;

use outcome::{Program, Stop};

const FAMILIES: [&[(&str, Program)]; 13] = [
    callers::PROGRAMS,
    datagrams::PROGRAMS,
    egress::PROGRAMS,
    exhaustion::PROGRAMS,
    files::PROGRAMS,
    kernel::PROGRAMS,
    namespaces::PROGRAMS,
    privilege::PROGRAMS,
    process::PROGRAMS,
    sockets::PROGRAMS,
    terminal::PROGRAMS,
    twins::PROGRAMS,
    victim::PROGRAMS,
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let program = FAMILIES.iter().copied().flatten().find(|(n, _)| *n == name);
    let attempt = match program {
        Some((_, program)) => program(&args.collect::<Vec<_>>()),
        None => Err(Stop::Broken(format!("no program is called `{name}`"))),
    };
    outcome::finish(&attempt)
}

#[cfg(test)]
mod tests {
    use super::FAMILIES;
    use palisade_tests::table::{Run, attacks, twins};
    use std::collections::BTreeSet;

    /// Programs that serve others, or that the tests of the gateway run: they stand in no row of their own.
    const HELPERS: [&str; 21] = [
        "around-group",
        "around-terminal",
        "linger",
        "victim",
        "ask",
        "ask-many",
        "datagram",
        "decoy",
        "dial",
        "drip",
        "echo",
        "filter",
        "flood",
        "hide",
        "hold",
        "race",
        "reach",
        "resolve",
        "send-fast",
        "storm",
        "wild",
    ];

    #[test]
    fn every_row_has_a_program_and_every_program_a_row() {
        let programs: Vec<&str> = FAMILIES.iter().copied().flatten().map(|(n, _)| *n).collect();
        let unique: BTreeSet<&str> = programs.iter().copied().collect();
        assert_eq!(unique.len(), programs.len(), "two programs have one name");
        let rows = attacks().chain(twins());
        let used: BTreeSet<&str> = rows
            .filter_map(|row| match row.run {
                Run::Program(args) => Some(args[0]),
                Run::Shell(_) => None,
            })
            .chain(HELPERS)
            .collect();
        let odd: Vec<_> = used.symmetric_difference(&unique).collect();
        assert!(odd.is_empty(), "without a row, or without a program: {odd:?}");
    }
}
