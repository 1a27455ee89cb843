//! What the contexts of a job can have in them, so that a reading of what is never there is told: it would
//! silently be empty.

use std::collections::HashMap;

use indexmap::IndexSet;

use super::yaml::{Mapping, Node, Yaml};
use crate::expr::Reading;

/// The members of contexts whose members are known, in lower case: contexts are the same in any case.
#[derive(Debug, Default)]
pub struct Members(HashMap<&'static str, IndexSet<String>>);

impl Members {
    /// Those of `needs`, `steps` and `matrix` in a job that is written so. What has the wrong shape or is an
    /// expression is left out: nothing is known of it.
    pub fn of_job(job: &Mapping) -> Self {
        let value = |entries: &'_ Mapping, key: &str| entries.get(key).map(|entry| entry.value.clone());
        let needs = match value(job, "needs") {
            Some(node) => texts(&node),
            None => Some(IndexSet::new()),
        };
        let steps = value(job, "steps").and_then(|node| step_ids(&node));
        let matrix = match value(job, "strategy") {
            Some(strategy) => match mapping(&strategy).map(|strategy| value(strategy, "matrix")) {
                Some(Some(matrix)) => axes(&matrix),
                Some(None) => Some(IndexSet::new()),
                None => None,
            },
            None => Some(IndexSet::new()),
        };
        let all = [("needs", needs), ("steps", steps), ("matrix", matrix)];
        Members(all.into_iter().filter_map(|(context, members)| Some((context, members?))).collect())
    }

    /// Those of `steps` in a composite action whose `runs` is written so.
    pub fn of_action(runs: &Node) -> Self {
        let steps = mapping(runs).and_then(|runs| runs.get("steps")).and_then(|entry| step_ids(&entry.value));
        Members(steps.map(|steps| ("steps", steps)).into_iter().collect())
    }

    /// The name that is read, if the context never has it.
    pub fn missing<'e>(&self, reading: &Reading<'e>) -> Option<&'e str> {
        let name = (*reading.path.first()?)?;
        let members = self.0.get(reading.context)?;
        (!members.contains(&name.to_ascii_lowercase())).then_some(name)
    }

    /// All names that a context may have.
    pub fn names(&self, context: &str) -> impl Iterator<Item = &str> {
        self.0.get(context).into_iter().flatten().map(String::as_str)
    }
}

fn step_ids(steps: &Node) -> Option<IndexSet<String>> {
    match &steps.value {
        Yaml::Sequence(steps) => {
            Some(steps.iter().filter_map(|step| text(mapping(step)?.get("id")?.value.as_ref())).collect())
        }
        _ => None,
    }
}

fn mapping(node: &Node) -> Option<&Mapping> {
    match &node.value {
        Yaml::Mapping(entries) => Some(entries),
        _ => None,
    }
}

fn text(node: &Node) -> Option<String> {
    match &node.value {
        Yaml::Scalar(scalar) => Some(scalar.to_text().to_ascii_lowercase()),
        _ => None,
    }
}

fn texts(node: &Node) -> Option<IndexSet<String>> {
    match &node.value {
        Yaml::Sequence(items) => items.iter().map(|item| text(item)).collect(),
        _ => Some(IndexSet::from([text(node)?])),
    }
}

/// The axes of a matrix and what `include` adds.
fn axes(matrix: &Node) -> Option<IndexSet<String>> {
    let entries = mapping(matrix)?;
    if entries.keys().any(|name| name.contains("${{")) {
        return None;
    }
    let mut names: IndexSet<String> = entries.keys().map(|name| name.to_ascii_lowercase()).collect();
    if let Some(include) = entries.get("include") {
        let Yaml::Sequence(items) = &include.value.value else { return None };
        for item in items {
            names.extend(mapping(item)?.keys().map(|name| name.to_ascii_lowercase()));
        }
    }
    Some(names)
}
