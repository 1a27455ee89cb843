//! One scan of one block: tries rules where the prefilter points, and settles which of them found what.

use std::cmp::Reverse;
use std::ops::Range;

use super::Context;
use super::armour::Key;
use super::assign;
use super::check;
use super::command;
use super::generic;
use super::manifest::Manifest;
use super::prefilter::Anchor;
use super::rule::{Form, Part, Partner, Rule, Shape};
use super::set;
use super::text::Text;
use super::{token, userinfo};

/// How far behind an identifier its secret can stand, in bytes: both lines of a JSON object or a CSV file.
const PARTNER_WITHIN: usize = 400;

/// What a rule found.
pub(super) struct Hit {
    pub rule: &'static Rule,
    pub span: Range<usize>,
    pub register: bool,
    pub continued: bool,
}

pub(super) struct Scan<'b, 'c> {
    text: Text<'b>,
    context: &'c mut Context,
    hits: Vec<Hit>,
    /// Up to where a private key was read.
    read: usize,
    /// How far the value went that was looked at last, and what it was looked at as.
    value: Option<(assign::Quote, assign::Extent, Range<usize>)>,
}

impl<'b, 'c> Scan<'b, 'c> {
    pub(super) fn new(block: &'b [u8], context: &'c mut Context) -> Self {
        Scan { text: Text::new(block), context, hits: Vec::new(), read: 0, value: None }
    }

    /// Goes on with what the block before began.
    pub(super) fn resume(&mut self) {
        if let Some((rule, key)) = self.context.key.take() {
            self.read_key(rule, key, 0, true);
        }
        if let Some((rule, manifest)) = self.context.manifest.take() {
            self.read_manifest(rule, manifest, 0);
        }
        if let Some((partner, within)) = self.context.partner.take() {
            self.await_partner(partner, 0, within);
        }
    }

    /// Tries a rule whose match would begin at `at`.
    pub(super) fn candidate(&mut self, rule: &'static Rule, at: usize, anchor: Anchor) {
        match rule.shape {
            Shape::Token { lead, secret, tail } => {
                self.token(rule, at, (lead, secret, tail));
            }
            Shape::Named { names, value } => {
                if let Some(name) = names.get(usize::from(anchor.name)) {
                    self.named(rule, at, name, value);
                }
            }
            Shape::Assigned { names, form } => {
                if let Some(name) = names.get(usize::from(anchor.name)) {
                    self.assigned(rule, at, name, form);
                }
            }
            Shape::Userinfo { schemes } => {
                let Some(scheme) = schemes.get(usize::from(anchor.name)) else { return };
                if !self.text.from(at).starts_with(scheme.as_bytes()) {
                    return;
                }
                let user = at + scheme.len();
                if let Some(password) = userinfo::password(&self.text, user)
                    && userinfo::is_secret(&self.text, user, &password)
                {
                    let register = password.len() >= 8;
                    self.hit(rule, password, register);
                }
            }
            Shape::Command { commands, options, style } => {
                let Some(command) = commands.get(usize::from(anchor.name)) else { return };
                if self.text.begins_word(at)
                    && self.text.from(at).starts_with(command.as_bytes())
                    && let Some(password) =
                        command::password(&self.text, at + command.len() - 1, options, style)
                {
                    let register = password.len() >= 8;
                    self.hit(rule, password, register);
                }
            }
            Shape::Armoured { begins } => {
                let Some(begin) = begins.get(usize::from(anchor.name)) else { return };
                if at >= self.read && self.text.from(at).starts_with(begin.as_bytes()) {
                    self.read_key(rule, Key::new(), at + begin.len(), false);
                }
            }
            Shape::Manifest { keys } => {
                let Some(key) = keys.get(usize::from(anchor.name)) else { return };
                if self.text.from(at).starts_with(key.as_bytes()) {
                    self.read_manifest(rule, Manifest::begin(&self.text, at), at + 1);
                }
            }
            Shape::Follows => {}
        }
    }

    fn token(&mut self, rule: &'static Rule, start: usize, shape: (&[Part], &[Part], &[Part])) {
        let word = self.text.byte(start).is_some_and(|b| set::ALNUM.has(b));
        if rule.begins_word && word && !self.text.begins_word(start) || self.is_known(rule, start) {
            return;
        }
        let Some(span) = token::find(&mut self.text, start, shape) else { return };
        let chance = rule.begins_word && shape.0.is_empty() && self.is_within_data(start, span.end);
        if chance || !(rule.check)(&self.text.bytes[span.clone()]) {
            return;
        }
        let end = span.end;
        self.hit(rule, span, true);
        if let Some(partner) = rule.partner {
            self.await_partner(partner, end, PARTNER_WITHIN);
        }
    }

    fn named(&mut self, rule: &'static Rule, at: usize, name: &str, shape: &[Part]) {
        if !assign::begins_name(&self.text, at) {
            return;
        }
        let Some(name_end) = assign::name_end(&self.text, at, name) else { return };
        let Some(value) = assign::value(&self.text, at..name_end) else { return };
        let Some(end) = token::parts(&mut self.text, value.start, shape) else { return };
        let goes_on = self.text.byte(end).is_some_and(|b| set::WORD.has(b));
        if !goes_on && (rule.check)(&self.text.bytes[value.start..end]) {
            self.hit(rule, value.start..end, true);
        }
    }

    fn assigned(&mut self, rule: &'static Rule, at: usize, name: &str, form: Form) {
        let Some(name_end) = assign::name_end(&self.text, at, name) else { return };
        if form == Form::Random && assign::is_public(&self.text, at) {
            return;
        }
        let name_end = assign::suffix_end(&self.text, name_end);
        let Some(value) = assign::value(&self.text, at..name_end) else { return };
        let (span, is_secret) = match form {
            Form::Cookies => {
                for cookie in assign::cookies(&self.text, value.start) {
                    if generic::is_random(&self.text.bytes[cookie.clone()]) {
                        self.hit(rule, cookie, true);
                    }
                }
                return;
            }
            Form::Password | Form::Random => {
                let extent = assign::extent(&self.text, at, value.given);
                let span = value.start..self.value_end(value, extent);
                // The name of a function that is called.
                let called = value.quote == assign::Quote::None
                    && matches!(self.text.byte(span.end), Some(b'(' | b'['));
                if called {
                    return;
                }
                let bytes = &self.text.bytes[span.clone()];
                let is_secret =
                    if form == Form::Password { generic::is_password } else { generic::is_random };
                (span, is_secret(bytes))
            }
            Form::Basic | Form::Bearer => {
                let Some((basic, span)) = assign::authorization(&mut self.text, value.start) else { return };
                let bytes = &self.text.bytes[span.clone()];
                let is_secret = match form {
                    Form::Basic => basic && check::basic(bytes),
                    _ => !basic && generic::is_bearer(bytes),
                };
                (span, is_secret)
            }
        };
        if is_secret && (rule.check)(&self.text.bytes[span.clone()]) {
            // What a person chose may be an everyday word.
            let register = form != Form::Password || span.len() >= 10;
            self.hit(rule, span, register);
        }
    }

    /// Where a value ends. Text that is all names and values, each going on to the end, is read once.
    fn value_end(&mut self, value: assign::Value, extent: assign::Extent) -> usize {
        match &self.value {
            Some((quote, as_far, span))
                if (*quote, *as_far) == (value.quote, extent) && span.contains(&value.start) =>
            {
                span.end
            }
            _ => {
                let end = assign::value_end(&self.text, value, extent);
                self.value = Some((value.quote, extent, value.start..end));
                end
            }
        }
    }

    /// Reads a private key from `at` on.
    fn read_key(&mut self, rule: &'static Rule, key: Key, at: usize, mut continued: bool) {
        let Scan { text, hits, .. } = self;
        let (end, key) = key.read(text.bytes, at, |span| {
            let register = span.len() >= 16;
            hits.push(Hit { rule, span, register, continued });
            continued = true;
        });
        self.read = end;
        self.context.key = key.map(|key| (rule, key));
    }

    /// Reads a manifest from the line behind `at` on.
    fn read_manifest(&mut self, rule: &'static Rule, manifest: Manifest, at: usize) {
        let Scan { text, hits, .. } = self;
        let manifest = manifest.read(text.bytes, at, |span| {
            let register = span.len() >= 8;
            hits.push(Hit { rule, span, register, continued: false });
        });
        self.context.manifest = manifest.map(|manifest| (rule, manifest));
    }

    /// Looks for what follows an identifier in the next `within` bytes, of which some may be yet to come.
    fn await_partner(&mut self, partner: &'static Partner, from: usize, within: usize) {
        let limit = self.text.bytes.len().min(from + within);
        let mut at = from;
        while at < limit {
            let (end, count) = self.text.run(at, partner.set, usize::from(partner.len) * 4);
            let whole =
                self.text.byte(end).is_none_or(|b| !set::BASE64_URL.has(b)) && self.text.begins_word(at);
            if whole && count == usize::from(partner.len) && (partner.rule.check)(&self.text.bytes[at..end]) {
                return self.hit(&partner.rule, at..end, true);
            }
            at = end.max(at + 1);
        }
        self.context.partner =
            within.checked_sub(limit - from).filter(|left| *left > 0).map(|left| (partner, left));
    }

    fn hit(&mut self, rule: &'static Rule, span: Range<usize>, register: bool) {
        if !span.is_empty() {
            self.hits.push(Hit { rule, span, register, continued: false });
        }
    }

    /// Whether what looks like a token stands in the middle of base64, where chance can put anything.
    fn is_within_data(&self, start: usize, end: usize) -> bool {
        let data = |byte: Option<u8>| matches!(byte, Some(b'+' | b'/'));
        start > 0 && data(self.text.byte(start - 1)) && data(self.text.byte(end))
    }

    /// Whether a place is inside of what the rule found last: a beginning of a token within a token.
    fn is_known(&self, rule: &Rule, at: usize) -> bool {
        self.hits.last().is_some_and(|hit| hit.rule == rule && hit.span.contains(&at))
    }

    /// What was found, in order. Where several rules found the same, the most particular one names all of it; of two
    /// alike the one that found more.
    pub(super) fn hits(mut self) -> impl Iterator<Item = Hit> {
        self.hits.sort_by_key(|hit| (hit.span.start, Reverse(hit.span.end)));
        let mut settled: Vec<Hit> = Vec::with_capacity(self.hits.len());
        for hit in self.hits {
            match settled.last_mut() {
                Some(last) if hit.span.start < last.span.end => {
                    last.span.end = last.span.end.max(hit.span.end);
                    last.register |= hit.register;
                    if hit.rule.rank() > last.rule.rank() {
                        last.rule = hit.rule;
                        last.continued = hit.continued;
                    }
                }
                _ => settled.push(hit),
            }
        }
        settled.into_iter()
    }
}
