//! Values given to names that say what they are, whoever made them.

use super::super::rule::Severity::Medium;
use super::super::rule::{Form, Rule, Shape};

const HTTP: &str = "RFC 9110, section 11.6.2, \"Authorization\": rfc-editor.org/rfc/rfc9110";
const BASIC: &str = "RFC 7617, \"The 'Basic' HTTP Authentication Scheme\": rfc-editor.org/rfc/rfc7617";
const CWE: &str =
    "CWE-532, \"Insertion of Sensitive Information into Log File\": cwe.mitre.org/data/definitions/532.html";

const fn assigned(
    id: &'static str,
    what: &'static str,
    source: &'static str,
    names: &'static [&'static str],
    form: Form,
) -> Rule {
    Rule::new(id, what, source, Shape::Assigned { names, form }).severity(Medium)
}

pub const RULES: &[Rule] = &[
    assigned("password", "password", CWE, &["password", "passwd", "passphrase", "passwort", "dbpass", "db_pass", "user_pass"], Form::Password)
        .examples("hunter2¦!Horse\nTr0ub4dor&3", "required\nos.environ[1]"),
    assigned("secret", "secret", CWE, &["secret", "secret_key", "secret_key_base", "client_secret", "secretkey"], Form::Random)
        .examples("ZxvxmUX4d7Ie¦GSlE26Fz47Ex\n5fe73da94009af33¦798460c0967c967a", "my-kubernetes-secret-name\n12GYbdod"),
    assigned("token", "token", CWE, &["token"], Form::Random)
        .examples("FgtpK5iu0d0J¦UUFoaHCX7Kfn\ne9944920-1fef-44c6-a1ff-88e40731d922", "getAuthTokenFromHeader\nnext"),
    assigned("api-key", "API key", CWE, &["api_key", "apikey", "access_key", "auth_key", "private_key", "encryption_key", "signing_key"], Form::Random)
        .examples("yHYAggO059wT¦moQ4kWLJHILl\n064091fd9a87f811¦0d14449d22d62202", "/run/secrets/api_key\n6ZRM2eD6"),
    assigned("credential", "credential", CWE, &["credential", "credentials"], Form::Random)
        .examples("ldiz619H2Y0L¦Wda9OSwPdW1H\n996cf921a293dac8¦c0376fba8357d374", "/root/.config/gcloud/credentials.db\nnone"),
    assigned("authorization-basic", "user and password in a header", BASIC, &["authorization"], Form::Basic)
        .examples("Authorization: Basic «cm9ib3Q6a2J6S3k3WHg3MFYy»\nauthorization: basic «eC1hY2Nlc3MtdG9rZW46YXFjTllrazE0czlU»", "Authorization: Basic 80i3m\nAuthorization: Basic ***"),
    assigned("authorization", "credential in a header", HTTP, &["authorization"], Form::Bearer)
        .examples("Authorization: Bearer «Pz3P0PenhcGr¦b3XqQeNfniMb»\nauthorization: token «619397bb2d599c254677¦2d954f141af2e3d0752d»", "Authorization: Bearer <token>\nauthorization: required"),
];
