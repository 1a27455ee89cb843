//! The tools on the caller's `PATH`, for jobs: what a sandbox shows anyway is passed on, what lies
//! elsewhere (rustup, pyenv, nvm, a virtual environment) is shown read-only at its own path, together with
//! what it can't do without and never with the files that hold credentials.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use palisade_sandbox::{Bind, Spec};

/// Where programs of the system are; always at the end of a job's `PATH`.
const SYSTEM: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// What a sandbox shows of the host in any case.
const SHOWN: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/nix/store"];
/// What belongs to the sandbox itself, or is no place for tools.
const NEVER: [&str; 8] = ["/proc", "/sys", "/dev", "/etc", "/run", "/boot", "/tmp", "/home/runner"];
/// Most directories that are shown.
const MAX_SHOWN: usize = 64;

/// The tools that a job gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// The job's `PATH`.
    pub path: String,
    /// Directories to be shown read-only, at their own paths.
    pub shown: Vec<PathBuf>,
    /// Variables that tell the tools where they are.
    pub env: Vec<(String, String)>,
}

impl Tools {
    /// A sandbox that shows them.
    pub fn shown_in(&self, spec: Spec) -> Spec {
        self.shown.iter().fold(spec, |spec, directory| spec.bind(Bind::read_only(directory)))
    }
}

/// What the tools are found by.
pub struct Caller<'a> {
    /// `PATH`.
    pub path: &'a str,
    /// `HOME`.
    pub home: Option<&'a Path>,
    /// Any other variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// A place where a tool keeps its programs, and what else it needs.
struct Companion {
    /// The last components of the directory on `PATH`; `*` is any one.
    ends_with: &'static [&'static str],
    /// How many components up the tool's own root is, which is shown as a whole.
    root_above: Option<usize>,
    /// The variable that tells the tool where its data is, and the default below the home directory.
    data: Option<(&'static str, &'static str)>,
}

/// Tools that live in a home directory. A root is shown as a whole only where no credentials are kept.
const COMPANIONS: &[Companion] = &[
    // ~/.cargo itself holds credentials.toml.
    Companion { ends_with: &[".cargo", "bin"], root_above: None, data: Some(("RUSTUP_HOME", ".rustup")) },
    Companion { ends_with: &[".pyenv", "shims"], root_above: Some(1), data: Some(("PYENV_ROOT", ".pyenv")) },
    Companion { ends_with: &[".pyenv", "bin"], root_above: Some(1), data: Some(("PYENV_ROOT", ".pyenv")) },
    Companion { ends_with: &[".rbenv", "shims"], root_above: Some(1), data: Some(("RBENV_ROOT", ".rbenv")) },
    Companion { ends_with: &[".rbenv", "bin"], root_above: Some(1), data: Some(("RBENV_ROOT", ".rbenv")) },
    Companion { ends_with: &["versions", "node", "*", "bin"], root_above: Some(1), data: None },
    Companion { ends_with: &["candidates", "*", "current", "bin"], root_above: Some(1), data: None },
    Companion { ends_with: &[".volta", "bin"], root_above: Some(1), data: Some(("VOLTA_HOME", ".volta")) },
];

/// Files that mark the parent of a `bin` directory as one tool's own root.
const ROOT_MARKS: [&str; 3] = ["pyvenv.cfg", "VERSION", "release"];

/// The tools on the caller's `PATH`.
pub fn find(caller: &Caller<'_>) -> Tools {
    let mut tools = Tools::default();
    let mut path: Vec<String> = Vec::new();
    let mut shown = BTreeSet::new();
    for entry in caller.path.split(':') {
        let dir = Path::new(entry);
        if path.iter().any(|p| p == entry) || SYSTEM.contains(&entry) || !is_plain(dir) {
            continue;
        }
        if !below(dir, &SHOWN) {
            if !may_show(dir, caller.home) || shown.len() >= MAX_SHOWN {
                continue;
            }
            let companion = COMPANIONS.iter().find(|c| ends_with(dir, c.ends_with));
            shown.insert(root_of(dir, companion).to_owned());
            if let Some((variable, default)) = companion.and_then(|c| c.data) {
                let data = (caller.variable)(variable).map(PathBuf::from);
                let data = data.or_else(|| caller.home.map(|home| home.join(default)));
                if let Some(data) = data.filter(|data| is_plain(data) && may_show(data, caller.home)) {
                    let value = data.to_string_lossy().into_owned();
                    if !tools.env.iter().any(|(name, _)| name == variable) {
                        tools.env.push((variable.to_owned(), value));
                    }
                    shown.insert(data);
                }
            }
        }
        path.push(entry.to_owned());
    }
    path.extend(SYSTEM.map(str::to_owned));
    tools.path = path.join(":");
    // A directory below another that is shown is there already.
    for dir in shown {
        if !tools.shown.iter().any(|outer| dir.starts_with(outer)) {
            tools.shown.push(dir);
        }
    }
    tools
}

/// The system's own tools only.
pub fn system() -> Tools {
    Tools { path: SYSTEM.join(":"), ..Tools::default() }
}

/// An absolute path without `..`, as text that a `PATH` can hold.
fn is_plain(dir: &Path) -> bool {
    dir.is_absolute()
        && dir.to_str().is_some()
        && dir.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)))
}

fn below(dir: &Path, parents: &[&str]) -> bool {
    parents.iter().any(|parent| dir.starts_with(parent))
}

/// Whether a directory is there and is no more than a place for tools: not the root, not a home directory,
/// nor what is above one.
fn may_show(dir: &Path, home: Option<&Path>) -> bool {
    dir.parent().is_some()
        && !below(dir, &NEVER)
        && !home.is_some_and(|home| home.starts_with(dir))
        && !["/home", "/root", "/var", "/srv", "/mnt", "/media"].iter().any(|d| dir == Path::new(d))
        && dir.is_dir()
}

fn ends_with(dir: &Path, pattern: &[&str]) -> bool {
    let mut names = dir.components().rev().map(|c| c.as_os_str());
    pattern.iter().rev().all(|part| names.next().is_some_and(|name| *part == "*" || name == *part))
}

fn root_of<'a>(dir: &'a Path, companion: Option<&Companion>) -> &'a Path {
    match companion {
        Some(Companion { root_above: Some(above), .. }) => dir.ancestors().nth(*above).unwrap_or(dir),
        Some(Companion { root_above: None, .. }) => dir,
        None => dir
            .parent()
            .filter(|root| dir.ends_with("bin") && ROOT_MARKS.iter().any(|mark| root.join(mark).is_file()))
            .unwrap_or(dir),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn none(_: &str) -> Option<String> {
        None
    }

    /// A home outside of `/tmp`, of which nothing is ever shown.
    fn home(dirs: &[&str]) -> tempfile::TempDir {
        let home = tempfile::tempdir_in("/var/tmp").unwrap();
        for dir in dirs {
            fs::create_dir_all(home.path().join(dir)).unwrap();
        }
        home
    }

    fn in_home(home: &tempfile::TempDir, entries: &[&str]) -> (Tools, Vec<String>) {
        let path = entries.iter().map(|e| home.path().join(e).display().to_string()).collect::<Vec<_>>();
        let tools = find(&Caller { path: &path.join(":"), home: Some(home.path()), variable: &none });
        let shown = tools.shown.iter();
        let shown = shown.map(|s| s.strip_prefix(home.path()).unwrap().display().to_string()).collect();
        (tools, shown)
    }

    #[test]
    fn directories_of_the_system_are_passed_on_and_nothing_else_is_shown() {
        let tools =
            find(&Caller { path: "/usr/bin:/usr/lib/ccache::.:../x:/proc", home: None, variable: &none });
        assert_eq!(tools.path, format!("/usr/lib/ccache:{}", SYSTEM.join(":")));
        assert_eq!(tools.shown, Vec::<PathBuf>::new());
    }

    #[test]
    fn cargo_comes_with_rustup_but_without_its_credentials() {
        let home = home(&[".cargo/bin", ".rustup/toolchains"]);
        let (tools, shown) = in_home(&home, &[".cargo/bin"]);
        assert_eq!(shown, [".cargo/bin", ".rustup"]);
        let rustup = home.path().join(".rustup").display().to_string();
        assert_eq!(tools.env, [("RUSTUP_HOME".to_owned(), rustup)]);
    }

    #[test]
    fn version_managers_are_shown_from_their_root() {
        let home = home(&[".pyenv/shims", ".pyenv/bin", ".nvm/versions/node/v22/bin"]);
        let (_, shown) = in_home(&home, &[".pyenv/shims", ".pyenv/bin", ".nvm/versions/node/v22/bin"]);
        assert_eq!(shown, [".nvm/versions/node/v22", ".pyenv"]);
    }

    #[test]
    fn a_root_is_known_by_its_mark() {
        let home = home(&["venv/bin", "go-dist/bin", "plain/bin"]);
        fs::write(home.path().join("venv/pyvenv.cfg"), "").unwrap();
        fs::write(home.path().join("go-dist/VERSION"), "").unwrap();
        let (_, shown) = in_home(&home, &["venv/bin", "go-dist/bin", "plain/bin"]);
        assert_eq!(shown, ["go-dist", "plain/bin", "venv"]);
    }

    #[test]
    fn a_home_or_what_is_above_it_is_never_shown() {
        let home = home(&["x"]);
        let path = format!("{}:{}:/", home.path().display(), home.path().parent().unwrap().display());
        let tools = find(&Caller { path: &path, home: Some(home.path()), variable: &none });
        assert_eq!(tools, system());
    }

    #[test]
    fn what_does_not_exist_is_left_out() {
        let home = home(&[]);
        assert_eq!(in_home(&home, &[".cargo/bin"]).0, system());
    }
}
