//! One run of one row, and what came of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use palisade_sandbox::LayerId;

use super::Host;
use crate::table::{Around, Input, Needs, Proof, Row, Run};

/// Where a row is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// On the host, unconfined.
    Outside,
    /// In the sandbox.
    Inside,
    /// In the sandbox without one layer.
    Without(LayerId),
}

impl Setting {
    /// All settings that the suite tries.
    pub const ALL: [Setting; 4] = [
        Setting::Outside,
        Setting::Inside,
        Setting::Without(LayerId::Landlock),
        Setting::Without(LayerId::Seccomp),
    ];

    /// The heading of its column.
    pub fn heading(self) -> String {
        match self {
            Setting::Outside => "outside".into(),
            Setting::Inside => "all layers".into(),
            Setting::Without(layer) => format!("no {layer}"),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The attack, or the twin, succeeded.
    Succeeded(String),
    /// It was prevented.
    Prevented(String),
    /// It can't be tried there.
    Void(String),
    /// The run says nothing: a mistake in the suite, or a sandbox that doesn't start.
    Broken(String),
}

/// No row takes this long; one that does hangs.
const PATIENCE: Duration = Duration::from_secs(30);

impl Host {
    /// Runs a row in a setting.
    pub fn run(&mut self, row: &Row, setting: Setting) -> Verdict {
        let is_root = self.context.identity().uid() == 0;
        if setting == Setting::Outside && row.needs == Needs::Root && !is_root {
            return Verdict::Void("only root can".into());
        }
        if row.around == Around::Twice {
            self.finish(row, setting);
        }
        let verdict = self.finish(row, setting);
        let left_mark = self.remove_marks();
        if !self.is_unharmed() {
            return Verdict::Broken("the victim was killed".into());
        }
        match setting {
            Setting::Outside => verdict,
            _ if left_mark => Verdict::Succeeded("left a mark on the host".into()),
            _ => verdict,
        }
    }

    /// Panics if the sandbox doesn't start at all, or a layer can't be switched off: no row would tell.
    pub fn check(&mut self) {
        let row = Row::program("check", &["say", "hello"], "");
        for setting in Setting::ALL {
            let verdict = self.run(&row, setting);
            assert_eq!(verdict, Verdict::Succeeded("hello".into()), "{}", setting.heading());
        }
    }

    fn finish(&mut self, row: &Row, setting: Setting) -> Verdict {
        let mut command = self.command_of(row, setting);
        command.stdin(self.input(row.input)).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        let child = match command.spawn() {
            Ok(child) => child,
            Err(e) => return Verdict::Broken(format!("{:?}: {e}", command.get_program())),
        };
        let Some((status, output)) = wait(child) else {
            return Verdict::Broken(format!("still running after {PATIENCE:?}"));
        };
        self.judge(row, setting, status, &output)
    }

    fn command_of(&self, row: &Row, setting: Setting) -> Command {
        let target = if setting == Setting::Outside { self.fact("PID") } else { "1" };
        let environment = self.environment(target);
        let mut line: Vec<OsString> = Vec::new();
        match row.around {
            Around::Terminal => line.extend([self.attack.clone().into(), "around-terminal".into()]),
            Around::Group => line.extend([self.attack.clone().into(), "around-group".into()]),
            Around::Nothing | Around::Twice => {}
        }
        if setting != Setting::Outside {
            line.extend([self.palisade.clone().into(), "sandbox".into(), "--net".into(), "none".into()]);
            let attack_dir = self.attack.parent().expect("a program lies in a directory");
            line.extend(["--ro".into(), attack_dir.into()]);
            for (name, value) in &environment {
                line.extend(["--env".into(), format!("{name}={value}").into()]);
            }
            line.extend(row.options.iter().map(|option| match option.strip_prefix('@') {
                Some("DECOY") => format!("DECOY={}", self.canary).into(),
                Some(fact) => self.fact(fact).into(),
                None => OsString::from(option),
            }));
            if let Setting::Without(layer) = setting {
                line.extend(["--without".into(), layer.as_str().into()]);
            }
            line.push("--".into());
        }
        match row.run {
            Run::Program(args) => {
                line.push(self.attack.clone().into());
                line.extend(args.iter().map(Into::into));
            }
            Run::Shell(script) => {
                let judged = format!(
                    "if ( {script}\n) </dev/null; then echo 'outcome: succeeded: exit 0'; \
                     else echo \"outcome: prevented: exit $?\"; fi"
                );
                line.extend(["/bin/sh".into(), "-c".into(), judged.into()]);
            }
        }
        let mut command = self.command(std::path::Path::new(&line[0]));
        command.args(&line[1..]);
        match setting {
            Setting::Outside => command.envs(environment),
            // What the daemon's own environment would hold.
            _ => command.env("CANARY", &self.canary),
        };
        command
    }

    fn input(&self, input: Input) -> Stdio {
        let path = match input {
            Input::Null => return Stdio::null(),
            Input::File => self.guarded_file(),
            Input::Root => "/".into(),
            Input::Console => "/dev/tty1".into(),
        };
        File::open(path).map_or_else(|_| Stdio::null(), Stdio::from)
    }

    fn judge(&self, row: &Row, setting: Setting, status: ExitStatus, output: &str) -> Verdict {
        let survivors = match (row.proof, setting) {
            (Proof::Survives, _) => self.end_survivors(),
            _ => 0,
        };
        let is_changed = self.is_changed();
        if is_changed {
            self.restore();
        }
        if output.contains(&self.canary) && (setting != Setting::Outside || row.proof == Proof::Leaks) {
            return Verdict::Succeeded("the canary leaked".into());
        }
        let told = output.lines().rev().find_map(|line| line.strip_prefix("outcome: "));
        let Some((word, text)) = told.and_then(|t| t.split_once(": ")) else {
            let killed_by_filter =
                [status.signal(), status.code().map(|c| c - 128)].contains(&Some(libc::SIGSYS));
            if let Some(text) =
                row.refused.filter(|text| setting != Setting::Outside && output.contains(text))
            {
                return Verdict::Prevented(format!("refused: {text}"));
            }
            return match killed_by_filter {
                true => Verdict::Prevented("killed by SIGSYS".into()),
                false => Verdict::Broken(format!("{status} without an outcome: {}", output.trim())),
            };
        };
        let text = text.to_owned();
        match (word, row.proof) {
            ("broken", _) => Verdict::Broken(text),
            (_, Proof::Changes) if is_changed => Verdict::Succeeded("the host was changed".into()),
            (_, Proof::Survives) if survivors > 0 => {
                Verdict::Succeeded(format!("{survivors} processes left"))
            }
            ("succeeded", Proof::Says) => Verdict::Succeeded(text),
            ("succeeded", Proof::Leaks) => Verdict::Prevented(format!("without the canary: {text}")),
            ("succeeded", Proof::Changes) => {
                Verdict::Prevented(format!("nothing of the host changed: {text}"))
            }
            ("succeeded", Proof::Survives) => Verdict::Prevented(format!("nothing is left: {text}")),
            ("void", _) => Verdict::Void(text),
            // What this kernel doesn't have can't be attacked.
            _ if setting == Setting::Outside && text.contains("ENOSYS") => Verdict::Void(text),
            _ => Verdict::Prevented(text),
        }
    }
}

/// Both streams and the status, or nothing if it hangs: then its process group is killed.
fn wait(mut child: Child) -> Option<(ExitStatus, String)> {
    let mut readers = Vec::new();
    let streams: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|s| Box::new(s) as _), child.stderr.take().map(|s| Box::new(s) as _)];
    for mut stream in streams.into_iter().flatten() {
        readers.push(std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // A stream that breaks off has said what it will say.
            let _ = stream.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        }));
    }
    let deadline = Instant::now() + PATIENCE;
    while readers.iter().any(|r| !r.is_finished()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_micros(500));
    }
    let hangs = readers.iter().any(|r| !r.is_finished());
    if hangs {
        let group = nix::unistd::Pid::from_raw(child.id() as i32);
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    }
    let status = child.wait().ok()?;
    if hangs {
        return None;
    }
    let said: Vec<String> = readers.into_iter().filter_map(|r| r.join().ok()).collect();
    // What it said on standard output comes last: there stands the outcome.
    Some((status, said.into_iter().rev().collect::<Vec<_>>().join("\n")))
}
