//! Runs of one concurrency group.

use super::{cancel, ended, prints, repository, run, started, submit};

fn workflow(more: &str) -> String {
    format!(
        "on: push\nconcurrency: {{ group: '${{{{ github.ref }}}}', cancel-in-progress: {more} }}\njobs:\n  a:\n    runs-on: host\n    \
         steps: [{{ run: 'echo begun; sleep 1000' }}]\n  b:\n    runs-on: host\n    steps: [{{ run: 'true' }}]\n"
    )
}

#[test]
fn one_run_of_a_group_goes_on_at_a_time_and_the_last_waits() {
    let host = started();
    let tree = repository(&host, &workflow("false"));
    let first = submit(&host, &tree);
    prints(&host, first, "begun");
    // Its other job isn't kept from running by its own group.
    let (second, third) = (submit(&host, &tree), submit(&host, &tree));
    assert_eq!(ended(&host, second)["result"], "cancelled");
    assert_eq!(run(&host, third)["state"], "pending");
    cancel(&host, first);
    prints(&host, third, "begun");
    let first = ended(&host, first);
    assert_eq!(first["jobs"][1]["result"], "success", "{first}");
    cancel(&host, third);
    ended(&host, third);
}

#[test]
fn a_run_may_cancel_the_one_before_it() {
    let host = started();
    let tree = repository(&host, &workflow("true"));
    let first = submit(&host, &tree);
    prints(&host, first, "begun");
    let second = submit(&host, &tree);
    assert_eq!(ended(&host, first)["result"], "cancelled");
    prints(&host, second, "begun");
    cancel(&host, second);
    ended(&host, second);
}
