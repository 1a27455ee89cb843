//! From bytes to a tree of YAML nodes with their places, within bounds: size, depth and number of nodes are
//! limited, an alias shares what it names and counts as often as it is used, and nothing recurses.
//!
//! The depth of `[` and `{` is limited to 255 by the scanner itself, before any node exists.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use indexmap::IndexMap;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};
use serde_json::Value as Json;

use super::diagnostic::{Collector, Diagnostic, Severity};
use super::scalar::{self, Scalar};
use super::span::Span;
use crate::lint::Lint;

/// Largest file in bytes: GitHub's limit for a workflow.
pub const MAX_BYTES: usize = 512 << 10;
/// Deepest nesting of sequences and mappings.
pub const MAX_DEPTH: usize = 100;
/// Most nodes, keys included, counting what an alias names each time it is used.
pub const MAX_NODES: usize = 100_000;
/// Most characters that may be marks of YAML, wherever they stand.
const MAX_MARKS: usize = 80_000;
/// Most ends of lists and mappings that are [joined](join_outdented_end) to the line before.
const MAX_JOINED: usize = 64;
/// What the names of YAML's own tags begin with.
const CORE_SCHEMA: &str = "tag:yaml.org,2002:";
/// What the scanner says of what stands too far to the left.
const OUTDENTED: &str = "invalid indentation";
/// Most bytes of text, counting what an alias names each time it is used.
const MAX_TEXT: usize = 4 * MAX_BYTES;

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Where it is written, without anchor and tag; the place of the key where nothing is written.
    pub span: Span,
    /// What it is.
    pub value: Yaml,
    size: Size,
}

/// What a node is.
#[derive(Debug)]
pub enum Yaml {
    /// A null, boolean, number or text.
    Scalar(Scalar),
    /// A sequence.
    Sequence(Vec<Rc<Node>>),
    /// A mapping.
    Mapping(Mapping),
}

/// A mapping, in the order written. A key is text whatever it looks like: `on` is no boolean.
pub type Mapping = IndexMap<String, Entry>;

/// What stands under a key.
#[derive(Debug)]
pub struct Entry {
    /// Where the key is written.
    pub key: Span,
    /// The value.
    pub value: Rc<Node>,
}

/// How much there is from a node down, aliases expanded.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    levels: usize,
}

impl Size {
    const SCALAR: Size = Size { nodes: 1, bytes: 0, levels: 0 };

    /// Takes in a node one level below.
    fn add(&mut self, below: Size) {
        self.nodes += below.nodes;
        self.bytes += below.bytes;
        self.levels = self.levels.max(below.levels + 1);
    }
}

impl Node {
    /// What the node is called in a message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Yaml::Scalar(Scalar::Null) => "nothing",
            Yaml::Scalar(Scalar::Bool(_)) => "a boolean",
            Yaml::Scalar(Scalar::Number(_)) => "a number",
            Yaml::Scalar(Scalar::String(_)) => "a string",
            Yaml::Sequence(_) => "a list",
            Yaml::Mapping(_) => "a mapping",
        }
    }

    /// The same without places. The depth of a tree is limited.
    fn to_json(&self) -> Json {
        match &self.value {
            Yaml::Scalar(Scalar::Null) => Json::Null,
            Yaml::Scalar(Scalar::Bool(value)) => Json::Bool(*value),
            Yaml::Scalar(Scalar::Number(value)) if value.fract() == 0.0 && value.abs() < 1e15 => {
                Json::from(*value as i64)
            }
            Yaml::Scalar(Scalar::Number(value)) => Json::from(*value),
            Yaml::Scalar(Scalar::String(value)) => Json::from(value.as_str()),
            Yaml::Sequence(all) => all.iter().map(|node| node.to_json()).collect(),
            Yaml::Mapping(all) => {
                Json::Object(all.iter().map(|(key, entry)| (key.clone(), entry.value.to_json())).collect())
            }
        }
    }

    /// Whether it is null or empty text.
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Yaml::Scalar(Scalar::String(text)) => text.is_empty(),
            _ => self.is_null(),
        }
    }

    /// Whether it is null, written out or not.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Yaml::Scalar(Scalar::Null))
    }
}

/// What a file says that is no workflow: its values without their places, within the same bounds. An error says what
/// is wrong first.
pub fn plain(bytes: &[u8]) -> Result<Json, String> {
    let mut found = Collector::default();
    let root = text(bytes, &mut found).and_then(|text| load(text, &mut found));
    match root {
        Some(root) if !found.has_errors() => Ok(root.to_json()),
        _ => {
            let found = found.finish(Path::new(""), "");
            let first = found.iter().find(|found| found.severity == Severity::Error);
            Err(first.map(|first| first.message.clone()).unwrap_or_default())
        }
    }
}

/// Checks the encoding of a file.
pub fn text<'a>(bytes: &'a [u8], found: &mut Collector) -> Option<&'a str> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file is larger than {} KiB", MAX_BYTES >> 10);
        found.push(Diagnostic::whole_file(message).help("move long scripts into files of the repository"));
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(e) => {
            let at = e.valid_up_to();
            let message = format!("the file is not UTF-8: byte 0x{:02x} here", bytes[at]);
            found.push(Diagnostic::error(Span::new(at, at + 1), message).help("save the file as UTF-8"));
            None
        }
    }
}

/// Loads the one document of a source. A missing tree comes with at least one error; with a tree, duplicate
/// keys may have been reported.
pub fn load(source: &str, found: &mut Collector) -> Option<Rc<Node>> {
    let mut joined: Option<String> = None;
    for _ in 0..MAX_JOINED {
        let text = joined.as_deref().unwrap_or(source);
        match precheck(text).and_then(|()| Loader::new(text, found).run()) {
            Ok(root) => return Some(root),
            Err(diagnostic) => match join_outdented_end(text, &diagnostic) {
                Some(text) => joined = Some(text),
                None => {
                    found.push(diagnostic);
                    return None;
                }
            },
        }
    }
    found.push(Diagnostic::whole_file(format!(
        "more than {MAX_JOINED} `]` and `}}` stand too far to the left"
    )));
    None
}

/// The source with a `]` or `}` on the line before, where it stands no further right than the key that its list or
/// mapping is the value of. YAML forbids that, the scanner with it after a quoted text, and GitHub doesn't. No byte
/// moves: a line break becomes a space.
fn join_outdented_end(source: &str, error: &Diagnostic) -> Option<String> {
    let at = error.span?.start as usize;
    if !error.message.ends_with(OUTDENTED) || !source[at..].starts_with([']', '}']) {
        return None;
    }
    let before = source[..at].trim_end_matches([' ', '\t', '\r', '\n']);
    let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
    // It would become part of a comment.
    if line.contains('#') {
        return None;
    }
    let gap = source[before.len()..at].replace(['\r', '\n'], " ");
    Some([before, &gap, &source[at..]].concat())
}

/// Refuses what would cost the scanner more than the file is worth.
fn precheck(source: &str) -> Result<(), Diagnostic> {
    if let Some(at) = memchr::memchr(0, source.as_bytes()) {
        return Err(Diagnostic::error(Span::new(at, at + 1), "a NUL character can't be in a workflow"));
    }
    // The scanner holds all tokens of an outermost `[` or `{` at once, and a token of a hundred bytes in memory
    // may be a single byte of the file.
    let marks = source.bytes().filter(|b| b",:?[]{}&*!".contains(b)).count();
    if marks > MAX_MARKS {
        let message = format!("the file has more than {MAX_MARKS} characters that YAML reads as marks");
        return Err(Diagnostic::whole_file(message).help("move data into files of the repository"));
    }
    // Each tag copies the prefix that its directive gave it.
    for (at, _) in source.match_indices("%TAG") {
        if at == 0 || source[..at].ends_with(['\n', '\r', '\u{feff}']) {
            let span = Span::new(at, at + 4);
            return Err(Diagnostic::error(span, "a `%TAG` directive is not supported in a workflow"));
        }
    }
    Ok(())
}

fn too_many_nodes(span: Span) -> Diagnostic {
    Diagnostic::error(span, format!("the file has more than {MAX_NODES} values, counting those of aliases"))
}

/// A sequence or mapping that has begun.
struct Frame {
    start: usize,
    anchor: usize,
    items: Items,
    size: Size,
}

enum Items {
    Sequence(Vec<Rc<Node>>),
    Mapping { entries: Mapping, key: Option<(String, Span)> },
}

struct Loader<'s, 'c> {
    source: &'s str,
    places: Places<'s>,
    found: &'c mut Collector,
    open: Vec<Frame>,
    /// By the parser's number of an anchor; `None` until the node it names has ended.
    anchors: Vec<Option<Rc<Node>>>,
    /// What there is so far.
    total: Size,
}

type Loaded<T> = Result<T, Diagnostic>;

impl<'s, 'c> Loader<'s, 'c> {
    fn new(source: &'s str, found: &'c mut Collector) -> Self {
        let places = Places::new(source);
        Loader { source, places, found, open: Vec::new(), anchors: Vec::new(), total: Size::default() }
    }

    fn run(mut self) -> Loaded<Rc<Node>> {
        let mut parser = Parser::new(StrInput::new(self.source));
        let mut root = None;
        while let Some(event) = parser.next_event() {
            let (event, at) = event.map_err(|e| self.syntax_error(&e))?;
            let (start, end) = (self.places.byte(at.start), self.places.byte(at.end));
            let done = match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => None,
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    let message = "a workflow file holds one document; another begins here";
                    return Err(Diagnostic::error(Span::new(start, end), message)
                        .help("remove the `---`, or split the file"));
                }
                Event::DocumentStart(_) => None,
                Event::Alias(id) => Some(self.alias(id, Span::new(start, end))?),
                Event::Scalar(text, style, anchor, tag) => {
                    let span = scalar::content_span(self.source, start, end, style);
                    let tag = self.tag(tag.as_deref(), Span::new(start, end))?;
                    Some(self.scalar(&text, style, span, tag, anchor)?)
                }
                Event::SequenceStart(anchor, tag) => {
                    self.collection_tag(tag.as_deref(), "seq", Span::new(start, end))?;
                    self.begin(start, anchor, Items::Sequence(Vec::new()))?;
                    None
                }
                Event::MappingStart(anchor, tag) => {
                    self.collection_tag(tag.as_deref(), "map", Span::new(start, end))?;
                    self.begin(start, anchor, Items::Mapping { entries: Mapping::new(), key: None })?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(start, end),
            };
            if let Some(node) = done {
                match self.open.last_mut() {
                    Some(_) => self.add(node)?,
                    None => root = Some(node),
                }
            }
        }
        root.ok_or_else(|| Diagnostic::whole_file("the file is empty").help("a workflow has `on` and `jobs`"))
    }

    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let at = self.places.byte(*error.marker());
        let info = error.info();
        let diagnostic = Diagnostic::error(Span::new(at, at + 1), format!("this is not valid YAML: {info}"));
        match self.source.get(at..).and_then(|rest| rest.chars().next()) {
            _ if info.contains("recursion") => Diagnostic { message: too_deep(), ..diagnostic },
            _ if info.contains("tab") => diagnostic.help("indent with spaces; YAML does not take tabs"),
            Some('@' | '`' | '%') => diagnostic.help("quote a value that begins with this character"),
            _ if info.contains("mapping values are not allowed") => {
                diagnostic.help("quote a value that holds `: `, and check the indentation")
            }
            _ if info.contains("unknown anchor") => {
                diagnostic.help("quote a value that begins with `*`, or define the anchor above")
            }
            _ => diagnostic,
        }
    }

    /// Counts what was read or named by an alias.
    fn count(&mut self, size: Size, span: Span) -> Loaded<()> {
        self.total.add(size);
        if self.total.nodes > MAX_NODES {
            return Err(too_many_nodes(span));
        }
        if self.total.bytes > MAX_TEXT {
            let message =
                format!("the file has more than {} KiB of text, counting that of aliases", MAX_TEXT >> 10);
            return Err(Diagnostic::error(span, message));
        }
        Ok(())
    }

    /// The name of a tag of YAML's own; `None` without a tag or with `!`, which says "text" of a scalar.
    fn tag<'t>(&self, tag: Option<&'t saphyr_parser::Tag>, span: Span) -> Loaded<Option<&'t str>> {
        match tag {
            None => Ok(None),
            Some(tag) if tag.is_yaml_core_schema() => Ok(Some(&tag.suffix)),
            // The same written out: `!<tag:yaml.org,2002:int>`.
            Some(tag) if tag.handle.is_empty() && tag.suffix.starts_with(CORE_SCHEMA) => {
                Ok(Some(&tag.suffix[CORE_SCHEMA.len()..]))
            }
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(Some("str")),
            Some(_) => Err(Diagnostic::error(span, "a YAML tag of one's own is not supported in a workflow")
                .help("quote a value that begins with `!`; an expression may stand in `${{ }}`")),
        }
    }

    fn collection_tag(&self, tag: Option<&saphyr_parser::Tag>, own: &str, span: Span) -> Loaded<()> {
        match self.tag(tag, span)? {
            None => Ok(()),
            Some(name) if name == own => Ok(()),
            Some(_) => Err(Diagnostic::error(span, "the YAML tag doesn't fit the value")),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        span: Span,
        tag: Option<&str>,
        anchor: usize,
    ) -> Loaded<Rc<Node>> {
        let size = Size { bytes: text.len(), ..Size::SCALAR };
        self.count(size, span)?;
        if text.contains('\0') {
            return Err(Diagnostic::error(span, "a NUL character can't be in a workflow"));
        }
        // A key is text as it is written.
        let is_key = matches!(&self.open.last(), Some(Frame { items: Items::Mapping { key: None, .. }, .. }));
        let value = if is_key {
            Scalar::String(text.into())
        } else {
            scalar::resolve(text, style == ScalarStyle::Plain, tag)
                .ok_or_else(|| Diagnostic::error(span, "the YAML tag doesn't fit the value"))?
        };
        let node = Rc::new(Node { span, value: Yaml::Scalar(value), size });
        self.remember(anchor, &node);
        Ok(node)
    }

    fn alias(&mut self, id: usize, span: Span) -> Loaded<Rc<Node>> {
        let Some(node) = self.anchors.get(id).cloned().flatten() else {
            return Err(Diagnostic::error(span, "an alias can't stand within what it names"));
        };
        self.count(node.size, span)?;
        if self.open.len() + node.size.levels > MAX_DEPTH {
            return Err(Diagnostic::error(span, too_deep()));
        }
        Ok(node)
    }

    fn begin(&mut self, start: usize, anchor: usize, items: Items) -> Loaded<()> {
        let span = Span::new(start, start + 1);
        let size = Size { levels: 1, ..Size::SCALAR };
        self.count(size, span)?;
        if self.open.len() == MAX_DEPTH {
            return Err(Diagnostic::error(span, too_deep()));
        }
        self.open.push(Frame { start, anchor, items, size });
        Ok(())
    }

    fn end(&mut self, start: usize, end: usize) -> Option<Rc<Node>> {
        let frame = self.open.pop()?;
        // A block ends where the next token begins; what lies between is no part of it.
        let end = frame.start + self.source.get(frame.start..end.max(start))?.trim_end().len();
        let value = match frame.items {
            Items::Sequence(items) => Yaml::Sequence(items),
            Items::Mapping { entries, .. } => {
                self.warn_of_twins(&entries);
                Yaml::Mapping(entries)
            }
        };
        let span = Span::new(frame.start, end);
        let node = Rc::new(Node { span, value, size: frame.size });
        self.remember(frame.anchor, &node);
        Some(node)
    }

    fn remember(&mut self, anchor: usize, node: &Rc<Node>) {
        // The parser numbers anchors from 1, one after the other; 0 is none.
        if anchor > 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            self.anchors[anchor] = Some(node.clone());
        }
    }

    /// Warns of keys that differ only in case, which are the same to GitHub.
    fn warn_of_twins(&mut self, entries: &Mapping) {
        let mut first: HashMap<String, &str> = HashMap::with_capacity(entries.len());
        for (name, entry) in entries {
            if let Some(twin) = first.insert(name.to_ascii_lowercase(), name) {
                let message = format!("the keys `{twin}` and `{name}` differ only in case");
                let help = "GitHub takes them for one that stands twice; leave one out";
                self.found.push(Diagnostic::warning(Lint::TwinKeys, entry.key, message).help(help));
            }
        }
    }

    /// Adds a finished node to the innermost open one.
    fn add(&mut self, node: Rc<Node>) -> Loaded<()> {
        let Some(frame) = self.open.last_mut() else { return Ok(()) };
        frame.size.add(node.size);
        match &mut frame.items {
            Items::Sequence(items) => items.push(node),
            Items::Mapping { entries, key } => match key.take() {
                None => {
                    let Yaml::Scalar(name) = &node.value else {
                        return Err(Diagnostic::error(
                            node.span,
                            format!("a key must be text, not {}", node.kind()),
                        ));
                    };
                    *key = Some((name.to_text().into_owned(), node.span));
                }
                Some((name, place)) => {
                    let value = if node.is_null() { at_key(node, place) } else { node };
                    if name == "<<" && place.of(self.source) == "<<" {
                        self.found.push(
                            Diagnostic::error(
                                place,
                                "`<<` merges nothing: as on GitHub, there are no merge keys",
                            )
                            .help("write the entries out, or name all of a mapping by its alias"),
                        );
                        return Ok(());
                    }
                    if let Some(first) = entries.get(&name) {
                        let line = super::render::position(self.source, first.key.start as usize).line;
                        self.found.push(
                            Diagnostic::error(place, format!("the key `{name}` stands here twice"))
                                .help(format!("it is first set in line {line}")),
                        );
                    } else {
                        entries.insert(name, Entry { key: place, value });
                    }
                }
            },
        }
        Ok(())
    }
}

/// A null that isn't written has the place of whatever comes next; its key says more.
fn at_key(node: Rc<Node>, key: Span) -> Rc<Node> {
    if node.span.start < node.span.end {
        return node;
    }
    Rc::new(Node { span: key, value: Yaml::Scalar(Scalar::Null), size: Size::SCALAR })
}

fn too_deep() -> String {
    format!("the file is nested more than {MAX_DEPTH} levels deep")
}

/// Turns the parser's character offsets into byte offsets.
struct Places<'s> {
    source: &'s str,
    /// Byte offset of each `STRIDE`th character; empty if the text is ASCII, where they are the same.
    landmarks: Vec<usize>,
}

impl<'s> Places<'s> {
    const STRIDE: usize = 64;

    fn new(source: &'s str) -> Self {
        let landmarks = if source.is_ascii() {
            Vec::new()
        } else {
            source.char_indices().step_by(Self::STRIDE).map(|(at, _)| at).collect()
        };
        Places { source, landmarks }
    }

    fn byte(&self, marker: Marker) -> usize {
        let index = marker.index();
        let end = self.source.len();
        if self.landmarks.is_empty() {
            return index.min(end);
        }
        let Some(&near) = self.landmarks.get(index / Self::STRIDE) else { return end };
        self.source[near..].char_indices().nth(index % Self::STRIDE).map_or(end, |(at, _)| near + at)
    }
}
