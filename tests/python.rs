//! Real clients of clouds, a real server of one, and QUIC: what the tests install from PyPI, once, into a virtual environment below
//! cargo's target directory.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{skipped, target_dir};

/// What is installed. The versions are those that these tests were made with.
const PACKAGES: [&str; 7] = [
    "awscli==1.46.3",
    "boto3==1.44.8",
    "moto[server]==5.2.5",
    "google-auth[requests]==2.63.0",
    "azure-identity==1.27.0",
    "PyJWT==2.15.1",
    "aioquic==1.3.0",
];

/// A virtual environment with the packages.
pub struct Python {
    /// Its directory.
    pub dir: PathBuf,
    /// Where the interpreter has its own library: the sandbox must show it too.
    pub base: PathBuf,
}

impl Python {
    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }
}

/// The virtual environment; says why the test is skipped where there can't be one here.
pub fn python() -> Option<&'static Python> {
    static PYTHON: OnceLock<Result<Python, String>> = OnceLock::new();
    match PYTHON.get_or_init(install) {
        Ok(python) => Some(python),
        Err(why) => {
            skipped(why);
            None
        }
    }
}

fn install() -> Result<Python, String> {
    let dir = target_dir().join("identity-venv");
    // Its programs name the directory: one that was moved is made anew.
    let (mark, wanted) = (dir.join("palisade-tests"), format!("{}\n{}", dir.display(), PACKAGES.join("\n")));
    // Several runs of the tests may want it at a time.
    let lock = File::create(target_dir().join("identity-venv.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    if std::fs::read_to_string(&mark).ok().as_deref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
        run(Command::new(dir.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--timeout", "20", "--retries", "1"])
            .args(PACKAGES))?;
        std::fs::write(&mark, wanted).map_err(|e| e.to_string())?;
    }
    let python = dir.join("bin/python3");
    let base = run(Command::new(&python).args(["-c", "import sys; print(sys.base_prefix)"]))?;
    Ok(Python { dir, base: Path::new(base.trim()).to_owned() })
}

fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("`{name}` doesn't start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        return Err(format!("`{name}` can't install what the tests need of PyPI: {last}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
