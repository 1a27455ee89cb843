//! What another runner has kept of its registration: the file `.runner` of Forgejo's runner and of Gitea's.
//! Source: `Registration` in `internal/pkg/config/registration.go` of both.

use std::path::Path;

use palisade_proto::Instance;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::error::Error;
use super::super::file;
use crate::mask::Secret;

/// The file, as far as it matters here.
#[derive(Deserialize)]
struct Written {
    uuid: String,
    name: String,
    token: Zeroizing<String>,
    address: String,
    #[serde(default)]
    labels: Option<Vec<String>>,
}

/// A runner that another program has been.
pub struct Other {
    pub instance: Instance,
    pub uuid: String,
    pub token: Secret,
    pub name: String,
    /// What its jobs' `runs-on` may name.
    pub labels: Vec<String>,
    /// Those of the labels whose jobs ran in an image or the like, as they were written.
    pub elsewhere: Vec<String>,
}

impl Other {
    /// Reads the file that `--from` names.
    pub fn read(path: &Path) -> Result<Other, Error> {
        let wrong = |what: String| Error::input(format!("--from {}: {what}", path.display()));
        let text = file::read("--from", path)?;
        let written: Written = serde_json::from_str(&text).map_err(|error| {
            // Whatever it quotes, the token is a string as it should be.
            let what = format!("it is no `.runner` of Forgejo's or Gitea's runner: {error}");
            wrong(what).hint(
                "where its configuration has the connection instead: --instance, --uuid and --token-file",
            )
        })?;
        let Written { uuid, name, mut token, address, labels } = written;
        let instance = address.parse().map_err(|error| wrong(format!("its address: {error}")))?;
        let labels = labels.unwrap_or_default();
        let elsewhere = labels.iter().filter(|label| scheme(label).is_some_and(|scheme| scheme != "host"));
        Ok(Other {
            instance,
            uuid,
            token: Secret::new(std::mem::take(&mut *token)),
            name,
            elsewhere: elsewhere.cloned().collect(),
            labels: labels.iter().map(|label| label.split(':').next().unwrap_or(label).to_owned()).collect(),
        })
    }
}

/// What stands behind a label: where its jobs run.
fn scheme(label: &str) -> Option<&str> {
    label.split_once(':').map(|(_, scheme)| scheme)
}
