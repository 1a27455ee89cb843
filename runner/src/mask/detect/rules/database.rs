//! Databases, queues and other servers that are addressed by a URL with a password in it.

use super::super::rule::Severity::{Critical, High};
use super::super::rule::{Rule, Severity, Shape};

const fn url(
    id: &'static str,
    what: &'static str,
    source: &'static str,
    severity: Severity,
    schemes: &'static [&'static str],
) -> Rule {
    Rule::new(id, what, source, Shape::Userinfo { schemes }).severity(severity)
}

pub const RULES: &[Rule] = &[
    url(
        "postgres-password",
        "PostgreSQL password",
        "PostgreSQL, \"Connection URIs\": postgresql.org/docs/current/libpq-connect.html",
        Critical,
        &[
            "postgres://",
            "postgresql://",
            "postgresql+psycopg2://",
            "postgresql+asyncpg://",
            "postgresql+psycopg://",
        ],
    )
    .examples(
        "postgres://app:«HskUyU¦StmqLW»@db:5432/app\n\
         postgresql://app:«s3cr¦et!x»@db/app?sslmode=require",
        "postgres://postgres:postgres@localhost/test\n\
         postgres://db.internal:5432/app",
    ),
    url(
        "mysql-password",
        "MySQL or MariaDB password",
        "MySQL, \"Connecting using URI-like strings\": \
         dev.mysql.com/doc/refman/8.4/en/connecting-using-uri-or-key-value-pairs.html",
        Critical,
        &["mysql://", "mysqlx://", "mariadb://", "mysql+pymysql://", "mysql2://"],
    )
    .examples(
        "mysql://app:«yJzHwL¦RJ9k8b»@db:3306/app\n\
         mysql+pymysql://app:«s3cr¦et!x»@db/app",
        "mysql://root:root@localhost/test\n\
         mysql://user:${PASSWORD}@db/app",
    ),
    url(
        "mongodb-password",
        "MongoDB password",
        "MongoDB, \"Connection strings\": \
         mongodb.com/docs/manual/reference/connection-string",
        Critical,
        &["mongodb://", "mongodb+srv://"],
    )
    .examples(
        "mongodb://app:«edZtmb¦pJXdjF»@db1:27017,db2:27017/app\n\
         mongodb+srv://app:«s3cr¦et!x»@cluster0.abcde.mongodb.net/app",
        "mongodb://localhost:27017\n\
         mongodb+srv://user:<db_password>@cluster0.mongodb.net",
    ),
    url(
        "redis-password",
        "Redis or Valkey password",
        "IANA, \"redis URI scheme\": iana.org/assignments/uri-schemes/prov/redis",
        Critical,
        &["redis://", "rediss://", "valkey://", "valkeys://"],
    )
    .examples(
        "redis://:«PSQF0m¦g58XKL»@cache:6379/0\n\
         rediss://default:«s3cr¦et!x»@cache:6380",
        "redis://localhost:6379\nredis://:password@localhost:6379",
    ),
    url(
        "amqp-password",
        "AMQP password, of RabbitMQ or others",
        "RabbitMQ, \"URI specification\": rabbitmq.com/docs/uri-spec",
        High,
        &["amqp://", "amqps://"],
    )
    .examples(
        "amqp://app:«KpDsBJ¦9gPflX»@mq:5672/%2f\n\
         amqps://app:«s3cr¦et!x»@mq/vhost",
        "amqp://guest:guest@localhost:5672\namqp://mq:5672",
    ),
    url(
        "nats-password",
        "NATS password or token",
        "NATS, \"Connecting\": docs.nats.io/using-nats/developer/connecting",
        High,
        &["nats://"],
    )
    .examples(
        "nats://app:«gjVPsf¦6UIZ1X»@mq:4222\n\
         nats://app:«s3cr¦et!x»@mq:4222",
        "nats://localhost:4222\nnats://user:pass@localhost",
    ),
    url(
        "mqtt-password",
        "MQTT password",
        "MQTT wiki, \"URI scheme\": github.com/mqtt/mqtt.org/wiki/URI-Scheme",
        High,
        &["mqtt://", "mqtts://"],
    )
    .examples(
        "mqtt://app:«pHPzzy¦jPpOek»@mq:1883\n\
         mqtts://app:«s3cr¦et!x»@mq:8883",
        "mqtt://localhost:1883\nmqtt://user:***@mq",
    ),
    url(
        "clickhouse-password",
        "ClickHouse password",
        "ClickHouse, \"Connection string\": clickhouse.com/docs/interfaces/cli",
        Critical,
        &["clickhouse://", "clickhouses://"],
    )
    .examples(
        "clickhouse://app:«TaCI3G¦HIbRIg»@db:9000/app\n\
         clickhouse://app:«s3cr¦et!x»@db/app",
        "clickhouse://localhost:9000\n\
         clickhouse://default:@localhost",
    ),
    url(
        "cockroachdb-password",
        "CockroachDB password",
        "CockroachDB, \"Client connection parameters\": \
         cockroachlabs.com/docs/stable/connection-parameters",
        Critical,
        &["cockroachdb://", "cockroach://"],
    )
    .examples(
        "cockroachdb://app:«5p1gk4¦hbR5NP»@db:26257/app\n\
         cockroach://app:«s3cr¦et!x»@db/app",
        "cockroachdb://root@localhost:26257\ncockroach://db:26257",
    ),
    url(
        "mssql-password",
        "SQL Server password",
        "SQLAlchemy, \"Microsoft SQL Server\": \
         docs.sqlalchemy.org/en/20/dialects/mssql.html",
        Critical,
        &["mssql://", "sqlserver://", "mssql+pyodbc://", "mssql+pymssql://"],
    )
    .examples(
        "mssql+pyodbc://app:«gDnS0M¦Coksy8»@db:1433/app\n\
         sqlserver://app:«s3cr¦et!x»@db/app",
        "sqlserver://localhost:1433\nmssql://sa:${SA_PASSWORD}@db",
    ),
    url(
        "oracle-password",
        "Oracle Database password",
        "SQLAlchemy, \"Oracle\": docs.sqlalchemy.org/en/20/dialects/oracle.html",
        Critical,
        &["oracle://", "oracle+oracledb://", "oracle+cx_oracle://"],
    )
    .examples(
        "oracle+oracledb://app:«luSVsA¦PXbEFM»@db:1521/?service_name=app\n\
         oracle://app:«s3cr¦et!x»@db:1521/app",
        "oracle://db:1521/app\noracle://user:<password>@db",
    ),
    url(
        "snowflake-password",
        "Snowflake password",
        "Snowflake, \"SQLAlchemy toolkit\": \
         docs.snowflake.com/en/developer-guide/python-connector/sqlalchemy",
        Critical,
        &["snowflake://"],
    )
    .examples(
        "snowflake://app:«sxapQW¦TfnDzi»@acme-eu/db/schema\n\
         snowflake://app:«s3cr¦et!x»@acme-eu/db",
        "snowflake://user:<password>@account/db\n\
         snowflake://account/db",
    ),
    url(
        "neo4j-password",
        "Neo4j password",
        "Neo4j, \"Advanced connection information\": \
         neo4j.com/docs/python-manual/current/connect-advanced",
        Critical,
        &["neo4j://", "neo4j+s://", "bolt://", "bolt+s://"],
    )
    .examples(
        "neo4j+s://app:«066E1z¦kpQQom»@db:7687\n\
         bolt://app:«s3cr¦et!x»@db:7687",
        "bolt://localhost:7687\nneo4j://neo4j:neo4j@localhost",
    ),
    url(
        "smtp-password",
        "mail server password",
        "Symfony, \"Sending Emails with Mailer\": symfony.com/doc/current/mailer.html",
        High,
        &["smtp://", "smtps://", "imap://", "imaps://"],
    )
    .examples(
        "smtp://app:«VC6lhL¦OBxgvJ»@mail:587\n\
         smtps://app:«s3cr¦et!x»@mail:465",
        "smtp://localhost:25\nsmtp://user:pass@mail",
    ),
    url(
        "ldap-password",
        "directory server password",
        "RFC 4516, \"LDAP: Uniform Resource Locator\": rfc-editor.org/rfc/rfc4516",
        Critical,
        &["ldap://", "ldaps://"],
    )
    .examples(
        "ldap://app:«ue0O0l¦QdCZSc»@dir:389\n\
         ldaps://app:«s3cr¦et!x»@dir:636",
        "ldap://localhost:389\nldap://user:pass@dir",
    ),
    url(
        "ftp-password",
        "file server password",
        "RFC 3986, section 3.2.1, \"User Information\": rfc-editor.org/rfc/rfc3986",
        High,
        &["ftp://", "ftps://", "sftp://", "ssh://", "smb://"],
    )
    .examples(
        "ftp://app:«YwQFRu¦EnmxOI»@files/pub\n\
         sftp://app:«s3cr¦et!x»@files:22/",
        "ftp://ftp.example.org/pub\nssh://git@forge/x.git",
    ),
    url(
        "url-password",
        "password in a URL",
        "RFC 3986, section 3.2.1, \"User Information\": rfc-editor.org/rfc/rfc3986",
        High,
        &["https://", "http://"],
    )
    .examples(
        "https://robot:«wsqaV4¦SNKtEh»@forge/x.git\n\
         https://«ffcf1da0c789bb00e10a¦32eeafbd60e697776e37»@forge/x.git",
        "https://forge:8443/x/@scope/package\n\
         https://git@forge/x.git",
    ),
];
