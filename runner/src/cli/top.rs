//! `palisade top`: what the daemon does, live.

mod draw;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::error::{Blame, Error};
use super::print;
use super::setting::{QueueSetting, Setting};
use super::table::table;
use crate::daemon::{self, Standing, last_lines};
use crate::output::{clock, text};
use crate::queue::wire::{Answer, Request};

/// How often it is looked what has changed.
const LOOK: Duration = Duration::from_secs(1);
/// Most lines of a job that are shown where they go to a pipe.
const LINES: usize = 5;
/// Most lines that are shown at all: more than any screen has.
const MOST_LINES: usize = 500;
/// How many runs of the queue are looked at.
const RUNS: usize = 100;

/// Show slots, jobs, their steps and last lines, live.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade top
  palisade top | cat
  sudo -u palisade palisade top --state /var/lib/palisade

Up and down choose the job whose last lines are shown; q ends. Where it doesn't go to a terminal,
what the daemon does now is printed once.

EXIT CODES: 0, 5 no daemon runs")]
pub struct Args {
    #[command(flatten)]
    queue: QueueSetting,
    #[command(flatten)]
    setting: Setting,
}

/// What is shown.
#[derive(Debug, Default)]
struct View {
    /// In one line.
    daemon: String,
    /// How many slots are taken, and how many there are.
    slots: (usize, usize),
    tasks: Vec<Task>,
}

/// A task.
#[derive(Debug)]
struct Task {
    /// Runner and number.
    id: String,
    job: String,
    repository: String,
    step: String,
    time: String,
    /// The last that it has printed.
    lines: Vec<String>,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    if !std::io::stdout().is_terminal() {
        print::to_stdout(shown(&look(&args)?))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Before the terminal is taken.
    look(&args)?;
    let mut terminal =
        ratatui::try_init().map_err(|e| Error::input(format!("cannot use the terminal: {e}")))?;
    let ended = live(&args, &mut terminal);
    ratatui::restore();
    ended.map(|()| ExitCode::SUCCESS)
}

fn live(args: &Args, terminal: &mut ratatui::DefaultTerminal) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::input(format!("the terminal: {e}"));
    let mut chosen = 0;
    loop {
        let view = look(args)?;
        let until = Instant::now() + LOOK;
        loop {
            chosen = chosen.min(view.tasks.len().saturating_sub(1));
            terminal.draw(|frame| draw::draw(frame, &view, chosen)).map_err(failed)?;
            if !event::poll(until.saturating_duration_since(Instant::now())).map_err(failed)? {
                break;
            }
            let Event::Key(key) = event::read().map_err(failed)? else { continue };
            match key.code {
                _ if key.kind == KeyEventKind::Release => {}
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(()),
                KeyCode::Up | KeyCode::Char('k') => chosen = chosen.saturating_sub(1),
                KeyCode::Down | KeyCode::Char('j') => chosen += 1,
                _ => {}
            }
        }
    }
}

/// What the daemon does now.
fn look(args: &Args) -> Result<View, Error> {
    let state = args.setting.state();
    let failed = |e: std::io::Error| Error::input(format!("the daemon's status: {e}"));
    let standing = Standing::read(&state).map_err(failed)?;
    let running = daemon::process(&state).map_err(failed)?.is_some();
    let Some(standing) = standing.filter(|_| running) else {
        return Err(Error::new(Blame::Forge, "no daemon runs with this state directory")
            .hint("start one with `palisade daemon`"));
    };
    let taken = standing.tasks.iter().filter(|task| !task.over).count();
    let waiting = match waiting(args) {
        Some(1) => ", 1 job waits in its own queue".to_owned(),
        Some(count) if count > 0 => format!(", {count} jobs wait in its own queue"),
        _ => String::new(),
    };
    let failing = standing.runners.iter().filter(|runner| runner.health.failing_since.is_some());
    let failing: Vec<&str> = failing.map(|runner| runner.id.as_str()).collect();
    let failing =
        if failing.is_empty() { String::new() } else { format!(", {} failing", failing.join(", ")) };
    let (version, phase) = (&standing.version, &standing.phase);
    let task = |task: &daemon::Shown| Task {
        id: format!("{} {}", task.key.runner, task.key.task),
        job: task.job.clone(),
        repository: task.repository.clone(),
        step: match task.step {
            Some(step) => format!("{} of {}", step + 1, task.steps),
            None if task.over => "over".to_owned(),
            None => "starting".to_owned(),
        },
        time: clock::duration(task.taken.elapsed().unwrap_or_default().as_millis() as u64),
        lines: last_lines(&state, &task.key, MOST_LINES)
            .unwrap_or_default()
            .iter()
            .map(|line| safe(line))
            .collect(),
    };
    Ok(View {
        daemon: format!(
            "palisade {version}: {phase}, {taken} of {} slots taken{waiting}{failing}",
            standing.capacity
        ),
        slots: (taken, standing.capacity),
        tasks: standing.tasks.iter().map(task).collect(),
    })
}

/// How many jobs wait in the daemon's own queue, if that tells.
fn waiting(args: &Args) -> Option<usize> {
    let mut asked = args.queue.ask(&args.setting, &Request::Jobs { most: RUNS }, None).ok()?;
    let Answer::Runs(runs) = asked.answer().ok()? else { return None };
    let jobs = runs.iter().flat_map(|run| &run.jobs);
    Some(jobs.filter(|job| job.state == "waiting" || job.state == "queued").count())
}

/// A line as a terminal may show it.
fn safe(line: &str) -> String {
    let mut out = String::new();
    text::line(line, false, &mut out);
    out
}

/// As text, for a pipe.
fn shown(view: &View) -> String {
    let mut out = format!("{}\n", view.daemon);
    if view.tasks.is_empty() {
        return out;
    }
    let heading = ["TASK", "JOB", "REPOSITORY", "STEP", "TIME"].map(str::to_owned);
    let row =
        |task: &Task| [&task.id, &task.job, &task.repository, &task.step, &task.time].map(String::clone);
    out.push_str(&table(std::iter::once(heading).chain(view.tasks.iter().map(row))));
    for task in view.tasks.iter().filter(|task| !task.lines.is_empty()) {
        out.push_str(&format!("\n{} {}:\n", task.id, crate::workflow::escape(&task.job)));
        for line in &task.lines[task.lines.len().saturating_sub(LINES)..] {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A daemon with two jobs.
    pub(super) fn view() -> View {
        let task = |number: usize, lines: &[&str]| Task {
            id: format!("local {number}"),
            job: "build\x1b[2J".into(),
            repository: "o/r".into(),
            step: "1 of 3".into(),
            time: "12 ms".into(),
            lines: lines.iter().map(|line| safe(line)).collect(),
        };
        let lines = ["one", "two", "three", "four", "five", "\x1b]0;title\x07six"];
        let daemon = "palisade 1.0.0: running, 2 of 4 slots taken".to_owned();
        View { daemon, slots: (2, 4), tasks: vec![task(1, &lines), task(2, &[])] }
    }

    #[test]
    fn a_pipe_gets_text() {
        insta::assert_snapshot!(shown(&view()), @r"
        palisade 1.0.0: running, 2 of 4 slots taken
        TASK     JOB             REPOSITORY  STEP    TIME
        local 1  build\u{1b}[2J  o/r         1 of 3  12 ms
        local 2  build\u{1b}[2J  o/r         1 of 3  12 ms

        local 1 build\u{1b}[2J:
          two
          three
          four
          five
          six
        ");
    }
}
