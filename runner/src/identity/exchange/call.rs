//! Asking a provider: tried again where that may help, never beyond the deadline, and its errors in its own words.

use std::time::{Duration, Instant, SystemTime};

use palisade_proto::http::{Content, Method, Reply, Request, RequestError};
use palisade_proto::{Http, Instance};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::ExchangeError;
use crate::daemon::backoff::{Backoff, jittered};
use crate::mask::{MASK, Secret};
use crate::output::clock;

/// How often a provider is asked.
const ATTEMPTS: usize = 4;
/// The first wait between two attempts; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait that is our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// How much of what a provider says is shown, in characters.
const SHOWN: usize = 2000;
/// Largest answer, in bytes: tokens take a few KiB.
pub const MAX_ANSWER: usize = 256 << 10;
/// Most values that a grant has read.
pub const MAX_VALUES: usize = 64;

/// A provider to be asked.
pub struct Provider<'a> {
    /// Its name, for people.
    pub name: &'static str,
    /// How it is reached.
    pub http: &'a Http,
    /// When an answer is of no use any more.
    pub deadline: Instant,
    /// What it is sent: where its errors repeat it, it is masked.
    pub sent: &'a [&'a Secret],
}

impl Provider<'_> {
    /// Asks until there is an answer that is no passing trouble: a status of 429 or from 500 on, or what `passing` sees.
    /// The last answer is given whatever it is.
    pub fn ask(
        &self,
        request: &Request<'_>,
        passing: impl Fn(&Reply) -> bool,
    ) -> Result<Reply, ExchangeError> {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        for attempt in 1.. {
            let answer = self.http.send(request);
            let (again, wanted) = match &answer {
                Ok(reply) => {
                    let trouble = reply.status == 429 || reply.status >= 500 || passing(reply);
                    (trouble, reply.header("retry-after").and_then(|text| text.trim().parse().ok()))
                }
                Err(error) => (error.is_transient(), None),
            };
            let wait =
                wanted.map_or_else(|| backoff.next(), |seconds| jittered(Duration::from_secs(seconds)));
            if !again || attempt == ATTEMPTS || Instant::now() + wait >= self.deadline {
                return answer.map_err(|error| self.failed(request, &error));
            }
            std::thread::sleep(wait);
        }
        unreachable!("the last attempt is the end")
    }

    /// The same as one who has a token: for what is at a path, or with what is said there.
    pub fn ask_as(
        &self,
        token: &Secret,
        server: &Instance,
        path: &str,
        said: Option<&Json>,
    ) -> Result<Reply, ExchangeError> {
        let authorization = Zeroizing::new(format!("Bearer {}", token.expose()));
        let said = said.map(Json::to_string);
        let request = Request {
            method: if said.is_some() { Method::Post } else { Method::Get },
            server,
            path,
            headers: &[("authorization", &authorization), ("accept", "application/json")],
            content: said.as_ref().map(|said| Content { kind: "application/json", bytes: said.as_bytes() }),
            limit: MAX_ANSWER,
        };
        self.ask(&request, |_| false)
    }

    fn failed(&self, request: &Request<'_>, error: &RequestError) -> ExchangeError {
        let provider = self.name.to_owned();
        let message = format!("{}: {error}", request.server);
        match error {
            RequestError::Unreachable { .. } => ExchangeError::Unreachable { provider, message },
            RequestError::Redirected { .. }
            | RequestError::Malformed { .. }
            | RequestError::Misconfigured { .. } => ExchangeError::Garbled { provider, message },
        }
    }

    /// The provider's own refusal.
    pub fn refused(&self, reply: &Reply) -> ExchangeError {
        self.refusal(reply, &reason(&reply.body))
    }

    /// The provider's own refusal, in these words of it.
    pub fn refusal(&self, reply: &Reply, words: &str) -> ExchangeError {
        let mut words = words.to_owned();
        for secret in self.sent {
            words = words.replace(secret.expose(), MASK);
        }
        let words = one_line(&words);
        let colon = if words.is_empty() { "" } else { ": " };
        let message = format!("HTTP status {}{colon}{words}", reply.status);
        ExchangeError::Refused { provider: self.name.to_owned(), message }
    }

    /// An answer that isn't one.
    pub fn garbled(&self, what: impl Into<String>) -> ExchangeError {
        ExchangeError::Garbled { provider: self.name.to_owned(), message: what.into() }
    }

    /// A value, or the field of it where it is a JSON object of which one is wanted.
    pub fn field(&self, of: &str, text: &str, field: Option<&str>) -> Result<Secret, ExchangeError> {
        let Some(field) = field else { return Ok(Secret::new(text.to_owned())) };
        let object: serde_json::Map<String, Json> =
            serde_json::from_str(text).map_err(|_| self.garbled(format!("`{of}` is no JSON object")))?;
        match object.get(field) {
            Some(Json::String(text)) => Ok(Secret::new(text.clone())),
            Some(Json::Null) | None => {
                let known: Vec<String> =
                    object.keys().map(|key| format!("`{}`", key.escape_debug())).collect();
                Err(self.garbled(format!("`{of}` has no field `{field}`; it has {}", known.join(", "))))
            }
            Some(other) => Ok(Secret::new(other.to_string())),
        }
    }

    /// What a successful answer says in JSON.
    pub fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, ExchangeError> {
        if !(200..300).contains(&reply.status) {
            return Err(self.refused(reply));
        }
        // The parser's own text may hold a part of the value.
        serde_json::from_slice(&reply.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            self.garbled(format!("it isn't the JSON that was asked for (line {line}, column {column})"))
        })
    }
}

/// What a body says of an error, in the ways of OAuth, Google, Vault and plain text.
fn reason(body: &[u8]) -> String {
    match serde_json::from_slice::<Json>(body) {
        Ok(json) => {
            let text = |pointer: &str| json.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
            let list = json.get("errors").and_then(Json::as_array).map(|errors| {
                let texts: Vec<&str> = errors.iter().filter_map(Json::as_str).collect();
                texts.join("; ")
            });
            let parts = [
                text("/error"),
                text("/error/status"),
                text("/error/code"),
                text("/error_description"),
                text("/error/message"),
                text("/message"),
                list,
            ];
            let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
            if parts.is_empty() { json.to_string() } else { parts.join(": ") }
        }
        // A page for a browser tells a person nothing here.
        Err(_) if body.trim_ascii_start().starts_with(b"<") => String::new(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

/// The beginning of a text of a provider, without what moves a terminal's cursor.
pub fn one_line(text: &str) -> String {
    let mut characters = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

/// Whether values can be delivered under this name.
pub fn is_variable(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.len() <= 128 && name.bytes().all(fits) && name.starts_with(|c: char| !c.is_ascii_digit())
}

/// A moment in RFC 3339 and UTC, with or without a fraction of a second, which is left out.
pub fn moment(text: &str) -> Option<SystemTime> {
    let seconds = text.get(..19)?;
    let rest = text[19..].strip_suffix('Z').or_else(|| text[19..].strip_suffix("+00:00"))?;
    let is_fraction =
        rest.strip_prefix('.').is_some_and(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()));
    (rest.is_empty() || is_fraction).then(|| clock::parse(&format!("{seconds}.000Z")))?
}

/// A body of `application/x-www-form-urlencoded`. Source: <https://url.spec.whatwg.org/#urlencoded-serializing>.
pub fn form(fields: &[(&str, &str)]) -> zeroize::Zeroizing<String> {
    let mut body = zeroize::Zeroizing::new(String::new());
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        body.push_str(name);
        body.push('=');
        body.extend(encoded(value));
    }
    body
}

/// A text as a part of an address.
pub fn encoded(text: &str) -> impl Iterator<Item = &str> {
    const ESCAPED: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, &ESCAPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_the_words_of_whoever_says_it() {
        for (body, told) in [
            (
                r#"{"error":"invalid_grant","error_description":"The audience\nis wrong."}"#,
                "invalid_grant: The audience\nis wrong.",
            ),
            (
                r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#,
                "PERMISSION_DENIED: no",
            ),
            (r#"{"errors":["a","b"]}"#, "a; b"),
            (r#"{"other":1}"#, r#"{"other":1}"#),
            ("plain text", "plain text"),
            ("<html><body>Bad gateway", ""),
            ("", ""),
        ] {
            assert_eq!(reason(body.as_bytes()), told, "{body}");
        }
        assert_eq!(one_line("a\u{1b}[2J\nb"), "a [2J b");
        assert_eq!(one_line(&"x".repeat(5000)).chars().count(), SHOWN + 1);
    }

    #[test]
    fn a_moment_is_read_to_the_second() {
        let whole = moment("2026-11-30T13:00:00Z");
        assert!(whole.is_some());
        for text in ["2026-11-30T13:00:00.123456789Z", "2026-11-30T13:00:00+00:00"] {
            assert_eq!(moment(text), whole, "{text}");
        }
        for text in
            ["", "2026-11-30", "2026-11-30T13:00:00", "2026-11-30T13:00:00+02:00", "2026-11-30T13:00:00.Z"]
        {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_form_is_encoded() {
        let form = form(&[("Action", "Assume"), ("Policy", "{\"a\": \"ü&=+\"}")]);
        assert_eq!(*form, "Action=Assume&Policy=%7B%22a%22%3A%20%22%C3%BC%26%3D%2B%22%7D");
    }
}
