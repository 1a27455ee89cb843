use super::*;

fn read(keys: &str) -> Result<Aws, String> {
    let keys: toml::Table = toml::from_str(keys).unwrap();
    keys.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

const LEAST: &str = "role = 'arn:aws:iam::123456789012:role/deploy'\nregion = 'eu-central-1'\n";

#[test]
fn a_role_and_a_region_are_enough() {
    let aws = read(LEAST).unwrap();
    assert_eq!(aws.server.to_string(), "https://sts.eu-central-1.amazonaws.com");
    assert_eq!((aws.audience.as_str(), aws.lifetime), ("sts.amazonaws.com", Duration::from_hours(1)));
    assert_eq!(aws.delivery, How::Endpoint);
}

#[test]
fn who_has_values_read_gets_no_more_than_them() {
    for (keys, session) in
        [("", true), ("read.A = 'ssm:/a'", false), ("read.A = 'ssm:/a'\nsession = true", true)]
    {
        assert_eq!(read(&format!("{LEAST}{keys}")).unwrap().session, session, "{keys}");
    }
}

#[test]
fn a_session_policy_is_a_table_or_json() {
    let json =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
    let table = "policy = { Version = '2012-10-17', Statement = [{ Effect = 'Allow', Action = 's3:GetObject', Resource = '*' }] }";
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    for written in [format!("policy = '{json}'"), table.to_owned()] {
        let policy = read(&format!("{LEAST}{written}")).unwrap().policy.unwrap();
        assert_eq!(value(&policy), value(json));
    }
}

#[test]
fn what_aws_would_refuse_is_refused_here() {
    let long = format!("policy = {{ Statement = '{}' }}", "a".repeat(MAX_POLICY));
    for (keys, why) in [
        ("lifetime = '5m'", "between `15m` and `12h`"),
        ("lifetime = '13h'", "between `15m` and `12h`"),
        ("policy = 'allow all'", "`policy` isn't JSON"),
        ("policy = '{}'", "`policy` has no `Statement`"),
        ("policy = 5", "and not a integer"),
        (&long, "2048 at most"),
        ("policies = ['ReadOnly']", "ARNs of managed policies"),
        ("endpoint = 'http://sts.example.org'", "`https://` only"),
        ("audience = 'a b'", "no audience"),
        ("session-name = 'a'", "unknown field `session-name`"),
        ("tags = ['repository', 'sha256']", "`tags`: `sha256` is no claim that can be a tag: actor, "),
        ("session = false", "it gives nothing"),
        ("read.A = 's3:a'", "is neither `secretsmanager:NAME`"),
        ("read.'A B' = 'ssm:a'", "no name of a variable"),
    ] {
        let error = read(&format!("{LEAST}{keys}")).unwrap_err();
        assert!(error.contains(why), "{keys}: {error}");
    }
    assert!(read("region = 'eu-central-1'").unwrap_err().contains("missing field `role`"));
}
