//! YAML: a Kubernetes secret, a kubeconfig, a file of settings.

use saphyr_parser::{Event, Parser, StrInput};

use super::{Found, Reason};

/// Adds the values of a mapping or sequence of several lines. One line that holds a colon can be anything.
pub fn find(text: &[u8], found: &mut Found) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    // JSON is read by its own, more tolerant reader. Each tag copies the prefix that its directive gave it.
    if !text.contains('\n') || text.starts_with(['{', '[']) || text.contains("%TAG") || !has_structure(text) {
        return;
    }
    let mut open: Vec<Level> = Vec::new();
    let mut parser = Parser::new(StrInput::new(text));
    // What stands in front of an error is as secret as if there were none.
    while let Some(Ok((event, _))) = parser.next_event() {
        match event {
            Event::StreamEnd => break,
            Event::MappingStart(..) => {
                value_begins(&mut open);
                open.push(Level::Mapping { name: String::new(), at_key: true });
            }
            Event::SequenceStart(..) => {
                value_begins(&mut open);
                open.push(Level::Sequence);
            }
            Event::MappingEnd | Event::SequenceEnd => drop(open.pop()),
            Event::Alias(_) => drop(value_begins(&mut open)),
            Event::Scalar(scalar, ..) => match open.last_mut() {
                Some(Level::Mapping { name, at_key: at_key @ true }) => {
                    *name = scalar.into_owned();
                    *at_key = false;
                }
                Some(_) => {
                    let reason = Reason::by(value_begins(&mut open).as_bytes());
                    found.add(scalar.as_bytes(), reason);
                }
                None => {}
            },
            _ => {}
        }
    }
}

enum Level {
    Sequence,
    Mapping { name: String, at_key: bool },
}

/// Notes that a value begins; gives the name that it has.
fn value_begins(open: &mut [Level]) -> &str {
    match open.last_mut() {
        Some(Level::Mapping { name, at_key }) => {
            *at_key = !*at_key;
            if *at_key { name } else { "" }
        }
        _ => "",
    }
}

/// Whether a line could be an entry: the scanner is not asked about a text that can't be YAML.
fn has_structure(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim();
        line.starts_with("- ") || line.ends_with(':') || line.contains(": ")
    })
}
