//! The command line: one module per command. Start-up is what users feel, so only the parser of the
//! command that was typed is built.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{FromArgMatches, Subcommand};

mod error;
mod expr;
pub mod sandbox;

pub use error::{Blame, Error};

/// palisade's command line.
#[derive(clap::Parser)]
#[command(name = "palisade", version, about = "A self-hosted, hardened CI runner", max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Evaluate an expression
    Expr(expr::Args),
    /// Run one command in the job sandbox, with its exit code
    Sandbox(sandbox::Args),
}

/// Runs the command line and gives the process's exit code.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match parse(args).and_then(dispatch) {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}

fn parse(args: Vec<OsString>) -> Result<Command, Error> {
    let command = <Cli as clap::CommandFactory>::command();
    let matches = command.try_get_matches_from(args)?;
    Ok(Cli::from_arg_matches(&matches)?.command)
}

fn dispatch(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Expr(args) => expr::run(args),
        Command::Sandbox(args) => sandbox::run(args),
    }
}
