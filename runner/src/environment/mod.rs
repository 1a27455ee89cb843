//! Environments: what must hold before a job may use one (`settings`), how people let a job pass or not (`review`,
//! `desk`) and who they are (`person`).
//! Source: "Managing environments for deployment" in GitHub's documentation.

pub mod desk;
mod person;
pub mod review;
mod settings;

pub use person::{Approver, Person};
pub use review::{open, within};
pub use settings::{Environments, MAX_NAME, Protection, ReviewRule};
