//! The sandbox under another kernel, and under a delegated cgroup v2; the package and its service under systemd: machines
//! booted by software emulation (`tests/vm/`).

use std::path::PathBuf;
use std::process::Command;

use palisade_tests::{Need, require, skipped};

/// A kernel image that can be read, with the overlay module beside its modules where it has one.
fn kernel() -> Option<(PathBuf, Option<PathBuf>)> {
    let image = std::env::var_os("PALISADE_TEST_KERNEL").map(PathBuf::from).or_else(|| {
        let entries = std::fs::read_dir("/boot").ok()?.flatten().map(|e| e.path());
        entries.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("vmlinuz-"))).max()
    })?;
    let version = image.file_name()?.to_str()?.strip_prefix("vmlinuz-")?.to_owned();
    let root = image.parent()?.parent()?;
    let module = root.join(format!("lib/modules/{version}/kernel/fs/overlayfs/overlay.ko"));
    Some((image, module.exists().then_some(module)))
}

#[test]
fn holds_under_another_kernel_and_a_delegated_cgroup() {
    let programs = ["qemu-system-x86_64", "busybox", "cpio"].map(Need::Program);
    if !programs.into_iter().all(require) {
        return;
    }
    // The variable first; `tests/vm/kernel` says how to come by an image.
    let Some((kernel, module)) = kernel() else {
        require(Need::Path("/boot/vmlinuz"));
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/vm/run");
    let output = Command::new(script)
        .arg(palisade_tests::palisade())
        .arg(kernel)
        .args(module)
        .output()
        .expect("the script runs");
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let lines: Vec<&str> = text.lines().filter(|l| l.contains("vm: ")).collect();
    assert!(lines.iter().any(|l| l.ends_with("vm: done")), "the machine didn't get to its end:\n{text}");
    assert!(!lines.iter().any(|l| l.contains("FAILED")), "{text}");
    assert!(lines.len() > 5, "{text}");
}

#[test]
fn the_package_serves_on_debian() {
    let programs = ["qemu-system-x86_64", "busybox", "cpio", "dpkg-deb", "strip"].map(Need::Program);
    if !programs.into_iter().all(require) {
        return;
    }
    // `tests/vm/debian/fetch` makes such directories.
    let Some(machines) = std::env::var_os("PALISADE_TEST_DEBIAN") else {
        return skipped("PALISADE_TEST_DEBIAN isn't set");
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stripped = dir.path().join("palisade");
    succeed(Command::new("strip").arg("-o").arg(&stripped).arg(palisade_tests::palisade()));
    let build = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/deb/build");
    let package = succeed(Command::new(build).arg(&stripped).arg(dir.path()));
    for machine in std::env::split_paths(&machines) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/vm/debian/run");
        let checks = env!("CARGO_BIN_EXE_palisade-vm-checks");
        let text = succeed(Command::new(script).args([
            machine.as_os_str(),
            package.trim().as_ref(),
            checks.as_ref(),
        ]));
        let lines: Vec<&str> = text.lines().filter(|l| l.contains("vm: ")).collect();
        println!("{}", lines.join("\n"));
        assert!(lines.iter().any(|l| l.ends_with("vm: done")), "the machine didn't get to its end:\n{text}");
        assert!(!lines.iter().any(|l| l.contains("FAILED")), "{text}");
    }
}

/// What a command says that succeeds.
fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("it can be run");
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
