//! Values that are too short or too common to be masked everywhere.

use crate::filter::{Filter, mask_text};
use palisade_tests::encode::{base64, hex};

#[test]
fn values_that_would_shred_logs_are_refused_by_name() {
    let refused = ["abc", "true", "false", "True", "1234", "80", "  x ", "-12"];
    let text = "abc true false True 1234 80 x -12\n";
    let mut filter = Filter::of_file(&refused.join("\n"));
    filter.chunk(text.as_bytes());
    let filtered = filter.finish();
    assert_eq!(filtered.code, Some(0));
    assert_eq!(String::from_utf8_lossy(&filtered.output), text);
    for (i, value) in (1..).zip(refused) {
        let name = format!("line {i} of ");
        let warning = filtered.errors.lines().find(|line| line.contains(&name));
        let warning = warning.unwrap_or_else(|| panic!("no warning about {name}: {}", filtered.errors));
        assert!(warning.contains("not masked"), "{warning}");
        // The value is not told. (`true` and `false` may be named: that is the reason.)
        let told = warning.split(|c: char| !c.is_alphanumeric()).any(|word| word == value.trim());
        assert!(
            !told || value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            "{warning}"
        );
    }
}

#[test]
fn values_of_four_to_seven_characters_are_masked_as_whole_words_alone() {
    let secrets = ["hunt", "hunter", "p4ss-wd", "54321"];
    let text = "hunt hunter hunters xhunt hunter2 hunter-2 (hunter) user=hunter;\n\
                p4ss-wd xp4ss-wd p4ss-wdx 'p4ss-wd' 54321 543210 1.54321 hunter\n";
    let expected = "*** *** hunters xhunt hunter2 ***-2 (***) user=***;\n\
                    *** xp4ss-wd p4ss-wdx '***' *** 543210 1.*** ***\n";
    let filtered = mask_text(&secrets, text);
    assert_eq!(String::from_utf8_lossy(&filtered.output), expected);
    assert_eq!(filtered.errors, "");
}

#[test]
fn values_of_four_to_seven_characters_are_masked_in_no_other_form() {
    let secrets = ["hunter", "p4ss-wd"];
    for value in secrets {
        let reversed: String = value.chars().rev().collect();
        let spaced = value.chars().map(|c| format!("{c} ")).collect::<String>();
        let text = format!(
            "{} {} {reversed} {spaced} {} {}\n",
            base64(value.as_bytes()),
            hex(value),
            value.to_uppercase(),
            palisade_tests::encode::rot13(value),
        );
        let filtered = mask_text(&secrets, &text);
        assert_eq!(String::from_utf8_lossy(&filtered.output), text);
    }
}

#[test]
fn eight_characters_are_masked_inside_of_words() {
    let filtered = mask_text(&["hunter22"], "xhunter22x hunter2 hunter22\n");
    assert_eq!(String::from_utf8_lossy(&filtered.output), "x***x hunter2 ***\n");
}
