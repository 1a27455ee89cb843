//! Summaries of steps, which a Gitea from 1.27 on shows beside a run.
//! Source: `routers/api/actions/job_summary.go` of Gitea, and its runner's `act/runner/job_executor.go`.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use ureq::http::{HeaderMap, HeaderValue, header};

use super::Task;
use crate::connect::{Call, Method, Reason};
use crate::{Error, Http, Instance, Secret};

/// What such a server says of itself when a runner is declared.
pub const SUMMARIES: &str = "job-summary";
/// Largest summaries of a job together, in bytes.
pub const MAX_SUMMARIES: usize = 1 << 20;

/// Where they go, below the server's address.
const BELOW: &str = "/api/actions_pipeline/_apis/pipelines/workflows/";
const SUMMARY: Method = Method { name: "Summary", path: BELOW, limit: 64 << 10 };
/// How long one may take on its way: nothing depends on it.
const PATIENCE: Duration = Duration::from_secs(5);

impl Task {
    /// Where summaries of the task's steps go, below the server's address; none where that can't be told. Only the token
    /// knows the number of the job.
    pub fn summaries(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Claims {
            #[serde(rename = "JobID")]
            job: u64,
        }
        let token = self.tokens.runtime.as_ref()?;
        let claims = token.expose().split('.').nth(1)?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        let Claims { job } = serde_json::from_slice(&claims).ok()?;
        let run: u64 = self.context.get("run_id")?.as_str()?.parse().ok()?;
        Some(format!("{BELOW}{run}/jobs/{job}/steps"))
    }
}

/// Gives the server the summary of a step, in Markdown, while the task's token is valid.
///
/// # Errors
/// Where it can't be reached, or doesn't take it.
pub fn send_summary(
    http: &Http,
    instance: &Instance,
    token: &Secret,
    summaries: &str,
    step: usize,
    markdown: &str,
) -> Result<(), Error> {
    let mut call = Call { http, instance, timeout: Some(PATIENCE), headers: HeaderMap::new() };
    let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", token.expose())) else {
        let what = "the task's token can't be sent".to_owned();
        return Err(call.failed(&SUMMARY, Reason::Malformed { what }));
    };
    bearer.set_sensitive(true);
    call.headers.insert(header::AUTHORIZATION, bearer);
    call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"));
    call.put(&SUMMARY, &format!("{summaries}/{step}/summary"), markdown.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forgejo::wire::runner as wire;

    fn summaries(run: &str, token: &str) -> Option<String> {
        let text = |text: &str| wire::Value { kind: Some(wire::value::Kind::StringValue(text.to_owned())) };
        let field =
            |key: &str, value: &str| wire::Field { key: Some(key.to_owned()), value: Some(text(value)) };
        let fields = vec![field("run_id", run), field("gitea_runtime_token", token)];
        Task::from(wire::Task { context: Some(wire::Struct { fields }), ..wire::Task::default() }).summaries()
    }

    #[test]
    fn the_tokens_claims_have_the_number_of_the_job() {
        let token = |claims: &str| format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let good = token("{\"TaskID\":3,\"RunID\":7,\"JobID\":12}");
        let below = "/api/actions_pipeline/_apis/pipelines/workflows/7/jobs/12/steps";
        assert_eq!(summaries("7", &good).as_deref(), Some(below));
        for (run, token) in [
            ("../7", good.as_str()),
            ("7", "0123456789abcdef"),
            ("7", "a.%%.b"),
            ("7", &token("{\"JobID\":\"12\"}")),
            ("7", &token("{\"JobID\":-1}")),
            ("7", &token("[]")),
        ] {
            assert_eq!(summaries(run, token), None, "{run} {token}");
        }
    }
}
