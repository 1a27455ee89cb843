"""What breaks while a job runs."""

import os
import signal
import time

from gitea import wait
from jobs import ONE, archived, results

COUNTING = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: for i in $(seq 1 80); do echo "row $i"; sleep 0.1; done
      - run: echo the end
"""


def counted(stage, repository):
    """Every row is there once and in order, and the job succeeded."""
    jobs = repository.ended()
    stage.host.idle()
    log = repository.log(jobs["a"])
    rows = [line for line in log if line.startswith("row ")]
    assert rows == [f"row {n}" for n in range(1, 81)], rows
    assert results(jobs) == {"a": "success"} and "the end" in log, log
    assert archived(stage, jobs["a"]) == len(log)


def counting(stage, name):
    """A job that has begun to count."""
    repository = stage.repository(name)
    repository.push(COUNTING)
    job = repository.started()
    repository.says(job, "row 5")
    return repository


def restart(stage, name, kill):
    repository = counting(stage, name)
    stage.gitea.stop(kill)
    time.sleep(3)
    stage.gitea.start()
    counted(stage, repository)


def gitea_restarted_during_a_job(stage):
    restart(stage, "restarted", False)


def gitea_killed_during_a_job(stage):
    restart(stage, "killed", True)


def gitea_away_while_a_job_ends(stage):
    repository = counting(stage, "away")
    stage.gitea.stop()
    wait("the job to end", lambda: all(task["over"] for task in stage.host.status()["daemon"]["tasks"]))
    stage.gitea.start()
    counted(stage, repository)


def daemon_killed_during_a_job(stage):
    repository = counting(stage, "taken-over")
    stage.host.kill()
    time.sleep(2)
    stage.host.start()
    counted(stage, repository)


def daemon_killed_until_the_job_is_over(stage):
    repository = counting(stage, "taken-over-late")
    stage.host.kill()
    time.sleep(10)
    stage.host.start()
    counted(stage, repository)


def jobs_process_killed(stage):
    repository = counting(stage, "job-killed")
    for task in os.listdir(f"{stage.host.state}/tasks"):
        with open(f"{stage.host.state}/tasks/{task}/lock") as lock:
            os.kill(int(lock.read()), signal.SIGKILL)
    jobs = repository.ended(patience=20)
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "failure"} and any("signal 9" in line for line in log), log
    archived(stage, jobs["a"])


def repository_deleted_during_a_job(stage):
    counting(stage, "vanishes")
    stage.gitea.api("DELETE", "/repos/dev/vanishes")
    started = time.monotonic()
    wait("the job to be given up", lambda: not os.listdir(f"{stage.host.state}/tasks"), 60)
    seconds = time.monotonic() - started
    log = stage.host.log()
    stage.run("after-that", ONE)
    return f"after {seconds:.0f} s: " + log.splitlines()[-1]


SCENARIOS = [
    gitea_restarted_during_a_job,
    gitea_killed_during_a_job,
    gitea_away_while_a_job_ends,
    daemon_killed_during_a_job,
    daemon_killed_until_the_job_is_over,
    jobs_process_killed,
    repository_deleted_during_a_job,
]
