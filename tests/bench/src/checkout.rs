//! A repository of 10,000 files, for checking out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes it, its objects in one pack as those of a clone are.
pub fn repository(dir: &Path) -> PathBuf {
    let repository = dir.join("files");
    for directory in 0..100 {
        let directory = repository.join(format!("d{directory}"));
        fs::create_dir_all(&directory).expect("a directory of the repository");
        for file in 0..100 {
            let content = format!("{} {file}\n", directory.display()).repeat(20);
            fs::write(directory.join(format!("f{file}")), content).expect("a file of the repository");
        }
    }
    for args in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "--all"],
        &[
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.org",
            "commit",
            "--quiet",
            "--message=files",
        ],
        &["repack", "-adq"],
    ] {
        let run = Command::new("git").args(args).current_dir(&repository).status();
        assert!(run.is_ok_and(|status| status.success()), "git {args:?} fails");
    }
    repository
}
