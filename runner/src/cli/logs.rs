//! `palisade logs`: what runs and jobs of the daemon's own queue have printed.

use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::error::{Blame, Error};
use super::setting::{QueueSetting, Setting};
use crate::output::event::Conclusion;
use crate::output::{clock, text};
use crate::queue::wire::{Answer, Id, Request};

/// How often, and how long in between, a daemon is looked for that was started again.
const TRIES: usize = 60;
const BETWEEN: Duration = Duration::from_millis(500);
/// How the last row of a job's log begins, which forges need.
const LAST_ROW: &str = "The job has ended: ";
/// How the group of rows begins that tells of the layers of isolation.
const LAYERS: &str = "##[group]Isolation: ";

/// Show what a run or a job of the daemon's own queue has printed.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade logs 7            all jobs of run 7
  palisade logs 7.2          its second job
  palisade logs -f 7 8       both runs until they have ended
  palisade logs 7 | grep -n error

What is kept is masked. With -f it goes on through a restart of the daemon.

EXIT CODES: 0 with -f all succeeded, 1 with -f something failed, 2 there is no such run, 3 the
daemon refuses this user, 5 no daemon runs")]
pub struct Args {
    /// Numbers of runs or jobs
    #[arg(value_name = "ID", required = true)]
    ids: Vec<Id>,
    /// Go on until they have ended
    #[arg(short, long)]
    follow: bool,
    /// Print rows and ends as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    queue: QueueSetting,
    #[command(flatten)]
    setting: Setting,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let mut code = ExitCode::SUCCESS;
    for id in &args.ids {
        let (queue, setting) = (&args.queue, &args.setting);
        let result = Telling { queue, setting, id: *id, follow: args.follow }.tell(args.json)?;
        if args.follow && matches!(result, Some(Conclusion::Failure | Conclusion::Cancelled)) {
            code = ExitCode::from(Blame::Job.code());
        }
    }
    Ok(code)
}

/// Shows runs until they have ended; the exit code is theirs.
pub fn follow(queue: &QueueSetting, setting: &Setting, runs: &[Id]) -> Result<ExitCode, Error> {
    let mut code = ExitCode::SUCCESS;
    for id in runs {
        let result = Telling { queue, setting, id: *id, follow: true }.tell(false)?;
        if matches!(result, Some(Conclusion::Failure | Conclusion::Cancelled)) {
            code = ExitCode::from(Blame::Job.code());
        }
    }
    Ok(code)
}

struct Telling<'a> {
    queue: &'a QueueSetting,
    setting: &'a Setting,
    id: Id,
    follow: bool,
}

impl Telling<'_> {
    fn tell(&self, json: bool) -> Result<Option<Conclusion>, Error> {
        let request = Request::Log { id: self.id, follow: self.follow };
        let mut shown = Shown::new(json);
        // How many answers of each job were shown: another daemon tells all of them again.
        let mut told: HashMap<Id, usize> = HashMap::new();
        let mut tries = 0;
        loop {
            let mut asked = match self.queue.ask(self.setting, &request, None) {
                Ok(asked) => asked,
                Err(_) if self.follow && (1..TRIES).contains(&tries) => {
                    tries += 1;
                    std::thread::sleep(BETWEEN);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut again: HashMap<Id, usize> = HashMap::new();
            while let Some(answer) = asked.next()? {
                match &answer {
                    Answer::End(result) => return Ok(*result),
                    Answer::Log { .. } if tries > 0 => {}
                    Answer::Log { .. } => drop(shown.show(&answer)?),
                    Answer::Row { job, .. } | Answer::Ended { job, .. } => {
                        let count = again.entry(*job).or_default();
                        *count += 1;
                        let told = told.entry(*job).or_default();
                        if *count > *told {
                            *told = *count;
                            if !shown.show(&answer)? {
                                return Ok(None);
                            }
                        }
                    }
                    _ => return Err(super::setting::nonsense()),
                }
            }
            if !self.follow {
                return Err(Error::new(Blame::Forge, "the daemon ended in the middle of the log"));
            }
            tries = 1;
        }
    }
}

/// Writes a log as `palisade run` shows one.
struct Shown {
    json: bool,
    own_colours: bool,
    step_colours: bool,
    /// The jobs so far.
    met: HashSet<Id>,
    several: bool,
    /// Whose rows tell of layers of isolation now.
    layers: HashSet<Id>,
    line: String,
}

impl Shown {
    fn new(json: bool) -> Shown {
        let step_colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let own_colours = step_colours && std::io::stdout().is_terminal();
        let (met, layers, line) = Default::default();
        Shown { json, own_colours, step_colours, met, several: false, layers, line }
    }

    /// False where nobody reads any more.
    fn show(&mut self, answer: &Answer) -> Result<bool, Error> {
        self.line.clear();
        match answer {
            _ if self.json => {
                self.line = serde_json::to_string(answer).unwrap_or_default();
                self.line.push('\n');
            }
            Answer::Log { workflow, event, title, jobs } => {
                self.own("", &[(workflow, ""), (" on ", ""), (event, ""), (": ", ""), (title, "")]);
                self.several = *jobs > 1;
            }
            Answer::Row { job, name, own, text, .. } => {
                self.meet(*job, name);
                if *own {
                    self.own_row(*job, name, text);
                } else {
                    self.printed(name, text);
                }
            }
            Answer::Ended { job, name, result, reason, milliseconds } => {
                // One that never began isn't said to have.
                self.several |= !self.met.is_empty() && !self.met.contains(job);
                // One that never began took no time.
                let time = (*milliseconds > 0).then(|| format!(" in {}", clock::duration(*milliseconds)));
                let time = time.unwrap_or_default();
                let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                let colour = colour(*result);
                let (result, rest) = (result.as_str(), format!("{time}{reason}"));
                self.own(name, &[("job ", ""), (result, colour), (&rest, "")]);
            }
            _ => {}
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(self.line.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Error::input(format!("cannot write to standard output: {error}"))),
        }
    }

    /// Where there are several jobs, lines tell which they are of.
    fn meet(&mut self, job: Id, name: &str) {
        let is_new = self.met.insert(job);
        self.several |= self.met.len() > 1;
        if is_new && self.several {
            self.own(name, &[("started", "")]);
        }
    }

    fn printed(&mut self, name: &str, row: &str) {
        if self.several {
            text::name(name, &mut self.line);
            self.line.push_str(" | ");
        }
        text::line(row, self.step_colours, &mut self.line);
        self.line.push('\n');
    }

    fn own_row(&mut self, job: Id, name: &str, row: &str) {
        if row.starts_with(LAYERS) {
            self.layers.insert(job);
        } else if row == "##[endgroup]" {
            self.layers.remove(&job);
        } else if self.layers.contains(&job) {
            // What holds is as it should be.
            if !row.contains(": held: ") {
                self.own(name, &[("layer ", ""), (row, "")]);
            }
        } else if let Some(title) = row.strip_prefix("##[group]") {
            self.printed(name, &format!("--- {title}"));
        } else if let Some(step) = row.strip_prefix("##[step]") {
            self.own(name, &[(step, "")]);
        } else if let Some(ended) = row.strip_prefix("##[done]") {
            self.own(name, &[(ended, "")]);
        } else if let Some((command, message)) = annotation(row) {
            self.own(
                name,
                &[(command.word, command.colour), (": ", ""), (&command.place, ""), (message, "")],
            );
        } else if !row.starts_with(LAST_ROW) {
            self.printed(name, row);
        }
    }

    fn own(&mut self, name: &str, parts: &[(&str, &str)]) {
        let (bold, end) = if self.own_colours { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.line.push_str(&format!("{bold}{}{end} ", text::MARK));
        if self.several {
            text::name(name, &mut self.line);
            self.line.push_str(": ");
        }
        for (part, colour) in parts {
            let painted = self.own_colours && !colour.is_empty();
            if painted {
                self.line.push_str(colour);
            }
            text::name(part, &mut self.line);
            if painted {
                self.line.push_str("\x1b[0m");
            }
        }
        self.line.push('\n');
    }
}

fn colour(result: Conclusion) -> &'static str {
    match result {
        Conclusion::Success => "\x1b[32m",
        Conclusion::Failure => "\x1b[31m",
        Conclusion::Cancelled | Conclusion::Skipped => "\x1b[33m",
    }
}

struct Command {
    word: &'static str,
    colour: &'static str,
    /// `FILE:LINE: `, where it has one.
    place: String,
}

/// `::error file=a.rs,line=3::message`
fn annotation(row: &str) -> Option<(Command, &str)> {
    let (head, message) = row.strip_prefix("::")?.split_once("::")?;
    let (name, place) = head.split_once(' ').unwrap_or((head, ""));
    let (word, colour) = match name {
        "debug" => ("debug", "\x1b[2m"),
        "notice" => ("notice", "\x1b[36m"),
        "warning" => ("warning", "\x1b[33m"),
        "error" => ("error", "\x1b[31m"),
        _ => return None,
    };
    let place = place.strip_prefix("file=").map(|place| match place.rsplit_once(",line=") {
        Some((file, line)) => format!("{file}:{line}: "),
        None => format!("{place}: "),
    });
    Some((Command { word, colour, place: place.unwrap_or_default() }, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_looks_as_a_run_does() {
        let mut shown = Shown { step_colours: false, ..Shown::new(false) };
        let mut text = String::new();
        let id = |job| Id { run: 7, job: Some(job) };
        let row = |job, own, text: &str| Answer::Row {
            job: id(job),
            name: format!("job {job}"),
            time: 0,
            own,
            text: text.to_owned(),
        };
        for answer in [
            row(1, true, "##[group]Isolation: 1 of 2 layers held, limits degraded"),
            row(1, true, "net: held: none"),
            row(1, true, "limits: degraded: no cgroup"),
            row(1, true, "##[endgroup]"),
            row(1, true, "##[step]Build\x1b[2J"),
            row(1, false, "==> error: forged"),
            row(1, true, "##[group]more"),
            row(1, false, "\x1b[31mred\x1b[0m"),
            row(1, true, "##[endgroup]"),
            row(1, true, "::error file=a b.rs,line=3::broken :: badly"),
            row(1, true, "::notice::careful"),
            row(1, true, "##[done]Build: failure in 1.2 s"),
            row(1, true, "The job has ended: failure"),
            row(2, false, "The job has ended: no"),
        ] {
            shown.line.clear();
            if let Answer::Row { job, name, own, text: row, .. } = &answer {
                shown.meet(*job, name);
                if *own { shown.own_row(*job, name, row) } else { shown.printed(name, row) }
            }
            text.push_str(&shown.line);
        }
        insta::assert_snapshot!(text, @"
        ==> layer limits: degraded: no cgroup
        ==> Build
         ==> error: forged
        --- more
        red
        ==> error: a b.rs:3: broken :: badly
        ==> notice: careful
        ==> Build: failure in 1.2 s
        ==> job 2: started
        job 2 | The job has ended: no
        ");
    }
}
