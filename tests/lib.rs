//! The context of the end-to-end tests.
