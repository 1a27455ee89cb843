use serde_json::json;

use super::*;

fn read(keys: &str) -> Result<Vault, String> {
    let text = format!("address = 'https://vault.example.org:8200'\nrole = 'ci'\n{keys}");
    let keys: toml::Table = toml::from_str(&text).unwrap();
    keys.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

#[test]
fn values_are_named_by_path_and_field() {
    let vault = read(
        "read.DB_PASSWORD = '/database/creds/app#password'\n\
         read.CERT = { path = 'pki/issue/ci', field = 'certificate', with = { common_name = 'a' }, secret = false }",
    )
    .unwrap();
    assert_eq!((vault.mount.as_str(), vault.audience.as_str()), ("jwt", "https://vault.example.org:8200"));
    let (password, certificate) = (&vault.read["DB_PASSWORD"], &vault.read["CERT"]);
    assert_eq!((password.path(), password.is_secret()), ("database/creds/app", true));
    assert!(certificate.with().is_some() && !certificate.is_secret());
    assert!(!password.is_same_request(certificate));
}

#[test]
fn a_field_is_found_in_both_versions_of_the_store() {
    let wanted = read("read.A = 'secret/data/app#key'").unwrap().read.remove("A").unwrap();
    let value = |data: serde_json::Value| wanted.value(data.as_object().unwrap());
    assert_eq!(value(json!({ "key": "one" })).as_deref(), Ok("one"));
    assert_eq!(value(json!({ "data": { "key": "two" }, "metadata": {} })).as_deref(), Ok("two"));
    assert_eq!(value(json!({ "key": { "a": 1 } })).as_deref(), Ok("{\"a\":1}"));
    let error = value(json!({ "other": "hunter2" })).unwrap_err();
    assert_eq!(error, "`secret/data/app` has no field `key`; it has `other`");
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for (keys, why) in [
        ("", "it gives nothing"),
        ("read.A = 'secret/data/app'", "no `path#field`"),
        ("read.A = 'secret/../sys/seal#a'", "is no path"),
        ("read.A = 'secret/data/app?version=1#a'", "is no path"),
        ("read.A = 'secret/data/app#'", "the field has no name"),
        ("read.1A = 'secret/data/app#a'", "no name of a variable"),
        ("read.'A B' = 'secret/data/app#a'", "no name of a variable"),
        ("token = true\nmount = '../sys'", "`mount`"),
        ("token = true\nmounts = 'jwt'", "unknown field `mounts`"),
    ] {
        let error = read(keys).unwrap_err();
        assert!(error.contains(why), "{keys}: {error}");
    }
}

#[test]
fn nothing_lasts_for_ages() {
    assert_eq!(lifetime(0), None);
    assert_eq!(lifetime(60), Some(Duration::from_secs(60)));
    assert!(SystemTime::now().checked_add(lifetime(u64::MAX).unwrap()).is_some());
}
