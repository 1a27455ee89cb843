//! docs/local.md shows what really happens.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use nix::unistd::{User, geteuid};
use palisade_tests::palisade;

use super::{answers, wait};
use crate::host::Host;

/// What stands before each command's output.
const MARK: &str = "\u{1e}";

/// The commands of the document, each with what it prints. Of `cat >` what is shown is what it writes.
fn transcript() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/local.md");
    let text = fs::read_to_string(path).expect("the document");
    let blocks = text.split("```console\n").skip(1).map(|block| block.split("```").next().expect("an end"));
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("an output without a command: {line}"),
        }
    }
    commands
}

/// What differs from time to time: commits, and how long something took, which also decides how wide a column is.
fn redacted(host: &Host, text: &str) -> String {
    let text = host.context.redact(text);
    let word = |word: &str| {
        let is_commit = word.trim_end_matches(':').len() == 8
            && word.trim_end_matches(':').bytes().all(|b| b.is_ascii_hexdigit());
        if is_commit { word.replace(word.trim_end_matches(':'), "[COMMIT]") } else { word.to_owned() }
    };
    let lines = text.lines().filter(|line| !line.contains("==> layer "));
    let lines = lines.map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_transcript_of_the_documentation_is_what_happens() {
    let mut host = Host::new();
    host.start();
    answers(&host);
    fs::write(
        host.context.home().join(".gitconfig"),
        "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n",
    )
    .expect("a file");
    let commands = transcript();
    assert!(commands.len() > 10, "{commands:?}");
    let mut script = String::new();
    for (command, output) in &commands {
        script.push_str(&format!("printf '{MARK}'\n"));
        if command.ends_with('&') {
            // It runs already.
        } else if command.starts_with("cat >") {
            script.push_str(&format!("{command} << 'END'\n{output}END\n"));
        } else if command == "palisade jobs" {
            // It is shown when all of it is over.
            script.push_str(&format!("palisade logs -f 1 > /dev/null\n{command}\n"));
        } else {
            script.push_str(&format!("{command}\n"));
        }
    }
    let programs = palisade().parent().expect("a directory");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let mut command = host.context.command("sh");
    command.env("PATH", path).arg("-c").arg(format!("exec 2>&1\n{script}")).stdout(Stdio::piped());
    let said = command.output().expect("a shell runs").stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let outputs: Vec<&str> = said.split(MARK).skip(1).collect();
    assert_eq!(outputs.len(), commands.len(), "{said}");
    for ((command, shown), output) in commands.iter().zip(outputs) {
        if command.starts_with("cat >") {
            continue;
        }
        let user = User::from_uid(geteuid()).ok().flatten().map_or("root".into(), |user| user.name);
        let output = redacted(&host, output).replace(&format!(" {user}\n"), " root\n");
        assert_eq!(output, redacted(&host, shown), "$ {command}\n{said}");
    }
    wait("the end of the last run", || (super::run(&host, 2)["state"] == "done").then_some(()));
}
