//! XML: settings of Maven and NuGet, publish profiles.

use zeroize::Zeroizing;

use super::{Found, Reason, split_before, split_once};

/// Adds texts and attributes; each is named by its element or itself.
pub fn find(text: &[u8], found: &mut Found) {
    if !text.starts_with(b"<") {
        return;
    }
    let mut rest = text;
    while let Some((_, after)) = split_once(rest, b'<') {
        let Some((tag, after)) = split_once(after, b'>') else { return };
        let (name, attributes) = split_before(tag, b" \t\r\n/");
        if !name.starts_with(b"?") && !name.starts_with(b"!") {
            add_attributes(attributes, found);
            let (content, _) = split_before(after, b"<");
            add(content, Reason::by(name), found);
        }
        rest = after;
    }
}

fn add_attributes(mut text: &[u8], found: &mut Found) {
    // As in `<add key="Password" value="…" />`.
    let mut says_secret = false;
    while let Some((name, after)) = split_once(text, b'=') {
        let Some((quote @ (b'"' | b'\''), after)) = after.trim_ascii_start().split_first() else { return };
        let Some((value, after)) = split_once(after, *quote) else { return };
        let name = name.trim_ascii();
        match name {
            b"key" | b"name" => says_secret = Reason::by(value) == Reason::Named,
            _ if name.starts_with(b"xmlns") || name.starts_with(b"xsi:") => {}
            _ => add(value, if says_secret { Reason::Named } else { Reason::by(name) }, found),
        }
        text = after;
    }
}

fn add(text: &[u8], reason: Reason, found: &mut Found) {
    found.add(text, reason);
    if text.contains(&b'&') {
        found.add(&without_entities(text), reason);
    }
}

fn without_entities(text: &[u8]) -> Zeroizing<Vec<u8>> {
    const ENTITIES: [(&[u8], u8); 5] =
        [(b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\''), (b"&amp;", b'&')];
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let entity = ENTITIES.iter().find_map(|(entity, c)| Some((rest.strip_prefix(*entity)?, *c)));
        let (next, c) = entity.unwrap_or((after, byte));
        plain.push(c);
        rest = next;
    }
    plain
}
