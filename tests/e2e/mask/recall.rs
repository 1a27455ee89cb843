//! Every form of every kind of secret, at random places and in random chunks: how many are masked.

use std::collections::{BTreeMap, BTreeSet};

use palisade_tests::{Oracle, Random};

use crate::batch::{self, Case, Verdict};
use crate::forms::{self, Form};
use crate::leaks::{self, KNOWN_LEAKS};
use palisade_tests::samples::{self, Sample};

/// Each secret is made anew so many times, and printed in each form.
const ROUNDS: u64 = 3;

/// Examples shown of what a row got wrong.
const EXAMPLES: usize = 2;

/// What became of the cases of one row.
#[derive(Default)]
struct Row {
    cases: usize,
    leaks: usize,
    /// Leaks that aren't known.
    surprises: usize,
    shredded: usize,
    examples: Vec<String>,
}

impl Row {
    fn add(&mut self, case: &Case, verdict: &Verdict) {
        let leaks = verdict.leak.as_ref().filter(|_| !leaks::is_known(case.form, case.kind));
        self.cases += 1;
        self.leaks += usize::from(verdict.leak.is_some());
        self.surprises += usize::from(leaks.is_some());
        self.shredded += usize::from(verdict.shredded.is_some());
        let wrong = leaks.map(|l| format!("leaks {l}")).or(verdict.shredded.clone());
        if let Some(wrong) = wrong
            && self.examples.len() < EXAMPLES
        {
            let shown: String = verdict.shown.chars().take(600).collect();
            self.examples.push(format!("    {}: {wrong}\n      {shown}", case.kind));
        }
    }

    fn recall(&self) -> f64 {
        100.0 * (self.cases - self.leaks) as f64 / self.cases as f64
    }
}

/// The table: recall by row, and the same by kind of secret.
#[derive(Default)]
struct Table {
    forms: BTreeMap<&'static str, Row>,
    kinds: BTreeMap<&'static str, Row>,
    /// What leaked, as form and kind.
    leaked: BTreeSet<(&'static str, &'static str)>,
}

impl Table {
    fn add(&mut self, cases: &[Case], verdicts: &[Verdict]) {
        for (case, verdict) in cases.iter().zip(verdicts) {
            self.forms.entry(case.row).or_default().add(case, verdict);
            self.kinds.entry(case.kind).or_default().add(case, verdict);
            if verdict.leak.is_some() {
                self.leaked.insert((case.form, case.kind));
            }
        }
    }

    fn print(&self) {
        println!("seed {}", Random::seed());
        for (title, rows) in [("form", &self.forms), ("kind of secret", &self.kinds)] {
            println!("{title:<60} {:>6} {:>8} {:>9}", "cases", "recall", "shredded");
            for (name, row) in rows {
                println!("{name:<60} {:>6} {:>7.1}% {:>9}", row.cases, row.recall(), row.shredded);
            }
        }
        for form in self.leaked.iter().map(|(form, _)| form).collect::<BTreeSet<_>>() {
            let kinds = self.leaked.iter().filter(|(leaked, _)| leaked == form).map(|(_, kind)| *kind);
            println!("{form} leaks of: {}", kinds.collect::<Vec<_>>().join(", "));
        }
    }

    /// Panics where a form leaks that isn't known to, or where ordinary text is gone.
    fn check(&self) {
        let mut wrong = String::new();
        for (name, row) in &self.forms {
            if row.surprises > 0 || row.shredded > 0 {
                wrong += &format!(
                    "{name}: {} of {} leak, {} shred what stands beside them\n{}\n",
                    row.surprises,
                    row.cases,
                    row.shredded,
                    row.examples.join("\n")
                );
            }
        }
        for leak in KNOWN_LEAKS {
            assert!(!leak.reason.is_empty(), "{}", leak.form);
            if !self.leaked.iter().any(|(form, kind)| leak.covers(form, kind)) {
                println!("`{}` is known to leak, but none did", leak.form);
            }
        }
        assert!(wrong.is_empty(), "with PALISADE_TEST_SEED={}:\n{wrong}", Random::seed());
    }
}

/// The cases of one round: every form of every sample.
fn cases(samples: &[Sample], r: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for form in forms::all() {
        for sample in samples {
            cases.extend(case(form.name, form, sample.kind, &sample.value, r));
        }
    }
    // Parts of a value that programs print alone: in clear, and in some other form.
    let all: Vec<&Form> = forms::all().collect();
    for sample in samples {
        for (_, part) in &sample.parts {
            cases.extend(case("a part alone, in clear", forms::named("raw"), sample.kind, part, r));
            for name in ["base64", "hex", "URL-encoded", "JSON in JSON", "reversed"] {
                cases.extend(case("a part alone, encoded", forms::named(name), sample.kind, part, r));
            }
            for _ in 0..5 {
                let form = *r.pick(&all);
                cases.extend(case("a part alone, in any form", form, sample.kind, part, r));
            }
        }
    }
    // Neighbours in the text are of different forms and secrets.
    for i in (1..cases.len()).rev() {
        let other = r.below(i + 1);
        cases.swap(i, other);
    }
    cases
}

fn case(row: &'static str, form: &Form, kind: &'static str, value: &str, r: &mut Random) -> Option<Case> {
    let body = form.make(value, r)?;
    Some(Case::new(row, form, kind, body, r))
}

fn oracle(samples: &[Sample]) -> Oracle {
    Oracle::new(samples.iter().flat_map(Sample::targets))
}

fn round(n: u64) -> (Vec<Case>, Vec<Verdict>) {
    let mut r = Random::new(Random::seed().wrapping_add(n << 32));
    let samples = samples::all(&mut r);
    let cases = cases(&samples, &mut r);
    let secrets: Vec<&str> = samples.iter().map(|s| s.value.as_str()).collect();
    let verdicts = batch::run(&cases, &secrets, &oracle(&samples), &mut r);
    (cases, verdicts)
}

#[test]
fn every_form_of_every_secret_is_masked_and_nothing_beside_it() {
    let mut table = Table::default();
    // Two at a time are enough for the processors of a small machine.
    for first in (0..ROUNDS).step_by(2) {
        let rounds: Vec<_> =
            (first..ROUNDS.min(first + 2)).map(|n| std::thread::spawn(move || round(n))).collect();
        for round in rounds {
            let (cases, verdicts) = round.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            table.add(&cases, &verdicts);
        }
    }
    table.print();
    table.check();
}

/// What it can't recover when nothing is masked, it can't miss either.
#[test]
fn the_oracle_recovers_every_form_that_is_not_masked() {
    let mut r = Random::new(Random::seed());
    let samples = samples::all(&mut r);
    let mut blind = Vec::new();
    for sample in &samples {
        let oracle = Oracle::new(sample.targets());
        for form in forms::all() {
            let Some(body) = form.make(&sample.value, &mut r) else { continue };
            let text = Case::new(form.name, form, sample.kind, body, &mut r).text();
            if oracle.leak(&text).is_none() {
                blind.push(format!("{} as {}: {}", sample.kind, form.name, text.escape_ascii()));
            }
        }
        let clean = crate::text::lines(&mut r, 4000);
        assert_eq!(oracle.leak(clean.as_bytes()), None, "{}", sample.kind);
    }
    assert!(blind.is_empty(), "with PALISADE_TEST_SEED={}:\n{}", Random::seed(), blind.join("\n"));
}
