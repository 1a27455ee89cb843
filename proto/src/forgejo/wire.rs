//! The messages as they are sent, generated from `ping.proto` and `runner.proto`. None of them can be printed:
//! they hold tokens and secrets. A client's own types are beside this module; these are for who plays the server.
#![allow(missing_docs)]

/// `ping.v1`
pub mod ping {
    include!(concat!(env!("OUT_DIR"), "/ping.v1.rs"));
}

/// `runner.v1`
pub mod runner {
    include!(concat!(env!("OUT_DIR"), "/runner.v1.rs"));
}
