//! What a step asks of a checkout, checked: nothing of it can be taken for an option or lead out of the workspace.

use std::num::NonZeroU32;
use std::path::Path;

use super::super::{Failure, Inputs};

/// The inputs.
#[derive(Debug)]
pub struct Settings {
    /// `owner/name`
    pub repository: String,
    /// A branch, tag or other reference; empty where a commit is named, or nothing.
    pub reference: String,
    /// A commit.
    pub commit: Option<String>,
    /// The forge, `https://host`, without a slash at its end.
    pub server: String,
    /// Where, relative to the workspace; empty for the workspace itself.
    pub path: String,
    /// What was there before goes.
    pub clean: bool,
    /// For a partial clone.
    pub filter: Option<String>,
    /// What of the tree is checked out; empty for all.
    pub sparse: Vec<String>,
    /// They are directories, not patterns.
    pub cone: bool,
    /// How many commits of history; none for all.
    pub depth: Option<NonZeroU32>,
    /// Tags too.
    pub tags: bool,
    /// Git tells how far it is.
    pub progress: bool,
    /// Content of large files.
    pub lfs: bool,
    /// Which submodules.
    pub submodules: Submodules,
    /// The token; empty for none.
    pub token: String,
    /// For SSH instead.
    pub ssh: Option<Ssh>,
    /// Later steps can use the token.
    pub persist: bool,
}

/// Which submodules are checked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submodules {
    /// None.
    No,
    /// The repository's own.
    Own,
    /// Those of submodules too.
    Recursive,
}

/// How to fetch by SSH.
#[derive(Debug)]
pub struct Ssh {
    /// The private key.
    pub key: String,
    /// Hosts with their keys, as in `known_hosts`.
    pub known_hosts: String,
    /// Other hosts are refused.
    pub strict: bool,
    /// The user there.
    pub user: String,
}

impl Settings {
    /// Reads them. `workspace` and `server` are the run's.
    pub fn read(inputs: &Inputs, workspace: &Path, server: &str) -> Result<Settings, Failure> {
        let repository = inputs.get("repository").to_owned();
        if repository.split('/').count() != 2 || !repository.split('/').all(is_name) {
            return Err(format!("`repository: {repository}` is not of the form `owner/name`").into());
        }
        let named = inputs.get("ref");
        let (reference, commit) =
            if is_commit(named) { (String::new(), Some(named.to_owned())) } else { (named.to_owned(), None) };
        if !reference.is_empty() && !is_reference(&reference) {
            return Err(format!("`ref: {reference}` can't be the name of a branch, tag or commit").into());
        }
        let filter = Some(inputs.get("filter")).filter(|filter| !filter.is_empty());
        if let Some(filter) = filter
            && !filter.chars().all(|c| c.is_ascii_alphanumeric() || ":=+,%/._-".contains(c))
        {
            return Err(format!("`filter: {filter}` is none that git has, such as `blob:none`").into());
        }
        let sparse: Vec<String> = inputs.lines("sparse-checkout").map(str::to_owned).collect();
        let cone = inputs.is_true("sparse-checkout-cone-mode");
        if let Some(odd) = sparse.iter().find(|line| cone && (line.starts_with('-') || is_outside(line))) {
            return Err(format!("`sparse-checkout`: `{odd}` is no directory of the repository").into());
        }
        Ok(Settings {
            repository,
            reference,
            commit,
            server: match inputs.get("github-server-url") {
                "" => address(server)?,
                given => address(given)?,
            },
            path: within(inputs.get("path"), workspace)?,
            clean: inputs.is_true("clean"),
            filter: filter.map(str::to_owned),
            sparse,
            cone,
            depth: depth(inputs.get("fetch-depth"))?,
            tags: inputs.is_true("fetch-tags"),
            progress: inputs.is_true("show-progress"),
            lfs: inputs.is_true("lfs"),
            submodules: match inputs.get("submodules") {
                word if word.eq_ignore_ascii_case("recursive") => Submodules::Recursive,
                _ if inputs.is_true("submodules") => Submodules::Own,
                _ => Submodules::No,
            },
            token: inputs.get("token").to_owned(),
            ssh: Some(inputs.get("ssh-key"))
                .filter(|key| !key.is_empty())
                .map(|key| ssh(inputs, key))
                .transpose()?,
            persist: inputs.is_true("persist-credentials"),
        })
    }

    /// Where the repository is fetched from.
    pub fn url(&self) -> String {
        let Settings { server, repository, .. } = self;
        match &self.ssh {
            Some(ssh) => format!("ssh://{}@{}/{repository}.git", ssh.user, host(server)),
            None => format!("{server}/{repository}"),
        }
    }
}

/// Host and port of an address.
pub fn host(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

fn ssh(inputs: &Inputs, key: &str) -> Result<Ssh, Failure> {
    let user = inputs.get("ssh-user");
    if !is_name(user) {
        return Err(format!("`ssh-user: {user}` can't be the name of a user").into());
    }
    Ok(Ssh {
        key: format!("{key}\n"),
        known_hosts: format!("{}\n", inputs.get("ssh-known-hosts")),
        strict: inputs.is_true("ssh-strict"),
        user: user.to_owned(),
    })
}

/// A commit's full name, of either kind of hash.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A name as forges have them for owners and repositories.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && !name.starts_with(['.', '-']) && name.chars().all(plain)
}

/// What may stand for a reference. Source: `git check-ref-format`.
fn is_reference(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !text.starts_with('-')
        && text != "@"
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c))
        && text.split('/').all(part)
}

fn is_outside(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

fn depth(text: &str) -> Result<Option<NonZeroU32>, Failure> {
    let number: f64 = if text.is_empty() { 1.0 } else { text.parse().unwrap_or(f64::NAN) };
    if number.is_nan() {
        return Err(format!("`fetch-depth: {text}` is not a number").into());
    }
    // A cast saturates: below 0 it is 0, which is all history.
    Ok(NonZeroU32::new(number as u32))
}

/// A forge's address. What else a URL may have (a user, a query) has no business there.
fn address(text: &str) -> Result<String, Failure> {
    let address = text.trim_end_matches('/');
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]".contains(c);
    match rest {
        Some(rest)
            if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                && rest.chars().all(plain) =>
        {
            Ok(address.to_owned())
        }
        _ => Err(format!("`github-server-url: {text}` is not of the form `https://host`").into()),
    }
}

/// A path within the workspace, relative to it.
fn within(path: &str, workspace: &Path) -> Result<String, Failure> {
    let outside = || format!("`path: {path}` is not within the workspace, {}", workspace.display());
    let relative = if path.starts_with('/') {
        let rest = Path::new(path).strip_prefix(workspace).map_err(|_| outside())?;
        rest.to_str().ok_or_else(outside)?
    } else {
        path
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(outside)?),
            part if part.contains('\0') => return Err(outside().into()),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Settings, String> {
        let mut inputs = Inputs::default();
        for input in super::super::DESCRIPTION.inputs {
            inputs.set(input.name, if input.default.contains("${{") { "" } else { input.default }.to_owned());
        }
        inputs.set("repository", "o/r".into());
        given.iter().for_each(|(name, value)| inputs.set(name, (*value).to_owned()));
        Settings::read(&inputs, Path::new("/w/t"), "https://forge.example").map_err(|f| f.reason)
    }

    #[test]
    fn defaults_are_those_of_upstream() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.url(), "https://forge.example/o/r");
        assert_eq!((settings.depth.map(NonZeroU32::get), settings.path.as_str()), (Some(1), ""));
        assert!(settings.clean && settings.cone && settings.persist && settings.progress);
        assert!(!settings.lfs && !settings.tags && settings.submodules == Submodules::No);
    }

    #[test]
    fn hostile_inputs_are_refused() {
        for given in [
            ("repository", "--upload-pack=x/y"),
            ("repository", "o/../r"),
            ("repository", "o/.."),
            ("repository", "r"),
            ("ref", "--upload-pack=x"),
            ("ref", "a..b"),
            ("ref", "a b"),
            ("ref", "main:refs/heads/x"),
            ("ref", "refs/heads/x.lock"),
            ("ref", "a\nb"),
            ("path", "../x"),
            ("path", "a/../../x"),
            ("path", "/etc"),
            ("path", "/w/tx"),
            ("filter", "x --y"),
            ("sparse-checkout", "--stdin"),
            ("sparse-checkout", "a/../../b"),
            ("fetch-depth", "many"),
            ("github-server-url", "ext::sh -c x"),
            ("github-server-url", "file:///etc"),
            ("github-server-url", "https://user@host"),
            ("github-server-url", "https://-oProxyCommand=x"),
        ] {
            assert!(read(&[given]).is_err(), "{given:?}");
        }
        assert!(read(&[("ssh-key", "k"), ("ssh-user", "-oProxyCommand=x")]).is_err());
    }

    #[test]
    fn what_is_given_is_read() {
        let commit = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
        let settings = read(&[
            ("ref", commit),
            ("path", "/w/t/a//b/../c"),
            ("fetch-depth", "0"),
            ("submodules", "Recursive"),
            ("ssh-key", "KEY"),
        ])
        .unwrap();
        assert_eq!((settings.commit.as_deref(), settings.reference.as_str()), (Some(commit), ""));
        assert_eq!((settings.path.as_str(), settings.depth), ("a/c", None));
        assert_eq!(settings.submodules, Submodules::Recursive);
        assert_eq!(settings.url(), "ssh://git@forge.example/o/r.git");
        assert_eq!(read(&[("fetch-depth", "-3")]).unwrap().depth, None);
        for reference in ["main", "refs/pull/1/merge", "v1.2", "feature/x-ü"] {
            assert_eq!(read(&[("ref", reference)]).unwrap().reference, reference);
        }
    }
}
