//! What `xxd`, `hexdump`, `od` and programs that trace their connections print.

use palisade_tests::Random;

use super::{Form, around};

/// The forms.
pub const FORMS: &[Form] = &[
    Form::lines("xxd", |s, r| {
        dump(s, r, |at| format!("{at:08x}: "), 16, |row| pairs(row, 2, false) + "  " + &shown(row))
    }),
    Form::lines("xxd -u -c 20", |s, r| {
        dump(s, r, |at| format!("{at:08x}: "), 20, |row| pairs(row, 2, true) + "  " + &shown(row))
    }),
    Form::lines("xxd -g 1 -c 8", |s, r| {
        dump(s, r, |at| format!("{at:08x}: "), 8, |row| pairs(row, 1, false) + "  " + &shown(row))
    }),
    Form::lines("xxd -p", |s, r| dump(s, r, none, 30, |row| pairs(row, usize::MAX, false))),
    Form::lines("xxd -i", |s, r| {
        dump(s, r, none, 12, |row| format!("  {},", numbers(row, ", ", |b| format!("0x{b:02x}"))))
    }),
    Form::lines("xxd -b", |s, r| {
        dump(
            s,
            r,
            |at| format!("{at:08x}: "),
            6,
            |row| numbers(row, " ", |b| format!("{b:08b}")) + "  " + &shown(row),
        )
    }),
    Form::lines("hexdump -C", |s, r| {
        dump(
            s,
            r,
            |at| format!("{at:08x}  "),
            16,
            |row| {
                let halves: Vec<String> = row.chunks(8).map(|half| pairs(half, 1, false)).collect();
                format!("{:<48}  |{}|", halves.join("  "), shown(row))
            },
        )
    }),
    Form::lines("hexdump", |s, r| {
        dump(s, r, |at| format!("{at:07x} "), 16, |row| words(row, |w| format!("{w:04x}")))
    }),
    Form::lines("od", |s, r| {
        dump(s, r, |at| format!("{at:07o} "), 16, |row| words(row, |w| format!("{w:06o}")))
    }),
    Form::lines("od -x", |s, r| {
        dump(s, r, |at| format!("{at:07o} "), 16, |row| words(row, |w| format!("{w:04x}")))
    }),
    Form::lines("od -t x1", |s, r| dump(s, r, |at| format!("{at:07o} "), 16, |row| pairs(row, 1, false))),
    Form::lines("od -An -t x1", |s, r| dump(s, r, |_| " ".into(), 16, |row| pairs(row, 1, false))),
    Form::lines("od -An -v -t x1 without spaces", |s, r| dump(s, r, none, 16, |row| pairs(row, 16, false))),
    Form::lines("od -b", |s, r| {
        dump(s, r, |at| format!("{at:07o} "), 16, |row| numbers(row, " ", |b| format!("{b:03o}")))
    }),
    Form::lines("od -t u1", |s, r| {
        dump(s, r, |at| format!("{at:07o}"), 16, |row| numbers(row, "", |b| format!("{b:4}")))
    }),
    Form::lines("od -An -t d1", |s, r| {
        dump(s, r, none, 16, |row| numbers(row, "", |b| format!("{:5}", b as i8)))
    }),
    Form::lines("od -c", |s, r| dump(s, r, |at| format!("{at:07o}"), 16, |row| numbers(row, "", od_char))),
    Form::lines("od -A x -t x1z", |s, r| {
        dump(
            s,
            r,
            |at| format!("{at:06x} "),
            16,
            |row| format!("{:<47}  >{}<", pairs(row, 1, false), shown(row)),
        )
    }),
    Form::lines("curl --trace -", |s, r| {
        dump(
            s,
            r,
            |at| format!("{at:04x}: "),
            16,
            |row| format!("{:<47} {}", pairs(row, 1, false), shown(row)),
        )
    }),
    Form::lines("tcpdump -X", |s, r| {
        dump(
            s,
            r,
            |at| format!("\t0x{at:04x}:  "),
            16,
            |row| format!("{:<39}  {}", pairs(row, 2, false), shown(row).replace(' ', ".")),
        )
    }),
    Form::lines("openssl asn1parse -dump", |s, r| {
        dump(
            s,
            r,
            |at| format!("    {at:04x} - "),
            16,
            |row| {
                let halves: Vec<String> = row.chunks(8).map(|half| pairs(half, 1, false)).collect();
                format!("{:<47}   {}", halves.join("-"), shown(row))
            },
        )
    }),
];

/// Rows of so many bytes, each after its offset.
fn dump(
    value: &str,
    random: &mut Random,
    offset: impl Fn(usize) -> String,
    width: usize,
    row: impl Fn(&[u8]) -> String,
) -> String {
    let bytes = format!("{}\n", around(value, random)).into_bytes();
    let rows = bytes.chunks(width).enumerate().map(|(i, bytes)| offset(i * width) + &row(bytes));
    rows.collect::<Vec<_>>().join("\n")
}

fn none(_: usize) -> String {
    String::new()
}

/// Hex, with a space after so many bytes.
fn pairs(row: &[u8], group: usize, upper: bool) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect::<String>()
    };
    row.chunks(group.min(row.len())).map(hex).collect::<Vec<_>>().join(" ")
}

fn numbers(row: &[u8], between: &str, show: impl Fn(u8) -> String) -> String {
    palisade_tests::encode::each(row, between, show)
}

/// Words of two bytes, low byte first.
fn words(row: &[u8], show: impl Fn(u16) -> String) -> String {
    let word = |pair: &[u8]| u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
    row.chunks(2).map(|pair| show(word(pair))).collect::<Vec<_>>().join(" ")
}

fn shown(row: &[u8]) -> String {
    row.iter().map(|b| if (b' '..0x7f).contains(b) { char::from(*b) } else { '.' }).collect()
}

fn od_char(byte: u8) -> String {
    match byte {
        b'\n' => "  \\n".into(),
        b'\t' => "  \\t".into(),
        b'\r' => "  \\r".into(),
        b' '..0x7f => format!("   {}", char::from(byte)),
        other => format!(" {other:03o}"),
    }
}
