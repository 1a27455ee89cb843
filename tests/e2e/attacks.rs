//! The attack suite: every hostile program must succeed outside and fail inside, every harmless twin must
//! succeed in both, as the current user and, if that is root, as an ordinary user too.

use std::fs;
use std::io::Write;

use palisade_tests::table::{Row, attacks, twins};
use palisade_tests::trial::{Host, Report, Setting};
use palisade_tests::{Identity, target_dir};

/// Fewer attacks than this can't speak for the sandbox.
const ENOUGH: usize = 60;

fn identities() -> Vec<(Identity, &'static str)> {
    match nix::unistd::geteuid().is_root() {
        true => vec![(Identity::Current, "As root"), (Identity::Nobody, "As an ordinary user")],
        false => vec![(Identity::Current, "As an ordinary user")],
    }
}

/// Runs the rows for each identity, side by side.
fn reports<I: Iterator<Item = &'static Row> + 'static>(rows: fn() -> I) -> Vec<Report> {
    let trials = identities().into_iter().map(|(identity, title)| {
        std::thread::spawn(move || Report::of(&mut Host::new(identity), title, rows(), &Setting::ALL))
    });
    let trials: Vec<_> = trials.collect();
    trials.into_iter().map(|t| t.join().expect("a trial ends")).collect()
}

/// Shows a table whether or not the test harness captures output.
fn show(text: &str) {
    std::io::stdout().lock().write_all(text.as_bytes()).expect("standard output takes the table");
}

#[test]
fn attacks_fail_inside() {
    let reports = reports(attacks);
    let tables: Vec<String> = reports.iter().map(Report::to_markdown).collect();
    let text = format!("# Attacks × layers\n\n{}", tables.join("\n"));
    show(&format!("\n{text}\n"));
    fs::write(target_dir().join("attack-table.md"), text).expect("the target directory can be written");

    let breaches: Vec<String> = reports.iter().flat_map(Report::breaches).collect();
    assert!(breaches.is_empty(), "{} of the trials failed:\n{}", breaches.len(), breaches.join("\n"));
    for report in &reports {
        assert!(
            report.tried() >= ENOUGH,
            "only {} attacks could be tried:\n{}",
            report.tried(),
            report.to_markdown()
        );
    }
}

#[test]
fn harmless_twins_work_inside() {
    let breakages: Vec<String> = reports(twins).iter().flat_map(Report::breakages).collect();
    assert!(breakages.is_empty(), "{} of the twins failed:\n{}", breakages.len(), breakages.join("\n"));
}
