//! Problem matchers at work on the log of a step.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::command::Whose;
use super::super::event::Event;
use super::super::masked::MaskedText;
use super::super::matcher::{self, MAX_FILE, MAX_LINE, Matchers};
use super::{Rest, Unfinished};

/// How long matchers may look at what is handed out at once. Their time is linear in the text, but a hostile
/// expression can make it long, and nobody looks for an order to stop meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so many bytes the time is looked at.
const STRIDE: usize = 16 << 10;

/// What problem matchers need of the job.
#[derive(Clone)]
pub struct Matching<'a> {
    /// The job's matchers, which its steps change.
    pub matchers: Matchers,
    /// Where the workspace is inside the sandbox.
    pub workspace: PathBuf,
    /// Reads a file inside the sandbox, given its absolute path and how many bytes it may have at most.
    pub read: &'a dyn Fn(&Path, u64) -> io::Result<Vec<u8>>,
}

impl Rest<'_> {
    /// Registers the matchers of a file for the lines that follow.
    pub(super) fn add_matchers(&mut self, file: &str) -> Result<(), String> {
        let parsed = matcher::parse(&self.read(file)?).map_err(|e| format!("`{file}`: {e}"))?;
        for error in parsed.left_out {
            self.warn(format!("`{file}`: {error}; it finds nothing"));
        }
        self.change_matchers(|matchers| matchers.add(parsed.matchers))
    }

    /// Removes matchers.
    pub(super) fn remove_matchers(&mut self, whose: Whose) -> Result<(), String> {
        let owners = match whose {
            Whose::Owner(owner) => vec![owner],
            Whose::File(file) => matcher::owners(&self.read(&file)?).map_err(|e| format!("`{file}`: {e}"))?,
        };
        self.change_matchers(|matchers| {
            matchers.remove(&owners);
            Ok(())
        })
    }

    fn change_matchers(
        &mut self,
        change: impl FnOnce(&Matchers) -> Result<(), String>,
    ) -> Result<(), String> {
        // What was printed before is looked at with the matchers of then.
        self.mask.interrupt(&mut self.ready);
        self.hand_out(Unfinished::Waits);
        let Some(matching) = &self.matching else { return Ok(()) };
        let changed = change(&matching.matchers);
        self.scan.renew(&matching.matchers);
        changed
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, String> {
        let Some(Matching { workspace, read, .. }) = &self.matching else {
            return Err("this step has no problem matchers".into());
        };
        let content =
            read(&workspace.join(file), MAX_FILE).map_err(|e| format!("cannot read `{file}`: {e}"))?;
        if content.len() as u64 > MAX_FILE {
            return Err(format!("`{file}` is larger than {MAX_FILE} bytes (rule `size`)"));
        }
        Ok(content)
    }

    /// Hands out text, and after each line the problems that matchers find in it.
    pub(super) fn hand_out_matched(&mut self, text: &MaskedText) {
        let start = Instant::now();
        let (mut done, mut at, mut looked) = (0, 0, 0);
        let whole = text.as_str();
        while let Some(length) = memchr::memchr(b'\n', &whole.as_bytes()[at..]) {
            let line = &whole[at..at + length];
            at += length + 1;
            let begun = std::mem::take(&mut self.unfinished);
            let found = if begun.is_empty() { self.problems(line) } else { self.problems(&(begun + line)) };
            for event in found {
                if self.count_annotation() {
                    if done < at {
                        self.output.emit_log(&self.job, self.step, text.part(done..at));
                    }
                    done = at;
                    self.output.emit(event);
                }
            }
            looked += length + 1;
            if looked >= STRIDE {
                looked = 0;
                if start.elapsed() > PATIENCE {
                    self.scan.stop();
                    break;
                }
            }
        }
        if self.unfinished.len() <= MAX_LINE && !self.scan.is_idle() {
            self.unfinished.push_str(&whole[at..]);
        }
        if done < whole.len() {
            self.output.emit_log(&self.job, self.step, text.part(done..whole.len()));
        }
        if self.scan.is_idle() {
            self.note(
                "the problem matchers are too slow, and off for the rest of the step (rule `time`)".into(),
            );
        }
    }

    /// The problems of a line. What a carriage return overwrote was a line, too.
    fn problems(&mut self, line: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let Some(matching) = &self.matching else { return events };
        for line in line.split('\r').filter(|line| !line.is_empty()) {
            let Some(mut problem) = self.scan.line(line) else { continue };
            let file = problem.annotation.file.take();
            problem.annotation.file = file
                .and_then(|file| matcher::place(&file, problem.from_path.as_deref(), &matching.workspace));
            let (job, step) = (self.job.clone(), Some(self.step));
            events.push(Event::Annotation { job, step, annotation: problem.annotation });
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::event::JobName;
    use super::super::super::sample::Memory;
    use super::super::super::{Json, Options, Output, StepLog};
    use super::*;
    use crate::mask::Masker;

    const GO: &str = r#"{"problemMatcher": [{"owner": "go", "pattern": [
        {"regexp": "^\\s*(.+\\.go):(\\d+): (.+)$", "file": 1, "line": 2, "message": 3}]}]}"#;

    fn read(path: &Path, _: u64) -> io::Result<Vec<u8>> {
        match path.to_str() {
            Some("/w/go.json") => Ok(GO.into()),
            Some("/w/bad.json") => Ok(b"{\"problemMatcher\": [{}]}".to_vec()),
            Some("/large.json") => Ok(vec![b' '; MAX_FILE as usize + 1]),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn matching() -> Matching<'static> {
        Matching { matchers: Matchers::default(), workspace: "/w".into(), read: &read }
    }

    /// The texts of a log and its annotations, in their order, and why the step fails.
    fn through(
        matching: Matching<'_>,
        write: impl FnOnce(&mut StepLog<'_>),
    ) -> (Vec<String>, Option<String>) {
        let memory = Memory::default();
        let masker = Masker::new();
        masker.add_bytes("test", b"s3cret-token").unwrap();
        let output = Output::new(masker, vec![Box::new(Json::new("m", memory.clone()))], Options::default());
        let mut log = output.step_log(&JobName("a".into()), 0).matching(matching);
        write(&mut log);
        let failure = log.finish().failure;
        let lines = memory.text();
        let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let text = |event: serde_json::Value| match event["event"].as_str() {
            Some("log") => event["text"].as_str().unwrap_or_default().to_owned(),
            _ => format!("{} {}:{} {}", event["level"], event["file"], event["line"], event["message"])
                .replace('"', ""),
        };
        (events.map(text).collect(), failure)
    }

    #[test]
    fn problems_follow_their_lines_in_any_chunks() {
        let text = b"a.go:1: before\n::add-matcher::go.json\nx\n/w/b.go:2: has s3cret-token\r\n\
                     \x1b[31mc.go:3: red\x1b[0m\ny\n/etc/d.go:4: far\n::remove-matcher owner=Go::\ne.go:5: after\n";
        let whole = through(matching(), |log| log.write(text)).0;
        let expected = [
            "a.go:1: before\n",
            "x\n/w/b.go:2: has ***\r\n",
            "error b.go:2 has ***",
            "\x1b[31mc.go:3: red\x1b[0m\n",
            "error c.go:3 red",
            "y\n/etc/d.go:4: far\n",
            "error null:4 far",
            "e.go:5: after\n",
        ];
        assert_eq!(whole, expected);
        let bytes = through(matching(), |log| text.iter().for_each(|b| log.write(&[*b]))).0;
        assert_eq!(bytes.concat(), expected.concat());
        let idle = through(matching(), |log| {
            for b in text {
                log.write(&[*b]);
                log.flush_idle();
            }
        });
        assert_eq!(idle.0.concat(), expected.concat());
    }

    #[test]
    fn matchers_are_those_of_the_job() {
        let job = matching();
        through(job.clone(), |log| log.write(b"##[add-matcher]go.json\n"));
        let found =
            through(job.clone(), |log| log.write(b"a.go:1: x\n::remove-matcher::go.json\na.go:2: x\n")).0;
        assert_eq!(found, ["a.go:1: x\n", "error a.go:1 x", "a.go:2: x\n"]);
        assert_eq!(through(job, |log| log.write(b"a.go:1: x\n")).0, ["a.go:1: x\n"]);
    }

    #[test]
    fn a_file_that_cannot_be_used_fails_the_step() {
        for (command, why) in [
            ("add-matcher::none.json", "cannot read `none.json`: entity not found"),
            ("add-matcher::bad.json", "`bad.json`: a matcher has no `owner` (rule `format`)"),
            ("add-matcher::/large.json", "`/large.json` is larger than 1048576 bytes (rule `size`)"),
            ("remove-matcher::none.json", "cannot read `none.json`: entity not found"),
        ] {
            let (seen, failure) = through(matching(), |log| log.write(format!("::{command}\n").as_bytes()));
            let name = command.split("::").next().unwrap();
            assert_eq!(seen, [format!("error null:null the command `{name}` was not carried out: {why}")]);
            assert_eq!(failure, Some(format!("the command `{name}` was not carried out")));
        }
    }

    #[test]
    fn an_annotation_of_the_workspace_is_relative_to_it() {
        let (seen, _) = through(matching(), |log| {
            log.write(b"::error file=/w/src/a.rs,line=1::x\n::error file=/x/a.rs,line=1::x\n");
        });
        assert_eq!(seen, ["error src/a.rs:1 x", "error /x/a.rs:1 x"]);
    }

    #[test]
    fn problems_beyond_the_limit_are_lines_of_the_log() {
        let (seen, _) = through(matching(), |log| {
            log.write(b"::add-matcher::go.json\n");
            log.write("a.go:1: x\n".repeat(2_000).as_bytes());
        });
        assert_eq!(seen.iter().filter(|line| *line == "error a.go:1 x").count(), 1_000);
        assert!(seen.last().unwrap().starts_with("warning null:null 1000 more annotations"));
    }
}
