//! Where the binaries under test are. `palisade` is built on demand, so that running the tests of this
//! package alone never tests yesterday's binary.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Cargo's output directory of the running test: `target[/<triple>]/<profile>`.
pub fn profile_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let test = std::env::current_exe().expect("the running test has a path");
        let dir = test.ancestors().find(|dir| dir.ends_with("deps")).and_then(Path::parent);
        dir.expect("tests run from cargo's deps directory").to_path_buf()
    })
}

/// The `palisade` binary of the same profile and target, built now if it is stale.
pub fn palisade() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let output = build().output().expect("cargo runs");
        assert!(
            output.status.success(),
            "cargo can't build palisade:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        profile_dir().join("palisade")
    })
}

/// The attack programs, which cargo builds along with the tests of this package.
pub fn attack_program() -> PathBuf {
    profile_dir().join("palisade-attack")
}

/// The directory into which cargo builds, which nothing of the repository's own is in.
pub fn target_dir() -> &'static Path {
    layout().0
}

/// Cargo's target directory, and the target triple if one was asked for.
fn layout() -> (&'static Path, Option<&'static std::ffi::OsStr>) {
    let parent = profile_dir().parent().expect("the profile's directory lies in the target directory");
    // Cargo marks the target directory, and the one of a triple in it.
    match parent.parent() {
        Some(grandparent) if grandparent.join("CACHEDIR.TAG").exists() => (grandparent, parent.file_name()),
        _ => (parent, None),
    }
}

fn build() -> Command {
    let (target_dir, triple) = layout();
    let profile = match profile_dir().file_name().and_then(|n| n.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With the features of the dependencies that `cargo test --workspace` has, of which an example gives those that only tests
    // ask for: what that has built isn't built a second time.
    cargo.args(["build", "--quiet", "--workspace", "--bin", "palisade", "--example", "workspace"]);
    cargo.args(["--profile", profile]);
    cargo.arg("--target-dir").arg(target_dir);
    if let Some(triple) = triple {
        cargo.arg("--target").arg(triple);
    }
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo
}
