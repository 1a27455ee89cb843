//! `palisade identity`: who a job would be to others, and what it would get; nothing is run.

mod test;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use palisade_proto::event::Trigger;
use serde_json::{Map, Value as Json, json};

use super::error::{Blame, Error};
use super::print;
use super::setting::Setting;
use crate::config::Config;
use crate::identity::claims::{Environment, Observed};
use crate::identity::grant::{Decision, Grant, Provider};
use crate::identity::id_token::SignedBy;
use crate::identity::reference::Reference;
use crate::identity::{Broker, Claims, Facts};
use crate::local;
use crate::workflow::permissions::{Access, Permissions, Scope};

/// Show who a job would be to others, and which grants and secrets it would have
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade identity claims                            of a run in this tree
  palisade identity claims --server https://git.example.com --repository acme/app \\
      --ref refs/heads/main --environment production --approved
  palisade identity token id --audience sts.example.com --server https://git.example.com \\
      --repository acme/app --ref refs/heads/main --value
  palisade identity test deploy                      the exchange itself, without showing its values

The job is one that you describe. What it would really be, its forge says, and nothing in its workflow.

EXIT CODES: 0 success, 2 invalid input, 3 the grant is refused, 5 the provider refuses")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Show the claims of a job, and how each condition of each grant and secret stands for it
    #[command(after_help = "EXAMPLES
  palisade identity claims --server https://git.example.com --repository acme/app --event push
  palisade identity claims --json")]
    Claims {
        #[command(flatten)]
        job: Box<JobArgs>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sign a token as a job would get it, if the grant allows that
    #[command(after_help = "EXAMPLES
  palisade identity token id --audience sts.example.com
  palisade identity token id --audience sts.example.com --value   the token itself")]
    Token {
        /// The grant
        #[arg(value_name = "GRANT")]
        grant: String,
        /// For whom
        #[arg(long, value_name = "AUDIENCE")]
        audience: String,
        /// Print the token itself instead of what it says
        #[arg(long)]
        value: bool,
        #[command(flatten)]
        job: Box<JobArgs>,
    },
    /// Exchange a token for what a grant gives, or fetch a secret that is kept elsewhere, if it allows that, and show all of it
    /// but the values
    #[command(after_help = "EXAMPLES
  palisade identity test deploy
  palisade identity test NPM_TOKEN                   a secret, where no grant is called so
  palisade identity test deploy --server https://git.example.com --repository acme/app \\
      --ref refs/heads/main --json

The provider is really asked. What it can take back is given back at once.

EXIT CODES: 0 success, 2 invalid input, 3 the grant is refused, 5 the provider refuses")]
    Test {
        /// The grant, or the secret
        #[arg(value_name = "NAME")]
        grant: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        job: Box<JobArgs>,
    },
}

/// A job that somebody describes.
#[derive(clap::Args)]
pub(super) struct JobArgs {
    /// The forge that the job is of [default: none, a run on this machine in the tree at hand]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The repository
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// The reference in full, such as refs/heads/main
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// The event [default: push]
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// The environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// People have approved the use of the environment
    #[arg(long, requires = "environment")]
    approved: bool,
    /// Who has caused it
    #[arg(long, value_name = "LOGIN")]
    actor: Option<String>,
    /// The workflow that the job is in, where another calls that: OWNER/NAME/PATH@VERSION
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// The id of the step
    #[arg(long, value_name = "ID")]
    step: Option<String>,
    /// It is about code of a fork
    #[arg(long)]
    fork: bool,
    #[command(flatten)]
    setting: Setting,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let (said, code) = match args.action {
        Action::Claims { job, json } => {
            let Described { claims, broker, .. } = job.described()?;
            let decisions = decisions(&broker, &claims, job.step.as_deref());
            let decisions = Decisions { grants: decisions, secrets: of_secrets(&broker, &claims) };
            (if json { as_json(&claims, &decisions) } else { told(&claims, &decisions) }, ExitCode::SUCCESS)
        }
        Action::Token { grant, audience, value, job } => {
            (job.token(&grant, &audience, value)?, ExitCode::SUCCESS)
        }
        Action::Test { grant, json, job } => (job.test(&grant, json)?, ExitCode::SUCCESS),
    };
    print::to_stdout(said)?;
    Ok(code)
}

/// The permission that a job must have that gets anything.
fn permitted() -> Permissions {
    [(Scope::IdToken, Access::Write)].into_iter().collect()
}

fn decisions<'b>(broker: &'b Broker, claims: &Claims, step: Option<&str>) -> Vec<(&'b Grant, Decision)> {
    let decide = |grant: &'b Arc<Grant>| (&**grant, grant.decide(claims, &permitted(), step));
    broker.grants.iter().map(decide).collect()
}

fn of_secrets<'b>(broker: &'b Broker, claims: &Claims) -> Vec<(&'b Reference, Decision)> {
    broker.secrets.iter().map(|secret| (&**secret, secret.decide(claims))).collect()
}

/// All that is decided of a job.
struct Decisions<'b> {
    grants: Vec<(&'b Grant, Decision)>,
    secrets: Vec<(&'b Reference, Decision)>,
}

fn told(claims: &Claims, Decisions { grants, secrets }: &Decisions<'_>) -> String {
    // Text under text keys always has a JSON form.
    let mut said = serde_json::to_string_pretty(claims).unwrap_or_default() + "\n";
    if grants.is_empty() && secrets.is_empty() {
        said.push_str("\nno grant is configured\n");
    }
    let grants =
        grants.iter().map(|(grant, decision)| ("grant", &grant.name, grant.provider.name(), decision));
    let secrets =
        secrets.iter().map(|(secret, decision)| ("secret", &secret.name, secret.place.kind(), decision));
    for (what, name, provider, decision) in grants.chain(secrets) {
        let allowed = if decision.is_allowed() { "allowed" } else { "refused" };
        // Writing to a text never fails.
        let _ = write!(said, "\n{what} {name} ({provider}): {allowed}\n{}", explained(decision));
    }
    said
}

/// A decision, condition by condition.
pub(super) fn explained(decision: &Decision) -> String {
    let mut said = String::new();
    let line = |said: &mut String, check: &crate::identity::condition::Check| {
        let _ = writeln!(said, "  {}  {check}", if check.holds { "yes" } else { "no " });
    };
    for check in &decision.always {
        line(&mut said, check);
    }
    for (number, rule) in decision.rules.iter().enumerate() {
        if decision.rules.len() > 1 {
            let _ = writeln!(said, "  rule {} of `allow`:", number + 1);
        }
        for check in rule {
            line(&mut said, check);
        }
    }
    said
}

fn as_json(claims: &Claims, Decisions { grants, secrets }: &Decisions<'_>) -> String {
    let one = |name: &str, provider: &str, decision: &Decision| {
        json!({
            "name": name, "provider": provider, "allowed": decision.is_allowed(),
            "always": decision.always, "rules": decision.rules,
        })
    };
    let grants = grants.iter().map(|(grant, decision)| one(&grant.name, grant.provider.name(), decision));
    let secrets = secrets.iter().map(|(secret, decision)| one(&secret.name, secret.place.kind(), decision));
    let (grants, secrets): (Vec<Json>, Vec<Json>) = (grants.collect(), secrets.collect());
    json!({ "claims": claims, "grants": grants, "secrets": secrets }).to_string() + "\n"
}

/// A decision that must be that the job may have it.
pub(super) fn allowed(what: &str, decision: Decision) -> Result<Decision, Error> {
    if let Some(why) = decision.why_not() {
        let refused = Error::new(Blame::Policy, format!("{what} is refused: {why}"));
        return Err(refused.hint(format!("its conditions:\n{}", explained(&decision).trim_end())));
    }
    Ok(decision)
}

/// A job with all that decides.
pub(super) struct Described {
    pub claims: Claims,
    pub broker: Broker,
}

impl JobArgs {
    /// The job's claims, by the configuration of this runner.
    pub(super) fn described(&self) -> Result<Described, Error> {
        // Who asks may want a token signed, or credentials: keys are in memory then.
        palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
        let config = self.setting.config()?;
        let tree =
            std::env::current_dir().map_err(|e| Error::input(format!("the current directory: {e}")))?;
        let broker = Broker::new(&config, self.setting.state(), self.facts(&tree)?, &tree, None);
        let claims = broker.claims(self.observed(&config));
        Ok(Described { claims, broker })
    }

    /// The id of the step.
    pub(super) fn step(&self) -> Option<&str> {
        self.step.as_deref()
    }

    fn observed(&self, config: &Config) -> Observed {
        let known = self.environment.as_ref().filter(|name| config.environment.get(name).is_some());
        Observed {
            called: self.workflow.clone(),
            environment: known.map(|name| Environment { name: name.clone(), approved: self.approved }),
            network: config.network.of_host().mode.as_str().to_owned(),
            ..Observed::default()
        }
    }

    fn facts(&self, tree: &Path) -> Result<Facts, Error> {
        let event = self.event.as_deref().unwrap_or("push");
        let file = PathBuf::from(".github/workflows/ci.yml");
        let Some(server) = &self.server else {
            let facts = local::Facts::of(tree);
            let trigger = Trigger::new(event, facts.default_branch(), Vec::new());
            let file = file.to_string_lossy();
            let payload = facts.payload(&trigger, &file);
            let workflow = local::Workflow { name: "", path: &file, workspace: "" };
            let mut github = facts.github(&trigger, &payload, &workflow);
            for (key, value) in self.said() {
                github.insert(key, value);
            }
            github.insert("workflow_ref", "");
            return Ok(Facts::of_local(&github, &self.payload(&github_text(&github, "repository")), &file));
        };
        let Some(repository) = &self.repository else {
            return Err(Error::input(
                "--server needs --repository: of a forge's job the forge says all that is known",
            ));
        };
        let mut github: Map<String, Json> =
            self.said().into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        github.insert("event_name".into(), event.into());
        Ok(Facts::of_forge(server, &github, "ci.yml", &self.payload(repository)))
    }

    /// What the options say of the job.
    fn said(&self) -> Vec<(&'static str, &str)> {
        let owner = self.repository.as_deref().and_then(|name| name.split('/').next());
        let said = [
            ("repository", self.repository.as_deref()),
            ("repository_owner", owner),
            ("ref", self.reference.as_deref()),
            ("actor", self.actor.as_deref()),
        ];
        said.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    fn payload(&self, repository: &str) -> Json {
        let from = if self.fork { "somebody/fork" } else { repository };
        match self.event.as_deref().unwrap_or_default() {
            "workflow_run" => json!({ "workflow_run": { "head_repository": { "full_name": from } } }),
            event if self.fork || event.starts_with("pull_request") => {
                json!({ "pull_request": { "head": { "repo": { "full_name": from } } } })
            }
            _ => json!({}),
        }
    }

    /// The decision on a grant, which must be that the job may have it.
    fn allowed(&self, grant: &Grant, claims: &Claims) -> Result<Decision, Error> {
        let decision = grant.decide(claims, &permitted(), self.step());
        allowed(&format!("the grant `{}`", grant.name), decision)
    }

    fn token(&self, grant: &str, audience: &str, value: bool) -> Result<String, Error> {
        let Described { claims, broker } = self.described()?;
        let grant = known(&broker, grant)?;
        let Provider::IdToken(settings) = &grant.provider else {
            let other = format!(
                "the grant `{}` gives no ID token, but what `{}` has",
                grant.name,
                grant.provider.name()
            );
            return Err(Error::input(other).hint(format!("`palisade identity test {}` tries it", grant.name)));
        };
        let decision = self.allowed(grant, &claims)?;
        if !settings.audiences.iter().any(|known| known == audience) {
            let refused =
                format!("`audiences`: `{audience}` is not among those of the grant `{}`", grant.name);
            return Err(Error::new(Blame::Policy, refused).hint(settings.audiences.join(", ")));
        }
        if settings.issuer == SignedBy::Forge {
            let refused =
                format!("the tokens of the grant `{}` are the forge's, which gives them to jobs", grant.name);
            return Err(Error::input(refused));
        }
        let issuer = broker.issuer().map_err(Error::input)?;
        let token = issuer.token(&claims, audience, settings.algorithm).map_err(Error::input)?;
        if value {
            return Ok(token.value.expose().to_owned() + "\n");
        }
        let said = json!({
            "iss": issuer.ledger().url, "aud": audience, "jti": token.id, "algorithm": settings.algorithm.as_str(),
            "expires": crate::output::clock::at(token.expires), "claims": claims,
        });
        Ok(explained(&decision) + &serde_json::to_string_pretty(&said).unwrap_or_default() + "\n")
    }
}

/// The grant of this name.
fn known<'b>(broker: &'b Broker, name: &str) -> Result<&'b Arc<Grant>, Error> {
    broker.grants.get(name).ok_or_else(|| {
        let known: Vec<&str> = broker.grants.iter().map(|grant| &*grant.name).collect();
        let error = Error::input(format!("no grant is called `{}`", name.escape_debug()));
        error.hint(match known.is_empty() {
            true => {
                "the configuration has no `[[grant]]`; docs/identity.md says how one is written".to_owned()
            }
            false => format!("the configuration has: {}", known.join(", ")),
        })
    })
}

fn github_text(github: &crate::expr::Object, key: &str) -> String {
    github.get(key).map(|value| value.to_display_string().into_owned()).unwrap_or_default()
}
