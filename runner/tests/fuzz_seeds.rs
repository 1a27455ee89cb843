//! The fuzz targets on the stable toolchain: every seed, cut off and changed a bounded number of times by a
//! generator with a fixed seed. Finds what a real fuzzer finds in its first second, on every `cargo test`.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Changed inputs for each seed.
const CHANGED: usize = 500;
/// Cut-off inputs for each seed, at most.
const CUT: usize = 100;
/// Largest input in bytes.
const MAX_SIZE: usize = 8192;

/// A xorshift generator (Marsaglia 2003): repeatable, and good enough to change bytes.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// What means something to one of the parsers.
const TOKENS: [&[u8]; 16] = [
    b"::", b"##[", b"<<", b"=", b"\n", b"\r", b"\0", b"${{", b"}}", b"*a", b"&a", b"- ", b": ", b"[", b"'",
    b"\xff",
];

/// The input with a few changes: bytes replaced, removed, repeated, tokens and parts of another seed put in.
fn change(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let end = (at + 1 + random.below(16)).min(input.len()).max(at);
        let put: Vec<u8> = match random.below(5) {
            0 => vec![random.below(256) as u8],
            1 => Vec::new(),
            2 => input[at..end].repeat(1 + random.below(20)),
            3 => TOKENS[random.below(TOKENS.len())].to_vec(),
            _ => {
                let from = random.below(other.len());
                other[from..(from + random.below(64)).min(other.len())].to_vec()
            }
        };
        let replaced = if random.below(2) == 0 { at..at } else { at..end };
        input.splice(replaced, put);
    }
    input.truncate(MAX_SIZE);
    input
}

fn try_on(target: targets::Target, name: &str, seed: &str, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        panic!("{name} fails on a change of its seed {seed}: b\"{}\"", input.escape_ascii());
    }
}

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
    let mut seeds: Vec<_> = fs::read_dir(&dir)
        .expect("a directory of seeds")
        .map(|entry| entry.expect("a readable directory").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a readable seed")))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "no seeds in {}", dir.display());
    seeds
}

fn run(name: &str) {
    let target = targets::ALL.iter().find(|(n, _)| *n == name).expect("a target").1;
    let seeds = seeds(name);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for (seed, bytes) in &seeds {
        try_on(target, name, seed, bytes);
        for length in (0..bytes.len()).step_by(bytes.len().div_ceil(CUT).max(1)) {
            try_on(target, name, seed, &bytes[..length]);
        }
        for _ in 0..CHANGED {
            let other = &seeds[random.below(seeds.len())].1;
            try_on(target, name, seed, &change(bytes, other, &mut random));
        }
    }
}

/// Packages of a lock file, each by its name and its version.
fn locked(lock: &str) -> BTreeSet<(&str, &str)> {
    let packages = lock.split("[[package]]").skip(1).filter_map(|package| {
        let (_, name) = package.split_once("name = \"")?;
        let (_, version) = package.split_once("version = \"")?;
        Some((name.split('"').next()?, version.split('"').next()?))
    });
    packages.collect()
}

/// The fuzzers are a workspace of their own, whose lock file nothing else reads.
#[test]
fn the_fuzzers_are_locked_to_what_the_workspace_is() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(top.join(path)).expect("a file of the repository");
    let (fuzz, workspace) = (read("fuzz/Cargo.lock"), read("Cargo.lock"));
    let (fuzz, workspace) = (locked(&fuzz), locked(&workspace));
    let own = ["arbitrary", "libfuzzer-sys", "palisade-fuzz"];
    let others: Vec<_> = fuzz.difference(&workspace).filter(|(name, _)| !own.contains(name)).collect();
    let missing: Vec<String> = ["runner", "sandbox", "proto"]
        .iter()
        .flat_map(|of| {
            let manifest = read(&format!("{of}/Cargo.toml"));
            let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
            let names = lines
                .take_while(|line| !line.starts_with('['))
                .filter_map(|line| line.split(['.', ' ']).next());
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|name| !fuzz.iter().any(|(locked, _)| locked == name))
        .collect();
    assert!(
        others.is_empty() && missing.is_empty(),
        "copy Cargo.lock to fuzz/ and run `cargo metadata` there: it has {others:?}, and lacks {missing:?}"
    );
}

#[test]
fn workflow_yaml() {
    run("workflow_yaml");
}

#[test]
fn action_manifest() {
    run("action_manifest");
}

#[test]
fn expression() {
    run("expression");
}

#[test]
fn command_files() {
    run("command_files");
}

#[test]
fn workflow_commands() {
    run("workflow_commands");
}

#[test]
fn problem_matchers() {
    run("problem_matchers");
}

#[test]
fn mask_parts() {
    run("mask_parts");
}

#[test]
fn filter_patterns() {
    run("filter_patterns");
}

#[test]
fn hash_files_patterns() {
    run("hash_files_patterns");
}

#[test]
fn actions_lock() {
    run("actions_lock");
}

#[test]
fn forge_reply() {
    run("forge_reply");
}

#[test]
fn dns_message() {
    run("dns_message");
}

#[test]
fn tls_hello() {
    run("tls_hello");
}

#[test]
fn quic_initial() {
    run("quic_initial");
}

#[test]
fn http_requests() {
    run("http_requests");
}

#[test]
fn identity_requests() {
    run("identity_requests");
}

#[test]
fn sts_answer() {
    run("sts_answer");
}

#[test]
fn sealed_secrets() {
    run("sealed_secrets");
}

#[test]
fn egress_rule() {
    run("egress_rule");
}

#[test]
fn egress_narrowing() {
    run("egress_narrowing");
}

#[test]
fn proxy_answer() {
    run("proxy_answer");
}

#[test]
fn every_target_has_its_binary_and_nothing_else_has() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    let mut binaries: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    binaries.sort();
    let mut names: Vec<_> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    assert_eq!(binaries, names);
}
