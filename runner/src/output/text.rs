//! Makes what a step prints safe for a terminal.
//!
//! Colours pass. Everything else that moves the cursor, sets titles or makes links could overwrite or forge
//! palisade's own lines, so it is dropped; other control characters are shown as `^X`. Of a line that was
//! overwritten by carriage returns, as progress bars do, the last state is shown.

/// How palisade's own lines begin. A step's line that begins so is indented.
pub const MARK: &str = "==>";

/// Whether text can be shown as it is: no control character but newline and tab, none of palisade's marks.
pub fn is_safe(text: &str) -> bool {
    // 0xC2 begins the control characters beyond ASCII. Without a branch, so that it is vectorised.
    let odd = text
        .bytes()
        .fold(false, |odd, b| odd | ((b < 0x20) & (b != b'\n') & (b != b'\t')) | (b == 0x7F) | (b == 0xC2));
    !odd && !text.starts_with(MARK) && memchr::memmem::find(text.as_bytes(), b"\n==>").is_none()
}

/// Appends one line, without line end, as a terminal may show it.
pub fn line(text: &str, colours: bool, out: &mut String) {
    let text = text.trim_end_matches('\r');
    let start = out.len();
    for state in text.split('\r').rev() {
        segment(state, colours, out);
        if out.len() > start {
            break;
        }
    }
    if visible(&out[start..]).starts_with(MARK) {
        out.insert(start, ' ');
    }
}

/// Appends text that has to stay on one line, such as a name.
pub fn name(text: &str, out: &mut String) {
    for (i, part) in text.split(['\n', '\r']).filter(|part| !part.is_empty()).enumerate() {
        if i > 0 {
            out.push(' ');
        }
        segment(part, false, out);
    }
}

const RESET: &str = "\x1b[0m";

fn segment(text: &str, colours: bool, out: &mut String) {
    let mut coloured = false;
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\t') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (sequence, len) = sequence(rest);
        match sequence {
            Sequence::Colour if colours => {
                out.push_str(&rest[..len]);
                coloured = !matches!(&rest[..len], RESET | "\x1b[m");
            }
            Sequence::Colour | Sequence::Other => {}
            Sequence::Control(c) => show(c, out),
        }
        rest = &rest[len..];
    }
    out.push_str(rest);
    if coloured {
        out.push_str(RESET);
    }
}

enum Sequence {
    /// Select Graphic Rendition.
    Colour,
    /// Any other escape sequence.
    Other,
    /// A lone control character.
    Control(char),
}

/// The control sequence that text begins with, and its length. Source of the forms: ECMA-48.
fn sequence(text: &str) -> (Sequence, usize) {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or('\0');
    let introducer = match (first, chars.next()) {
        ('\x1b', Some(c)) => c,
        // The same in one character: 0x9B is CSI as 0x1B 0x5B is.
        ('\u{80}'..='\u{9f}', _) => char::from((first as u32 - 0x40) as u8),
        _ => return (Sequence::Control(first), first.len_utf8()),
    };
    let head = if first == '\x1b' { 1 + introducer.len_utf8() } else { first.len_utf8() };
    let body = &text[head..];
    match introducer {
        '[' => {
            let end = body.find(|c: char| !(' '..='?').contains(&c)).unwrap_or(body.len());
            let is_final = body[end..].starts_with(|c: char| ('@'..='~').contains(&c));
            let colour = first == '\x1b'
                && body[end..].starts_with('m')
                && body[..end].bytes().all(|b| b.is_ascii_digit() || b == b';' || b == b':');
            (if colour { Sequence::Colour } else { Sequence::Other }, head + end + usize::from(is_final))
        }
        // Strings: title, link, device control. One that doesn't end is no reason to hide the line.
        ']' | 'P' | 'X' | '^' | '_' => {
            let end = body.find(['\x07', '\u{9c}']).into_iter().chain(body.find("\x1b\\")).min();
            let len = match end {
                Some(end) if body[end..].starts_with('\x07') => end + 1,
                Some(end) => end + 2,
                None => 0,
            };
            (Sequence::Other, head + len)
        }
        // Intermediate bytes and a final one: character sets and the like.
        ' '..='/' => {
            let end = body.find(|c: char| !(' '..='/').contains(&c)).unwrap_or(body.len());
            let is_final = body[end..].starts_with(|c: char| ('0'..='~').contains(&c));
            (Sequence::Other, head + end + usize::from(is_final))
        }
        '0'..='~' => (Sequence::Other, head),
        // An escape before something that it can't introduce.
        _ => (Sequence::Control(first), first.len_utf8()),
    }
}

fn show(control: char, out: &mut String) {
    match control {
        '\0'..='\x1f' => out.extend(['^', char::from(control as u8 + 0x40)]),
        '\x7f' => out.push_str("^?"),
        _ => out.push('\u{fffd}'),
    }
}

/// Without colours at its beginning.
fn visible(mut text: &str) -> &str {
    while text.starts_with('\x1b') {
        text = &text[sequence(text).1..];
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let mut out = String::new();
        line(text, true, &mut out);
        out
    }

    #[test]
    fn colours_pass_and_end_with_the_line() {
        assert_eq!(shown("\x1b[1;31mred\x1b[0m plain"), "\x1b[1;31mred\x1b[0m plain");
        assert_eq!(shown("\x1b[38:5:1mred"), "\x1b[38:5:1mred\x1b[0m");
        let mut out = String::new();
        line("\x1b[1;31mred\x1b[0m plain", false, &mut out);
        assert_eq!(out, "red plain");
    }

    #[test]
    fn nothing_else_reaches_the_terminal() {
        for (text, safe) in [
            ("\x1b[2J\x1b[1;1Hforged", "forged"),
            ("\x1b]0;title\x07text", "text"),
            ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b]0;never ended", "0;never ended"),
            ("\u{9b}2Jtext", "text"),
            ("\u{9d}0;t\u{9c}text", "text"),
            ("\x1b(0lqk\x1b(B", "lqk"),
            ("\x1bcreset \x1b7\x1b8", "reset "),
            ("\x1b[?25lhidden", "hidden"),
            ("\x1b[>4;1mnot a colour", "not a colour"),
            ("bell\x07 back\x08\x7f nul\0 so\x0e", "bell^G back^H^? nul^@ so^N"),
            ("ends in \x1b", "ends in ^["),
            ("\x1b[31", ""),
            ("\x1b\x1b[2Jx", "^[x"),
        ] {
            assert_eq!(shown(text), safe, "{text:?}");
        }
    }

    #[test]
    fn a_progress_bar_shows_its_last_state() {
        assert_eq!(shown(" 10%\r 50%\r100%\r"), "100%");
        assert_eq!(shown("downloading\x1b[K\r\x1b[2K\r"), "downloading");
        assert_eq!(shown("dos line\r"), "dos line");
    }

    #[test]
    fn palisades_own_mark_is_not_for_steps() {
        assert_eq!(shown("==> job: success"), " ==> job: success");
        assert_eq!(shown("\x1b[1m\x1b[32m==> job"), " \x1b[1m\x1b[32m==> job\x1b[0m");
        assert_eq!(shown("x\r==> job"), " ==> job");
        assert!(!is_safe("a\n==> job\n"));
        assert!(!is_safe("==> job\n"));
        assert!(is_safe("a ==> b\tc é\n"));
    }

    proptest! {
        #[test]
        fn only_colours_are_left_of_control_sequences(
            text in "[\u{1b}\u{9b}\u{9d}\u{7}\u{8}\u{0}\\[\\]\\\\;?m0-9HJ=>\r ab]{0,40}",
        ) {
            let mut rest = &shown(&text)[..];
            prop_assert!(!visible(rest).starts_with(MARK));
            while let Some(at) = rest.find(|c: char| c.is_control()) {
                let (kind, len) = sequence(&rest[at..]);
                prop_assert!(matches!(kind, Sequence::Colour), "{:?}", rest);
                rest = &rest[at + len..];
            }
            prop_assert!(is_safe("") && (!is_safe(&text) || shown(&text) == text));
        }
    }
}
