//! Numbers as text: GitHub's reading of a string as a number and its way of writing one.

/// Reads text as a number: empty is zero; decimal with exponent, `0x` and `0o` (32 bits), `Infinity`;
/// anything else is NaN. Surrounding white space doesn't count.
pub fn parse(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return parse_radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return parse_radix(digits, 8);
    }
    match text {
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // The standard library also takes `inf` and `nan`, which the language doesn't.
        _ if text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) => {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

/// GitHub reads these into a signed 32-bit integer: `0xffffffff` is -1, more digits are no number.
fn parse_radix(digits: &str, radix: u32) -> f64 {
    if digits.starts_with(['+', '-']) {
        return f64::NAN;
    }
    u32::from_str_radix(digits, radix).map_or(f64::NAN, |bits| f64::from(bits.cast_signed()))
}

/// Writes a number with up to 15 significant digits, the `G15` format of .NET: scientific with at least
/// two digits of exponent from 1E+15 and below 0.0001.
pub fn format(number: f64) -> String {
    if number == 0.0 {
        return "0".into();
    }
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return (number as i64).to_string();
    }
    let scientific = format!("{number:.14e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..15).contains(&exponent) {
        let decimals = (14 - exponent).max(0) as usize;
        let fixed = format!("{number:.decimals$}");
        return trim_zeros(&fixed).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}E{sign}{:02}", trim_zeros(mantissa), exponent.abs())
}

fn trim_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_to_number() {
        for (text, number) in [
            ("", 0.0),
            ("  ", 0.0),
            ("12", 12.0),
            (" -1.5 ", -1.5),
            ("+1", 1.0),
            (".5", 0.5),
            ("1.", 1.0),
            ("1e3", 1000.0),
            ("1E-2", 0.01),
            ("0xff", 255.0),
            ("0xFFFFFFFF", -1.0),
            ("0o17", 15.0),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e999", f64::INFINITY),
        ] {
            assert_eq!(parse(text), number, "{text:?}");
        }
        for text in [
            "a",
            ".",
            "-",
            "1e",
            "inf",
            "nan",
            "NaN",
            "infinity",
            "0x",
            "0x1ffffffff",
            "0o8",
            "-0x1",
            "0x+1",
            "1_000",
            "1,5",
            "0b1",
            "1 2",
        ] {
            assert!(parse(text).is_nan(), "{text:?}");
        }
    }

    #[test]
    fn number_to_text() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-42.0, "-42"),
            (1.5, "1.5"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.333333333333333"),
            (123456.789, "123456.789"),
            (999999999999999.0, "999999999999999"),
            (1e15, "1E+15"),
            (1234567890123456789.0, "1.23456789012346E+18"),
            (0.0001, "0.0001"),
            (0.00001, "1E-05"),
            (1.5e-7, "1.5E-07"),
            (1e300, "1E+300"),
            (999999999999999.9, "1E+15"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(format(number), text);
        }
    }
}
