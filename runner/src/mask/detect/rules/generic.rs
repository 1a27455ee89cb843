//! Values given to names that say what they are, whoever made them.

use super::super::check;
use super::super::command::Style;
use super::super::rule::Part::OneOf;
use super::super::rule::Severity::Medium;
use super::super::rule::{Form, Rule, Shape, at_least};
use super::super::set::*;

const HTTP: &str = "RFC 9110, section 11.6.2, \"Authorization\": rfc-editor.org/rfc/rfc9110";
const BASIC: &str = "RFC 7617, \"The 'Basic' HTTP Authentication Scheme\": rfc-editor.org/rfc/rfc7617";
const CWE: &str = "CWE-532, \"Insertion of Sensitive Information into Log File\": \
         cwe.mitre.org/data/definitions/532.html";

const fn assigned(
    id: &'static str,
    what: &'static str,
    source: &'static str,
    names: &'static [&'static str],
    form: Form,
) -> Rule {
    Rule::new(id, what, source, Shape::Assigned { names, form }).severity(Medium)
}

const fn command(
    id: &'static str,
    what: &'static str,
    source: &'static str,
    commands: &'static [&'static str],
    options: &'static [&'static str],
    style: Style,
) -> Rule {
    Rule::new(id, what, source, Shape::Command { commands, options, style })
}

pub const RULES: &[Rule] = &[
    assigned(
        "password",
        "password",
        CWE,
        &["password", "passwd", "passphrase", "passwort", "dbpass", "db_pass", "user_pass"],
        Form::Password,
    )
    .examples("hunter2¦!Horse\nTr0ub4dor&3", "required\nos.environ[1]"),
    assigned(
        "secret",
        "secret",
        CWE,
        &["secret", "secret_key", "secret_key_base", "client_secret", "secretkey"],
        Form::Random,
    )
    .examples(
        "ZxvxmUX4d7Ie¦GSlE26Fz47Ex\n\
         5fe73da94009af33¦798460c0967c967a",
        "my-kubernetes-secret-name\n12GYbdod",
    ),
    assigned("token", "token", CWE, &["token"], Form::Random).examples(
        "FgtpK5iu0d0J¦UUFoaHCX7Kfn\n\
         e9944920-1fef-44c6-a1ff-88e40731d922",
        "getAuthTokenFromHeader\nnext",
    ),
    assigned(
        "api-key",
        "API key",
        CWE,
        &["api_key", "apikey", "access_key", "auth_key", "private_key", "encryption_key", "signing_key"],
        Form::Random,
    )
    .examples(
        "yHYAggO059wT¦moQ4kWLJHILl\n\
         064091fd9a87f811¦0d14449d22d62202",
        "/run/secrets/api_key\n6ZRM2eD6",
    ),
    assigned("credential", "credential", CWE, &["credential", "credentials", "creds"], Form::Random)
        .examples(
            "ldiz619H2Y0L¦Wda9OSwPdW1H\n\
         996cf921a293dac8¦c0376fba8357d374",
            "/root/.config/gcloud/credentials.db\nnone",
        ),
    assigned("authorization-basic", "user and password in a header", BASIC, &["authorization"], Form::Basic)
        .examples(
            "Authorization: Basic «cm9ib3Q6a2J6S3k3WHg3MFYy»\n\
         authorization: basic «eC1hY2Nlc3MtdG9rZW46YXFjTllrazE0czlU»",
            "Authorization: Basic 80i3m\nAuthorization: Basic ***",
        ),
    assigned("authorization", "credential in a header", HTTP, &["authorization"], Form::Bearer).examples(
        "Authorization: Bearer «Pz3P0PenhcGr¦b3XqQeNfniMb»\n\
         authorization: token «619397bb2d599c254677¦2d954f141af2e3d0752d»",
        "Authorization: Bearer <token>\nauthorization: required",
    ),
    assigned(
        "cookie",
        "cookie in a header",
        "RFC 6265, \"HTTP State Management Mechanism\": rfc-editor.org/rfc/rfc6265",
        &["cookie"],
        Form::Cookies,
    )
    .examples(
        "< Set-Cookie: session=«S2qHx6kwXoIIXG¦vOoNZYW2mZp0zVZomH»; Path=/; HttpOnly\n\
         > cookie: theme=dark; connect.sid=«fb008f86bebb2737f6a6¦f0fb23c6f5da2cec2554»",
        "< Set-Cookie: theme=dark; Path=/\n> Cookie: consent=all-of-these-cookies-please",
    ),
    command(
        "curl-user",
        "password for curl",
        "curl, curl(1), \"--user\": curl.se/docs/manpage.html",
        &["curl "],
        &["-u", "--user", "--proxy-user", "-U"],
        Style::AfterUser,
    )
    .examples(
        "+ curl -fsS -u robot:«1NY5IW¦IUdUJh» https://forge/api\n\
         + curl --user 'robot:«s3cr¦et!»' https://forge/api",
        "+ curl -u robot:$TOKEN https://forge/api\n\
         + curl -u robot https://forge/api",
    ),
    command(
        "registry-login",
        "password for an image registry",
        "Docker, \"docker login\": docs.docker.com/reference/cli/docker/login",
        &[
            "docker login ",
            "podman login ",
            "buildah login ",
            "skopeo login ",
            "oras login ",
            "helm registry login ",
            "az login ",
        ],
        &["-p"],
        Style::Next,
    )
    .examples(
        "+ docker login -u robot -p «bJ0FVX¦FEloLw» registry\n\
         + podman login -p='«s3cr¦et!»' registry",
        "+ docker login -u robot --password-stdin\n\
         + docker run -p 8080:80 image",
    ),
    command(
        "sshpass-password",
        "password for ssh",
        "sshpass, sshpass(1): linux.die.net/man/1/sshpass",
        &["sshpass "],
        &["-p"],
        Style::Next,
    )
    .examples(
        "+ sshpass -p «FnkNk3¦hi64mK» ssh robot@host\n\
         + sshpass -p '«s3cr¦et!»' scp x host:",
        "+ sshpass -e ssh robot@host\n\
         + sshpass -p $PASSWORD ssh host",
    ),
    command(
        "mysql-option-password",
        "password for a MySQL or MariaDB client",
        "MySQL, \"Command options for connecting\": \
         dev.mysql.com/doc/refman/8.4/en/connection-options.html",
        &["mysql ", "mysqldump ", "mysqladmin ", "mariadb ", "mariadb-dump "],
        &["-p"],
        Style::Joined,
    )
    .examples(
        "+ mysql -uroot -p«Uj0IO6¦Cbwayq» app\n\
         + mysqldump -u root -p'«s3cr¦et!»' app",
        "+ mysql -uroot -p app\n+ mysql -p$PASSWORD app",
    ),
    command(
        "redis-client-password",
        "password for a Redis client",
        "Redis, \"redis-cli\": redis.io/docs/latest/develop/tools/cli",
        &["redis-cli ", "valkey-cli "],
        &["-a", "--pass"],
        Style::Next,
    )
    .examples(
        "+ redis-cli -h cache -a «6VnRxH¦AfKQMi» ping\n\
         + redis-cli --pass '«s3cr¦et!»' ping",
        "+ redis-cli -h cache -p 6379 ping\n\
         + redis-cli -a $PASSWORD ping",
    ),
    command(
        "mongodb-client-password",
        "password for a MongoDB client",
        "MongoDB, \"mongosh options\": mongodb.com/docs/mongodb-shell/reference/options",
        &["mongosh ", "mongodump ", "mongorestore "],
        &["-p"],
        Style::Next,
    )
    .examples(
        "+ mongosh -u root -p «JyOQQx¦P20rVj» db\n\
         + mongodump -u root -p '«s3cr¦et!»' db",
        "+ mongosh -u root db\n+ mongosh -u root -p $PASSWORD",
    ),
    command(
        "ldap-client-password",
        "password for an LDAP client",
        "OpenLDAP, ldapsearch(1): openldap.org/software/man.cgi?query=ldapsearch",
        &["ldapsearch ", "ldapmodify ", "ldapadd ", "ldapwhoami "],
        &["-w"],
        Style::Next,
    )
    .examples(
        "+ ldapsearch -D cn=robot -w «MHmP6C¦OCq45I» -b dc=x\n\
         + ldapadd -w '«s3cr¦et!»' -f x",
        "+ ldapsearch -D cn=robot -W\n\
         + ldapsearch -D cn=robot -y file",
    ),
    Rule::within(
        "openssl-password",
        "password for openssl",
        "OpenSSL, openssl-passphrase-options(1): \
         docs.openssl.org/3.3/man1/openssl-passphrase-options",
        &[OneOf(&["-passin pass:", "-passout pass:", "-pass pass:"])],
        &[at_least(4, ALNUM.or(BASE64_URL).or(MARKS).or(DOT).or(PLUS).or(SLASH).or(EQUALS).or(AT))],
        &[],
    )
    .check(check::given)
    .examples(
        "+ openssl rsa -in key -passin pass:«88BLh1¦KPIgHm»\n\
         + openssl enc -pass pass:«s3cr¦et!» -in x",
        "+ openssl rsa -in key -passin pass:$PASSWORD\n\
         + openssl rsa -in key -passin env:PASSWORD",
    ),
];
