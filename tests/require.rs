//! What a test needs of the machine. A test that can't run says so, and never passes in silence.

use std::io::Write;

/// Something that not every machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The test runs as root.
    Root,
    /// The test runs as an ordinary user.
    OrdinaryUser,
    /// A program on the search path.
    Program(&'static str),
    /// A file or directory.
    Path(&'static str),
}

impl Need {
    fn missing(self) -> Option<String> {
        let is_root = nix::unistd::geteuid().is_root();
        match self {
            Need::Root if !is_root => Some("only root can run it".into()),
            Need::OrdinaryUser if is_root => Some("root can't run it".into()),
            Need::Program(name) if !on_path(name) => Some(format!("there is no `{name}` here")),
            Need::Path(path) if !std::path::Path::new(path).exists() => Some(format!("there is no {path}")),
            _ => None,
        }
    }
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

/// Says on a line of its own that something can't be tested here, and why, also when the test harness
/// captures output.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let line = format!("\nskipped: {}: {why}\n", thread.name().unwrap_or("test"));
    // Nobody is left to tell if standard error is gone.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Whether the machine has it. If not, `skipped: <test>: <why>` stands on a line of its own in the
/// output of the run.
pub fn require(need: Need) -> bool {
    let Some(why) = need.missing() else { return true };
    skipped(&why);
    false
}
