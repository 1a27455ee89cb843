//! The graph of `needs`: unknown jobs and cycles.

use indexmap::IndexMap;

use super::model::Job;
use super::reader::Reader;

/// Reports needs that don't exist and jobs that wait for themselves. `ids` are all jobs of the file, also
/// those that couldn't be read.
pub fn check(reader: &mut Reader, jobs: &IndexMap<String, Job>, ids: &[&str]) {
    let known: std::collections::HashSet<&str> = ids.iter().copied().collect();
    for job in jobs.values() {
        for need in job.needs.iter().filter(|need| !known.contains(need.as_str())) {
            let message = format!("`needs` names the job `{}`, which is not in this file", need.value);
            reader.unknown(need.span, message, need, ids);
        }
    }
    report_cycles(reader, jobs);
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    /// On the path that is being walked.
    Open,
    Done,
}

/// Walks depth first with a stack of its own: a chain of needs may be as long as the file.
fn report_cycles(reader: &mut Reader, jobs: &IndexMap<String, Job>) {
    let mut marks = vec![Mark::New; jobs.len()];
    for start in 0..jobs.len() {
        // Each entry is a job and how many of its needs were walked.
        let mut path = if marks[start] == Mark::New { vec![(start, 0)] } else { continue };
        marks[start] = Mark::Open;
        while let Some((index, walked)) = path.last_mut() {
            let job = &jobs[*index];
            let Some(need) = job.needs.get(*walked) else {
                marks[*index] = Mark::Done;
                path.pop();
                continue;
            };
            *walked += 1;
            let Some(next) = jobs.get_index_of(need.as_str()) else { continue };
            match marks[next] {
                Mark::Done => {}
                Mark::New => {
                    marks[next] = Mark::Open;
                    path.push((next, 0));
                }
                Mark::Open => {
                    let from = path.iter().position(|(index, _)| *index == next).unwrap_or(0);
                    let mut names: Vec<&str> =
                        path[from..].iter().map(|(index, _)| jobs[*index].id.as_str()).collect();
                    names.push(&jobs[next].id);
                    let message = format!("the jobs wait for each other: {}", names.join(" → "));
                    reader.error_help(need.span, message, "remove one of these from its `needs`");
                }
            }
        }
    }
}
