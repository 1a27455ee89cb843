//! Limits as people write them, on the command line and in the configuration.

use std::time::Duration;

use palisade_sandbox::Limits;
use serde::Deserialize;

/// Bytes, as people write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        parse_size(&text).map(Size)
    }
}

/// Sets the limit of a name. A count has a least value, below which no sandbox can be set up; that 0 inodes are
/// as many as one likes is a saying of tmpfs, and none here.
pub fn set_limit(limits: &mut Limits, name: &str, value: &str) -> Result<(), String> {
    let size = || parse_size(value);
    let count = |least: u64| {
        let count = value.parse::<u64>().map_err(|_| format!("`{value}` is not a whole number"))?;
        Some(count).filter(|n| *n >= least).ok_or_else(|| format!("`{value}` is too few: {least} at least"))
    };
    match name {
        "disk" => limits.disk = Some(size()?),
        "memory" => limits.memory = Some(size()?),
        "file-size" => limits.file_size = Some(size()?),
        "processes" => limits.processes = count(2)?,
        "open-files" => limits.open_files = count(64)?,
        "inodes" => limits.inodes = count(64)?,
        "cpus" => {
            let cpus = value.parse::<f64>().ok().filter(|c| *c > 0.0 && c.is_finite());
            limits.cpus = Some(cpus.ok_or_else(|| format!("`{value}` is not a number of processors"))?);
        }
        _ => {
            return Err(format!(
                "no limit is called `{name}`; the limits are disk, memory, file-size, processes, \
                 open-files, inodes, cpus"
            ));
        }
    }
    Ok(())
}

/// Parses a size in bytes with an optional binary suffix.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match &text[digits.len()..] {
        "" | "B" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err(format!("`{text}` is not a size: write a number of bytes, or 64K, 512M, 2G, 1T")),
    };
    let number = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
    number.filter(|n| *n > 0).ok_or_else(|| format!("`{text}` is not a size from 1 byte up"))
}

/// Parses a time: a whole number with `s`, `m`, `h` or `d`.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(format!("`{text}` is not a time: write 90s, 10m, 6h, 2d")),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
    // A thousand years are as good as none.
    let seconds = seconds.filter(|seconds| *seconds < 32_000_000_000);
    seconds.map(Duration::from_secs).ok_or_else(|| format!("`{text}` is not a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("6h", 21_600), ("2d", 172_800)] {
            assert_eq!(parse_time(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "5", "s", "1.5h", "-1s", "9999999999999d", "1 h", "1w"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_with_binary_suffixes() {
        for (text, size) in
            [("1", 1), ("64K", 64 << 10), ("512MiB", 512 << 20), ("2G", 2 << 30), ("1T", 1 << 40)]
        {
            assert_eq!(parse_size(text), Ok(size));
        }
        for text in ["", "0", "G", "1.5G", "-1", "1X", "99999999999T", "1 G"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_limit_has_its_kind() {
        let mut limits = Limits::default();
        for (name, value) in [("memory", "2G"), ("processes", "100"), ("cpus", "1.5"), ("disk", "1M")] {
            set_limit(&mut limits, name, value).unwrap();
        }
        assert_eq!((limits.memory, limits.processes, limits.cpus), (Some(2 << 30), 100, Some(1.5)));
        for (name, value) in [
            ("cpus", "0"),
            ("cpus", "inf"),
            ("processes", "1K"),
            ("inodes", "0"),
            ("open-files", "16"),
            ("speed", "1"),
        ] {
            assert!(set_limit(&mut limits, name, value).is_err(), "{name}={value}");
        }
    }
}
