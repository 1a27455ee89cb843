//! Restoring a cache, whole process, beside `tar --zstd` of the same files: both on one processor, both into memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Run, in_turns, program};
use crate::random::{LETTERS, Random};
use crate::table::{Goal, line};

/// How often each restores.
const ROUNDS: usize = 5;
/// Bytes of one file.
const FILE: usize = 250_000;

/// Prints the section.
pub fn section(palisade: &str, megabytes: usize, dir: &Path) {
    let dir = dir.join("cache");
    content(&dir.join("deps"), megabytes * 1_000_000 / FILE);
    let state = dir.join("state").display().to_string();
    for (name, action) in [("save.yml", "save"), ("restore.yml", "restore")] {
        let step = format!(
            "{{ uses: actions/cache/{action}@v4, with: {{ path: ~/deps, key: k, fail-on-cache-miss: true }} }}"
        );
        // A copy in the home directory: what is restored is to land where nothing is.
        let copy = if action == "save" { "      - run: cp -r deps ~/deps\n" } else { "" };
        let text = format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n{copy}      - {step}\n");
        fs::write(dir.join(name), text).expect("the workflow");
    }
    let run = |file: &str| {
        let mut command = one_processor(palisade);
        command.args(["run", file, "--state", &state]).current_dir(&dir);
        program(&mut command)
    };
    run("save.yml");
    let archive = dir.join("peer.tar.zst");
    let mut pack = Command::new("tar");
    program(pack.args(["--zstd", "-cf"]).arg(&archive).arg("deps").current_dir(&dir));
    let contenders: [Run<'_>; 2] = [Box::new(|| run("restore.yml")), Box::new(|| unpack(&archive))];
    let costs = in_turns(ROUNDS, &mut { contenders });
    let [ours, peer] = [costs[0].wall.as_secs_f64(), costs[1].wall.as_secs_f64()];
    let (size, own) = (fs::metadata(&archive).map_or(0, |m| m.len()), stored(Path::new(&state)));
    println!(
        "\nrestore of {megabytes} MB in files of {FILE} bytes, {size} bytes packed by tar, {own} by palisade; one processor"
    );
    line("palisade run, whole process", megabytes as f64 / ours, "MB/s", Some(Goal::AtLeast(400.0)));
    line("tar --zstd -x", megabytes as f64 / peer, "MB/s", None);
    line("palisade / tar --zstd", peer / ours, "x", Some(Goal::AtLeast(1.0)));
}

/// Unpacks in memory, as palisade does.
fn unpack(archive: &Path) -> crate::measure::Cost {
    let memory = Some(Path::new("/dev/shm")).filter(|path| path.is_dir());
    let to = memory.map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("a temporary directory");
    program(one_processor("tar").args(["--zstd", "-xf"]).arg(archive).arg("-C").arg(to.path()))
}

fn one_processor(name: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0", name]);
    command
}

/// Files that are packed to about a third: words of a vocabulary.
fn content(dir: &Path, files: usize) {
    let mut random = Random(5);
    let words: Vec<String> = (0..20_000)
        .map(|_| {
            let length = 3 + random.below(10);
            random.text(length, LETTERS)
        })
        .collect();
    for file in 0..files {
        let directory = dir.join(format!("d{}", file % 50));
        fs::create_dir_all(&directory).expect("a directory");
        let mut text = String::with_capacity(FILE + 16);
        while text.len() < FILE {
            text.push_str(&words[random.below(words.len())]);
            text.push(' ');
        }
        text.truncate(FILE);
        fs::write(directory.join(format!("f{file}")), text).expect("a file");
    }
}

/// Bytes of the archives in a state directory.
fn stored(state: &Path) -> u64 {
    let entries = fs::read_dir(state.join("cache")).into_iter().flatten().flatten();
    let archives: Vec<PathBuf> = entries.map(|entry| entry.path().join("cache.tar.zst")).collect();
    archives.iter().filter_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
}
