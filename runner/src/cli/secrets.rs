//! Secrets that are given on the command line. Other users of a machine can read every process's arguments,
//! and other processes of the user its environment: what a secret came in is overwritten before anything
//! else is started.

use std::path::PathBuf;

use palisade_sandbox::memory::{StartString, erase_start_strings};

use super::{Blame, Error, file};
use crate::dotenv;
use crate::job::Secrets;
use crate::mask::Secret;

/// A `--secret`.
#[derive(Clone, Debug)]
pub struct Given {
    name: String,
    /// `None` where it is taken from the environment.
    value: Option<Secret>,
}

/// Parses `NAME` or `NAME=VALUE`. The name is checked later: clap's error would show the value.
pub fn given(text: &str) -> Result<Given, std::convert::Infallible> {
    Ok(match text.split_once('=') {
        Some((name, value)) => Given { name: name.to_owned(), value: Some(Secret::new(value.to_owned())) },
        None => Given { name: text.to_owned(), value: None },
    })
}

/// Adds what the files hold and then what was given directly, so that the latter stands.
pub fn read(secrets: &mut Secrets, files: &[PathBuf], given: &[Given]) -> Result<(), Error> {
    for path in files {
        let text = file::read("--secret-file", path)?;
        let pairs = dotenv::parse(&text)
            .map_err(|e| Error::input(format!("--secret-file {}: {e}", path.display())))?;
        for (name, value) in pairs {
            secrets.insert(&name, Secret::new(value));
        }
    }
    for Given { name, value } in given {
        let value = match value {
            Some(value) => value.clone(),
            None => std::env::var(name).map(Secret::new).map_err(|_| {
                Error::input(format!("--secret {name}: there is no such variable in the environment"))
                    .hint("set it, or put NAME=value into a file and give that with --secret-file")
            })?,
        };
        if !dotenv::is_name(name) {
            // The text may be the value itself: it isn't shown.
            return Err(Error::input(
                "--secret: a name has only letters, digits and `_`, and no digit first",
            ));
        }
        secrets.insert(name, value);
    }
    if given.is_empty() || erase_start_strings(|string| kept(string, given)) {
        return Ok(());
    }
    Err(Error::new(
        Blame::Isolation,
        "cannot hide the secrets that stand in the arguments or the environment",
    )
    .hint("give them with --secret-file"))
}

/// How much of a string that palisade was started with isn't secret.
fn kept(string: StartString<'_>, given: &[Given]) -> usize {
    let after_name = |text: &[u8], is: fn(&Given) -> bool| {
        given.iter().filter(|given| is(given)).find_map(|given| {
            text.strip_prefix(given.name.as_bytes())?.starts_with(b"=").then_some(given.name.len() + 1)
        })
    };
    match string {
        StartString::Argument(text) => {
            let option = if text.starts_with(b"--secret=") { b"--secret=".len() } else { 0 };
            after_name(&text[option..], |given| given.value.is_some()).map(|kept| option + kept)
        }
        StartString::Variable(text) => after_name(text, |given| given.value.is_none()),
    }
    .unwrap_or(match string {
        StartString::Argument(text) | StartString::Variable(text) => text.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_name_of_a_secret_does_not_stay() {
        let given = ["A=hunter2", "TOKEN"].map(|text| given(text).unwrap());
        for (string, expected) in [
            (StartString::Argument(b"A=hunter2"), "A="),
            (StartString::Argument(b"--secret=A=hunter2"), "--secret=A="),
            (StartString::Argument(b"TOKEN"), "TOKEN"),
            (StartString::Argument(b"TOKEN=x"), "TOKEN=x"),
            (StartString::Variable(b"TOKEN=hunter2"), "TOKEN="),
            (StartString::Variable(b"TOKEN2=x"), "TOKEN2=x"),
            (StartString::Variable(b"A=x"), "A=x"),
            (StartString::Argument(b""), ""),
        ] {
            assert_eq!(kept(string, &given), expected.len(), "{string:?}");
        }
    }
}
