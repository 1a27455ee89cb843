//! What the jobs of a run are given by: the configuration's grants, the facts of the run, the issuer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use palisade_proto::Http;
use palisade_proto::http::{Proxies, Settings};
use sha2::{Digest, Sha256};

use super::claims::Observed;
use super::issuer::Issuer;
use super::{Claims, Facts, ForgeTokens, Grants, References};
use crate::action::lock::Lock;
use crate::config::Config;
use crate::forge::forgejo::VERSION;
use crate::identity::subject::Subject;
use crate::state::State;

/// How long one call of a provider may take; where it takes longer, it is asked again.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Shared by the jobs of a run.
#[derive(Debug)]
pub struct Broker {
    /// What jobs may have.
    pub grants: Grants,
    /// Secrets that are kept elsewhere.
    pub secrets: References,
    subject: Subject,
    facts: Facts,
    state: State,
    /// What jobs see of the host, where keys can't be.
    shown: Arc<[PathBuf]>,
    policy: Option<String>,
    actions_lock: Option<String>,
    issuer: OnceLock<Result<Arc<Issuer>, String>>,
    ca_file: Option<PathBuf>,
    http: OnceLock<Result<Http, String>>,
    forge: Option<Arc<ForgeTokens>>,
}

impl Broker {
    /// For a run of these facts, whose jobs work on a tree.
    pub fn new(config: &Config, state: State, facts: Facts, tree: &Path, lock: Option<&Lock>) -> Broker {
        Broker {
            grants: config.grant.clone(),
            secrets: config.secret.clone(),
            subject: config.identity.subject.clone(),
            facts,
            state,
            shown: config.sandbox.ro.iter().map(PathBuf::as_path).chain([tree]).map(Path::to_owned).collect(),
            policy: config.digest.clone(),
            actions_lock: lock.map(|lock| digest(lock.render().as_bytes())),
            issuer: OnceLock::new(),
            ca_file: config.daemon.ca_file.clone(),
            http: OnceLock::new(),
            forge: None,
        }
    }

    /// The same for a job to which its forge offers tokens of its own.
    pub fn with_forge(self, forge: Option<ForgeTokens>) -> Broker {
        Broker { forge: forge.map(Arc::new), ..self }
    }

    /// What the forge offers.
    pub fn forge(&self) -> Option<&Arc<ForgeTokens>> {
        self.forge.as_ref()
    }

    /// The facts of the run.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The claims of a job, of which this was seen.
    pub fn claims(&self, observed: Observed) -> Claims {
        let (policy, actions_lock) = (self.policy.clone(), self.actions_lock.clone());
        let observed = Observed { policy, actions_lock, ..observed };
        Claims::new(&self.facts, &observed, &self.subject)
    }

    /// The state directory, for keys that are in it. An error where jobs could see them.
    pub fn state(&self, keys: &str) -> Result<&State, String> {
        for tree in self.shown.iter() {
            if self.state.is_within(tree).map_err(|e| format!("the state directory: {e}"))? {
                return Err(format!(
                    "the state directory, with {keys}, is in `{}`, which jobs see; name another with --state",
                    tree.display()
                ));
            }
        }
        Ok(&self.state)
    }

    /// Who signs tokens. An error where there is nobody, or jobs could see the keys.
    pub fn issuer(&self) -> Result<Arc<Issuer>, String> {
        let open = || {
            self.state("the issuer's keys")?;
            Issuer::open(&self.state).map(Arc::new).map_err(|e| e.to_string())
        };
        self.issuer.get_or_init(open).clone()
    }

    /// What jobs see of the host.
    pub fn shown(&self) -> &Arc<[PathBuf]> {
        &self.shown
    }

    /// How providers are reached: as forges are, by the environment's proxies and with the configuration's certificates.
    pub fn http(&self) -> Result<Http, String> {
        let open = || {
            let mut settings = Settings::new(VERSION);
            settings.proxies = Proxies::of_environment().map_err(|e| e.to_string())?;
            settings.ca_file.clone_from(&self.ca_file);
            settings.call_timeout = CALL_TIMEOUT;
            Http::new(settings).map_err(|e| e.to_string())
        };
        self.http.get_or_init(open).clone()
    }
}

/// A digest as claims and configurations have it.
pub fn digest(bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digest}")
}
