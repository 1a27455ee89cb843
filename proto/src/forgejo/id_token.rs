//! Identity tokens of the forge itself, for a job that it offers them to. Source: `routers/api/actions/actions.go` and
//! `services/actions/context.go` of Forgejo 15; Gitea's are made in its likeness.

use serde::Deserialize;
use ureq::http::{HeaderMap, HeaderValue, header};

use super::IdTokenRequest;
use crate::connect::{Call, Method, Reason};
use crate::{Error, Http, Instance, Secret};

/// Where both have it, below their own address.
const BELOW: &str = "/api/actions/";
/// The same as a Forgejo below a path offers it: it puts the path before that once more (`https://host/git//gitapi/…`).
const BELOW_PATH: &str = "api/actions/";
/// Largest answer, in bytes.
const ID_TOKEN: Method = Method { name: "IdToken", path: BELOW, limit: 64 << 10 };

#[derive(Deserialize)]
struct Answer {
    value: String,
}

/// Asks for a token for an audience. The forge is asked at the address at which it is known here: how it calls itself
/// may be no address that this host can reach.
///
/// # Errors
/// Where it can't be reached, says no, or offers an address that isn't its own.
pub fn id_token(
    http: &Http,
    instance: &Instance,
    request: &IdTokenRequest,
    audience: &str,
) -> Result<Secret, Error> {
    let mut call = Call { http, instance, timeout: None, headers: HeaderMap::new() };
    let failed =
        |call: &Call<'_>, what: &str| call.failed(&ID_TOKEN, Reason::Malformed { what: what.to_owned() });
    let Some(path) = path(&request.url) else {
        return Err(failed(&call, "the address that it offers for tokens is none of its own"));
    };
    let bearer = format!("Bearer {}", request.token.expose());
    let Ok(mut bearer) = HeaderValue::try_from(bearer) else {
        return Err(failed(&call, "what it offers to ask for tokens with can't be sent"));
    };
    bearer.set_sensitive(true);
    call.headers.insert(header::AUTHORIZATION, bearer);
    let separator = if path.contains('?') { '&' } else { '?' };
    let Answer { value } =
        call.get(&ID_TOKEN, &format!("{path}{separator}audience={}", encoded(audience)))?;
    Ok(Secret::new(value))
}

/// The path and query of an address, from what stands below the forge's own.
fn path(url: &str) -> Option<String> {
    let rest = url.split_once(BELOW).or_else(|| url.split_once(BELOW_PATH)).map(|(_, rest)| rest)?;
    Some(format!("{BELOW}{rest}"))
}

/// Source: RFC 3986, section 2.3.
fn encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_below_the_forges_address() {
        let rest = "_apis/pipelines/workflows/7/idtoken?placeholder=true";
        for base in [
            "https://forge/api/actions/",
            "http://forge:3000/git/api/actions/",
            "https://forge/git//gitapi/actions/",
        ] {
            assert_eq!(path(&format!("{base}{rest}")), Some(format!("/api/actions/{rest}")), "{base}");
        }
        assert_eq!(path("https://elsewhere/token"), None);
    }

    #[test]
    fn an_audience_stays_one_parameter() {
        assert_eq!(encoded("api://x?a=b&c"), "api%3A%2F%2Fx%3Fa%3Db%26c");
    }
}
