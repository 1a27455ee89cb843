"""What strangers and people's events do."""

import os

from gitea import STRANGER, Repository, wait
from jobs import results

PULL = """\
on: pull_request
jobs:
  a:
    runs-on: linux
    steps:
      - uses: actions/checkout@v4
      - run: |
          cat greeting
          echo "$GITHUB_EVENT_NAME from $GITHUB_HEAD_REF to $GITHUB_BASE_REF"
          echo "secret=[$SECRET]"
        env:
          SECRET: ${{ secrets.DEPLOY }}
"""

DISPATCH = """\
on:
  workflow_dispatch:
    inputs:
      level: { type: choice, options: [low, high], default: low }
      dry: { type: boolean, default: true }
      name: { type: string }
jobs:
  a:
    runs-on: linux
    steps:
      - run: echo "level=${{ inputs.level }} dry=${{ inputs.dry }} name=${{ github.event.inputs.name }}"
"""


def pull_request_from_a_fork(stage):
    gitea = stage.gitea
    repository = stage.repository("upstream")
    gitea.api("PUT", f"{repository.path}/actions/secrets/DEPLOY", {"data": "correct-horse-battery"})
    repository.push(PULL, {"greeting": "hello\n"})
    gitea.api("POST", f"{repository.path}/forks", {"name": "forked"}, who=STRANGER)
    with open(os.path.join(repository.tree, "greeting"), "w") as file:
        file.write("hello from a fork\n")
    repository.git("switch", "-qc", "better", who=STRANGER)
    repository.git("commit", "-qam", "better", who=STRANGER)
    repository.git("push", "-q", f"{gitea.url}/{STRANGER}/forked.git", "HEAD:better", who=STRANGER)
    request = {"title": "better", "head": f"{STRANGER}:better", "base": "main"}
    gitea.api("POST", f"{repository.path}/pulls", request, who=STRANGER)
    run = wait("a run", repository.runs)[0]
    # A stranger's first needs somebody's approval.
    approve = lambda: gitea.click(f"/dev/upstream/actions/runs/{run['id']}/approve") or True
    wait("an approval", approve)
    jobs = repository.ended()
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    for line in ("hello from a fork", "pull_request from better to main", "secret=[]"):
        assert line in log, log


def workflow_dispatch(stage):
    repository = stage.repository("dispatch")
    repository.push(DISPATCH)
    order = {"ref": "main", "inputs": {"level": "high", "dry": "false", "name": "x y"}}
    stage.gitea.api("POST", f"{repository.path}/actions/workflows/ci.yml/dispatches", order)
    jobs = repository.ended()
    assert "level=high dry=false name=x y" in repository.log(jobs["a"]), repository.log(jobs["a"])


def run_again(stage):
    repository = stage.repository("again")
    repository.push(
        "on: push\njobs:\n  a:\n    runs-on: linux\n    steps:\n"
        '      - run: mkdir out && echo "attempt $GITHUB_RUN_ATTEMPT" | tee out/file\n'
        "      - uses: actions/upload-artifact@v4\n        with: { name: same, path: out }\n"
    )
    first = repository.ended()["a"]
    assert first["conclusion"] == "success", repository.log(first)
    run = repository.runs()[0]
    stage.gitea.api("POST", f"{repository.path}/actions/runs/{run['id']}/rerun")
    second = lambda: (job := repository.jobs(run["id"])["a"])["run_attempt"] == 2 and job["status"] == "completed" and job
    again = wait("the second attempt", second)
    log = repository.log(again)
    assert again["conclusion"] == "success" and "attempt 2" in log, log


SCENARIOS = [pull_request_from_a_fork, workflow_dispatch, run_again]
