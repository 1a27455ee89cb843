//! Unary calls by the Connect protocol over HTTP/1.1. Source: <https://connectrpc.com/docs/protocol>.

mod call;
mod code;
mod error;
mod gzip;

pub(crate) use call::{Answer, Call, Method, one_line, read_body, unreachable};
pub use code::Code;
pub use error::{Error, Reason, Unreachable};
