//! Values of a Secret of Kubernetes, as `kubectl get secret -o yaml` or `-o json` prints it, over many lines and in any
//! order of its keys. Source: Kubernetes, "Secrets", "Constraints on Secret names and data".

use std::ops::Range;

use super::check;
use super::set;
use super::text::Text;

/// Most lines of a manifest that are read.
const MAX_LINES: u16 = 400;
/// Shortest value, in bytes.
const MIN: usize = 4;
/// Shortest value of what may be a ConfigMap.
const MIN_OF_MAYBE: usize = 8;

/// A manifest whose end has not been seen yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manifest {
    /// In which column its keys stand.
    column: usize,
    lines: u16,
    kind: Kind,
    part: Part,
}

/// What it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// That comes after `data`, as `kubectl` orders keys: a Secret or a ConfigMap.
    Unknown,
    Secret,
}

/// Below which of its keys a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// `data`: in base64.
    Data,
    /// `stringData`: as they are.
    Text,
    Other,
}

impl Manifest {
    /// One that has a key at `at`, in whose line `kind` may be said.
    pub(super) fn begin(text: &Text<'_>, at: usize) -> Manifest {
        let line = memchr::memrchr(b'\n', &text.bytes[..at]).map_or(0, |newline| newline + 1);
        let quote = usize::from(at > line && matches!(text.bytes[at - 1], b'"' | b'\''));
        let mut manifest =
            Manifest { column: at - quote - line, lines: 0, kind: Kind::Unknown, part: Part::Other };
        let rest = text.from(at);
        manifest.key(&rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())]);
        manifest
    }

    /// Gives what is secret in `block` from the next line behind `at` on, or from `at` where a line begins there. Ends
    /// with the manifest, `None`, or at the end of the block.
    pub(super) fn read(
        mut self,
        block: &[u8],
        mut at: usize,
        mut found: impl FnMut(Range<usize>),
    ) -> Option<Manifest> {
        if at > 0 && block[at - 1] != b'\n' {
            at += memchr::memchr(b'\n', &block[at..]).map_or(block.len() - at, |newline| newline + 1);
        }
        while at < block.len() {
            let rest = &block[at..];
            let next = memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
            let line = rest[..next].trim_ascii_end();
            let key = line.trim_ascii_start();
            let column = line.len() - key.len();
            self.lines += 1;
            if self.lines <= MAX_LINES && (key.is_empty() || key.starts_with(b"#")) {
                at += next;
                continue;
            }
            // Another document, or the end of one in JSON.
            let ends = key.starts_with(b"---") || column < self.column;
            if self.lines > MAX_LINES || ends || column == self.column && !self.key(key) {
                return None;
            }
            if column > self.column
                && let Some(value) = self.value(key)
            {
                let start = at + column;
                found(start + value.start..start + value.end);
            }
            at += next;
        }
        Some(self)
    }

    /// Takes in one of its keys; false where it is no Secret's, or another manifest's.
    fn key(&mut self, line: &[u8]) -> bool {
        // In either notation, with and without quotes.
        let bare: Vec<u8> = line.iter().take(64).copied().filter(|b| !b"\"',{ ".contains(b)).collect();
        let first = self.lines <= 1;
        self.part = match bare.as_slice() {
            b"data:" if self.kind == Kind::Secret || first => Part::Data,
            b"stringData:" if self.kind == Kind::Secret || first => Part::Text,
            _ => Part::Other,
        };
        match bare.as_slice() {
            [b'k', b'i', b'n', b'd', b':', kind @ ..] => {
                self.kind = Kind::Secret;
                kind.eq_ignore_ascii_case(b"Secret")
            }
            [b'-', ..] => false,
            bare => !bare.starts_with(b"apiVersion:") || self.lines == 0,
        }
    }

    /// What of a line below a key is secret.
    fn value(&self, line: &[u8]) -> Option<Range<usize>> {
        let behind = match self.part {
            Part::Other => return None,
            // The first colon is the key's. A line without one goes on with the value of the line before.
            _ => memchr::memmem::find(line, b": ").map_or(0, |colon| colon + 2),
        };
        let trimmed = line[behind..].trim_ascii_start();
        let start = line.len() - trimmed.len();
        let trimmed = trimmed.strip_suffix(b",").unwrap_or(trimmed);
        let (start, value) = match trimmed {
            [quote @ (b'"' | b'\''), value @ .., last] if last == quote => (start + 1, value),
            value => (start, value),
        };
        let is_base64 = value.len() % 4 == 0 && value.iter().all(|b| set::BASE64_PADDED.has(*b));
        let is_secret = match (self.part, self.kind) {
            (Part::Data, Kind::Secret) => is_base64 && value.len() >= MIN,
            // A word of a ConfigMap may be base64 too, but it isn't padded and doesn't mix letters and digits.
            (Part::Data, Kind::Unknown) => {
                let mixed = value.ends_with(b"=") || check::changes(value) * 4 > value.len();
                is_base64 && value.len() >= MIN_OF_MAYBE && mixed
            }
            // `|` and `>` say that the value follows.
            _ => value.len() >= MIN && value.last() != Some(&b':') && !check::is_placeholder(value),
        };
        is_secret.then(|| start..start + value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found, read in blocks of a line each, too.
    fn found(text: &str) -> Vec<&str> {
        let at = ["apiVersion", "kind: "].iter().filter_map(|key| text.find(key)).min().unwrap();
        let mut whole = Vec::new();
        let begun = Manifest::begin(&Text::new(text.as_bytes()), at);
        begun.read(text.as_bytes(), at + 1, |span| whole.push(&text[span]));
        let mut lines = Vec::new();
        let mut manifest = Some(begun);
        for line in text[at..].split_inclusive('\n').skip(1) {
            let Some(begun) = manifest else { break };
            manifest = begun.read(line.as_bytes(), 0, |span| lines.push(&line[span]));
        }
        assert_eq!(whole, lines);
        whole
    }

    #[test]
    fn values_are_found_in_any_order_of_the_keys() {
        for text in [
            "apiVersion: v1\ndata:\n  a.key: UyFCXCpkJHpEc2I9\n  user: YWRtaW4=\nkind: Secret\nmetadata:\n  x: UyFCXCpkJHpEc2I9\n",
            "x\napiVersion: v1\nkind: Secret\nmetadata:\n  name: app\ndata:\n# of\n\n  # the app\n  a: 'UyFCXCpkJHpEc2I9'\n  b: \"YWRtaW4=\"\n---\ndata:\n  c: YWRtaW4=\n",
            "kind: secret\ntype: Opaque\ndata:\n\ta: |\n\t  UyFCXCpkJHpEc2I9\n\tb: YWRtaW4=\n",
            "{\n    \"apiVersion\": \"v1\",\n    \"data\": {\n        \"a\": \"UyFCXCpkJHpEc2I9\",\n        \"b\": \"YWRtaW4=\"\n    },\n    \"kind\": \"Secret\"\n}\n",
            "items:\n- apiVersion: v1\n  data:\n    a: UyFCXCpkJHpEc2I9\n    b: YWRtaW4=\n  kind: Secret\n- apiVersion: v1\n",
        ] {
            assert_eq!(found(text), ["UyFCXCpkJHpEc2I9", "YWRtaW4="], "{text}");
        }
        assert_eq!(
            found("apiVersion: v1\nkind: Secret\nstringData:\n  a: four words as text\n  b: ok\n"),
            ["four words as text"]
        );
    }

    #[test]
    fn what_is_of_no_secret_stays() {
        for text in [
            "apiVersion: v1\ndata:\n  mode: frontend\n  size: \"1024\"\n  path: /etc/app/conf\nkind: ConfigMap\ndata:\n  a: YWRtaW4=\n",
            "apiVersion: v1\nkind: Service\ndata:\n  a: YWRtaW4=\n",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: YWRtaW4=\n",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: YWRtaW4=\n",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
        let long = format!("apiVersion: v1\nkind: Secret\ndata:\n{}", "  a: YWRtaW4=\n".repeat(1000));
        assert_eq!(found(&long).len(), usize::from(MAX_LINES) - 2);
    }
}
