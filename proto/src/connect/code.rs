//! The codes of Connect's errors. Source: <https://connectrpc.com/docs/protocol#error-codes>.

use std::fmt;

/// What kind of error a forge answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The call was cancelled.
    Canceled,
    /// An error of another system, or one that nobody has sorted.
    Unknown,
    /// The request can't be right.
    InvalidArgument,
    /// The time ran out before the call ended.
    DeadlineExceeded,
    /// What was asked for isn't there.
    NotFound,
    /// What was to be made is there already.
    AlreadyExists,
    /// The caller may not do this.
    PermissionDenied,
    /// Some bound was reached.
    ResourceExhausted,
    /// The system isn't in the state that this needs.
    FailedPrecondition,
    /// Something else came in between.
    Aborted,
    /// Beyond the valid range.
    OutOfRange,
    /// This server has no such method.
    Unimplemented,
    /// The server's fault.
    Internal,
    /// The server can't for now.
    Unavailable,
    /// Data were lost.
    DataLoss,
    /// The server doesn't know the caller.
    Unauthenticated,
}

const NAMES: [(Code, &str); 16] = [
    (Code::Canceled, "canceled"),
    (Code::Unknown, "unknown"),
    (Code::InvalidArgument, "invalid_argument"),
    (Code::DeadlineExceeded, "deadline_exceeded"),
    (Code::NotFound, "not_found"),
    (Code::AlreadyExists, "already_exists"),
    (Code::PermissionDenied, "permission_denied"),
    (Code::ResourceExhausted, "resource_exhausted"),
    (Code::FailedPrecondition, "failed_precondition"),
    (Code::Aborted, "aborted"),
    (Code::OutOfRange, "out_of_range"),
    (Code::Unimplemented, "unimplemented"),
    (Code::Internal, "internal"),
    (Code::Unavailable, "unavailable"),
    (Code::DataLoss, "data_loss"),
    (Code::Unauthenticated, "unauthenticated"),
];

impl Code {
    /// The code of this name.
    pub fn named(name: &str) -> Option<Code> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
    }

    /// The code that gRPC's text has in its own spelling, e.g. `DeadlineExceeded`.
    fn in_camel_case(name: &str) -> Option<Code> {
        let same = |known: &str| {
            known.split('_').flat_map(str::chars).eq(name.chars().map(|c| c.to_ascii_lowercase()))
        };
        NAMES.iter().find(|(_, known)| same(known)).map(|(code, _)| *code)
    }

    /// What an answer means that isn't Connect's, by its HTTP status.
    /// Source: <https://connectrpc.com/docs/protocol#http-to-error-code>.
    pub fn of_status(status: u16) -> Code {
        match status {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502 | 503 | 504 => Code::Unavailable,
            _ => Code::Unknown,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(self) -> bool {
        match self {
            Code::Canceled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable => true,
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => false,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(code, _)| code == self).map_or("unknown", |(_, name)| *name))
    }
}

/// Code and message of an error of gRPC that an old Gitea wraps in one of Connect with the code `unknown`:
/// `rpc error: code = Unauthenticated desc = unregistered runner`.
pub(super) fn unwrap_grpc(message: &str) -> Option<(Code, &str)> {
    let (code, message) = message.strip_prefix("rpc error: code = ")?.split_once(" desc = ")?;
    Some((Code::in_camel_case(code)?, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_name() {
        for (code, name) in NAMES {
            assert_eq!(code.to_string(), name);
            assert_eq!(Code::named(name), Some(code));
        }
        assert_eq!(Code::named("Unauthenticated"), None);
    }

    #[test]
    fn the_text_of_grpc_is_taken_apart() {
        let text = "rpc error: code = Unauthenticated desc = unregistered runner";
        assert_eq!(unwrap_grpc(text), Some((Code::Unauthenticated, "unregistered runner")));
        let text = "rpc error: code = DeadlineExceeded desc = a desc = b";
        assert_eq!(unwrap_grpc(text), Some((Code::DeadlineExceeded, "a desc = b")));
        for other in
            ["", "unregistered runner", "rpc error: code = Odd desc = x", "rpc error: code = Internal"]
        {
            assert_eq!(unwrap_grpc(other), None);
        }
    }
}
