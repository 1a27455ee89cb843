//! The templates of `format()`: `{0}`, `{1}`, …; `{{` and `}}` stand for the braces themselves.

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Text as it is.
    Text(&'t str),
    /// An argument.
    Argument {
        /// Which one; the largest number for one that no number is large enough for.
        index: usize,
        /// The same as it is written.
        written: &'t str,
    },
}

/// A brace that stands alone, or around what is no number.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid;

/// The pieces of a template, up to the first mistake.
pub fn pieces(template: &str) -> impl Iterator<Item = Result<Piece<'_>, Invalid>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = match next(rest) {
            Some((piece, after)) => (Ok(piece), after),
            None => (Err(Invalid), ""),
        };
        rest = after;
        Some(piece)
    })
}

fn next(rest: &str) -> Option<(Piece<'_>, &str)> {
    let brace = rest.find(['{', '}']).unwrap_or(rest.len());
    if brace > 0 {
        return Some((Piece::Text(&rest[..brace]), &rest[brace..]));
    }
    let (found, after) = rest.split_at(1);
    if let Some(after) = after.strip_prefix(found) {
        return Some((Piece::Text(found), after));
    }
    let (index, after) = after.split_once('}').filter(|_| found == "{")?;
    if index.is_empty() || !index.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((Piece::Argument { index: index.parse().unwrap_or(usize::MAX), written: index }, after))
}
