//! What the frames of first packets say: pieces of the client's hello, in any order.

use super::QuicError;
use super::QuicError::Malformed;
use super::packet::{Fields, length};
use crate::egress::name::Name;
use crate::egress::tls;

/// Most bytes of messages: a hello, and a second one where the server wants another key.
const MAX_BYTES: usize = tls::MAX_BYTES;

/// The frames that a client's first packet may have: RFC 9000, sections 12.4 and 19.
const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_ECN: u64 = 0x03;
const CRYPTO: u64 = 0x06;
const CONNECTION_CLOSE: u64 = 0x1c;

/// The messages of one connection.
#[derive(Debug, Default)]
pub struct Messages {
    /// What has come of them, with its gaps.
    bytes: Vec<Option<u8>>,
    /// Where the next message begins.
    at: usize,
}

impl Messages {
    /// Takes a packet's frames. Whatever comes twice must be the same: it isn't known which of both the server takes.
    pub fn take(&mut self, frames: &[u8]) -> Result<(), QuicError> {
        let mut fields = Fields(frames);
        while !fields.0.is_empty() {
            match fields.number()? {
                PADDING | PING => {}
                kind @ (ACK | ACK_ECN) => {
                    let (_largest, _delay, ranges, _first) =
                        (fields.number()?, fields.number()?, fields.number()?, fields.number()?);
                    for _ in 0..ranges {
                        let (_gap, _length) = (fields.number()?, fields.number()?);
                    }
                    if kind == ACK_ECN {
                        let _counts = (fields.number()?, fields.number()?, fields.number()?);
                    }
                }
                CRYPTO => {
                    let offset = length(fields.number()?)?;
                    let data = length(fields.number()?)?;
                    self.put(offset, fields.take(data)?)?;
                }
                CONNECTION_CLOSE => {
                    let (_code, _frame) = (fields.number()?, fields.number()?);
                    let reason = length(fields.number()?)?;
                    fields.take(reason)?;
                }
                _ => return Err(Malformed),
            }
        }
        Ok(())
    }

    fn put(&mut self, offset: usize, data: &[u8]) -> Result<(), QuicError> {
        let end = offset.checked_add(data.len()).filter(|end| *end <= MAX_BYTES);
        let end = end.ok_or(QuicError::TooLong)?;
        if self.bytes.len() < end {
            self.bytes.resize(end, None);
        }
        for (place, byte) in self.bytes[offset..end].iter_mut().zip(data) {
            if place.is_some_and(|known| known != *byte) {
                return Err(Malformed);
            }
            *place = Some(*byte);
        }
        Ok(())
    }

    /// The server that the next message names, once it is whole.
    pub fn server(&mut self) -> Result<Option<Name>, QuicError> {
        let whole: Vec<u8> = self.bytes[self.at..].iter().map_while(|byte| *byte).collect();
        let Some((name, length)) = tls::message(&whole)? else { return Ok(None) };
        self.at += length;
        Ok(Some(name))
    }

    /// Whether a message has begun that isn't whole.
    pub fn is_partial(&self) -> bool {
        self.at < self.bytes.len()
    }
}
