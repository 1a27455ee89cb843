//! Secrets of the kinds that jobs have, made anew for each seed.

use crate::Random;
use crate::encode::{base64, base64_url, decomposed};

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &str = "0123456789abcdef";
const PUNCTUATION: &str = "!#$%&()*+,-./:;<=>?@[]^_{|}~";

/// Words that no ordinary text of these tests has.
const WORDS: [&str; 24] = [
    "walrus", "ember", "quartz", "lantern", "mosaic", "thicket", "velvet", "harbour", "cinder", "juniper",
    "pebble", "saffron", "tundra", "willow", "zephyr", "anchor", "bramble", "copper", "dapple", "fathom",
    "gossamer", "hollow", "iguana", "kettle",
];

/// A secret that is registered.
pub struct Sample {
    /// What it is.
    pub kind: &'static str,
    /// What is registered.
    pub value: String,
    /// What programs print of it alone, by name.
    pub parts: Vec<(&'static str, String)>,
    /// The same in another normal form.
    pub equivalent: Option<String>,
}

impl Sample {
    fn new(kind: &'static str, value: impl Into<String>) -> Sample {
        Sample { kind, value: value.into(), parts: Vec::new(), equivalent: None }
    }

    fn part(mut self, name: &'static str, value: impl Into<String>) -> Sample {
        self.parts.push((name, value.into()));
        self
    }

    /// All that nobody may recover.
    pub fn targets(&self) -> Vec<&str> {
        let mut targets = vec![self.value.as_str()];
        targets.extend(self.parts.iter().map(|(_, value)| value.as_str()));
        targets.extend(self.equivalent.as_deref());
        if self.kind == "private key" {
            targets.extend(self.value.lines().filter(|line| !line.starts_with('-')));
        }
        targets
    }
}

/// One of each kind.
pub fn all(random: &mut Random) -> Vec<Sample> {
    let r = random;
    let mut samples = vec![
        Sample::new("aws secret key", aws_secret(r)),
        Sample::new("forge token", format!("{}_{}", "ghp", r.text(ALPHANUMERIC, 36))),
        Sample::new("hex 64", r.text(HEX, 64)),
        Sample::new("hex 32 upper", r.text(HEX, 32).to_uppercase()),
        Sample::new("password", "P@$$w0rd!#%^&*"),
        Sample::new("punctuation", format!("{}{}", r.text(PUNCTUATION, 9), punctuated(r, 9))),
        Sample::new(
            "quotes",
            format!(
                "{}'{}\"{}\\{}`$x",
                r.text(ALPHANUMERIC, 6),
                r.text(ALPHANUMERIC, 4),
                r.text(ALPHANUMERIC, 5),
                r.text(ALPHANUMERIC, 4)
            ),
        ),
        Sample::new(
            "mark-up",
            format!(
                "<{}>&{}<{}/>",
                r.text(ALPHANUMERIC, 7),
                r.text(ALPHANUMERIC, 6),
                r.text(ALPHANUMERIC, 5)
            ),
        ),
        Sample::new("8 characters", r.text(ALPHANUMERIC, 8)),
        Sample::new("11 characters", r.text(ALPHANUMERIC, 11)),
        Sample::new("digits", r.text(DIGITS, 20)),
        Sample::new("uuid", uuid(r)),
        Sample::new("padded base64 key", base64(&r.binary(32))),
        Sample::new("passphrase", words(r, 5)),
    ];
    samples.push(non_ascii(r));
    samples.push(private_key(r, 6));
    samples.push(service_account(r));
    samples.push(jwt(r));
    samples.push(url(r));
    samples.push(connection_string(r));
    samples.push(basic_auth(r));
    samples.push(key_pair(r));
    samples.push(dotenv(r));
    samples.push(yaml(r));
    samples
}

/// A key of so many bytes as GitHub takes at most.
pub fn large(random: &mut Random) -> Sample {
    Sample::new("48 KiB", random.text(BASE64, 48 * 1024))
}

/// Many tokens, for tests in which only their number matters.
pub fn tokens(random: &mut Random, count: usize) -> Vec<String> {
    (0..count).map(|_| random.text(ALPHANUMERIC, 40)).collect()
}

fn aws_secret(r: &mut Random) -> String {
    format!("{}/{}+{}", r.text(BASE64, 12), r.text(BASE64, 15), r.text(BASE64, 11))
}

fn punctuated(r: &mut Random, len: usize) -> String {
    (0..len).map(|i| if i % 2 == 0 { r.text(ALPHANUMERIC, 1) } else { r.text(PUNCTUATION, 1) }).collect()
}

fn words(r: &mut Random, count: usize) -> String {
    (0..count).map(|_| *r.pick(&WORDS)).collect::<Vec<_>>().join(" ")
}

fn uuid(r: &mut Random) -> String {
    [8, 4, 4, 4, 12].map(|len| r.text(HEX, len)).join("-")
}

fn non_ascii(r: &mut Random) -> Sample {
    let tail = r.text(ALPHANUMERIC, 6);
    let composed =
        format!("Z\u{fc}rich-\u{c7}af\u{e9}-\u{d8}re-\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}-{tail}");
    let mut sample = Sample::new("non-ascii", composed.clone());
    sample.equivalent = Some(decomposed(&composed));
    sample
}

fn private_key(r: &mut Random, lines: usize) -> Sample {
    let name = ["PRIVATE", "KEY"].join(" ");
    let mut body: Vec<String> = (0..lines).map(|_| r.text(BASE64, 64)).collect();
    body.push(format!("{}==", r.text(BASE64, 26)));
    let value = format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", body.join("\n"));
    Sample::new("private key", value)
        .part("body in one line", body.concat())
        .part("a line of the body", body[2].clone())
}

fn service_account(r: &mut Random) -> Sample {
    let key = private_key(r, 4).value;
    let id = r.text(HEX, 40);
    let value = serde_json::json!({
        "type": "service_account",
        "project_id": "quartz-build",
        "private_key_id": id,
        "private_key": key,
        "client_email": "deploy@quartz-build.example.com",
    });
    let body: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
    Sample::new("service account", serde_json::to_string_pretty(&value).expect("JSON"))
        .part("key id", id)
        .part("a line of the key", body[1])
        .part("last whole line of the key", body[3])
}

fn jwt(r: &mut Random) -> Sample {
    let header = base64_url(br#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = format!(
        r#"{{"sub":"{}","scope":"deploy","iat":{}}}"#,
        r.text(ALPHANUMERIC, 20),
        r.text("123456789", 10)
    );
    let payload = base64_url(claims.as_bytes());
    let signature = base64_url(&r.binary(32));
    Sample::new("jwt", format!("{header}.{payload}.{signature}"))
        .part("payload", payload)
        .part("signature", signature)
}

fn url(r: &mut Random) -> Sample {
    let password = r.text(ALPHANUMERIC, 18);
    let value = format!("https://deployer:{password}@code.example.com/team/app.git");
    Sample::new("url", value).part("password", password)
}

fn connection_string(r: &mut Random) -> Sample {
    let password = punctuated(r, 16).replace([';', '='], "x");
    let value =
        format!("Server=tcp:db.example.com,1433;Database=app;User Id=svc;Password={password};Encrypt=True");
    Sample::new("connection string", value).part("password", password)
}

fn basic_auth(r: &mut Random) -> Sample {
    let password = r.text(ALPHANUMERIC, 16);
    let pair = format!("deployer:{password}");
    Sample::new("basic auth", format!("Basic {}", base64(pair.as_bytes())))
        .part("encoded pair", base64(pair.as_bytes()))
        .part("pair", pair)
        .part("password", password)
}

fn key_pair(r: &mut Random) -> Sample {
    let (id, secret) = (format!("{}{}", "AKIA", r.text(UPPER, 16)), aws_secret(r));
    Sample::new("key pair", format!("{id}:{secret}")).part("secret", secret)
}

fn dotenv(r: &mut Random) -> Sample {
    let (token, password) = (r.text(ALPHANUMERIC, 24), r.text(ALPHANUMERIC, 14));
    let value = format!("API_TOKEN={token}\nexport DB_PASSWORD=\"{password}\"\nMODE=on\n");
    Sample::new("dotenv", value).part("token", token).part("password", password)
}

fn yaml(r: &mut Random) -> Sample {
    let (token, password) = (r.text(ALPHANUMERIC, 24), r.text(ALPHANUMERIC, 14));
    let value = format!("users:\n- name: admin\n  user:\n    token: {token}\n    password: \"{password}\"\n");
    Sample::new("yaml", value).part("token", token).part("password", password)
}
