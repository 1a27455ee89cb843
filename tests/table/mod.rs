//! The attacks, and their harmless twins, as data. Programs are those of `palisade-attack`.

mod host;
mod kernel;
mod row;
mod twins;

pub use row::{Around, Input, Needs, Proof, Row, Run};

/// What must succeed outside and fail inside.
pub fn attacks() -> impl Iterator<Item = &'static Row> {
    host::HOST.iter().chain(kernel::KERNEL)
}

/// What must succeed outside and inside.
pub fn twins() -> impl Iterator<Item = &'static Row> {
    twins::TWINS.iter()
}
