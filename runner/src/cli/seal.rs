//! `palisade seal`, `unseal`, `reseal`: secrets that are committed, encrypted to runners.

mod key;
pub mod reseal;
pub mod unseal;

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use zeroize::Zeroizing;

use super::error::Error;
use super::{print, workflows};
use crate::local::Facts;
use crate::mask::Secret;
use crate::sealed::{Entry, Header, MAX_RECIPIENTS, Origin, PATH, PublicKey, Sealed};

/// Largest value in bytes.
const MAX_VALUE: usize = 64 << 10;
/// Largest file of public keys in bytes.
const MAX_KEYS: u64 = 64 << 10;

/// Encrypt a secret for a runner, to be committed
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "EXAMPLES
  palisade seal key init > runner.pub       on the runner, as the daemon's user: makes its key
  palisade seal --to runner.pub --name NPM_TOKEN --environment production --ref refs/heads/main
  palisade seal --to a.pub --to b.pub --name KEY --environment x --ref 'refs/tags/v*' --file k.pem
  palisade seal --to runner.pub --name TOKEN --environment test --ref 'refs/**' --local

The value is what standard input says, less the end of its last line, or what --file has, as it
is. It goes to .palisade/secrets.yml, which is committed. A job has it as `secrets.NAME` where its
forge says that it is of this repository and reference, it is for this environment, which the
runner's configuration has, and nothing of it is from a fork. docs/secrets.md tells the rest.

EXIT CODES: 0 success, 2 invalid input"
)]
pub struct Args {
    #[command(subcommand)]
    key: Option<Keys>,
    /// File with public keys of runners, one a line, which can all open it (repeatable)
    #[arg(long, value_name = "FILE", required = true)]
    to: Vec<PathBuf>,
    /// The secret's name
    #[arg(long, value_name = "NAME", required = true)]
    name: Option<String>,
    /// The environment whose jobs get it
    #[arg(long, value_name = "NAME", required = true)]
    environment: Option<String>,
    /// The reference whose runs get it, or a pattern of such (repeatable)
    #[arg(long = "ref", value_name = "PATTERN", required = true)]
    refs: Vec<String>,
    /// The repository whose jobs get it [default: that of the remote `origin`]
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// The address of its forge [default: that of the remote `origin`]
    #[arg(long, value_name = "URL", conflicts_with = "local")]
    server: Option<String>,
    /// For runs on this machine instead of jobs of a forge
    #[arg(long)]
    local: bool,
    /// File with the value, instead of standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Directory of the repository, instead of the one around the current directory
    #[arg(short = 'C', value_name = "DIR")]
    directory: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Keys {
    /// Make and show this runner's keys
    Key(key::Args),
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    // Keys or a secret are in memory here.
    palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
    match args.key {
        Some(Keys::Key(args)) => key::run(args),
        None => seal(args),
    }
}

fn seal(args: Args) -> Result<ExitCode, Error> {
    let to = recipients(&args.to)?;
    let root = root(args.directory.as_deref())?;
    let facts = Facts::of(&root);
    let origin = match args.server {
        _ if args.local => Origin::Local,
        Some(server) => Origin::Server(server),
        None if facts.has_remote() => Origin::Server(facts.server().to_owned()),
        None => {
            return Err(Error::input("the repository has no remote `origin` that names its forge")
                .hint("name the forge with --server URL, or say --local"));
        }
    };
    let repository = args.repository.as_deref().unwrap_or(facts.repository());
    let (name, environment) = (args.name.unwrap_or_default(), args.environment.unwrap_or_default());
    let header = Header::new(&name, origin, repository, &environment, &args.refs).map_err(Error::input)?;
    let mut sealed = Sealed::read(&root).map_err(Error::input)?;
    let value = value(args.file.as_deref())?;
    let told = told(&header);
    let entry = Entry::seal(header, &value, &to).map_err(Error::input)?;
    let done = if sealed.put(entry) { "replaced" } else { "sealed" };
    sealed.write(&root).map_err(Error::input)?;
    print::to_stdout(format!("{done} {told} in {PATH}: commit it\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// A secret and whom it is for, for people.
fn told(header: &Header) -> String {
    let of = match header.origin() {
        Origin::Server(server) => format!("{server}/{}", header.repository()),
        Origin::Local => format!("{}, run on this machine,", header.repository()),
    };
    let (name, environment, refs) = (header.name(), header.environment(), header.refs().join(", "));
    format!("{name} for the environment `{environment}` of {of} at {refs}")
}

/// The tree whose secrets they are.
fn root(directory: Option<&Path>) -> Result<PathBuf, Error> {
    workflows::root(directory)
}

/// The public keys in files, each once.
fn recipients(files: &[PathBuf]) -> Result<Vec<PublicKey>, Error> {
    let mut keys: Vec<PublicKey> = Vec::new();
    for path in files {
        let wrong = |what: String| Error::input(format!("--to {}: {what}", path.display()));
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_KEYS).read_to_string(&mut text))
            .map_err(|e| wrong(e.to_string()))?;
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let before = keys.len();
        for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let key = line.parse().map_err(|e| wrong(format!("line {at}: {e}")))?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if keys.len() == before && text.lines().all(|line| line.trim().is_empty()) {
            return Err(wrong("there is no key in it".into()));
        }
    }
    if keys.is_empty() || keys.len() > MAX_RECIPIENTS {
        return Err(Error::input(format!("--to: 1 to {MAX_RECIPIENTS} keys can be sealed to")));
    }
    Ok(keys)
}

/// The value that is to be sealed.
fn value(file: Option<&Path>) -> Result<Secret, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_VALUE + 1));
    let most = MAX_VALUE as u64 + 1;
    let (what, read) = match file {
        Some(path) => (
            format!("--file {}", path.display()),
            std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
        ),
        None => {
            if io::stdin().is_terminal() {
                super::run::note("type the value, which can be seen meanwhile, and end it with Ctrl-D");
            }
            ("standard input".to_owned(), io::stdin().lock().take(most).read_to_end(&mut bytes))
        }
    };
    read.map_err(|e| Error::input(format!("{what}: {e}")))?;
    if bytes.len() > MAX_VALUE {
        return Err(Error::input(format!("{what}: a value has no more than {} KiB", MAX_VALUE >> 10)));
    }
    let text = std::str::from_utf8(&bytes);
    let text = text
        .map_err(|_| Error::input(format!("{what}: the value is no UTF-8 text")).hint("seal it in base64"))?;
    let text = match file {
        Some(_) => text,
        None => text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text)),
    };
    if text.is_empty() {
        return Err(Error::input(format!("{what}: the value is empty")));
    }
    Ok(Secret::new(text.to_owned()))
}
