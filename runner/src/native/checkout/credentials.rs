//! The token and the SSH key: files in `runner.temp` that the repository's configuration names, so that later steps
//! can fetch and push, while nothing of them is in the tree that such a step may pack or publish. They are removed at
//! the job's end, or right after the checkout where they aren't to persist.

use super::super::{Failure, Host};
use super::git::{CONFIGURATION, Git, Reach};
use super::settings::{Settings, Ssh, host as host_of};
use crate::base64::base64;
use crate::job::inside;

/// State under which [`remove`] finds the files, one name a line.
const FILES: &str = "files";

/// The files of one checkout.
pub struct Credentials {
    /// Git's configuration while the checkout is at work.
    pub configuration: String,
    /// What the repository's configuration includes.
    token: Option<String>,
    /// Key and known hosts.
    ssh: Vec<String>,
}

impl Credentials {
    /// Writes them. `suffix` makes their names unlike any other's.
    pub fn write(host: &mut dyn Host, settings: &Settings, suffix: &str) -> Result<Credentials, Failure> {
        let mut files =
            Credentials { configuration: format!("git-{suffix}.config"), token: None, ssh: Vec::new() };
        let mut configuration = CONFIGURATION.to_owned();
        if let Some(ssh) = &settings.ssh {
            let names = [format!("ssh-key-{suffix}"), format!("ssh-known-hosts-{suffix}")];
            for (name, content) in names.into_iter().zip([&ssh.key, &ssh.known_hosts]) {
                write(host, &name, content)?;
                files.ssh.push(name);
            }
        } else if !settings.token.is_empty() {
            let basic = base64(format!("x-access-token:{}", settings.token).as_bytes());
            host.mask(&settings.token);
            host.mask(&basic);
            let name = format!("git-credentials-{suffix}.config");
            let server = &settings.server;
            write(
                host,
                &name,
                &format!(
                    "[http \"{server}/\"]\n\textraheader = AUTHORIZATION: basic {basic}\n[url \"{server}/\"]\n\tinsteadOf = git@{}:\n",
                    host_of(server)
                ),
            )?;
            configuration.push_str(&format!("[include]\n\tpath = {}/{name}\n", inside::TEMP));
            files.token = Some(name);
        }
        write(host, &files.configuration, &configuration)?;
        let names: Vec<&str> = files.names().collect();
        host.save_state(FILES, &names.join("\n"));
        Ok(files)
    }

    /// `GIT_SSH_COMMAND`
    pub fn ssh_command(&self, ssh: &Ssh) -> Option<String> {
        let [key, known_hosts] = &self.ssh[..] else { return None };
        let strict = if ssh.strict { "yes" } else { "no" };
        let temp = inside::TEMP;
        Some(format!(
            "ssh -i {temp}/{key} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking={strict} -o CheckHostIP=no \
             -o UserKnownHostsFile={temp}/{known_hosts}"
        ))
    }

    /// Names them in the repository's configuration, and in those of its submodules.
    pub fn persist(&self, host: &mut dyn Host, git: &Git, submodules: Option<bool>) -> Result<(), Failure> {
        let (key, value) = match (&self.token, &git.ssh) {
            (Some(token), _) => ("include.path", format!("{}/{token}", inside::TEMP)),
            (None, Some(ssh)) => ("core.sshCommand", ssh.clone()),
            (None, None) => return Ok(()),
        };
        git.run(host, Reach::Forge, &["config", "--local", key, &value])?;
        if let Some(recursive) = submodules {
            let mut args = vec!["submodule", "foreach", "--quiet"];
            args.extend(recursive.then_some("--recursive"));
            let each = format!("git config --local {key} '{value}'");
            args.push(&each);
            git.run(host, Reach::Forge, &args)?;
        }
        Ok(())
    }

    /// Removes what only the checkout needs, and all where nothing is to persist.
    pub fn end(&self, host: &mut dyn Host, persist: bool) {
        let names: Vec<&str> = if persist { vec![&self.configuration] } else { self.names().collect() };
        for name in names {
            // A step that was quicker has removed it.
            let _ = host.remove_temp(name);
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        [&self.configuration].into_iter().chain(&self.token).chain(&self.ssh).map(String::as_str)
    }
}

/// Removes at the job's end what is still there.
pub fn remove(host: &mut dyn Host) {
    let names: Vec<String> = host.state(FILES).unwrap_or_default().lines().map(str::to_owned).collect();
    for name in names {
        // Most are gone already.
        let _ = host.remove_temp(&name);
    }
}

fn write(host: &mut dyn Host, name: &str, content: &str) -> Result<(), Failure> {
    let written = host.write_temp(name, 0o600, content.as_bytes());
    written.map_err(|e| format!("cannot write `{name}` in the runner's temporary directory: {e}").into())
}
