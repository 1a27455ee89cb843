//! Starting the jobs that may run, each in a thread of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use nix::sys::eventfd::EventFd;

use super::{Active, Done, Instance, Scheduler, tell};
use crate::job::call;
use crate::job::cancel::Cancel;
use crate::job::execute::{self, Execution, Finished};
use crate::job::gate::{self, Refusal};
use crate::job::slots::Slot;
use crate::output::event::{Conclusion, JobName};
use crate::workflow::model::Work;

impl Scheduler<'_> {
    /// Starts as many of the ready jobs as may run.
    pub(super) fn start(&mut self) {
        let mut held_back = VecDeque::new();
        while let Some(instance) = self.ready.pop_front() {
            let limit = self.plan.entries[instance.entry].max_parallel;
            let same = self.active.iter().flatten().filter(|a| a.entry == instance.entry).count();
            if limit.is_some_and(|limit| same >= limit) {
                held_back.push_back(instance);
                continue;
            }
            let run = self.run.clone();
            let job = self.job(&run, instance.entry);
            // A call does nothing itself: its jobs take places. What waits for something takes one afterwards.
            let takes_none = matches!(job.work, Work::Call(_)) || gate::stand_before(job);
            let slot = if takes_none { None } else { self.run.slots.take(&self.wake) };
            if slot.is_none() && !takes_none {
                held_back.push_back(instance);
                break;
            }
            self.start_one(instance, slot);
        }
        held_back.append(&mut self.ready);
        self.ready = held_back;
    }

    pub(super) fn start_one(&mut self, instance: Instance, place: Option<Slot>) {
        let Instance { entry, name, contexts } = instance;
        let cancel = match Cancel::new() {
            Ok(cancel) => Arc::new(cancel),
            Err(e) => return self.not_started(entry, name, &e.to_string()),
        };
        let slot = self.active.len();
        let mut report = Report {
            done: self.done.0.clone(),
            wake: self.wake.clone(),
            slot,
            finished: Some(Finished::nothing(Conclusion::Failure)),
            place,
        };
        let (run, output, order, called) =
            (self.run.clone(), self.output.clone(), cancel.clone(), name.clone());
        let thread = std::thread::Builder::new().name(format!("job {slot}")).spawn(move || {
            let Some(job) = run.workflow.jobs.get(&contexts.id) else { return };
            let passed = gate::pass(&run, job, &called, &contexts, &order, &output, &mut report.place);
            let passed = match passed {
                Ok(passed) => passed,
                Err(Refusal { result, reason, fault }) => {
                    tell(&output, called, result, reason);
                    report.finished = Some(Finished { fault, ..Finished::nothing(result) });
                    drop(report);
                    return;
                }
            };
            if let Work::Call(call) = &job.work {
                let group = passed.group.as_ref().map(|(group, _)| group);
                let (run, contexts, cancel, output) = (&*run, &contexts, &order, &output);
                let calling = call::Calling { run, call, name: called, contexts, group, cancel, output };
                report.finished = Some(call::execute(&calling));
                drop(passed);
                drop(report);
                return;
            }
            let (finished, sandbox) = execute::execute(&Execution {
                workflow: &run.workflow,
                job,
                name: called,
                run: passed.contexts(&run.contexts),
                environment: passed.environment.as_ref(),
                contexts,
                extra_env: &run.extra_env,
                place: &run.place,
                actions: &run.actions,
                stores: &run.stores,
                identity: &run.identity,
                called: run.file.as_ref(),
                cancel: &order,
                output: &output,
            });
            report.finished = Some(finished);
            drop(passed);
            drop(report);
            // Taking the namespaces down takes the kernel longer than anybody should wait for.
            drop(sandbox);
        });
        match thread {
            Ok(_) => self.active.push(Some(Active { entry, cancel })),
            Err(e) => self.not_started(entry, name, &e.to_string()),
        }
    }

    pub(super) fn not_started(&mut self, entry: usize, name: JobName, why: &str) {
        tell(self.output, name, Conclusion::Failure, format!("cannot start the job: {why}"));
        self.count(entry, Finished::nothing(Conclusion::Failure));
    }
}

/// Sends a job's end, also where its thread doesn't get so far.
struct Report {
    done: Sender<Done>,
    wake: Arc<EventFd>,
    slot: usize,
    finished: Option<Finished>,
    /// Becomes free with this.
    place: Option<Slot>,
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(finished) = self.finished.take() {
            // A run that is over doesn't listen any more.
            let _ = self.done.send(Done { slot: self.slot, finished });
            let _ = self.wake.write(1);
        }
    }
}
