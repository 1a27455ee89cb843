//! Secrets as jobs have them, which don't stand in the log.

use crate::random::{HEX, LETTERS, Random};

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PASSWORD: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!#$%&*-_@^";

/// So many: cloud keys, tokens, digests, short keys; of each hundred four passwords, of all a private key and a
/// JSON document. The first is of letters and digits alone.
pub fn secrets(count: usize) -> Vec<String> {
    let mut random = Random(11);
    (0..count).map(|i| secret(i, &mut random)).collect()
}

fn secret(i: usize, random: &mut Random) -> String {
    match i {
        50 => return private_key(random),
        51 => return document(random),
        _ if i % 25 == 24 => return random.text(16, PASSWORD),
        _ => {}
    }
    let short = 20 + random.below(5);
    match i % 4 {
        0 => random.text(36, LETTERS),
        1 => random.text(40, BASE64),
        2 => random.text(64, HEX),
        _ => random.text(short, LETTERS),
    }
}

/// A key of 2,048 bits is about as long.
fn private_key(random: &mut Random) -> String {
    let armour = |which: &str| format!("-----{which} {}-----\n", concat!("PRIVATE", " KEY"));
    let body: String = (0..26).map(|_| random.text(64, BASE64) + "\n").collect();
    armour("BEGIN") + &body + &armour("END")
}

fn document(random: &mut Random) -> String {
    let value = serde_json::json!({
        "project": "bench",
        "client_id": random.text(21, b"0123456789"),
        "client_secret": random.text(40, LETTERS),
        "password": random.text(18, PASSWORD),
    });
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_secrets_begin_with_the_fewer() {
        assert_eq!(secrets(1000)[..100], secrets(100));
    }

    #[test]
    fn the_first_is_a_plain_pattern_for_sed() {
        assert!(secrets(1)[0].bytes().all(|b| b.is_ascii_alphanumeric()));
    }
}
