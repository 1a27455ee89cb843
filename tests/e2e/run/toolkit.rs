//! An action as people write them today: the real `@actions/core` from the npm registry, bundled.

use std::path::Path;
use std::process::Command;

use palisade_tests::{Need, require, skipped};

use crate::repositories::Repositories;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/toolkit");
const STAGES: [&str; 3] = ["pre.mjs", "main.mjs", "post.mjs"];

/// The action with its scripts bundled, as `o/toolkit`; `None` where it can't be made here.
fn toolkit() -> Option<Repositories> {
    if !require(Need::Program("node")) || !require(Need::Program("npm")) {
        return None;
    }
    let forge = Repositories::new();
    let source = forge.context.tmp().join("toolkit");
    std::fs::create_dir(&source).unwrap();
    for file in std::fs::read_dir(FIXTURE).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), source.join(file.file_name())).unwrap();
    }
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    if let Err(why) = ran(&source, "npm", &install) {
        skipped(&format!("npm can't install @actions/core: {why}"));
        return None;
    }
    let esbuild = source.join("node_modules/.bin/esbuild");
    let bundle = ["--bundle", "--platform=node", "--format=esm", "--out-extension:.js=.mjs", "--outdir=dist"];
    // What it bundles calls `require`, which modules don't have.
    let banner = "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
    let args: Vec<&str> = STAGES.into_iter().chain(bundle).chain([banner]).collect();
    ran(&source, esbuild.to_str().unwrap(), &args).unwrap();
    let names = STAGES.map(|stage| format!("dist/{stage}"));
    let files: Vec<(String, String)> = std::iter::once("action.yml".to_owned())
        .chain(names)
        .map(|name| (name.clone(), std::fs::read_to_string(source.join(name)).unwrap()))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    forge.commit("o/toolkit", &files);
    Some(forge)
}

/// Runs a program of the machine; the end of what it says where it fails.
fn ran(directory: &Path, program: &str, args: &[&str]) -> Result<(), String> {
    let run = Command::new(program).args(args).current_dir(directory).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    if run.status.success() { Ok(()) } else { Err(said.lines().last().unwrap_or_default().to_owned()) }
}

#[test]
fn all_that_the_toolkit_does_works() {
    let Some(forge) = toolkit() else { return };
    let (outcome, events) = forge.run(
        "
      - id: kit
        uses: o/toolkit@main
        with: { who: me, list: \"a\\n\\n b \\n\", flag: 'True' }
      - env: { TEXT: '${{ steps.kit.outputs.text }}', JSON: '${{ steps.kit.outputs.json }}' }
        run: echo \"$TOOLKIT | ${PATH%%:*} | $TEXT | $JSON\"
",
        &["--verbose"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    insta::assert_snapshot!(events.log("a"), @r#"
    me: a+b, true
    before: me first
    a/b
    ::add-mask::***
    masked: ***
    ::group::A group
    inside
    ::endgroup::
    no token: Error message: Unable to get ACTIONS_ID_TOKEN_REQUEST_URL env variable
    Input required and not supplied: missing
    on Linux: true, true
    one
    two | /from/toolkit | first
    second | {"list":[1,true,null]}
    after: me first, ["kept"], one
    two
    "#);
    let annotations: Vec<String> = events
        .of_kind("annotation")
        .map(|e| {
            let place = ["title", "file", "line", "end_line", "column", "end_column"].map(|key| &e[key]);
            format!("{}: {} {place:?}", e["level"], e["message"])
        })
        .collect();
    insta::assert_snapshot!(annotations.join("\n"), @r#"
    "debug": "debugging" [Null, Null, Null, Null, Null, Null]
    "notice": "noticed" [String("Title"), String("src/a.js"), Number(3), Number(4), Null, Null]
    "warning": "50% of it\nis off" [Null, String("src/a,b.js"), Number(7), Null, Number(2), Number(5)]
    "error": "Error: wrong" [Null, Null, Null, Null, Null, Null]
    "#);
    insta::assert_snapshot!(events.of_kind("summary").next().unwrap()["markdown"].as_str().unwrap(), @r"
    <h1>Result</h1>
    <table><tr><th>case</th></tr><tr><td>passes</td></tr></table>
    ");
    let groups: Vec<&str> = events.of_kind("group_started").filter_map(|e| e["title"].as_str()).collect();
    assert_eq!(groups, ["A group"]);
    assert!(!outcome.stdout.contains("value-of-the-toolkit"), "{outcome}");

    // What it sets as its failure is the failure of its step.
    let (outcome, events) =
        forge.run("      - { uses: o/toolkit@main, with: { who: me, fail: as asked } }\n", &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(events.steps("a"), ["success", "failure: exit code 1", "success"]);
    assert!(events.annotations("error").contains(&"as asked"), "{outcome}");
    assert!(events.log("a").ends_with("after: me first, [\"kept\"], one\ntwo\n"), "{outcome}");
}

#[test]
fn the_toolkit_gets_an_id_token() {
    let Some(forge) = toolkit() else { return };
    super::identity::set_up(
        &forge.context,
        "
[[grant]]
name = 'id'
provider = 'id-token'
audiences = ['somewhere']
allow = [{ local = true, repository = '*/*' }]
",
    );
    forge.context.write(
        ".github/workflows/w.yml",
        "on: push\npermissions: { id-token: write }\njobs:\n  a:\n    runs-on: x\n    steps:\n      - { uses: o/toolkit@main, with: { who: me } }\n",
    );
    let (outcome, events) = forge.start(&[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("a").contains("\ntoken: *** of 3 parts\n"), "{outcome}");
    assert_eq!(events.of_kind("issued").next().unwrap()["audience"], "somewhere");
}
