//! The characters themselves: in clear, turned round, apart, with something between them, in part.

use palisade_tests::Random;
use palisade_tests::encode::{base64, decomposed, hex, rot13, wrapped};

use super::{Form, around};

/// The forms.
pub const FORMS: &[Form] = &[
    Form::of("raw", |s, _| s.to_string()),
    Form::of("raw twice in a row", |s, _| format!("{s}{s}")),
    Form::some("lines with CRLF", |s, _| Some(several_lines(s)?.replace('\n', "\r\n"))),
    Form::some("lines indented", |s, _| Some(several_lines(s)?.replace('\n', "\n      "))),
    Form::some("lines in one", |s, _| Some(several_lines(s)?.replace('\n', ""))),
    Form::some("lines joined with \\n", |s, _| Some(several_lines(s)?.replace('\n', "\\n"))),
    Form::some("hex in the other case", |s, _| {
        let hex = s.chars().all(|c| c.is_ascii_hexdigit()) && s.chars().any(|c| c.is_alphabetic());
        let upper = s.chars().any(|c| c.is_uppercase());
        hex.then(|| if upper { s.to_lowercase() } else { s.to_uppercase() })
    }),
    Form::some("decomposed (NFD)", |s, _| Some(decomposed(s)).filter(|d| d != s)),
    Form::of("rot13", |s, _| rot13(s)),
    Form::of("reversed", |s, _| s.chars().rev().collect()),
    Form::some_lines("reversed line by line", |s, _| {
        let lines = several_lines(s)?.lines().map(|line| line.chars().rev().collect::<String>());
        Some(lines.collect::<Vec<_>>().join("\n"))
    }),
    Form::of("split by spaces", |s, _| joined(s, " ")),
    Form::of("split by dashes", |s, _| joined(s, "-")),
    Form::of("split by tabs", |s, _| joined(s, "\t")),
    Form::of("split into groups by spaces", |s, r| grouped(s, r, " ")),
    Form::some("split into groups by dashes", |s, r| {
        // Who reads a value of punctuation can't tell its own dashes from the others.
        let letters = s.chars().filter(|c| c.is_alphanumeric()).count();
        (!s.contains('-') || letters >= 12.max(s.chars().count() / 2)).then(|| grouped(s, r, "-"))
    }),
    Form::of("split into groups by newlines", |s, r| grouped(s, r, "\n")),
    Form::of("split into groups by CRLF", |s, r| grouped(s, r, "\r\n")),
    Form::of("split at one place by a newline", |s, r| at_one_place(s, r, "\n")),
    Form::of("split at one place by a space", |s, r| at_one_place(s, r, " ")),
    Form::of("split at one place by \\r", |s, r| at_one_place(s, r, "\r")),
    Form::of("split by \\r", |s, _| joined(s, "\r")),
    Form::some_lines("one character a line", |s, _| one_line(s).map(|s| joined(s, "\n"))),
    Form::some_lines("one character a line with CRLF", |s, _| one_line(s).map(|s| joined(s, "\r\n"))),
    Form::some_lines("one character a line, numbered by cat -n", |s, _| {
        Some(numbered(&joined(one_line(s)?, "\n"), |n| format!("{n:6}\t")))
    }),
    Form::lines("folded and numbered by cat -n", |s, r| {
        let width = r.within(4..=16);
        numbered(&folded(s, width), |n| format!("{n:6}\t"))
    }),
    Form::lines("folded and numbered by grep -n", |s, r| {
        let width = r.within(4..=16);
        numbered(&folded(s, width), |n| format!("{n}:"))
    }),
    Form::lines("folded and numbered with a bar", |s, r| {
        let width = r.within(8..=20);
        numbered(&folded(s, width), |n| format!("{n:>4} | "))
    }),
    Form::of("a colour for each character", |s, r| {
        let colour = r.within(31..=36);
        s.chars().map(|c| format!("\x1b[{colour}m{c}\x1b[0m")).collect()
    }),
    Form::of("a colour in the middle", |s, r| at_one_place(s, r, "\x1b[0m\x1b[1;33m")),
    Form::of("erasures between characters", |s, _| joined(s, "\x1b[K")),
    Form::of("a title sequence in the middle", |s, r| at_one_place(s, r, "\x1b]0;title\x07")),
    Form::of("a link in the middle", |s, r| at_one_place(s, r, "\x1b]8;;https://example.com\x1b\\")),
    Form::of("split by zero-width spaces", |s, _| joined(s, "\u{200b}")),
    Form::of("split by zero-width joiners", |s, _| joined(s, "\u{200d}")),
    Form::of("a byte order mark in the middle", |s, r| at_one_place(s, r, "\u{feff}")),
    Form::of("a soft hyphen in the middle", |s, r| at_one_place(s, r, "\u{ad}")),
    Form::of("invisible characters in between", |s, r| {
        const INVISIBLE: [&str; 6] = ["\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}", "\u{feff}", ""];
        s.chars().map(|c| format!("{c}{}", r.pick(&INVISIBLE))).collect()
    }),
    Form::some_lines("set -x of printing each character", |s, _| {
        one_line(s).map(|s| traced(s, |c| format!("+ printf %s {}\n", trace_quoted(c))))
    }),
    Form::some_lines("set -x of printing each character, with what it prints", |s, _| {
        one_line(s).map(|s| traced(s, |c| format!("+ echo {}\n{c}\n", trace_quoted(c))))
    }),
    Form::some_lines("set -x of a loop over each character", |s, _| {
        one_line(s)
            .map(|s| traced(s, |c| format!("+ for c in $chars\n+ printf '%s\\n' {}\n{c}\n", trace_quoted(c))))
    }),
    Form::some_lines("set -x of printing on one line", |s, _| {
        one_line(s).map(|s| traced(s, |c| format!("{c}+ printf %s {}\n", trace_quoted(c))))
    }),
    Form::of("a list of characters", |s, _| {
        s.chars().map(|c| format!("'{c}'")).collect::<Vec<_>>().join(", ")
    }),
    Form::some("the beginning (head -c)", |s, r| piece(s, r, |_, _| 0)),
    Form::some("the end (tail -c)", |s, r| piece(s, r, |room, _| room)),
    Form::some("the middle (cut -c)", |s, r| piece(s, r, |room, r| r.below(room + 1))),
    Form::some("the beginning, cut by a tool with …", |s, r| Some(piece(s, r, |_, _| 0)? + "...")),
    Form::some("the shortest piece that counts", |s, r| {
        let chars: Vec<char> = s.chars().collect();
        let floor = floor(chars.len()).filter(|floor| *floor < chars.len())?;
        let start = r.below(chars.len() - floor + 1);
        Some(chars[start..start + floor].iter().collect())
    }),
    Form::some("base64 of a piece", |s, r| {
        Some(base64(piece(s, r, |room, r| r.below(room + 1))?.as_bytes()))
    }),
    Form::some("hex of a piece", |s, r| Some(hex(piece(s, r, |room, r| r.below(room + 1))?))),
    Form::some("a piece, split by spaces", |s, r| {
        Some(joined(&piece(s, r, |room, r| r.below(room + 1))?, " "))
    }),
    Form::some("a piece, reversed", |s, r| {
        Some(piece(s, r, |room, r| r.below(room + 1))?.chars().rev().collect())
    }),
    Form::some("a piece of base64", |s, r| {
        // Of what it decodes to, up to 14 bytes stood round the secret and two are cut.
        let least = floor(s.chars().count())? + 16;
        let encoded = base64(around(s, r).as_bytes());
        piece(&encoded, r, |room, r| r.below(room + 1))
            .filter(|piece| s.is_ascii() && piece.len() * 3 / 4 >= least)
    }),
];

fn joined(text: &str, between: &str) -> String {
    text.chars().map(String::from).collect::<Vec<_>>().join(between)
}

fn grouped(text: &str, random: &mut Random, between: &str) -> String {
    let width = random.within(3..=10);
    wrapped(text, width, between)
}

fn at_one_place(text: &str, random: &mut Random, between: &str) -> String {
    let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
    let at = *random.pick(&bounds);
    format!("{}{between}{}", &text[..at], &text[at..])
}

/// For forms that take a value apart character by character: its lines would be taken apart alone.
fn one_line(text: &str) -> Option<&str> {
    (!text.contains('\n')).then_some(text)
}

/// For forms that differ only where there are several lines.
fn several_lines(text: &str) -> Option<&str> {
    text.contains('\n').then_some(text)
}

/// Lines no longer than `width`, as `fold -w` makes them.
fn folded(text: &str, width: usize) -> String {
    text.lines().map(|line| wrapped(line, width, "\n")).collect::<Vec<_>>().join("\n")
}

fn numbered(text: &str, number: impl Fn(usize) -> String) -> String {
    (1..).zip(text.lines()).map(|(n, line)| number(n) + line).collect::<Vec<_>>().join("\n")
}

fn traced(text: &str, trace: impl Fn(char) -> String) -> String {
    let mut out: String = text.chars().map(trace).collect();
    out.truncate(out.trim_end_matches('\n').len());
    out
}

/// A character as bash shows it in a trace.
fn trace_quoted(c: char) -> String {
    match c {
        '\'' => "\\'".into(),
        c if c.is_alphanumeric() || "-_./:=+,%@^".contains(c) => c.to_string(),
        c => format!("'{c}'"),
    }
}

/// Fewest characters of a piece that counts, of a secret of so many.
fn floor(chars: usize) -> Option<usize> {
    Some(chars.div_ceil(2).max(12)).filter(|floor| *floor <= chars)
}

/// A piece that counts, of any length; `start` chooses where, of so many places.
fn piece(text: &str, random: &mut Random, start: impl Fn(usize, &mut Random) -> usize) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let floor = floor(chars.len()).filter(|floor| *floor < chars.len())?;
    let len = random.within(floor..=chars.len() - 1);
    let start = start(chars.len() - len, random);
    Some(chars[start..start + len].iter().collect())
}
