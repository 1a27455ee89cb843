//! What each fuzz target does with its input, shared with `runner/tests/fuzz_seeds.rs`. Besides not panicking,
//! every parser is held to what the rest of palisade relies on.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use palisade::action::lock::Lock;
use palisade::action::{Uses, manifest};
use palisade::expr::{self, Condition, Contexts, Expr, MAX_MEMORY, Memory, Object, Template, Value};
use palisade::identity::endpoint::http::{self, Parsed};
use palisade::identity::exchange::aws::answer::{Refusal, Session};
use palisade::identity::id_token::check_audience;
use palisade::inside::glob::Patterns;
use palisade::job::files::{self, CommandFile};
use palisade::mask::{Masker, Secret, parts};
use palisade::output::event::{Event, JobName};
use palisade::output::{Masked, Matchers, Matching, Options, Output, Sink};
use palisade::sealed::Sealed;
use palisade::trigger::{Pattern, picks};
use palisade::workflow::{self, Diagnostics, Severity};
use palisade_proto::Instance;
use palisade_proto::forgejo::Fetched;
use palisade_proto::forgejo::wire::runner::FetchTaskResponse;
use prost::Message;

pub mod egress;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All of them; the seeds of each are in the directory of its name.
pub const ALL: [(&str, Target); 21] = [
    ("workflow_yaml", workflow_yaml),
    ("action_manifest", action_manifest),
    ("expression", expression),
    ("command_files", command_files),
    ("workflow_commands", workflow_commands),
    ("problem_matchers", problem_matchers),
    ("mask_parts", mask_parts),
    ("filter_patterns", filter_patterns),
    ("hash_files_patterns", hash_files_patterns),
    ("actions_lock", actions_lock),
    ("forge_reply", forge_reply),
    ("dns_message", egress::dns_message),
    ("tls_hello", egress::tls_hello),
    ("quic_initial", egress::quic_initial),
    ("http_requests", egress::http_requests),
    ("egress_rule", egress::egress_rule),
    ("egress_narrowing", egress::egress_narrowing),
    ("proxy_answer", egress::proxy_answer),
    ("identity_requests", identity_requests),
    ("sts_answer", sts_answer),
    ("sealed_secrets", sealed_secrets),
];

/// What AWS's token service answers: credentials or an error, never both, and none of it empty or of more than one line.
pub fn sts_answer(data: &[u8]) {
    let (session, refusal) = (Session::read(data), Refusal::read(data));
    assert!(session.is_none() || refusal.is_none(), "credentials and an error");
    if let Some(Session { access_key_id, secret_access_key, session_token, expiration, .. }) = session {
        for value in [access_key_id, secret_access_key, session_token, expiration] {
            assert!(!value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()), "no value: {value:?}");
        }
    }
    if let Some(refusal) = refusal {
        assert!(!refusal.code.is_empty(), "an error without a name");
        refusal.is_passing();
    }
}

/// The file of sealed secrets: what was read is written and read again the same, each name once, and for some reference.
pub fn sealed_secrets(data: &[u8]) {
    let Ok(sealed) = Sealed::parse(data) else { return };
    let written = sealed.render();
    let again = Sealed::parse(written.as_bytes());
    assert!(again.is_ok_and(|again| again.render() == written), "written as another: {written:?}");
    for (number, entry) in sealed.entries().iter().enumerate() {
        let twice = sealed.entries()[..number].iter().any(|other| other.header.replaces(&entry.header));
        assert!(!twice, "one name twice");
        assert!(!entry.header.refs().is_empty(), "for no reference");
    }
}

/// A question to a job's endpoint: whatever it is, it proves no right without the bearer, and names one audience.
pub fn identity_requests(data: &[u8]) {
    let Parsed::Whole { method, target, headers, .. } = http::parse(data) else { return };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    assert!(path.starts_with('/'), "a question that names another place");
    let asked = http::Asked { method, path, query, headers: &headers };
    let bearer = Secret::new("a-bearer-that-nobody-has-written-down".into());
    assert!(!asked.bears(&bearer), "somebody without the bearer has it");
    if let Ok(Some(audience)) = asked.parameter("audience") {
        assert!(query.matches("audience=").count() > 0, "an audience that nobody named");
        assert!(
            check_audience(&audience).is_err() || audience.bytes().all(|b| b.is_ascii_graphic()),
            "an unclear audience"
        );
    }
}

/// A workflow file: one that can't be used has an error, and no report of it writes to the terminal anything
/// but text.
pub fn workflow_yaml(data: &[u8]) {
    reported(workflow::parse(data, Path::new("fuzz.yml")).map(|parsed| parsed.warnings));
}

/// The file of an action, as a workflow file; and what a `uses:` names, which reads the same when it is shown.
pub fn action_manifest(data: &[u8]) {
    reported(manifest::parse(data, Path::new("action.yml")).map(|parsed| parsed.warnings));
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(uses) = Uses::parse(text) {
        assert_eq!(Uses::parse(&uses.to_string()).as_ref(), Ok(&uses), "shown as another");
        if let Uses::Local(path) = uses {
            assert!(!path.as_str().split('/').any(|part| part == ".."), "out of the repository");
        }
    }
}

/// Holds what a parser says of a file to what its readers rely on.
fn reported(said: Result<Diagnostics, Diagnostics>) {
    let found = match said {
        Ok(warnings) => {
            assert_eq!(warnings.count(Severity::Error), 0, "an error among warnings");
            warnings
        }
        Err(found) => {
            assert!(found.count(Severity::Error) > 0, "refused without an error");
            found
        }
    };
    let report = found.render(false);
    assert!(!report.contains(|c: char| c.is_control() && c != '\n'), "a control sequence in the report");
    found.render(true);
    found.json_lines();
}

/// An expression, a condition, and text with expressions in it.
pub fn expression(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let contexts = Contexts::new(contexts());
    if let Ok(expr) = Expr::parse(source) {
        assert_eq!(expr.source(), source);
        if let Ok(value) = expr.evaluate(&contexts) {
            value.to_display_string();
            let _ = serde_json::to_string(&value);
        }
    }
    if let Ok(condition) = Condition::parse(source) {
        let _ = condition.evaluate(&contexts);
    }
    if let Ok(template) = Template::parse(source) {
        assert_eq!(template.is_literal(), !source.contains("${{"));
        if let Ok(text) = template.evaluate(&contexts) {
            assert!(text.len() <= MAX_MEMORY + source.len(), "unbounded text");
            assert!(!template.is_literal() || text == source, "text without expressions was changed");
        }
    }
}

/// Contexts with a value of each kind.
fn contexts() -> Object {
    let text = r#"{
        "github": {"ref": "refs/heads/main", "event": {"number": 7, "labels": [{"name": "a"}, {"name": "b"}]}},
        "env": {"EMPTY": "", "TEXT": "ä{0}", "JSON": "{\"a\":[1,null,true]}"},
        "job": {"status": "success"}, "matrix": {"n": 1.5, "list": [1, "2", null, false]},
        "needs": {"build": {"result": "failure", "outputs": {}}}
    }"#;
    match expr::read_json(text, &Memory::new(MAX_MEMORY)) {
        Ok(Value::Object(contexts)) => (*contexts).clone(),
        other => panic!("the contexts are an object, not {other:?}"),
    }
}

/// What a step wrote to `GITHUB_ENV` and its like: what was read can be written as blocks and is read back
/// the same.
pub fn command_files(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for file in CommandFile::ALL {
        let mut pairs = Vec::new();
        if let Err(error) = files::parse(file, text, &mut pairs) {
            assert!(error.to_string().len() < 1000, "an error that isn't cut");
        }
        let mut blocks = String::new();
        for (name, value) in &pairs {
            assert!(!name.is_empty() && !name.contains('\n'), "no name: {name:?}");
            let _ = files::Rule::of(name).map(files::Rule::why);
            let mut delimiter = String::from("EOF");
            while value.split('\n').any(|line| line == delimiter) {
                delimiter.push('_');
            }
            blocks += &format!("{name}<<{delimiter}\n{value}\n{delimiter}\n");
        }
        // A name that ends so can't be told from the mark of a block.
        if pairs.iter().all(|(name, _)| !name.ends_with('<')) {
            let mut read = Vec::new();
            assert!(files::parse(file, &blocks, &mut read).is_ok(), "refused as {blocks:?}");
            assert_eq!(read, pairs, "written back as {blocks:?}");
        }
    }
}

/// A secret that is masked from the start.
const SECRET: &str = "hunter2-correct-horse";

/// What a step prints. The first byte says how it is cut into chunks, which makes no difference; a secret
/// never comes out.
pub fn workflow_commands(data: &[u8]) {
    let Some((&size, printed)) = data.split_first() else { return };
    let whole = transcript(std::iter::once(printed));
    assert!(!whole.contains(SECRET), "a secret came out");
    assert_eq!(transcript(printed.chunks(usize::from(size).max(1))), whole, "in chunks of {size}");
}

/// A file of problem matchers and, after a NUL byte, what a step prints. A file that can't be used fails the step;
/// no line of the log is lost or doubled, and a secret never comes out.
pub fn problem_matchers(data: &[u8]) {
    let split = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (file, printed) = (&data[..split], data.get(split + 1..).unwrap_or_default());
    let read = |_: &Path, _: u64| Ok(file.to_vec());
    let matching = Matching { matchers: Matchers::default(), workspace: "/w".into(), read: &read };
    let with = run_log(std::iter::once(&b"::add-matcher::m.json\n"[..]).chain([printed]), Some(matching));
    assert!(!with.contains(SECRET), "a secret came out");
    let log = |text: &str| -> String {
        text.split_inclusive('\n').filter(|line| !line.starts_with('<') && *line != "\n").collect()
    };
    let without = run_log(std::iter::once(printed), None);
    if !printed.contains(&b'<') && !printed.windows(7).any(|w| w == b"matcher") {
        // Debugging shows commands.
        let expected = String::from("::add-matcher::m.json\n") + &log(&without);
        assert_eq!(log(&with), expected, "matchers changed the log");
    }
}

/// All that reaches a sink.
fn transcript<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> String {
    run_log(chunks, None)
}

fn run_log<'a>(chunks: impl Iterator<Item = &'a [u8]>, matching: Option<Matching<'_>>) -> String {
    let masker = Masker::new();
    assert!(masker.add_bytes("secret", SECRET.as_bytes()).is_ok());
    let transcript = Transcript::default();
    let output = Output::new(masker, vec![Box::new(transcript.clone())], Options { debug: true });
    let mut log = output.step_log(&JobName("build".into()), 0);
    if let Some(matching) = matching {
        log = log.matching(matching);
    }
    for chunk in chunks {
        log.write(chunk);
    }
    log.finish();
    assert!(output.close().is_empty(), "the sink failed");
    let text = transcript.0.lock().unwrap_or_else(PoisonError::into_inner);
    text.clone()
}

/// A sink that keeps everything.
#[derive(Clone, Default)]
struct Transcript(Arc<Mutex<String>>);

impl Sink for Transcript {
    fn name(&self) -> String {
        "transcript".into()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &**event {
            Event::Log { text: log, .. } => *text += log,
            other => *text += &format!("\n<{other:?}>\n"),
        }
        Ok(())
    }
}

/// A secret of any format: its parts are few, each once, none of them the value itself or too short to mask.
pub fn mask_parts(data: &[u8]) {
    let found = parts::of(data);
    assert!(found.len() <= parts::MAX_PARTS, "too many parts");
    let mut sorted: Vec<&[u8]> = found.iter().map(|part| part.as_slice()).collect();
    sorted.sort_unstable();
    for (at, part) in sorted.iter().enumerate() {
        assert!(part.len() >= 4 && part.trim_ascii() == *part, "no part: b\"{}\"", part.escape_ascii());
        assert!(*part != data.trim_ascii(), "the value is a part of itself");
        assert!(sorted.get(at + 1) != Some(part), "a part twice");
    }
}

/// A pattern of `branches`, `tags` or `paths` in the first line, names in the others. What a name is with all that may
/// mean something escaped describes that name and no longer one.
pub fn filter_patterns(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let pattern = Pattern::parse(lines.next().unwrap_or_default());
    for name in lines {
        if let Ok(pattern) = &pattern {
            let matches = pattern.matches(name);
            assert_eq!(picks(std::slice::from_ref(pattern), name), matches && !pattern.is_negated());
            assert_eq!(pattern.matches(name), matches, "it remembers");
        }
        let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
        let Ok(own) = Pattern::parse(&escaped) else { continue };
        assert!(own.matches(name), "`{escaped}` doesn't describe {name:?}");
        assert!(!own.matches(&format!("{name}x")) && !own.matches(&format!("x{name}")), "`{escaped}`");
    }
}

/// Patterns of `hashFiles` up to an empty line, then paths. Nothing is picked that a walk from the roots, down the
/// directories that may hold something, doesn't come to.
pub fn hash_files_patterns(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (patterns, paths) = text.split_once("\n\n").unwrap_or((text, ""));
    let Ok(patterns) = Patterns::parse(std::iter::once(patterns), "/w/s") else { return };
    let roots = patterns.roots();
    for path in paths.lines().take(20) {
        let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | "." | "..")).collect();
        let mut progress = patterns.start();
        let mut reached = patterns.may_hold(&progress);
        for name in &names {
            progress = patterns.step(&progress, name);
            reached &= patterns.may_hold(&progress);
        }
        if patterns.pick(&progress) {
            assert!(reached, "{path:?} lies where nothing is looked for");
            assert!(
                roots.iter().any(|root| names.iter().zip(root).all(|(a, b)| a == b)),
                "{path:?} has no root"
            );
        }
    }
}

/// The file that pins actions: what was read is written and read again the same.
pub fn actions_lock(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(lock) = Lock::parse(text) {
        assert_eq!(Lock::parse(&lock.render()).as_ref(), Ok(&lock), "written as another");
    }
}

/// A forge's answer with tasks, in both of its forms, whatever of it is secret isn't shown; and an address that a
/// forge points to, which reads the same when it is shown.
pub fn forge_reply(data: &[u8]) {
    let messages = FetchTaskResponse::decode(data).map(Fetched::from).ok();
    for fetched in messages.into_iter().chain(serde_json::from_slice(data)) {
        for task in fetched.tasks {
            assert!(!task.context.contains_key("token"), "the job's token stays in the context");
            let shown = format!("{task:?}");
            // A shorter one may be in any text by chance.
            let hidden = |secret: &str| secret.len() < 24 || !shown.contains(secret);
            let named =
                |secret: &str| task.secrets.keys().chain(task.vars.keys()).any(|name| name.contains(secret));
            for secret in task.secrets.values().chain(&task.tokens.job).chain(&task.tokens.runtime) {
                assert!(hidden(secret.expose()) || named(secret.expose()), "a secret is shown");
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(instance) = text.parse::<Instance>() {
        assert_eq!(instance.to_string().parse().as_ref(), Ok(&instance), "shown as another");
        assert!(!instance.to_string().contains('@'), "credentials are shown");
    }
}
