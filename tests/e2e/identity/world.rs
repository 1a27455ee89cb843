//! The world of these tests: a tree that is `acme/app`, an issuer, and a runner whose jobs reach servers of the tests'
//! own by name.

use std::path::Path;

use palisade_tests::{Context, Events, NameServer, Outcome, Python};

/// Where this runner's issuer says it is.
pub const ISSUER: &str = "https://id.example.org";

pub struct World {
    pub context: Context,
    pub names: NameServer,
}

impl World {
    pub fn new() -> World {
        let world = World { context: Context::new(), names: NameServer::start() };
        let init = world.palisade(&["issuer", "init", "--url", ISSUER]);
        assert_eq!(init.code, Some(0), "{init}");
        for args in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["remote", "add", "origin", "https://git.example.org/acme/app.git"],
        ] {
            assert!(world.context.command("git").args(args).status().expect("git runs").success());
        }
        world
    }

    /// Writes the configuration: grants, and ports of the tests' server by its names.
    pub fn configure(&self, python: Option<&Python>, reached: &[(&str, u16)], grants: &str) {
        let shown = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let ro: Vec<String> =
            python.iter().flat_map(|python| [shown(&python.dir), shown(&python.base)]).collect();
        let mut allow = vec!["127.0.0.2".to_owned()];
        for (name, port) in reached {
            self.names.name(name, &["127.0.0.2"]);
            allow.push(format!("{name}:{port}"));
        }
        let config = format!(
            "[sandbox]\nro = {ro:?}\n[network]\nmode = 'allow'\nresolver = '{}'\nallow = {allow:?}\n{grants}",
            self.names.address()
        );
        let dir = self.context.config().join("palisade");
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join("config.toml"), config).expect("a file");
    }

    pub fn palisade(&self, args: &[&str]) -> Outcome {
        self.context.palisade().args(args).run()
    }

    /// Writes a workflow of one job with the permission.
    pub fn workflow(&self, steps: &str) {
        let text = format!(
            "on: push\npermissions:\n  id-token: write\njobs:\n  a:\n    runs-on: x\n    steps:\n{}\n",
            steps.trim_matches('\n')
        );
        self.context.write(".github/workflows/w.yml", text);
    }

    /// Runs a workflow of one job with the permission.
    pub fn run(&self, steps: &str, args: &[&str]) -> Outcome {
        self.workflow(steps);
        self.context.palisade().args(["run"]).args(args).run()
    }

    /// The same, as events.
    pub fn events(&self, steps: &str) -> (Outcome, Events) {
        let outcome = self.run(steps, &["--json"]);
        let events = Events::of(&outcome);
        (outcome, events)
    }
}
