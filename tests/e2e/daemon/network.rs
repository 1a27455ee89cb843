//! What a forge's jobs reach: by default their forge, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_proto::forgejo::Conclusion;
use palisade_tests::GitServer;
use palisade_tests::forge::{Forge, Job, REGISTRATION_TOKEN, TaskRecord};

use crate::front::Front;
use crate::host::{Host, wait};

/// A forge with a repository, which this host knows by the name `git.test`, and a name that leads to the same address.
struct World {
    forge: Forge,
    host: Host,
    url: String,
    repository: PathBuf,
}

impl World {
    fn start(configuration: &str) -> World {
        let forge = Forge::start();
        let mut host = Host::new();
        host.configure(configuration);
        let root = host.context.root().join("repositories");
        let repository = root.join("root/demo");
        git(host.context.root(), &["init", "-q", "--bare", &repository.display().to_string()]);
        let front = Front::before(&forge, &GitServer::start(&root, "none"));
        let url = front.url.replace("127.0.0.1", "git.test");
        let hosts = host.context.root().join("hosts");
        fs::write(&hosts, "127.0.0.1 localhost git.test other.test\n").expect("a file is written");
        let script = "mount --bind \"$0\" /etc/hosts && \"$1\" register --instance \"$2\" --insecure-http \
                      --labels host --name test <<< \"$3\" && exec \"$1\" daemon";
        let mut command = host.context.command("unshare");
        command.arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["bash", "-c", script]).arg(hosts).arg(host.context.palisade_path());
        command.args([&url, REGISTRATION_TOKEN]);
        host.start_by(command);
        wait("the registration", || {
            let registrations = host.context.state().join("palisade/registrations");
            fs::read_dir(registrations).ok()?.next().map(drop)
        });
        World { forge, host, url, repository }
    }

    /// What becomes of a job of these commands.
    fn run(&self, script: &str) -> TaskRecord {
        let lines = script.lines().map(|line| format!("          {line}\n")).collect::<String>();
        let workflow =
            format!("on: push\njobs:\n  test:\n    runs-on: host\n    steps:\n      - run: |\n{lines}");
        self.forge.closed(self.forge.enqueue(Job::new(&workflow).steps(1)))
    }
}

fn git(directory: &Path, args: &[&str]) {
    let status = Command::new("git").args(args).current_dir(directory).status().expect("git runs");
    assert!(status.success(), "{args:?}");
}

/// The host's own loopback is where the forge of these tests is: nobody reaches that unless a rule says so.
const LOOPBACK: &str = "allow = ['127.0.0.1']\n";

const PUSH: &str = "git init -q . && git config user.name t && git config user.email t@t.example
git commit -q --allow-empty -m first
git push -q $GITHUB_SERVER_URL/root/demo HEAD:refs/heads/pushed
git ls-remote $GITHUB_SERVER_URL/root/demo
";

#[test]
fn a_job_reaches_its_forge_by_its_name_and_nothing_else() {
    let world = World::start(&format!("[network]\n{LOOPBACK}"));
    let other = world.url.replace("git.test", "other.test");
    let record = world.run(&format!(
        "{PUSH}! git ls-remote {other}/root/demo
! git ls-remote http://git.test:1/root/demo
! git ls-remote {}/root/demo",
        world.url.replace("git.test", "127.0.0.1")
    ));
    let log = record.log();
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{log}\n{}", world.host.log());
    assert!(log.contains("refs/heads/pushed"), "{log}");
    assert!(world.repository.join("refs/heads/pushed").exists());
    let authority = world.url.trim_start_matches("http://");
    assert!(log.contains(&format!("the job's forge ({authority}) among them")), "{log}");
    let warned = "::warning::network: `git-remote-http` (of `git ls-remote ";
    assert!(log.lines().any(|line| line.contains(warned) && line.contains(": other.test refused")), "{log}");
    assert_eq!(world.forge.violations(), Vec::<String>::new());
}

#[test]
fn a_forge_on_the_host_s_own_loopback_is_not_reached_without_a_rule() {
    let world = World::start("");
    let record = world.run("! git ls-remote $GITHUB_SERVER_URL/root/demo");
    let log = record.log();
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{log}");
    assert!(log.contains("its address 127.0.0.1: it is the host's loopback"), "{log}");
}

#[test]
fn a_configured_mode_stands_also_for_the_job_s_forge() {
    for mode in ["none", "allow"] {
        let world = World::start(&format!("[network]\nmode = '{mode}'\n{LOOPBACK}"));
        let record = world.run("! git ls-remote $GITHUB_SERVER_URL/root/demo");
        let log = record.log();
        assert_eq!(record.conclusion(), Some(Conclusion::Success), "{mode}: {log}");
        assert!(!log.contains("the job's forge"), "{mode}: {log}");
        assert_eq!(log.contains("git.test refused"), mode == "allow", "{log}");
    }
}
