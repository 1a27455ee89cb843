//! Text without secrets passes byte for byte, whatever it looks like.

use palisade_tests::Random;

use crate::filter::{Filtered, mask, mask_text};
use crate::text;
use palisade_tests::encode::{base64, hex, wrapped};
use palisade_tests::samples;

/// One secret of each kind, and a hundred tokens: enough for chance to find something, if it can.
fn secrets(r: &mut Random) -> Vec<String> {
    let mut secrets: Vec<String> = samples::all(r).into_iter().map(|s| s.value).collect();
    secrets.extend(samples::tokens(r, 100));
    secrets
}

fn assert_same(what: &str, text: &[u8], filtered: &Filtered) {
    let output = &filtered.output;
    if output == text {
        return;
    }
    let at = output.iter().zip(text).take_while(|(a, b)| a == b).count();
    let show =
        |bytes: &[u8]| bytes[at.saturating_sub(80)..bytes.len().min(at + 80)].escape_ascii().to_string();
    panic!(
        "{what} changed at byte {at} of {} (PALISADE_TEST_SEED={}):\n  {}\n  {}",
        text.len(),
        Random::seed(),
        show(text),
        show(output)
    );
}

#[test]
fn ordinary_text_passes_byte_for_byte() {
    let mut r = Random::new(Random::seed() ^ 0xc1ea);
    let r = &mut r;
    let secrets = secrets(r);
    let image = r.binary(30_000);
    let lines = |r: &mut Random, line: &dyn Fn(&mut Random) -> String| -> String {
        (0..400).map(|_| line(r) + "\n").collect()
    };
    let texts: Vec<(&str, Vec<u8>)> = vec![
        ("a build log", text::lines(r, 300_000).into()),
        (
            "a git log",
            lines(r, &|r| format!("{} Fix the build ({})", hex(r.binary(20)), hex(r.binary(4)))).into(),
        ),
        ("checksums", lines(r, &|r| format!("{}  dist/{}.whl", hex(r.binary(32)), hex(r.binary(3)))).into()),
        (
            "a lock file",
            lines(r, &|r| format!("      \"integrity\": \"sha512-{}\",", base64(&r.binary(64)))).into(),
        ),
        (
            "UUIDs",
            lines(r, &|r| {
                let id = hex(r.binary(16));
                format!("run {}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
            })
            .into(),
        ),
        ("an image in base64", wrapped(&base64(&image), 76, "\n").into()),
        ("an image in a data URL", format!("url(data:image/png;base64,{})", base64(&image)).into()),
        ("minified code", minified(r).into()),
        (
            "a progress bar",
            (0..2000)
                .map(|i| format!("\r\x1b[K{}% {}", i % 101, "#".repeat(i % 60)))
                .collect::<String>()
                .into(),
        ),
        ("arbitrary bytes", image.clone()),
        ("all byte values", (0..=255).cycle().take(4096).collect()),
        ("NULs", vec![0; 10_000]),
        ("UTF-16", palisade_tests::encode::utf16(&text::lines(r, 20_000), u16::to_le_bytes)),
        ("invalid UTF-8", b"caf\xe9 \xff\xfe \xc3( \xf0\x9f\x98 end".repeat(100)),
        ("characters without width", "a\u{200b}b\u{feff}c\u{ad}\r\n".repeat(500).into()),
        ("hex dumps", dumps(&image[..4000]).into()),
        ("lists of numbers", format!("{:?}", &image[..4000]).into()),
        ("the mask itself", "*** **** ***** *** \n***\n".repeat(50).into()),
        (
            "one character a line",
            text::lines(r, 4000).chars().map(|c| format!("{c}\n")).collect::<String>().into(),
        ),
        (
            "numbered lines",
            text::lines(r, 20_000)
                .lines()
                .zip(1..)
                .map(|(l, n)| format!("{n:6}\t{l}\n"))
                .collect::<String>()
                .into(),
        ),
        ("nothing", Vec::new()),
        ("no newline at the end", b"a line\nand one without end".to_vec()),
    ];
    for (what, text) in &texts {
        assert_same(what, text, &mask_text(&secrets, text));
    }
    // All of it again, in random chunks.
    let all = texts.iter().map(|(_, text)| &text[..]).collect::<Vec<_>>().join(&b'\n');
    let mut chunks = Vec::new();
    let mut rest = &all[..];
    while !rest.is_empty() {
        let len = if r.below(50) == 0 { r.within(1..=4000) } else { r.within(1..=60) };
        let (chunk, tail) = rest.split_at(len.min(rest.len()));
        chunks.push(chunk);
        rest = tail;
    }
    assert_same("all in chunks", &all, &mask(&secrets, &chunks));
}

#[test]
fn what_lies_round_a_secret_passes_byte_for_byte() {
    let mut r = Random::new(Random::seed() ^ 0x0a0d);
    let secrets = samples::tokens(&mut r, 3);
    let (mut text, mut expected) = (String::new(), String::new());
    for i in 0..300 {
        let lines = text::lines(&mut r, 10);
        text.push_str(&format!("{lines}token \"{}\" {i}\n", secrets[i % 3]));
        expected.push_str(&format!("{lines}token \"***\" {i}\n"));
    }
    assert_same("text with secrets", expected.as_bytes(), &mask_text(&secrets, text));
}

fn minified(r: &mut Random) -> String {
    const NAME: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ$_";
    let mut code = String::from("!function(){\"use strict\";");
    for _ in 0..3000 {
        let [a, b, c] = [1, 2, 1].map(|len| r.text(NAME, len));
        let number = r.below(100_000);
        code.push_str(&format!(
            "function {a}{number}({b},{c}){{return {b}[{c}]^={number},{a}({b}>>>{c},0x{number:x})}}"
        ));
    }
    code + "}();"
}

fn dumps(bytes: &[u8]) -> String {
    let rows = bytes.chunks(16).enumerate();
    rows.map(|(i, row)| {
        let pairs: Vec<String> = row.chunks(2).map(hex).collect();
        let words: Vec<String> = row.iter().map(|b| format!("{b:03o}")).collect();
        format!("{:08x}: {}\n{:07o} {}\n", i * 16, pairs.join(" "), i * 16, words.join(" "))
    })
    .collect()
}
