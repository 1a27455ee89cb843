//! `palisade lock`: what `uses:` of other repositories means, written down.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::error::{Blame, Error};
use super::print;
use super::run::{not_called, tools};
use super::setting::Setting;
use super::workflows::{self, Candidate, Located};
use crate::action::fetch::Host;
use crate::action::lock::{self, Change, Lock, Pin};
use crate::action::needed::{Needed, Search};
use crate::action::{Actions, Obtained, Settings};
use crate::local::Facts;
use crate::workflow::{Called, Tree};

/// Pin the actions and workflows of other repositories to commits
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade lock                       add what is new, drop what is used no more, keep the rest
  palisade lock --check               tell what has moved since, and change nothing
  palisade lock --update              move all on to what their tags and branches have now
  palisade lock --update actions/setup-node

Reads all workflows here, and what they use and call in turn, and writes .palisade/actions.lock:
for each repository and version the commit and a digest of its files. `palisade run` uses these
commits, wherever a tag points by then, and refuses files with another digest. Keep the file with
the workflows.

Actions that palisade has of its own, such as actions/checkout, aren't fetched and so not locked.

EXIT CODES: 0 success, 2 invalid input, 3 --check found a difference, or a policy is against it,
5 a repository can't be had")]
pub struct Args {
    /// Write nothing; tell what has moved, is missing or is used no more
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Move on to what tags and branches have now: all, or those of these repositories
    #[arg(long, value_name = "OWNER/NAME[@REF]", num_args = 0..)]
    update: Option<Vec<String>>,
    /// Directory with the workflows, instead of the repository around the current one
    #[arg(short = 'C', value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Also lock what palisade has of its own, for `palisade run --no-native`
    #[arg(long)]
    no_native: bool,
    #[command(flatten)]
    setting: Setting,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let config = args.setting.config()?;
    let located = workflows::locate(None, args.directory.as_deref())?;
    if located.example {
        return Err(Error::input(format!("there are no workflows in {}", located.root.display()))
            .hint("go to the root of a repository, or name it with -C"));
    }
    let held = Lock::read(&located.root).map_err(Error::input)?;
    let known = held.clone().unwrap_or_default();
    let base = match &args.update {
        _ if args.check => Lock::default(),
        None => known.clone(),
        Some(names) => without(&known, names)?,
    };
    let settings = Settings {
        // What is demanded of a lock can't be demanded before there is one.
        require_lock: false,
        require_sha: false,
        ..config.actions.clone()
    };
    let own = Facts::of(&located.root).server().to_owned();
    let host = Host::new(config.sandbox.spec(), &tools(&config)).trusting(config.daemon.ca_file.as_deref());
    let actions = Actions::new(settings, own, host, args.setting.state(), Some(base));
    let now = used(&located, &actions, !args.no_native)?;
    let changes = known.changes(&now);
    print::to_stdout(report(&changes, now.0.len(), args.check).into_bytes())?;
    if args.check {
        return Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(Blame::Policy.code()) });
    }
    if held.as_ref() != Some(&now) {
        now.write(&located.root).map_err(Error::input)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The lock less what is to be looked up anew.
fn without(lock: &Lock, names: &[String]) -> Result<Lock, Error> {
    let mut left = lock.clone();
    if names.is_empty() {
        left.0.clear();
    }
    for name in names {
        let name = name.to_ascii_lowercase();
        let means = |version: &str| {
            version.eq_ignore_ascii_case(&name)
                || version.rsplit_once('@').is_some_and(|(known, _)| known == name)
        };
        if !lock.0.keys().any(|version| means(version)) {
            return Err(Error::input(format!("`{}` has no `{name}`", lock::PATH))
                .hint("name a repository, `owner/name`, or one version of it, `owner/name@ref`"));
        }
        left.0.retain(|version, _| !means(version));
    }
    Ok(left)
}

/// All that the workflows use and call, directly or not.
fn used(located: &Located, actions: &Actions, native: bool) -> Result<Lock, Error> {
    let root = &located.root;
    let search = Search { actions, root, native, stop: None };
    let mut all = Vec::new();
    for Candidate { workflow, shown, .. } in &located.candidates {
        let called = Called::by(workflow, shown, Tree { root, actions, stop: None }).map_err(not_called)?;
        all.extend(called.all().filter_map(|callee| callee.obtained.clone()));
        let workflows = std::iter::once(workflow).chain(called.all().map(|callee| &*callee.workflow));
        for job in workflows.flat_map(|workflow| workflow.jobs.values()) {
            let needed =
                Needed::of(job.steps(), search).map_err(|error| Error::new(Blame::from(&error), error))?;
            all.extend(needed.versions().iter().cloned());
        }
    }
    Ok(Lock(all.iter().map(|obtained| (obtained.version.clone(), pin(obtained))).collect()))
}

fn pin(obtained: &Obtained) -> Pin {
    let Obtained { source, stored, .. } = obtained;
    Pin { source: source.clone(), commit: stored.commit.clone(), tree: stored.digest }
}

/// What people read: a line for each change, and one for all.
fn report(changes: &BTreeMap<&str, Change<'_>>, used: usize, check: bool) -> String {
    let words = if check { ["missing", "moved", "stale"] } else { ["added", "moved", "dropped"] };
    let (mut text, mut counts) = (String::new(), [0; 3]);
    for (version, change) in changes {
        let (kind, detail) = match change {
            Change::Missing(pin) => (0, format!("  {}  {}  from {}", pin.commit, pin.tree, pin.source)),
            Change::Moved { from, to } if from.commit == to.commit => {
                (1, format!("  files of {}: {} → {}", to.commit, from.tree, to.tree))
            }
            Change::Moved { from, to } => (1, format!("  {} → {}", from.commit, to.commit)),
            Change::Stale => (2, String::new()),
        };
        counts[kind] += 1;
        // Text takes whatever is written to it.
        let _ = writeln!(text, "{:<8} {version}{detail}", words[kind]);
    }
    let counted = words.iter().zip(counts).filter(|(_, count)| *count > 0);
    let counted: Vec<String> = counted.map(|(word, count)| format!("{count} {word}")).collect();
    let counted = if counted.is_empty() { "no change".to_owned() } else { counted.join(", ") };
    let noun = if used == 1 { "repository" } else { "repositories" };
    let _ = writeln!(text, "{}: {used} {noun} used, {counted}", lock::PATH);
    text
}
