//! How an attack program ends, and how it says so.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use nix::errno::Errno;

/// `Ok`: the attack succeeded; the text says with what.
pub type Attempt = Result<String, Stop>;

/// An attack program: its arguments are those after its name.
pub type Program = fn(&[String]) -> Attempt;

/// Why an attack didn't succeed.
#[derive(Debug)]
pub enum Stop {
    /// Something refused it: the step that failed, and its error.
    Prevented(String),
    /// It can't be tried on this machine.
    Void(String),
    /// The test itself is wrong: an argument or a fact of the host is missing.
    Broken(String),
}

/// Names the step of an attack that failed.
pub trait Step<T> {
    /// Any error here means that the attack was prevented.
    fn step(self, what: impl Display) -> Result<T, Stop>;
}

impl<T> Step<T> for Result<T, Errno> {
    fn step(self, what: impl Display) -> Result<T, Stop> {
        self.map_err(|e| match e {
            Errno::ENOSYS => Stop::Prevented(format!("{what}: ENOSYS: not in this kernel, or filtered")),
            e => Stop::Prevented(format!("{what}: {e}")),
        })
    }
}

impl<T> Step<T> for std::io::Result<T> {
    fn step(self, what: impl Display) -> Result<T, Stop> {
        self.map_err(|e| match e.raw_os_error() {
            Some(n) => Stop::Prevented(format!("{what}: {}", Errno::from_raw(n))),
            None => Stop::Prevented(format!("{what}: {e}")),
        })
    }
}

/// A refusal without an error number.
pub fn prevented<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Prevented(why.into()))
}

/// Not to be tried here.
pub fn void<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Void(why.into()))
}

/// Tells a privileged caller from another one by the error of a call that is wrong on purpose: the
/// kernel checks the privilege first, so `answer` proves that only the arguments stood in the way.
pub fn privileged(call: Result<i64, Errno>, what: &str, answer: Errno) -> Attempt {
    match call {
        Ok(_) => Ok(format!("{what} was allowed")),
        Err(e) if e == answer => Ok(format!("{what} got as far as its arguments ({e})")),
        Err(e) => Err(e).step(what),
    }
}

/// A fact about the host that the suite prepared, handed over as `HOST_<name>`.
pub fn host(name: &str) -> Result<String, Stop> {
    let variable = format!("HOST_{name}");
    std::env::var(&variable).map_err(|_| Stop::Broken(format!("{variable} is not set")))
}

/// A number among the facts about the host.
pub fn host_number(name: &str) -> Result<i64, Stop> {
    host(name)?.parse().map_err(|e| Stop::Broken(format!("HOST_{name}: {e}")))
}

/// The `n`th argument of the program.
pub fn argument(args: &[String], n: usize) -> Result<&str, Stop> {
    args.get(n).map(String::as_str).ok_or_else(|| Stop::Broken(format!("argument {n} is missing")))
}

/// Prints what looks like a canary among stolen bytes. The suite, which alone knows the canary, looks
/// for it in the output; nothing else of what was read is shown.
pub fn leak(from: &str, stolen: &[u8]) -> Attempt {
    const MARK: &[u8] = b"canary-";
    let Some(at) = stolen.windows(MARK.len()).position(|w| w == MARK) else {
        return prevented(format!("{from}: nothing of value in {} bytes", stolen.len()));
    };
    let end = stolen[at..].iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'-'));
    let found = &stolen[at..end.map_or(stolen.len(), |n| at + n)];
    Ok(format!("{from}: {}", String::from_utf8_lossy(found)))
}

/// Tries each, and ends with the first success or else with the last refusal.
pub fn any<T>(of: impl IntoIterator<Item = T>, mut attempt: impl FnMut(T) -> Attempt) -> Attempt {
    let mut last = prevented("there was nothing to try");
    for one in of {
        last = attempt(one);
        if last.is_ok() {
            break;
        }
    }
    last
}

/// Tries each, and succeeds with everything that was got, so that no find hides another.
pub fn gather<T>(of: impl IntoIterator<Item = T>, attempt: impl FnMut(T) -> Attempt) -> Attempt {
    let (mut got, mut last) = (Vec::new(), prevented("there was nothing to try"));
    for result in of.into_iter().map(attempt) {
        match result {
            Ok(text) => got.push(text),
            refusal => last = refusal,
        }
    }
    if got.is_empty() { last } else { Ok(got.join(", ")) }
}

/// Prints the outcome and gives the exit code: 0 succeeded, 1 prevented, 2 void, 3 the test is wrong.
pub fn finish(attempt: &Attempt) -> ExitCode {
    let (code, word, text) = match attempt {
        Ok(text) => (0, "succeeded", text),
        Err(Stop::Prevented(text)) => (1, "prevented", text),
        Err(Stop::Void(text)) => (2, "void", text),
        Err(Stop::Broken(text)) => (3, "broken", text),
    };
    // Whoever asked may be gone, as the victim's suite is at its end.
    let _ = writeln!(std::io::stdout(), "outcome: {word}: {text}");
    ExitCode::from(code)
}
