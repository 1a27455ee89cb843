//! Where workflow files are, and reading them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::yaml::MAX_BYTES;

/// Where forges look for workflows, in the order in which they are tried. The first that exists is used, as
/// Forgejo and Gitea do.
pub const DIRECTORIES: [&str; 3] = [".forgejo/workflows", ".gitea/workflows", ".github/workflows"];

/// Why no workflow was found.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// None of the directories exists.
    #[error("no workflows here: looked for {}", DIRECTORIES.join(", "))]
    NoDirectory,
    /// The directory has no `.yml` or `.yaml` file.
    #[error("no .yml or .yaml file in {}", .0.display())]
    Empty(PathBuf),
    /// The directory can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The workflow files of the tree at `root`, sorted by name.
pub fn discover(root: &Path) -> Result<Vec<PathBuf>, DiscoverError> {
    let directory = DIRECTORIES.iter().map(|name| root.join(name)).find(|path| path.is_dir());
    let path = directory.ok_or(DiscoverError::NoDirectory)?;
    let unreadable = |source| DiscoverError::Unreadable { path: path.clone(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(&path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|e| e == "yml" || e == "yaml") && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(DiscoverError::Empty(path));
    }
    files.sort();
    Ok(files)
}

/// Reads a file of the tree at `root` that no link leads out of, but no more of it than shows that it is too large.
pub fn read_within(root: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let real = root.join(path).canonicalize()?;
    if !real.starts_with(root.canonicalize()?) {
        return Err(io::Error::other("a link leads out of the repository"));
    }
    if !real.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    read(&real)
}

/// Reads a workflow file, but no more of it than shows that it is too large.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a file can't be read, for people.
pub fn why_unread(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        _ => error.to_string(),
    }
}

/// Which forges' variables a workflow has beside those of GitHub, by what stands before their names: of the forge whose
/// directory it is in, and of those whose names it has.
pub fn prefixes(file: &Path, text: &str) -> Vec<String> {
    let [forgejo, gitea, _] = DIRECTORIES;
    let of = [("FORGEJO_", &[forgejo][..]), ("GITEA_", &[forgejo, gitea])];
    let of = of
        .into_iter()
        .filter(|(prefix, homes)| text.contains(prefix) || homes.iter().any(|home| file.starts_with(home)));
    of.map(|(prefix, _)| prefix.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_directory_that_exists_is_used() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(discover(root.path()), Err(DiscoverError::NoDirectory)));
        for (directory, file) in [(".github/workflows", "c.yml"), (".gitea/workflows", "b.yml")] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
            fs::write(root.path().join(directory).join(file), "").unwrap();
        }
        assert_eq!(discover(root.path()).unwrap(), [root.path().join(".gitea/workflows/b.yml")]);
        fs::create_dir_all(root.path().join(".forgejo/workflows")).unwrap();
        assert!(matches!(discover(root.path()), Err(DiscoverError::Empty(_))));
    }

    #[test]
    fn other_files_are_left_out_and_the_rest_is_sorted() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(".github/workflows");
        fs::create_dir_all(directory.join("dir.yml")).unwrap();
        for file in ["z.yml", "a.yaml", "readme.md", "b.yml.bak"] {
            fs::write(directory.join(file), "").unwrap();
        }
        let names = discover(root.path()).unwrap();
        assert_eq!(names, [directory.join("a.yaml"), directory.join("z.yml")]);
    }

    #[test]
    fn a_large_file_is_not_read_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 30).unwrap();
        assert_eq!(read(file.path()).unwrap().len(), MAX_BYTES + 1);
    }
}
