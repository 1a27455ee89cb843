//! Input that breaks filters: it may come out as it is, but nothing leaks, breaks or grows.

use std::io::{Read, Write};
use std::process::Stdio;

use palisade_tests::{Context, Oracle, Random};

use crate::filter::{Filter, Filtered, mask, mask_text};
use crate::leaks::is_known;
use crate::{forms, text};
use palisade_tests::samples;

/// Most memory that the filter may take for a few secrets, in KiB, however long a line is.
const MAX_MEMORY: u64 = 48 << 10;

/// Length of the line that has no end, in bytes; `PALISADE_TEST_LINE` sets another.
fn endless() -> usize {
    let set = std::env::var("PALISADE_TEST_LINE").ok();
    set.map_or(96 << 20, |bytes| bytes.parse().expect("PALISADE_TEST_LINE is a number of bytes"))
}

fn shown(filtered: &Filtered) -> String {
    assert_eq!(filtered.code, Some(0), "{}", filtered.errors);
    String::from_utf8_lossy(&filtered.output).into_owned()
}

#[test]
fn a_line_without_end_takes_bounded_memory() {
    let mut r = Random::new(Random::seed() ^ 0x0201);
    let token = samples::tokens(&mut r, 1).remove(0);
    let block = text::lines(&mut r, 1 << 20).replace('\n', " ").into_bytes();
    let context = Context::new();
    context.write("secrets", &token);
    let mut command = context.palisade().args(["mask", "--secrets", "secrets"]).into_command();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mask_then_count = std::thread::spawn(move || {
        let (mut count, mut last) = (0, Vec::new());
        let mut buffer = vec![0; 1 << 16];
        while let Ok(n @ 1..) = output.read(&mut buffer) {
            count += n;
            last.extend_from_slice(&buffer[..n]);
            last.drain(..last.len().saturating_sub(100));
        }
        (count, last)
    });
    let mut input = child.stdin.take().unwrap();
    let mut written = 0;
    while written < endless() {
        input.write_all(&block).unwrap();
        written += block.len();
    }
    input.write_all(token.as_bytes()).unwrap();
    input.write_all(b" end").unwrap();
    // The process is measured while it lives: it waits for more.
    let peak = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(input);
    let (count, last) = mask_then_count.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(count, written + "*** end".len());
    assert!(last.ends_with(b" *** end"), "{}", last.escape_ascii());
    let line = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < MAX_MEMORY, "{peak} KiB");
}

#[test]
fn noise_without_end_takes_bounded_memory() {
    // Spaces, control sequences and newlines may all stand inside of a secret.
    let mut r = Random::new(Random::seed() ^ 0x0202);
    let token = samples::tokens(&mut r, 1).remove(0);
    for noise in [" ", "\n", "\x1b[0m", "\u{200b}", "\r", "-", "\x1b[", "=\n", "\\", "%"] {
        let noise = noise.repeat((8 << 20) / noise.len());
        let mut filter = Filter::start(&[&token]);
        filter.chunk(&token.as_bytes()[..5]);
        filter.chunk(noise.as_bytes());
        filter.chunk(b"end");
        let filtered = filter.finish();
        assert_eq!(filtered.code, Some(0));
        let expected = [&token.as_bytes()[..5], noise.as_bytes(), b"end"].concat();
        assert!(filtered.output == expected, "{:?}: {} bytes", &noise[..8], filtered.output.len());
        assert!(filtered.peak < MAX_MEMORY, "{:?}: {} KiB", &noise[..8], filtered.peak);
    }
}

#[test]
fn secrets_are_masked_between_bytes_of_any_kind() {
    let mut r = Random::new(Random::seed() ^ 0x0203);
    let samples = samples::all(&mut r);
    let secrets: Vec<&str> = samples.iter().map(|s| s.value.as_str()).collect();
    let oracle = Oracle::new(samples.iter().flat_map(samples::Sample::targets));
    let junk: [&[u8]; 6] = [b"\xff\xfe", b"\0\0\0", b"\xc3", b"\xf0\x9f\x98", b"\x1b[", b"\xe2\x80"];
    for sample in &samples {
        for before in junk {
            if before == b"\x1b[" && is_known("after ESC [", sample.kind) {
                continue;
            }
            let after = *r.pick(&junk);
            let text =
                [b"a line of log ", before, sample.value.as_bytes(), after, b" end of line\n"].concat();
            let output = mask_text(&secrets, &text).output;
            if let Some(leak) = oracle.leak(&output) {
                panic!("{} leaks {leak}: {}", sample.kind, output.escape_ascii());
            }
            // What touches it may go with it.
            let kept = output.starts_with(b"a line ") && output.ends_with(b"of line\n");
            assert!(kept, "{}", output.escape_ascii());
        }
        let binary = [r.binary(5000), sample.value.clone().into_bytes(), r.binary(5000)].concat();
        let output = mask_text(&secrets, &binary).output;
        assert!(!contains(&output, sample.value.trim().as_bytes()), "{}", sample.kind);
        assert!(output.starts_with(&binary[..4900]) && output.ends_with(&binary[binary.len() - 4900..]));
    }
}

#[test]
fn a_secret_of_48_kib_is_masked_in_many_forms_and_in_part() {
    const FORMS: [&str; 18] = [
        "raw",
        "base64",
        "base64 of text round it",
        "base64 at 76",
        "base64 URL-safe",
        "base64 of base64",
        "hex",
        "hex with colons",
        "xxd",
        "xxd -p",
        "od -c",
        "URL-encoded",
        "JSON in JSON",
        "reversed",
        "folded and numbered by cat -n",
        "split into groups by newlines",
        "the beginning (head -c)",
        "the middle (cut -c)",
    ];
    let mut r = Random::new(Random::seed() ^ 0x0204);
    let sample = samples::large(&mut r);
    let oracle = Oracle::new([&sample.value]);
    let mut leaks = Vec::new();
    for name in FORMS {
        let body = forms::named(name).make(&sample.value, &mut r).expect("these forms are of any value");
        let text = [b"before\n", &body[..], b"\nafter the end\n"].concat();
        let mut filter = Filter::start(&[&sample.value]);
        let mut rest = &text[..];
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at(r.within(1..=4096).min(rest.len()));
            filter.chunk(chunk);
            rest = tail;
        }
        let filtered = filter.finish();
        assert_eq!((filtered.code, filtered.errors.as_str()), (Some(0), ""));
        leaks.extend(
            oracle
                .leak(&filtered.output)
                .filter(|_| !is_known(name, sample.kind))
                .map(|leak| format!("{name}: {} bytes via {:?}", leak.fragment.len(), leak.via)),
        );
        let output = &filtered.output;
        let ends = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert!(
            output.starts_with(b"before\n") && output.ends_with(b" the end\n"),
            "{name}: {} … {}",
            ends(&output[..output.len().min(40)]),
            ends(&output[output.len().saturating_sub(40)..])
        );
    }
    assert!(leaks.is_empty(), "PALISADE_TEST_SEED={}: {leaks:#?}", Random::seed());
}

#[test]
fn a_secret_of_more_than_48_kib_is_refused_by_name() {
    let long = "x1".repeat(30_000);
    let filtered = mask_text(&[&long], "text\n");
    assert_eq!(shown(&filtered), "text\n");
    assert!(
        filtered.errors.contains("entry 1 of secrets") && filtered.errors.contains("48 KiB"),
        "{}",
        filtered.errors
    );
    assert!(!filtered.errors.contains("x1x1"));
}

#[test]
fn secrets_in_any_syntax_are_taken_literally() {
    let syntax = [
        "(a+)+$[^x]{2,}.*\\d|^",
        "\x1b[31mred-secret\x1b[0m",
        "::add-mask::not-a-command",
        "::error title=secret::message",
        "##[add-mask]old-syntax",
        "${{ secrets.TOKEN }}",
        "$(rm -rf /) `id` $HOME",
        "%s%n%x%d%%",
        "../../../etc/passwd",
        "<script>alert(1)</script>",
        "' OR '1'='1' --",
        "\\x41\\u0041\\101",
        "%41%42%43%44%45",
        "a,b;c|d&e=f",
    ];
    let oracle = Oracle::new(syntax);
    for secret in syntax {
        let output = shown(&mask_text(&syntax, format!("before {secret} after\n")));
        assert_eq!(output, "before *** after\n", "{secret:?}");
        for name in ["base64", "hex", "JSON", "URL-encoded"] {
            let body = forms::named(name).make(secret, &mut Random::new(1)).unwrap();
            let output = mask_text(&syntax, [b"before ", &body[..], b" after\n"].concat()).output;
            assert_eq!(oracle.leak(&output), None, "{secret:?} as {name}: {}", output.escape_ascii());
        }
    }
    // A secret that is a pattern masks nothing that the pattern would match.
    let harmless = "aaaaaaaaaaaa7 red-secre 22 ******\n";
    assert_eq!(shown(&mask_text(&syntax, harmless)), harmless);
}

#[test]
fn secrets_inside_of_one_another_and_overlapping_ones_are_united() {
    let secrets =
        ["inner-secret", "outer-inner-secret-outer", "secret-outer-tail", "abcdefghijkl", "ghijklmnopqr"];
    for (text, expected) in [
        ("[inner-secret]", "[***]"),
        ("[outer-inner-secret-outer]", "[***]"),
        ("[outer-inner-secret-outer-tail]", "[***]"),
        ("[inner-secret-outer-tail]", "[***]"),
        ("[abcdefghijklmnopqr]", "[***]"),
        ("[abcdefghijklghijklmnopqr]", "[***]"),
        ("[inner-secretinner-secret]", "[***]"),
        ("[inner-secret inner-secret]", "[*** ***]"),
    ] {
        assert_eq!(shown(&mask_text(&secrets, text)), expected, "{text}");
        let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(shown(&mask(&secrets, &single)), expected, "{text}, byte by byte");
    }
}

#[test]
fn the_mask_as_a_secret_changes_nothing() {
    for mask in ["***", "****", "********", "*** ***", "************"] {
        let filtered = mask_text(&[mask, "hunter2hunter2"], "a *** b hunter2hunter2 c ************ d\n");
        let output = shown(&filtered);
        assert!(output.starts_with("a *** b *** c *") && output.ends_with("* d\n"), "{mask}: {output}");
    }
}

#[test]
fn secrets_of_one_character_over_and_over_are_masked() {
    let secrets = ["aaaaaaaaaaaa", "abababababababab", "aaaaaaaaaaaaaaaaaaaaaaaab"];
    let output = shown(&mask_text(&secrets, format!("x {} y\n", "a".repeat(100_000))));
    assert!(
        output.starts_with("x ***") && output.ends_with(" y\n") && output.len() < 100,
        "{}",
        output.len()
    );
    let output = shown(&mask_text(&secrets, "x abababababababababab y\n"));
    assert_eq!(output.replace("***b", "***").replace("a***", "***"), "x *** y\n");
}

#[test]
fn a_thousand_secrets_are_all_masked() {
    let mut r = Random::new(Random::seed() ^ 0x0205);
    let secrets = samples::tokens(&mut r, 1000);
    let mut text = String::new();
    for secret in &secrets {
        text.push_str(&format!("{}\n{}\n", secret, palisade_tests::encode::base64(secret.as_bytes())));
    }
    let filtered = mask_text(&secrets, &text);
    assert_eq!(filtered.errors, "");
    assert_eq!(Oracle::new(&secrets).leak(&filtered.output), None);
}

#[test]
fn a_file_of_secrets_that_cannot_be_used_is_an_error_without_its_contents() {
    for (contents, message) in
        [("", "no secrets"), ("[\"hunter2hunter2", "JSON"), ("[1, \"hunter2\"]", "JSON")]
    {
        let mut filter = Filter::of_file(contents);
        filter.chunk(b"text\n");
        let filtered = filter.finish();
        assert_eq!(filtered.code, Some(2), "{}", filtered.errors);
        assert_eq!(filtered.output, b"");
        assert!(filtered.errors.contains(message), "{}", filtered.errors);
        assert!(!filtered.errors.contains("hunter2"), "{}", filtered.errors);
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
