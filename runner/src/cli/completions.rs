//! `palisade completions`: what a shell needs to complete palisade's command line.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Error, print};

/// Print the completions of a shell.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade completions bash > ~/.local/share/bash-completion/completions/palisade
  palisade completions zsh > ~/.zfunc/_palisade
  palisade completions fish > ~/.config/fish/completions/palisade.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    // Into memory first: the generator panics where it can't write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "palisade", &mut script);
    print::to_stdout(script)?;
    Ok(ExitCode::SUCCESS)
}
