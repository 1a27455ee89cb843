//! How the forge misbehaves.

/// The methods of the runner protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Is the service there?
    Ping,
    /// A runner joins.
    Register,
    /// A runner starts.
    Declare,
    /// A runner asks for work.
    FetchTask,
    /// A runner tells the state of a task.
    UpdateTask,
    /// A runner sends rows of a log.
    UpdateLog,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 6] = [
        Method::Ping,
        Method::Register,
        Method::Declare,
        Method::FetchTask,
        Method::UpdateTask,
        Method::UpdateLog,
    ];

    /// Where it is below the forge's own path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Method::Ping => "/api/actions/ping.v1.PingService/Ping",
            Method::Register => "/api/actions/runner.v1.RunnerService/Register",
            Method::Declare => "/api/actions/runner.v1.RunnerService/Declare",
            Method::FetchTask => "/api/actions/runner.v1.RunnerService/FetchTask",
            Method::UpdateTask => "/api/actions/runner.v1.RunnerService/UpdateTask",
            Method::UpdateLog => "/api/actions/runner.v1.RunnerService/UpdateLog",
        }
    }
}

/// A call that came.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// How many came before it, of all methods.
    pub number: u64,
}

/// What happens instead of an answer. Unless it says otherwise the call has had its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A status of a proxy, without effect.
    Status(u16),
    /// An error of the forge's own, without effect: code and message.
    Error(&'static str, &'static str),
    /// The connection is reset, without effect.
    ResetBefore,
    /// The connection is reset in the middle of the request's body, without effect.
    ResetInRequest,
    /// The connection is reset: the answer is lost.
    ResetAfter,
    /// Half of the answer, then the connection ends.
    HalfAnswer,
    /// No answer until the forge is healed, without effect.
    Hang,
    /// No answer until the forge is healed: it is lost then.
    HangAfter,
    /// The answer comes once the forge is healed.
    Late,
    /// The answer's header a byte a time, without end.
    SlowLoris,
    /// Goes on for more than any answer is long.
    Oversized,
    /// Little when packed, more than any answer is long when unpacked.
    Bomb,
    /// Bytes that are no message.
    Garbage,
    /// A message that is cut.
    TruncatedMessage,
    /// The page of a proxy's login.
    Page,
    /// An answer without a length, which ends with the connection.
    NoLength,
    /// Elsewhere: the location.
    Redirect(String),
    /// It is another time there: the answer's `Date`.
    Clock(&'static str),
    /// Fields that nobody knows stand beside the known ones.
    UnknownFields,
    /// The result of the task is a value that nobody knows.
    UnknownResult,
    /// It is about another task.
    WrongTask,
    /// A task that was given before comes again, as if it were new.
    DuplicateTask,
}

/// Decides what happens to a call.
pub(super) type Schedule = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

/// Which calls get which faults.
#[derive(Default)]
pub(super) struct Faults {
    planned: Vec<Planned>,
    pub(super) schedule: Option<Schedule>,
    /// How often it was healed: who waits for that remembers the number.
    pub(super) healed: u64,
}

struct Planned {
    method: Method,
    skip: u32,
    times: u32,
    fault: Fault,
}

impl Faults {
    pub(super) fn add(&mut self, method: Method, skip: u32, times: u32, fault: Fault) {
        self.planned.push(Planned { method, skip, times, fault });
    }

    pub(super) fn heal(&mut self) {
        self.planned.clear();
        self.schedule = None;
        self.healed += 1;
    }

    /// What happens to this call.
    pub(super) fn take(&mut self, call: Call) -> Option<Fault> {
        let mut chosen = None;
        for planned in self.planned.iter_mut().filter(|planned| planned.method == call.method) {
            if planned.skip > 0 {
                planned.skip -= 1;
            } else if chosen.is_none() && planned.times > 0 {
                planned.times -= 1;
                chosen = Some(planned.fault.clone());
            }
        }
        self.planned.retain(|planned| planned.times > 0);
        chosen.or_else(|| self.schedule.as_mut()?(&call))
    }
}
