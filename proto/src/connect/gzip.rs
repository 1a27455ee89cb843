//! Bodies in gzip, bounded.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::Reason;

pub(super) fn pack(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// What is packed in the body, if that is no more than `limit` bytes.
pub(super) fn unpack(body: &[u8], limit: usize) -> Result<Vec<u8>, Reason> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(body)
        .take(limit as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|error| Reason::Malformed { what: format!("its gzip is broken: {error}") })?;
    if plain.len() > limit {
        return Err(Reason::Malformed { what: format!("it is larger than {limit} bytes when unpacked") });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_had_again_up_to_the_limit() {
        let packed = pack(&[7; 5000]).unwrap();
        assert!(packed.len() < 100);
        assert_eq!(unpack(&packed, 5000).unwrap(), [7; 5000]);
        let error = unpack(&packed, 4999).unwrap_err().to_string();
        assert!(error.contains("larger than 4999 bytes"), "{error}");
        let error = unpack(&packed[..packed.len() - 1], 5000).unwrap_err().to_string();
        assert!(error.contains("gzip is broken"), "{error}");
        assert!(unpack(b"no gzip", 10).is_err());
    }
}
