//! What a package takes from the binary: completions, manual pages, and the help that they come from.

use std::fs;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory;

fn palisade(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .expect("palisade starts")
}

fn stdout(args: &[&str]) -> String {
    let output = palisade(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn commands() -> Vec<String> {
    let whole = palisade::cli::Cli::command();
    whole.get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn every_help_has_examples() {
    assert!(stdout(&["--help"]).contains("EXAMPLES"));
    for command in commands() {
        let help = stdout(&[&command, "--help"]);
        let examples = help.split_once("\nEXAMPLES").unwrap_or_else(|| panic!("{command}: none")).1;
        assert!(examples.contains("palisade"), "{command}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let man = dir.path().join("share/man1");
    assert_eq!(stdout(&["man", "--dir", man.to_str().unwrap()]), "");
    let mut pages: Vec<_> =
        fs::read_dir(&man).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    let mut expected: Vec<_> = commands().iter().map(|command| format!("palisade-{command}.1")).collect();
    expected.push("palisade.1".into());
    expected.sort();
    assert_eq!(pages, expected);
    for command in commands() {
        let page = fs::read_to_string(man.join(format!("palisade-{command}.1"))).unwrap();
        assert_eq!(page, stdout(&["man", &command]));
        for part in [format!(".TH palisade-{command} 1"), ".SH OPTIONS".into(), ".SH EXAMPLES".into()] {
            assert!(page.contains(&part), "{command}: no `{part}`");
        }
    }
    assert_eq!(fs::read_to_string(man.join("palisade.1")).unwrap(), stdout(&["man"]));
}

#[test]
fn a_manual_page_of_nothing_is_an_error() {
    let output = palisade(&["man", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no command `nothing`"));
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: no `{command}`");
        }
    }
    let output = palisade(&["completions", "csh"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    for args in [&["completions", "zsh"][..], &["man"], &["doctor", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
            .args(args)
            .stdout(Stdio::from(writer))
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(matches!(output.status.code(), Some(0 | 4)), "{args:?}: {}", output.status);
    }
}
