//! Requests and answers of the endpoint: HTTP/1.1, one question a connection. Source: RFC 9112.

use crate::mask::Secret;

/// A question.
#[derive(Debug)]
pub struct Asked<'a> {
    /// `GET`, `PUT`…
    pub method: &'a str,
    /// The path, as it was sent.
    pub path: &'a str,
    /// What stands behind `?`, as it was sent.
    pub query: &'a str,
    /// Names and values of headers.
    pub headers: &'a [(&'a str, &'a str)],
}

impl Asked<'_> {
    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Whether it proves the right by `Authorization: bearer SECRET`. Takes as long whatever differs.
    pub fn bears(&self, secret: &Secret) -> bool {
        let Some((scheme, token)) = self.header("authorization").and_then(|value| value.split_once(' '))
        else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && Secret::new(token.trim().to_owned()) == *secret
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Further headers than those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// `Content-Type`
    pub kind: &'static str,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            kind: "application/json; charset=utf-8",
            body: body.to_string(),
        }
    }

    /// Why there is nothing else.
    pub fn refused(status: u16, message: &str) -> Answer {
        Answer::json(status, &serde_json::json!({ "message": message }))
    }

    /// Text.
    pub fn text(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, headers: Vec::new(), kind: "text/plain; charset=utf-8", body: body.into() }
    }
}
