//! `palisade register`: makes this host a runner of a forge, or one that was made there.

mod other;

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use palisade_proto::Instance;
use palisade_proto::forgejo::{self, Credentials, Declaration, Dialect, Registered, Server};
use palisade_sandbox::memory::{StartString, erase_start_strings};
use zeroize::Zeroizing;

use super::error::{Blame, Error};
use super::print;
use super::setting::Setting;
use super::{file, forges};
use crate::forge::forgejo::VERSION;
use crate::mask::Secret;
use crate::registration::{Known, Registration, Scope};
use crate::state::State;

use other::Other;

/// What `runs-on` may name where nobody says it.
const LABELS: [&str; 2] = ["self-hosted", "linux"];

/// Longest name of a runner that forges keep, in bytes.
const MAX_NAME: usize = 255;

/// Longest registration token, in bytes. Both servers' have 40.
const MAX_TOKEN: usize = 4 << 10;

/// Register this host as a runner of a forge.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade register --instance https://git.example.org --token-file token
  pass forge/token | palisade register --instance https://git.example.org --labels linux,docker
  palisade register --instance https://gitea.example.org --ephemeral --token-file token
  palisade register --instance https://git.example.org --uuid 33834eef-… --token-file token
  palisade register --from /var/lib/forgejo-runner/.runner

The token is the forge's registration token: of a repository, an organisation or the whole
instance; it decides whose jobs come here. A Forgejo also makes runners in its settings, by its
API or by `forgejo-cli actions register`, and gives a UUID and a token of that runner alone: give
both. The token is read from --token-file, else from standard input; in --token other users of
this machine can see it while palisade starts, and it stays in a shell's history. Labels are what
`runs-on` of a workflow names.

--from takes over the registration that Forgejo's or Gitea's own runner has kept, with its labels:
stop that one, since two that are the same runner take each other's jobs.

What the forge gives in return is kept in the state directory, for this user alone. A service of
systemd takes it rather from its credential `palisade.NAME`, where it has one.

A daemon that runs already takes the registration up within a few seconds.

EXIT CODES: 0 success, 2 invalid input, 3 the forge refuses, 4 the state directory can't be used,
5 the forge can't be reached")]
pub struct Args {
    /// Which kind of forge it is [default: what is found at its address]
    #[arg(long, value_name = "KIND", value_parser = ["forgejo", "gitea"])]
    forge: Option<String>,
    /// The forge's address
    #[arg(long, value_name = "URL", required_unless_present = "from")]
    instance: Option<Instance>,
    /// The file `.runner` of another runner, which this one is from now on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["instance", "token", "token_file", "uuid", "ephemeral"])]
    from: Option<PathBuf>,
    /// The registration token; with --uuid, the runner's own
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file", value_parser = secret)]
    token: Option<Secret>,
    /// A file with the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The runner that the token is of, where it was made at the forge
    #[arg(long, value_name = "UUID", conflicts_with = "ephemeral")]
    uuid: Option<String>,
    /// The runner's name at the forge [default: this host's; with --uuid, the forge's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What `runs-on` may name for its jobs to come here [default: self-hosted,linux; with --from, that one's]
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',')]
    labels: Option<Vec<String>>,
    /// Whose jobs the token is for, to be shown by `palisade registrations`; the token itself decides
    #[arg(long, value_name = "repo:O/R|org:O|instance")]
    scope: Option<Scope>,
    /// Take one job, ever; the forge then forgets this runner
    #[arg(long)]
    ephemeral: bool,
    /// Send the token also where nothing encrypts it
    #[arg(long)]
    insecure_http: bool,
    #[command(flatten)]
    setting: Setting,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// Who is to be registered.
struct Wanted {
    instance: Instance,
    token: Secret,
    /// Of a runner that the forge knows already.
    uuid: Option<String>,
    name: Option<String>,
    labels: Vec<String>,
    /// Labels whose jobs ran elsewhere so far.
    elsewhere: Vec<String>,
}

impl Wanted {
    /// By the options, and the file that they name.
    fn by(args: &Args) -> Result<Wanted, Error> {
        let Some(path) = &args.from else {
            let instance =
                args.instance.clone().ok_or_else(|| Error::input("give the forge's address: --instance"))?;
            let (token, uuid, name) = (token(args)?, args.uuid.clone(), args.name.clone());
            let labels = args.labels.clone().unwrap_or_else(|| LABELS.map(str::to_owned).to_vec());
            return Ok(Wanted { instance, token, uuid, name, labels, elsewhere: Vec::new() });
        };
        let Other { instance, uuid, token, name, labels, elsewhere } = Other::read(path)?;
        let name = args.name.clone().or(Some(name).filter(|name| !name.is_empty()));
        let (labels, elsewhere) = match &args.labels {
            Some(labels) => (labels.clone(), Vec::new()),
            None if labels.is_empty() => {
                let error = format!("--from {}: it has no labels", path.display());
                return Err(Error::input(error).hint("give those of that runner's configuration: --labels"));
            }
            None => (labels, elsewhere),
        };
        Ok(Wanted { instance, token, uuid: Some(uuid), name, labels, elsewhere })
    }
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
    let Wanted { instance, token, uuid, name, labels, elsewhere } = Wanted::by(&args)?;
    if !instance.is_encrypted() && !instance.is_loopback() && !args.insecure_http {
        let error = format!("`{instance}` would get the token unencrypted");
        return Err(Error::input(error).hint("use https://, or add --insecure-http"));
    }
    let labels = labels.iter().map(|label| plain(label)).collect::<Result<Vec<_>, _>>()?;
    let name = match (name, &uuid) {
        (Some(name), _) => Some(name),
        (None, Some(_)) => None,
        (None, None) => {
            let host =
                nix::unistd::gethostname().map_err(|e| Error::input(format!("this host's name: {e}")))?;
            Some(host.to_string_lossy().into_owned())
        }
    };
    if let Some(name) = &name
        && (name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control))
    {
        let error = format!("a runner's name has 1 to {MAX_NAME} bytes and no control characters");
        return Err(Error::input(error).hint("give another one with --name"));
    }
    let config = args.setting.config()?;
    let state = args.setting.state_as_owner()?;
    Registration::make_room(&state).map_err(forges::failed)?;
    let http = forges::http(&config)?;
    let server = match &args.forge {
        Some(forge) => Server::new(&http, &instance, forge.parse().map_err(Error::input)?),
        None => Server::find(&http, &instance).map_err(|error| Error::new(Blame::Forge, error))?,
    };
    let dialect = server.dialect();
    let token = palisade_proto::Secret::new(token.expose().to_owned());
    let registered = match &uuid {
        Some(uuid) => {
            is_new(&state, &instance, uuid)?;
            adopted(&server, uuid, token, &labels)?
        }
        None => {
            let registration = forgejo::Registration {
                name: name.as_deref().unwrap_or_default(),
                token: &token,
                version: VERSION,
                labels: &labels,
                ephemeral: args.ephemeral,
            };
            server.register(&registration).map_err(|error| not_registered(error, dialect))?
        }
    };
    if args.ephemeral && !registered.ephemeral {
        let error = "the forge knows no ephemeral runners, and made an ordinary one, which isn't kept here";
        return Err(Error::new(Blame::Policy, error).hint(format!(
            "remove runner {} in the forge's settings; leave out --ephemeral",
            registered.id
        )));
    }
    let known = Known {
        forge: dialect,
        instance: instance.to_string(),
        number: registered.id,
        uuid: registered.credentials.uuid().to_owned(),
        // One that was made at the forge may have another name here.
        name: name.filter(|_| uuid.is_some() || registered.name.is_empty()).unwrap_or(registered.name),
        labels,
        ephemeral: registered.ephemeral,
        scope: args.scope,
    };
    let token = Secret::new(registered.credentials.token().expose().to_owned());
    let kept = Registration::keep(&state, known, token)
        .map_err(|e| Error::new(Blame::Isolation, e).hint("remove the runner in the forge's settings"))?;
    let mut text = format!(
        "registered `{}` at the {} {instance} with the labels {}\n",
        kept.id(),
        if dialect == Dialect::Gitea { "Gitea" } else { "Forgejo" },
        kept.known.labels.join(", ")
    );
    if !elsewhere.is_empty() {
        let elsewhere = elsewhere.join(", ");
        text += &format!(
            "jobs of {elsewhere} run in palisade's sandbox from now on, with the tools of this host\n"
        );
    }
    if args.from.is_some() {
        text += "stop the other runner, and keep it from starting again: it is the same one to the forge\n";
    }
    print::to_stdout(text)?;
    Ok(ExitCode::SUCCESS)
}

fn not_registered(error: palisade_proto::Error, dialect: Dialect) -> Error {
    if error.is_unimplemented() {
        let help =
            "is this the address of a Forgejo or Gitea, and are its Actions on ([actions] ENABLED = true)?";
        return Error::new(Blame::Forge, error).hint(help);
    }
    let refused = error.refuses_token() || (error.code().is_some() && !error.is_transient());
    let error = Error::new(if refused { Blame::Policy } else { Blame::Forge }, error);
    match (refused, dialect) {
        (false, _) => error,
        (true, Dialect::Gitea) => {
            error.hint("take a new token from the forge's settings, under Actions, Runners")
        }
        (true, Dialect::Forgejo) => error.hint(
            "take a new token from the forge's settings, under Actions, Runners; one that is shown there beside a UUID \
             is a runner's own: give that with --uuid",
        ),
    }
}

/// Makes sure that no registration is this runner's: two would take each other's jobs for their own.
fn is_new(state: &State, instance: &Instance, uuid: &str) -> Result<(), Error> {
    let all = Registration::all(state).map_err(forges::failed)?;
    match all.iter().find(|it| it.known.uuid == uuid && it.known.instance == instance.to_string()) {
        None => Ok(()),
        Some(known) => {
            let error = format!("registration `{}` is this runner already", known.id());
            let help =
                format!("where its token is another now: palisade unregister {}, and then again", known.id());
            Err(Error::input(error).hint(help))
        }
    }
}

/// The runner that was made at the forge, as that knows it. From here on it takes jobs with these labels.
fn adopted(
    server: &Server,
    uuid: &str,
    token: palisade_proto::Secret,
    labels: &[String],
) -> Result<Registered, Error> {
    let credentials = Credentials::new(uuid.to_owned(), token).map_err(Error::input)?;
    let declared = server.runner(credentials.clone()).declare(VERSION, labels).map_err(|error| {
        if error.is_revoked() {
            let help =
                "both the UUID and the token are shown where a runner is made, and the token only once";
            Error::new(Blame::Policy, error).hint(help)
        } else {
            Error::new(Blame::Forge, error)
        }
    })?;
    match declared {
        Declaration::Accepted { id, name, labels, ephemeral, .. } => {
            Ok(Registered { id, credentials, name, labels, ephemeral })
        }
        Declaration::Unsupported => {
            let error = "the forge is too old to say which runner it is";
            Err(Error::new(Blame::Policy, error).hint("register with a registration token, without --uuid"))
        }
    }
}

/// The token, from where it was given.
fn token(args: &Args) -> Result<Secret, Error> {
    let text = match (&args.token, &args.token_file) {
        (Some(token), _) => {
            if !erase_start_strings(|string| kept(string, token)) {
                let error =
                    Error::new(Blame::Isolation, "cannot hide the token that stands in the arguments");
                return Err(error.hint("give it with --token-file"));
            }
            Zeroizing::new(token.expose().to_owned())
        }
        (None, Some(path)) => file::read("--token-file", path)?,
        (None, None) => {
            if std::io::stdin().is_terminal() {
                return Err(Error::input(
                    "there is no token: give it with --token-file, or on standard input",
                ));
            }
            // With room for all of it: a text that grows leaves copies behind.
            let mut text = Zeroizing::new(String::with_capacity(MAX_TOKEN + 1));
            let read = std::io::stdin().take(MAX_TOKEN as u64).read_to_string(&mut text);
            read.map_err(|e| Error::input(format!("the token on standard input: {e}")))?;
            text
        }
    };
    match text.trim() {
        "" => Err(Error::input("the token is empty")),
        // Such as what a forge's own command logs beside it.
        text if text.contains(char::is_whitespace) => {
            Err(Error::input("a token is one word, and there is more than that").hint("give the token alone"))
        }
        token => Ok(Secret::new(token.to_owned())),
    }
}

/// How much of a string that palisade was started with isn't the token.
fn kept(string: StartString<'_>, token: &Secret) -> usize {
    match string {
        StartString::Argument(text) if text.ends_with(token.expose().as_bytes()) => {
            text.len() - token.expose().len()
        }
        StartString::Argument(text) | StartString::Variable(text) => text.len(),
    }
}

/// A label without what other runners put behind it (`:host`).
fn plain(label: &str) -> Result<String, Error> {
    let (name, scheme) = match label.split_once(':') {
        Some((name, scheme)) => (name, Some(scheme)),
        None => (label, None),
    };
    if name.is_empty() || name != name.trim() || name.chars().any(char::is_control) {
        let error = format!("`{}` is no label", label.escape_debug());
        return Err(Error::input(error).hint("write one or more, with commas between them"));
    }
    match scheme {
        None | Some("host") => Ok(name.to_owned()),
        Some(scheme) => {
            let error = format!("label `{name}`: jobs run in palisade's own sandbox, not in `{scheme}`");
            Err(Error::input(error).hint(format!("write `{name}` alone")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names() {
        assert_eq!(plain("ubuntu-latest").unwrap(), "ubuntu-latest");
        assert_eq!(plain("linux:host").unwrap(), "linux");
        for label in ["", " x", "x:docker://node", "a\nb", ":host"] {
            assert!(plain(label).is_err(), "{label}");
        }
    }

    #[test]
    fn the_token_does_not_stay_in_the_arguments() {
        let token = Secret::new("hunter2".into());
        assert_eq!(kept(StartString::Argument(b"--token=hunter2"), &token), "--token=".len());
        assert_eq!(kept(StartString::Argument(b"hunter2"), &token), 0);
        assert_eq!(kept(StartString::Argument(b"--name"), &token), "--name".len());
    }
}
