//! The last lines that a task has printed, for somebody who looks on.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use serde::Deserialize;

use super::task::Key;
use crate::order::EVENTS;
use crate::state::State;

/// How much of the end of the file is looked at, in bytes.
const END: u64 = 64 << 10;

/// What of an event is looked at.
#[derive(Deserialize)]
struct Said {
    event: String,
    #[serde(default)]
    text: String,
}

/// The last lines, the newest last; fewer where the end of what was said tells of fewer.
pub fn last_lines(state: &State, key: &Key, most: usize) -> io::Result<Vec<String>> {
    let Some(root) = state.root() else { return Ok(Vec::new()) };
    let mut file = match File::open(root.join("tasks").join(key.name()).join(EVENTS)) {
        // It has said nothing yet, or is over.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    let end = String::from_utf8_lossy(&end);
    let mut lines = VecDeque::new();
    // The first is a part of a line, and the last may be.
    for said in end.lines().filter_map(|line| serde_json::from_str::<Said>(line).ok()) {
        if said.event == "log" {
            lines.extend(said.text.lines().map(str::to_owned));
            lines.drain(..lines.len().saturating_sub(most));
        }
    }
    Ok(lines.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::TaskId;

    #[test]
    fn the_end_of_what_was_said_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path().to_owned()));
        let key = Key { runner: "main".into(), task: TaskId(7) };
        assert_eq!(last_lines(&state, &key, 3).unwrap(), [""; 0]);
        let task = dir.path().join("tasks/main-7");
        std::fs::create_dir_all(&task).unwrap();
        let event = |text: &str| format!("{{\"time\":\"t\",\"event\":\"log\",\"text\":\"{text}\"}}\n");
        let text = event(&"x".repeat(100_000))
            + &event("a\\nb")
            + "{\"event\":\"layers\"}\n"
            + &event("c\\nd")
            + "{\"ev";
        std::fs::write(task.join(EVENTS), text).unwrap();
        assert_eq!(last_lines(&state, &key, 3).unwrap(), ["b", "c", "d"]);
        assert_eq!(last_lines(&state, &key, 9).unwrap().len(), 4);
    }
}
