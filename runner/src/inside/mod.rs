//! What palisade itself does inside a job's sandbox, where alone the workspace is as the steps see it: functions
//! that run as processes there, confined like any step. What they tell is checked outside like a step's word.

use palisade_sandbox::Builtin;

mod glob;
mod hash_files;

/// Digests files of the workspace: its path, then the arguments of `hashFiles`.
pub const HASH_FILES: &str = "hash-files";

/// All of them, by name.
pub const BUILTINS: &[(&str, Builtin)] = &[(HASH_FILES, hash_files::main)];
