//! The caller's side: what must be decided and done on the host before init can set the sandbox up.

pub mod cgroup;
pub mod gateway;
pub mod idmap;
pub mod plan;
pub mod remedy;
pub mod spawn;
