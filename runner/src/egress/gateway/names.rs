//! Which synthetic address stands for which name.

use std::collections::HashMap;
use std::net::IpAddr;

use palisade_sandbox::Synthetic;

use crate::egress::name::Name;
use crate::egress::narrow::VARIABLE;
use crate::egress::rule::{Decision, Grant, Policy};

/// Most names of one job, however they are allowed: each has sockets.
const MAX_NAMES: usize = 4096;
/// The first name's address: the one after the name server's.
const FIRST: u32 = 2;

/// The names that a job has asked for and may reach.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<Name, Known>,
    /// In the order of their addresses.
    in_order: Vec<Name>,
    below_wildcards: HashMap<String, usize>,
}

/// A name with an address.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its address.
    pub synthetic: Synthetic,
    /// Ports that there are sockets for, of IPv4 and of IPv6, and whether they are of UDP; those that a server of the job's own has
    /// are among them.
    pub listening: [Vec<(u16, bool)>; 2],
}

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// A rule is against it.
    #[error("rule `{0}` denies it")]
    Denied(String),
    /// The workflow leaves it out.
    #[error("the workflow's `{VARIABLE}` leaves it out")]
    LeftOut,
    /// No rule is for it.
    #[error("no rule allows it")]
    Unknown,
    /// The job asks for too many names below a wildcard.
    #[error("{most} names below `{rule}` have been asked for, which is all that a job may")]
    Wildcard {
        /// The rule.
        rule: String,
        /// How many there may be.
        most: usize,
    },
    /// The job asks for too many names.
    #[error("{MAX_NAMES} names have been asked for, which is all that a job may")]
    Full,
}

impl Names {
    /// The address of a name, which is the same for as long as the job lasts and is told to steps that may reach it.
    pub fn address(&mut self, name: &Name, policy: &Policy, most: usize) -> Result<&mut Known, NoAddress> {
        let grant = match policy.of_name(name) {
            Decision::Allowed(grant) => grant,
            Decision::Denied(rule) => return Err(NoAddress::Denied(rule.to_string())),
            Decision::LeftOut => return Err(NoAddress::LeftOut),
            Decision::Unknown => return Err(NoAddress::Unknown),
        };
        if !self.known.contains_key(name) {
            let synthetic = self.admit(name, grant, policy, most)?;
            self.known.insert(name.clone(), Known { synthetic, listening: Default::default() });
            self.in_order.push(name.clone());
        }
        self.known.get_mut(name).ok_or(NoAddress::Unknown)
    }

    /// The name that an address stands for.
    pub fn at(&self, address: IpAddr) -> Option<(&Name, &Known)> {
        let number = Synthetic::of(address)?.number().checked_sub(FIRST)?;
        self.known.get_key_value(self.in_order.get(usize::try_from(number).ok()?)?)
    }

    fn admit(
        &mut self,
        name: &Name,
        grant: Grant<'_>,
        policy: &Policy,
        most: usize,
    ) -> Result<Synthetic, NoAddress> {
        let number = u32::try_from(self.known.len()).map_or(u32::MAX, |count| FIRST.saturating_add(count));
        let synthetic = Synthetic::new(number).filter(|_| self.known.len() < MAX_NAMES);
        let synthetic = synthetic.ok_or(NoAddress::Full)?;
        if let Some(rule) = grant.rule.filter(|_| !policy.is_exact(name)) {
            let count = self.below_wildcards.entry(rule.text().to_owned()).or_default();
            if *count >= most {
                return Err(NoAddress::Wildcard { rule: rule.text().to_owned(), most });
            }
            *count += 1;
        }
        Ok(synthetic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::rule::{Kind, Rule, Scope};

    #[test]
    fn names_below_a_wildcard_are_counted_and_others_not() {
        let rule = |text| Rule::parse(text, Kind::Allow).unwrap();
        let allow = vec![rule("*.w.test"), rule("known.w.test"), rule("a.test")];
        let policy = Policy::new(Scope::Allowed, allow, Vec::new());
        let mut names = Names::default();
        let mut ask =
            |text: &str| names.address(&Name::parse(text).unwrap(), &policy, 2).map(|known| known.synthetic);
        let first = ask("one.w.test").unwrap();
        ask("two.w.test").unwrap();
        assert!(matches!(ask("three.w.test"), Err(NoAddress::Wildcard { most: 2, .. })));
        assert!(ask("known.w.test").is_ok() && ask("a.test").is_ok());
        assert_eq!(ask("one.w.test"), Ok(first));
        assert_eq!(ask("evil.test"), Err(NoAddress::Unknown));
        for address in [first.v4().into(), first.v6().into()] {
            assert_eq!(names.at(address).map(|(name, _)| name.as_str()), Some("one.w.test"));
        }
        assert!(names.at(Synthetic::DNS.v4().into()).is_none());
    }

    #[test]
    fn a_known_name_is_told_only_to_who_may_reach_it() {
        let policy =
            || Policy::new(Scope::Allowed, vec![Rule::parse("a.test", Kind::Allow).unwrap()], Vec::new());
        let mut names = Names::default();
        let name = Name::parse("a.test").unwrap();
        names.address(&name, &policy(), 1).unwrap();
        let refused = names.address(&name, &policy().within(Vec::new()), 1).unwrap_err();
        assert_eq!(refused, NoAddress::LeftOut);
        assert!(names.address(&name, &policy(), 1).is_ok());
    }
}
