//! What is published of an issuer: where its keys are, and the keys. Source: OpenID Connect Discovery 1.0, sections 3
//! and 4; RFC 7517, section 5.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::ledger::Ledger;
use crate::identity::exchange::Algorithm;

/// Path of the discovery document below the issuer's address.
pub const CONFIGURATION: &str = "/.well-known/openid-configuration";
/// Path of the keys.
pub const KEYS: &str = "/.well-known/jwks.json";

/// The discovery document.
pub fn configuration(ledger: &Ledger, now: u64) -> String {
    let has = |algorithm: &Algorithm| ledger.published(now).any(|key| key.algorithm == *algorithm);
    let algorithms: Vec<&str> = Algorithm::ALL.iter().filter(|a| has(a)).map(|a| a.as_str()).collect();
    let claims = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "actor",
        "actor_id",
        "base_ref",
        "environment",
        "event_name",
        "head_ref",
        "job_workflow_ref",
        "palisade",
        "ref",
        "ref_protected",
        "ref_type",
        "repository",
        "repository_id",
        "repository_owner",
        "repository_owner_id",
        "run_attempt",
        "run_id",
        "run_number",
        "runner_environment",
        "sha",
        "workflow_ref",
    ];
    text(&json!({
        "issuer": ledger.url,
        "jwks_uri": format!("{}{KEYS}", ledger.url),
        "subject_types_supported": ["public"],
        "response_types_supported": ["id_token"],
        "claims_supported": claims,
        "id_token_signing_alg_values_supported": algorithms,
        "scopes_supported": ["openid"],
    }))
}

/// The public keys.
pub fn keys(ledger: &Ledger, now: u64) -> String {
    let key = |entry: &super::ledger::Entry| {
        let mut key = serde_json::to_value(&entry.public).unwrap_or_default();
        if let Some(key) = key.as_object_mut() {
            key.insert("use".into(), "sig".into());
            key.insert("alg".into(), entry.algorithm.as_str().into());
            key.insert("kid".into(), entry.kid.as_str().into());
        }
        key
    };
    text(&json!({ "keys": ledger.published(now).map(key).collect::<Vec<Json>>() }))
}

fn text(document: &Json) -> String {
    // Text and lists under text keys always have a JSON form.
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

/// Writes both below a directory, each all at once, for any web server to read.
pub fn write(ledger: &Ledger, directory: &Path, now: u64) -> io::Result<()> {
    fs::create_dir_all(directory.join(".well-known"))?;
    // The keys first: what the other names is there by then.
    for (path, content) in [(KEYS, keys(ledger, now)), (CONFIGURATION, configuration(ledger, now))] {
        let path = directory.join(&path[1..]);
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&fresh, content)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o644))?;
        fs::rename(&fresh, &path)?;
    }
    Ok(())
}
