//! What palisade itself does inside a job's sandbox, where alone the workspace is as the steps see it: functions
//! that run as processes there, confined like any step. What they tell is checked outside like a step's word.

use palisade_sandbox::Builtin;

pub mod artifact;
pub mod cache;
pub mod glob;
mod hash_files;
mod landing;
pub mod make_room;
pub mod space;
mod walk;

/// Digests files of the workspace: its path, then the arguments of `hashFiles`.
pub const HASH_FILES: &str = "hash-files";

/// Makes a directory ready for a checkout: the workspace, a path in it, and what becomes of content.
pub const MAKE_ROOM: &str = "make-room";

/// Tells by its exit code whether a directory's file system is full.
pub const SPACE: &str = "space";

/// Makes the archive of an artifact: see [`artifact::pack`].
pub const PACK_ARTIFACT: &str = "pack-artifact";

/// Makes the archive of a cache: see [`cache::pack`].
pub const PACK_CACHE: &str = "pack-cache";

/// Unpacks an artifact: see [`artifact::unpack`].
pub const UNPACK_ARTIFACT: &str = "unpack-artifact";

/// Unpacks a cache: see [`cache::unpack`].
pub const UNPACK_CACHE: &str = "unpack-cache";

/// All of them, by name.
pub const BUILTINS: &[(&str, Builtin)] = &[
    (HASH_FILES, hash_files::main),
    (MAKE_ROOM, make_room::main),
    (PACK_ARTIFACT, artifact::pack),
    (PACK_CACHE, cache::pack),
    (SPACE, space::main),
    (UNPACK_ARTIFACT, artifact::unpack),
    (UNPACK_CACHE, cache::unpack),
];
