//! Base64, base32, hex, octal and decimal.

use palisade_tests::Random;
use palisade_tests::encode::{base32, base64, base64_url, each, hex, unpadded, utf16, wrapped};

use super::{Form, around};

/// The forms.
pub const FORMS: &[Form] = &[
    Form::of("base64", |s, _| base64(s.as_bytes())),
    Form::of("base64 without padding", |s, _| unpadded(base64(s.as_bytes()))),
    Form::of("base64 of text round it", |s, r| base64(around(s, r).as_bytes())),
    Form::of("base64 with a newline", |s, _| base64(format!("{s}\n").as_bytes())),
    Form::of("base64 of user and password", |s, r| base64(format!("{}:{s}", r.text("admin", 5)).as_bytes())),
    Form::of("base64 of JSON", |s, _| {
        base64(format!("{{\"token\":{}}}", super::escaped::json(s)).as_bytes())
    }),
    Form::of("base64 of UTF-16", |s, _| base64(&utf16(s, u16::to_le_bytes))),
    Form::of("base64 URL-safe", |s, _| base64_url(s.as_bytes())),
    Form::of("base64 URL-safe of text round it", |s, r| base64_url(around(s, r).as_bytes())),
    Form::of("base64 URL-safe with padding", |s, _| base64(s.as_bytes()).replace('+', "-").replace('/', "_")),
    Form::of("base64 at 76", |s, r| wrapped(&base64(around(s, r).as_bytes()), 76, "\n")),
    Form::of("base64 at 64 with CRLF", |s, r| wrapped(&base64(around(s, r).as_bytes()), 64, "\r\n")),
    Form::of("base64 at any width", |s, r| {
        let width = r.within(4..=40);
        wrapped(&base64(around(s, r).as_bytes()), width, "\n")
    }),
    Form::of("base64 at any width, indented", |s, r| {
        let width = r.within(16..=60);
        wrapped(&base64(around(s, r).as_bytes()), width, "\n    ")
    }),
    Form::of("base64 of base64", |s, r| base64(base64(around(s, r).as_bytes()).as_bytes())),
    Form::of("base64 of text with base64", |s, r| {
        let inner = base64(around(s, r).as_bytes());
        base64(around(&inner, r).as_bytes())
    }),
    Form::of("base64 of base64 at 76", |s, r| {
        let inner = wrapped(&base64(around(s, r).as_bytes()), 76, "\n");
        wrapped(&base64(format!("{inner}\n").as_bytes()), 76, "\n")
    }),
    Form::of("base64 of hex", |s, _| base64(hex(s).as_bytes())),
    Form::of("base64, URL-encoded", |s, _| {
        base64(s.as_bytes()).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    }),
    Form::of("base64 in JSON with \\/", |s, _| format!("\"{}\"", base64(s.as_bytes()).replace('/', "\\/"))),
    Form::of("base32", |s, _| base32(s.as_bytes())),
    Form::of("base32 in lower case without padding", |s, _| unpadded(base32(s.as_bytes())).to_lowercase()),
    Form::of("base32 of text round it", |s, r| base32(around(s, r).as_bytes())),
    Form::of("base32 at 76", |s, r| wrapped(&base32(around(s, r).as_bytes()), 76, "\n")),
    Form::of("hex", |s, _| hex(s)),
    Form::of("hex in upper case", |s, _| hex(s).to_uppercase()),
    Form::of("hex in either case", |s, r| either_case(&hex(s), r)),
    Form::of("hex of text round it", |s, r| hex(around(s, r))),
    Form::of("hex at any width", |s, r| {
        let width = r.within(8..=60);
        wrapped(&hex(around(s, r)), width, "\n")
    }),
    Form::of("hex as \\xNN", |s, _| each(s, "", |b| format!("\\x{b:02x}"))),
    Form::of("hex as \\xNN in upper case", |s, _| each(s, "", |b| format!("\\x{b:02X}"))),
    Form::of("hex as %NN", |s, _| each(s, "", |b| format!("%{b:02x}"))),
    Form::of("hex as %NN in upper case", |s, _| each(s, "", |b| format!("%{b:02X}"))),
    Form::numbers("hex as 0xNN, ", |s, _| each(s, ", ", |b| format!("0x{b:02x}"))),
    Form::numbers("hex as 0xNN,", |s, _| each(s, ",", |b| format!("0x{b:02X}"))),
    Form::numbers("hex as 0xN, without leading zeros", |s, _| each(s, ", ", |b| format!("{b:#x}"))),
    Form::of("hex with colons", |s, _| each(s, ":", |b| format!("{b:02x}"))),
    Form::of("hex with colons in upper case", |s, _| each(s, ":", |b| format!("{b:02X}"))),
    Form::of("hex with spaces", |s, _| each(s, " ", |b| format!("{b:02x}"))),
    Form::of("hex with spaces in upper case", |s, _| each(s, " ", |b| format!("{b:02X}"))),
    Form::of("hex of hex", |s, _| hex(hex(s))),
    Form::of("hex of base64", |s, _| hex(base64(s.as_bytes()))),
    Form::numbers("octal as \\NNN", |s, _| each(s, "", |b| format!("\\{b:03o}"))),
    Form::numbers("octal as \\0NNN", |s, _| each(s, "", |b| format!("\\0{b:03o}"))),
    Form::numbers("octal with spaces", |s, _| each(s, " ", |b| format!("{b:03o}"))),
    Form::numbers("decimal list", |s, _| format!("[{}]", each(s, ", ", |b| b.to_string()))),
    Form::numbers("decimal list without spaces", |s, _| each(s, ",", |b| b.to_string())),
    Form::numbers("decimal list with spaces alone", |s, _| format!("[{}]", each(s, " ", |b| b.to_string()))),
    Form::lines("decimal list, one a line", |s, _| each(s, "\n", |b| format!("  {b},"))),
    Form::of("JSON of a buffer", |s, _| {
        format!("{{\"type\":\"Buffer\",\"data\":[{}]}}", each(s, ",", |b| b.to_string()))
    }),
];

fn either_case(hex: &str, random: &mut Random) -> String {
    hex.chars().map(|c| if random.below(2) == 0 { c.to_ascii_uppercase() } else { c }).collect()
}
