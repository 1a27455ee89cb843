//! The command line: one module per command. Start-up is what users feel, so only the parser of the
//! command that was typed is built.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Subcommand};
use palisade_sandbox::memory::is_start_argument;
use palisade_sandbox::{InitMemory, Spare};

mod approve;
mod cancel;
mod check;
mod completions;
mod config;
mod daemon;
mod doctor;
mod drain;
mod error;
mod expr;
mod file;
mod forges;
mod hook;
mod identity;
mod issuer;
mod job;
mod jobs;
mod launcher;
mod list;
mod lock;
mod logs;
mod man;
mod mask;
mod network;
mod print;
mod register;
mod registrations;
mod run;
pub mod sandbox;
mod seal;
mod secrets;
mod setting;
mod signals;
mod status;
mod submit;
mod table;
mod top;
mod unregister;
mod workflows;

pub use error::{Blame, Error};

const EXAMPLES: &str = "\
EXAMPLES
  palisade run
  palisade check
  palisade doctor
  palisade sandbox --report -- id";

/// palisade's command line.
#[derive(clap::Parser)]
#[command(
    name = "palisade",
    version,
    about = "A self-hosted, hardened CI runner",
    max_term_width = 100,
    after_help = EXAMPLES
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Let a job use an environment that it waits for, or not
    Approve(approve::Args),
    /// Cancel a run or a job of the daemon's own queue
    Cancel(cancel::Args),
    /// Validate workflow files
    Check(check::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
    /// Check, show or print the configuration
    Config(config::Args),
    /// Take jobs from forges
    Daemon(daemon::Args),
    /// Check this machine: isolation, tools, configuration
    Doctor(doctor::Args),
    /// Have the daemon take no more jobs and end
    Drain(drain::Args),
    /// Evaluate an expression
    Expr(expr::Args),
    /// Make a git repository a CI server
    Hook(hook::Args),
    /// Show who a job would be to others, and which grants it would have
    Identity(identity::Args),
    /// Make and publish the keys that sign ID tokens
    Issuer(issuer::Args),
    /// Run one job of a forge: the daemon's, not yours
    #[command(hide = true)]
    Job(job::Args),
    /// List the runs of the daemon's own queue
    Jobs(jobs::Args),
    /// Start jobs for the daemon, as a service of its own
    Launcher(launcher::Args),
    /// Pin the actions and workflows of other repositories to commits
    Lock(lock::Args),
    /// Show what a run of the daemon's own queue has printed
    Logs(logs::Args),
    /// Print a manual page, in roff
    Man(man::Args),
    /// Mask secrets in what another program prints; look for credentials in files
    Mask(mask::Args),
    /// Register this host as a runner of a forge
    Register(register::Args),
    /// List the forges that this host is registered at
    Registrations(registrations::Args),
    /// Seal a repository's secrets again, to other keys
    Reseal(seal::reseal::Args),
    /// Run a workflow on this machine
    Run(Box<run::Args>),
    /// Run one command in the job sandbox, with its exit code
    Sandbox(sandbox::Args),
    /// Encrypt a secret for a runner, to be committed
    Seal(seal::Args),
    /// Show what the daemon does
    Status(status::Args),
    /// Hand a commit to the daemon of this host
    Submit(submit::Args),
    /// Show what the daemon does, live
    Top(top::Args),
    /// Forget a registration
    Unregister(unregister::Args),
    /// Print a secret that is sealed to this runner
    Unseal(seal::unseal::Args),
}

/// An init for a command that will need one, which has its namespaces by the time that the command knows what it is to
/// do. Before anything else is in memory: init gets a copy of it, and no secret may be in that. Where this fails, the
/// command's own sandbox will fail too, and tell why.
pub fn spare() -> Option<Spare> {
    let needed = ["run", "job", "sandbox"].into_iter().any(|name| is_start_argument(1, name));
    if needed { Spare::start(InitMemory::Copied).ok() } else { None }
}

/// Runs the command line and gives the process's exit code.
pub fn main(spare: Option<Spare>) -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match parse(args).and_then(|command| dispatch(command, spare)) {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}

fn parse(args: Vec<OsString>) -> Result<Command, Error> {
    // What starts most often and has to start fast doesn't pay for the parsers of all the others.
    match args.get(1).and_then(|name| name.to_str()) {
        Some("run") => return only("run", args).map(|args| Command::Run(Box::new(args))),
        Some("job") => return only("job", args).map(Command::Job),
        Some("sandbox") => return only("sandbox", args).map(Command::Sandbox),
        // What does nothing but wait keeps no memory for them either.
        Some("launcher") => return only("launcher", args).map(Command::Launcher),
        _ => {}
    }
    let matches = Cli::command().try_get_matches_from(args)?;
    Ok(Cli::from_arg_matches(&matches)?.command)
}

/// Parses the arguments of one command, as the whole parser would.
fn only<A: clap::Args>(name: &'static str, args: Vec<OsString>) -> Result<A, Error> {
    let command = clap::Command::new(name).bin_name(format!("palisade {name}")).max_term_width(100);
    let matches = A::augment_args(command).try_get_matches_from(args.into_iter().skip(1))?;
    Ok(A::from_arg_matches(&matches)?)
}

/// Whether what goes to standard error may have colours.
fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn dispatch(command: Command, spare: Option<Spare>) -> Result<ExitCode, Error> {
    match command {
        Command::Approve(args) => approve::run(args),
        Command::Cancel(args) => cancel::run(args),
        Command::Check(args) => check::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Config(args) => config::run(args),
        Command::Daemon(args) => daemon::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Drain(args) => drain::run(args),
        Command::Expr(args) => expr::run(args),
        Command::Hook(args) => hook::run(args),
        Command::Identity(args) => identity::run(args),
        Command::Issuer(args) => issuer::run(args),
        Command::Job(args) => job::run(args, spare),
        Command::Jobs(args) => jobs::run(args),
        Command::Launcher(args) => launcher::run(args),
        Command::Lock(args) => lock::run(args),
        Command::Logs(args) => logs::run(args),
        Command::Man(args) => man::run(args),
        Command::Mask(args) => mask::run(args),
        Command::Register(args) => register::run(args),
        Command::Registrations(args) => registrations::run(args),
        Command::Reseal(args) => seal::reseal::run(args),
        Command::Run(args) => run::run(*args, spare),
        Command::Sandbox(args) => sandbox::run(args, spare),
        Command::Seal(args) => seal::run(args),
        Command::Status(args) => status::run(args),
        Command::Submit(args) => submit::run(args),
        Command::Top(args) => top::run(args),
        Command::Unregister(args) => unregister::run(args),
        Command::Unseal(args) => seal::unseal::run(args),
    }
}
