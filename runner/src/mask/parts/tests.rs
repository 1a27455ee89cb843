//! Each format with what a program prints of it, and what it never gives.

use super::*;
use proptest::prelude::*;

fn parts(value: &str) -> Vec<String> {
    of(value.as_bytes()).iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// Checks that a value has exactly these parts, in any order.
#[track_caller]
fn assert_parts(value: &str, expected: &[&str]) {
    let mut found = parts(value);
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "the parts of {value:?}");
}

/// Checks that a value has these parts among others, and none of those.
#[track_caller]
fn assert_some(value: &str, expected: &[&str], never: &[&str]) {
    let found = parts(value);
    for part in expected {
        assert!(found.iter().any(|f| f == part), "{part:?} is no part of {value:?}: {found:?}");
    }
    for part in never {
        assert!(!found.iter().any(|f| f == part), "{part:?} is a part of {value:?}");
    }
}

const AWS_ID: &str = concat!("AKIA", "IOSFODNN7PALISAD");
const AWS_SECRET: &str = concat!("wJalrXUtnFEMI/K7MDENG", "/bPxRfiCYPALISADEX");
const BODY: [&str; 3] = [
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S",
    "Xw==",
];

fn pem(line_break: &str) -> String {
    let (begin, end) = (concat!("-----BEGIN ", "PRIVATE KEY-----"), "-----END PRIVATE KEY-----");
    [begin, BODY[0], BODY[1], BODY[2], end, ""].join(line_break)
}

/// base64, written independently of the decoder.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = bytes.iter().flat_map(|b| (0..8).rev().map(move |bit| b >> bit & 1)).collect();
    let mut text: String = bits
        .chunks(6)
        .map(|six| (0..6).fold(0, |value, at| value << 1 | six.get(at).copied().unwrap_or_default()))
        .map(|value| char::from(ALPHABET[usize::from(value)]))
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[test]
fn an_opaque_value_has_no_parts() {
    for value in [
        "",
        "x",
        "hunter2-correct-horse",
        AWS_SECRET,
        "correct horse battery staple",
        "note: a staple",
        "main.c:120: error here",
        "2026-01-31",
        "example.com:8080",
        "\u{feff}",
    ] {
        assert_parts(value, &[]);
    }
}

#[test]
fn lines() {
    assert_parts("first line\r\n  second  \n\nabc\n{\n", &["first line", "second"]);
    assert_parts("{\n  \"type\": \"service_account\",\n  \"pin\": 1234\n}", &["\"pin\": 1234", "1234"]);
}

#[test]
fn json_gives_strings_and_long_numbers_but_no_keys() {
    assert_parts(
        r#"{"long-key-name": "hunter2hunter2", "list": ["correct\u002dhorse\n", 1234, 12345678.5], "mode": "prod", "key": "prod",
            "password": "pw-12", "type": "service_account", "token_uri": "https://oauth2.googleapis.com/token"}"#
            .replace('\n', " ")
            .as_str(),
        &["hunter2hunter2", "correct-horse", "12345678.5", "pw-12"],
    );
    assert_parts(
        r#"["{\"inner\": \"hunter2hunter2\"}"]"#,
        &[r#"{"inner": "hunter2hunter2"}"#, "hunter2hunter2"],
    );
    assert_some(r#"{\"inner\":\"hunter2hunter2\"}"#, &["hunter2hunter2"], &["inner"]);
    assert_parts("{'token': 'hunter2\\'s horse', }", &["hunter2's horse"]);
    assert_parts("{ token = \"hunter2-horse\" }", &["hunter2-horse"]);
    // However deep, and cut off.
    assert_parts(&("[".repeat(10_000) + "\"hunter2-correct"), &["hunter2-correct"]);
}

#[test]
fn yaml() {
    let value = "\
apiVersion: v1
kind: Secret
metadata: {name: database-settings}
stringData:
  url: postgres://app:s3cr3t-pass@db.example.com/app
  user: app
  pin: \"1234\"
list:
- correct horse
- &a >-
  battery
  staple
- *a
";
    assert_some(
        value,
        &["s3cr3t-pass", "1234", "correct horse", "battery staple", "database-settings"],
        &["stringData", "stringData:", "metadata", "kind: Secret", "apiVersion: v1", "app", "list:"],
    );
    assert_parts("only: one line of text", &[]);
}

#[test]
fn a_kubeconfig() {
    let data = base64(pem("\n").as_bytes());
    let value = format!(
        "kind: Config\nusers:\n- name: admin\n  user:\n    client-key-data: {data}\n    token: abcd1234\n"
    );
    let body = BODY.concat();
    assert_some(
        &value,
        &[&data, BODY[0], BODY[1], BODY[2], &body, "abcd1234"],
        &["client-key-data", "users:"],
    );
}

#[test]
fn dotenv_and_its_like() {
    assert_some(
        "# comment\nexport A='hunter2 horse'\nB=\"two\\nlines \\\"x\\\"\"\nSHORT=prod\nDB_PASSWORD=pw12 # why\nC=plain-value;\nE=\nF=\"first\nsecond\"",
        &["hunter2 horse", "two\nlines \"x\"", "pw12", "plain-value", "first\nsecond"],
        &["prod", "SHORT", "F"],
    );
    assert_some("[database]\nuser = app\npassword = \"hunter2\"\n", &["hunter2"], &["[database]", "app"]);
    assert_some("text = '''\nhunter2\n  horse'''\n", &["hunter2\n  horse"], &[]);
    assert_some(
        "keys = [\n  \"hunter2-horse\",\n  'battery-staple',\n]\n",
        &["hunter2-horse", "battery-staple"],
        &[],
    );
    assert_parts("//registry.example.com/:_authToken=abc-123", &["abc-123"]);
    assert_parts("spring.datasource.password=horse", &["horse"]);
    assert_some("User name: app\nClient Secret: hunter2 horse\n", &["hunter2 horse"], &["app"]);
    // Padding is no assignment.
    assert_parts("c29tZSBieXRlcwD/AA==", &[]);
}

#[test]
fn netrc_and_pgpass() {
    assert_some("machine example.com login app password pw12", &["pw12"], &["app", "login", "example.com"]);
    assert_some("machine example.com\n  login app\n  password hunter2\n", &["hunter2"], &["app", "machine"]);
    assert_some(r"db.example.com:5432:*:app:hun\:ter\\2", &[r"hun:ter\2", r"hun\:ter\\2"], &["app"]);
    assert_some("db.example.com:*:app:app:pw12", &["pw12"], &[]);
}

#[test]
fn pem_in_every_kind_of_lines() {
    let body = BODY.concat();
    let all = [&body[..], BODY[0], BODY[1], BODY[2]];
    assert_parts(&pem("\n"), &all);
    assert_parts(&pem("\r\n"), &all);
    assert_some(&pem("\\n"), &all, &[concat!("-----BEGIN ", "PRIVATE KEY-----")]);
    assert_some(&pem(" "), &all, &["PRIVATE"]);
    let with_headers =
        pem("\n").replacen("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1);
    assert_some(&with_headers, &all, &[]);
    let cut = pem("\n");
    assert_some(&cut[..cut.len() - 30], &[BODY[0], BODY[1]], &[]);
}

#[test]
fn a_service_account_as_json_and_in_base64() {
    let json = format!(
        r#"{{"type":"service_account","project_id":"my-project-1","private_key":"{}","client_email":"ci@my-project-1.iam.example.com","auth_uri":"https://accounts.google.com/o/oauth2/auth"}}"#,
        pem("\\n")
    );
    let body = BODY.concat();
    let inner = [BODY[0], BODY[1], &body, "ci@my-project-1.iam.example.com"];
    let never = ["service_account", "https://accounts.google.com/o/oauth2/auth", "project_id"];
    assert_some(&json, &inner, &never);
    assert_some(&base64(json.as_bytes()), &inner, &never);
    assert_some(&base64(base64(json.as_bytes()).as_bytes()), &inner, &never);
    let wrapped: Vec<String> = base64(json.as_bytes())
        .as_bytes()
        .chunks(76)
        .map(|l| String::from_utf8_lossy(l).into_owned())
        .collect();
    assert_some(&wrapped.join("\n"), &inner, &never);
}

#[test]
fn urls() {
    assert_parts("https://app:p%40ss-word@example.com/path?x=1", &["p%40ss-word", "p@ss-word"]);
    assert_parts("postgres://app:pa/ss@wo#rd@db.example.com:5432/app", &["pa/ss@wo#rd"]);
    let token = concat!("ghp", "_0123456789abcdefghij0123456789ABCDEF");
    assert_parts(&format!("https://{token}@example.com/a.git"), &[token]);
    assert_parts(&format!("https://x-access-token:{token}@example.com/a.git"), &[token]);
    assert_parts(&format!("https://{token}:x-oauth-basic@example.com"), &[token]);
    assert_some(&format!("[remote]\nurl = https://app:{token}@example.com/a\n"), &[token], &["app"]);
    assert_parts(
        "https://a.example.com/c?sv=2024-01-01&sig=ab%2Bcd%3D&access_token=hunter2",
        &["ab%2Bcd%3D", "ab+cd=", "hunter2"],
    );
    assert_some("sv=2024-01-01&sp=rw&sig=ab%2Bcd%3D", &["ab%2Bcd%3D", "ab+cd="], &["2024-01-01"]);
    assert_parts(
        "https://hooks.example.com/services/T00000000/B00000000/a1B2c3D4e5F6g7H8i9J0",
        &["/services/T00000000/B00000000/a1B2c3D4e5F6g7H8i9J0"],
    );
    for harmless in
        ["https://example.com:8443/@scope/name?page=2#top", "ssh://git@example.com/a.git", "s3://bucket/key"]
    {
        assert_parts(harmless, &[]);
        assert_parts(&format!("[\"{harmless}\"]"), &[]);
    }
}

#[test]
fn connection_strings() {
    assert_some(
        "Server=tcp:db.example.com,1433;User ID=app;Password='a;b c';Encrypt=true",
        &["a;b c"],
        &["app"],
    );
    let key = "Q29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQD/AA==";
    assert_some(
        &format!(
            "DefaultEndpointsProtocol=https;AccountName=store;AccountKey={key};EndpointSuffix=core.example.net"
        ),
        &[key],
        &["store"],
    );
    assert_some(
        "Endpoint=sb://x.example.net/;SharedAccessKeyName=Root;SharedAccessKey=abcdefgh=",
        &["abcdefgh="],
        &[],
    );
    assert_some("host=db.example.com port=5432 user=app password=pw12", &["pw12"], &["app", "5432"]);
    assert_some(
        "cache.example.net:6380,password=hunter2=,ssl=True,abortConnect=False",
        &["hunter2="],
        &["True"],
    );
    assert_some("jdbc:sqlserver://db.example.com:1433;user=app;password=hunter2", &["hunter2"], &["app"]);
}

#[test]
fn tokens_and_headers() {
    let (header, payload, signature) =
        (concat!("eyJ", "hbGciOiJIUzI1NiJ9"), "eyJzdWIiOiJhIn0x", "c2lnbmF0dXJlLXg");
    let jwt = format!("{header}.{payload}.{signature}");
    assert_parts(&jwt, &[payload, signature]);
    assert_parts(&format!("Bearer {jwt}"), &[&jwt, payload, signature]);
    let basic = base64(b"app:hunter2-horse");
    let value = format!("Basic {basic}");
    assert_parts(&value, &[&basic, "app:hunter2-horse", "hunter2-horse"]);
    assert_parts(&format!("Authorization: {value}"), &[&value, &basic, "app:hunter2-horse", "hunter2-horse"]);
    assert_parts("app:hunter2-horse", &["hunter2-horse"]);
    assert_parts("app:short", &[]);
    assert_some(
        &format!(r#"{{"auths":{{"https://index.example.com/v1/":{{"auth":"{basic}"}}}}}}"#),
        &[&basic, "hunter2-horse"],
        &["auths", "https://index.example.com/v1/"],
    );
}

#[test]
fn a_pair_of_aws_keys() {
    for separator in [":", ",", " ", ";", "\t"] {
        assert_some(&format!("{AWS_ID}{separator}{AWS_SECRET}"), &[AWS_SECRET], &[]);
    }
    let csv = format!("User name,Access key ID,Secret access key\nci,{AWS_ID},{AWS_SECRET}\n");
    assert_some(&csv, &[AWS_SECRET], &[]);
    let ini = format!(
        "[default]\naws_access_key_id = {AWS_ID}\naws_secret_access_key = {AWS_SECRET}\nregion = eu-central-1\n"
    );
    assert_some(&ini, &[AWS_SECRET, AWS_ID], &["eu-central-1", "[default]", "region = eu-central-1"]);
}

#[test]
fn quotes() {
    assert_parts("'hunter2'", &["hunter2"]);
    assert_parts(r#""hun\"ter2""#, &[r#"hun\"ter2"#, "hun\"ter2"]);
}

#[test]
fn xml() {
    assert_parts(
        "<settings><server><id>central</id><password>p&amp;ss</password></server></settings>",
        &["p&amp;ss", "p&ss"],
    );
    assert_parts(
        r#"<add key="ClearTextPassword" value="hunter2" /><add key="Name" value="app" />"#,
        &["hunter2"],
    );
}

#[test]
fn of_too_many_parts_the_most_secret_ones_are_left() {
    let mut value: Vec<String> = (0..3000).map(|i| format!("word{i:04}")).collect();
    value.push(format!("password={AWS_SECRET}"));
    let found = of(value.join("\n").as_bytes());
    assert_eq!(found.len(), MAX_PARTS);
    assert!(found.iter().any(|part| part.as_slice() == AWS_SECRET.as_bytes()));
}

#[test]
fn nesting_without_end_ends() {
    let mut value = String::from("hunter2-correct-horse");
    while value.len() < 30_000 {
        value = base64(format!("[\"{value}\"]").as_bytes());
    }
    assert!(parts(&value).len() <= 2 * MAX_DEPTH);
    assert!(of(&[b'a'; MAX_VALUE + 1]).is_empty());
}

/// Pieces of all formats, to be put together at random.
const PIECES: [&str; 32] = [
    "{",
    "}",
    "[",
    "\"",
    "'",
    ":",
    ": ",
    "=",
    ",",
    ";",
    "\n",
    "\r",
    "\\",
    "\\n",
    "://",
    "@",
    "user:pw",
    "?sig=",
    "&",
    "-----BEGIN ",
    "-----",
    "eyJ",
    ".",
    "aHVudGVyMg==",
    "machine ",
    " password ",
    "<a ",
    ">",
    "- ",
    "%TAG ! x\n",
    "&a ",
    "\"\"\"",
];

proptest! {
    #[test]
    fn any_bytes_are_fine(value in prop::collection::vec(any::<u8>(), 0..2000)) {
        check(&value);
    }

    #[test]
    fn any_mix_of_formats_is_fine(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..400)) {
        check(pieces.concat().as_bytes());
    }

    #[test]
    fn a_leaf_is_found_wherever_it_lies(
        leaf in "[a-z][a-zA-Z0-9!$-]{7,30}",
        wraps in prop::collection::vec(0..5usize, 0..6),
    ) {
        let mut value = format!("password={leaf}");
        for wrap in wraps {
            value = match wrap {
                0 => serde_json::json!({ "a": [value] }).to_string(),
                1 => base64(value.as_bytes()),
                2 => format!("first: {}\nsecond: x\n", serde_json::json!(value)),
                3 if !value.contains('\'') => format!("A='{value}'\nB=2\n"),
                _ => format!("intro text\n{value}"),
            };
        }
        prop_assert!(
            parts(&value).contains(&leaf) || ordinary::is(leaf.as_bytes()),
            "{leaf:?} isn't found in {value:?}: {:?}", parts(&value)
        );
    }
}

/// What holds of the parts of any value.
fn check(value: &[u8]) {
    let found = of(value);
    assert!(found.len() <= MAX_PARTS);
    for (at, part) in found.iter().enumerate() {
        assert!(part.len() >= MIN_NAMED && trim(part) == part.as_slice() && part.as_slice() != trim(value));
        assert!(!found[..at].contains(part), "twice");
    }
}
