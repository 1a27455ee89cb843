//! What a job prints, in a file of its own: a row is a line `<milliseconds since 1970> <kind> <text>`. How many rows there
//! are is how many lines the file has.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::{Queue, QueueError, lock, millis};
use crate::forge::{Row, TaskId};

/// The directory of logs, in that of the queue.
pub const DIRECTORY: &str = "logs";
/// A row of palisade's own, and one that a step has printed.
const OWN: &str = "=";
const PRINTED: &str = "|";
/// Longest line that is read, in bytes: a row and what is before it.
const MAX_LINE: u64 = 80 << 10;

/// The file of a job's log.
pub fn path(queue: &Path, task: TaskId) -> PathBuf {
    queue.join(DIRECTORY).join(task.to_string())
}

/// A log that is written to.
pub struct Log {
    file: File,
    rows: u64,
    length: u64,
}

impl Log {
    fn open(path: &Path) -> io::Result<Log> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let (mut rows, mut length) = (0, 0);
        let mut reader = BufReader::with_capacity(256 << 10, &file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.last() == Some(&b'\n') {
            rows += 1;
            length += line.len() as u64;
            line.clear();
        }
        // A row of which a killed daemon wrote only a part is sent again.
        file.set_len(length)?;
        Ok(Log { file, rows, length })
    }

    fn append(&mut self, rows: &[Row]) -> io::Result<()> {
        let written = self.write(rows);
        if let Err(error) = written {
            // All or nothing: a disk may be full in the middle of a row.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length = self.file.stream_position()?;
        self.rows += rows.len() as u64;
        Ok(())
    }

    fn write(&mut self, rows: &[Row]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.length))?;
        let mut writer = BufWriter::with_capacity(256 << 10, &self.file);
        for row in rows {
            let kind = if row.own { OWN } else { PRINTED };
            writeln!(writer, "{} {kind} {}", millis(row.time), row.text)?;
        }
        writer.flush()
    }
}

impl Queue {
    /// Appends rows to a job's log, of which the first has the number `from`; gives how many there are now.
    pub fn append(&self, task: TaskId, from: u64, rows: &[Row], last: bool) -> Result<u64, QueueError> {
        let mut logs = lock(&self.logs);
        let log = match logs.entry(task) {
            std::collections::hash_map::Entry::Occupied(log) => log.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(Log::open(&self.log_path(task))?)
            }
        };
        if from <= log.rows {
            let known = ((log.rows - from) as usize).min(rows.len());
            log.append(&rows[known..])?;
            if last {
                log.file.sync_all()?;
            }
        }
        let has = log.rows;
        drop(logs);
        if !rows.is_empty() {
            self.told(false);
        }
        Ok(has)
    }

    /// Reads a job's log from its beginning.
    pub fn read(&self, task: TaskId) -> Reader {
        Reader { path: self.log_path(task), file: None, line: Vec::new() }
    }
}

/// Reads a log that may still grow.
pub struct Reader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// The beginning of a row whose end isn't there yet.
    line: Vec<u8>,
}

impl Reader {
    /// The next row, if there is one by now.
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        let file = match &mut self.file {
            Some(file) => file,
            None => match File::open(&self.path) {
                Ok(file) => self.file.insert(BufReader::with_capacity(64 << 10, file)),
                // It has printed nothing yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        let left = MAX_LINE.saturating_sub(self.line.len() as u64);
        Read::take(&mut *file, left).read_until(b'\n', &mut self.line)?;
        if self.line.last() != Some(&b'\n') {
            if self.line.len() as u64 >= MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a row has no end"));
            }
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        row(&line)
            .map(Some)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "there is what is no row"))
    }
}

fn row(line: &[u8]) -> Option<Row> {
    let line = String::from_utf8_lossy(line);
    let mut parts = line.strip_suffix('\n')?.splitn(3, ' ');
    let time = UNIX_EPOCH + Duration::from_millis(parts.next()?.parse().ok()?);
    let own = parts.next()? == OWN;
    Some(Row { time, text: parts.next()?.to_owned(), own })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(texts: &[&str]) -> Vec<Row> {
        let row = |text: &&str| Row { time: UNIX_EPOCH, text: (*text).to_owned(), own: text.is_empty() };
        texts.iter().map(row).collect()
    }

    #[test]
    fn what_was_written_in_part_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("7");
        let all = rows(&["one", "", " two = | ü\r"]);
        Log::open(&path).unwrap().append(&all[..2]).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"0 | t").unwrap();
        let mut log = Log::open(&path).unwrap();
        assert_eq!(log.rows, 2);
        log.append(&all[2..]).unwrap();
        let mut reader = Reader { path, file: None, line: Vec::new() };
        let read: Vec<Row> = std::iter::from_fn(|| reader.next().unwrap()).collect();
        assert_eq!(read, all);
        log.append(&rows(&["more"])).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().text, "more");
        assert_eq!(reader.next().unwrap(), None);
    }
}
