//! What a job does to wear its gateway out: it harms itself at most, and only while it lasts.

use palisade_tests::{Identity, Outcome};

use crate::world::{CANARY, Server, World};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// Runs a script in a sandbox that reaches what these rules say. `while_holding PROGRAM…` runs an attack program that waits
/// for the end of its input, and goes on once that has said something; `let_go` ends it.
pub fn script(world: &World, rules: &[String], script: &str) -> Outcome {
    let attack = world.attack();
    let prelude = format!(
        "cd /tmp; attack={attack}; request='{REQUEST}'; mkfifo input; \
         while_holding() {{ $attack \"$@\" <input >said & exec 3>input; until [ -s said ]; do sleep 0.01; done; }}; \
         let_go() {{ exec 3>&-; wait; cat said; }}\n"
    );
    world.shell(rules, &(prelude + script)).run()
}

#[test]
fn connections_that_say_nothing_whole_hold_up_no_other() {
    let server = Server::http();
    let port = server.port();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        // Requests without an end, and a handshake without one.
        for begun in ["GET / HTTP/1.1", "\u{16}\u{3}\u{1}"] {
            let steps = format!(
                "while_holding drip a.test {port} 300 '{begun}'; $attack dial a.test {port} \"$request\"; let_go"
            );
            let said = script(&world, &[format!("a.test:{port}")], &steps);
            assert!(said.stdout.contains(CANARY), "{said}");
            assert!(said.stdout.contains("succeeded: 300 dripped"), "{said}");
        }
        assert_eq!(server.heard().len(), 2, "what isn't whole goes nowhere");
        server.forget();
    }
}

#[test]
fn a_job_has_as_many_connections_as_it_may_and_others_when_these_end() {
    let server = Server::blunt();
    let port = server.port();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        world.context.write("attack", std::fs::read(world.attack()).expect("a program"));
        let config =
            format!("[network]\nmode = 'allow'\nconnections = 20\nresolver = '{}'\n", world.resolver());
        world.context.write("config.toml", config);
        let steps = format!(
            "chmod +x attack; mkfifo input; ./attack hold a.test {port} 40 x <input >said & exec 3>input; \
             until [ -s said ]; do sleep 0.01; done; ./attack dial a.test {port} y || true; exec 3>&-; wait; cat said; \
             until ./attack dial a.test {port} z | grep succeeded; do sleep 0.01; done"
        );
        let workflow = format!(
            "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: {steps}\n        shell: sh\n"
        );
        world.context.write(".github/workflows/w.yml", workflow);
        let rule = format!("a.test:{port}/opaque");
        let args = ["run", "--config", "config.toml", "--allow", &rule, "--allow", "127.0.0.2"];
        let said = world.context.palisade().args(args).run();
        assert!(said.stdout.contains("20 of 40 are answered"), "{said}");
        assert!(said.stdout.contains("outcome: prevented: "), "{said}");
        assert!(said.stdout.contains(&format!("outcome: succeeded: {CANARY}")), "{said}");
        assert_eq!(said.code, Some(0), "{said}");
        assert!(
            said.stdout.contains("refused: the job has 20 connections, which is all that it may"),
            "{said}"
        );
        let heard = server.heard();
        assert!(heard.iter().filter(|said| *said == "x").count() == 20, "{heard:?}");
        assert!(!heard.contains(&"y".to_owned()), "{heard:?}");
        server.forget();
    }
}

#[test]
fn a_name_server_that_is_held_answers_others() {
    let server = Server::http();
    let port = server.port();
    for world in World::all() {
        world.name("a.test", &["127.0.0.2"]);
        // Half a question on each of more connections than there may be.
        let steps = format!(
            "while_holding drip 198.18.0.1 53 200 x; $attack ask a.test 1 tcp; $attack ask a.test 1; \
             $attack dial a.test {port} \"$request\"; let_go"
        );
        let said = script(&world, &[format!("a.test:{port}")], &steps);
        assert_eq!(said.stdout.matches("outcome: succeeded: code 0, 1 answers").count(), 2, "{said}");
        assert!(said.stdout.contains(CANARY), "{said}");
    }
}

#[test]
fn one_job_s_flood_is_not_another_s() {
    let server = Server::http();
    let port = server.port();
    let world = World::new(Identity::Current);
    world.name("a.test", &["127.0.0.2"]);
    let rules = [format!("a.test:{port}")];
    let port = port.to_string();
    let flood = format!(
        "for n in 1 2 3; do $attack ask-many 2000 a.test; done; while_holding drip a.test {port} 1000 G; let_go"
    );
    let others = std::thread::scope(|scope| {
        let flooding = scope.spawn(|| script(&world, &rules, &flood));
        let mut others = Vec::new();
        while others.is_empty() || !flooding.is_finished() {
            others.push(world.try_program(&rules, &["dial", "a.test", &port, REQUEST]));
        }
        flooding.join().expect("it ends");
        others
    });
    for said in others {
        assert!(said.stdout.contains(CANARY), "{said}");
        assert_eq!(said.stderr, "");
    }
}
