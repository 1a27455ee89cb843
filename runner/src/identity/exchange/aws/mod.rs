//! `provider = "aws"`: a session of a role, by AssumeRoleWithWebIdentity of the token service in the grant's region.
//! It is delivered as the credentials of a container: steps ask the endpoint, as they would on ECS or EKS, with a bearer
//! from a file. Source: "AssumeRoleWithWebIdentity" in the reference of AWS's Security Token Service, and "Container
//! credential provider" in the reference of AWS's SDKs and tools.

pub mod answer;
mod place;

mod services;
mod sign;
mod tags;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use palisade_proto::http::{Content, Method, Reply, Request as Ask};
use serde::Deserialize;
use serde_json::json;

use super::call::{self, MAX_VALUES, Provider, is_variable};
use super::fresh::Fresh;
use super::registry;
use super::server::Server;
use super::values;
use super::{Algorithm, Credentials, Delivery, Exchange, ExchangeError, Given, Request};
use crate::config::Time;
use crate::identity::Claims;
use crate::identity::endpoint::{Answer, Asked, Route};
use crate::identity::id_token::check_audience;
use crate::mask::Secret;
use answer::{Refusal, Session};
use place::{Region, Role};
use services::{Endpoints, Reader, Wanted};
use tags::Tags;

pub use tags::Claim as TagsClaim;

/// Who AWS is, for people.
const NAME: &str = "AWS STS";
/// The audience that AWS's own tools and documentation use.
const AUDIENCE: &str = "sts.amazonaws.com";
/// How long a session lasts unless the grant says otherwise: what every role allows.
const LIFETIME: Duration = Duration::from_hours(1);
/// Shortest and longest session.
const LIFETIMES: std::ops::RangeInclusive<Duration> = Duration::from_mins(15)..=Duration::from_hours(12);
/// Largest session policy, in characters, and most managed ones.
const MAX_POLICY: usize = 2048;
const MAX_POLICIES: usize = 10;
/// Longest name of a session.
const MAX_SESSION: usize = 64;

const KEY_ID: &str = "access key id";
const SECRET_KEY: &str = "secret access key";
const TOKEN: &str = "session token";
const EXPIRATION: &str = "expiration";
const REGISTRY: &str = "registry";
const LOGIN: &str = "registry login";

/// The keys of `provider = "aws"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Aws {
    role: Role,
    region: Region,
    server: Server,
    audience: String,
    algorithm: Algorithm,
    lifetime: Duration,
    policy: Option<String>,
    policies: Vec<String>,
    tags: Tags,
    /// By the variable that it is delivered as.
    read: BTreeMap<String, Wanted>,
    endpoints: Endpoints,
    session: bool,
    registry: bool,
    delivery: How,
}

/// How a session is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// By the endpoint, always fresh.
    #[default]
    Endpoint,
    /// As `AWS_ACCESS_KEY_ID` and so on, for tools that know nothing else.
    Env,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    role: Role,
    region: Region,
    endpoint: Option<Server>,
    audience: Option<String>,
    #[serde(default)]
    algorithm: Algorithm,
    lifetime: Option<Time>,
    policy: Option<toml::Value>,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    read: BTreeMap<String, Wanted>,
    #[serde(default)]
    endpoints: Endpoints,
    session: Option<bool>,
    #[serde(default)]
    registry: bool,
    #[serde(default)]
    delivery: How,
}

impl TryFrom<Table> for Aws {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let server = match table.endpoint {
            Some(server) => server,
            None => Server::known(&table.role.host("sts", &table.region)?)?,
        };
        let audience = table.audience.unwrap_or_else(|| AUDIENCE.to_owned());
        check_audience(&audience)?;
        let lifetime = table.lifetime.map_or(LIFETIME, |time| time.0);
        if !LIFETIMES.contains(&lifetime) {
            return Err("`lifetime` is between `15m` and `12h`".into());
        }
        let policy = table.policy.map(session_policy).transpose()?;
        let is_policy =
            |arn: &String| arn.starts_with("arn:") && arn.contains(":iam:") && arn.contains(":policy/");
        if table.policies.len() > MAX_POLICIES || !table.policies.iter().all(is_policy) {
            return Err(format!("`policies` has at most {MAX_POLICIES} ARNs of managed policies"));
        }
        if let Some(name) = table.read.keys().find(|name| !is_variable(name)) {
            let name = name.escape_debug();
            return Err(format!("`read`: `{name}` is no name of a variable: letters, digits and `_`"));
        }
        if table.read.len() > MAX_VALUES {
            return Err(format!("`read` has more than {MAX_VALUES} values"));
        }
        // Who has values read wants them, and no more than that unless it is said.
        let session = table.session.unwrap_or(table.read.is_empty() && !table.registry);
        if !session && table.read.is_empty() && !table.registry {
            return Err(
                "it gives nothing: name values in `read`, say `registry`, or leave `session` out".into()
            );
        }
        Ok(Aws {
            role: table.role,
            region: table.region,
            server,
            audience,
            algorithm: table.algorithm,
            lifetime,
            policy,
            policies: table.policies,
            tags: table.tags,
            read: table.read,
            endpoints: table.endpoints,
            session,
            registry: table.registry,
            delivery: table.delivery,
        })
    }
}

/// A session policy in JSON, written as such or as a table.
fn session_policy(written: toml::Value) -> Result<String, String> {
    let policy: serde_json::Value = match written {
        toml::Value::String(text) => {
            serde_json::from_str(&text).map_err(|error| format!("`policy` isn't JSON: {error}"))?
        }
        table @ toml::Value::Table(_) => table.try_into().map_err(|_| "`policy` can't be told in JSON")?,
        other => return Err(format!("`policy` is JSON or a table, and not a {}", other.type_str())),
    };
    if policy.get("Statement").is_none() {
        return Err("`policy` has no `Statement`".into());
    }
    let policy = policy.to_string();
    if policy.len() > MAX_POLICY {
        return Err(format!(
            "`policy` takes {} characters, and a session's {MAX_POLICY} at most",
            policy.len()
        ));
    }
    Ok(policy)
}

/// What a session is called in AWS's own records: the repository, and which run it is.
fn session_name(claims: &Claims) -> String {
    let name = format!("{}-{}-{}", claims.repository, claims.run_id, claims.run_attempt);
    let fits = |c: char| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(fits).collect();
    let name = name.trim_matches('-');
    // The end says which run it is.
    let name = &name[name.len().saturating_sub(MAX_SESSION)..];
    if name.len() < 2 { "palisade".to_owned() } else { name.to_owned() }
}

impl Exchange for Aws {
    fn exchange(&self, request: &Request) -> Result<Credentials, ExchangeError> {
        let token = request.tokens.token(&self.audience, self.algorithm)?;
        let sent = [&token];
        let provider = Provider { name: NAME, http: &request.http, deadline: request.deadline, sent: &sent };
        let session_name = session_name(&request.claims);
        let seconds = self.lifetime.as_secs().to_string();
        let arns: Vec<(String, &str)> = (1..)
            .zip(&self.policies)
            .map(|(number, arn)| (format!("PolicyArns.member.{number}.arn"), arn.as_str()))
            .collect();
        let mut fields = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", self.role.arn()),
            ("RoleSessionName", &session_name),
            ("DurationSeconds", &seconds),
            ("WebIdentityToken", token.expose()),
        ];
        fields.extend(self.policy.as_deref().map(|policy| ("Policy", policy)));
        fields.extend(arns.iter().map(|(name, arn)| (name.as_str(), *arn)));
        let body = call::form(&fields);
        let ask = Ask {
            method: Method::Post,
            server: self.server.instance(),
            path: "/",
            headers: &[],
            content: Some(Content { kind: "application/x-www-form-urlencoded", bytes: body.as_bytes() }),
            limit: call::MAX_ANSWER,
        };
        let passing = |reply: &Reply| Refusal::read(&reply.body).is_some_and(|refusal| refusal.is_passing());
        let reply = provider.ask(&ask, passing)?;
        if reply.status != 200 {
            return Err(match Refusal::read(&reply.body) {
                Some(refusal) => {
                    let Refusal { code, message, request } = refusal;
                    provider.refusal(&reply, &format!("{code}: {message} (request {request})"))
                }
                None => provider.refused(&reply),
            });
        }
        let session = Session::read(&reply.body).ok_or_else(|| {
            provider.garbled("it isn't the XML of AssumeRoleWithWebIdentity with credentials in it")
        })?;
        let expires = call::moment(&session.expiration)
            .ok_or_else(|| provider.garbled("the credentials end at no time that can be read"))?;
        let given = |name: &'static str, value: String| (Cow::from(name), Given::Secret(Secret::new(value)));
        let request_id = Some(session.request)
            .filter(|id| !id.is_empty())
            .or_else(|| reply.header("x-amzn-requestid").map(str::to_owned));
        let mut record = vec![
            ("role", self.role.arn().to_owned()),
            ("session", call::one_line(&session.arn)),
            ("region", self.region.to_string()),
        ];
        record.extend(request_id.map(|id| ("request", call::one_line(&id))));
        let mut credentials = Credentials {
            values: vec![
                given(KEY_ID, session.access_key_id),
                given(SECRET_KEY, session.secret_access_key),
                given(TOKEN, session.session_token),
                (EXPIRATION.into(), Given::Plain(session.expiration)),
            ],
            expires: Some(expires),
            record,
        };
        if !self.read.is_empty() || self.registry {
            self.read(&mut credentials, request)?;
        }
        Ok(credentials)
    }

    fn deliver(&self, credentials: Credentials, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
        for name in self.read.keys() {
            let value = credentials.expose(name).unwrap_or_default();
            let how = match self.delivery {
                How::Env => values::How::Env,
                How::Endpoint => values::How::File,
            };
            how.put(name, value, delivery)?;
        }
        if let (Some(host), Some(login)) = (credentials.expose(REGISTRY), credentials.expose(LOGIN)) {
            // It lasts for 12 hours, as long as the longest job.
            registry::deliver(&registry::logins([host].into_iter(), login), delivery)?;
        }
        if !self.session {
            return Ok(());
        }
        if delivery.variables.iter().any(|(name, _)| name == "AWS_REGION") {
            let what = "a step can have one session of AWS: its tools look for credentials in one place";
            return Err(ExchangeError::Delivery(what.into()));
        }
        let region = self.region.to_string();
        delivery.set("AWS_REGION", region.clone());
        delivery.set("AWS_DEFAULT_REGION", region);
        // Tools that find nothing here would go on and ask the host's cloud.
        delivery.set("AWS_EC2_METADATA_DISABLED", "true");
        match self.delivery {
            How::Endpoint => self.by_endpoint(credentials, delivery),
            How::Env => {
                for (variable, name) in [
                    ("AWS_ACCESS_KEY_ID", KEY_ID),
                    ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
                    ("AWS_SESSION_TOKEN", TOKEN),
                ] {
                    delivery.set(variable, credentials.expose(name).unwrap_or_default());
                }
                Ok(())
            }
        }
    }
}

impl Aws {
    /// The claims of a token for the session: with its tags.
    ///
    /// # Errors
    /// Where a claim can't be a tag.
    pub fn claims(&self, claims: &Arc<Claims>) -> Result<Arc<Claims>, ExchangeError> {
        Ok(match self.tags.of(claims)? {
            None => claims.clone(),
            tags => Arc::new(Claims { aws_tags: tags, ..Claims::clone(claims) }),
        })
    }

    /// Reads the values that the grant names, as the session.
    fn read(&self, credentials: &mut Credentials, request: &Request) -> Result<(), ExchangeError> {
        let reader = Reader {
            role: &self.role,
            region: &self.region,
            endpoints: &self.endpoints,
            session: credentials,
            http: &request.http,
            deadline: request.deadline,
        };
        let mut read = Vec::new();
        for (name, wanted) in &self.read {
            read.push((Cow::from(name.clone()), Given::Secret(reader.read(wanted)?)));
        }
        if self.registry {
            let (host, login) = reader.registry()?;
            read.push((REGISTRY.into(), Given::Plain(host.clone())));
            read.push((LOGIN.into(), Given::Secret(login)));
            credentials.record.push(("registry", host));
        }
        if !self.read.is_empty() {
            let names: Vec<String> = self.read.values().map(Wanted::to_string).collect();
            credentials.record.push(("read", names.join(" ")));
        }
        credentials.values.extend(read);
        Ok(())
    }

    fn by_endpoint(
        &self,
        credentials: Credentials,
        delivery: &mut Delivery<'_>,
    ) -> Result<(), ExchangeError> {
        let path = format!("/aws/{}", delivery.request.grant);
        // The file has the whole value of the header.
        let bearer = format!("Bearer {}", delivery.caller.bearer.expose());
        let file = delivery.write(&format!("aws-{}", delivery.request.grant), bearer.as_bytes())?;
        delivery.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}{path}", delivery.caller.origin));
        delivery.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file);
        // What was read has no end with the session.
        let exchange = Aws { read: BTreeMap::new(), registry: false, ..self.clone() };
        let fresh = Fresh::keep(
            credentials,
            delivery,
            Box::new(move |request| exchange.exchange(request)),
            Box::new(|_| Ok(())),
        )?;
        delivery.routes.push(Box::new(Container {
            path,
            bearer: delivery.caller.bearer.clone(),
            account: self.role.account().to_owned(),
            role: self.role.arn().to_owned(),
            fresh,
        }));
        Ok(())
    }
}

/// The credentials of a container, as its step asks for them.
struct Container {
    path: String,
    bearer: Secret,
    account: String,
    role: String,
    fresh: Fresh,
}

impl Route for Container {
    fn answer(&self, asked: &Asked<'_>) -> Option<Answer> {
        if asked.method != "GET" || asked.path != self.path || !asked.bears(&self.bearer) {
            return None;
        }
        Some(match self.fresh.get() {
            Ok(credentials) => {
                let value = |name| credentials.expose(name);
                Answer::json(
                    200,
                    &json!({
                        "AccessKeyId": value(KEY_ID),
                        "SecretAccessKey": value(SECRET_KEY),
                        "Token": value(TOKEN),
                        "Expiration": value(EXPIRATION),
                        "AccountId": self.account,
                        "RoleArn": self.role,
                    }),
                )
            }
            Err(error) => {
                let message = format!("the credentials have expired, and there are no new ones: {error}");
                Answer::json(503, &json!({ "code": "Expired", "message": message }))
            }
        })
    }
}

#[cfg(test)]
mod tests;
