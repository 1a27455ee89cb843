"""Who is registered for what, and what becomes of it."""

from gitea import ADMIN, wait
from jobs import ONE, results

LABELLED = "on: push\njobs:\n  a:\n    runs-on: {label}\n    steps:\n      - run: echo hello\n"


def wrong_token(stage):
    host = stage.new_host()
    said = host.register(stage.gitea.url, "f" * 40, "wrong", "linux", code=3)
    assert "take a new token" in said, said
    return said.splitlines()[0]


def doctor_asks_it(stage):
    found = stage.host.palisade("doctor")
    line = next(line for line in found.splitlines() if "forge.main" in line)
    assert line.startswith("ok") and "knows the runner and has this host's time" in line, found
    return line


def levels(stage):
    """A runner of a repository and one of an organisation get no other's jobs."""
    gitea = stage.gitea
    gitea.api("POST", "/orgs", {"username": "team"})
    own = stage.repository("own-runner")
    stage.repository("other")
    of_team = stage.repository("of-team", owner="team")
    host = stage.new_host()
    host.register(gitea.url, stage.token(own.path), "repo", "special", "--scope", "repo:dev/own-runner")
    host.register(gitea.url, stage.token("/orgs/team"), "org", "special", "--scope", "org:team")
    host.register(gitea.url, stage.token("/admin"), "everywhere", "anything", "--scope", "instance")
    listed = host.palisade("registrations")
    assert all(word in listed for word in ("repo:dev/own-runner", "org:team", "instance")), listed
    host.start()
    try:
        waits = stage.repository("waits")
        waits.push(LABELLED.format(label="special"))
        for repository in (own, of_team):
            repository.push(LABELLED.format(label="special"))
            assert results(repository.ended()) == {"a": "success"}
        waits.push(LABELLED.format(label="anything"))
        assert results(waits.ended()) == {"a": "success"}
        assert sorted(run["status"] for run in waits.runs()) == ["completed", "queued"], waits.runs()
        names = dict(gitea.rows("select r.name, r.repo_id from action_task t join action_runner r on r.id = t.runner_id"))
        assert {"repo", "org", "everywhere"} <= set(names), names
    finally:
        host.close()


def ephemeral(stage):
    gitea = stage.gitea
    host = stage.new_host()
    repository = stage.repository("ephemeral")
    host.register(gitea.url, stage.token(repository.path), "once", "once", "--ephemeral")
    repository.push(LABELLED.format(label="once"))
    host.start()
    try:
        assert results(repository.ended()) == {"a": "success"}
        repository.push()
        host.idle()
        wait("the runner to be gone", lambda: not gitea.rows("select 1 from action_runner where name = 'once' and deleted is null"))
        statuses = lambda: [run["status"] for run in repository.runs()]
        wait("the second run", lambda: len(statuses()) == 2)
        assert statuses() == ["queued", "completed"], statuses()
        wait("the registration to be gone", lambda: "once" not in host.palisade("registrations"), 30)
    finally:
        host.close()
    run = repository.runs()[0]
    gitea.click(f"/dev/ephemeral/actions/runs/{run['id']}/cancel")
    assert "level=error" not in host.log() and "level=warning" not in host.log(), host.log()


def runner_deleted_at_the_forge(stage):
    gitea = stage.gitea
    host = stage.new_host()
    for name in ("stays", "goes"):
        host.register(gitea.url, stage.token("/admin"), name, name)
    host.start()
    try:
        wait("both to poll", lambda: host.log().count(f"forge={gitea.url}") == 2)
        runners = gitea.api("GET", "/admin/actions/runners", who=ADMIN)["runners"]
        number = next(runner["id"] for runner in runners if runner["name"] == "goes")
        gitea.api("DELETE", f"/admin/actions/runners/{number}", who=ADMIN)
        host.says("does not know this runner any more")
        repository = stage.repository("deleted")
        repository.push(LABELLED.format(label="stays"))
        assert results(repository.ended()) == {"a": "success"}
        assert host.log().count("does not know this runner any more") == 1, host.log()
        status = host.palisade("status")
        host.palisade("unregister", "goes")
    finally:
        host.close()
    return " ".join(line.strip() for line in status.splitlines() if "goes" in line)


def runner_deleted_during_a_job(stage):
    gitea = stage.gitea
    host = stage.new_host()
    host.register(gitea.url, stage.token("/admin"), "cut", "cut")
    host.start()
    try:
        repository = stage.repository("cut")
        repository.push(LABELLED.format(label="cut").replace("echo hello", "sleep 300"))
        repository.started()
        runners = gitea.api("GET", "/admin/actions/runners", who=ADMIN)["runners"]
        number = next(runner["id"] for runner in runners if runner["name"] == "cut")
        gitea.api("DELETE", f"/admin/actions/runners/{number}", who=ADMIN)
        host.says("does not know this runner any more")
        host.idle()
    finally:
        host.close()


def unregistered(stage):
    host = stage.new_host()
    host.register(stage.gitea.url, stage.token("/admin"), "leaves", "leaves")
    host.start()
    try:
        host.says("waiting for jobs")
        said = host.palisade("unregister", "leaves")
        host.says("no more jobs of it are taken")
        assert "leaves" not in host.palisade("registrations")
    finally:
        host.close()
    return said.strip().replace("\n", " ")


def drained(stage):
    host = stage.new_host()
    host.register(stage.gitea.url, stage.token("/admin"), "drains", "drains")
    host.start()
    repository = stage.repository("drains")
    repository.push(LABELLED.format(label="drains").replace("echo hello", "sleep 3"))
    repository.started()
    host.palisade("drain")
    host.daemon.wait(60)
    assert results(repository.ended()) == {"a": "success"}


SCENARIOS = [
    wrong_token,
    doctor_asks_it,
    levels,
    ephemeral,
    runner_deleted_at_the_forge,
    runner_deleted_during_a_job,
    unregistered,
    drained,
]
