//! `RUNNER_TOOL_CACHE`: what the administrator put there, in a copy for each job.

use std::fs;
use std::path::PathBuf;

use palisade_tests::{Context, Events, Identity, Need, require, script};

use super::steps;

/// A tool cache of one tool, and a configuration that names it.
fn tools(context: &Context) -> PathBuf {
    context.write("tools/node/20.1.0/x64.complete", "");
    let tools = context.work().join("tools");
    fs::create_dir_all(tools.join("node/20.1.0/x64/bin")).unwrap();
    script(&tools.join("node/20.1.0/x64/bin/node"), "#!/bin/sh\necho node 20\n");
    context.write("config.toml", format!("[sandbox]\ntool-cache = '{}'\n", tools.display()));
    context.write("tree/x", "");
    tools
}

fn run(context: &Context, job: &str) -> Events {
    let workflow = format!("on: push\njobs:\n{}", steps(job));
    context.write("tree/.github/workflows/w.yml", workflow);
    let outcome = context.palisade().args(["run", "--json", "-C", "tree", "--config", "config.toml"]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    Events::of(&outcome)
}

/// A job that uses what is there, changes it and adds to it.
const JOB: &str = "
      - run: |
          cd $RUNNER_TOOL_CACHE && find . -type f | sort && node/20.1.0/x64/bin/node
          test ${{ runner.tool_cache }} = $RUNNER_TOOL_CACHE
          mkdir -p node/22.0.0/x64 go/1.0.0/x64 node/20.1.0/arm64
          touch node/22.0.0/x64.complete node/20.1.0/arm64.complete go/1.0.0/x64/go && echo added
          (echo evil > node/20.1.0/x64/bin/node) 2>/dev/null && rm -r node/20.1.0/x64 && echo changed
          find . -type f | sort
";

#[test]
fn what_a_job_writes_there_is_seen_by_itself_only() {
    let context = Context::new();
    let tools = tools(&context);
    let first = run(&context, JOB).log("a");
    insta::assert_snapshot!(first, @"
    ./node/20.1.0/x64.complete
    ./node/20.1.0/x64/bin/node
    node 20
    added
    changed
    ./go/1.0.0/x64/go
    ./node/20.1.0/arm64.complete
    ./node/20.1.0/x64.complete
    ./node/22.0.0/x64.complete
    ");
    // Neither by the next job nor on the host.
    assert_eq!(run(&context, JOB).log("a"), first);
    let tool = tools.join("node/20.1.0/x64/bin/node");
    assert_eq!(fs::read_to_string(tool).unwrap(), "#!/bin/sh\necho node 20\n");
    assert_eq!(fs::read_dir(tools.join("node")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(tools).unwrap().count(), 1);
}

#[test]
fn what_belongs_to_others_can_be_added_to() {
    if !require(Need::Root) {
        return;
    }
    let context = Context::of(Identity::Nobody);
    let tools = tools(&context);
    for path in
        ["", "node", "node/20.1.0", "node/20.1.0/x64", "node/20.1.0/x64/bin", "node/20.1.0/x64/bin/node"]
    {
        std::os::unix::fs::chown(tools.join(path), Some(0), Some(0)).unwrap();
    }
    let log = run(&context, &JOB.replace(" && rm -r node/20.1.0/x64 && echo changed", " || echo unchanged"))
        .log("a");
    insta::assert_snapshot!(log, @"
    ./node/20.1.0/x64.complete
    ./node/20.1.0/x64/bin/node
    node 20
    added
    unchanged
    ./go/1.0.0/x64/go
    ./node/20.1.0/arm64.complete
    ./node/20.1.0/x64.complete
    ./node/20.1.0/x64/bin/node
    ./node/22.0.0/x64.complete
    ");
}

#[test]
fn a_tool_cache_that_is_not_there_is_told() {
    let context = Context::new();
    tools(&context);
    context.write("config.toml", "[sandbox]\ntool-cache = '/nonexistent/tools'\n");
    context.write("tree/.github/workflows/w.yml", format!("on: push\njobs:\n{}", steps("      - run: ':'")));
    let outcome = context.palisade().args(["run", "-C", "tree", "--config", "config.toml"]).run();
    insta::assert_snapshot!(outcome, @"
    exit code: 2
    --- stdout
    --- stderr
    error: `sandbox.tool-cache`, `/nonexistent/tools`, is no directory
      help: make it, or take it out of the configuration
    ");
}
