//! Reads what `xxd`, `hexdump`, `od`, `curl --trace`, `tcpdump -X` and `openssl asn1parse -dump` print.

/// The columns of a dump: data without offsets, and what it shows as text.
pub fn columns(lines: &[&[u8]], mut give: impl FnMut(&'static str, Vec<u8>)) {
    let (mut data, mut all, mut text, mut chars) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for rest in lines.iter().filter_map(|line| without_offset(line)) {
        // All columns of `curl` have their places.
        let traced = rest.len() > 48 && rest[47] == b' ' && rest[2] == b' ';
        let (numbers, shown) = if traced { rest.split_at(48) } else { split_text(rest) };
        data.extend_from_slice(numbers);
        data.push(b' ');
        all.extend_from_slice(rest);
        all.push(b' ');
        text.extend_from_slice(shown);
        od_chars(rest, &mut chars);
    }
    give("data of a dump", data);
    give("dump without offsets", all);
    give("text of a dump", text);
    give("characters of od", chars);
}

/// The rest of a line that begins with an offset: `00000010: `, `0000010 `, `00000010  `, `0010: `, `0x0010:  `, `0010 - `.
fn without_offset(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"0x").unwrap_or(line);
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let rest = &line[digits..];
    if digits == 4 {
        let of = |mark: &[u8]| rest.strip_prefix(mark);
        return of(b":  ").or_else(|| of(b": ")).or_else(|| of(b" - "));
    }
    if !(6..=8).contains(&digits) {
        return None;
    }
    rest.strip_prefix(b": ").or_else(|| rest.strip_prefix(b" "))
}

/// Splits the numbers of a line from its text, which is between bars, `>` and `<`, or after two spaces.
fn split_text(line: &[u8]) -> (&[u8], &[u8]) {
    let bar = line.iter().position(|b| matches!(b, b'|' | b'>')).filter(|bar| bar + 1 < line.len());
    let spaces = line.windows(2).position(|w| w == b"  ");
    match (bar, spaces) {
        (Some(bar), _) if matches!(line.last(), Some(b'|' | b'<')) => {
            (&line[..bar], &line[bar + 1..line.len() - 1])
        }
        (_, Some(at)) => (&line[..at], &line[at + 2..]),
        _ => (line, b""),
    }
}

/// Columns of four, each a character, an escape or three octal digits, as `od -c` prints them.
fn od_chars(line: &[u8], out: &mut Vec<u8>) {
    for column in line.chunks(4) {
        match column.trim_ascii() {
            [] => out.push(b' '),
            [b'\\', b'n'] => out.push(b'\n'),
            [b'\\', b'r'] => out.push(b'\r'),
            [b'\\', b't'] => out.push(b'\t'),
            [b'\\', b'0'] => out.push(0),
            [one] => out.push(*one),
            digits @ [_, _, _] => {
                let value = std::str::from_utf8(digits).ok().and_then(|d| u8::from_str_radix(d, 8).ok());
                out.extend(value);
            }
            _ => {}
        }
    }
}

/// Words of two bytes, low byte first, as `od`, `od -x` and `hexdump` print them.
pub fn words(text: &[u8], give: &mut impl FnMut(&'static str, Vec<u8>)) {
    let mut in_words = |name, len: usize, radix| {
        let words = text.split(u8::is_ascii_whitespace);
        let parsed: Vec<Option<u16>> = words
            .filter(|w| !w.is_empty())
            .map(|w| {
                let word = std::str::from_utf8(w).ok().filter(|w| w.len() == len)?;
                u16::from_str_radix(word, radix).ok()
            })
            .collect();
        let runs = parsed.split(Option::is_none).filter(|run| run.len() >= 4);
        let bytes = runs.map(|run| run.iter().flatten().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>());
        give(name, bytes.collect::<Vec<_>>().join(&b'\n'));
    };
    in_words("hex words", 4, 16);
    in_words("octal words", 6, 8);
}
