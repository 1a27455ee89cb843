//! `palisade config`: what is configured, whether it can be, and what it would be by default.

use std::path::PathBuf;
use std::process::ExitCode;

use super::error::Error;
use super::print;
use crate::config::{Config, DEFAULTS};

/// Check the configuration, show it with all defaults, or print a documented one.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade config check
  palisade config check --config /etc/palisade/config.toml
  palisade config show
  palisade config default > ~/.config/palisade/config.toml

EXIT CODES: 0, 2 the configuration can't be read or isn't valid")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Say whether the configuration is valid, and where it is
    Check(Check),
    /// Print each key with the value that holds
    Show(Show),
    /// Print a configuration with every key, its default and what it means
    Default(Default),
}

#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade config check --config /etc/palisade/config.toml && systemctl reload palisade")]
struct Check {
    /// Configuration file [default: palisade/config.toml in $XDG_CONFIG_HOME]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade config show | grep capacity
  palisade config show --json | jq .network")]
struct Show {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Configuration file [default: palisade/config.toml in $XDG_CONFIG_HOME]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade config default > ~/.config/palisade/config.toml")]
struct Default {}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Check(Check { config }) => {
            Config::find(config.as_deref()).map_err(Error::input)?;
            let text = match config.or_else(Config::of_user) {
                Some(path) if path.exists() => format!("`{}` is valid\n", path.display()),
                Some(path) => format!("there is no `{}`: the defaults hold\n", path.display()),
                None => "there is no configuration: the defaults hold\n".to_owned(),
            };
            print::to_stdout(text)?;
        }
        Command::Show(Show { json, config }) => {
            let effective = Config::effective(config.as_deref()).map_err(Error::input)?;
            print::to_stdout(match json {
                true => format!("{}\n", serde_json::json!(effective)),
                false => effective.to_string(),
            })?;
        }
        Command::Default(Default {}) => print::to_stdout(DEFAULTS)?,
    }
    Ok(ExitCode::SUCCESS)
}
