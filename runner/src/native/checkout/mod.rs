//! `actions/checkout`. Source of inputs, outputs and semantics: its `action.yml` and sources, version 4.

use super::{Description, Failure, Host, Input, Inputs, PostIf};

/// Inputs of version 4, and of the versions since.
pub const DESCRIPTION: Description = Description {
    name: "checkout",
    newest: 6,
    inputs: &[
        Input { name: "repository", default: "${{ github.repository }}" },
        Input { name: "ref", default: "" },
        Input { name: "token", default: "${{ github.token }}" },
        Input { name: "ssh-key", default: "" },
        Input { name: "ssh-known-hosts", default: "" },
        Input { name: "ssh-strict", default: "true" },
        Input { name: "ssh-user", default: "git" },
        Input { name: "persist-credentials", default: "true" },
        Input { name: "path", default: "" },
        Input { name: "clean", default: "true" },
        Input { name: "filter", default: "" },
        Input { name: "sparse-checkout", default: "" },
        Input { name: "sparse-checkout-cone-mode", default: "true" },
        Input { name: "fetch-depth", default: "1" },
        Input { name: "fetch-tags", default: "false" },
        Input { name: "show-progress", default: "true" },
        Input { name: "lfs", default: "false" },
        Input { name: "submodules", default: "false" },
        Input { name: "set-safe-directory", default: "true" },
        Input { name: "github-server-url", default: "" },
        Input { name: "allow-unsafe-pr-checkout", default: "" },
    ],
    post: PostIf::Always,
};

/// Puts a tree into the workspace. That of the run itself is there already.
pub fn main(host: &mut dyn Host, inputs: &Inputs) -> Result<(), Failure> {
    let (repository, own) = (inputs.get("repository"), host.github("repository"));
    if !repository.eq_ignore_ascii_case(&own) {
        return Err(format!("cannot check out `{repository}`: a local run has only the tree at hand").into());
    }
    let path = inputs.get("path");
    if !matches!(path, "" | ".") {
        let why = "a local run has its tree at the workspace's root";
        return Err(format!("cannot check out to `{path}`: {why}").into());
    }
    let reference = inputs.get("ref");
    if !reference.is_empty() {
        host.warn(format!("`ref: {reference}` has no effect: a local run works on the tree as it is"));
    }
    host.say("The workspace holds the tree already; nothing is fetched.\n");
    let sha = host.github("sha");
    host.set_output("ref", &host.github("ref"));
    host.set_output("commit", &sha);
    Ok(())
}

/// Leaves nothing.
pub fn post(_host: &mut dyn Host, _inputs: &Inputs) -> Result<(), Failure> {
    Ok(())
}
