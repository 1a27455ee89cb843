//! `palisade run --list`: what there is to run.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::error::Error;
use super::workflows::{self, Request};
use crate::workflow::model::Workflow;

/// One job of a workflow, as `--json` prints it.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    workflow: &'a str,
    job: &'a str,
    name: &'a str,
    needs: Vec<&'a str>,
    events: Vec<&'a str>,
}

/// Prints the jobs of all workflows, or of those that an event would start.
pub fn run(request: &Request<'_>, json: bool) -> Result<ExitCode, Error> {
    let files: Vec<(String, Workflow)> = if request.event.is_some() || request.payload.is_some() {
        let found = workflows::find(request)?;
        found.files.into_iter().map(|file| (file.shown, file.workflow)).collect()
    } else {
        let located = workflows::locate(request.file, request.directory)?;
        located.candidates.into_iter().map(|file| (file.shown, file.workflow)).collect()
    };
    let rows: Vec<Row<'_>> = files.iter().flat_map(|(file, workflow)| rows(file, workflow)).collect();
    let text = if json { lines(&rows) } else { table(&rows) };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // A reader that has read enough is no failure.
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::input(format!("cannot write the list: {e}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn rows<'a>(file: &'a str, workflow: &'a Workflow) -> impl Iterator<Item = Row<'a>> {
    workflow.jobs.values().map(move |job| Row {
        file,
        workflow: workflow.name.as_ref().map_or(file, |name| name.as_str()),
        job: &job.id,
        name: job.name.as_ref().map_or(job.id.as_str(), |name| name.source()),
        needs: job.needs.iter().map(|need| need.as_str()).collect(),
        events: workflow.on.iter().map(|trigger| trigger.event.as_str()).collect(),
    })
}

fn lines(rows: &[Row<'_>]) -> String {
    // Text under text keys always has a JSON form.
    rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n").collect()
}

fn table(rows: &[Row<'_>]) -> String {
    let heading = ["JOB", "NEEDS", "NAME", "WORKFLOW", "FILE", "EVENTS"].map(str::to_owned);
    super::table::table(std::iter::once(heading).chain(rows.iter().map(|row| {
        let needs = if row.needs.is_empty() { "-".to_owned() } else { row.needs.join(",") };
        let events = row.events.join(",");
        [row.job, &needs, row.name, row.workflow, row.file, &events].map(str::to_owned)
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SOURCE: &str = "
name: CI
on: [push, workflow_dispatch]
jobs:
  build: { runs-on: x, steps: [{ run: a }] }
  test: { name: 'Test ${{ matrix.v }}', needs: build, runs-on: x, steps: [{ run: a }], strategy: { matrix: { v: [1] } } }
";

    #[test]
    fn jobs_are_listed_with_their_events() {
        let workflow = crate::workflow::parse(SOURCE.as_bytes(), Path::new("ci.yml")).unwrap().workflow;
        let rows: Vec<Row<'_>> = rows(".github/workflows/ci.yml", &workflow).collect();
        insta::assert_snapshot!(table(&rows), @r"
        JOB    NEEDS  NAME                  WORKFLOW  FILE                      EVENTS
        build  -      build                 CI        .github/workflows/ci.yml  push,workflow_dispatch
        test   build  Test ${{ matrix.v }}  CI        .github/workflows/ci.yml  push,workflow_dispatch
        ");
        let last: serde_json::Value = serde_json::from_str(lines(&rows).lines().last().unwrap()).unwrap();
        assert_eq!(last["needs"], serde_json::json!(["build"]));
        assert_eq!(last["events"], serde_json::json!(["push", "workflow_dispatch"]));
    }
}
