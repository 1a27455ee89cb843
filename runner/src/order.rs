//! What `palisade daemon` hands to the process that runs one job: all that the forge has said of it, over a pipe, never
//! in arguments, environment or a file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use zeroize::{Zeroize, Zeroizing};

use crate::mask::Secret;
use crate::output::event::Conclusion;

/// Largest order, in bytes: a forge's largest payload, with escapes.
const MAX_ORDER: u64 = 64 << 20;

/// Room for one at first, in bytes.
const READ: usize = 64 << 10;

/// Largest record of a task, in bytes.
const MAX_RECORD: u64 = 1 << 20;

/// Longest line before an order, in bytes: twice `PATH_MAX`.
const MAX_LINE: usize = 8 << 10;

/// What the line begins with that says which forge an order is expected of. A path that an order begins with is absolute.
const FORGE: &str = "forge";

/// The file in a task's directory to which the job's process writes what it says, one event a line.
pub const EVENTS: &str = "events.jsonl";

/// The file in a task's directory that says which task it is. It is there, and blank, before there is a task; once that is
/// written down, the job may begin.
pub const RECORD: &str = "task.json";

/// The output by which a job tells the jobs that its matrix makes ([`Matrix::Unknown`]): [`Legs`], as JSON.
pub const LEGS: &str = "legs";

/// What comes first through the pipe of a job's process.
#[derive(Debug, PartialEq)]
pub enum First {
    /// Long before the order: the address of the forge that it is expected of, or that of none.
    Expected(Option<String>),
    /// The order's own first line; the rest follows.
    Order(Vec<u8>),
}

/// The line by which a job's process learns, before there is an order, of which forge it will be.
pub fn expected(forge: Option<&str>) -> Vec<u8> {
    let forge = forge.filter(|forge| !forge.contains('\n')).unwrap_or_default();
    format!("{FORGE} {forge}\n").into_bytes()
}

impl First {
    /// Reads it, and nothing that follows; none where the pipe is closed before anything came.
    pub fn read(from: &mut impl Read) -> io::Result<Option<First>> {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while !line.ends_with(b"\n") {
            match from.read(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => match (read?, line.len()) {
                    (0, 0) => return Ok(None),
                    (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    (_, MAX_LINE..) => return Err(io::ErrorKind::FileTooLarge.into()),
                    _ => line.extend(byte),
                },
            }
        }
        let forge = std::str::from_utf8(&line).ok().and_then(|line| line.strip_prefix(FORGE));
        Ok(Some(match forge {
            None => First::Order(line),
            Some(forge) => First::Expected(Some(forge.trim().to_owned()).filter(|forge| !forge.is_empty())),
        }))
    }
}

/// One job.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The text of a workflow with this one job.
    pub workflow: String,
    /// The name of its file, for messages.
    pub file: String,
    /// The job's key under `jobs:`, as the forge has it.
    pub job: String,
    /// The address at which this host reaches the forge, without a slash at its end.
    pub server: String,
    /// Where the forge looks for actions that name no forge.
    pub actions: Option<String>,
    /// `github`, without `event`.
    pub github: Map<String, Json>,
    /// The event's payload.
    pub event: Json,
    /// `vars`
    pub vars: BTreeMap<String, String>,
    /// `secrets`
    #[serde(with = "exposed")]
    pub secrets: Vec<(String, Secret)>,
    /// What the jobs gave that this one needs.
    pub needs: Vec<Need>,
    /// `runner.name`
    pub runner: String,
    /// What the forge puts before the names of variables, beside `GITHUB_`.
    pub prefixes: Vec<String>,
    /// Further variables of every step that are secret.
    #[serde(with = "exposed")]
    pub tokens: Vec<(String, Secret)>,
    /// Further variables of every step.
    pub variables: Vec<(String, String)>,
    /// Where the workflow is a whole file, and what of it this job is.
    pub part: Option<Part>,
    /// Where, and with what, the forge gives ID tokens of its own, where it does for this job.
    pub id_token: Option<IdTokenOffer>,
    /// Where summaries of the steps go, below `server`, where the forge takes them.
    pub summaries: Option<String>,
}

/// A job of a workflow that comes whole, from palisade's own queue.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What is the same for all runs of the repository, and for no other.
    pub identity: String,
    /// The bundle of git's that the commit is in.
    pub bundle: PathBuf,
    /// Which job of its matrix it is.
    pub matrix: Matrix,
}

/// Which job of a matrix one is.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Matrix {
    /// There is no matrix.
    None,
    /// The one with these values.
    Leg {
        /// `matrix`
        values: Json,
        /// `strategy.job-index`
        index: usize,
        /// `strategy.job-total`
        total: usize,
    },
    /// It isn't run: it tells what its matrix makes, now that what it depends on is known.
    Unknown,
}

/// The jobs of an entry of `jobs:`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Legs {
    /// Whether a failure cancels the others.
    pub fail_fast: bool,
    /// Most of them at a time.
    pub max_parallel: Option<usize>,
    /// In the order of the matrix.
    pub jobs: Vec<Leg>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// What it is called.
    pub name: String,
    /// Its values; none where there is no matrix.
    pub matrix: Option<Json>,
}

/// A forge's word that it gives a job ID tokens.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IdTokenOffer {
    /// Where.
    pub url: String,
    /// With what.
    #[serde(with = "exposed::one")]
    pub token: Secret,
}

/// A job that has ended elsewhere.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Its key under `jobs:`.
    pub id: String,
    /// Its result.
    pub result: Conclusion,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Whether the job names it; else one does that it needs.
    pub direct: bool,
}

impl Order {
    /// How many steps the job has at most, by the look of it: each begins a line of what a server writes with a dash.
    pub fn most_steps(&self) -> usize {
        let begins =
            |line: &&str| line.trim_start().strip_prefix('-').is_some_and(|rest| !rest.starts_with('-'));
        self.workflow.lines().filter(begins).count()
    }

    /// Hands it to the job's process by a pipe: the directory that relative paths of the configuration start from, and
    /// the order with secrets in clear, each on a line. None of it stays in the buffer. The job has [`Leave`] to begin when
    /// the pipe is closed.
    pub fn hand(&self, base: &Path, to: impl Write) -> io::Result<()> {
        let mut writer = BufWriter::new(to);
        let written = writer.write_all(&[base.as_os_str().as_bytes(), b"\n"].concat());
        let written =
            written.and_then(|()| serde_json::to_writer(&mut writer, self).map_err(io::Error::from));
        let written = written.and_then(|()| writer.write_all(b"\n"));
        let flushed = writer.flush();
        if let (_, Ok(mut buffer)) = writer.into_parts() {
            buffer.zeroize();
        }
        written.and(flushed)
    }

    /// Reads what was handed, and nothing that follows; none where the pipe is closed before anything came.
    pub fn read(from: &mut impl Read) -> io::Result<Option<(PathBuf, Order)>> {
        let mut text = Zeroizing::new(Vec::with_capacity(READ));
        let mut base = None;
        loop {
            let start = text.len();
            if start == text.capacity() {
                // Not by itself: what it grew out of would stay behind, with the secrets.
                let mut larger = Zeroizing::new(Vec::with_capacity(2 * start));
                larger.extend_from_slice(&text);
                text = larger;
            }
            let room = text.capacity();
            text.resize(room, 0);
            let read = match from.read(&mut text[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Ok(0) if start == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => read?,
            };
            text.truncate(start + read);
            if base.is_none() {
                base = text.iter().position(|byte| *byte == b'\n');
            }
            if let Some(end) = base
                && text.len() > end + 1
                && text.ends_with(b"\n")
            {
                let order = serde_json::from_slice(&text[end + 1..])?;
                return Ok(Some((OsString::from_vec(text[..end].to_vec()).into(), order)));
            }
            if text.len() as u64 > MAX_ORDER {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("it is larger than {MAX_ORDER} bytes"),
                ));
            }
        }
    }
}

/// A job's leave to begin.
#[derive(Debug)]
pub struct Leave {
    pipe: File,
    record: Option<File>,
}

/// Why a job may not begin.
#[derive(Debug, thiserror::Error)]
#[error("the daemon ended before it had written the job down: the forge gives it again")]
pub struct NoLeave;

impl Leave {
    /// What comes when the pipe, which an order was read from, is closed. Where there is a record of the task, it also has to
    /// be written by then.
    pub fn of(pipe: File, record: Option<File>) -> Leave {
        Leave { pipe, record }
    }

    /// Waits for it. The pipe is also closed by the death of the daemon. What that has written down the next one takes over;
    /// anything else that one knows nothing of, and takes anew.
    pub fn wait(mut self) -> Result<(), NoLeave> {
        let _ = io::copy(&mut self.pipe, &mut io::sink());
        let Some(record) = self.record else { return Ok(()) };
        let mut text = Vec::new();
        let read = record.take(MAX_RECORD).read_to_end(&mut text);
        let known = read.is_ok() && serde_json::from_slice::<IgnoredAny>(&text).is_ok();
        known.then_some(()).ok_or(NoLeave)
    }
}

/// Secrets in clear, for the one place where they have to be.
mod exposed {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::mask::Secret;

    pub fn serialize<S: Serializer>(secrets: &[(String, Secret)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(secrets.iter().map(|(name, value)| (name, value.expose())))
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<(String, Secret)>, D::Error> {
        let secrets = Vec::<(String, String)>::deserialize(from)?;
        Ok(secrets.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }

    /// The same for one.
    pub mod one {
        use serde::{Deserialize, Deserializer, Serializer};

        use crate::mask::Secret;

        pub fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_str(secret.expose())
        }

        pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Secret, D::Error> {
            String::deserialize(from).map(Secret::new)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time.
    struct ByByte<'a>(&'a [u8]);

    impl Read for ByByte<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let most = to.len().min(1);
            self.0.read(&mut to[..most])
        }
    }

    fn order() -> Order {
        Order {
            workflow: "on: push\n".into(),
            file: "ci.yml".into(),
            job: "a".into(),
            server: "https://forge.example".into(),
            actions: None,
            github: Map::new(),
            event: Json::Null,
            vars: BTreeMap::from([("LEVEL".into(), "3".into())]),
            secrets: vec![("TOKEN".into(), Secret::new("hunter2hunter2".into()))],
            needs: vec![Need {
                id: "b".into(),
                result: Conclusion::Skipped,
                outputs: BTreeMap::from([("x".into(), "1".into())]),
                direct: true,
            }],
            runner: "r".into(),
            prefixes: Vec::new(),
            tokens: vec![("GITHUB_TOKEN".into(), Secret::new("hunter2token".into()))],
            variables: Vec::new(),
            part: None,
            id_token: Some(IdTokenOffer {
                url: "https://forge.example/t".into(),
                token: Secret::new("hunter2id".into()),
            }),
            summaries: None,
        }
    }

    #[test]
    fn what_an_order_is_expected_of_comes_first() {
        let read = |mut bytes: &[u8]| First::read(&mut bytes).map(|first| (first, bytes.len()));
        let forge = "https://forge.example";
        let both = [expected(Some(forge)), b"/srv\n{".to_vec()].concat();
        assert_eq!(read(&both).unwrap(), (Some(First::Expected(Some(forge.into()))), 6));
        assert_eq!(read(&expected(None)).unwrap(), (Some(First::Expected(None)), 0));
        assert_eq!(read(&expected(Some("a\nb"))).unwrap(), (Some(First::Expected(None)), 0));
        assert_eq!(read(b"/srv\n{}\n").unwrap(), (Some(First::Order(b"/srv\n".to_vec())), 3));
        assert_eq!(read(b"").unwrap(), (None, 0));
        assert!(read(b"/srv").is_err());
        assert!(read(&[b'x'; MAX_LINE + 2]).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut text = Vec::new();
        order().hand("/var/a b".as_ref(), &mut text).unwrap();
        let mut bytes = ByByte(&text);
        let (base, read) = Order::read(&mut bytes).unwrap().unwrap();
        assert_eq!(base, Path::new("/var/a b"));
        assert_eq!(read.secrets, order().secrets);
        assert_eq!(read.needs[0].result, Conclusion::Skipped);
        assert_eq!(format!("{read:?}"), format!("{:?}", order()));
        assert!(!format!("{read:?}").contains("hunter2"));
    }

    #[test]
    fn a_job_begins_once_it_is_written_down() {
        let leave = |record: Option<&str>| {
            let file = |text: &str| {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(text.as_bytes()).unwrap();
                io::Seek::rewind(&mut file).unwrap();
                file
            };
            Leave::of(file(""), record.map(file)).wait().is_ok()
        };
        assert!(leave(None), "nobody writes down what is run by hand");
        assert!(leave(Some("{\"task\":1}  \n")));
        for blank in ["", "    ", "{\"task\":1"] {
            assert!(!leave(Some(blank)), "{blank}");
        }
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for text in ["\n", "{", "[]", "{\"workflow\": \"x\"}", "{\"surprise\": 1}"] {
            for text in [text.to_owned(), format!("/\n{text}"), format!("/\n{text}\n")] {
                assert!(Order::read(&mut text.as_bytes()).is_err(), "{text}");
            }
        }
        assert!(Order::read(&mut io::repeat(b' ')).is_err());
        assert!(Order::read(&mut io::empty()).unwrap().is_none());
    }
}
