"""What jobs are to the forge: results, steps, outputs, logs."""

import base64
import json

ONE = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: echo hello from a step
"""

NEEDS = """\
on: push
jobs:
  first:
    runs-on: linux
    outputs:
      word: ${{ steps.s.outputs.word }}
    steps:
      - id: s
        run: echo "word=swordfish" >> "$GITHUB_OUTPUT"
  second:
    runs-on: linux
    needs: first
    steps:
      - run: echo "got ${{ needs.first.outputs.word }} of ${{ needs.first.result }}"
  never:
    runs-on: linux
    needs: first
    if: needs.first.outputs.word == 'other'
    steps:
      - run: exit 1
"""

MATRIX = """\
on: push
jobs:
  m:
    runs-on: linux
    strategy:
      matrix:
        color: [red, blue]
        size: [1, 2]
        exclude:
          - { color: blue, size: 2 }
    steps:
      - run: echo "cell ${{ matrix.color }} ${{ matrix.size }}"
"""

FAILURE = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: exit 3
      - run: echo never
      - if: failure()
        run: echo cleaned up
  after:
    needs: a
    runs-on: linux
    steps:
      - run: echo never
  always:
    needs: a
    if: always()
    runs-on: linux
    steps:
      - run: echo "a was a ${{ needs.a.result }}"
"""

CONTINUED = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - id: s
        continue-on-error: true
        run: exit 3
      - run: echo "${{ steps.s.outcome }} but ${{ steps.s.conclusion }}"
"""

SECRETS = """\
on: push
jobs:
  a:
    runs-on: linux
    env:
      TOKEN: ${{ secrets.DEPLOY }}
    steps:
      - run: |
          echo "plain $TOKEN"
          echo "base64 $(printf %s "$TOKEN" | base64)"
          echo "length ${#TOKEN}"
          echo "own token $GITHUB_TOKEN"
          echo "variable ${{ vars.COLOR }}"
"""

LONG = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: seq -f 'line %.0f of many' 100000
"""

CANCELLED = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: |
          trap 'echo asked to end; exit 1' INT TERM
          echo begun
          while true; do sleep 0.1; done
      - if: cancelled()
        run: echo cleaned up after a cancellation
      - run: echo never
"""

SUMMARY = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: |
          echo "# done" >> "$GITHUB_STEP_SUMMARY"
          echo "::warning file=x.c,line=3::careful"
          echo "::add-mask::swordfish"
          echo "now a swordfish"
          printf 'no end of line'
      - run: printf 'caf\\303\\251 \\377 \\033[31mred\\033[0m\\n'
"""

CONTAINER = """\
on: push
jobs:
  a:
    runs-on: linux
    container: node:22
    steps:
      - run: echo hello
"""

TIMEOUT = """\
on: push
jobs:
  a:
    runs-on: linux
    timeout-minutes: 0.02
    steps:
      - run: echo begun; sleep 100
"""

UNKNOWN_LABEL = ONE.replace("linux", "windows-95")

NOT_A_WORKFLOW = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: echo never
        with: { x: 1 }
      - run: echo ${{ nothing.at.all }} ${{ fromJSON( }}
"""


def results(jobs):
    """Conclusions by name."""
    return {name: job["conclusion"] for name, job in jobs.items()}


def steps(stage, job):
    """What the forge has of a job's steps: status by number (1 success, 2 failure, 3 cancelled, 4 skipped), rows."""
    query = """select s.status, s.log_index, s.log_length from action_task_step s
        join action_run_job j on j.task_id = s.task_id where j.id = ? order by s.`index`"""
    return stage.gitea.rows(query, job["id"])


def archived(stage, job):
    """The number of rows that the forge counts; its log is closed."""
    query = "select t.log_length, t.log_in_storage from action_task t join action_run_job j on j.task_id = t.id where j.id = ?"
    (length, stored), = stage.gitea.rows(query, job["id"])
    assert stored, "the forge doesn't have the log as a whole"
    return length


def one_step_job(stage):
    repository, jobs = stage.run("one", ONE)
    assert results(jobs) == {"a": "success"}, results(jobs)
    log = repository.log(jobs["a"])
    assert "hello from a step" in log, log
    assert archived(stage, jobs["a"]) == len(log)
    (status, index, length), = steps(stage, jobs["a"])
    assert status == 1 and log[index : index + length] == ["hello from a step"], (status, index, length)


def outputs_and_needs(stage):
    repository, jobs = stage.run("needs", NEEDS)
    assert results(jobs) == {"first": "success", "second": "success", "never": "skipped"}, results(jobs)
    assert "got swordfish of success" in repository.log(jobs["second"])


def matrix(stage):
    repository, jobs = stage.run("matrix", MATRIX)
    assert len(jobs) == 3 and set(results(jobs).values()) == {"success"}, results(jobs)
    said = {line for job in jobs.values() for line in repository.log(job) if line.startswith("cell ")}
    assert said == {"cell red 1", "cell red 2", "cell blue 1"}, said


def failure(stage):
    repository, jobs = stage.run("failure", FAILURE)
    assert results(jobs) == {"a": "failure", "after": "skipped", "always": "success"}, results(jobs)
    assert [row[0] for row in steps(stage, jobs["a"])] == [2, 4, 1], steps(stage, jobs["a"])
    assert any("exit code 3" in line for line in repository.log(jobs["a"]))
    assert "a was a failure" in repository.log(jobs["always"])


def continue_on_error(stage):
    repository, jobs = stage.run("continued", CONTINUED)
    assert results(jobs) == {"a": "success"}, results(jobs)
    assert "failure but success" in repository.log(jobs["a"])


def secrets_and_variables(stage):
    repository = stage.repository("secrets")
    secret = "correct-horse-battery"
    stage.gitea.api("PUT", f"{repository.path}/actions/secrets/DEPLOY", {"data": secret})
    stage.gitea.api("POST", f"{repository.path}/actions/variables/COLOR", {"value": "teal"})
    repository.push(SECRETS)
    jobs = repository.ended()
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    text = "\n".join(log)
    assert secret not in text and base64.b64encode(secret.encode()).decode() not in text, text
    assert "plain ***" in log and "base64 ***" in log and "own token ***" in log, text
    assert f"length {len(secret)}" in log and "variable teal" in log, text


def log_of_100000_lines(stage):
    repository, jobs = stage.run("long", LONG)
    log = repository.log(jobs["a"])
    lines = [line for line in log if line.startswith("line ")]
    assert lines == [f"line {n} of many" for n in range(1, 100001)], len(lines)
    assert archived(stage, jobs["a"]) == len(log)


def what_a_step_says(stage):
    repository, jobs = stage.run("says", SUMMARY)
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "success"}, log
    for line in ("# done", "::warning file=x.c,line=3::careful", "now a ***", "no end of line"):
        assert line in log, log
    assert any(line.startswith("caf\u00e9") for line in log), log
    (_, first, rows), (_, second, more) = steps(stage, jobs["a"])
    assert second == first + rows and more == 1, (first, rows, second, more)
    # From 1.27 on it has a place for summaries.
    if stage.gitea.rows("select 1 from sqlite_master where name = 'action_run_job_summary'"):
        kept = stage.gitea.rows("select step_index, content from action_run_job_summary where job_id = ?", jobs["a"]["id"])
        assert kept == [(0, "# done\n")], kept
        return "and its summary is beside the run"


def job_in_a_container(stage):
    repository, jobs = stage.run("container", CONTAINER)
    return f"{jobs['a']['conclusion']}: {[line for line in repository.log(jobs['a']) if '::' in line][:2]}"


def job_that_takes_too_long(stage):
    repository, jobs = stage.run("too-long", TIMEOUT)
    log = repository.log(jobs["a"])
    assert jobs["a"]["conclusion"] in ("failure", "cancelled"), log
    assert any("too long" in line or "timeout" in line or "longer" in line for line in log), log


def cancelled(stage):
    repository = stage.repository("cancel")
    repository.push(CANCELLED)
    job = repository.started()
    repository.says(job, "begun")
    run = repository.runs()[0]
    stage.gitea.click(f"/dev/cancel/actions/runs/{run['id']}/cancel")
    jobs = repository.ended()
    stage.host.idle()
    assert results(jobs) == {"a": "cancelled"}, results(jobs)
    log = repository.log(jobs["a"])
    assert "asked to end" in log and "cleaned up after a cancellation" in log and "never" not in log, log
    archived(stage, jobs["a"])


def unknown_label(stage):
    repository = stage.repository("label")
    repository.push(UNKNOWN_LABEL)
    # What is pushed after it is run; it isn't.
    stage.run("label-after", ONE)
    assert [run["status"] for run in repository.runs()] == ["queued"], repository.runs()
    run = repository.runs()[0]
    stage.gitea.click(f"/dev/label/actions/runs/{run['id']}/cancel")


def workflow_that_is_not_valid(stage):
    repository, jobs = stage.run("invalid", NOT_A_WORKFLOW)
    log = repository.log(jobs["a"])
    assert results(jobs) == {"a": "failure"}, log
    assert any("ci.yml" in line for line in log), log
    assert [status for status, _, _ in steps(stage, jobs["a"])] == [4, 4], steps(stage, jobs["a"])
    return json.dumps([line for line in log if "::error" in line][:1])


SCENARIOS = [
    one_step_job,
    outputs_and_needs,
    matrix,
    failure,
    continue_on_error,
    secrets_and_variables,
    log_of_100000_lines,
    what_a_step_says,
    job_in_a_container,
    job_that_takes_too_long,
    cancelled,
    unknown_label,
    workflow_that_is_not_valid,
]
