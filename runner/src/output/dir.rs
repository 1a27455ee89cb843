//! A directory of logs: a text file for each job, and `events.jsonl` with everything.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::event::{Event, JobName};
use super::render::{Prefix, Renderer, Style};
use super::{Json, Masked, Sink};

/// Longest file name without its suffix, in bytes.
const MAX_NAME: usize = 100;

/// Writes a run into a directory. Lines of a job's file begin with their time.
pub struct Dir {
    path: PathBuf,
    events: Json<File>,
    jobs: HashMap<JobName, JobFile>,
    taken: HashSet<String>,
    buffer: String,
}

struct JobFile {
    file: File,
    renderer: Renderer,
}

impl Dir {
    /// Makes the directory where there is none. Files of an earlier run are replaced.
    pub fn new(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let events = Json::new("events.jsonl", create(&path.join("events.jsonl"))?);
        let (jobs, taken) = (HashMap::new(), HashSet::new());
        Ok(Dir { path: path.to_path_buf(), events, jobs, taken, buffer: String::new() })
    }

    fn job(&mut self, job: &JobName) -> io::Result<&mut JobFile> {
        if !self.jobs.contains_key(job) {
            let base = file_name(&job.0);
            let mut name = base.clone();
            let mut number = 1;
            // File systems may not tell case apart.
            while !self.taken.insert(name.to_lowercase()) {
                number += 1;
                name = format!("{base}-{number}");
            }
            let file = create(&self.path.join(format!("{name}.log")))?;
            let style = Style { own_colours: false, step_colours: true };
            let renderer = Renderer::new(Prefix::Time, style);
            self.jobs.insert(job.clone(), JobFile { file, renderer });
        }
        self.jobs.get_mut(job).ok_or_else(|| io::Error::other("no log file"))
    }
}

impl Sink for Dir {
    fn name(&self) -> String {
        format!("the log directory {}", self.path.display())
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        self.events.event(event)?;
        let Some(job) = job_of(event) else { return Ok(()) };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let JobFile { file, renderer } = self.job(job)?;
        renderer.render(event, &mut buffer);
        file.write_all(buffer.as_bytes())?;
        self.buffer = buffer;
        Ok(())
    }
}

fn job_of(event: &Event) -> Option<&JobName> {
    match event {
        Event::RunStarted { .. } | Event::RunFinished { .. } => None,
        Event::Waiting { job, .. } => job.as_ref(),
        Event::Reviewed { job, .. }
        | Event::Deployment { job, .. }
        | Event::JobStarted { job, .. }
        | Event::Actions { job, .. }
        | Event::Layers { job, .. }
        | Event::StepStarted { job, .. }
        | Event::Log { job, .. }
        | Event::GroupStarted { job, .. }
        | Event::GroupEnded { job, .. }
        | Event::Annotation { job, .. }
        | Event::Network { job, .. }
        | Event::NetworkUnnamed { job, .. }
        | Event::NetworkSummary { job, .. }
        | Event::Summary { job, .. }
        | Event::Artifact { job, .. }
        | Event::Issued { job, .. }
        | Event::StepFinished { job, .. }
        | Event::JobFinished { job, .. } => Some(job),
    }
}

/// Logs are for their owner; a link that lies in wait in the directory is not followed.
fn create(path: &Path) -> io::Result<File> {
    let options = || {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC);
        options
    };
    match options().create_new(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => options().truncate(true).open(path),
        done => done,
    }
}

/// A file name for any job name: no path, nothing hidden, nothing that a shell would take apart.
fn file_name(job: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = job.chars().map(safe).take(MAX_NAME).collect();
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "_".to_string(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn file_names_are_safe_for_any_job_name() {
        for (job, file) in [
            ("build", "build"),
            ("test (ubuntu, 1.2)", "test__ubuntu__1.2_"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("", "_"),
            (".", "_"),
            ("a\0b\nc", "a_b_c"),
        ] {
            assert_eq!(file_name(job), file);
        }
        assert_eq!(file_name(&"é".repeat(500)).len(), MAX_NAME);
    }

    #[test]
    fn each_job_has_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs");
        std::fs::create_dir(&path).unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        sample::send(sample::run(2), Box::new(Dir::new(&path).unwrap()));
        let text = std::fs::read_to_string(path.join("build____.log")).unwrap();
        let stamp = "2026-08-01T12:00:00.123Z ".len();
        let lines: Vec<&str> = text.lines().map(|l| &l[stamp..]).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        ==> alice (uid 1000) *** approved its use of `production ***`: go ***
        ==> action o/tool@v1 ***: commit 0123456789012345678901234567890123456789, sha256:abababababababababababababababababababababababababababababababab, from https://forge.example *** (locked)
        ==> layer limits: degraded: no delegated cgroup ***
        ==> layer net: off: by --net host ***
        ==> Build ***
        plain ***
        --- details ***
        \u{1b}[31mred\u{1b}[0m
        100%
         ==> forged
        Prompt: answer
        ==> error: src/main.rs ***:3:7: Lint ***: broken
        ==> error: badly ***
        ==> debug: note ***
        ==> summary
        # Summary
         ==> forged ***
        ==> artifact logs *** (1234 bytes): /state/artifacts/1.1/logs.zip ***
        ==> issued id-token of grant deploy for repo:acme/app:ref:refs/heads/main *** to sts.example.com ***, until 2026-08-01T12:05:00.000Z
        ==> issued vault of secret TOKEN for repo:acme/app:ref:refs/heads/main ***
        ==> Build ***: success in 1.2 s despite failure: exit code 3 ***
        ==> Deploy ***: skipped
        ==> environment `production ***`: https://example.org ***
        ==> job failure in 1 min 01 s: cancelled ***
        ");
        let events = std::fs::read_to_string(path.join("events.jsonl")).unwrap();
        assert_eq!(events.lines().count(), sample::run(2).len());
        assert!(path.join("test____.log").exists());

        std::fs::remove_file(path.join("test____.log")).unwrap();
        std::os::unix::fs::symlink(&victim, path.join("test____.log")).unwrap();
        let mut again = Dir::new(&path).unwrap();
        assert!(again.job(&JobName("test ***".into())).is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept");
    }

    #[test]
    fn jobs_whose_names_look_alike_have_files_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = Dir::new(dir.path()).unwrap();
        for job in ["a/b", "a b", "A_B"] {
            logs.job(&JobName(job.into())).unwrap();
        }
        let mut names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["A_B-3.log", "a_b-2.log", "a_b.log", "events.jsonl"]);
    }
}
