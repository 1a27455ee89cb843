//! A forge on a private network: its jobs reach it by its name, and nobody else by any.

use std::io::Write;
use std::process::Stdio;

use palisade_tests::{Context, Need, require};
use serde_json::{Value, json};

/// This host, 10.77.0.1, and the forge's, 10.77.0.2 and the metadata of a cloud, each in a network of its own; a server
/// on each. What follows runs on this host. `$0` has names, `$1` is what the servers serve.
const NETWORKS: &str = "
set -e
trap 'kill $(jobs -p)' EXIT
mount --bind \"$0\" /etc/hosts
ip link set lo up
unshare --net sleep 1000 &
forge=$!
there() { nsenter --net=/proc/$forge/ns/net \"$@\"; }
until [ \"$(readlink /proc/$forge/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.01; done
ip link add here type veth peer name there netns $forge
ip address add 10.77.0.1/24 dev here
ip link set here up
ip route add 169.254.169.254 dev here
there ip address add 10.77.0.2/24 dev there
there ip address add 169.254.169.254/32 dev there
there ip link set there up
nsenter --net=/proc/$forge/ns/net python3 -m http.server --directory \"$1\" 8000 >/dev/null 2>&1 &
python3 -m http.server --directory \"$1\" 8000 >/dev/null 2>&1 &
for address in 10.77.0.1 10.77.0.2 169.254.169.254; do
    until (: </dev/tcp/$address/8000) 2>/dev/null; do sleep 0.05; done
done
";

/// What the servers say.
const SERVED: &str = "served-by-a-host";

/// What a job of `http://git.test:8000` says that asks it for a file, and `other.test`, where names are these.
fn job(names: &str, config: &str) -> String {
    job_with(names, config, "")
}

/// The same where the job has more keys.
fn job_with(names: &str, config: &str, keys: &str) -> String {
    let context = Context::new();
    let path = |name: &str| context.root().join(name);
    for directory in ["task", "served"] {
        std::fs::create_dir(path(directory)).expect("a directory is made");
    }
    std::fs::write(path("served/file"), SERVED).expect("a file is written");
    std::fs::write(path("hosts"), names).expect("a file is written");
    std::fs::write(path("config.toml"), config).expect("a file is written");
    let workflow = "on: push\njobs:\n  test:\n    runs-on: x\n    steps:\n      - run: |\n          \
                    for name in git other; do curl -sS http://$name.test:8000/file 2>&1 | sed \"s/^/$name: /\"; echo; done\n";
    let workflow = workflow.replace("    steps:", &format!("{keys}    steps:"));
    let order = json!({
        "workflow": workflow, "file": "ci.yml", "job": "test", "server": "http://git.test:8000", "actions": null,
        "github": { "repository": "root/demo", "repository_owner": "root", "event_name": "push" }, "event": {}, "vars": {}, "secrets": [],
        "needs": [], "runner": "test", "prefixes": [], "tokens": [], "variables": [], "part": null, "id_token": null,
    });
    let script = format!("{NETWORKS}\n\"$2\" job --directory \"$3\" --config \"$4\"");
    let mut command = context.command("unshare");
    command.args(["--net", "--mount", "bash", "-c", &script]);
    command.args([path("hosts"), path("served"), context.palisade_path(), path("task"), path("config.toml")]);
    command.env("PATH", std::env::var_os("PATH").expect("a search path"));
    let mut child = command.stdin(Stdio::piped()).spawn().expect("unshare starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "/\n{order}").expect("the order is taken");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    let events = std::fs::read_to_string(path("task/events.jsonl")).expect("the job's events");
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    events.filter_map(|event| Some(event["text"].as_str()?.to_owned() + "\n")).collect()
}

#[test]
fn only_the_forge_s_name_leads_to_a_private_network_and_to_nothing_worse() {
    let needs = [Need::Root, Need::Program("ip"), Need::Program("python3"), Need::Program("curl")];
    if !needs.into_iter().all(require) {
        return;
    }
    let names = |address: &str| format!("{address} git.test other.test\n");
    let said = job(&names("10.77.0.2"), "");
    assert!(said.contains(&format!("git: {SERVED}")), "{said}");
    assert!(said.contains("other: curl: (6)"), "{said}");
    // Another name, though it is allowed, leads nowhere private.
    let said = job(&names("10.77.0.2"), "[network]\nallow = ['other.test:8000']\n");
    assert!(said.contains(&format!("git: {SERVED}")), "{said}");
    assert!(said.contains("other: palisade refuses this connection"), "{said}");
    // The forge's name leads to a private network, and not to this host or a cloud's metadata.
    for (address, what) in [
        ("10.77.0.1", "the host's own"),
        ("127.0.0.1", "the host's loopback"),
        ("169.254.169.254", "link-local, where clouds have their metadata"),
    ] {
        let said = job(&names(address), "");
        assert!(!said.contains(SERVED), "{address}: {said}");
        assert!(said.contains(&format!("its address {address}: it is {what}")), "{said}");
        let said = job(&names(address), &format!("[network]\nallow = ['{address}:8000']\n"));
        assert!(said.contains(&format!("git: {SERVED}")), "with a rule: {said}");
    }
    let said = job(&names("10.77.0.2"), "[network]\nmode = 'none'\nallow = ['git.test:8000', '10.77.0.2']\n");
    assert!(!said.contains(SERVED) && said.contains("git: curl: (6)"), "{said}");
}

#[test]
fn a_forge_s_job_has_its_forge_by_a_word_and_rules_by_what_the_forge_says_it_is() {
    let needs = [Need::Root, Need::Program("ip"), Need::Program("python3"), Need::Program("curl")];
    if !needs.into_iter().all(require) {
        return;
    }
    let names = "10.77.0.2 git.test other.test\n";
    let served = |name: &str, said: &str| said.contains(&format!("{name}: {SERVED}"));
    let both = "[network]\nallow = ['other.test:8000', '10.77.0.2']\n";
    let said = job_with(names, both, "    env: { PALISADE_EGRESS: forge }\n");
    assert!(served("git", &said) && said.contains("other: curl: (6)"), "{said}");
    let said = job_with(names, both, "    env: { PALISADE_EGRESS: 'other.test:8000' }\n");
    assert!(served("other", &said) && said.contains("git: curl: (6)"), "{said}");
    let table = |repository: &str, more: &str| {
        format!(
            "[network]\nallow = ['10.77.0.2']\n[[network.step]]\n\
             for = [{{ server = 'http://git.test:8000', repository = '{repository}' }}]\n{more}"
        )
    };
    let said = job(names, &table("root/demo", "allow = ['other.test:8000']"));
    assert!(served("git", &said) && served("other", &said), "{said}");
    let said = job(names, &table("root/other", "allow = ['other.test:8000']"));
    assert!(served("git", &said) && said.contains("other: curl: (6)"), "{said}");
    // The forge's name still leads to a private network.
    let only = table("root/demo", "only = true\nallow = ['git.test:8000']").replace("'10.77.0.2'", "");
    let said = job(names, &only);
    assert!(served("git", &said) && said.contains("other: curl: (6)"), "{said}");
    // As the runner itself, its jobs reach their forge without the proxy. Nobody listens where this one is.
    let said = job(names, &format!("{both}proxy = 'http://127.0.0.1:1'\n"));
    assert!(served("git", &said) && !served("other", &said), "{said}");
}
