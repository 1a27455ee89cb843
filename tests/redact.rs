//! Makes output comparable: what differs from run to run becomes a placeholder.

use std::path::Path;

/// Replaces each path by its name in brackets, and each duration by `[TIME]`.
pub fn redact(text: &str, places: &[(&Path, &str)]) -> String {
    let mut text = text.to_owned();
    // The longest first: one place may lie in another.
    let mut places: Vec<_> = places.iter().map(|(path, name)| (path.display().to_string(), name)).collect();
    places.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    for (path, name) in places {
        text = text.replace(&path, &format!("[{name}]"));
    }
    redact_durations(&text)
}

/// A number directly followed by, or one space before, a unit of time.
fn redact_durations(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let before = rest[..start].chars().next_back().or(out.chars().next_back());
        let part_of_word = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
        let length =
            rest[start..].find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len() - start);
        let end = start + length;
        out.push_str(&rest[..start]);
        match unit(&rest[end..]) {
            Some(unit_length) if !part_of_word => {
                out.push_str("[TIME]");
                rest = &rest[end + unit_length..];
            }
            _ => {
                out.push_str(&rest[start..end]);
                rest = &rest[end..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The length of a unit of time at the start of a text, with the space before it.
fn unit(text: &str) -> Option<usize> {
    let trimmed = text.strip_prefix(' ').unwrap_or(text);
    let unit = ["ms", "µs", "ns", "min", "s", "m", "h"].into_iter().find(|u| {
        trimmed.strip_prefix(u).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric()))
    })?;
    Some(text.len() - trimmed.len() + unit.len())
}

#[cfg(test)]
mod tests {
    use super::redact;
    use std::path::Path;

    #[test]
    fn paths_and_durations_become_placeholders() {
        let places = [(Path::new("/t/x"), "TMP"), (Path::new("/t/x/home"), "HOME")];
        let text = "in /t/x/home/a after 1.5 s (12ms, 3 µs); /t/x/b";
        assert_eq!(redact(text, &places), "in [HOME]/a after [TIME] ([TIME], [TIME]); [TMP]/b");
    }

    #[test]
    fn other_numbers_stay() {
        let text = "2 steps, v1.2 shells, x86 s, 4 s1, step-3 s, 1,000 h2";
        assert_eq!(redact(text, &[]), text);
    }
}
