//! Actions: what a `uses:` names (`reference`), whether that may be used (`allowed`), where its repository is (`source`),
//! how its files get here (`fetch`) and are kept (`store`, `tree`), what pins it (`lock`), and what its file says
//! (`manifest`).

pub mod allowed;
pub mod fetch;
pub mod lock;
pub mod manifest;
pub mod needed;
pub mod obtain;
pub mod reference;
pub mod source;
pub mod store;
pub mod tree;

pub use lock::{Lock, LockError, PATH as LOCK_PATH};
pub use obtain::{Actions, ObtainError, Obtained};
pub use reference::{IMAGE, LocalPath, Remote, Uses};
pub use source::Settings;
