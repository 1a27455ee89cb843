//! `palisade mask`, against an oracle that tries to recover what it masked.

mod bad_input;
mod batch;
mod clean;
mod filter;
mod forms;
mod leaks;
mod recall;
mod short;
mod streams;
mod text;
