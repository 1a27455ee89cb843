//! Rules of single steps: what a workflow takes away, what the configuration gives and takes for some steps.

use std::io::{BufRead, BufReader};

use palisade_tests::{Events, Identity, Outcome};

use crate::attacks::gateway_of;
use crate::jobs::{ready, run_workflow};
use crate::world::{Server, World};

/// A server that all of a, b, c and d are names of.
fn world() -> (World, Server) {
    let world = World::new(Identity::Current);
    for name in ["a", "b", "c", "d"] {
        world.name(&format!("{name}.test"), &["127.0.0.2"]);
    }
    (world, Server::blunt())
}

/// The names that the job `job`'s steps reached, step by step.
fn reached(outcome: &Outcome, job: &str, steps: usize) -> Vec<String> {
    let events = Events::of(outcome);
    let of = |step| events.step_log(job, step).replace("reached ", "").replace('\n', "");
    (0..steps).map(of).collect()
}

fn refusals(outcome: &Outcome, reason: &str) -> Vec<String> {
    let events = Events::of(outcome);
    let refused = events.of_kind("network").filter(|event| event["reason"] == reason);
    refused.map(|event| format!("{} {}", event["step"], event["name"].as_str().unwrap_or_default())).collect()
}

/// Rules for these names on the server's port.
fn list(server: &Server, names: &str) -> String {
    names.chars().map(|name| format!("{name}.test:{}/opaque ", server.port())).collect()
}

/// The same in a list of the configuration.
fn quoted(server: &Server, names: &str) -> String {
    list(server, names).trim().split(' ').map(|rule| format!("'{rule}'")).collect::<Vec<_>>().join(", ")
}

const LEFT_OUT: &str = "the workflow's `PALISADE_EGRESS` leaves it out";

#[test]
fn a_workflow_takes_away_step_by_step_and_never_adds() {
    let (world, server) = world();
    let list = |names| list(&server, names);
    let (abc, b, bd) = (list("abc"), list("b"), list("bd"));
    world.context.write(
        "act/action.yml",
        format!(
            "runs:\n  using: composite\n  steps:\n    - run: eval \"$REACH a b\"\n      shell: bash\n      \
             env: {{ PALISADE_EGRESS: '{abc}' }}\n"
        ),
    );
    let text = format!(
        "
on: push
env: {{ PALISADE_EGRESS: '{abc}' }}
jobs:
  a:
    runs-on: x
    steps:
      - run: eval \"$REACH a b c d\"
      - run: eval \"$REACH a b c d\"
        env: {{ PALISADE_EGRESS: '{bd}' }}
      - run: eval \"$REACH a b c d\"
        env: {{ PALISADE_EGRESS: none }}
      - run: echo 'PALISADE_EGRESS={abc}d.test' >> $GITHUB_ENV
      - run: eval \"$REACH a b c d\"
      - run: eval \"$REACH a b c d\"
        env: {{ PALISADE_EGRESS: '${{{{ github.event.said }}}}' }}
      - uses: ./act
        env: {{ PALISADE_EGRESS: '{b}' }}
"
    );
    let event = world.context.root().join("event.json");
    std::fs::write(&event, format!("{{\"said\": \"{}\"}}", list("d"))).expect("a file");
    let mut args = world.configured(&format!("allow = ['127.0.0.2', {}]", quoted(&server, "abd")), "");
    args.extend(["--event-file".to_owned(), event.to_str().expect("a path in UTF-8").to_owned()]);
    let outcome = run_workflow(&world, &server, &text, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(reached(&outcome, "a", 7), ["ab", "b", "", "", "ab", "", "b"], "{outcome}");
    assert_eq!(
        refusals(&outcome, LEFT_OUT),
        ["0 d.test", "1 a.test", "2 b.test"],
        "each kind of refusal is told once\n{outcome}"
    );
    let events = Events::of(&outcome);
    let told: Vec<&str> = events.annotations("warning");
    let beyond: Vec<_> = told.iter().filter(|text| text.starts_with("PALISADE_EGRESS: ")).collect();
    assert_eq!(beyond.len(), 3, "c for all, d in two steps\n{outcome}");
    assert!(told.iter().any(|text| text.contains("GITHUB_ENV sets `PALISADE_EGRESS`: ")), "{outcome}");
}

#[test]
fn what_a_calling_workflow_takes_away_is_away_in_what_it_calls() {
    let (world, server) = world();
    let called = format!(
        "on: workflow_call\nenv: {{ PALISADE_EGRESS: '{}' }}\njobs:\n  in:\n    runs-on: x\n    steps:\n      \
         - run: eval \"$REACH a b\"\n",
        list(&server, "ab")
    );
    world.context.write(".github/workflows/called.yml", called);
    let text = format!(
        "on: push\nenv: {{ PALISADE_EGRESS: '{}' }}\njobs:\n  a:\n    uses: ./.github/workflows/called.yml\n",
        list(&server, "b")
    );
    let args = world.configured(&format!("allow = ['127.0.0.2', {}]", quoted(&server, "ab")), "");
    let outcome = run_workflow(&world, &server, &text, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let job = Events::of(&outcome).jobs().into_iter().find(|job| job.contains("in")).map(str::to_owned);
    assert_eq!(reached(&outcome, &job.expect("the called job"), 1), ["b"], "{outcome}");
}

#[test]
fn a_list_that_is_none_or_can_t_be_held_ends_the_job_before_it_begins() {
    let (world, server) = world();
    let run = |list: &str, args: &[&str]| {
        let text = format!(
            "on: push\njobs:\n  a:\n    runs-on: x\n    env: {{ PALISADE_EGRESS: '{list}' }}\n    steps:\n      - run: echo began\n"
        );
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        run_workflow(&world, &server, &text, &args)
    };
    let wrong = "`PALISADE_EGRESS`: rule `a..test`, column 3: a label";
    for (list, args, code, reason) in [
        ("a..test", &["--allow", "a.test"][..], 2, wrong),
        ("a.test 10.0.0.1", &["--allow", "a.test"], 2, "`10.0.0.1` is an address"),
        ("", &["--allow", "a.test"], 2, "it is empty; write `none`"),
        ("${{ github.event.no }}", &["--allow", "a.test"], 1, "it is empty; write `none`"),
        ("a${{ github.event.no }}..test", &["--allow", "a.test"], 1, wrong),
        ("a.test", &["--net", "host"], 3, "can't be held: its network is the host's"),
    ] {
        let outcome = run(list, args);
        assert_eq!(outcome.code, Some(code), "{outcome}");
        let said = outcome.to_string();
        assert!(said.contains(reason) && !said.contains("\nbegan"), "{outcome}");
    }
    // Of nothing, nothing can be taken away.
    assert_eq!(run("a.test", &[]).code, Some(0));
}

#[test]
fn some_steps_have_rules_of_their_own() {
    let (world, server) = world();
    let port = server.port();
    let network = format!(
        "
allow = ['127.0.0.2', 'a.test:{port}/opaque']
deny = ['c.test']
[[network.step]]
for = [{{ local = true, repository = '*/*' }}]
steps = ['more', 'only']
allow = ['b.test:{port}/opaque', 'c.test:{port}/opaque']
[[network.step]]
for = [{{ local = true, repository = '*/*' }}]
steps = ['only']
only = true
[[network.step]]
for = [{{ local = true, repository = 'somebody/else' }}]
only = true
[[network.step]]
for = [{{ local = true, repository = '*/*' }}]
grants = ['id']
allow = ['d.test:{port}/opaque']
"
    );
    let grant = "
[[grant]]
name = 'id'
provider = 'id-token'
audiences = ['sts.example']
steps = ['token']
allow = [{ local = true, repository = '*/*' }]
";
    let args = world.configured(&network, grant);
    let made = world.context.palisade().args(["issuer", "init", "--url", "https://ci.example"]).run();
    assert_eq!(made.code, Some(0), "{made}");
    let step = |id: &str| format!("      - run: eval \"$REACH a b c d\"\n        id: {id}\n");
    let text = format!(
        "on: push\npermissions: {{ id-token: write }}\njobs:\n  a:\n    runs-on: x\n    steps:\n{}{}{}{}{}",
        step("before"),
        step("more"),
        step("only"),
        step("token"),
        step("after")
    );
    let outcome = run_workflow(&world, &server, &text, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(reached(&outcome, "a", 5), ["a", "ab", "b", "ad", "a"], "{outcome}");
}

#[test]
fn a_connection_that_a_step_may_not_have_ends_as_the_step_begins() {
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let server = Server::echo();
    let port = server.port();
    let args = world.configured(
        &format!("allow = ['127.0.0.2', 'a.test:{port}/opaque']"),
        "[sandbox]\nkeep-stragglers = true",
    );
    let text = "
on: push
jobs:
  a:
    runs-on: x
    timeout-minutes: 2
    steps:
      - run: |
          cat > left.sh <<'END'
          exec 3<>/dev/tcp/a.test/$PORT
          echo hello >&3; read -u3 line; echo $line > up
          if read -u3 line; then echo more > end; else echo cut > end; fi
          END
          bash left.sh < /dev/null > /dev/null 2>&1 &
          until [ -e up ]; do sleep 0.02; done
      - run: if [ -e end ]; then echo ended; fi
      - run: until [ -e end ]; do sleep 0.02; done; cat end
        env: { PALISADE_EGRESS: none }
";
    let outcome = run_workflow(&world, &server, text, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(reached(&outcome, "a", 3), ["", "", "cut"], "{outcome}");
    let events = Events::of(&outcome);
    let network: Vec<_> =
        events.of_kind("network").map(|event| (&event["step"], &event["outcome"])).collect();
    assert_eq!(network, [(&0.into(), &"reached".into())], "it was allowed when it began\n{outcome}");
}

#[test]
fn what_nobody_has_accepted_yet_is_decided_by_the_rules_before() {
    let (world, server) = world();
    let args = world.configured(&format!("allow = ['127.0.0.2', {}]", quoted(&server, "a")), "");
    // The gateway stands still from the first step's lookup to its end, and goes on as the second one's rules come.
    let text = "
on: push
jobs:
  a:
    runs-on: x
    timeout-minutes: 2
    steps:
      - run: |
          address=$(getent ahostsv4 a.test | head -n 1 | cut -d ' ' -f 1)
          echo looked up
          while timeout 0.5 \"$ATTACK\" ask a.test 1 >/dev/null; do :; done
          exec 3<>/dev/tcp/$address/$PORT
          echo hello >&3
      - run: eval \"$REACH a\"
        env: { PALISADE_EGRESS: none }
";
    let mut command = ready(&world, &server, text, &args).into_command();
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("palisade starts");
    let stdout = child.stdout.take().expect("a pipe");
    let gateway = |signal| {
        let gateway = gateway_of(child.id()).expect("a job that runs has one");
        nix::sys::signal::kill(gateway, signal).expect("it lives");
    };
    let mut said = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.expect("text");
        if line.contains("\"looked up\\n\"") {
            gateway(nix::sys::signal::Signal::SIGSTOP);
        }
        if line.contains("\"step_finished\"") && line.contains("\"step\":0") {
            // By then the gateway is told of the second step, as a rule; the runner waits for its answer.
            std::thread::sleep(std::time::Duration::from_millis(500));
            gateway(nix::sys::signal::Signal::SIGCONT);
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert_eq!(child.wait().expect("palisade ends").code(), Some(0), "{said}");
    let events: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let network: Vec<_> = events.iter().filter(|event| event["event"] == "network").collect();
    let first: Vec<_> = network.iter().filter(|event| event["step"] == 0).collect();
    assert_eq!(first.len(), 1, "{said}");
    assert_ne!(first[0]["outcome"], "refused", "{said}");
    let second = network.iter().filter(|event| event["step"] == 1);
    assert!(
        second.clone().count() > 0 && second.clone().all(|event| event["outcome"] == "refused"),
        "{said}"
    );
}

#[test]
fn attempts_at_addresses_without_a_name_are_counted_by_step() {
    let (world, server) = world();
    // Then only the kernel's count is known.
    world.context.write("config.toml", "[network]\nattribution = false\n");
    let text = "
on: push
jobs:
  a:
    runs-on: x
    steps:
      - run: 'true'
      - run: for address in 192.0.2.1 10.0.0.1 2001:db8::1; do \"$ATTACK\" dial $address 80 x || true; done
      - run: '\"$ATTACK\" dial 192.0.2.1 443 x || true'
";
    let args = ["--config", "config.toml", "--allow", "a.test", "--json"].map(str::to_owned);
    let outcome = run_workflow(&world, &server, text, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let events = Events::of(&outcome);
    let told =
        events.of_kind("network_unnamed").map(|event| (event["step"].as_u64(), event["attempts"].as_u64()));
    assert_eq!(told.collect::<Vec<_>>(), [(Some(1), Some(3)), (Some(2), Some(1))], "{outcome}");
    let warning =
        "network: 1 attempt to reach an address without a name came to nothing; only names can be allowed";
    assert!(events.annotations("warning").contains(&warning), "{outcome}");
    assert_eq!(
        events.of_kind("network_summary").next().map(|event| event["unnamed"].as_u64()),
        Some(Some(4))
    );
    let plain = run_workflow(&world, &server, text, &args[..4]);
    for line in [
        "    refused  addresses without a name  4 times\n",
        "    which processes it were isn't known: it is switched off\n",
    ] {
        assert!(plain.stdout.contains(line), "{plain}");
    }
}
