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
        Event::JobStarted { job }
        | Event::Layers { job, .. }
        | Event::StepStarted { job, .. }
        | Event::Log { job, .. }
        | Event::GroupStarted { job, .. }
        | Event::GroupEnded { job, .. }
        | Event::Annotation { job, .. }
        | Event::Summary { job, .. }
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
}
