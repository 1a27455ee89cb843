//! Files that are named on the command line.

use std::fs::File;
use std::path::Path;

use zeroize::Zeroizing;

use super::Error;
use crate::dotenv;

/// Reads the file that an option names; what it holds may be secret.
pub fn read(option: &str, path: &Path) -> Result<Zeroizing<String>, Error> {
    File::open(path)
        .and_then(dotenv::read)
        .map_err(|e| Error::input(format!("{option} {}: {e}", path.display())))
}
