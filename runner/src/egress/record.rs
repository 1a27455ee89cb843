//! What a gateway tells of what a job tried to reach: each attempt as it ends, and at the job's end a table. A
//! hostile job can make millions of attempts, so both are bounded; what is beyond is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use palisade_sandbox::Caller;
use serde::{Deserialize, Serialize};

pub use super::asker::Asker;

/// Most connections that are told one by one.
const MAX_TOLD: usize = 10_000;
/// Most distinct refusals that are told.
const MAX_REFUSALS: usize = 1000;
/// Most rows of the table.
const MAX_ROWS: usize = 1000;
/// Longest name that is told; a job can ask for anything.
const MAX_SHOWN: usize = 300;
/// Most programs that a row names.
const MAX_PROGRAMS: usize = 8;
/// Most steps that a row names.
const MAX_STEPS: usize = 16;
/// Most rows that a person is shown.
const MAX_LINES: usize = 100;

/// One attempt to reach something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Index of the step that ran when it began.
    pub step: Option<usize>,
    /// Which name.
    pub name: String,
    /// Which process, where that was seen.
    pub process: Option<Asker>,
    /// Which port; none where the name itself was refused.
    pub port: Option<u16>,
    /// Which address it turned out to have.
    pub address: Option<IpAddr>,
    /// The closest rule.
    pub rule: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where it wasn't reached.
    pub reason: Option<String>,
    /// What was spoken.
    pub protocol: Option<Protocol>,
    /// It went by way of the proxy, which alone knows the address.
    pub proxied: bool,
    /// Bytes from the job.
    pub sent: u64,
    /// Bytes to the job.
    pub received: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// The rule that would allow it, where a rule is all that is missing.
    pub suggestion: Option<String>,
}

impl Attempt {
    /// One that has come to nothing yet.
    pub fn new(name: impl Into<String>, port: Option<u16>) -> Attempt {
        let mut name = name.into();
        if name.len() > MAX_SHOWN {
            name = name.chars().take(MAX_SHOWN).chain(['…']).collect();
        }
        Attempt {
            step: None,
            name,
            process: None,
            port,
            address: None,
            rule: None,
            outcome: Outcome::Failed,
            reason: None,
            protocol: None,
            proxied: false,
            sent: 0,
            received: 0,
            milliseconds: 0,
            suggestion: None,
        }
    }

    /// As refused for a reason.
    pub fn refused(self, reason: impl ToString) -> Attempt {
        Attempt { outcome: Outcome::Refused, reason: Some(reason.to_string()), ..self }
    }

    /// As that of who was seen to make it.
    pub fn by(self, whose: Option<(Rc<Caller>, bool)>) -> Attempt {
        Attempt { process: whose.map(|(caller, certain)| Asker::of(&caller, certain)), ..self }
    }

    /// As failed for a reason.
    pub fn failed(self, reason: impl ToString) -> Attempt {
        Attempt { outcome: Outcome::Failed, reason: Some(reason.to_string()), ..self }
    }
}

impl Attempt {
    /// Whether it is about datagrams.
    pub fn is_udp(&self) -> bool {
        self.protocol.is_some_and(Protocol::is_udp)
    }

    /// `` `program`: name:port refused: why``, and what would allow it; `remedy_of` names it for a rule.
    pub fn told(&self, remedy_of: impl Fn(&str) -> String) -> String {
        let Attempt { name, process, port, outcome, reason, suggestion, .. } = self;
        let by = process.as_ref().map(|process| format!("{process}: ")).unwrap_or_default();
        let port = port_of(*port, self.is_udp());
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let remedy = suggestion.as_deref().filter(|_| *outcome == Outcome::Refused);
        let remedy = remedy.map(|rule| format!("; {} would allow it", remedy_of(rule))).unwrap_or_default();
        format!("{by}{name}{port} {}{reason}{remedy}", outcome.as_str())
    }
}

/// As a person is told who started it.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(|rule| format!("`--allow {rule}`")))
    }
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was a connection.
    Reached,
    /// It was let through, but nobody answered.
    Failed,
    /// It was not let through.
    Refused,
}

impl Outcome {
    /// `reached`, `failed` or `refused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Reached => "reached",
            Outcome::Failed => "failed",
            Outcome::Refused => "refused",
        }
    }
}

/// What was spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TLS to the server that was meant.
    Tls,
    /// HTTP/1, each request to the host that was meant.
    Http,
    /// Nobody looked.
    Opaque,
    /// Datagrams of QUIC to the server that was meant.
    Quic,
    /// Datagrams; nobody looked.
    Udp,
}

impl Protocol {
    /// Whether it goes over UDP.
    pub fn is_udp(self) -> bool {
        matches!(self, Protocol::Quic | Protocol::Udp)
    }
}

/// `:443`, `:443/udp`, or nothing.
fn port_of(port: Option<u16>, udp: bool) -> String {
    let udp = if udp { "/udp" } else { "" };
    port.map(|port| format!(":{port}{udp}")).unwrap_or_default()
}

/// One row of the table: all attempts at one name and port with one outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which name.
    pub name: String,
    /// Which port.
    pub port: Option<u16>,
    /// Of UDP, not of TCP.
    pub udp: bool,
    /// What became of them.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
    /// Bytes from the job.
    pub sent: u64,
    /// Bytes to the job.
    pub received: u64,
    /// Names of the programs that made them, as far as that was seen; eight at most.
    pub programs: BTreeSet<String>,
    /// Indices of the job's steps that made them; sixteen at most.
    pub steps: BTreeSet<usize>,
    /// The first one's reason.
    pub reason: Option<String>,
    /// The rule that would allow it as it was tried: of what was reached, and of what lacks nothing but a rule.
    pub suggestion: Option<String>,
}

/// `once`, `2 times`.
pub fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// `reached  name:port  2 times, 120 bytes sent, 4096 received, by curl, git, in steps 1, 3`; people count from 1.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { name, port, udp, outcome, count, sent, received, programs, steps, reason, .. } = self;
        let port = port_of(*port, *udp);
        write!(f, "{:8} {name}{port}  {}", outcome.as_str(), times(*count))?;
        match reason {
            Some(reason) => write!(f, ": {reason}")?,
            None => write!(f, ", {sent} bytes sent, {received} received")?,
        }
        if !programs.is_empty() {
            write!(f, ", by {}", programs.iter().map(String::as_str).collect::<Vec<_>>().join(", "))?;
        }
        let numbers: Vec<String> = steps.iter().map(|step| (step + 1).to_string()).collect();
        match numbers.len() {
            0 => Ok(()),
            1 => write!(f, ", in step {}", numbers[0]),
            _ => write!(f, ", in steps {}", numbers.join(", ")),
        }
    }
}

/// What a gateway says, a line of JSON each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// An attempt has ended.
    Attempt(Attempt),
    /// A step has tried to reach addresses.
    Unnamed(Unnamed),
    /// The rules that were told with a step hold.
    Entered,
    /// The last word.
    Table(Table),
    /// The gateway can't go on.
    Broken(String),
}

/// Attempts at addresses that stand for no name, to which nothing leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unnamed {
    /// Index of the step that ran meanwhile.
    pub step: Option<usize>,
    /// How many.
    pub attempts: u64,
    /// By whom at what; none of those that weren't seen, which are together.
    pub to: Option<Stray>,
}

/// An address that stands for no name, and who has tried it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Over UDP, or over TCP; none where it was over neither.
    pub udp: Option<bool>,
    /// Which process.
    pub process: Asker,
}

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unnamed { attempts, to, .. } = self;
        let (count, address) = match attempts {
            1 => ("1 attempt".to_owned(), "an address"),
            _ => (format!("{attempts} attempts"), "addresses"),
        };
        match to {
            None => write!(f, "{count} to reach {address} without a name came to nothing")?,
            Some(Stray { address, port, udp, process }) => {
                let at = SocketAddr::new(*address, *port);
                let to = match udp {
                    None => address.to_string(),
                    Some(false) => at.to_string(),
                    Some(true) => format!("{at}/udp"),
                };
                write!(f, "{process}: {count} to reach {to} came to nothing")?;
            }
        }
        f.write_str("; only names can be allowed")
    }
}

/// What is told of a job while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// An attempt has ended.
    Attempt(Attempt),
    /// A step has tried to reach addresses.
    Unnamed(Unnamed),
}

/// All attempts of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// By name and port.
    pub rows: Vec<Row>,
    /// Attempts that were not told one by one.
    pub untold: u64,
    /// Attempts that are in no row.
    pub beyond: u64,
    /// Attempts at addresses without a name.
    pub unnamed: u64,
    /// Why it isn't on record which processes it were, where it isn't.
    pub unattributed: Option<String>,
    /// How often a process wasn't seen, since there was too much to see.
    pub unseen: u64,
}

impl Table {
    /// Whether nothing was tried.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.unnamed == 0 && self.beyond == 0
    }

    /// As a person is shown it, line by line.
    pub fn lines(&self) -> Vec<String> {
        let Table { rows, beyond, unnamed, unattributed, unseen, .. } = self;
        let mut lines: Vec<String> = rows.iter().take(MAX_LINES).map(Row::to_string).collect();
        if *unnamed > 0 {
            lines.push(format!("refused  addresses without a name  {}", times(*unnamed)));
        }
        let more = rows.len().saturating_sub(MAX_LINES) as u64 + beyond;
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        if let Some(why) = unattributed {
            lines.push(format!("which processes it were isn't known: {why}"));
        }
        if *unseen > 0 {
            lines.push(format!("{unseen} times a process wasn't seen: there was too much to see"));
        }
        lines
    }
}

/// Keeps count, and decides what is told.
#[derive(Debug, Default)]
pub struct Ledger {
    rows: BTreeMap<(String, Option<u16>, bool, Outcome), Row>,
    /// What of, why, and by which program.
    refusals: BTreeSet<(String, Option<u16>, bool, String, String)>,
    told: usize,
    untold: u64,
    beyond: u64,
    unnamed: u64,
    unattributed: Option<String>,
    unseen: u64,
}

impl Ledger {
    /// Takes note of why, and how often, it isn't known which process it was.
    pub fn fall_short(&mut self, why: Option<String>, unseen: u64) {
        (self.unattributed, self.unseen) = (why, unseen);
    }

    /// Takes note of attempts at addresses without a name.
    pub fn note_unnamed(&mut self, attempts: u64) {
        self.unnamed += attempts;
    }

    /// Takes note of an attempt; whether it is to be told. A refusal is told once.
    pub fn note(&mut self, attempt: &Attempt) -> bool {
        self.count(attempt);
        let tell = match attempt.outcome {
            Outcome::Reached | Outcome::Failed => {
                self.told += 1;
                self.told <= MAX_TOLD
            }
            Outcome::Refused => {
                let reason = attempt.reason.clone().unwrap_or_default();
                let by = attempt.process.as_ref().map(|asker| asker.process.exe.clone()).unwrap_or_default();
                let refusal = (attempt.name.clone(), attempt.port, attempt.is_udp(), reason, by);
                self.refusals.len() < MAX_REFUSALS && self.refusals.insert(refusal)
            }
        };
        self.untold += u64::from(!tell);
        tell
    }

    fn count(&mut self, attempt: &Attempt) {
        let key = (attempt.name.clone(), attempt.port, attempt.is_udp(), attempt.outcome);
        if self.rows.len() >= MAX_ROWS && !self.rows.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let row = self.rows.entry(key).or_insert_with(|| Row {
            name: attempt.name.clone(),
            port: attempt.port,
            udp: attempt.is_udp(),
            outcome: attempt.outcome,
            count: 0,
            sent: 0,
            received: 0,
            programs: BTreeSet::new(),
            steps: BTreeSet::new(),
            reason: attempt.reason.clone(),
            suggestion: attempt.suggestion.clone(),
        });
        if let Some(asker) = attempt.process.as_ref()
            && row.programs.len() < MAX_PROGRAMS
        {
            row.programs.insert(asker.program());
        }
        if let Some(step) = attempt.step
            && row.steps.len() < MAX_STEPS
        {
            row.steps.insert(step);
        }
        row.count += 1;
        row.sent += attempt.sent;
        row.received += attempt.received;
    }

    /// The table.
    pub fn table(self) -> Table {
        let Ledger { rows, untold, beyond, unnamed, unattributed, unseen, .. } = self;
        Table { rows: rows.into_values().collect(), untold, beyond, unnamed, unattributed, unseen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_once_and_all_is_counted() {
        let mut ledger = Ledger::default();
        let refused = Attempt::new("evil.test", None).refused("no rule allows it");
        assert!(ledger.note(&refused) && !ledger.note(&refused));
        let reached = Attempt { outcome: Outcome::Reached, sent: 3, ..Attempt::new("a.test", Some(443)) };
        assert!(ledger.note(&reached) && ledger.note(&reached));
        let table = ledger.table();
        let shown: Vec<_> = table.rows.iter().map(|row| (row.name.as_str(), row.count, row.sent)).collect();
        assert_eq!(shown, [("a.test", 2, 6), ("evil.test", 2, 0)]);
        assert_eq!((table.untold, table.beyond), (1, 0));
    }

    #[test]
    fn a_flood_is_counted_in_bounded_memory() {
        let mut ledger = Ledger::default();
        for number in 0..5000 {
            ledger.note(&Attempt::new(format!("{number}.test"), None).refused("no"));
        }
        assert!(Attempt::new("x".repeat(10_000), None).name.len() < 400);
        let table = ledger.table();
        assert_eq!((table.rows.len(), table.untold, table.beyond), (MAX_ROWS, 4000, 4000));
    }
}
