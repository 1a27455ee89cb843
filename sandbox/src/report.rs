//! What each layer of isolation says of itself once it stands: evidence for the job log.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The layers, outermost first, in the order in which a report shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerId {
    /// User namespace: one unprivileged id, nothing of the host's users.
    User,
    /// Mount namespace with an assembled root.
    Mount,
    /// PID namespace: own process tree, private /proc.
    Pid,
    /// IPC namespace.
    Ipc,
    /// UTS namespace.
    Uts,
    /// Cgroup namespace.
    Cgroup,
    /// Network namespace.
    Net,
    /// No capability, no_new_privs.
    Capabilities,
    /// Landlock over the same plan as the root.
    Landlock,
    /// System call filter.
    Seccomp,
    /// Resource limits: cgroup v2 where delegated, else rlimits.
    Limits,
}

impl LayerId {
    /// All layers in report order.
    pub const ALL: [LayerId; 11] = [
        LayerId::User,
        LayerId::Mount,
        LayerId::Pid,
        LayerId::Ipc,
        LayerId::Uts,
        LayerId::Cgroup,
        LayerId::Net,
        LayerId::Capabilities,
        LayerId::Landlock,
        LayerId::Seccomp,
        LayerId::Limits,
    ];

    /// The id as written in configuration, reports and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            LayerId::User => "user",
            LayerId::Mount => "mount",
            LayerId::Pid => "pid",
            LayerId::Ipc => "ipc",
            LayerId::Uts => "uts",
            LayerId::Cgroup => "cgroup",
            LayerId::Net => "net",
            LayerId::Capabilities => "capabilities",
            LayerId::Landlock => "landlock",
            LayerId::Seccomp => "seccomp",
            LayerId::Limits => "limits",
        }
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for LayerId {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        LayerId::ALL.into_iter().find(|l| l.as_str() == s).ok_or_else(|| {
            let known: Vec<_> = LayerId::ALL.iter().map(|l| l.as_str()).collect();
            format!("no layer is called `{s}`; the layers are {}", known.join(", "))
        })
    }
}

/// How a layer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerState {
    /// In force; the text is the evidence.
    Held(String),
    /// In force in part; the text says what is missing and why.
    Degraded(String),
    /// The same, where other layers hold what is missing: one wall stands there and not two. It needs no leave.
    Weaker(String),
    /// Switched off by configuration.
    Off(String),
}

impl LayerState {
    /// `held`, `degraded` or `off`.
    pub fn as_str(&self) -> &'static str {
        match self {
            LayerState::Held(_) => "held",
            LayerState::Degraded(_) | LayerState::Weaker(_) => "degraded",
            LayerState::Off(_) => "off",
        }
    }

    /// The evidence, or the reason.
    pub fn detail(&self) -> &str {
        match self {
            LayerState::Held(s) | LayerState::Degraded(s) | LayerState::Weaker(s) | LayerState::Off(s) => s,
        }
    }
}

/// One line of a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Which layer.
    pub layer: LayerId,
    /// How it stands.
    pub state: LayerState,
}

/// How every layer of one sandbox stands, in the order of [`LayerId::ALL`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The lines.
    pub layers: Vec<LayerReport>,
}

impl Report {
    /// How one layer stands.
    pub fn state(&self, layer: LayerId) -> Option<&LayerState> {
        self.layers.iter().find(|l| l.layer == layer).map(|l| &l.state)
    }
}
