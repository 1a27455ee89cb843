//! The detector as its callers use it.

use super::*;

fn scan(detector: &Detector, blocks: &[&str]) -> String {
    let mut context = Context::default();
    let mut out = String::new();
    for block in blocks {
        let mut at = 0;
        detector.scan(block.as_bytes(), &mut context, &mut |finding| {
            out.push_str(&block[at..finding.span.start]);
            out.push_str(&format!("***({})", finding.rule.id));
            at = finding.span.end;
        });
        out.push_str(&block[at..]);
    }
    out
}

fn masked(blocks: &[&str]) -> String {
    scan(&Detector::new(Policy::default()), blocks)
}

/// An id and its secret, assembled so that neither stands here.
fn aws() -> (String, String) {
    (["AKIA", "Z7QH2MX5TKWP3R6N"].concat(), ["k8Zc0Qv9x/Lm2Tz4Rj7W", "b1Yd5Gf3Hs6Np+Ua8EoX"].concat())
}

#[test]
fn a_secret_follows_its_id_in_every_notation() {
    let (id, secret) = aws();
    for text in [
        format!("{id},{secret}\n"),
        format!("User,{id},{secret}\n"),
        format!("{{\"id\": \"{id}\", \"status\": \"Active\", \"x\": \"{secret}\"}}\n"),
        format!("id: {id}\nkey: {secret}\n"),
        format!("key = \"{id}\"\nother = '{secret}'\n"),
        format!("export A={id}\n2024-01-01T00:00:00Z export B={secret}\n"),
        format!("{id} {}\n", secret.replace('/', "\\/")),
        format!("a={id}&b={}\n", secret.replace('/', "%2F").replace('+', "%2B")),
    ] {
        let expected_secret = "***(aws-secret-access-key)";
        let whole = masked(&[&text]);
        assert!(
            whole.contains("***(aws-access-key-id)") && whole.contains(expected_secret),
            "{text}: {whole}"
        );
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        assert_eq!(masked(&lines), whole, "line by line");
    }
}

#[test]
fn a_secret_far_behind_or_of_another_shape_is_none_of_the_id_s() {
    let (id, secret) = aws();
    let sha = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    assert_eq!(masked(&[&format!("{id} {sha}\n")]), format!("***(aws-access-key-id) {sha}\n"));
    let far = format!("{}{secret}\n", "x ".repeat(300));
    assert_eq!(masked(&[&format!("{id}\n"), &far]), format!("***(aws-access-key-id)\n{far}"));
    assert_eq!(masked(&[&format!("{secret}\n")]), format!("{secret}\n"));
}

#[test]
fn a_key_goes_on_from_block_to_block() {
    let line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2\n";
    let begin = ["-----BEGIN OPENSSH ", "PRIVATE KEY-----\n"].concat();
    let blocks = ["before\n", &begin, line, line, "abcd==\n", "-----END OPENSSH PRIVATE KEY-----\n", line];
    let mask = "***(openssh-private-key)\n".repeat(3);
    let expected = format!("before\n{begin}{mask}-----END OPENSSH PRIVATE KEY-----\n{line}");
    assert_eq!(masked(&blocks), expected);
    assert_eq!(masked(&[&blocks.concat()]), expected);
}

#[test]
fn the_most_particular_rule_names_what_several_found() {
    let token = ["gl", "pat-x8Zc0Qv9xLm2Tz4Rj7Wb"].concat();
    let text = format!("GITLAB_TOKEN={token}\ngit clone https://oauth2:{token}@gitlab.com/a/b\n");
    let mask = "***(gitlab-personal-access-token)";
    assert_eq!(
        masked(&[&text]),
        format!("GITLAB_TOKEN={mask}\ngit clone https://oauth2:{mask}@gitlab.com/a/b\n")
    );
}

#[test]
fn policies_switch_off_and_allow() {
    let (id, _) = aws();
    let mut policy = Policy::default();
    policy.set("aws-access-key-id", Action::Off).unwrap();
    assert_eq!(scan(&Detector::new(policy), &[&id]), id);

    let mut policy = Policy::default();
    policy.allow(<sha2::Sha256 as sha2::Digest>::digest(&id).into());
    assert_eq!(scan(&Detector::new(policy), &[&id]), id);

    let detector = Detector::new(Policy::new(Action::Fail));
    let mut actions = Vec::new();
    detector.scan(id.as_bytes(), &mut Context::default(), &mut |finding| actions.push(finding.action));
    assert_eq!(actions, [Action::Fail]);
}

#[test]
fn hostile_blocks_are_read_in_linear_time() {
    let detector = Detector::new(Policy::default());
    let begin = ["-----BEGIN ", "PRIVATE KEY-----\n"].concat();
    let (id, _) = aws();
    for piece in [
        "eyJ-",
        "glpat-",
        "password=",
        "xoxb-1-",
        "https://a:",
        "AKIA ",
        "\\",
        "--token ",
        &begin,
        &id,
        "ghp_",
        "=",
        "\"",
    ] {
        // A cost that grows with the square of it would not end within the patience of anyone.
        let block = piece.repeat(1024 * 1024 / piece.len());
        detector.scan(block.as_bytes(), &mut Context::default(), &mut |_| {});
    }
}
