//! What is to be checked out, and what has to be fetched for it.

/// Something that a work tree can stand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A branch, by its short name.
    Branch(String),
    /// Anything else: the reference by which it is kept here.
    Reference(String),
    /// A commit that no reference names.
    Commit(String),
}

impl Target {
    /// What a full reference (`refs/…`) stands for.
    pub fn of(reference: &str) -> Target {
        if let Some(branch) = reference.strip_prefix("refs/heads/") {
            Target::Branch(branch.to_owned())
        } else if let Some(pull) = reference.strip_prefix("refs/pull/") {
            Target::Reference(format!("refs/remotes/pull/{pull}"))
        } else {
            Target::Reference(reference.to_owned())
        }
    }

    /// The reference under which what is fetched is kept.
    pub fn kept_as(&self) -> Option<String> {
        match self {
            Target::Branch(branch) => Some(format!("refs/remotes/origin/{branch}")),
            Target::Reference(reference) => Some(reference.clone()),
            Target::Commit(_) => None,
        }
    }

    /// What names its commit here.
    pub fn commit(&self) -> String {
        match self {
            Target::Commit(commit) => commit.clone(),
            kept => kept.kept_as().unwrap_or_default(),
        }
    }

    /// What to fetch so that it is there, from a reference or commit of the remote.
    pub fn refspec(&self, from: &str) -> String {
        match self.kept_as() {
            Some(kept) => format!("+{from}:{kept}"),
            None => from.to_owned(),
        }
    }

    /// Arguments of `git checkout`.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Target::Branch(branch) => {
                vec!["-B".into(), branch.clone(), format!("refs/remotes/origin/{branch}")]
            }
            Target::Reference(name) | Target::Commit(name) => vec!["--detach".into(), name.clone()],
        }
    }
}

/// The references that a name may mean in the user's own repository, where what the forge has is kept under
/// `refs/remotes/origin`, in the order in which they count; each with the full reference that it stands for.
pub fn candidates(name: &str) -> Vec<(String, String)> {
    let branch = |name: &str| {
        let full = format!("refs/heads/{name}");
        [(full.clone(), full.clone()), (format!("refs/remotes/origin/{name}"), full)]
    };
    if let Some(name) = name.strip_prefix("refs/heads/") {
        branch(name).into()
    } else if name.starts_with("refs/") {
        vec![(name.to_owned(), name.to_owned())]
    } else {
        let tag = format!("refs/tags/{name}");
        branch(name).into_iter().chain([(tag.clone(), tag)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_place() {
        let sha = "c0ffee";
        for (reference, refspec, checkout) in [
            ("refs/heads/a/b", "+c0ffee:refs/remotes/origin/a/b", "-B a/b refs/remotes/origin/a/b"),
            ("refs/pull/7/merge", "+c0ffee:refs/remotes/pull/7/merge", "--detach refs/remotes/pull/7/merge"),
            ("refs/tags/v1", "+c0ffee:refs/tags/v1", "--detach refs/tags/v1"),
        ] {
            let target = Target::of(reference);
            assert_eq!(target.refspec(sha), refspec);
            assert_eq!(target.arguments().join(" "), checkout);
        }
        assert_eq!(Target::Commit(sha.into()).refspec(sha), sha);
    }

    #[test]
    fn a_branch_goes_before_a_tag_and_the_own_one_before_the_forges() {
        let names = |name| candidates(name).into_iter().map(|(found, _)| found).collect::<Vec<_>>().join(" ");
        assert_eq!(names("x"), "refs/heads/x refs/remotes/origin/x refs/tags/x");
        assert_eq!(names("refs/heads/x"), "refs/heads/x refs/remotes/origin/x");
        assert_eq!(names("refs/tags/x"), "refs/tags/x");
    }
}
