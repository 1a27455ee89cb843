//! The archives of caches: tar, compressed with Zstandard. They hold what the paths of `actions/cache` match, directories
//! with all below, with modes, times to the nanosecond, links as links, and names of one file as such.
//!
//! An entry's path begins with where it is: `workspace/`, `home/`, or `root/` for elsewhere, so that a cache fits where
//! these are in other places. What is unpacked lands only where the same paths match, and never behind a link below
//! them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, FileTimes, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tar::{Builder, Entry, EntryType, Header};

use super::glob::Patterns;
use super::landing::Landing;
use super::walk::{self, Item, Links, MAX_ENTRIES, Walk, open_file, shown};

/// How much is read at once.
const BUFFER: usize = 256 << 10;
/// Compression: Zstandard's default, which is also upstream's.
const LEVEL: i32 = 3;
/// Most threads that compress.
const MAX_THREADS: usize = 4;
/// The name of a time in extended headers (POSIX.1-2008, "pax Extended Header").
const MTIME: &str = "mtime";

/// Packs files. Arguments: the workspace, the home directory, patterns. The archive goes to standard output; how many
/// entries it has, or why there is none, to standard error.
pub fn pack(args: &[OsString]) -> u8 {
    let Some(places) = Places::of(args) else { return 2 };
    let packed = places.and_then(|places| archive(&places, io::stdout().lock()));
    let (said, code) = match packed {
        Ok(entries) => (entries.to_string(), 0),
        Err(why) => (why, 1),
    };
    if io::stderr().write_all(said.as_bytes()).is_err() { 2 } else { code }
}

/// Unpacks the archive that is standard input. Arguments as for [`pack`]. Prints what is wrong, with exit code 1.
pub fn unpack(args: &[OsString]) -> u8 {
    let Some(places) = Places::of(args) else { return 2 };
    let archive = || {
        let archive = io::stdin().as_fd().try_clone_to_owned();
        archive.map(File::from).map_err(|e| format!("cannot read the archive: {e}"))
    };
    match places.and_then(|places| extract(archive()?, &places)) {
        Ok(()) => 0,
        Err(why) if io::stdout().write_all(why.as_bytes()).is_err() => 2,
        Err(_) => 1,
    }
}

/// Where things are, and which of them count.
struct Places {
    workspace: PathBuf,
    home: PathBuf,
    patterns: Patterns,
}

impl Places {
    fn of(args: &[OsString]) -> Option<Result<Places, String>> {
        let [workspace, home, patterns] = args else { return None };
        let patterns = Patterns::anywhere(
            [&*patterns.to_string_lossy()].into_iter(),
            &workspace.to_string_lossy(),
            &home.to_string_lossy(),
        );
        Some(patterns.map_err(|e| e.to_string()).map(|patterns| Places {
            workspace: workspace.into(),
            home: home.into(),
            patterns,
        }))
    }

    /// The path of an entry.
    fn outer(&self, path: &Path) -> PathBuf {
        for (place, name) in [(&self.workspace, "workspace"), (&self.home, "home")] {
            if let Ok(below) = path.strip_prefix(place) {
                return Path::new(name).join(below);
            }
        }
        Path::new("root").join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Where an entry belongs, without the slash at the beginning; an error where no pattern matches that.
    fn inner(&self, entry: &Path) -> Result<PathBuf, String> {
        let refused = || format!("the archive is refused: it holds `{}`", shown(entry).escape_debug());
        let mut parts = entry.components();
        let first = parts.next().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let place = match first.as_deref() {
            Some("workspace") => &*self.workspace,
            Some("home") => &*self.home,
            Some("root") => Path::new("/"),
            _ => return Err(refused()),
        };
        let place = place.strip_prefix("/").unwrap_or(place);
        // That nothing leads up is seen where it lands.
        let path = place.join(parts.as_path().strip_prefix("/").unwrap_or(parts.as_path()));
        let mut progress = self.patterns.start();
        for part in path.components() {
            progress = self.patterns.step(&progress, &part.as_os_str().to_string_lossy());
        }
        if self.patterns.pick(&progress) { Ok(path) } else { Err(refused()) }
    }
}

fn archive(places: &Places, out: impl Write) -> Result<u64, String> {
    let cannot = |e: io::Error| format!("cannot pack the cache: {e}");
    let mut encoder = zstd::Encoder::new(BufWriter::with_capacity(BUFFER, out), LEVEL).map_err(cannot)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    encoder.multithread(threads as u32).map_err(cannot)?;
    let mut packer = Packer { places, builder: Builder::new(encoder), names: HashMap::new(), entries: 0 };
    let walk = Walk { links: Links::Keep, within: None, hidden: true, max_entries: MAX_ENTRIES };
    let walked = walk.run(&places.patterns, Path::new("/"), |item| packer.add(&item));
    walked.map_err(|Why(why)| why)?;
    let encoder = packer.builder.into_inner().map_err(cannot)?;
    encoder.finish().and_then(|mut out| out.flush()).map_err(cannot)?;
    Ok(packer.entries)
}

/// Why nothing more is packed.
struct Why(String);

impl From<walk::Error> for Why {
    fn from(error: walk::Error) -> Self {
        Why(error.to_string())
    }
}

struct Packer<'a, W: Write> {
    places: &'a Places,
    builder: Builder<W>,
    /// Files that have further names, by device and inode.
    names: HashMap<(u64, u64), PathBuf>,
    entries: u64,
}

impl<W: Write> Packer<'_, W> {
    fn add(&mut self, item: &Item<'_>) -> Result<(), Why> {
        let Item { path, metadata, .. } = item;
        let added = self.entry(path, metadata);
        added.map_err(|e| Why(format!("cannot pack `{}`: {e}", shown(path))))
    }

    fn entry(&mut self, path: &Path, metadata: &Metadata) -> io::Result<()> {
        let name = self.places.outer(path);
        let mut header = Header::new_gnu();
        header.set_mode(metadata.mode() & 0o777);
        if metadata.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            self.builder.append_link(&mut header, name, fs::read_link(path)?)?;
        } else if metadata.is_dir() {
            header.set_entry_type(EntryType::Directory);
            header.set_size(0);
            self.builder.append_data(&mut header, name, io::empty())?;
        } else if metadata.is_file() {
            let id = (metadata.dev(), metadata.ino());
            if let Some(first) = self.names.get(&id) {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                self.builder.append_link(&mut header, name, first)?;
            } else {
                let Some(file) = open_file(path)? else { return Ok(()) };
                let metadata = file.metadata()?;
                self.file(&mut header, &name, file, &metadata)?;
                if metadata.nlink() > 1 {
                    self.names.insert(id, name);
                }
            }
        } else {
            // Sockets and the like mean nothing to another job.
            return Ok(());
        }
        self.entries += 1;
        Ok(())
    }

    fn file(&mut self, header: &mut Header, name: &Path, file: File, metadata: &Metadata) -> io::Result<()> {
        let mtime = format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
        self.builder.append_pax_extensions([(MTIME, mtime.as_bytes())])?;
        header.set_entry_type(EntryType::Regular);
        header.set_size(metadata.len());
        // Exactly what the header says, though it may grow meanwhile; what is missing would be taken from the next.
        let mut content = Counted { inner: file.take(metadata.len()), read: 0 };
        self.builder.append_data(header, name, &mut content)?;
        if content.read != metadata.len() {
            return Err(io::Error::other("it became shorter meanwhile"));
        }
        Ok(())
    }
}

struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

fn extract(archive: File, places: &Places) -> Result<(), String> {
    let refused = |e: io::Error| format!("the archive is refused: {e}");
    let decoder = zstd::Decoder::new(archive).map_err(refused)?;
    let mut archive = tar::Archive::new(decoder);
    let mut unpacker = Unpacker::new(places)?;
    for entry in archive.entries().map_err(refused)? {
        unpacker.unpack(entry.map_err(refused)?)?;
    }
    unpacker.end()
}

struct Unpacker<'a> {
    places: &'a Places,
    landing: Landing,
    buffer: Vec<u8>,
    /// Modes of directories, which may forbid to write in them.
    modes: Vec<(PathBuf, u32)>,
}

impl<'a> Unpacker<'a> {
    fn new(places: &'a Places) -> Result<Self, String> {
        let roots = places.patterns.roots();
        let landing = Landing::below(roots.iter().map(|root| root.iter().collect()))?;
        Ok(Unpacker { places, landing, buffer: vec![0; BUFFER], modes: Vec::new() })
    }

    fn unpack(&mut self, mut entry: Entry<'_, impl Read>) -> Result<(), String> {
        let refused = |why: &dyn std::fmt::Display| format!("the archive is refused: {why}");
        let name = entry.path().map_err(|e| refused(&e))?.into_owned();
        let path = self.places.inner(&name)?;
        let mode = entry.header().mode().unwrap_or(0) & 0o777;
        let target = entry.link_name().map_err(|e| refused(&e))?.map(|target| target.into_owned());
        match (entry.header().entry_type(), target) {
            // The root of all is there.
            (EntryType::Directory, _) if path.as_os_str().is_empty() => Ok(()),
            (EntryType::Directory, _) => {
                let made = self.landing.directory(&path)?;
                if mode != 0o755 {
                    self.modes.push((made, mode));
                }
                Ok(())
            }
            (EntryType::Symlink, Some(target)) => self.landing.link(&path, &target),
            (EntryType::Link, Some(target)) => {
                let target = self.places.inner(&target)?;
                self.landing.hard_link(&path, &target)
            }
            (EntryType::Regular, _) => self.file(&name, &path, mode, &mut entry),
            _ => Err(refused(&format!("`{}` is no file, directory or link", shown(&name)))),
        }
    }

    fn file(
        &mut self,
        name: &Path,
        path: &Path,
        mode: u32,
        entry: &mut Entry<'_, impl Read>,
    ) -> Result<(), String> {
        let mtime = modified(entry);
        let mut file = self.landing.file(path, mode)?;
        let cannot = |e: io::Error| format!("cannot write `{}`: {e}", shown(path));
        loop {
            match entry.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => file.write_all(&self.buffer[..read]).map_err(cannot)?,
                Err(e) => return Err(format!("the archive is refused: `{}`: {e}", shown(name))),
            }
        }
        // This process's mask has taken these away.
        if mode & 0o022 != 0 {
            file.set_permissions(fs::Permissions::from_mode(mode)).map_err(cannot)?;
        }
        match mtime {
            Some(mtime) => file.set_times(FileTimes::new().set_modified(mtime)).map_err(cannot),
            None => Ok(()),
        }
    }

    /// The modes of directories, the innermost first.
    fn end(self) -> Result<(), String> {
        self.modes.into_iter().rev().try_for_each(|(path, mode)| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))
                .map_err(|e| format!("cannot set the mode of `{}`: {e}", shown(&path)))
        })
    }
}

/// When a file was modified, as its extended header tells.
fn modified(entry: &mut Entry<'_, impl Read>) -> Option<SystemTime> {
    let extensions = entry.pax_extensions().ok()??;
    let value = extensions.flatten().find(|extension| extension.key() == Ok(MTIME))?.value().ok()?.to_owned();
    let (seconds, nanoseconds) = value.split_once('.').unwrap_or((&value, "0"));
    let since = Duration::new(seconds.parse().ok()?, nanoseconds.parse().ok()?);
    UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::io::{Seek, SeekFrom};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// A place with a workspace `work` and a home `home`.
    fn place() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in ["work", "home"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        dir
    }

    fn places(dir: &TempDir, patterns: &str) -> Places {
        let args = [dir.path().join("work").into(), dir.path().join("home").into(), patterns.into()];
        Places::of(&args).unwrap().unwrap()
    }

    fn write(dir: &TempDir, files: &[&str]) {
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
    }

    fn packed(dir: &TempDir, patterns: &str) -> (u64, Vec<u8>) {
        let mut out = Vec::new();
        let entries = archive(&places(dir, patterns), &mut out).unwrap();
        (entries, out)
    }

    fn unpack(archive: &[u8], dir: &TempDir, patterns: &str) -> Result<(), String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(archive).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        extract(file, &places(dir, patterns))
    }

    /// Paths below a directory, in order: with `=` and content for files, `->` and target for links.
    fn tree(dir: &Path) -> Vec<String> {
        fn below(dir: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                let kind = entry.file_type().unwrap();
                found.push(match () {
                    () if kind.is_symlink() => format!("{name}->{}", fs::read_link(&path).unwrap().display()),
                    () if kind.is_dir() => format!("{name}/"),
                    () => format!("{name}={}", fs::read_to_string(&path).unwrap()),
                });
                if kind.is_dir() {
                    below(&path, root, found);
                }
            }
        }
        let mut found = Vec::new();
        below(dir, dir, &mut found);
        found.sort();
        found
    }

    #[test]
    fn what_was_packed_is_there_again_as_it_was() {
        let (from, to) = (place(), place());
        let long = format!("work/out/{}/{}", "d".repeat(200), "f".repeat(200));
        write(&from, &["work/out/a", "work/out/.hidden/b", "work/other", "home/.cache/c", &long]);
        let out = from.path().join("work/out");
        fs::create_dir(out.join("empty")).unwrap();
        symlink("a", out.join("link")).unwrap();
        symlink("/etc", out.join("outside")).unwrap();
        symlink("x".repeat(300), out.join("long-link")).unwrap();
        fs::hard_link(out.join("a"), out.join("twin")).unwrap();
        fs::write(out.join(OsStr::from_bytes(b"\xff")), "odd").unwrap();
        fs::set_permissions(out.join("a"), fs::Permissions::from_mode(0o4775)).unwrap();
        fs::set_permissions(out.join("empty"), fs::Permissions::from_mode(0o500)).unwrap();
        let time = UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
        File::options().write(true).open(out.join("a")).unwrap().set_modified(time).unwrap();
        nix::unistd::mkfifo(&out.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let patterns = "out\n~/.cache";
        let (_, archive) = packed(&from, patterns);
        unpack(&archive, &to, patterns).unwrap();
        fs::remove_file(out.join("fifo")).unwrap();
        fs::remove_file(from.path().join("work/other")).unwrap();
        assert_eq!(tree(to.path()), tree(from.path()));
        let at = |name: &str| fs::metadata(to.path().join("work/out").join(name)).unwrap();
        assert_eq!((at("a").mode() & 0o7777, at("empty").mode() & 0o777), (0o775, 0o500));
        assert_eq!(at("a").modified().unwrap(), time);
        assert_eq!(at("a").ino(), at("twin").ino());
        // Over what is there already.
        fs::write(to.path().join("work/out/a"), "changed").unwrap();
        unpack(&archive, &to, patterns).unwrap();
        assert_eq!(tree(to.path()), tree(from.path()));
    }

    #[test]
    fn a_directory_is_packed_with_all_below_but_what_is_taken_out() {
        let from = place();
        write(&from, &["work/a/b/c", "work/a/d", "work/e/node_modules/f", "work/node_modules/g"]);
        for (patterns, entries) in
            [("a", 4), ("a\n!a/b", 2), ("a/b/c", 1), ("**/node_modules", 4), ("none", 0), ("a\na/b", 4)]
        {
            assert_eq!(packed(&from, patterns).0, entries, "{patterns}");
        }
    }

    /// An archive with one entry.
    fn with(name: &[u8], kind: EntryType, target: &str) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(if kind == EntryType::Regular { 1 } else { 0 });
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name);
        header.set_link_name(target).unwrap_or_default();
        header.set_cksum();
        builder.append(&header, &b"x"[..header.size().unwrap() as usize]).unwrap();
        zstd::encode_all(&builder.into_inner().unwrap()[..], LEVEL).unwrap()
    }

    #[test]
    fn a_hostile_archive_is_refused() {
        let to = place();
        let unpacked = |archive: &[u8]| unpack(archive, &to, "out\n~/.cache");
        unpacked(&with(b"workspace/out/x", EntryType::Regular, "")).unwrap();
        for (name, kind, target) in [
            (&b"workspace/other"[..], EntryType::Regular, ""),
            (b"workspace/out/../other", EntryType::Regular, ""),
            (b"workspace/../../x", EntryType::Regular, ""),
            (b"/etc/passwd", EntryType::Regular, ""),
            (b"root/etc/passwd", EntryType::Regular, ""),
            (b"root//etc/passwd", EntryType::Regular, ""),
            (b"home/.bashrc", EntryType::Regular, ""),
            (b"x", EntryType::Regular, ""),
            (b"", EntryType::Regular, ""),
            (b"workspace/out/fifo", EntryType::Fifo, ""),
            (b"workspace/out/device", EntryType::Char, ""),
            (b"workspace/out/twin", EntryType::Link, "home/secret"),
            (b"workspace/out/twin", EntryType::Link, "/etc/passwd"),
        ] {
            let error = unpacked(&with(name, kind, target)).unwrap_err();
            assert!(error.contains("the archive is refused"), "{}: {error}", String::from_utf8_lossy(name));
        }
        let good = with(b"workspace/out/x", EntryType::Regular, "");
        for bad in [&b"nonsense"[..], &good[..good.len() - 4], &good[..good.len() / 2]] {
            assert!(unpacked(bad).unwrap_err().contains("the archive is refused"));
        }
        assert_eq!(tree(to.path()), ["home/", "work/", "work/out/", "work/out/x=x"]);
    }

    #[test]
    fn nothing_is_written_behind_a_link() {
        let to = place();
        fs::create_dir(to.path().join("work/out")).unwrap();
        symlink("..", to.path().join("work/out/up")).unwrap();
        let error = unpack(&with(b"workspace/out/up/x", EntryType::Regular, ""), &to, "out").unwrap_err();
        assert!(error.contains("work/out/up` is a link"), "{error}");
        assert!(!to.path().join("work/x").exists());
        // What the paths lead through is the job's own.
        symlink("work", to.path().join("through")).unwrap();
        let through = to.path().join("through/out2").display().to_string();
        let name = format!("root{through}");
        unpack(&with(name.as_bytes(), EntryType::Regular, ""), &to, &through).unwrap();
        assert!(to.path().join("work/out2").is_file());
    }
}
