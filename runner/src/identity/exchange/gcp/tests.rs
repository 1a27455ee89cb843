use super::*;

fn read(keys: &str) -> Result<Gcp, String> {
    let keys: toml::Table = toml::from_str(keys).unwrap();
    keys.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

const LEAST: &str = "workload-identity-provider = \
     'projects/123/locations/global/workloadIdentityPools/ci/providers/palisade'\n";

#[test]
fn a_provider_is_enough() {
    let gcp = read(LEAST).unwrap();
    assert_eq!(
        gcp.audience,
        "https://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/ci/providers/palisade"
    );
    assert_eq!(gcp.token_service.to_string(), "https://sts.googleapis.com");
    assert_eq!((gcp.scopes[0].as_str(), gcp.delivery), (SCOPE, How::Metadata));
}

#[test]
fn what_google_would_refuse_is_refused_here() {
    for (keys, why) in [
        ("service-account = 'deploy'", "is no service account"),
        ("service-account = 'a@b/c'", "is no service account"),
        ("project = 'a b'", "no id of a project"),
        ("scopes = []", "`scopes` has 1 to 32"),
        ("lifetime = '1m'", "between `5m` and `12h`"),
        ("token-service = 'http://sts.example.org'", "`https://` only"),
        ("pool = 'a'", "unknown field `pool`"),
        ("id-token-audiences = ['https://app.example']", "is for tokens of a `service-account`"),
        ("service-account = 'a@b.c'\nid-token-audiences = ['a b']", "`a b` is no audience"),
        (
            "service-account = 'a@b.c'\ndelivery = 'file'\nid-token-audiences = ['https://app.example']",
            "by the metadata server",
        ),
    ] {
        let error = read(&format!("{LEAST}{keys}")).unwrap_err();
        assert!(error.contains(why), "{keys}: {error}");
    }
    for provider in ["ci", "projects/1/locations/global/workloadIdentityPools/../providers/a"] {
        let error = read(&format!("workload-identity-provider = '{provider}'")).unwrap_err();
        assert!(error.contains("is no provider of a pool"), "{error}");
    }
}
