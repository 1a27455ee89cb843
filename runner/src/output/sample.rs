//! A run in which every event occurs, for the tests of the sinks.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use palisade_sandbox::Process;

use super::event::{
    ActionLine, Annotation, By, Conclusion, DeploymentState, Event, Issued, JobName, LayerLine, Level,
    Masking, Wait,
};
use super::{Options, Output, Sink};
use crate::egress::Mode;
use crate::egress::record::{Asker, Attempt, Ledger, Stray, Unnamed};
use crate::mask::Masker;
use crate::workflow::permissions::Permissions;

/// The secret that stands in every text of [`run`].
pub const SECRET: &str = "s3cret-token";

/// A run of one or two jobs; every text holds [`SECRET`].
pub fn run(jobs: usize) -> Vec<Event> {
    let names = ["build", "test"].map(|n| JobName(format!("{n} {SECRET}").into()));
    let with = |text: &str| format!("{text} {SECRET}");
    let mut events = vec![
        Event::RunStarted {
            workflow: with("CI"),
            trigger: with("push"),
            name: Some(with("Build")),
            run: "0a1b2c3d".into(),
            jobs,
            steps: 2,
        },
        Event::Waiting {
            job: None,
            reason: Wait::Group,
            name: with("ci"),
            message: with("waits for the concurrency group `ci`"),
        },
    ];
    for (i, job) in names.iter().take(jobs).cloned().enumerate() {
        events.extend(self::job(job, i == 0));
    }
    let result = Conclusion::Failure;
    let (reason, masking) = (Some(with("stopped")), Masking::default());
    events.push(Event::RunFinished { result, milliseconds: 61_500, reason, masking });
    events
}

fn job(job: JobName, network: bool) -> Vec<Event> {
    let with = |text: &str| format!("{text} {SECRET}");
    let layer = |layer: &str, state: &str, detail: &str| LayerLine {
        layer: layer.into(),
        state: state.into(),
        detail: with(detail),
    };
    let annotation = |level, message: &str, place: bool| Event::Annotation {
        job: job.clone(),
        step: place.then_some(0),
        annotation: Annotation {
            level,
            message: with(message),
            title: place.then(|| with("Lint")),
            file: place.then(|| with("src/main.rs")),
            line: place.then_some(3),
            end_line: place.then_some(3),
            column: place.then_some(7),
            end_column: place.then_some(9),
        },
    };
    let net = if network { layer("net", "off", "by --net host") } else { layer("net", "held", "none") };
    let log = |text: &str| Event::Log { job: job.clone(), step: 0, text: text.replace("SECRET", SECRET) };
    let finished = |step, name: &str, outcome, conclusion, reason: Option<&str>| Event::StepFinished {
        job: job.clone(),
        step,
        name: with(name),
        outcome,
        conclusion,
        milliseconds: 1_234,
        reason: reason.map(with),
    };
    let deployment = |state, url: Option<&str>| Event::Deployment {
        job: job.clone(),
        environment: with("production"),
        state,
        url: url.map(with),
    };
    let process = |pid, command: &str| Process { pid, exe: with("/usr/bin/curl"), command: with(command) };
    let asker = || Asker {
        process: process(7, "curl -u"),
        parents: vec![process(6, "make test"), process(2, "bash -e")],
        certain: true,
    };
    let attempt = || Attempt {
        step: Some(0),
        process: Some(asker()),
        rule: Some(with("*.example")),
        suggestion: Some(with("evil.example:443")),
        ..Attempt::new(with("evil.example"), Some(443)).refused(with("no rule allows it"))
    };
    let mut ledger = Ledger::default();
    ledger.note(&attempt());
    let table = ledger.table();
    vec![
        Event::Reviewed {
            job: job.clone(),
            environment: with("production"),
            approved: true,
            by: with("alice (uid 1000)"),
            uid: 1000,
            comment: Some(with("go")),
        },
        Event::JobStarted { job: job.clone(), permissions: Permissions::restricted() },
        deployment(DeploymentState::InProgress, None),
        Event::Actions {
            job: job.clone(),
            actions: vec![ActionLine {
                uses: with("o/tool@v1"),
                source: with("https://forge.example"),
                commit: "0123456789012345678901234567890123456789".into(),
                tree: format!("sha256:{}", "ab".repeat(32)),
                pinned: true,
            }],
        },
        Event::Layers {
            job: job.clone(),
            layers: vec![
                layer("user", "held", "one id"),
                layer("limits", "degraded", "no delegated cgroup"),
                net,
            ],
        },
        Event::StepStarted { job: job.clone(), step: 0, name: with("Build") },
        log("plain SECRET\n"),
        Event::GroupStarted { job: job.clone(), step: 0, title: with("details") },
        log("\x1b[31mred\x1b[2J\n 10%\r100%\n==> forged\nPrompt: "),
        log("answer\n"),
        Event::GroupEnded { job: job.clone(), step: 0 },
        annotation(Level::Error, "broken\nbadly", true),
        annotation(Level::Debug, "note", false),
        Event::Summary { job: job.clone(), step: 0, markdown: with("# Summary\n==> forged") },
        Event::Artifact {
            job: job.clone(),
            step: 0,
            id: 1,
            name: with("logs"),
            size: 1234,
            digest: format!("sha256:{}", "cd".repeat(32)),
            path: with("/state/artifacts/1.1/logs.zip"),
        },
        Event::Issued {
            job: job.clone(),
            step: Some(0),
            issued: Issued {
                by: By::Grant("deploy".into()),
                provider: "id-token",
                subject: with("repo:acme/app:ref:refs/heads/main"),
                audience: Some(with("sts.example.com")),
                id: Some("0123456789abcdef".into()),
                expires: Some("2026-08-01T12:05:00.000Z".into()),
                record: [("role", with("deployer"))].into(),
            },
        },
        Event::Issued {
            job: job.clone(),
            step: None,
            issued: Issued {
                by: By::Secret("TOKEN".into()),
                provider: "vault",
                subject: with("repo:acme/app:ref:refs/heads/main"),
                audience: None,
                id: None,
                expires: None,
                record: [("server", with("https://vault.example.com"))].into(),
            },
        },
        Event::Network { job: job.clone(), attempt: attempt() },
        Event::NetworkUnnamed {
            job: job.clone(),
            unnamed: Unnamed {
                step: Some(0),
                attempts: 2,
                to: Some(Stray {
                    address: IpAddr::from([8, 8, 8, 8]),
                    port: 53,
                    udp: Some(true),
                    process: asker(),
                }),
            },
        },
        finished(0, "Build", Conclusion::Failure, Conclusion::Success, Some("exit code 3")),
        finished(1, "Deploy", Conclusion::Skipped, Conclusion::Skipped, None),
        deployment(DeploymentState::Failure, Some("https://example.org")),
        Event::NetworkSummary { job: job.clone(), mode: Mode::Allow, table },
        Event::JobFinished {
            job: job.clone(),
            result: Conclusion::Failure,
            milliseconds: 61_234,
            reason: Some(with("cancelled")),
            outputs: vec![("url".into(), with("https://example.org"))],
        },
    ]
}

/// Sends events to a sink through a masker that knows [`SECRET`].
pub fn send(events: Vec<Event>, sink: Box<dyn Sink>) {
    let masker = Masker::new();
    masker.add_bytes("SECRET", SECRET.as_bytes()).unwrap();
    let output = Output::new(masker, vec![sink], Options { debug: true });
    events.into_iter().for_each(|event| output.emit(event));
    assert!(output.close().is_empty());
}

/// A file in memory.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    /// What was written.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
