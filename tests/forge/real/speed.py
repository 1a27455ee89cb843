"""How long it takes."""

import time
from datetime import datetime

from gitea import wait
from jobs import results

COUNT = 20
MANY = "on: push\njobs:\n" + "".join(
    f"  j{n}:\n    runs-on: linux\n    steps:\n      - run: echo hello\n" for n in range(COUNT)
)

FIRST = "on: push\njobs:\n  a:\n    runs-on: linux\n    steps:\n      - run: date '+began %s.%N'\n"
HUNDREDS = """\
on: push
jobs:
  m:
    runs-on: linux
    strategy:
      matrix:
        a: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
        b: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    steps:
      - run: echo hello
"""


def twenty_jobs_at_capacity_2(stage):
    repository = stage.repository("many")
    repository.push(files={"x": "x"})
    start = time.monotonic()
    repository.push(MANY)
    pushed = time.monotonic() - start
    query = """select count(*) from action_task t join repository r on r.id = t.repo_id
        where r.name = 'many' and t.status in (1, 2, 3, 4)"""
    wait("all jobs to end", lambda: stage.gitea.rows(query)[0][0] == COUNT, pause=0.01)
    seconds = time.monotonic() - start
    jobs = repository.ended()
    assert set(results(jobs).values()) == {"success"} and len(jobs) == COUNT
    return f"{seconds:.2f} s from the push, which took {pushed:.2f} s; the daemon holds {stage.host.memory():.1f} MiB"


def from_taking_a_job_to_its_first_instruction(stage):
    repository = stage.repository("first")
    repository.push(FIRST)
    times = []
    for count in range(1, 10):
        repository.push()
        job = repository.ended(count + 1)["a"]
        began = next(line for line in repository.log(job) if line.startswith("began "))
        taken = [line for line in stage.host.log().splitlines() if "taking a task" in line and "dev/first " in line][-1]
        taken = datetime.fromisoformat(taken.split()[0].removeprefix("time=").replace("Z", "+00:00"))
        times.append(float(began.split()[1]) - taken.timestamp())
    return f"median {sorted(times)[len(times) // 2] * 1000:.0f} ms"


def memory_over_a_thousand_jobs(stage):
    repository = stage.repository("thousand")
    query = """select count(*) from action_task t join repository r on r.id = t.repo_id
        where r.name = 'thousand' and t.status in (1, 2, 3, 4)"""
    held = [stage.host.memory()]
    start = time.monotonic()
    for count in range(1, 6):
        repository.push(HUNDREDS)
        wait("all jobs to end", lambda: stage.gitea.rows(query)[0][0] == count * 200, 300, 0.2)
        held.append(stage.host.memory())
    results = stage.gitea.rows(query.replace("in (1, 2, 3, 4)", "<> 1"))[0][0]
    assert results == 0, f"{results} jobs did not succeed"
    return f"{time.monotonic() - start:.0f} s; MiB after each 200: " + ", ".join(f"{mib:.1f}" for mib in held)


SCENARIOS = [
    twenty_jobs_at_capacity_2,
    from_taking_a_job_to_its_first_instruction,
    memory_over_a_thousand_jobs,
]
