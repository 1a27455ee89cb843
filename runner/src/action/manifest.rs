//! `action.yml`. Source: "Metadata syntax for GitHub Actions".

use std::io;
use std::path::Path;

use indexmap::IndexMap;

use crate::expr::{Condition, Template, nearest};
use crate::lint::{Lint, Rules};
use crate::workflow::availability::{ACTION_INPUT, ACTION_OUTPUT, POST_IF};
use crate::workflow::keys::{self, Keys};
use crate::workflow::members::Members;
use crate::workflow::model::{Step, StepKind};
use crate::workflow::reader::Reader;
use crate::workflow::span::Spanned;
use crate::workflow::yaml::{Mapping, Node};
use crate::workflow::{Diagnostics, Examined, step};

/// Most inputs, and most outputs, of an action.
const MAX_ENTRIES: usize = 1000;

/// What the file of an action may be called.
pub const FILES: [&str; 2] = ["action.yml", "action.yaml"];

/// An action that can be run.
#[derive(Clone, Debug)]
pub struct Read {
    /// What it says.
    pub manifest: Manifest,
    /// What probably isn't meant so; may be empty.
    pub warnings: Diagnostics,
}

/// What the file of an action says.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `name:`; actions without one run too.
    pub name: Option<Spanned<String>>,
    /// `inputs:`, as written; their names are the same in any case.
    pub inputs: IndexMap<String, Input>,
    /// `outputs:`
    pub outputs: IndexMap<String, Output>,
    /// `runs:`
    pub runs: Runs,
}

/// One of `inputs:`.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// `required:`. As on GitHub it is a promise to readers: nothing enforces it.
    pub required: bool,
    /// `default:`
    pub default: Option<Spanned<Template>>,
    /// `deprecationMessage:`
    pub deprecation: Option<String>,
}

/// One of `outputs:`.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// `value:`, of composite actions.
    pub value: Option<Spanned<Template>>,
}

/// `runs:`
#[derive(Clone, Debug)]
pub enum Runs {
    /// `using: composite`
    Composite {
        /// Its steps.
        steps: Vec<Step>,
    },
    /// `using: node20` and the like.
    JavaScript {
        /// The major version of Node.js that it is written for.
        node: u32,
        /// The script, relative to the action.
        main: String,
        /// What runs before the job's steps.
        pre: Option<Entry>,
        /// What runs at the job's end.
        post: Option<Entry>,
    },
    /// `using: docker`
    Container {
        /// `image:`
        image: String,
    },
}

/// A script of an action's first or last stage.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The script, relative to the action.
    pub file: String,
    /// `pre-if:` or `post-if:`; always where there is none.
    pub condition: Option<Spanned<Condition>>,
}

/// Finds the file of the action `shown` in its directory by `look`, and parses it; else what is wrong.
pub fn find(
    shown: &dyn std::fmt::Display,
    directory: &Path,
    look: impl Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Read, String> {
    for name in FILES {
        let path = directory.join(name);
        match look(&path) {
            Ok(source) => {
                return parse(&source, &path)
                    .map_err(|wrong| format!("the action `{shown}` can't be run:\n{wrong}"));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("cannot read {name} of the action `{shown}`: {e}")),
        }
    }
    Err(format!("there is no action `{shown}`: it has neither {}", FILES.join(" nor ")))
}

/// Reads as much of an action's file as can be read.
pub fn examine(source: &[u8]) -> Examined<'_, Manifest> {
    Examined::read(source, |reader, root| {
        reader.in_action = true;
        manifest(reader, root)
    })
}

/// Parses the content of an action's file at `path`, which is only named in diagnostics. It may be made for any forge.
pub fn parse(source: &[u8], path: &Path) -> Result<Read, Diagnostics> {
    examine(source).finish(path, Rules::Lenient).map(|(manifest, warnings)| Read { manifest, warnings })
}

fn manifest(reader: &mut Reader, root: &Node) -> Option<Manifest> {
    let entries = reader.mapping(root, "an action")?;
    warn_of_unknown(reader, entries, "an action", &keys::ACTION);
    reader.members = value(entries, "runs").map(Members::of_action).unwrap_or_default();
    let name = value(entries, "name").and_then(|node| reader.text(node, "`name`"));
    let inputs = named(reader, entries, "inputs", &keys::ACTION_INPUT, |reader, name, node| Input {
        required: boolean(reader, value(node, "required")),
        default: value(node, "default")
            .and_then(|node| reader.template(node, &format!("the default of `{name}`"), &ACTION_INPUT)),
        deprecation: value(node, "deprecationMessage")
            .and_then(|node| reader.text(node, "`deprecationMessage`"))
            .map(|text| text.value),
    });
    let outputs = named(reader, entries, "outputs", &keys::ACTION_OUTPUT, |reader, name, node| Output {
        value: value(node, "value")
            .and_then(|node| reader.template(node, &format!("the output `{name}`"), &ACTION_OUTPUT)),
    });
    let Some(runs) = entries.get("runs") else {
        let top = crate::workflow::span::Span::new(root.span.start as usize, root.span.start as usize);
        reader.missing(top, "an action", "runs");
        return None;
    };
    Some(Manifest { name, inputs, outputs, runs: self::runs(reader, &runs.value)? })
}

fn value<'n>(entries: &'n Mapping, key: &str) -> Option<&'n Node> {
    entries.get(key).map(|entry| &*entry.value)
}

/// `required: true`, which many write in quotes.
fn boolean(reader: &mut Reader, node: Option<&Node>) -> bool {
    node.and_then(|node| reader.text(node, "`required`")).is_some_and(|text| text.value == "true")
}

/// A mapping of names to mappings, such as `inputs:`; an entry without a value is one with defaults.
fn named<T: Default>(
    reader: &mut Reader,
    entries: &Mapping,
    key: &str,
    keys: &Keys,
    mut read: impl FnMut(&mut Reader, &str, &Mapping) -> T,
) -> IndexMap<String, T> {
    let mut all = IndexMap::new();
    let Some(node) = value(entries, key).filter(|node| !node.is_null()) else { return all };
    let Some(entries) = reader.mapping(node, &format!("`{key}`")) else { return all };
    if entries.len() > MAX_ENTRIES {
        reader.error(node.span, format_args!("`{key}` must have {MAX_ENTRIES} entries at most"));
        return all;
    }
    for (name, entry) in entries {
        let what = format!("`{name}` in `{key}`");
        let item = if entry.value.is_null() {
            T::default()
        } else {
            let Some(item) = reader.mapping(&entry.value, &what) else { continue };
            warn_of_unknown(reader, item, &what, keys);
            read(reader, name, item)
        };
        all.insert(name.clone(), item);
    }
    all
}

fn runs(reader: &mut Reader, node: &Node) -> Option<Runs> {
    let entries = reader.mapping(node, "`runs`")?;
    let Some(using) = value(entries, "using") else {
        reader.missing(node.span, "`runs`", "using");
        return None;
    };
    let using = reader.text(using, "`using`")?;
    match using.value.to_ascii_lowercase().as_str() {
        "composite" => {
            warn_of_unknown(reader, entries, "`runs` of a composite action", &keys::COMPOSITE);
            let Some(node) = value(entries, "steps") else {
                reader.missing(node.span, "`runs` of a composite action", "steps");
                return None;
            };
            let steps = step::list(reader, node);
            for step in &steps {
                if matches!(step.kind, StepKind::Run { shell: None, .. }) {
                    let help = "a composite action has no default: add `shell: bash`";
                    reader.warn(
                        Lint::MissingShell,
                        step.span,
                        "a `run` step of an action needs the key `shell`",
                        help,
                    );
                }
            }
            Some(Runs::Composite { steps })
        }
        "docker" => {
            warn_of_unknown(reader, entries, "`runs` of an action in a container", &keys::CONTAINER);
            let image = value(entries, "image").and_then(|node| reader.text(node, "`image`"));
            Some(Runs::Container { image: image.map(|image| image.value).unwrap_or_default() })
        }
        name => {
            let version = name.strip_prefix("node").and_then(|version| version.parse().ok());
            let Some(node_version) = version.filter(|version| (10..1000).contains(version)) else {
                let message = format!("`using` can't be `{}`", using.value);
                reader.error_help(using.span, message, "it is composite, node20 or node24, or docker");
                return None;
            };
            warn_of_unknown(reader, entries, "`runs` of a JavaScript action", &keys::JAVASCRIPT);
            let Some(main) = value(entries, "main") else {
                reader.missing(node.span, "`runs` of a JavaScript action", "main");
                return None;
            };
            let main = script(reader, main, "main")?;
            let pre = entry(reader, entries, "pre", "pre-if");
            let post = entry(reader, entries, "post", "post-if");
            Some(Runs::JavaScript { node: node_version, main, pre, post })
        }
    }
}

/// Warns of keys that have no effect; as actions are other people's, that is no reason to refuse one. Where others
/// may add keys of their own, only what looks like a slip is told.
fn warn_of_unknown(reader: &mut Reader, entries: &Mapping, what: &str, keys: &Keys) {
    for (name, entry) in entries.iter().filter(|(name, _)| !keys.names.contains(&name.as_str())) {
        let help = match nearest(name, keys.names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if keys.open => continue,
            None => format!("known here: {}", keys.names.join(", ")),
        };
        reader.warn(Lint::UnknownKey, entry.key, format_args!("unknown key `{name}` in {what}"), help);
    }
}

fn entry(reader: &mut Reader, entries: &Mapping, key: &str, condition: &str) -> Option<Entry> {
    let file = script(reader, value(entries, key)?, key)?;
    let condition = value(entries, condition).and_then(|node| reader.condition(node, &POST_IF));
    Some(Entry { file, condition })
}

/// A script's path. That it doesn't lead out of the repository is for who knows where the action is.
fn script(reader: &mut Reader, node: &Node, key: &str) -> Option<String> {
    let file = reader.text(node, &format!("`{key}`"))?;
    if file.starts_with('/') || file.contains('\0') {
        reader.error_help(
            node.span,
            format_args!("`{key}` must be a path within the action"),
            "write it relative to the action's directory",
        );
        return None;
    }
    Some(file.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Result<Read, String> {
        parse(source.as_bytes(), Path::new("act/action.yml")).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_composite_action_is_read() {
        let parsed = read(
            "
name: x
branding: { icon: x }
inputs: { a: { required: 'true', default: 1 }, b: }
outputs: { o: { value: '${{ steps.s.outputs.v }}' } }
runs: { using: composite, steps: [ { id: s, run: echo, shell: bash }, { uses: o/r@v1 } ] }
",
        )
        .unwrap();
        let Manifest { inputs, outputs, runs, .. } = parsed.manifest;
        assert!(inputs["a"].required && !inputs["b"].required);
        assert_eq!(inputs["a"].default.as_ref().unwrap().source(), "1");
        assert!(outputs["o"].value.is_some());
        assert!(matches!(runs, Runs::Composite { steps } if steps.len() == 2));
        assert!(parsed.warnings.is_empty(), "{}", parsed.warnings);
    }

    #[test]
    fn a_javascript_action_is_read() {
        let parsed =
            read("runs: { using: NODE16, main: ../dist/x.js, post: p.js, post-if: success(), pre: q.js }\n");
        let Runs::JavaScript { node, main, pre, post } = parsed.unwrap().manifest.runs else {
            panic!("not JavaScript")
        };
        assert_eq!((node, main.as_str()), (16, "../dist/x.js"));
        assert!(pre.unwrap().condition.is_none() && post.unwrap().condition.is_some());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        insta::assert_snapshot!(read("name: x\n").unwrap_err(), @r"
        error: an action needs the key `runs`
         --> act/action.yml:1:1
          |
        1 | name: x
          | ^
        ");
        insta::assert_snapshot!(read("runs: { using: cobol }\n").unwrap_err(), @r"
        error: `using` can't be `cobol`
         --> act/action.yml:1:16
          |
        1 | runs: { using: cobol }
          |                ^^^^^
          = help: it is composite, node20 or node24, or docker
        ");
        insta::assert_snapshot!(read("runs: { using: node20, main: /etc/x.js }\n").unwrap_err(), @r"
        error: `main` must be a path within the action
         --> act/action.yml:1:30
          |
        1 | runs: { using: node20, main: /etc/x.js }
          |                              ^^^^^^^^^
          = help: write it relative to the action's directory
        ");
        let parsed = read("runs:\n  using: composite\n  steps:\n    - run: echo\n").unwrap();
        insta::assert_snapshot!(parsed.warnings.to_string(), @r"
        warning[missing-shell]: a `run` step of an action needs the key `shell`
         --> act/action.yml:4:7
          |
        4 |     - run: echo
          |       ^^^^^^^^^
          = help: a composite action has no default: add `shell: bash`
        ");
    }

    #[test]
    fn a_key_without_effect_is_warned_of() {
        let parsed = read(
            "
x-own: 1
inputs: { a: { requird: true, type: string } }
outputs: { o: { valeu: 1 } }
runs: { using: node20, main: x.js, steps: [] }
",
        );
        let warnings = parsed.unwrap().warnings;
        let told: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "unknown key `requird` in `a` in `inputs`",
                "unknown key `valeu` in `o` in `outputs`",
                "unknown key `steps` in `runs` of a JavaScript action",
            ]
        );
    }

    #[test]
    fn what_an_action_never_has_is_warned_of() {
        let parsed =
            read("runs: { using: composite, steps: [ { run: 'echo ${{ secrets.X }}', shell: bash } ] }\n")
                .unwrap();
        insta::assert_snapshot!(parsed.warnings.to_string(), @r"
        warning[unavailable-context]: the context `secrets` is not available at `jobs.<id>.steps.run`
         --> act/action.yml:1:53
          |
        1 | runs: { using: composite, steps: [ { run: 'echo ${{ secrets.X }}', shell: bash } ] }
          |                                                     ^^^^^^^
          = help: available here: github, strategy, matrix, job, runner, env, steps, inputs
        ");
    }
}
