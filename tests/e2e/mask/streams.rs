//! Time and order: what shows when, and that neither silence nor an end lets a secret out.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade_tests::{Context, Oracle, Random};

use crate::filter::{Filter, mask, mask_text};
use crate::forms::Place;
use crate::leaks::is_known;
use crate::{forms, text};
use palisade_tests::samples;

/// Longer than the filter waits for what comes next.
const SILENCE: Duration = Duration::from_millis(250);
/// Until then something must show that shows at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// A filter whose output is looked at while it runs.
struct Live {
    child: std::process::Child,
    input: std::process::ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: std::thread::JoinHandle<()>,
    _context: Context,
}

impl Live {
    fn start(secrets: &[&str]) -> Live {
        let context = Context::new();
        context.write("secrets", serde_json::to_string(secrets).expect("JSON of strings"));
        let mut command = context.palisade().args(["mask", "--secrets", "secrets"]).into_command();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("palisade starts");
        let mut output = child.stdout.take().expect("it is a pipe");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let shown = shown.clone();
            move || {
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = output.read(&mut buffer) {
                    shown.lock().expect("nobody panics with it").extend_from_slice(&buffer[..n]);
                }
            }
        });
        let input = child.stdin.take().expect("it is a pipe");
        Live { child, input, shown, reader, _context: context }
    }

    fn write(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).expect("the filter reads");
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("nobody panics with it")).into_owned()
    }

    /// Waits until this is what shows.
    fn await_shown(&self, expected: &str) {
        let started = Instant::now();
        while self.shown() != expected {
            assert!(started.elapsed() < PATIENCE, "shown: {:?}, expected: {expected:?}", self.shown());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn finish(self) -> String {
        let Live { mut child, input, shown, reader, _context } = self;
        drop(input);
        reader.join().expect("reading doesn't panic");
        assert!(child.wait().expect("a child can be waited for").success());
        String::from_utf8_lossy(&shown.lock().expect("nobody panics with it")).into_owned()
    }
}

#[test]
fn a_prompt_shows_before_its_line_ends() {
    let mut r = Random::new(Random::seed() ^ 0x0101);
    let token = &samples::tokens(&mut r, 1)[0];
    let mut live = Live::start(&[token]);
    live.write("Continue? [y/N] ");
    live.await_shown("Continue? [y/N] ");
    live.write(&format!("y\n{token}\nname: "));
    live.await_shown("Continue? [y/N] y\n***\nname: ");
    // The end of this prompt begins the secret. The rest shows all the same.
    live.write(&format!("x\nPassword: {}", &token[..2]));
    let shown = "Continue? [y/N] y\n***\nname: x\nPassword: ";
    live.await_shown(shown);
    live.write(&token[2..]);
    live.write("\n");
    live.await_shown(&format!("{shown}***\n"));
    assert_eq!(live.finish(), format!("{shown}***\n"));
}

#[test]
fn silence_inside_of_a_secret_does_not_let_it_out() {
    const FORMS: [&str; 14] = [
        "raw",
        "base64",
        "base64 of base64",
        "base64 URL-safe of text round it",
        "base32",
        "hex",
        "hex with spaces",
        "octal as \\NNN",
        "decimal list",
        "JSON of \\uNNNN alone",
        "HTML in hex",
        "reversed",
        "split by spaces",
        "a colour for each character",
    ];
    let mut r = Random::new(Random::seed() ^ 0x0103);
    let samples: Vec<samples::Sample> = samples::all(&mut r)
        .into_iter()
        .filter(|s| ["aws secret key", "password"].contains(&s.kind))
        .collect();
    let secrets: Vec<&str> = samples.iter().map(|s| s.value.as_str()).collect();
    let oracle = Oracle::new(&secrets);
    // Side by side: silence costs no work.
    let cases: Vec<_> = FORMS
        .iter()
        .map(|name| {
            let mut filter = Filter::start(&secrets);
            let mut r = Random::new(r.number());
            let values: Vec<String> = secrets.iter().map(|s| s.to_string()).collect();
            std::thread::spawn(move || {
                for value in values {
                    let body = forms::named(name).make(&value, &mut r).expect("these forms are of any value");
                    let at = r.within(1..=body.len() - 1);
                    filter.chunk(&[text::line(&mut r).as_bytes(), b" ", &body[..at]].concat());
                    std::thread::sleep(SILENCE);
                    filter.chunk(&[&body[at..], b" end\n"].concat());
                }
                (name, filter.finish())
            })
        })
        .collect();
    let mut leaks = Vec::new();
    for case in cases {
        let (name, filtered) = case.join().expect("a case doesn't panic");
        leaks.extend(oracle.leak(&filtered.output).map(|leak| format!("{name}: {leak}")));
    }
    assert!(leaks.is_empty(), "PALISADE_TEST_SEED={}: {leaks:#?}", Random::seed());
}

#[test]
fn a_stream_that_ends_inside_of_a_secret_shows_what_does_not_count_and_nothing_else() {
    let mut r = Random::new(Random::seed() ^ 0x0104);
    let token = &samples::tokens(&mut r, 1)[0];
    for len in [1, 4, 8, 11] {
        let text = format!("say {}", &token[..len]);
        assert_eq!(String::from_utf8_lossy(&mask_text(&[token], &text).output), text);
    }
    for len in [20, 30, 39, 40] {
        let filtered = mask_text(&[token], format!("say {}", &token[..len]));
        assert_eq!(String::from_utf8_lossy(&filtered.output), "say ***", "{len} characters");
    }
    let oracle = Oracle::new([token]);
    for form in forms::all() {
        // What is left of it leaks where a short secret does.
        let Some(body) = form.make(token, &mut r).filter(|_| !is_known(form.name, "8 characters")) else {
            continue;
        };
        let before: &[u8] = if form.place == Place::Lines { b"say\n" } else { b"say " };
        let output = mask_text(&[token], [before, &body[..body.len() - body.len() / 5]].concat()).output;
        assert!(output.starts_with(b"say"), "{}: {}", form.name, output.escape_ascii());
        if let Some(leak) = oracle.leak(&output) {
            panic!(
                "{} leaks {leak}: {} (PALISADE_TEST_SEED={})",
                form.name,
                output.escape_ascii(),
                Random::seed()
            );
        }
    }
}

#[test]
fn chunks_do_not_change_what_is_masked() {
    let mut r = Random::new(Random::seed() ^ 0x0105);
    let samples = samples::all(&mut r);
    let secrets: Vec<&str> = samples.iter().map(|s| s.value.as_str()).collect();
    let mut log = Vec::new();
    for form in forms::all() {
        let sample = r.pick(&samples);
        if let Some(body) = form.make(&sample.value, &mut r) {
            log.extend_from_slice(text::lines(&mut r, 100).as_bytes());
            log.extend_from_slice(&body);
            log.push(b'\n');
        }
    }
    // Where matches touch, a pause of the writer may show as one mask more.
    let united = |output: Vec<u8>| {
        let mut output = String::from_utf8_lossy(&output).into_owned();
        while output.contains("******") {
            output = output.replace("******", "***");
        }
        output
    };
    let whole = united(mask_text(&secrets, &log).output);
    for size in [1, 2, 7, 100] {
        let chunks: Vec<&[u8]> = log.chunks(size).collect();
        let cut = united(mask(&secrets, &chunks).output);
        let at = cut.bytes().zip(whole.bytes()).take_while(|(a, b)| a == b).count();
        assert!(
            cut == whole,
            "chunks of {size} differ at byte {at} (PALISADE_TEST_SEED={}):\n  {:?}\n  {:?}",
            Random::seed(),
            &whole.as_bytes()[at.saturating_sub(60)..whole.len().min(at + 60)].escape_ascii().to_string(),
            &cut.as_bytes()[at.saturating_sub(60)..cut.len().min(at + 60)].escape_ascii().to_string(),
        );
    }
}
