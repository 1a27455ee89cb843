//! The table of rules: a file per family of providers.
//!
//! Formats are those that the providers document themselves; each rule names where. Examples are written with a
//! seam `¦` within, so that no whole token stands in this source, and a secret that has something around it
//! is marked `«…»`.

mod ai;
mod azure;
mod chat;
mod ci;
mod cloud;
mod database;
mod forge;
mod generic;
mod hosting;
mod keys;
mod mail;
mod monitoring;
mod payment;
mod registry;
mod saas;
mod vaults;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::LazyLock;

use super::rule::Rule;

pub(super) const FAMILIES: &[&[Rule]] = &[
    cloud::RULES,
    azure::RULES,
    hosting::RULES,
    forge::RULES,
    registry::RULES,
    vaults::RULES,
    keys::RULES,
    chat::RULES,
    payment::RULES,
    ci::RULES,
    ai::RULES,
    monitoring::RULES,
    mail::RULES,
    saas::RULES,
    database::RULES,
    generic::RULES,
];

static TABLE: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| all().collect());

/// All rules, each of an id of its own.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// All kinds of credentials, in the order of the table: the rules, and those that are only ever a partner of one.
pub fn kinds() -> impl Iterator<Item = &'static Rule> {
    let mut seen = HashSet::new();
    let rules = all().flat_map(|rule| [Some(rule), rule.partner.map(|p| &p.rule)]).flatten();
    rules.filter(move |rule| seen.insert(rule.id))
}

/// The rule of that id, also of those that are only ever a partner of another.
pub fn find(id: &str) -> Option<&'static Rule> {
    kinds().find(|rule| rule.id == id)
}

/// All rules by index.
pub(super) fn table() -> &'static [&'static Rule] {
    &TABLE
}
