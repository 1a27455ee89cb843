//! Fetches the files of a commit: git, in a sandbox of its own that sees the repository, an empty directory and, for
//! what is not on this machine, the network.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_proto::http::trusted_with;
use palisade_sandbox::{Access, Bind, Command, Error, Network, Sandbox, Spec, StartStage, Status, Workspace};

use super::source::Location;
use super::store::CommitId;
use super::tree::{MAX_BYTES, MAX_FILES};
use crate::base64::base64;
use crate::capture::{Bounds, CaptureError, Captured, capture};
use crate::mask::Secret;
use crate::toolchain::Tools;

/// The directory to work in, inside.
const WORK: &str = "/home/runner/fetch";
/// The repository where it is on this machine, inside, and its address: by that git takes no short cut.
const SOURCE: &str = "/home/runner/source";
const SOURCE_URL: &str = "file:///home/runner/source";
/// The references of a bundle that are no branches or tags: its commit, where nothing else leads to it.
const BUNDLED: &str = "+refs/palisade/*:refs/palisade/*";
/// Who is trusted, in the directory, where that isn't left to the system.
const CERTIFICATES: &str = "certificates.pem";
/// The copy of a repository that [`Git::mirror`] keeps, in the directory.
pub const MIRROR: &str = "repository.git";
/// How long one call of git may take.
const TIME: Duration = Duration::from_mins(10);
/// Most bytes that git may list: enough for [`MAX_FILES`] with long names.
const MAX_LISTING: usize = 32 << 20;
/// What of the environment says how the network is reached.
const PROXIES: [&str; 7] =
    ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];

/// All that git reads of configuration. The repository on this machine may belong to anybody, and any commit of it
/// may be asked for; what is fetched is one file, whose size is limited; nothing is run.
const CONFIG: &str = "\
[safe]
	directory = *
[uploadpack]
	allowAnySHA1InWant = true
[protocol]
	allow = never
[protocol \"https\"]
	allow = always
[protocol \"http\"]
	allow = always
[protocol \"file\"]
	allow = always
[http]
	lowSpeedLimit = 1000
	lowSpeedTime = 30
[fetch]
	unpackLimit = 1
[core]
	hooksPath = /dev/null
	fsmonitor = false
[gc]
	auto = 0
[maintenance]
	auto = false
";

/// Files come as they are committed, whatever their attributes say.
const ATTRIBUTES: &str = "* -text -filter -ident -working-tree-encoding\n";

/// What git runs with.
#[derive(Clone, Debug)]
pub struct Host {
    /// The sandbox, without work tree and network.
    spec: Spec,
    /// `PATH`
    path: String,
    /// Certificates that are trusted beside those of the system, in PEM.
    ca_file: Option<PathBuf>,
}

impl Host {
    /// Git is among the tools; `spec` is a sandbox without a tree.
    pub fn new(spec: Spec, tools: &Tools) -> Host {
        Host { spec: tools.shown_in(spec), path: tools.path.clone(), ca_file: None }
    }

    /// The same, which trusts the certificates of a file beside those of the system.
    pub fn trusting(self, ca_file: Option<&Path>) -> Host {
        Host { ca_file: ca_file.map(Path::to_owned), ..self }
    }
}

/// git at work on one repository.
#[derive(Debug)]
pub struct Git<'a> {
    sandbox: Sandbox,
    host: &'a Host,
    location: &'a Location,
    directory: &'a Path,
    token: Option<Secret>,
    stop: Option<BorrowedFd<'a>>,
}

/// Why there is no tree.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The sandbox.
    #[error("cannot run git: {0}")]
    Sandbox(#[from] Error),
    /// There is no git.
    #[error("git is not installed, so nothing can be fetched")]
    NoGit,
    /// The repository isn't there, or not for everybody.
    #[error("there is no repository `{0}`")]
    NoRepository(Location),
    /// It has no such branch, tag or commit.
    #[error("`{location}` has no tag or branch `{reference}`{help}")]
    NoReference {
        /// The repository.
        location: Location,
        /// What it doesn't have.
        reference: String,
        /// What it may be instead.
        help: &'static str,
    },
    /// git failed.
    #[error("git can't {what} `{location}`: {why}")]
    Git {
        /// What it was to do.
        what: &'static str,
        /// The repository.
        location: Location,
        /// The end of what it said.
        why: String,
    },
    /// It took too much.
    #[error("git can't {what} `{location}`: {error}")]
    Bound {
        /// What it was to do.
        what: &'static str,
        /// The repository.
        location: Location,
        /// Which bound.
        error: CaptureError,
    },
    /// The commit holds too much.
    #[error("`{location}` at {commit} has more than {bound}")]
    TooLarge {
        /// The repository.
        location: Location,
        /// The commit.
        commit: CommitId,
        /// What it has too much of.
        bound: String,
    },
    /// The directory.
    #[error("cannot prepare to fetch: {0}")]
    Io(#[from] io::Error),
}

impl<'a> Git<'a> {
    /// Starts. `directory` is private and empty.
    pub fn start(
        host: &'a Host,
        location: &'a Location,
        directory: &'a Path,
        stop: Option<BorrowedFd<'a>>,
    ) -> Result<Self, FetchError> {
        fs::write(directory.join("config"), CONFIG)?;
        if let (Some(ca_file), Location::Url(_)) = (&host.ca_file, location) {
            fs::write(directory.join(CERTIFICATES), trusted_with(ca_file).map_err(io::Error::other)?)?;
        }
        let tree = Workspace {
            source: directory.to_owned(),
            at: WORK.into(),
            access: Access::Write,
            hidden: Vec::new(),
            replaced: Vec::new(),
        };
        let spec = host.spec.clone().workspace(tree).limit_file_size(MAX_BYTES);
        let spec = match location {
            Location::Url(_) => spec.network(Network::Host),
            Location::Path(path) | Location::Bundle(path) => spec.bind(Bind::read_only(path).at(SOURCE)),
        };
        Ok(Git { sandbox: Sandbox::create(&spec)?, host, location, directory, token: None, stop })
    }

    /// Has git show a token to the repository's forge.
    pub fn with_token(self, token: Secret) -> Self {
        Git { token: Some(token), ..self }
    }

    /// Brings the branches and tags of the repository into [`MIRROR`], with `reference` and `commit`. What was
    /// fetched before stays: a job may be reading it.
    pub fn mirror(&self, reference: &str, commit: &CommitId) -> Result<(), FetchError> {
        let git_dir = format!("--git-dir={WORK}/{MIRROR}");
        if !self.directory.join(MIRROR).join("HEAD").exists() {
            let format = object_format(commit);
            self.run("prepare for", [&git_dir, "init", "-q", "--bare", "--template=", &format])?;
        }
        // A bundle has not all that there is: what it doesn't have may still be read.
        let is_whole = !matches!(self.location, Location::Bundle(_));
        let prune = if is_whole { "--prune" } else { "--no-prune" };
        let fetch = [&git_dir, "fetch", "-q", prune, "--no-write-fetch-head", "--no-recurse-submodules"];
        let mut refspecs = vec!["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
        if !is_whole {
            refspecs.push(BUNDLED);
        }
        let other = format!("+{reference}:{reference}");
        let listed = ["refs/heads/", "refs/tags/"];
        if reference.starts_with("refs/") && !listed.iter().any(|known| reference.starts_with(known)) {
            refspecs.push(&other);
        }
        self.run("fetch from", fetch.into_iter().chain(["--", self.url()]).chain(refspecs))?;
        let there = format!("{commit}^{{commit}}");
        if self.run("look into", [&git_dir, "cat-file", "-e", &there]).is_err() {
            // What nothing leads to any more, such as the head of a branch that has moved on.
            self.run("fetch from", fetch.into_iter().chain(["--", self.url(), commit.as_str()]))?;
        }
        Ok(())
    }

    /// Puts the packs of [`MIRROR`] together where they are many, and its references into one file. Nothing is dropped:
    /// a job may be reading it.
    pub fn tidy_mirror(&self) -> Result<(), FetchError> {
        let git_dir = format!("--git-dir={WORK}/{MIRROR}");
        self.run("tidy", [&git_dir, "pack-refs", "--all"])?;
        self.run("tidy", [&git_dir, "repack", "-q", "-d", "--geometric=2"]).map(drop)
    }

    /// The commit that a tag or branch has; tags go before branches, as in git.
    pub fn resolve(&self, reference: &str) -> Result<CommitId, FetchError> {
        let tag = format!("refs/tags/{reference}");
        // The commit behind a tag that is an object of its own.
        let names = [format!("{tag}^{{}}"), tag, format!("refs/heads/{reference}"), reference.to_owned()];
        let names = if reference.starts_with("refs/") { &names[..] } else { &names[..3] };
        let args =
            ["ls-remote", "-q", "--"].into_iter().chain([self.url()]).chain(names.iter().map(String::as_str));
        let listed = self.run("list the references of", args)?;
        let listed = String::from_utf8_lossy(&listed);
        let known = |name: &String| {
            let line =
                listed.lines().filter_map(|line| line.split_once('\t')).find(|(_, known)| known == name);
            line.and_then(|(commit, _)| CommitId::parse(commit))
        };
        names.iter().find_map(known).ok_or_else(|| FetchError::NoReference {
            location: self.location.clone(),
            reference: reference.to_owned(),
            help: if reference.len() >= 7 && reference.bytes().all(|b| b.is_ascii_hexdigit()) {
                "; a commit is named by all of its 40 digits"
            } else {
                ""
            },
        })
    }

    /// Puts the files of a commit into `tree` of the directory.
    pub fn fetch(self, commit: &CommitId) -> Result<(), FetchError> {
        let git_dir = format!("--git-dir={WORK}/git");
        let format = object_format(commit);
        self.run("prepare for", [&git_dir, "init", "-q", "--bare", "--template=", &format])?;
        let options = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
        let begin = || [git_dir.as_str()].into_iter().chain(options);
        let one = begin().chain(["--depth=1", "--", self.url(), commit.as_str()]);
        match self.run("fetch from", one) {
            // A server may give only what a reference leads to.
            Err(FetchError::Git { why, .. }) if why.contains("unadvertised") => {
                let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
                self.run("fetch from", begin().chain(["--", self.url()]).chain(all))?;
            }
            fetched => drop(fetched?),
        }
        self.check_size(&git_dir, commit)?;
        fs::create_dir(self.directory.join("tree"))?;
        fs::create_dir_all(self.directory.join("git/info"))?;
        fs::write(self.directory.join("git/info/attributes"), ATTRIBUTES)?;
        self.run("read", [&git_dir, "read-tree", commit.as_str()])?;
        let work_tree = format!("--work-tree={WORK}/tree");
        self.run("write the files of", [&git_dir, &work_tree, "checkout-index", "-q", "-a"])?;
        let Git { sandbox, directory, .. } = self;
        drop(sandbox);
        fs::remove_dir_all(directory.join("git"))?;
        fs::remove_file(directory.join("config"))?;
        if directory.join(CERTIFICATES).exists() {
            fs::remove_file(directory.join(CERTIFICATES))?;
        }
        Ok(())
    }

    /// Refuses what is too large before it is written.
    fn check_size(&self, git_dir: &str, commit: &CommitId) -> Result<(), FetchError> {
        let listed =
            self.run("list the files of", [git_dir, "ls-tree", "-r", "-l", "-z", commit.as_str()])?;
        let (mut files, mut bytes) = (0, 0u64);
        for entry in listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            files += 1;
            let fields = entry.split(|byte| *byte == b'\t').next().unwrap_or_default();
            let size =
                fields.rsplit(|byte| *byte == b' ').next().and_then(|size| std::str::from_utf8(size).ok());
            bytes = bytes.saturating_add(size.and_then(|size| size.parse().ok()).unwrap_or(0));
        }
        let bound = match () {
            () if files > MAX_FILES => format!("{MAX_FILES} files"),
            () if bytes > MAX_BYTES => format!("{MAX_BYTES} bytes"),
            () => return Ok(()),
        };
        Err(FetchError::TooLarge { location: self.location.clone(), commit: commit.clone(), bound })
    }

    /// How git names the repository inside.
    fn url(&self) -> &str {
        match self.location {
            Location::Url(url) => url,
            Location::Path(_) => SOURCE_URL,
            // Git knows a bundle by its path only.
            Location::Bundle(_) => SOURCE,
        }
    }

    fn run<'s>(
        &self,
        what: &'static str,
        args: impl IntoIterator<Item = &'s str>,
    ) -> Result<Vec<u8>, FetchError> {
        let mut command = Command::new("git")
            .args(args.into_iter().map(OsStr::new))
            .current_dir(WORK)
            .env("PATH", &self.host.path)
            .env("HOME", WORK)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", format!("{WORK}/config"))
            .env("GIT_TERMINAL_PROMPT", "0");
        if self.host.ca_file.is_some() {
            command = command.env("GIT_SSL_CAINFO", format!("{WORK}/{CERTIFICATES}"));
        }
        if let Some(token) = &self.token
            && let Location::Url(url) = self.location
        {
            // Every request to where the repository is, and to nowhere else.
            let basic = base64(format!("x-access-token:{}", token.expose()).as_bytes());
            command = command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", format!("http.{url}.extraHeader"))
                .env("GIT_CONFIG_VALUE_0", format!("Authorization: basic {basic}"));
        }
        for name in PROXIES {
            if let Some(value) = std::env::var_os(name) {
                command = command.env(name, value);
            }
        }
        let bounds = Bounds { stdout: MAX_LISTING, time: TIME, stop: self.stop };
        let location = || self.location.clone();
        let Captured { stdout, stderr, status } = match capture(&self.sandbox, command, bounds) {
            Ok(captured) => captured,
            Err(CaptureError::Sandbox(Error::Start {
                what: StartStage::Exec,
                errno: nix::errno::Errno::ENOENT,
                ..
            })) => return Err(FetchError::NoGit),
            Err(error) => return Err(FetchError::Bound { what, location: location(), error }),
        };
        if status == Status::Code(0) {
            return Ok(stdout);
        }
        // What a forge answers for what isn't there or not for everybody.
        let absent = ["could not read Username", "does not appear to be a git repository"];
        let not_found = |line: &str| line.starts_with("fatal: repository '") && line.ends_with("' not found");
        if absent.iter().any(|answer| stderr.contains(answer)) || stderr.lines().any(not_found) {
            return Err(FetchError::NoRepository(location()));
        }
        let said: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let why = match said.as_slice() {
            [] => format!("it ended with {status:?}"),
            said => said[said.len().saturating_sub(3)..].join("; "),
        };
        Err(FetchError::Git { what, location: location(), why })
    }
}

/// The option of `git init` for a repository with this commit.
fn object_format(commit: &CommitId) -> String {
    format!("--object-format={}", if commit.as_str().len() == 64 { "sha256" } else { "sha1" })
}
