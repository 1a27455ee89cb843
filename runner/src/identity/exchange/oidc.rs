//! `provider = "oidc"`: a token of any service that exchanges tokens by RFC 8693.

use std::borrow::Cow;

use serde::Deserialize;

use super::call::Provider;
use super::fresh::keep_file;
use super::server::Server;
use super::token_exchange::{self, GRANT_TYPE, JWT};
use super::values::How;
use super::{Algorithm, Credentials, Delivery, Exchange, ExchangeError, Given, Request};
use crate::identity::id_token::check_audience;

/// Who it is, for people.
const NAME: &str = "the token service";

const TOKEN: &str = "token";

/// The keys of `provider = "oidc"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Oidc {
    server: Server,
    audience: String,
    algorithm: Algorithm,
    /// Further fields of the request, by their names there.
    fields: Vec<(&'static str, String)>,
    variable: String,
    delivery: How,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    token_endpoint: Server,
    audience: Option<String>,
    #[serde(default)]
    algorithm: Algorithm,
    client_id: Option<String>,
    scope: Option<String>,
    resource: Option<String>,
    target_audience: Option<String>,
    subject_token_type: Option<String>,
    requested_token_type: Option<String>,
    variable: String,
    #[serde(default)]
    delivery: How,
}

impl TryFrom<Table> for Oidc {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let audience = table.audience.unwrap_or_else(|| table.token_endpoint.to_string());
        check_audience(&audience)?;
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let variable = table.variable;
        if variable.len() > 128
            || !variable.starts_with(|c: char| c.is_ascii_uppercase())
            || !variable.bytes().all(fits)
        {
            let variable = variable.escape_debug();
            return Err(format!("`variable`: `{variable}` isn't made of capital letters, digits and `_`"));
        }
        let fields = [
            ("subject_token_type", Some(table.subject_token_type.unwrap_or_else(|| JWT.to_owned()))),
            ("requested_token_type", table.requested_token_type),
            ("client_id", table.client_id),
            ("scope", table.scope),
            ("resource", table.resource),
            ("audience", table.target_audience),
        ];
        Ok(Oidc {
            server: table.token_endpoint,
            audience,
            algorithm: table.algorithm,
            fields: fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            variable,
            delivery: table.delivery,
        })
    }
}

impl Exchange for Oidc {
    fn exchange(&self, request: &Request) -> Result<Credentials, ExchangeError> {
        let token = request.tokens.token(&self.audience, self.algorithm)?;
        let sent = [&token];
        let provider = Provider { name: NAME, http: &request.http, deadline: request.deadline, sent: &sent };
        let mut fields = vec![("grant_type", GRANT_TYPE), ("subject_token", token.expose())];
        fields.extend(self.fields.iter().map(|(name, value)| (*name, value.as_str())));
        let exchanged = token_exchange::exchange(&provider, self.server.instance(), "", &fields)?;
        let mut record = vec![("server", self.server.to_string())];
        record.extend(exchanged.scope.map(|scope| ("scope", scope)));
        Ok(Credentials {
            values: vec![(Cow::from(TOKEN), Given::Secret(exchanged.token))],
            expires: exchanged.expires,
            record,
        })
    }

    fn deliver(&self, credentials: Credentials, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
        if self.delivery == How::Env {
            return How::Env.put(&self.variable, credentials.expose(TOKEN).unwrap_or_default(), delivery);
        }
        // Always fresh.
        let file = keep_file(self, credentials, TOKEN, &self.variable, delivery)?;
        delivery.set(format!("{}_FILE", self.variable), file);
        Ok(())
    }
}
