//! Repositories of actions and workflows: a directory of them, and the configuration that names it.

use std::process::Command;

use palisade_tests::{Context, Events, Outcome};

/// A directory of repositories, and the configuration that names it.
pub struct Repositories {
    pub context: Context,
}

impl Repositories {
    pub fn new() -> Repositories {
        Repositories::with("")
    }

    /// With further settings under `[actions]`.
    pub fn with(settings: &str) -> Repositories {
        let repositories = Repositories { context: Context::new() };
        repositories.config(&format!("sources = ['{}']\n{settings}", repositories.directory()));
        repositories
    }

    /// Writes what stands under `[actions]`.
    pub fn config(&self, settings: &str) {
        let config = self.context.config().join("palisade");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("config.toml"), format!("[actions]\n{settings}")).unwrap();
    }

    pub fn directory(&self) -> String {
        self.context.root().join("forge").display().to_string()
    }

    pub fn git(&self, repository: &str, args: &[&str]) -> String {
        let directory = format!("{}/{repository}", self.directory());
        let identity =
            ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
        let run = Command::new("git")
            .args(["-C", &directory])
            .args(identity)
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git is there");
        assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8_lossy(&run.stdout).trim().to_owned()
    }

    /// Commits files and gives the commit.
    pub fn commit(&self, repository: &str, files: &[(&str, &str)]) -> String {
        let root = std::path::PathBuf::from(self.directory()).join(repository);
        if !root.exists() {
            std::fs::create_dir_all(&root).unwrap();
            self.git(repository, &["init", "-q"]);
        }
        for (name, content) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.git(repository, &["add", "-A"]);
        self.git(repository, &["commit", "-qm", "m"]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    /// Writes a workflow with one job of these steps.
    pub fn write_steps(&self, steps: &str) {
        self.context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{}", super::steps(steps)));
    }

    /// Runs one job with these steps.
    pub fn run(&self, steps: &str, args: &[&str]) -> (Outcome, Events) {
        self.write_steps(steps);
        self.start(args)
    }

    /// Runs the workflow.
    pub fn start(&self, args: &[&str]) -> (Outcome, Events) {
        let outcome = self.context.palisade().args(["run", "--json"]).args(args).run();
        let events = Events::of(&outcome);
        (outcome, events)
    }
}

/// An action that runs this.
pub fn composite(text: &str) -> String {
    format!("runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: {text}\n")
}
