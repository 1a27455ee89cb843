//! The detector as its callers use it.

use proptest::prelude::*;

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

/// What builds print, and what stands in the files they print.
const ORDINARY: &[&str] = &[
    "commit da39a3ee5e6b4b0d3255bfef95601890afd80709 (HEAD -> main, tag: v1.2.3)",
    "HEAD is now at 3f2a9bc token: rename the parser's token stream",
    "checksum = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
    "\"integrity\": \"sha512-k8Zc0Qv9xLm2Tz4Rj7Wb1Yd5Gf3Hs6NpUa8EoXkk8Zc0Qv9xLm2Tz4Rj7Wb1Yd5Gf3Hs6NpUa8EoX==\",",
    "  resolved \"https://registry.yarnpkg.com/ms/-/ms-2.1.3.tgz#574c8138ce1d2b5861f0b44579dbadd60c6615b2\"",
    "github.com/pkg/errors v0.9.1 h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4=",
    "{file = \"idna-3.6-py3-none-any.whl\", hash = \"sha256:c05567e9c24a6b9faaa835c4821bad0590fbb9d5779e7caa6e1cc4978e7eb24f\"},",
    "Digest: sha256:2b7412e6465c3c7fc5bb21d3e6f1917c167358449fecac8176c6e496e5c1f05f",
    "Status: Downloaded newer image for registry:5000/app@sha256:2b7412e6465c3c7fc5bb21d3e6f1917c167358449fecac8176c6e496e5c1f05f",
    "request-id: 3f2504e0-4f89-41d3-9a0c-0305e82c3301 took 12ms",
    "url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)",
    "!function(e,t){e.password=t.password,e.token=n(i.getToken(),\"a1\");var r=t.secret||o;e.apiKey=r}(a1b2,c3d4);",
    "//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbImEuanMiXSwibWFwcGluZ3MiOiJBQUFBIn0=",
    "\u{1b}[0m\u{1b}[32mtest mask::tests::tokens_are_masked ... ok\u{1b}[0m",
    "error[E0308]: mismatched types: expected `Secret<String>`, found `&str` --> src/token.rs:12:34",
    "warning: unused variable: `password` help: prefix it with an underscore: `_password`",
    "-DCMAKE_C_FLAGS=-O2 -DENABLE_TOKEN=ON -DPASSWORD_FILE=/run/secrets/db_password_1",
    "password: ${{ secrets.DB_PASSWORD }} token: ${GITHUB_TOKEN} secret: $(cat secret1) api_key: {{ .Values.key1 }}",
    "Enter password: \nPassword:\npassword = getpass.getpass()",
    "password = os.environ[\"DB_PASSWORD_1\"]; token = self.tokens[0]; secret = base64.b64decode(x)",
    "Authorization: ***   Authorization: Bearer ***   authorization: required",
    "System.Core, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089",
    "\"nextPageToken\": \"CAUQAA9f86d081884c7d65\", \"kind\": \"list\"",
    "https://github.com/a/b/compare/3f2a9bc...9f86d08 https://user@host/x ssh://git@forge:22/a.git",
    "postgres://postgres:postgres@localhost:5432/test redis://:password@localhost",
    "Caching key: Linux-cargo-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "2024-01-01T10:00:00.123Z ##[group]Run actions/checkout@v4 with: token: ***",
    "ok 1 - returns 401 without token: expected 401 got 401 (12ms)",
    "SHA256:uNiVztksCsDhcc0u9e8BrgLVbAeBLZLQNA2xhmQ8Q0o user@host (ED25519)",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGl0c25vdGFzZWNyZXRidXRhcHVibGlja2V5MTIz user@host",
    "-----BEGIN CERTIFICATE-----\nMIIBtjCCAVugAwIBAgITBmyf1XSXNmY/Owua2eiedgPySjAKBggqhkjOPQQDAjA5\n-----END CERTIFICATE-----",
    "if line.contains(\"-----BEGIN PRIVATE KEY-----\") { return Err(KeyFoundInTheRepositoryError); }",
];

#[test]
fn chance_tokens_in_data_are_none() {
    let token = ["ci", "o9jCVDmOH9k16wkc1tmHuesCv9r14ZhPb"].concat();
    assert_eq!(masked(&[&format!("OUjPcO4T/{token}+wOVG3m0g")]), format!("OUjPcO4T/{token}+wOVG3m0g"));
    assert_eq!(masked(&[&format!("x/{token}")]), "x/***(crates-io-token)");
}

#[test]
fn ordinary_output_passes_untouched() {
    for line in ORDINARY {
        assert_eq!(masked(&[line]), *line);
    }
    let all = ORDINARY.join("\n");
    assert_eq!(masked(&[&all]), all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Hashes, identifiers and encoded data that nothing names.
    #[test]
    fn random_text_without_a_name_passes_untouched(
        hash in "[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9A-F]{40}",
        uuid in "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        data in "[A-Za-z0-9+/]{64}",
        url_data in "[A-Za-z0-9_-]{22}",
        words in "([a-z]{2,9} ){1,8}",
    ) {
        let text = format!("{words}{hash} {uuid}\n{data}\nid={url_data} {words}\n\"hash\": \"{hash}\", sha={hash}\n");
        prop_assert_eq!(masked(&[&text]), text);
    }

    /// Whatever the bytes, findings are in order, within the block and apart from each other.
    #[test]
    fn findings_are_in_order_and_apart(blocks in prop::collection::vec(
        prop_oneof![
            Just(b"password=".to_vec()), Just(b"AKIA".to_vec()), Just(b"https://a:".to_vec()), Just(b"\"token\": \"".to_vec()),
            Just(b"-----BEGIN ".to_vec()), Just(b"RSA PRIVATE KEY-----\n".to_vec()), Just(b"Authorization: Basic ".to_vec()),
            Just(b"glpat-".to_vec()), Just(b"eyJhbGciOiJIUzI1NiJ9.".to_vec()), Just(b"\\\"".to_vec()), Just(b"%22".to_vec()),
            prop::collection::vec(any::<u8>(), 0..40), "[A-Za-z0-9+/=@:\n]{0,80}".prop_map(String::into_bytes),
        ], 0..30)) {
        let detector = Detector::new(Policy::default());
        let mut context = Context::default();
        let block = blocks.concat();
        let mut end = 0;
        detector.scan(&block, &mut context, &mut |finding| {
            assert!(finding.span.start >= end && finding.span.end > finding.span.start, "{finding:?}");
            end = finding.span.end;
        });
        prop_assert!(end <= block.len());
        detector.scan(&block, &mut context, &mut |_| {});
    }
}
