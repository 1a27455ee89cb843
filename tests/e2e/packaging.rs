//! What packages, images and examples are made of, as far as it shows without an engine that runs them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use palisade_tests::{Context, Identity, Need, require};

fn packaging(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(path)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The lines of a Containerfile that begin with this instruction, without it.
fn instructions<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
}

#[test]
fn an_image_has_what_it_copies_and_starts() {
    let context = Context::of(Identity::Current);
    let directory = context.root().join("image");
    let mut build = context.command(packaging("container/build"));
    let built =
        build.arg("--context").arg(&directory).arg(context.palisade_path()).output().expect("sh runs");
    assert!(built.status.success(), "{}", said(&built));

    let text = fs::read_to_string(directory.join("Containerfile")).expect("a Containerfile");
    let copied = instructions(&text, "COPY");
    assert_eq!(copied, ["tree/ /"]);
    let arguments = |name: &str| -> Vec<String> {
        let [line] = instructions(&text, name)[..] else { panic!("{name} in\n{text}") };
        serde_json::from_str(line).expect("a list")
    };
    let (program, arguments) = (arguments("ENTRYPOINT"), arguments("CMD"));
    let tree = directory.join("tree");
    let inside = |path: &str| tree.join(path.trim_start_matches('/'));
    // It is given a configuration that is in the image, and takes it.
    assert_eq!(arguments[..2], ["daemon", "--config"]);
    let mut check = Command::new(inside(&program[0]));
    let checked =
        check.args(["config", "check", "--config"]).arg(inside(&arguments[2])).output().expect("it starts");
    assert!(checked.status.success(), "{}", said(&checked));
    // It runs as the user whose the state is, who isn't root.
    assert_eq!(instructions(&text, "USER"), ["1000:1000"]);
    assert!(text.contains("--uid 1000") && text.contains("-o palisade"), "{text}");
    assert_eq!(instructions(&text, "ENV"), ["STATE_DIRECTORY=/var/lib/palisade"]);
}

#[test]
fn nothing_is_built_of_nothing() {
    let context = Context::of(Identity::Current);
    for arguments in [&[][..], &["--context"], &["/nowhere"]] {
        let mut build = context.command(packaging("container/build"));
        let built = build.args(arguments).output().expect("sh runs");
        assert!(!built.status.success(), "{arguments:?}: {}", said(&built));
    }
}

/// What a container needs is said in one place, and every example grants it.
#[test]
fn examples_allow_what_a_container_has_to_be_allowed() {
    let read = |path: &str| fs::read_to_string(packaging(path)).expect("a file");
    let (readme, nomad, kubernetes) =
        (read("container/README.md"), read("nomad/palisade.nomad.hcl"), read("kubernetes/palisade.yaml"));
    for option in ["seccomp=unconfined", "systempaths=unconfined", "apparmor=unconfined"] {
        assert!(readme.contains(option) && nomad.contains(option), "{option}");
    }
    for option in [
        "seccompProfile: { type: Unconfined }",
        "procMount: Unmasked",
        "appArmorProfile: { type: Unconfined }",
    ] {
        assert!(kubernetes.contains(option), "{option}");
    }
    for option in ["runAsNonRoot: true", "drop: [ALL]", "allowPrivilegeEscalation: false"] {
        assert!(kubernetes.contains(option), "{option}");
    }
    // They name the same version.
    let images: BTreeSet<&str> = [&readme, &nomad, &kubernetes]
        .into_iter()
        .flat_map(|text| text.split(|c: char| c.is_whitespace() || "\"`".contains(c)))
        .filter(|word| word.starts_with("palisade:0"))
        .collect();
    assert_eq!(images.into_iter().collect::<Vec<_>>(), [concat!("palisade:", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn the_example_for_kubernetes_is_read_by_its_client() {
    if !require(Need::Program("kubectl")) {
        return;
    }
    let output =
        Command::new("kubectl").arg("kustomize").arg(packaging("kubernetes")).output().expect("it starts");
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("kind: StatefulSet") && said(&output).contains("capacity = 2"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_example_for_ansible_is_read_by_it() {
    if !require(Need::Program("ansible-playbook")) {
        return;
    }
    let mut check = Command::new("ansible-playbook");
    check.args(["--inventory", "localhost,", "--syntax-check"]).arg(packaging("ansible/site.yml"));
    let output = check.env("ANSIBLE_LOCALHOST_WARNING", "False").output().expect("it starts");
    assert!(output.status.success(), "{}", said(&output));
}
