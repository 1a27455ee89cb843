//! What other services of AWS are asked for with a grant's role: secrets, parameters, and the login of a registry. Source:
//! "GetSecretValue", "GetParameter" and "GetAuthorizationToken" in the references of their APIs.

use palisade_proto::Http;
use palisade_proto::http::{Content, Method, Reply, Request as Ask};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::super::call::{MAX_ANSWER, Provider};
use super::super::server::Server;
use super::super::{Credentials, ExchangeError};
use super::place::{Region, Role};
use super::sign::{Moment, Signer};
use super::{KEY_ID, SECRET_KEY, TOKEN};
use crate::mask::Secret;
use crate::mask::parts::decode_base64;
use crate::output::clock;

/// Longest name of a secret: an ARN.
const MAX_NAME: usize = 2048;

/// One value: `secretsmanager:NAME`, `secretsmanager:NAME#FIELD` or `ssm:NAME`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Wanted {
    kind: Kind,
    name: String,
    /// Of a secret that is a JSON object.
    field: Option<String>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Secret,
    Parameter,
}

impl Kind {
    fn service(self) -> &'static Service {
        match self {
            Kind::Secret => &SECRETS_MANAGER,
            Kind::Parameter => &SSM,
        }
    }
}

/// A service, and the one thing that it is asked for.
struct Service {
    /// Its name in signatures.
    name: &'static str,
    /// How its hosts begin.
    host: &'static str,
    /// `X-Amz-Target`
    target: &'static str,
    /// For people.
    called: &'static str,
    endpoint: fn(&Endpoints) -> Option<&Server>,
}

const SECRETS_MANAGER: Service = Service {
    name: "secretsmanager",
    host: "secretsmanager",
    target: "secretsmanager.GetSecretValue",
    called: "AWS Secrets Manager",
    endpoint: |endpoints| endpoints.secretsmanager.as_ref(),
};

const SSM: Service = Service {
    name: "ssm",
    host: "ssm",
    target: "AmazonSSM.GetParameter",
    called: "AWS Systems Manager",
    endpoint: |endpoints| endpoints.ssm.as_ref(),
};

const ECR: Service = Service {
    name: "ecr",
    host: "api.ecr",
    target: "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
    called: "AWS ECR",
    endpoint: |endpoints| endpoints.ecr.as_ref(),
};

/// Where the services are, if not where AWS has them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoints {
    secretsmanager: Option<Server>,
    ssm: Option<Server>,
    ecr: Option<Server>,
}

impl TryFrom<String> for Wanted {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is neither `secretsmanager:NAME`, `secretsmanager:NAME#FIELD` nor `ssm:NAME`",
                text.escape_debug()
            )
        };
        let (service, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (kind, name, field) = match (service, rest.split_once('#')) {
            ("secretsmanager", Some((name, field))) => (Kind::Secret, name, Some(field)),
            ("secretsmanager", None) => (Kind::Secret, rest, None),
            ("ssm", None) => (Kind::Parameter, rest, None),
            _ => return Err(wrong()),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-:!".contains(c);
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) || field == Some("") {
            return Err(wrong());
        }
        Ok(Wanted { kind, name: name.to_owned(), field: field.map(str::to_owned) })
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind.service().name, self.name)
    }
}

/// Asks as a role's session.
pub struct Reader<'a> {
    pub role: &'a Role,
    pub region: &'a Region,
    pub endpoints: &'a Endpoints,
    pub session: &'a Credentials,
    pub http: &'a Http,
    pub deadline: std::time::Instant,
}

impl Reader<'_> {
    /// One value.
    pub fn read(&self, wanted: &Wanted) -> Result<Secret, ExchangeError> {
        let service = wanted.kind.service();
        let (body, value) = match wanted.kind {
            Kind::Secret => (json!({ "SecretId": wanted.name }), "/SecretString"),
            Kind::Parameter => (json!({ "Name": wanted.name, "WithDecryption": true }), "/Parameter/Value"),
        };
        let sent: Vec<&Secret> = self.session.secrets().map(|(_, secret)| secret).collect();
        let provider = self.provider(service, &sent);
        let said = self.ask(&provider, service, &body, &format!("`{wanted}`: "))?;
        let text = said.pointer(value).and_then(Json::as_str);
        let text = text
            .ok_or_else(|| provider.garbled(format!("`{wanted}` has no text; binary secrets aren't read")))?;
        provider.field(&wanted.to_string(), text, wanted.field.as_deref())
    }

    /// The host of the account's registry, and the login there: name and password, a colon between them, in base64.
    pub fn registry(&self) -> Result<(String, Secret), ExchangeError> {
        let sent: Vec<&Secret> = self.session.secrets().map(|(_, secret)| secret).collect();
        let provider = self.provider(&ECR, &sent);
        let said = self.ask(&provider, &ECR, &json!({}), "")?;
        let text = |name: &str| said.pointer(&format!("/authorizationData/0/{name}")).and_then(Json::as_str);
        let login = text("authorizationToken").filter(|login| decode_base64(login.as_bytes()).is_some());
        let host = text("proxyEndpoint").map(|address| address.trim_start_matches("https://"));
        let is_host = |host: &&str| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b))
        };
        match (host.filter(is_host), login) {
            (Some(host), Some(login)) => Ok((host.to_owned(), Secret::new(login.to_owned()))),
            _ => Err(provider.garbled("there is no login in it")),
        }
    }

    fn provider<'p>(&'p self, service: &Service, sent: &'p [&'p Secret]) -> Provider<'p> {
        Provider { name: service.called, http: self.http, deadline: self.deadline, sent }
    }

    /// What a service answers; `of` begins what is told of a refusal.
    fn ask(
        &self,
        provider: &Provider<'_>,
        service: &Service,
        body: &Json,
        of: &str,
    ) -> Result<Json, ExchangeError> {
        let reply = self.send(provider, service, body)?;
        if reply.status == 200 {
            return provider.read(&reply);
        }
        let said: Json = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text =
            |names: [&str; 2]| names.iter().find_map(|name| said.get(*name)?.as_str()).unwrap_or_default();
        // `Namespace#Code`, of which the code is of interest.
        let code = text(["__type", "code"]).rsplit('#').next().unwrap_or_default();
        Err(provider.refusal(&reply, &format!("{of}{code}: {}", text(["message", "Message"]))))
    }

    fn send(&self, provider: &Provider<'_>, service: &Service, body: &Json) -> Result<Reply, ExchangeError> {
        let own = (service.endpoint)(self.endpoints).cloned();
        let known = || Server::known(&self.role.host(service.host, self.region)?);
        let server = own.map_or_else(known, Ok).map_err(ExchangeError::Delivery)?;
        let (body, region) = (body.to_string(), self.region.to_string());
        let at = Moment::of(&clock::now());
        let host = server.instance().authority();
        let value = |name| self.session.expose(name).unwrap_or_default();
        let kind = "application/x-amz-json-1.1";
        let headers = [
            ("content-type", kind),
            ("host", host),
            ("x-amz-date", at.as_str()),
            ("x-amz-security-token", value(TOKEN)),
            ("x-amz-target", service.target),
        ];
        let signer = Signer {
            key_id: value(KEY_ID),
            secret_key: value(SECRET_KEY),
            region: &region,
            service: service.name,
        };
        let authorization = signer.authorization("POST", &headers, body.as_bytes(), &at);
        // The client says by itself where it asks, and what the content is.
        let sent = [headers[2], headers[3], headers[4], ("authorization", &authorization)];
        let ask = Ask {
            method: Method::Post,
            server: server.instance(),
            path: "/",
            headers: &sent,
            content: Some(Content { kind, bytes: body.as_bytes() }),
            limit: MAX_ANSWER,
        };
        provider.ask(&ask, |reply| reply.status == 400 && is_throttled(&reply.body))
    }
}

fn is_throttled(body: &[u8]) -> bool {
    let said: Json = serde_json::from_slice(body).unwrap_or_default();
    said.get("__type").and_then(Json::as_str).is_some_and(|kind| kind.contains("Throttl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_named_by_its_service() {
        let wanted = |text: &str| Wanted::try_from(text.to_owned());
        let secret = wanted("secretsmanager:prod/db#password").unwrap();
        assert_eq!(
            (secret.to_string().as_str(), secret.field.as_deref()),
            ("secretsmanager:prod/db", Some("password"))
        );
        let arn = "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf";
        assert_eq!(wanted(arn).unwrap().to_string(), arn);
        assert!(wanted("ssm:/app/key").is_ok());
        for text in ["", "prod/db", "s3:a", "ssm:", "ssm:a#b", "secretsmanager:a#", "secretsmanager:a b"] {
            assert!(wanted(text).unwrap_err().contains("is neither `secretsmanager:NAME`"), "{text}");
        }
    }
}
