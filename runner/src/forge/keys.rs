//! Keys of requests for jobs: asked again with the key of a request, a forge that knows keys gives the same jobs. So none
//! is lost whose answer never came, or that a daemon had no time to write down.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use palisade_proto::forgejo::RequestKey;

use super::TaskId;

/// Longest text of keys that are kept, in bytes.
const MAX_KEPT: u64 = 64 << 10;

/// The keys of one runner.
#[derive(Debug)]
pub struct Keys {
    /// Of the request that is made, or that got neither an answer nor a job.
    current: Option<RequestKey>,
    /// Something was asked for with it before.
    is_old: bool,
    /// Of jobs that aren't written down yet.
    given: Vec<(TaskId, RequestKey)>,
    /// To be asked with again.
    left: Vec<RequestKey>,
    /// Where all of them stand, for the next daemon where this one is killed.
    kept: File,
}

impl Keys {
    /// With those that an earlier daemon has left.
    pub fn read(mut kept: File) -> Keys {
        let mut text = String::new();
        let read = kept.by_ref().take(MAX_KEPT).read_to_string(&mut text);
        let left = read.map_or_else(|_| Vec::new(), |_| text.lines().filter_map(RequestKey::parse).collect());
        Keys { current: None, is_old: false, given: Vec::new(), left, kept }
    }

    /// The key to ask with; none where there are no random numbers.
    pub fn next(&mut self) -> Option<RequestKey> {
        if self.current.is_none() {
            let old = self.left.pop();
            self.is_old = old.is_some();
            self.current = old.or_else(RequestKey::random);
            self.write();
        }
        self.current.clone()
    }

    /// Whether something was asked for with that key before, so that the forge has to look.
    pub fn is_old(&self) -> bool {
        self.is_old
    }

    /// It was answered with this job, or with none.
    pub fn answered(&mut self, job: Option<TaskId>) {
        match (self.current.take(), job) {
            (Some(key), Some(job)) => self.given.push((job, key)),
            // One that is new is as good as another.
            (key, None) if !self.is_old => self.current = key,
            _ => {}
        }
    }

    /// A job is written down on this host.
    pub fn begun(&mut self, job: TaskId) {
        self.given.retain(|(given, _)| *given != job);
        self.write();
    }

    /// A job couldn't be written down.
    pub fn again(&mut self, job: TaskId) {
        let (again, given) =
            std::mem::take(&mut self.given).into_iter().partition(|(given, _)| *given == job);
        self.given = given;
        self.left.extend::<Vec<_>>(again.into_iter().map(|(_, key): (TaskId, _)| key).collect());
    }

    /// Without it a job can only be lost where the daemon is killed at the wrong moment. A line too much, where it is killed
    /// in here, is one more question.
    fn write(&self) {
        let keys = self.current.iter().chain(self.given.iter().map(|(_, key)| key)).chain(&self.left);
        let text: String = keys.map(|key| format!("{key}\n")).collect();
        let _ =
            self.kept.write_all_at(text.as_bytes(), 0).and_then(|()| self.kept.set_len(text.len() as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_asked_with_until_its_job_is_written_down() {
        let dir = tempfile::tempdir().unwrap();
        let file = || {
            let path = dir.path().join("keys");
            File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap()
        };
        let mut keys = Keys::read(file());
        let first = keys.next().unwrap();
        assert!(!keys.is_old());
        assert_eq!(keys.next(), Some(first.clone()), "no answer came");
        keys.answered(None);
        assert_eq!(keys.next(), Some(first.clone()), "no job came");
        keys.answered(Some(TaskId(1)));
        let second = keys.next().unwrap();
        assert_ne!(second, first);
        keys.answered(Some(TaskId(2)));
        let third = keys.next().unwrap();
        keys.begun(TaskId(1));

        // The next daemon doesn't know what became of the second job, nor whether the third request had an answer.
        let mut next = Keys::read(file());
        let mut asked: Vec<_> = std::iter::from_fn(|| {
            let key = next.next()?;
            let old = next.is_old();
            next.answered(None);
            old.then_some(key)
        })
        .collect();
        asked.sort_by_key(|key| *key != second);
        assert_eq!(asked, [second.clone(), third.clone()]);

        keys.again(TaskId(2));
        keys.answered(None);
        assert_eq!(keys.next(), Some(third), "a new one that got no job goes first");
        keys.answered(Some(TaskId(3)));
        assert_eq!((keys.next(), keys.is_old()), (Some(second), true));
        keys.answered(Some(TaskId(2)));
        keys.begun(TaskId(2));
        keys.begun(TaskId(3));
        assert!(!std::fs::read_to_string(dir.path().join("keys")).unwrap().contains('\n'));
    }

    #[test]
    fn what_is_no_key_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let key = RequestKey::random().unwrap();
        std::fs::write(&path, format!("x\n{key}\n{}", &key.to_string()[..20])).unwrap();
        let mut keys = Keys::read(File::options().read(true).write(true).open(path).unwrap());
        assert_eq!((keys.next(), keys.is_old()), (Some(key), true));
    }
}
