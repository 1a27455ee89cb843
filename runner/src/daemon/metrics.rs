//! What the daemon counts, in the text format of Prometheus.
//! Source: "Exposition formats", "Text-based format", in Prometheus' documentation.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::runner::Runner;
use super::task::Shown;
use crate::output::event::Conclusion;

/// Upper ends of the buckets of jobs' durations, in seconds.
const JOB: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0];
/// Upper ends of the buckets of the times that jobs wait, in seconds.
const QUEUED: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 10_800.0];
/// Upper ends of the buckets of sandboxes' set-up times, in seconds.
const SET_UP: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// What is counted from the daemon's start on.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    jobs: BTreeMap<(String, &'static str), Histogram<{ JOB.len() }>>,
    queued: BTreeMap<String, Histogram<{ QUEUED.len() }>>,
    set_up: Histogram<{ SET_UP.len() }>,
    masked: u64,
}

/// How often what took how long.
#[derive(Debug)]
struct Histogram<const N: usize> {
    /// Those up to each bucket's end that aren't in the one before.
    buckets: [u64; N],
    count: u64,
    sum: f64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Histogram { buckets: [0; N], count: 0, sum: 0.0 }
    }
}

impl<const N: usize> Histogram<N> {
    fn add(&mut self, ends: &[f64; N], time: Duration) {
        let seconds = time.as_secs_f64();
        if let Some(bucket) = ends.iter().position(|end| seconds <= *end) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    fn write(&self, name: &str, labels: &str, ends: &[f64; N], text: &mut String) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut all = 0;
        for (end, count) in ends.iter().zip(self.buckets) {
            all += count;
            line(text, &format!("{name}_bucket{{{labels}{comma}le=\"{end}\"}} {all}"));
        }
        line(text, &format!("{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {}", self.count));
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        line(text, &format!("{name}_sum{braces} {}", self.sum));
        line(text, &format!("{name}_count{braces} {}", self.count));
    }
}

/// How the daemon stands at a moment.
pub struct Moment<'a> {
    /// How many jobs may run.
    pub capacity: usize,
    /// The tasks that aren't over.
    pub tasks: &'a [Shown],
    /// The registrations that are served.
    pub runners: &'a [std::sync::Arc<Runner>],
}

impl Metrics {
    /// Counts a job that has ended.
    pub fn job(&self, runner: &str, result: Conclusion, time: Duration) {
        self.counts().jobs.entry((runner.to_owned(), result.as_str())).or_default().add(&JOB, time);
    }

    /// Counts a job that was taken after it had waited.
    pub fn queued(&self, runner: &str, time: Duration) {
        self.counts().queued.entry(runner.to_owned()).or_default().add(&QUEUED, time);
    }

    /// Counts a sandbox that was set up.
    pub fn set_up(&self, time: Duration) {
        self.counts().set_up.add(&SET_UP, time);
    }

    /// Counts what was masked in a job.
    pub fn masked(&self, places: u64) {
        self.counts().masked += places;
    }

    /// All of it as text.
    pub fn text(&self, moment: &Moment<'_>) -> String {
        let counts = self.counts();
        let mut text = String::new();
        let head = |text: &mut String, name: &str, kind: &str, help: &str| {
            line(text, &format!("# HELP {name} {help}"));
            line(text, &format!("# TYPE {name} {kind}"));
        };
        head(&mut text, "palisade_slots", "gauge", "How many jobs run at a time.");
        line(&mut text, &format!("palisade_slots {}", moment.capacity));
        head(&mut text, "palisade_jobs_running", "gauge", "Jobs whose process lives.");
        let running = moment.tasks.iter().filter(|task| !task.over).count();
        line(&mut text, &format!("palisade_jobs_running {running}"));
        head(&mut text, "palisade_rows_waiting", "gauge", "Rows of logs that the forges don't have yet.");
        let waiting: u64 = moment.tasks.iter().map(|task| task.rows.1.saturating_sub(task.rows.0)).sum();
        line(&mut text, &format!("palisade_rows_waiting {waiting}"));
        head(&mut text, "palisade_job_seconds", "histogram", "From taking a job to its end.");
        for ((runner, result), histogram) in &counts.jobs {
            let labels = format!("runner=\"{}\",result=\"{result}\"", escaped(runner));
            histogram.write("palisade_job_seconds", &labels, &JOB, &mut text);
        }
        let help = "From when a job could run to taking it, where its forge tells.";
        head(&mut text, "palisade_job_queue_seconds", "histogram", help);
        for (runner, histogram) in &counts.queued {
            let labels = format!("runner=\"{}\"", escaped(runner));
            histogram.write("palisade_job_queue_seconds", &labels, &QUEUED, &mut text);
        }
        head(&mut text, "palisade_sandbox_setup_seconds", "histogram", "Setting a job's sandbox up.");
        counts.set_up.write("palisade_sandbox_setup_seconds", "", &SET_UP, &mut text);
        head(&mut text, "palisade_masked_total", "counter", "Places in jobs' output that were masked.");
        line(&mut text, &format!("palisade_masked_total {}", counts.masked));
        drop(counts);
        head(
            &mut text,
            "palisade_runner_failing_seconds",
            "gauge",
            "Since when a forge fails; 0 while it answers.",
        );
        for runner in moment.runners {
            let since = runner.health().failing_since;
            let since = since.map_or(0.0, |since| age(since).as_secs_f64());
            line(
                &mut text,
                &format!("palisade_runner_failing_seconds{{runner=\"{}\"}} {since}", escaped(&runner.id)),
            );
        }
        let queues: Vec<_> =
            moment.runners.iter().filter_map(|runner| Some((&runner.id, runner.waiting()?))).collect();
        head(&mut text, "palisade_queue_jobs", "gauge", "Jobs that wait in the daemon's own queue.");
        for (id, waiting) in &queues {
            line(&mut text, &format!("palisade_queue_jobs{{runner=\"{}\"}} {}", escaped(id), waiting.jobs));
        }
        head(
            &mut text,
            "palisade_queue_oldest_seconds",
            "gauge",
            "For how long the oldest of them waits; 0 where none does.",
        );
        for (id, waiting) in &queues {
            let seconds = waiting.since.map_or(0.0, |since| age(since).as_secs_f64());
            let labels = format!("{{runner=\"{}\"}}", escaped(id));
            line(&mut text, &format!("palisade_queue_oldest_seconds{labels} {seconds}"));
        }
        head(&mut text, "palisade_forge_call_seconds", "summary", "Calls of forges.");
        for runner in moment.runners {
            for (call, calls) in runner.calls() {
                let labels = format!("{{runner=\"{}\",call=\"{}\"}}", escaped(&runner.id), call.name());
                let seconds = calls.time.as_secs_f64();
                line(&mut text, &format!("palisade_forge_call_seconds_sum{labels} {seconds}"));
                line(&mut text, &format!("palisade_forge_call_seconds_count{labels} {}", calls.count));
            }
        }
        head(&mut text, "palisade_forge_errors_total", "counter", "Calls of forges that failed.");
        for runner in moment.runners {
            for (call, calls) in runner.calls() {
                let labels = format!("{{runner=\"{}\",call=\"{}\"}}", escaped(&runner.id), call.name());
                line(&mut text, &format!("palisade_forge_errors_total{labels} {}", calls.errors));
            }
        }
        text
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn age(since: SystemTime) -> Duration {
    since.elapsed().unwrap_or_default()
}

fn line(text: &mut String, line: &str) {
    // Writing to a string doesn't fail.
    let _ = writeln!(text, "{line}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::default();
        metrics.job("a", Conclusion::Success, Duration::from_millis(800));
        metrics.job("a", Conclusion::Success, Duration::from_secs(70));
        metrics.job("a", Conclusion::Failure, Duration::from_secs(100_000));
        metrics.queued("local", Duration::from_secs(2));
        metrics.set_up(Duration::from_millis(7));
        metrics.masked(3);
        let text = metrics.text(&Moment { capacity: 2, tasks: &[], runners: &[] });
        for line in [
            "palisade_slots 2",
            "palisade_job_seconds_bucket{runner=\"a\",result=\"success\",le=\"1\"} 1",
            "palisade_job_seconds_bucket{runner=\"a\",result=\"success\",le=\"60\"} 1",
            "palisade_job_seconds_bucket{runner=\"a\",result=\"success\",le=\"300\"} 2",
            "palisade_job_seconds_bucket{runner=\"a\",result=\"failure\",le=\"10800\"} 0",
            "palisade_job_seconds_bucket{runner=\"a\",result=\"failure\",le=\"+Inf\"} 1",
            "palisade_sandbox_setup_seconds_bucket{le=\"0.01\"} 1",
            "palisade_job_queue_seconds_bucket{runner=\"local\",le=\"5\"} 1",
            "palisade_sandbox_setup_seconds_count 1",
            "palisade_masked_total 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert_eq!(escaped("a\"b\\\n"), "a\\\"b\\\\\\n");
    }
}
