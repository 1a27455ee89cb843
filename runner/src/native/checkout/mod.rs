//! `actions/checkout`. Source of inputs, outputs and semantics: its `action.yml` and sources, version 4.
//!
//! A run on this machine has its tree in the workspace already, with work that nobody has committed: a step that asks
//! for nothing else gets that. Any other has git fetch and check out, in the sandbox: from the user's own
//! repository, whose objects and references are there read-only, or from the forge.

mod credentials;
mod git;
mod settings;
mod target;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use palisade_sandbox::Command;

use self::credentials::Credentials;
use self::git::{Git, Reach};
use self::settings::{Settings, Submodules, is_commit};
use self::target::{Target, candidates};
use super::{Description, Failure, Host, Input, Inputs, PostIf, Tree, explain_full_disk};
use crate::egress::rule_of;
use crate::inside::{MAKE_ROOM, make_room};

/// Inputs of version 4, and of the versions since.
pub const DESCRIPTION: Description = Description {
    name: "checkout",
    newest: 6,
    inputs: &[
        Input { name: "repository", default: "${{ github.repository }}" },
        Input { name: "ref", default: "" },
        Input { name: "token", default: "${{ github.token }}" },
        Input { name: "ssh-key", default: "" },
        Input { name: "ssh-known-hosts", default: "" },
        Input { name: "ssh-strict", default: "true" },
        Input { name: "ssh-user", default: "git" },
        Input { name: "persist-credentials", default: "true" },
        Input { name: "path", default: "" },
        Input { name: "clean", default: "true" },
        Input { name: "filter", default: "" },
        Input { name: "sparse-checkout", default: "" },
        Input { name: "sparse-checkout-cone-mode", default: "true" },
        Input { name: "fetch-depth", default: "1" },
        Input { name: "fetch-tags", default: "false" },
        Input { name: "show-progress", default: "true" },
        Input { name: "lfs", default: "false" },
        Input { name: "submodules", default: "false" },
        Input { name: "set-safe-directory", default: "true" },
        Input { name: "github-server-url", default: "" },
        Input { name: "allow-unsafe-pr-checkout", default: "" },
    ],
    post: PostIf::Always,
};

/// Puts a tree into the workspace.
pub fn main(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    let settings = Settings::read(inputs, host.workspace(), &host.github("server_url"))?;
    let own = settings.repository.eq_ignore_ascii_case(&host.github("repository"))
        && settings.server.eq_ignore_ascii_case(&host.github("server_url"));
    let no_repository = host.repository().is_none() && settings.path.is_empty();
    if own && no_repository && host.tree() != Tree::Empty && !settings.reference.is_empty() {
        let reference = &settings.reference;
        host.warn(format!("`ref: {reference}` has no effect: the tree of this run is no git repository"));
    }
    let as_it_is =
        host.tree() != Tree::Empty && own && (no_repository || !asks_for_another_tree(inputs, &settings));
    if as_it_is {
        host.say("The workspace holds the tree of this run as it is, with what is not committed; nothing is fetched.\n");
        host.set_output("ref", &host.github("ref"));
        host.set_output("commit", &host.github("sha"));
        let credentials = settings.persist && (settings.ssh.is_some() || !settings.token.is_empty());
        if no_repository || settings.submodules == Submodules::No && !credentials {
            return Ok(());
        }
    }
    let suffix = format!("{:016x}", RandomState::new().hash_one(0));
    let credentials = Credentials::write(host, &settings, &suffix)?;
    let mut git = Git::new(host.workspace().join(&settings.path), &credentials.configuration);
    git.ssh = settings.ssh.as_ref().and_then(|ssh| credentials.ssh_command(ssh));
    git.skip_lfs = !settings.lfs;
    let mut checkout = Checkout { host, settings: &settings, git, credentials: &credentials, own };
    let done = if as_it_is { checkout.complete() } else { checkout.run() };
    let done = done.map_err(|failure| explain_full_disk(host, failure, ", or fetch less of the repository"));
    let persist = settings.persist && !(as_it_is && host.tree() == Tree::Original);
    credentials.end(host, persist && done.is_ok());
    done
}

/// Removes what the checkout has left for later steps.
pub fn post(host: &mut dyn Host, _inputs: &Inputs) -> Result<(), Failure> {
    credentials::remove(host);
    Ok(())
}

/// Whether the tree of the run isn't what is asked for. All its history is there, with its tags, so that to ask for
/// those is to ask for nothing else.
fn asks_for_another_tree(inputs: &Inputs, settings: &Settings) -> bool {
    !settings.path.is_empty()
        || ["ref", "sparse-checkout", "filter"].iter().any(|name| !inputs.get(name).is_empty())
}

/// Where a commit comes from.
enum Source {
    /// The user's own repository: the commit or reference there.
    Here(String),
    /// The forge.
    Forge,
}

struct Checkout<'a> {
    host: &'a mut dyn Host,
    settings: &'a Settings,
    git: Git,
    credentials: &'a Credentials,
    /// It is the run's own repository.
    own: bool,
}

impl Checkout<'_> {
    fn run(&mut self) -> Result<(), Failure> {
        let url = self.settings.url();
        self.say(&format!("Syncing repository: {}", self.settings.repository));
        if self.settings.lfs && self.git_in_workspace().ask(self.host, &["lfs", "version"])?.is_none() {
            return Err("`lfs: true` needs the program git-lfs, which is not on the job's PATH; install it, or leave `lfs` out".into());
        }
        let (named, source) = self.find()?;
        self.make_room()?;
        self.group("Initializing the repository", |c| {
            let mut init = vec!["init", "--quiet"];
            init.extend(c.is_sha256().then_some("--object-format=sha256"));
            c.git(Reach::Forge, &init)?;
            c.git(Reach::Forge, &["remote", "add", "origin", &url])?;
            c.git(Reach::Forge, &["config", "--local", "gc.auto", "0"])
        })?;
        let target = self.group("Fetching the repository", |c| c.fetch(named, &source))?;
        if !self.settings.sparse.is_empty() {
            self.group("Setting up sparse checkout", Self::sparse)?;
        }
        if self.settings.lfs {
            self.group("Fetching LFS objects", |c| {
                c.git(Reach::Forge, &["lfs", "install", "--local"])?;
                c.git(Reach::Forge, &["lfs", "fetch", "origin", &target.commit()])
            })?;
        }
        self.group("Checking out the ref", |c| {
            if c.reuses() {
                c.compare(&target)?;
            }
            let mut args = vec!["checkout", "--force"];
            args.push(if c.settings.progress { "--progress" } else { "--quiet" });
            let target = target.arguments();
            args.extend(target.iter().map(String::as_str));
            c.git(Reach::Forge, &args)?;
            if c.reuses() {
                c.git(Reach::Forge, &["clean", "-ffdx", "--quiet"])?;
            }
            Ok(())
        })?;
        let submodules = self.submodules()?;
        if self.settings.persist {
            self.credentials.persist(self.host, &self.git, submodules)?;
        }
        let commit = self.git.ask(self.host, &["rev-parse", "--verify", "--quiet", "HEAD"])?;
        let commit = commit
            .filter(|commit| is_commit(commit))
            .ok_or("git does not tell which commit it has checked out")?;
        self.say(&commit);
        self.host.set_output("ref", &self.settings.reference);
        self.host.set_output("commit", &commit);
        Ok(())
    }

    /// Whether a commit that is known is named by the longer hash, as all objects of its repository are then.
    fn is_sha256(&self) -> bool {
        let known = self.settings.commit.clone().or_else(|| self.own.then(|| self.host.github("sha")));
        known.is_some_and(|commit| is_commit(&commit) && commit.len() == 64)
    }

    /// What is asked for, as far as its name tells, and where it is.
    fn find(&mut self) -> Result<(Option<Target>, Source), Failure> {
        let Settings { reference, commit, .. } = self.settings;
        let (mut reference, mut commit) = (reference.clone(), commit.clone());
        if self.own && (commit.is_none() && (reference.is_empty() || reference == self.host.github("ref"))) {
            // Some events have a short name of a branch.
            reference = match self.host.github("ref") {
                full if full.starts_with("refs/") => full,
                short if short == "HEAD" => String::new(),
                short => format!("refs/heads/{short}"),
            };
            commit =
                Some(self.host.github("sha")).filter(|sha| is_commit(sha) && sha.bytes().any(|b| b != b'0'));
        }
        let target = match (&commit, reference.as_str()) {
            (Some(commit), "") => Some(Target::Commit(commit.clone())),
            (_, full) if full.starts_with("refs/") => Some(Target::of(full)),
            _ => None,
        };
        if !self.own {
            return self.may_fetch(&reference).map(|()| (target, Source::Forge));
        }
        let Some(repository) = self.host.repository().map(str::to_owned) else {
            if self.host.tree() == Tree::Empty {
                return self.may_fetch(&reference).map(|()| (target, Source::Forge));
            }
            return Err(
                "the tree of this run is no git repository, so nothing of it can be checked out".into()
            );
        };
        let git_dir = format!("--git-dir={repository}");
        let mut exists = |name: &str| {
            let commit = format!("{name}^{{commit}}");
            let args = [&git_dir, "rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
            Ok::<bool, Failure>(self.git_in_workspace().ask(self.host, &args)?.is_some())
        };
        if let Some(commit) = commit {
            if exists(&commit)? {
                return Ok((target, Source::Here(commit)));
            }
        } else {
            for (name, full) in candidates(&reference) {
                if exists(&name)? {
                    return Ok((Some(Target::of(&full)), Source::Here(name)));
                }
            }
        }
        self.may_fetch(&reference).map(|()| (target, Source::Forge))
    }

    /// Whether a forge has sent the job.
    fn of_forge(&self) -> bool {
        self.host.tree() == Tree::Empty
    }

    /// How a job without a network gets one.
    fn remedy(&self) -> String {
        match (self.of_forge(), rule_of(&self.settings.server)) {
            (true, Some(rule)) => format!(
                "`[network]` of the runner's configuration gives it one: mode = \"allow\", allow = [\"{rule}\"]"
            ),
            (true, None) => "jobs reach a forge by its name, and this one is registered by an address: register it by a name, or \
                     give jobs the host's network, mode = \"host\" in `[network]` of the runner's configuration"
                .to_owned(),
            (false, _) => "give it one with --net".to_owned(),
        }
    }

    /// Whether the forge can be reached; if not, why that is needed.
    fn may_fetch(&self, reference: &str) -> Result<(), Failure> {
        let Settings { repository, server, commit, .. } = self.settings;
        if !self.host.offline() {
            return Ok(());
        }
        let what = commit.as_deref().unwrap_or(reference);
        Err(match self.own {
            true => format!(
                "the repository on this machine has no branch, tag or commit `{what}`, and the job has no network to fetch it from {server}; \
                 {}{}",
                if self.of_forge() { "" } else { "fetch it first with git, or " },
                self.remedy()
            ),
            false => format!(
                "cannot fetch `{repository}` from {server}: the job has no network; {}",
                self.remedy()
            ),
        }
        .into())
    }

    /// Most of the workspace's files will be as another commit of the same repository has them. Nothing else of it stays.
    fn reuses(&self) -> bool {
        let Settings { path, clean, sparse, .. } = self.settings;
        self.own && *clean && path.is_empty() && sparse.is_empty() && self.host.tree() == Tree::Copy
    }

    /// Has git compare by content the files that are there, so that it writes only those that differ.
    fn compare(&mut self, target: &Target) -> Result<(), Failure> {
        self.git(Reach::Forge, &["read-tree", &target.commit()])?;
        // It fails where a file differs.
        self.git.ask(self.host, &["update-index", "-q", "--refresh"])?;
        Ok(())
    }

    fn make_room(&mut self) -> Result<(), Failure> {
        let content = match (self.host.tree(), self.settings.clean) {
            (Tree::Original, _) => make_room::REFUSE,
            (Tree::Copy, true) if self.reuses() => make_room::REUSE,
            (Tree::Copy | Tree::Empty, true) => make_room::REMOVE,
            (Tree::Copy | Tree::Empty, false) => make_room::KEEP,
        };
        let workspace = self.host.workspace().to_owned();
        let command = Command::builtin(MAKE_ROOM).arg(&workspace).arg(&self.settings.path).arg(content);
        match self.host.capture(command, 4096)? {
            (status, _) if status.success() => Ok(()),
            (_, why) if why.is_empty() => Err("cannot make room for the checkout".into()),
            (_, why) => Err(String::from_utf8_lossy(&why).into_owned().into()),
        }
    }

    /// Fetches; tells what is to be checked out.
    fn fetch(&mut self, named: Option<Target>, source: &Source) -> Result<Target, Failure> {
        let tags = "+refs/tags/*:refs/tags/*";
        match (source, named) {
            (Source::Here(name), Some(target)) => {
                self.borrow_objects()?;
                if self.settings.depth.is_none() {
                    self.fetch_here(&[
                        "+refs/remotes/origin/*:refs/remotes/origin/*",
                        "^refs/remotes/origin/HEAD",
                        tags,
                    ])?;
                    self.fetch_here(&["+refs/heads/*:refs/remotes/origin/*"])?;
                }
                let refspec = target.refspec(name);
                let mut refspecs = vec![refspec.as_str()];
                refspecs.extend(self.settings.tags.then_some(tags));
                self.fetch_here(&refspecs)?;
                Ok(target)
            }
            (_, Some(target)) => {
                let from = match (&self.settings.commit, self.settings.reference.as_str()) {
                    (Some(commit), _) => commit.clone(),
                    (None, "") => self.host.github("sha"),
                    (None, reference) => reference.to_owned(),
                };
                let refspec = target.refspec(&from);
                if self.settings.depth.is_none() {
                    self.fetch_forge(&["+refs/heads/*:refs/remotes/origin/*", tags])?;
                }
                let mut refspecs = vec![refspec.as_str()];
                refspecs.extend(self.settings.tags.then_some(tags));
                self.fetch_forge(&refspecs)?;
                Ok(target)
            }
            (_, None) => self.fetch_unqualified(),
        }
    }

    /// Fetches by a short name, or by none, which is the default branch.
    fn fetch_unqualified(&mut self) -> Result<Target, Failure> {
        let tags = "+refs/tags/*:refs/tags/*";
        let name = match self.settings.reference.as_str() {
            "" => self.default_branch()?,
            name => name.to_owned(),
        };
        let args =
            ["ls-remote", "--quiet", "origin", &format!("refs/heads/{name}"), &format!("refs/tags/{name}")];
        let listed = self.git.ask(self.host, &args)?.ok_or_else(|| self.unreachable())?;
        let listed: Vec<&str> =
            listed.lines().filter_map(|line| line.split_once('\t')).map(|(_, name)| name).collect();
        let full = [format!("refs/heads/{name}"), format!("refs/tags/{name}")];
        let full = full.iter().find(|full| listed.contains(&full.as_str()));
        let full =
            full.ok_or_else(|| format!("`{}` has no branch or tag `{name}`", self.settings.repository))?;
        let target = Target::of(full);
        let refspec = target.refspec(full);
        match self.settings.depth {
            None => self.fetch_forge(&["+refs/heads/*:refs/remotes/origin/*", tags])?,
            Some(_) if self.settings.tags && !full.starts_with("refs/tags/") => {
                self.fetch_forge(&[&refspec, tags])?
            }
            Some(_) => self.fetch_forge(&[&refspec])?,
        }
        Ok(target)
    }

    fn default_branch(&mut self) -> Result<String, Failure> {
        let args = ["ls-remote", "--quiet", "--symref", "origin", "HEAD"];
        let said = self.git.ask(self.host, &args)?.ok_or_else(|| self.unreachable())?;
        let head = said.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.split('\t').next());
        Ok(head.ok_or_else(|| format!("`{}` has no default branch", self.settings.repository))?.to_owned())
    }

    fn unreachable(&self) -> String {
        let Settings { repository, server, .. } = self.settings;
        format!("cannot read `{repository}` at {server}: it is not there, or the token may not read it")
    }

    /// Has the objects of the user's repository count as this one's: none is copied.
    fn borrow_objects(&mut self) -> Result<(), Failure> {
        let repository = self.host.repository().unwrap_or_default().to_owned();
        let workspace = self.git.directory().to_owned();
        let file = workspace.join(".git/objects/info/alternates");
        let command = Command::new("sh")
            .args(["-c", "printf '%s\\n' \"$1\" > \"$2\"", "sh"])
            .arg(format!("{repository}/objects"))
            .arg(&file)
            .env("PATH", self.host.path());
        let status = self.host.run(command)?;
        if status.success() { Ok(()) } else { Err(format!("cannot write `{}`", file.display()).into()) }
    }

    fn fetch_here(&mut self, refspecs: &[&str]) -> Result<(), Failure> {
        let url = format!("file://{}", self.host.repository().unwrap_or_default());
        let depth = self.settings.depth.map(|depth| format!("--depth={depth}"));
        let mut args = vec!["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
        args.push(depth.as_deref().unwrap_or("--update-shallow"));
        args.push(&url);
        args.extend(refspecs);
        self.git(Reach::Files, &args)
    }

    fn fetch_forge(&mut self, refspecs: &[&str]) -> Result<(), Failure> {
        let depth = self.settings.depth.map(|depth| format!("--depth={depth}"));
        let filter = self.settings.filter.as_deref();
        let filter = filter.or((!self.settings.sparse.is_empty()).then_some("blob:none"));
        let filter = filter.map(|filter| format!("--filter={filter}"));
        let mut args = vec!["fetch", "--no-tags", "--prune", "--no-recurse-submodules"];
        args.push(if self.settings.progress { "--progress" } else { "--quiet" });
        args.extend(filter.as_deref());
        args.extend(depth.as_deref());
        args.push("origin");
        args.extend(refspecs);
        self.git(Reach::Forge, &args)
    }

    fn sparse(&mut self) -> Result<(), Failure> {
        let mut args = vec!["sparse-checkout", "set"];
        args.push(if self.settings.cone { "--cone" } else { "--no-cone" });
        args.push("--");
        args.extend(self.settings.sparse.iter().map(String::as_str));
        self.git(Reach::Forge, &args)
    }

    /// Checks submodules out; gives whether those of theirs too, or nothing where there are none.
    fn submodules(&mut self) -> Result<Option<bool>, Failure> {
        let recursive = match self.settings.submodules {
            Submodules::No => return Ok(None),
            Submodules::Own => false,
            Submodules::Recursive => true,
        };
        if self.git.ask(self.host, &["ls-files", "--error-unmatch", ".gitmodules"])?.is_none() {
            return Ok(None);
        }
        if self.host.offline() {
            let error = format!("cannot fetch the submodules: the job has no network; {}", self.remedy());
            return Err(error.into());
        }
        self.group("Fetching submodules", |c| {
            let all = recursive.then_some("--recursive");
            let depth = c.settings.depth.map(|depth| format!("--depth={depth}"));
            let sync: Vec<&str> = ["submodule", "sync"].into_iter().chain(all).collect();
            c.git(Reach::Forge, &sync)?;
            let update = ["submodule", "update", "--init", "--force"];
            let update: Vec<&str> = update.into_iter().chain(depth.as_deref()).chain(all).collect();
            c.git(Reach::Forge, &update)
        })?;
        Ok(Some(recursive))
    }

    /// Adds what the tree of the run lacks: submodules, and credentials for later steps.
    fn complete(&mut self) -> Result<(), Failure> {
        if self.git.ask(self.host, &["rev-parse", "--git-dir"])?.is_none() {
            // A linked work tree, whose repository isn't in the workspace.
            return Ok(());
        }
        if self.settings.submodules != Submodules::No {
            self.missing_submodules()?;
        }
        // The user's own configuration isn't touched.
        if self.settings.persist && self.host.tree() == Tree::Copy {
            self.credentials.persist(self.host, &self.git, None)?;
        }
        Ok(())
    }

    /// Fetches the submodules that the user's tree lacks; the others are as they are.
    fn missing_submodules(&mut self) -> Result<(), Failure> {
        let status = self.git.ask(self.host, &["submodule", "status"])?.unwrap_or_default();
        // `-<commit> <path>`; what is there begins with a space or a plus sign.
        let missing = status.lines().filter_map(|line| line.trim().strip_prefix('-')?.split_once(' '));
        let missing: Vec<&str> = missing.map(|(_, path)| path).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if self.host.offline() {
            return Err(format!(
                "the tree lacks its submodules ({}), and the job has no network to fetch them; run `git submodule update --init`, \
                 or give the job a network with --net",
                missing.join(", ")
            )
            .into());
        }
        let mut args = vec!["submodule", "update", "--init"];
        args.extend((self.settings.submodules == Submodules::Recursive).then_some("--recursive"));
        args.push("--");
        args.extend(missing);
        self.group("Fetching submodules", |c| c.git(Reach::Forge, &args))
    }

    fn git(&mut self, reach: Reach, args: &[&str]) -> Result<(), Failure> {
        self.git.run(self.host, reach, args)
    }

    /// Git before there is the directory of the checkout.
    fn git_in_workspace(&self) -> Git {
        Git::new(self.host.workspace().to_owned(), &self.credentials.configuration)
    }

    fn say(&mut self, line: &str) {
        self.host.say(&format!("{line}\n"));
    }

    fn group<T>(
        &mut self,
        title: &str,
        body: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.say(&format!("::group::{title}"));
        let done = body(self);
        self.say("::endgroup::");
        done
    }
}
