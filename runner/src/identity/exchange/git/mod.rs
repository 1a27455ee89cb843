//! `provider = "git"`: a token of a bot at a forge, with a few scopes, made for a step and deleted after it. It is delivered
//! by a credential helper that git finds in its environment: the token itself is in a file. Source: "gitcredentials" and
//! "git-config", `GIT_CONFIG_COUNT`, in git's documentation.

mod forgejo;
mod name;

use std::borrow::Cow;

use serde::Deserialize;

use super::call::is_variable;
use super::server::Server;
use super::{Credentials, Delivery, Exchange, ExchangeError, Given, Request};
use crate::identity::reference::Here;
use crate::mask::Secret;
use forgejo::{Bot, Scope};
use name::TokenName;

const TOKEN: &str = "token";
const ID: &str = "id";

/// How many further settings git finds in its environment.
const COUNT: &str = "GIT_CONFIG_COUNT";
/// Longest name of a bot.
const MAX_USER: usize = 64;

/// The keys of `provider = "git"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Git {
    forge: Forge,
    server: Server,
    user: String,
    password: Here,
    scopes: Vec<Scope>,
    variable: Option<String>,
}

/// What kind of forge makes the token. Another one is a module beside [`forgejo`] that makes one and takes it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Forge {
    /// Forgejo or Gitea: a personal access token of the bot.
    #[default]
    Forgejo,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    #[serde(default)]
    forge: Forge,
    server: Server,
    user: String,
    password: String,
    scopes: Vec<Scope>,
    variable: Option<String>,
}

impl TryFrom<Table> for Git {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let user = table.user;
        if user.is_empty() || user.len() > MAX_USER || !user.bytes().all(fits) || user.starts_with('.') {
            return Err(format!("`user`: `{}` is no name of a user", user.escape_debug()));
        }
        let password = Here::parse(&table.password).ok_or(
            "`password` is where the bot's password is, `secret://file/PATH` or `secret://exec/PATH`",
        )?;
        if table.scopes.is_empty() {
            return Err("`scopes` is empty: name what the token is for, such as `write:repository`".into());
        }
        if let Some(name) = table.variable.as_ref().filter(|name| name.is_empty() || !is_variable(name)) {
            let name = name.escape_debug();
            return Err(format!("`variable`: `{name}` is no name of a variable: letters, digits and `_`"));
        }
        Ok(Git {
            forge: table.forge,
            server: table.server,
            user,
            password,
            scopes: table.scopes,
            variable: table.variable,
        })
    }
}

impl Exchange for Git {
    fn exchange(&self, request: &Request) -> Result<Credentials, ExchangeError> {
        let password = self.password(request)?;
        let bot = self.bot(&password, request);
        // What a runner that was killed has left behind.
        bot.delete_expired()?;
        let name = TokenName::new(&request.claims)?;
        let made = match self.forge {
            Forge::Forgejo => bot.make(&name, &self.scopes)?,
        };
        let scopes: Vec<String> = self.scopes.iter().map(Scope::to_string).collect();
        Ok(Credentials {
            values: vec![
                (Cow::from(TOKEN), Given::Secret(made.token)),
                (Cow::from(ID), Given::Plain(made.id.to_string())),
            ],
            expires: None,
            record: vec![
                ("server", self.server.to_string()),
                ("user", self.user.clone()),
                ("scopes", scopes.join(" ")),
                ("name", name.to_string()),
            ],
        })
    }

    fn deliver(&self, credentials: Credentials, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
        let grant = delivery.request.grant.clone();
        let key = format!("credential.{}.helper", self.server);
        if delivery.variables.iter().any(|(name, value)| name.starts_with("GIT_CONFIG_KEY_") && *value == key)
        {
            let what = "a step can have one grant of a forge: git looks for credentials by its address";
            return Err(ExchangeError::Delivery(what.into()));
        }
        let token = credentials.expose(TOKEN).unwrap_or_default();
        let file = delivery.write(&format!("git-{grant}"), token.as_bytes())?;
        // What git would have it keep or forget is read and left alone.
        let helper = format!(
            "#!/bin/sh\ncase $1 in\nget) echo 'username={}'; printf 'password=%s\\n' \"$(cat '{file}')\" ;;\n\
             *) exec cat >/dev/null ;;\nesac\n",
            self.user
        );
        let helper = delivery.write_program(&format!("git-helper-{grant}"), helper.as_bytes())?;
        // Another grant of the step may have some of its own. An empty helper makes git forget those of its other settings.
        let settings = [(&key, ""), (&key, helper.as_str())];
        let known = delivery.variables.iter().find(|(name, _)| name == COUNT);
        let first: usize = known.and_then(|(_, count)| count.parse().ok()).unwrap_or(0);
        delivery.variables.retain(|(name, _)| name != COUNT);
        for (number, (key, value)) in (first..).zip(settings) {
            delivery.set(format!("GIT_CONFIG_KEY_{number}"), key);
            delivery.set(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        delivery.set(COUNT, (first + settings.len()).to_string());
        // Nobody is there to be asked.
        if !delivery.variables.iter().any(|(name, _)| name == "GIT_TERMINAL_PROMPT") {
            delivery.set("GIT_TERMINAL_PROMPT", "0");
        }
        if let Some(variable) = &self.variable {
            delivery.set(format!("{variable}_FILE"), file);
        }
        Ok(())
    }

    fn revokes(&self) -> bool {
        true
    }

    fn revoke(&self, credentials: &Credentials, request: &Request) -> Result<(), ExchangeError> {
        let Some(id) = credentials.expose(ID) else { return Ok(()) };
        let password = self.password(request)?;
        self.bot(&password, request).delete(id)
    }
}

impl Git {
    fn bot<'a>(&'a self, password: &'a Secret, request: &'a Request) -> Bot<'a> {
        Bot {
            server: &self.server,
            user: &self.user,
            password,
            http: &request.http,
            deadline: request.deadline,
        }
    }

    fn password(&self, request: &Request) -> Result<Secret, ExchangeError> {
        let late = || std::time::Instant::now() >= request.deadline;
        let failed = |why| ExchangeError::Delivery(format!("the password of `{}`: {why}", self.user));
        self.password.fetch(&request.shown, &late).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keys: &str) -> Result<Git, String> {
        let keys: toml::Table = toml::from_str(keys).unwrap();
        keys.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn a_bot_and_what_its_token_is_for_are_said() {
        const LEAST: &str = "server = 'https://git.example.com'\nuser = 'deploy-bot'\n\
                             password = 'secret://file/etc/palisade/bot'\nscopes = ['write:repository']\n";
        let git = read(LEAST).unwrap();
        assert_eq!(git.scopes[0].to_string(), "write:repository");
        for (from, to, why) in [
            ("deploy-bot", "a/b", "is no name of a user"),
            ("deploy-bot", "..", "is no name of a user"),
            ("deploy-bot", "a b", "is no name of a user"),
            ("secret://file/etc/palisade/bot", "hunter2", "`password` is where the bot's password is"),
            ("['write:repository']", "[]", "`scopes` is empty"),
            ("write:repository", "all", "`all` is no scope of a token"),
            ("write:repository", "write:admin", "`write:admin` is no scope of a token"),
            ("https://", "http://", "`https://` only"),
        ] {
            let text = LEAST.replace(from, to);
            let error = read(&text).unwrap_err();
            assert!(error.contains(why) && !error.contains("hunter2"), "{text}: {error}");
        }
        let error = read(&format!("{LEAST}variable = 'A-B'")).unwrap_err();
        assert!(error.contains("`A-B` is no name of a variable"), "{error}");
    }
}
