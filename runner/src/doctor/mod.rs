//! Whether this machine gives palisade what it needs, and what to do where it doesn't. One file per check,
//! named by its id; what can be tried is really tried.

use std::path::Path;

use crate::state::State;

mod apparmor;
mod cgroup;
mod config;
mod core_pattern;
mod forge;
mod kernel;
mod landlock;
mod layer;
mod overlay;
mod proxy;
mod render;
mod seccomp;
mod state;
mod tool;
mod user_namespaces;

pub use render::{json, text};

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check, and of what where it looks at several things: `tool.bash`.
    pub id: String,
    /// How it stands.
    pub verdict: Verdict,
    /// The evidence.
    pub found: String,
}

/// How what was checked stands. What isn't well always says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do.
    Ok,
    /// Jobs run, but with less.
    Warn {
        /// What to do about it.
        remedy: String,
    },
    /// Jobs don't run.
    Fail {
        /// What to do about it.
        remedy: String,
    },
}

impl Verdict {
    /// `ok`, `warn` or `fail`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn { .. } => "warn",
            Verdict::Fail { .. } => "fail",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Verdict::Ok => None,
            Verdict::Warn { remedy } | Verdict::Fail { remedy } => Some(remedy),
        }
    }
}

impl Finding {
    fn ok(id: impl Into<String>, found: impl Into<String>) -> Self {
        Finding { id: id.into(), verdict: Verdict::Ok, found: found.into() }
    }

    fn warn(id: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        let verdict = Verdict::Warn { remedy: remedy.into() };
        Finding { id: id.into(), verdict, found: found.into() }
    }

    fn fail(id: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        let verdict = Verdict::Fail { remedy: remedy.into() };
        Finding { id: id.into(), verdict, found: found.into() }
    }
}

/// Whether jobs don't run.
pub fn failed(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| matches!(finding.verdict, Verdict::Fail { .. }))
}

/// Checks everything, what the rest stands on first. `config` is the file that was asked for, if any.
pub fn examine(config: Option<&Path>, state: &State) -> Vec<Finding> {
    let (config_finding, config) = config::check(config);
    let mut findings = vec![
        config_finding,
        kernel::check(),
        user_namespaces::check(),
        apparmor::check(),
        landlock::check(),
        seccomp::check(),
        cgroup::check(),
        core_pattern::check(),
    ];
    findings.extend(layer::check(&config.sandbox.allow_degraded));
    findings.push(overlay::check());
    findings.extend(tool::check());
    findings.push(state::check(state));
    findings.extend(proxy::check(&config));
    findings.extend(forge::check(state, &config));
    findings
}
