//! How much a job may send and receive, to and from one name and in all, and how many connections it may make in a
//! minute. What is beyond is reset or refused.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::egress::name::Name;

const MINUTE: Duration = Duration::from_mins(1);

/// The limits; none where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Bytes from the job.
    pub sent: Option<u64>,
    /// Bytes to the job.
    pub received: Option<u64>,
    /// Bytes from the job to one name.
    pub sent_to_name: Option<u64>,
    /// Bytes to the job from one name.
    pub received_from_name: Option<u64>,
    /// Connections in a minute.
    pub connections_per_minute: Option<u32>,
}

impl Quota {
    fn limits_bytes(&self) -> bool {
        let Quota { sent, received, sent_to_name, received_from_name, .. } = self;
        [sent, received, sent_to_name, received_from_name].into_iter().any(Option::is_some)
    }
}

/// Bytes each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// From the job.
    pub sent: u64,
    /// To the job.
    pub received: u64,
}

impl Bytes {
    const MOST: Bytes = Bytes { sent: u64::MAX, received: u64::MAX };

    fn add(&mut self, more: Bytes) {
        self.sent = self.sent.saturating_add(more.sent);
        self.received = self.received.saturating_add(more.received);
    }

    /// What has come to these since.
    pub fn since(self, before: Bytes) -> Bytes {
        Bytes {
            sent: self.sent.saturating_sub(before.sent),
            received: self.received.saturating_sub(before.received),
        }
    }
}

/// What a job has used.
#[derive(Debug, Default)]
pub struct Usage {
    quota: Quota,
    all: Bytes,
    of_names: HashMap<Name, Bytes>,
    minute: Option<Instant>,
    connections: u32,
}

impl Usage {
    /// Nothing yet.
    pub fn new(quota: Quota) -> Usage {
        Usage { quota, ..Usage::default() }
    }

    /// Counts bytes of a name.
    pub fn count(&mut self, name: &Name, bytes: Bytes) {
        if bytes == Bytes::default() {
            return;
        }
        self.all.add(bytes);
        // Names are bounded by what a job may ask for.
        match self.of_names.get_mut(name) {
            Some(of_name) => of_name.add(bytes),
            None => drop(self.of_names.insert(name.clone(), bytes)),
        }
    }

    /// What may still come.
    pub fn left(&self, name: &Name) -> Bytes {
        let left = |way: fn(&Limit) -> bool| {
            let of_way = self.limits(name).into_iter().filter(way);
            of_way.map(|limit| limit.most.saturating_sub(limit.used)).min().unwrap_or(u64::MAX)
        };
        Bytes { sent: left(|limit| limit.sent), received: left(|limit| !limit.sent) }
    }

    /// Counts bytes that have come; why they can't go on, if they are too many.
    pub fn take(&mut self, name: &Name, bytes: Bytes) -> Result<(), String> {
        let mut counted = Bytes::default();
        let within = self.meter(name, &mut counted).count(bytes).is_some();
        if within { Ok(()) } else { Err(self.over(name).unwrap_or_default()) }
    }

    /// Counts the bytes of one stream of a name, of which these are counted already.
    pub fn meter<'a>(&'a mut self, name: &'a Name, counted: &'a mut Bytes) -> Meter<'a> {
        Meter { usage: self, name, counted }
    }

    /// Why nothing more goes to or comes from a name, if one of the limits is reached.
    pub fn over(&self, name: &Name) -> Option<String> {
        let reached = self.limits(name).into_iter().find(|limit| limit.used >= limit.most)?;
        let Limit { key, most, sent, of_name, .. } = reached;
        let way = match (sent, of_name) {
            (true, true) => "sent to it",
            (false, true) => "received from it",
            (true, false) => "sent in all",
            (false, false) => "received in all",
        };
        Some(format!("{most} bytes were {way}, which is all that a job may (`{key}`)"))
    }

    /// Counts a connection; why it is one too many, if it is.
    pub fn connect(&mut self, now: Instant) -> Option<String> {
        let most = self.quota.connections_per_minute?;
        if self.minute.is_none_or(|since| now.saturating_duration_since(since) >= MINUTE) {
            (self.minute, self.connections) = (Some(now), 0);
        }
        self.connections = self.connections.saturating_add(1);
        let told = || {
            format!(
                "{most} connections were made within a minute, which is all that a job may (`connections-per-minute`)"
            )
        };
        (self.connections > most).then(told)
    }

    fn limits(&self, name: &Name) -> impl IntoIterator<Item = Limit> + use<> {
        let Quota { sent, received, sent_to_name, received_from_name, .. } = self.quota;
        let of_name = self.of_names.get(name).copied().unwrap_or_default();
        [
            ("max-sent-to-name", sent_to_name, of_name.sent, true, true),
            ("max-received-from-name", received_from_name, of_name.received, false, true),
            ("max-sent", sent, self.all.sent, true, false),
            ("max-received", received, self.all.received, false, false),
        ]
        .into_iter()
        .filter_map(|(key, most, used, sent, of_name)| Some(Limit { key, most: most?, used, sent, of_name }))
    }
}

/// Counts the bytes of one stream.
pub struct Meter<'a> {
    usage: &'a mut Usage,
    name: &'a Name,
    counted: &'a mut Bytes,
}

impl Meter<'_> {
    /// Counts those that have come, given the stream's bytes so far; what may still come, if they aren't too many.
    pub fn count(&mut self, taken: Bytes) -> Option<Bytes> {
        if !self.usage.quota.limits_bytes() {
            return Some(Bytes::MOST);
        }
        let (left, more) = (self.usage.left(self.name), taken.since(*self.counted));
        *self.counted = taken;
        self.usage.count(self.name, more);
        let within = more.sent <= left.sent && more.received <= left.received;
        within.then(|| left.since(more))
    }
}

struct Limit {
    key: &'static str,
    most: u64,
    used: u64,
    sent: bool,
    of_name: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_the_least_of_what_the_limits_leave() {
        let quota = Quota { sent: Some(100), sent_to_name: Some(60), received: Some(50), ..Quota::default() };
        let mut usage = Usage::new(quota);
        let [a, b] = ["a.test", "b.test"].map(|name| Name::parse(name).unwrap());
        assert_eq!(usage.left(&a), Bytes { sent: 60, received: 50 });
        usage.count(&a, Bytes { sent: 55, received: 1 });
        assert_eq!(
            (usage.left(&a), usage.left(&b)),
            (Bytes { sent: 5, received: 49 }, Bytes { sent: 45, received: 49 })
        );
        assert_eq!(usage.over(&a), None);
        usage.count(&a, Bytes { sent: 5, received: 0 });
        let why = "60 bytes were sent to it, which is all that a job may (`max-sent-to-name`)";
        assert_eq!((usage.over(&a).as_deref(), usage.over(&b)), (Some(why), None));
        usage.count(&b, Bytes { sent: 0, received: u64::MAX });
        let why = "50 bytes were received in all, which is all that a job may (`max-received`)";
        assert_eq!((usage.over(&b).as_deref(), usage.left(&b).received), (Some(why), 0));
        assert_eq!(Usage::default().left(&a), Bytes::MOST);
    }

    #[test]
    fn connections_are_counted_by_the_minute() {
        let mut usage = Usage::new(Quota { connections_per_minute: Some(2), ..Quota::default() });
        let start = Instant::now();
        assert_eq!([usage.connect(start), usage.connect(start)], [None, None]);
        assert!(usage.connect(start + MINUTE / 2).is_some_and(|why| why.starts_with("2 connections")));
        assert_eq!(usage.connect(start + MINUTE), None);
        assert_eq!(Usage::default().connect(start), None);
    }
}
