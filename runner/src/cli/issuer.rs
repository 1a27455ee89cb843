//! `palisade issuer`: the keys that sign ID tokens, and what is published of them.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::{Blame, Error};
use super::print;
use super::table::table;
use crate::identity::exchange::Algorithm;
use crate::identity::issuer::token::seconds;
use crate::identity::issuer::{Issuer, IssuerError, Standing, documents, serve};
use crate::output::clock;
use crate::state::State;

/// Make and publish the keys that sign ID tokens
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade issuer init --url https://ci.example.com   keys, and who they speak for
  palisade issuer publish /srv/www                    what others verify by, for a web server
  palisade issuer serve --listen 127.0.0.1:8080       the same, behind a proxy with TLS
  palisade issuer rotate                              new keys, which sign a day later
  palisade issuer show                                which key signs

docs/identity.md says how jobs get tokens, and what clouds have to be told.

EXIT CODES: 0 success, 2 invalid input, or there is no issuer")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    /// The state directory [default: palisade in $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR", global = true)]
    state: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make an issuer, with a key of each kind
    #[command(after_help = "EXAMPLES
  palisade issuer init --url https://ci.example.com
  palisade issuer init --url https://storage.example.com/ci --algorithm ES256")]
    Init {
        /// Where it will be published, as tokens name it; it can't be changed
        #[arg(long, value_name = "URL")]
        url: String,
        /// Only keys of this kind (repeatable); Microsoft Entra takes nothing but RS256
        #[arg(long, value_name = "NAME")]
        algorithm: Vec<Kind>,
    },
    /// Make new keys, which sign once they have been published for a day
    #[command(after_help = "EXAMPLES
  palisade issuer rotate && palisade issuer publish /srv/www
  palisade issuer rotate --at-once      the old ones are known to somebody

Old keys sign until then, and stay published until nothing that they signed is alive.")]
    Rotate {
        /// Only keys of this kind (repeatable)
        #[arg(long, value_name = "NAME")]
        algorithm: Vec<Kind>,
        /// Forget the old keys now. Tokens fail where others still have a copy of what was published before
        #[arg(long)]
        at_once: bool,
    },
    /// Write what others verify tokens by to a directory, for any web server or bucket
    #[command(after_help = "EXAMPLES
  palisade issuer publish /srv/www
  palisade issuer publish ./site && rclone copy ./site bucket:ci

Serve `.well-known/openid-configuration` as application/json.")]
    Publish {
        /// The directory that the issuer's address shows
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Serve what others verify tokens by, in plain HTTP
    #[command(after_help = "EXAMPLES
  palisade issuer serve --listen 127.0.0.1:8080")]
    Serve {
        /// Where to listen
        #[arg(long, value_name = "ADDR:PORT")]
        listen: SocketAddr,
    },
    /// Show the keys
    #[command(after_help = "EXAMPLES
  palisade issuer show")]
    Show,
}

/// A kind of key, as it is typed.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    #[value(name = "ES256")]
    Es256,
    #[value(name = "RS256")]
    Rs256,
}

fn algorithms(kinds: &[Kind]) -> Vec<Algorithm> {
    let of = |kind: &Kind| match kind {
        Kind::Es256 => Algorithm::Es256,
        Kind::Rs256 => Algorithm::Rs256,
    };
    let mut algorithms: Vec<Algorithm> = kinds.iter().map(of).collect();
    algorithms.sort();
    algorithms.dedup();
    algorithms
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    // Keys are in memory here.
    palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
    let state = State::locate(args.state);
    let said = match args.action {
        Action::Init { url, algorithm } => init(&state, &url, &algorithms(&algorithm)),
        Action::Rotate { algorithm, at_once } => rotate(&state, &algorithms(&algorithm), at_once),
        Action::Publish { directory } => {
            let issuer = Issuer::open(&state).map_err(failed)?;
            let now = seconds(SystemTime::now());
            documents::write(issuer.ledger(), &directory, now)
                .map_err(|e| Error::input(format!("cannot write to `{}`: {e}", directory.display())))?;
            let issuer = issuer.published().map_err(failed)?;
            let url = &issuer.ledger().url;
            Ok(format!(
                "written: {0}{1}\n         {0}{2}\nthey are to be found at {url}{1} and {url}{2}\n",
                directory.display(),
                documents::CONFIGURATION,
                documents::KEYS
            ))
        }
        Action::Serve { listen } => {
            let listener = TcpListener::bind(listen)
                .map_err(|e| Error::new(Blame::Input, format!("cannot listen on {listen}: {e}")))?;
            let at = listener.local_addr().unwrap_or(listen);
            Issuer::open(&state).map_err(failed)?;
            print::to_stdout(format!("serving on http://{at}\n"))?;
            let _server = serve(&state, listener).map_err(failed)?;
            loop {
                std::thread::park();
            }
        }
        Action::Show => show(&Issuer::open(&state).map_err(failed)?),
    }?;
    print::to_stdout(said)?;
    Ok(ExitCode::SUCCESS)
}

fn failed(error: IssuerError) -> Error {
    Error::input(error)
}

fn init(state: &State, url: &str, algorithms: &[Algorithm]) -> Result<String, Error> {
    let all = if algorithms.is_empty() { &Algorithm::ALL[..] } else { algorithms };
    let issuer = Issuer::init(state, url, all).map_err(failed)?;
    Ok(format!(
        "{}\nPublish it (`palisade issuer publish DIR`, or `serve`) so that {url}{} shows it, and write a\n\
         [[grant]] to the configuration: docs/identity.md has examples.\n",
        show(&issuer)?,
        documents::CONFIGURATION
    ))
}

fn rotate(state: &State, algorithms: &[Algorithm], at_once: bool) -> Result<String, Error> {
    let issuer = Issuer::open(state).map_err(failed)?;
    let issuer = issuer.rotate(algorithms, at_once).map_err(failed)?;
    let next = match at_once {
        true => {
            "The old keys are gone. Publish the new ones now: until then nobody can verify what they sign.\n"
        }
        false => {
            "Publish the new keys (`palisade issuer publish DIR`; `serve` has done so): they sign a day after.\n"
        }
    };
    Ok(show(&issuer)? + "\n" + next)
}

fn show(issuer: &Issuer) -> Result<String, Error> {
    let (ledger, now) = (issuer.ledger(), seconds(SystemTime::now()));
    let at = |seconds: u64| clock::at(UNIX_EPOCH + Duration::from_secs(seconds));
    let heading = ["KEY", "ALGORITHM", "MADE", "STANDING"].map(str::to_owned);
    let row = |key: &crate::identity::issuer::ledger::Entry| {
        let standing = match ledger.standing(key, now) {
            Standing::Unpublished => "not published yet".to_owned(),
            Standing::Waiting(from) => format!("signs from {}", at(from)),
            Standing::Signs => "signs".to_owned(),
            Standing::Retiring(until) => format!("published until {}", at(until)),
            Standing::Dead => "dead".to_owned(),
        };
        [key.kid.clone(), key.algorithm.to_string(), at(key.made), standing]
    };
    let mut said = String::new();
    // Writing to a text never fails.
    let _ = writeln!(said, "issuer {}", ledger.url);
    Ok(said + &table(std::iter::once(heading).chain(ledger.keys().iter().map(row))))
}
