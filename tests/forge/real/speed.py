"""How long it takes."""

import time

from gitea import wait
from jobs import results

COUNT = 20
MANY = "on: push\njobs:\n" + "".join(
    f"  j{n}:\n    runs-on: linux\n    steps:\n      - run: echo hello\n" for n in range(COUNT)
)


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


SCENARIOS = [twenty_jobs_at_capacity_2]
