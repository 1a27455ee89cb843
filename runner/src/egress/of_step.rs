//! Rules of a single step: those that `[[network.step]]` of the configuration has for it, and what the workflow leaves
//! of all of them. A gateway is told before the step begins.

use serde::{Deserialize, Serialize};

use super::narrow::Narrowing;
use super::presets;
use super::rule::{Kind, Policy, Rule, RuleError, Scope};
use super::settings::Settings;
use crate::identity::Claims;
use crate::identity::condition::Conditions;

/// Most tables.
const MAX_TABLES: usize = 256;

/// What a step reaches in place of what all steps do, as a gateway is told it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfStep {
    /// Further rules that allow.
    pub allow: Vec<String>,
    /// Nothing but these.
    pub only: bool,
    /// Lists of which each must have what is let through.
    pub within: Vec<Vec<String>>,
}

impl OfStep {
    /// Takes away what a workflow's list doesn't have.
    pub fn narrow(&mut self, list: &Narrowing) {
        self.within.push(list.texts());
    }
}

impl Settings {
    /// The rules for a step.
    pub fn policy_of(&self, scope: Scope, step: &OfStep) -> Result<Policy, RuleError> {
        let read = |rules: &[String]| -> Result<Vec<Rule>, RuleError> {
            rules.iter().map(|rule| Rule::parse(rule, Kind::Allow)).collect()
        };
        let policy = match step.only {
            // Names and ports are the step's; where they may lead to stays the configuration's.
            true => self.policy(Scope::Allowed)?.with_names(read(&step.allow)?),
            false => self.policy(scope)?.and(read(&step.allow)?),
        };
        step.within.iter().try_fold(policy, |policy, list| Ok(policy.within(read(list)?)))
    }
}

/// `[[network.step]]`: rules for some steps.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct StepTable {
    /// Of which jobs: one of these must hold.
    who: Vec<Conditions>,
    /// Of these the steps that have one of these grants.
    grants: Option<Vec<String>>,
    /// Of these the steps of these ids.
    steps: Option<Vec<String>>,
    allow: Vec<String>,
    only: bool,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    #[serde(rename = "for")]
    who: Vec<Conditions>,
    grants: Option<Vec<String>>,
    steps: Option<Vec<String>>,
    #[serde(default)]
    presets: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    only: bool,
}

impl TryFrom<Table> for StepTable {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let Table { who, grants, steps, presets, mut allow, only } = table;
        if who.is_empty() {
            return Err(
                "`for` says of which jobs the steps are: it needs one set of conditions at least".into()
            );
        }
        for preset in &presets {
            allow.extend(presets::find(preset)?.rules.iter().map(|rule| (*rule).to_owned()));
        }
        for rule in &allow {
            Rule::parse(rule, Kind::Allow).map_err(|e| e.to_string())?;
        }
        if allow.is_empty() && !only {
            return Err(
                "it allows nothing and takes nothing away: `allow`, `presets` or `only` is missing".into()
            );
        }
        Ok(StepTable { who, grants, steps, allow, only })
    }
}

/// A step as these tables look at it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Of the job.
    pub claims: &'a Claims,
    /// `id:`
    pub id: Option<&'a str>,
    /// The names of the grants that it has.
    pub grants: &'a [&'a str],
}

impl StepTable {
    fn is_for(&self, step: Seen<'_>) -> bool {
        let among = |list: &Option<Vec<String>>, found: &[&str]| {
            list.as_ref().is_none_or(|list| list.iter().any(|known| found.contains(&known.as_str())))
        };
        among(&self.grants, step.grants)
            && among(&self.steps, step.id.as_slice())
            && self.who.iter().any(|one| one.check(step.claims).iter().all(|check| check.holds))
    }
}

/// All tables.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Vec<StepTable>")]
pub struct StepTables(Vec<StepTable>);

impl TryFrom<Vec<StepTable>> for StepTables {
    type Error = String;
    fn try_from(all: Vec<StepTable>) -> Result<Self, String> {
        match all.len() > MAX_TABLES {
            true => Err(format!("there are more than {MAX_TABLES} tables `network.step`")),
            false => Ok(StepTables(all)),
        }
    }
}

impl StepTables {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a step reaches by the tables that are for it, all of which count.
    pub fn of(&self, step: Seen<'_>) -> OfStep {
        let mut rules = OfStep::default();
        for table in self.0.iter().filter(|table| table.is_for(step)) {
            rules.allow.extend(table.allow.iter().cloned());
            rules.only |= table.only;
        }
        rules
    }

    /// What any step could reach by them.
    pub fn of_any(&self) -> OfStep {
        let allow = self.0.iter().flat_map(|table| table.allow.iter().cloned());
        OfStep { allow: allow.collect(), ..OfStep::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::name::Name;
    use crate::egress::rule::Decision;

    fn reached(settings: &Settings, step: &OfStep, name: &str) -> bool {
        let policy = settings.policy_of(Scope::Allowed, step).unwrap();
        matches!(policy.of_port(&Name::parse(name).unwrap(), 443), Decision::Allowed(_))
    }

    #[test]
    fn a_step_has_its_own_rules_beside_or_instead_of_the_others() {
        let settings = Settings {
            allow: vec!["a.test".into(), "10.0.0.0/8".into()],
            deny: vec!["evil.test".into()],
            private: vec!["forge.test".into()],
            ..Settings::default()
        };
        let mut step = OfStep { allow: vec!["b.test".into(), "evil.test".into()], ..OfStep::default() };
        let of = |step: &OfStep| {
            ["a.test", "b.test", "forge.test", "evil.test"].map(|name| reached(&settings, step, name))
        };
        assert_eq!(of(&OfStep::default()), [true, false, true, false]);
        assert_eq!(of(&step), [true, true, true, false], "deny beats every rule");
        step.only = true;
        assert_eq!(of(&step), [false, true, false, false]);
        let policy = settings.policy_of(Scope::Every, &step).unwrap();
        let b = Name::parse("b.test").unwrap();
        assert_eq!(policy.check_address(&b, "10.0.0.1".parse().unwrap(), 443), Ok(()));
        assert_eq!(policy.of_port(&Name::parse("c.test").unwrap(), 443), Decision::Unknown);
        step.narrow(&Narrowing::parse("a.test").unwrap());
        assert_eq!(of(&step), [false; 4]);
    }

    #[test]
    fn a_table_is_for_whom_it_says() {
        let read = |text: &str| toml::from_str::<StepTable>(text).map_err(|e| e.message().to_owned());
        let who = "for = [{ local = true, owner = '*' }]\n";
        for (text, wrong) in [
            ("allow = ['a.test']", "missing field `for`"),
            ("for = []\nallow = ['a.test']", "`for` says of which jobs"),
            (&format!("{who}allow = ['a..test']"), "column 3"),
            (&format!("{who}presets = ['cargo']"), "did you mean `crates`?"),
            (who, "it allows nothing"),
        ] {
            assert!(read(text).unwrap_err().contains(wrong), "{text}: {:?}", read(text));
        }
        assert!(read(&format!("{who}only = true")).is_ok());
    }
}
