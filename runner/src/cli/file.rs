//! Files that are named on the command line.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::Error;

/// Largest event payload or file of secrets, in bytes.
const MAX: u64 = 1 << 20;

/// Reads the file that an option names; what it holds may be secret.
pub fn read(option: &str, path: &Path) -> Result<Zeroizing<String>, Error> {
    let error = |what: String| Error::input(format!("{option} {}: {what}", path.display()));
    let failed = |e: std::io::Error| error(e.to_string());
    let file = File::open(path).map_err(failed)?;
    // Room from the start: a buffer that grows leaves copies behind. A pipe has no length.
    let length = file.metadata().map_err(failed)?.len().clamp(64 << 10, MAX);
    let mut text = Zeroizing::new(String::with_capacity(length as usize + 1));
    let size = file.take(MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if size as u64 > MAX {
        return Err(error(format!("larger than {MAX} bytes")));
    }
    Ok(text)
}
