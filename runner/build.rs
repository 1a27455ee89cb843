//! Has the linker put the functions that a start runs next to each other: where they are strewn over the binary, much of what
//! palisade's own code takes to start is page faults of its text.
//!
//! `start-order.txt` names them, and `tests/bench/order` makes it; a name that there is no more costs nothing but its place.
//! Only lld reads such a list, with which this toolchain links on x86-64 unless it is told otherwise.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const ORDER: &str = "start-order.txt";
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Where the linker is to write which symbol it has put where.
const MAP: &str = "PALISADE_LINK_MAP";

fn main() {
    println!("cargo:rerun-if-changed={ORDER}");
    println!("cargo:rerun-if-env-changed={MAP}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|v| v == value);
    if !is("PROFILE", "release") || !is("TARGET", TARGET) || !links_with_lld() {
        return;
    }
    let link = |argument: &str| println!("cargo:rustc-link-arg-bins=-Wl,{argument}");
    if let Ok(order) = Path::new(ORDER).canonicalize() {
        link(&format!("--symbol-ordering-file={}", order.display()));
        link("--no-warn-symbol-ordering");
    }
    if let Ok(map) = env::var(MAP) {
        link(&format!("-Map={map}"));
        link("--no-demangle");
    }
}

/// Whether the toolchain brings an lld of its own and nobody has chosen another linker.
fn links_with_lld() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed = Command::new(rustc).args(["--print", "sysroot"]).output();
    let sysroot = printed.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let lld = PathBuf::from(sysroot.trim_end()).join("lib/rustlib").join(TARGET).join("bin/gcc-ld/ld.lld");
    env::var_os("RUSTC_LINKER").is_none() && lld.exists()
}
