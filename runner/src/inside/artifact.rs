//! The archives of artifacts: ZIP, as upstream's and as a person can open them. What goes into one and where is what
//! `actions/upload-artifact` does (`src/shared/search.ts` there): files only, behind links what these lead to, below
//! the least common ancestor of all paths; modes and times are not kept.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::glob::Patterns;
use super::landing::Landing;
use super::walk::{self, Links, MAX_ENTRIES, Walk, open_file, shown};
use crate::store::NOT_IN_PATHS;

/// How much is read at once.
const BUFFER: usize = 128 << 10;
/// From this size on a file's entry has numbers of 64 bits: a little less than 4 GiB, since it may grow meanwhile.
const LARGE: u64 = 3 << 30;

/// What was packed, for who asked for it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Packed {
    /// How many files.
    pub files: u64,
    /// In how many places was searched.
    pub searched: usize,
    /// The directory that is the archive's root.
    pub root: String,
}

/// Packs files. Arguments: the workspace, the home directory, whether hidden files count, the level of compression,
/// patterns. The archive goes to standard output, and a [`Packed`] in JSON, or why there is none, to standard error.
pub fn pack(args: &[OsString]) -> u8 {
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let [workspace, home, hidden, level, patterns] = &args[..] else { return 2 };
    let Ok(level) = level.parse() else { return 2 };
    let patterns = Patterns::anywhere([&**patterns].into_iter(), workspace, home);
    let packed = patterns
        .map_err(|e| e.to_string())
        .and_then(|patterns| archive(&patterns, hidden == "true", level, io::stdout().lock()));
    let (said, code) = match packed {
        Ok(packed) => (serde_json::to_string(&packed).unwrap_or_default(), 0),
        Err(why) => (why, 1),
    };
    if io::stderr().write_all(said.as_bytes()).is_err() { 2 } else { code }
}

/// Unpacks the archive that is standard input. Argument: the directory where to. Prints what is wrong, with exit code 1.
pub fn unpack(args: &[OsString]) -> u8 {
    let [directory] = args else { return 2 };
    let unpacked = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|e| format!("cannot read the archive: {e}"))
        .and_then(|archive| extract(File::from(archive), Path::new(directory)));
    match unpacked {
        Ok(()) => 0,
        Err(why) if io::stdout().write_all(why.as_bytes()).is_err() => 2,
        Err(_) => 1,
    }
}

fn archive(patterns: &Patterns, hidden: bool, level: i64, out: impl Write) -> Result<Packed, String> {
    let mut files: Vec<(PathBuf, PathBuf)> = Vec::new();
    let walk = Walk { links: Links::Follow, within: None, hidden, max_entries: MAX_ENTRIES };
    let walked = walk.run(patterns, Path::new("/"), |item| -> Result<(), walk::Error> {
        if item.metadata.is_file() {
            files.push((item.path.to_owned(), item.target.to_owned()));
        }
        Ok(())
    });
    walked.map_err(|e| e.to_string())?;
    let roots: Vec<PathBuf> =
        patterns.roots().iter().map(|root| Path::new("/").join(root.join("/"))).collect();
    let root = match &roots[..] {
        [only] => match &files[..] {
            // One file that was named: the directories above it don't count.
            [(path, _)] if path == only => path.parent().unwrap_or(only).to_owned(),
            _ => only.clone(),
        },
        several => common(several),
    };
    let packed = Packed {
        files: files.len() as u64,
        searched: roots.len(),
        root: root.to_string_lossy().into_owned(),
    };
    if files.is_empty() {
        return Ok(packed);
    }
    let method = if level == 0 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .compression_level((level != 0).then_some(level))
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new_stream(BufWriter::with_capacity(BUFFER, out));
    let mut buffer = vec![0; BUFFER];
    for (path, target) in files {
        let name = name(path.strip_prefix(&root).unwrap_or(&path))?;
        let cannot =
            |action: &str, e: &dyn std::fmt::Display| format!("cannot {action} `{}`: {e}", shown(&path));
        let Some(mut file) = open_file(&target).map_err(|e| cannot("read", &e))? else { continue };
        let size = file.metadata().map_err(|e| cannot("read", &e))?.len();
        let start = writer.start_file(name, options.large_file(size > LARGE));
        start.map_err(|e| cannot("pack", &e))?;
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(cannot("read", &e)),
            };
            writer.write_all(&buffer[..read]).map_err(|e| cannot("pack", &e))?;
        }
    }
    let mut out = writer.finish().map_err(|e| format!("cannot end the archive: {e}"))?;
    out.flush().map_err(|e| format!("cannot end the archive: {e}"))?;
    Ok(packed)
}

/// The name of a file in an archive, by upstream's rule.
fn name(path: &Path) -> Result<&str, String> {
    let Some(name) = path.to_str() else {
        return Err(format!("`{}` is no UTF-8, and an artifact can't have such a name", shown(path)));
    };
    match name.chars().find(|c| NOT_IN_PATHS.contains(c)) {
        Some(odd) => Err(format!(
            "the path `{}` can't be in an artifact: it contains `{}`, which some file systems don't have in names",
            shown(path).escape_debug(),
            odd.escape_debug()
        )),
        None => Ok(name),
    }
}

/// The directory that all paths have in common.
fn common(paths: &[PathBuf]) -> PathBuf {
    let Some((first, rest)) = paths.split_first() else { return "/".into() };
    let of_all = |depth: &usize| {
        rest.iter().all(|path| path.components().nth(*depth) == first.components().nth(*depth))
    };
    let depth = (0..first.components().count()).take_while(of_all).count();
    first.components().take(depth).collect()
}

fn extract(archive: File, directory: &Path) -> Result<(), String> {
    let refused = |e: &dyn std::fmt::Display| format!("the archive is refused: {e}");
    let mut archive = ZipArchive::new(archive).map_err(|e| refused(&e))?;
    let mut landing = Landing::new(directory)?;
    let mut buffer = vec![0; BUFFER];
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|e| refused(&e))?;
        let name = OsStr::from_bytes(entry.name_raw()).to_owned();
        let path = Path::new(&name);
        if entry.is_symlink() {
            return Err(refused(&format!("`{}` is a link", shown(path))));
        }
        if entry.is_dir() {
            landing.directory(path)?;
            continue;
        }
        let mut file = landing.file(path, 0o644)?;
        loop {
            let read = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) => return Err(refused(&format!("`{}`: {e}", shown(path)))),
            };
            file.write_all(&buffer[..read]).map_err(|e| format!("cannot write `{}`: {e}", shown(path)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{Seek, SeekFrom};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use tempfile::TempDir;

    /// A directory of these files, each with its path as content.
    fn tree(files: &[&str]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        dir
    }

    fn packed(dir: &TempDir, patterns: &str, hidden: bool, level: i64) -> Result<(Packed, Vec<u8>), String> {
        let here = dir.path().to_str().unwrap();
        let patterns = Patterns::anywhere([patterns].into_iter(), here, here).map_err(|e| e.to_string())?;
        let mut out = Vec::new();
        let packed = archive(&patterns, hidden, level, &mut out)?;
        Ok((packed, out))
    }

    fn unpacked(archive: &[u8]) -> Result<TempDir, String> {
        let dir = tempfile::tempdir().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(archive).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        extract(file, dir.path())?;
        Ok(dir)
    }

    /// All files below a directory with their content, in order.
    fn files(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                let name = entry.file_name().into_string().unwrap();
                found.extend(files(&entry.path()).iter().map(|below| format!("{name}/{below}")));
            } else {
                let content = fs::read_to_string(entry.path()).unwrap();
                found.push(format!("{}={content}", entry.file_name().to_str().unwrap()));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn the_root_is_what_all_paths_have_in_common() {
        let dir = tree(&["a/b/one", "a/b/c/two", "a/d/three", "e"]);
        for (patterns, root, content) in [
            ("a/b/one", "a/b", &["one=a/b/one"][..]),
            ("a/b/on*", "a/b", &["one=a/b/one"]),
            ("a/b", "a/b", &["c/two=a/b/c/two", "one=a/b/one"]),
            ("a/*/one", "a", &["b/one=a/b/one"]),
            ("a/b/one\na/b/c", "a/b", &["c/two=a/b/c/two", "one=a/b/one"]),
            ("a/b\na/d", "a", &["b/c/two=a/b/c/two", "b/one=a/b/one", "d/three=a/d/three"]),
            ("a\n!a/b/c", "a", &["b/one=a/b/one", "d/three=a/d/three"]),
            ("e\nnone", "", &["e=e"]),
            ("~/e", "", &["e=e"]),
        ] {
            let (packed, archive) = packed(&dir, patterns, false, 6).unwrap();
            assert_eq!(packed.files as usize, content.len(), "{patterns}");
            let expected = dir.path().join(root);
            assert_eq!(Path::new(&packed.root), expected, "{patterns}");
            assert_eq!(files(unpacked(&archive).unwrap().path()), content, "{patterns}");
        }
        let (nothing, archive) = packed(&dir, "none", false, 6).unwrap();
        assert_eq!((nothing.files, archive.len()), (0, 0));
    }

    #[test]
    fn hidden_files_links_and_modes_are_upstreams() {
        let dir = tree(&["d/.env", "d/.git/config", "d/run.sh", "other/x", ".h/y"]);
        fs::set_permissions(dir.path().join("d/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("../other", dir.path().join("d/linked")).unwrap();
        symlink("../other/x", dir.path().join("d/file-link")).unwrap();
        symlink("nowhere", dir.path().join("d/broken")).unwrap();
        symlink("..", dir.path().join("d/circle")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("d/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let plain = ["circle/other/x=other/x", "file-link=other/x", "linked/x=other/x", "run.sh=d/run.sh"];
        for level in [0, 1, 9] {
            let (_, archive) = packed(&dir, "d", false, level).unwrap();
            let unpacked = unpacked(&archive).unwrap();
            assert_eq!(files(unpacked.path()), plain);
            let mode = fs::metadata(unpacked.path().join("run.sh")).unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0);
        }
        let (_, archive) = packed(&dir, "d", true, 6).unwrap();
        let all = files(unpacked(&archive).unwrap().path());
        assert!(
            all.contains(&".env=d/.env".into()) && all.contains(&".git/config=d/.git/config".into()),
            "{all:?}"
        );
        // What is named by itself is hidden all the same, unless it is within.
        assert_eq!(packed(&dir, ".h", false, 6).unwrap().0.files, 0);
        assert_eq!(packed(&dir, ".h/y", false, 6).unwrap().0.files, 1);
        // The same files are the same archive.
        assert_eq!(packed(&dir, "d", true, 6).unwrap().1, archive);
    }

    #[test]
    fn names_that_other_systems_do_not_have_are_refused() {
        let dir = tree(&["a/b:c", "n/x\n::warning::y", "o/p"]);
        let error = packed(&dir, "a", false, 6).unwrap_err();
        assert!(error.contains("can't be in an artifact: it contains `:`"), "{error}");
        let error = packed(&dir, "n", false, 6).unwrap_err();
        assert!(error.contains("it contains `\\n`") && !error.contains('\n'), "{error}");
        fs::write(dir.path().join("o").join(OsStr::from_bytes(b"\xff")), "").unwrap();
        assert!(packed(&dir, "o", false, 6).unwrap_err().contains("is no UTF-8"));
        assert!(packed(&dir, "../x", false, 6).is_err());
    }

    /// An archive with one entry of this name, a link where there is a target.
    fn with(name: &str, target: Option<&str>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = ZipWriter::new_stream(&mut out);
        let options = SimpleFileOptions::default();
        match target {
            Some(target) => writer.add_symlink(name, target, options).unwrap(),
            None => {
                writer.start_file(name, options).unwrap();
                writer.write_all(b"x").unwrap();
            }
        }
        writer.finish().unwrap();
        out
    }

    #[test]
    fn a_hostile_archive_is_refused() {
        assert!(files(unpacked(&with("a/b", None)).unwrap().path()) == ["a/b=x"]);
        for (name, target) in
            [("../x", None), ("/etc/x", None), ("a/../../x", None), ("..", None), ("l", Some("/etc/passwd"))]
        {
            let error = unpacked(&with(name, target)).unwrap_err();
            assert!(error.contains("the archive is refused"), "{name}: {error}");
        }
        let good = with("a", None);
        for bad in [&b""[..], b"nonsense", &good[..good.len() - 1], &good[..good.len() / 2]] {
            assert!(unpacked(bad).unwrap_err().contains("the archive is refused"));
        }
    }
}
