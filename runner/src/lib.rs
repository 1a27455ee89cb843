//! palisade's library: everything the binary does, one module per idea.

pub mod action;
pub mod capture;
pub mod check;
pub mod cli;
pub mod concurrency;
pub mod config;
pub mod doctor;
pub mod dotenv;
pub mod expr;
pub mod git;
pub mod inside;
pub mod job;
pub mod limits;
pub mod lint;
pub mod local;
pub mod mask;
pub mod native;
pub mod output;
pub mod scan;
pub mod shelf;
pub mod state;
pub mod store;
pub mod toolchain;
pub mod trigger;
pub mod workflow;
pub mod workspace;
