"""What jobs have of repositories, of each other and of actions."""

import socket

from gitea import Refused, wait
from jobs import results

CHECKOUT = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - run: |
          cat greeting
          echo "commits $(git rev-list --count HEAD)"
          echo "tag $(git describe --tags)"
          git status --short --branch
      - uses: actions/checkout@v4
        with: { path: shallow }
      - run: echo "shallow $(git -C shallow rev-list --count HEAD)"
"""

SUBMODULE = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - uses: actions/checkout@v4
        with:
          submodules: true
      - run: cat library/greeting
"""

WRITE = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - uses: actions/checkout@v4
      - run: |
          curl -sS -o /dev/null -w 'api %{http_code}\\n' -H "Authorization: token $GITHUB_TOKEN" "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY"
          git switch -qc made-by-a-job
          git -c user.name=job -c user.email=job@t.example commit -q --allow-empty -m made
          git push -q origin HEAD && echo pushed
"""

NAMES = WRITE.replace("linux", "names") + """\
      - run: curl -sS https://example.com || echo refused
"""

ARTIFACTS = """\
on: push
jobs:
  make:
    runs-on: linux
    steps:
      - run: mkdir out && echo made by the first job > out/file
      - uses: actions/upload-artifact@v4
        with: { name: result, path: out }
  use:
    needs: make
    runs-on: linux
    steps:
      - uses: https://data.forgejo.org/forgejo/download-artifact@v4
        with: { name: result }
      - run: cat file
"""

CACHE = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - id: cache
        uses: actions/cache@v4
        with: { path: kept, key: k1 }
      - run: echo "hit=${{ steps.cache.outputs.cache-hit }} $(cat kept/file 2>&1)"; mkdir -p kept; echo from before > kept/file
"""

CALLER = """\
on: push
jobs:
  call:
    uses: ./.gitea/workflows/called.yml
    with: { whom: you }
    secrets: inherit
  after:
    needs: call
    runs-on: linux
    steps:
      - run: echo "the call gave ${{ needs.call.outputs.answer }}"
"""

CALLED = """\
on:
  workflow_call:
    inputs:
      whom: { type: string, required: true }
    outputs:
      answer:
        value: ${{ jobs.inner.outputs.answer }}
jobs:
  inner:
    runs-on: linux
    outputs:
      answer: ${{ steps.s.outputs.answer }}
    steps:
      - id: s
        run: |
          echo "called for ${{ inputs.whom }}"
          echo "answer=42" >> "$GITHUB_OUTPUT"
"""

COMPOSITE = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - uses: actions/checkout@v4
      - id: greet
        uses: ./greet
        with: { whom: you }
      - run: echo "it gave ${{ steps.greet.outputs.length }}"
"""

ACTION = """\
name: greet
inputs:
  whom: { required: true }
outputs:
  length: { value: "${{ steps.s.outputs.length }}" }
runs:
  using: composite
  steps:
    - id: s
      shell: bash
      run: |
        echo "an action greets ${{ inputs.whom }}"
        echo "length=3" >> "$GITHUB_OUTPUT"
"""

# Of another repository of the same forge, which is where this one looks for actions.
SHARED = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - uses: {url}/dev/actions/greet@v1
        with: {{ whom: everybody }}
"""


def checked_out(stage, name, private):
    repository = stage.repository(name, private=private)
    repository.push(files={"greeting": "hello from the repository\n"})
    repository.git("tag", "-m", "one", "v1")
    repository.git("push", "-q", repository.url(), "v1")
    repository.push(CHECKOUT)
    jobs = repository.ended()
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    for line in ("hello from the repository", "commits 2", "shallow 1"):
        assert line in log, log
    assert any(line.startswith("tag v1-1-g") for line in log), log


def reaching(stage, repository):
    """A host for a repository whose jobs reach the forge; by name they can't, since it is on the loopback."""
    host = stage.new_host(config='[network]\nmode = "host"\n')
    host.register(stage.gitea.url, stage.token(repository.path), repository.name, "reaching")
    host.start()
    return host


def checkout_with_history(stage):
    checked_out(stage, "checkout", False)


def checkout_of_a_private_repository(stage):
    checked_out(stage, "checkout-private", True)


def checkout_with_a_submodule(stage):
    library = stage.repository("library")
    library.push(files={"greeting": "hello from a submodule\n"})
    repository = stage.repository("submodule")
    repository.git("submodule", "--quiet", "add", library.url(), "library")
    repository.push(SUBMODULE)
    log = repository.log(repository.ended()["a"])
    # It is fetched by the job, which has no network by default where the forge has no name.
    assert any("registered by an address" in line for line in log), log
    host = reaching(stage, repository)
    try:
        repository.push(SUBMODULE.replace("linux", "reaching"))
        jobs = repository.ended(2)
    finally:
        host.close()
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    assert "hello from a submodule" in log, log


def write_with_the_jobs_token(stage):
    repository = stage.repository("write", private=True)
    host = reaching(stage, repository)
    try:
        repository.push(WRITE.replace("linux", "reaching"))
        jobs = repository.ended()
    finally:
        host.close()
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    assert "api 200" in log and "pushed" in log, log
    branches = stage.gitea.api("GET", f"{repository.path}/branches")
    assert "made-by-a-job" in [branch["name"] for branch in branches]


def network_of_names(stage):
    """Jobs that reach the forge by its name, here this machine's own, and nothing else."""
    name, port = socket.gethostname(), stage.gitea.port
    try:
        assert socket.gethostbyname(name).startswith("127.")
    except (OSError, AssertionError):
        return "skipped: this machine's name doesn't lead to its loopback"
    # The forge's name may be reached by default, and what it leads to here is the host's own loopback.
    host = stage.new_host(config=f'[network]\nallow = ["127.0.0.0/8:{port}"]\n')
    repository = stage.repository("names", private=True)
    token = stage.token(repository.path)
    url = f"http://{name}:{port}"
    said = host.register(url, token, "names", "names", code=2)
    assert "--insecure-http" in said, said
    host.register(url, token, "names", "names", "--insecure-http")
    host.start()
    try:
        repository.push(NAMES)
        jobs = repository.ended()
    finally:
        host.close()
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    assert "api 200" in log and "pushed" in log and "refused" in log, log
    assert any("runner's configuration would allow it" in line for line in log), log


def commit_that_was_pushed_away(stage):
    repository = stage.repository("pushed-away")
    repository.push(files={"greeting": "hello from what is no more\n"})
    host = stage.new_host()
    host.register(stage.gitea.url, stage.token(repository.path), "late", "late")
    repository.push(CHECKOUT.replace("linux", "late").replace("git describe --tags", "echo none"))
    wait("a run", repository.runs)
    repository.git("commit", "-q", "--amend", "-m", "other")
    repository.git("push", "-qf", repository.url(), "HEAD:main")
    host.start()
    try:
        repository.ended(2)
    finally:
        host.close()
    old = min(repository.runs(), key=lambda run: run["id"])
    job, = repository.jobs(old["id"]).values()
    # The server may have cancelled it for the newer push.
    if job["conclusion"] == "success":
        assert "hello from what is no more" in repository.log(job)
    return f"the older run: {job['conclusion']}"


def artifacts(stage):
    repository, jobs = stage.run("artifacts", ARTIFACTS)
    log = repository.log(jobs["use"]) if jobs["use"]["conclusion"] != "skipped" else repository.log(jobs["make"])
    assert results(jobs) == {"make": "success", "use": "success"}, log
    assert "made by the first job" in log, log


def cache(stage):
    repository, _ = stage.run("cache", CACHE)
    repository.push()
    jobs = repository.ended(2)
    log = repository.log(jobs["a"])
    assert "hit=true from before" in log, log


def reusable_workflow(stage):
    repository, jobs = stage.run("reusable", CALLER, {".gitea/workflows/called.yml": CALLED})
    log = []
    for job in jobs.values():
        try:
            log += repository.log(job)
        except Refused:
            # From 1.27 on the server makes jobs of a called workflow; the one that calls it runs nowhere.
            pass
    assert set(results(jobs).values()) == {"success"}, (results(jobs), log)
    assert "called for you" in log and "the call gave 42" in log, log


def composite_action(stage):
    repository, jobs = stage.run("composite", COMPOSITE, {"greet/action.yml": ACTION})
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    assert "an action greets you" in log and "it gave 3" in log, log


def action_of_another_repository(stage):
    actions = stage.repository("actions")
    actions.push(files={"greet/action.yml": ACTION})
    actions.git("tag", "v1")
    actions.git("push", "-q", actions.url(), "v1")
    repository, jobs = stage.run("shared", SHARED.format(url=stage.gitea.url))
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    assert "an action greets everybody" in log, log


SCENARIOS = [
    checkout_with_history,
    checkout_of_a_private_repository,
    checkout_with_a_submodule,
    write_with_the_jobs_token,
    network_of_names,
    commit_that_was_pushed_away,
    artifacts,
    cache,
    reusable_workflow,
    composite_action,
    action_of_another_repository,
]
