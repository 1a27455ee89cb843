//! What `uses:` names. Source: "Workflow syntax for GitHub Actions", `jobs.<job_id>.steps[*].uses`.

use std::fmt;

/// What a step uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uses {
    /// `./path`: an action in the job's own workspace.
    Local(LocalPath),
    /// `owner/name[/path]@ref`, also with the address of a forge in front.
    Remote(Remote),
    /// `docker://image`
    Image(String),
}

/// What is said of an image, and what to do instead.
pub const IMAGE: (&str, &str) = ("this version can't run the image", "run what it does in a step");

/// A path within the workspace, without `.` and `..`; empty for the workspace itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalPath(String);

/// An action or a workflow in another repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    /// The forge's address where one is written, `https://forge.example`.
    pub forge: Option<String>,
    /// The repository's owner.
    pub owner: String,
    /// The repository's name.
    pub name: String,
    /// The action's directory or the workflow's file within the repository; empty for its root.
    pub path: String,
    /// A tag, branch or commit.
    pub reference: String,
}

/// Why a `uses:` names nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UsesError {
    /// `..` beyond the root, or an absolute path.
    #[error("`{0}` is a path out of the repository")]
    Outside(String),
    /// No form that is known.
    #[error("`{0}` names no action")]
    Form(String),
    /// A remote one without `@ref`.
    #[error("`{0}` lacks its version")]
    NoReference(String),
}

impl UsesError {
    /// What to write instead.
    pub fn help(&self) -> &'static str {
        match self {
            UsesError::Outside(_) => "actions of the repository are within it: `./path/to/action`",
            UsesError::Form(_) => {
                "write `./path` for an action of the repository itself, `owner/repository@version` for one of another"
            }
            UsesError::NoReference(_) => "add a commit, tag or branch: `owner/repository@version`",
        }
    }
}

impl Uses {
    /// Reads the value of `uses:`.
    pub fn parse(text: &str) -> Result<Uses, UsesError> {
        let form = || UsesError::Form(text.to_owned());
        if let Some(image) = text.strip_prefix("docker://") {
            return if image.is_empty() { Err(form()) } else { Ok(Uses::Image(image.to_owned())) };
        }
        if text == "." || text == "./" || text.starts_with("./") || text.starts_with("../") || text == ".." {
            return Ok(Uses::Local(LocalPath(
                within(text).ok_or_else(|| UsesError::Outside(text.to_owned()))?,
            )));
        }
        let (name, reference) =
            text.rsplit_once('@').ok_or_else(|| UsesError::NoReference(text.to_owned()))?;
        if reference.is_empty() {
            return Err(UsesError::NoReference(text.to_owned()));
        }
        let (forge, name) = match name.split_once("://") {
            Some((scheme @ ("https" | "http"), rest)) => {
                let (host, path) = rest.split_once('/').ok_or_else(form)?;
                (Some(format!("{scheme}://{host}")), path)
            }
            Some(_) => return Err(form()),
            None => (None, name),
        };
        let mut parts = name.splitn(3, '/');
        let (Some(owner), Some(repository)) = (parts.next(), parts.next()) else { return Err(form()) };
        if !is_name(owner)
            || owner.starts_with('.')
            || !is_name(repository)
            || forge.as_deref().is_some_and(|f| f.ends_with("://"))
        {
            return Err(form());
        }
        let path =
            within(parts.next().unwrap_or_default()).ok_or_else(|| UsesError::Outside(text.to_owned()))?;
        if !is_reference(reference) {
            return Err(form());
        }
        Ok(Uses::Remote(Remote {
            forge,
            owner: owner.to_owned(),
            name: repository.to_owned(),
            path,
            reference: reference.to_owned(),
        }))
    }
}

impl LocalPath {
    /// The path of what another names relative to this one; `None` where that is out of the repository.
    pub fn join(&self, relative: &str) -> Option<LocalPath> {
        within(&format!("{}/{relative}", self.0)).map(LocalPath)
    }

    /// The path, with `/` between its parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Remote {
    /// The action's directory within its repository.
    pub fn directory(&self) -> LocalPath {
        LocalPath(self.path.clone())
    }

    /// `owner/name`
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The repository at its version, `[forge/]owner/name@reference`: the same for all that is in it, and for all
    /// spellings, since forges don't tell apart the case of names.
    pub fn version(&self) -> String {
        let Remote { forge, owner, name, reference, .. } = self;
        let forge = forge.as_ref().map(|forge| format!("{forge}/")).unwrap_or_default();
        format!("{}{reference}", format!("{forge}{owner}/{name}@").to_lowercase())
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "./{}", self.0)
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Remote { forge, owner, name, path, reference } = self;
        if let Some(forge) = forge {
            write!(f, "{forge}/")?;
        }
        write!(f, "{owner}/{name}")?;
        if !path.is_empty() {
            write!(f, "/{path}")?;
        }
        write!(f, "@{reference}")
    }
}

impl fmt::Display for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Uses::Local(path) => path.fmt(f),
            Uses::Image(image) => write!(f, "docker://{image}"),
            Uses::Remote(remote) => remote.fmt(f),
        }
    }
}

/// A relative path without `.`, `..` and doubled slashes; `None` where it leads out of its root.
fn within(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    if path.contains('\0') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A name as forges have them for owners and repositories.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !matches!(name, "" | "." | ".." | ".git") && !name.starts_with('-') && name.chars().all(plain)
}

/// What can be the name of a tag, branch or commit (git-check-ref-format).
fn is_reference(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let strange = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    !name.starts_with('-')
        && name.split('/').all(part)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.contains(strange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_told() {
        for (text, shown) in [
            ("./", "./"),
            ("./a/../b//c/.", "./b/c"),
            ("docker://alpine:3", "docker://alpine:3"),
            ("actions/checkout@v4", "actions/checkout@v4"),
            ("o/r/a/b@feature/x", "o/r/a/b@feature/x"),
            ("o/.github/.github/workflows/ci.yml@v1", "o/.github/.github/workflows/ci.yml@v1"),
            ("https://forge.example/o/r@main", "https://forge.example/o/r@main"),
        ] {
            assert_eq!(Uses::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_names_nothing_is_told_why() {
        let outside = |t: &str| Err(UsesError::Outside(t.into()));
        let form = |t: &str| Err(UsesError::Form(t.into()));
        for text in ["./..", "./a/../../b", "../x", "o/r/../x@v1"] {
            assert_eq!(Uses::parse(text), outside(text), "{text}");
        }
        for text in [
            "docker://",
            "a@v1",
            "/etc@v1",
            ".github/actions/x@v1",
            "o/.@v1",
            "o/..@v1",
            "o/.git@v1",
            "https://@v1",
            "ftp://h/o/r@v",
            "o r/x@v",
            "o/r@-x",
            "o/r@a b",
            "o/r@../x",
            "o/r@a//b",
            "o/r@/a",
            "o/r@a:b",
        ] {
            assert_eq!(Uses::parse(text), form(text), "{text}");
        }
        for text in ["o/r", "o/r@", ""] {
            assert_eq!(Uses::parse(text), Err(UsesError::NoReference(text.into())), "{text}");
        }
    }
}
