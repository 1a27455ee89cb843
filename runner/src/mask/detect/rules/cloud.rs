//! Clouds that rent machines: Amazon, Google and others; Microsoft's is in `azure`.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{Critical, Low, Medium};
use super::super::rule::{Partner, Rule, Shape, at_least, between, exactly};
use super::super::set::*;

const AWS_IDS: &str = "AWS IAM, \"Unique identifiers\": \
         docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html";
const AWS_KEYS: &str = "AWS IAM, \"Manage access keys\": \
         docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html";
const AWS_SIGV4: &str = "Amazon S3, \"Authenticating requests: query parameters\": \
         docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html";
const GOOGLE_KEYS: &str = "Google Cloud, \"Manage API keys\": \
         docs.cloud.google.com/docs/authentication/api-keys";
const GOOGLE_TOKENS: &str = "Google, \"Using OAuth 2.0\": developers.google.com/identity/protocols/oauth2";
const GOOGLE_HMAC: &str = "Google Cloud Storage, \"HMAC keys\": \
         docs.cloud.google.com/storage/docs/authentication/hmackeys";
const YANDEX: &str = "Yandex Cloud's list of its formats: gitlab.com/gitlab-org/gitlab/-/issues/353039";
const CLOUDFLARE: &str = "Cloudflare, \"Token formats\": \
         developers.cloudflare.com/fundamentals/api/get-started/token-formats";
const DIGITALOCEAN: &str = "DigitalOcean, \"Personal access tokens\": \
         docs.digitalocean.com/reference/api/create-personal-access-token";
const ALIBABA: &str = "Alibaba Cloud, \"Create an AccessKey pair\": \
         alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair";
const TENCENT: &str = "Tencent Cloud, \"Access key\": tencentcloud.com/document/product/598/32675";

const AWS_SECRET: Partner = Partner {
    rule: Rule::new("aws-secret-access-key", "AWS secret access key, after its id", AWS_KEYS, Shape::Follows)
        .severity(Critical)
        .check(check::random_base64),
    set: BASE64,
    len: 40,
};

const ALIBABA_SECRET: Partner = Partner {
    rule: Rule::new(
        "alibaba-access-key-secret",
        "Alibaba Cloud access key secret, after its id",
        ALIBABA,
        Shape::Follows,
    )
    .severity(Critical)
    .check(check::mixed_case),
    set: ALNUM,
    len: 30,
};

const TENCENT_SECRET: Partner = Partner {
    rule: Rule::new("tencent-secret-key", "Tencent Cloud secret key, after its id", TENCENT, Shape::Follows)
        .severity(Critical)
        .check(check::mixed_case),
    set: ALNUM,
    len: 32,
};

const GOOGLE_HMAC_SECRET: Partner = Partner {
    rule: Rule::new(
        "gcp-hmac-secret",
        "Google Cloud Storage HMAC secret, after its id",
        GOOGLE_HMAC,
        Shape::Follows,
    )
    .check(check::random_base64),
    set: BASE64,
    len: 40,
};

pub const RULES: &[Rule] = &[
    Rule::token(
        "aws-access-key-id",
        "AWS access key id",
        AWS_IDS,
        &[OneOf(&["AKIA", "ABIA", "ACCA"]), exactly(16, BASE32)],
    )
    .severity(Low)
    .partner(&AWS_SECRET)
    .examples(
        "AK¦IAPW6YMFSLQC35SJKR\nAB¦IAPLWEBYZIB7KBPZPL",
        "AKIA¦IOSFODNN7EXAMPLE\n\
         AK¦IA4N6475MDKBGPHXFQX\n\
         AK¦IA18WOJFZUV5ISZ6QD",
    ),
    Rule::token(
        "aws-temporary-key-id",
        "AWS temporary access key id",
        AWS_IDS,
        &[Lit("ASIA"), exactly(16, BASE32)],
    )
    .severity(Low)
    .partner(&AWS_SECRET)
    .examples(
        "AS¦IAGLXXHSSF5STTBTKN\nAS¦IAI5F7A7VZROQVRQW2",
        "ASIA¦IOSFODNN7EXAMPLE\n\
         AS¦IAOVU3MQRL2F7T7NZ\n\
         EURASIAPACIFICREGIONS",
    ),
    Rule::named(
        "aws-secret-access-key-value",
        "AWS secret access key",
        AWS_KEYS,
        &["secret_access_key", "aws_secret_key", "aws_secret"],
        &[exactly(40, BASE64)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "zdUSmv8QKRCIeLeiDKcP¦nsVWJC1VwSK6R+5gXrsp\n\
         ITUve2ts6ybtyfa86MI6¦gx9P4sL6kYKczdARsM2p",
        "wJalrXUtnFEMI/K7MDENG/¦bPxRfiCYEXAMPLEKEY\n\
         eN7diCgwyhHb4FBLQN2L7aDzZlTdLHts4Nh5xoPmO",
    ),
    Rule::named(
        "aws-session-token-value",
        "AWS session token",
        "AWS STS, \"GetSessionToken\": \
         docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html",
        &["session_token", "security_token"],
        &[at_least(100, BASE64_PADDED)],
    )
    .check(check::mixed_case)
    .examples(
        "Fwo¦P+eA+RYo9NnKsWuonmX9CVJ2QtHSidNHdAMTAdLxg2gbgx6mFe1342DuL4UOJLk29cKKOWgWGpmeu7qv\
         g+ZsGxFVw3UD3iCvzxx6xLEksmSRk7WhzUsw2+Bxr\n\
         IQoJ¦3s1BbWVhEd11V42C+aD/nFdNiUBIa4kbg/7tuJYbuIcES/+7fifT54FOMMhUmGildag7RioGBnVpYje\
         2jCpifKIp5+F0UoYKRyLZYUHWT98s59f6GAyHaKOql8gyHpw96Dr5g51SD8gN==",
        "wNXhYy1LSf784KGMPS8k86xhqrUPl+yPExtNxkuAvcJE6FJ1Bx2yQ2MJo3nv5mEBAkb8m1+Av+TFaZ5h\n\
         G3rSvvvoEu65ryotbCkI+F7xAdXfs4j0SVz0UNSUB/5o8rzKGs7RpSTdvyq2cVFmqr8m67xYHwCPu7k/B7QK\
         noNt6f-HYvgztoVFxR78gwSKJQF",
    ),
    Rule::token(
        "aws-session-token",
        "AWS session token",
        "AWS STS, \"GetSessionToken\": \
         docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html",
        &[
            OneOf(&["IQoJb3JpZ2luX2Vj", "FwoGZXIvYXdz", "FQoGZXIvYXdz", "AQoDYXdz"]),
            at_least(80, BASE64_PADDED),
        ],
    )
    .check(check::mixed_case)
    .examples(
        "IQoJb3Jp¦Z2luX2VjNjyZhjrFwZ3I8XNniUBkr6eE+mdpa6NHvt9fKatZ/47MlQe8oNPwnhHV8rzxcCpPkTy\
         SmnxnweQuvfqIybq/vUIKiYHUG4K9tPLhGRUOwYpjbP71sUGgz+6yLh4Xz01fe5jijzOiF8/idQ+CWcnT+e\n\
         FwoGZX¦IvYXdzTeWVbjbLKF4Bs50oYiRU3cJrS2dRDa5O60+jkxu0uSL1rpx9KoykFnx0suwaUH3sZDUpyKs\
         AXBlJeGGtHlvoZGT9zHHviRkI3MSliLlvofaVsH792VzQ1Odo==",
        "IQoJb3Jp¦Z2luX2Vjy6OptGMJrS9rj7Dud0NYrPWTiDL3fs5t4i35SPeC\n\
         FwoGZX¦IvYXdz",
    ),
    Rule::token(
        "aws-bedrock-api-key",
        "Amazon Bedrock API key",
        "Amazon Bedrock, \"API keys\": \
         docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html",
        &[OneOf(&["ABSKQmVkcm9ja0FQSUtleS", "bedrock-api-key-"]), at_least(60, BASE64_PADDED)],
    )
    .examples(
        "ABSKQmVk¦cm9ja0FQSUtleS6rIIivAP1Nwwdbf4xFcnjxVLv4XE0DudXlhCYCxDrOJfp0k9EVzY0/ZSSacpl\
         K3IYAFYLFLQgfngppFZ4woMsci9+NwC/GBnracMvNdwOvqwtz=\n\
         bedrock-¦api-key-yTgoCECVlm6sklp2xSXHVYwxHRbJuhRyzaSeSZTlqz2Nd5COqMbhTIju+X7Oiqg4ohh\
         rl57efiB0BiVQkq21uUbaA6fSntzda3uQENFblHH3sjR0fftKDbdrkMvZqjgC3VOgTPFfSjT1KYd3od+7VEi\
         qURYb4C+xE8Ib/ILGDagQZoI+0fzH/kgvon6O8vSLVhPJaWNl",
        "ABSKQmVk¦cm9ja0FQSUtleS\nbedrock-¦api-key-rotation",
    ),
    Rule::within(
        "aws-request-signature",
        "signature of a pre-signed AWS request",
        AWS_SIGV4,
        &[Lit("X-Amz-Signature=")],
        &[exactly(64, HEX)],
        &[],
    )
    .severity(Medium)
    .examples(
        "X-Amz-¦Signature=«076e93c78b6c58e64e8b54475ebcdd1a073c90dc52ad572656ace65647df5002»\n\
         X-Amz-¦Signature=«af85d8f8fee1193713d5bc2b2b718aaea52b968eb1d67f1ea77d10497e917d00»",
        "X-Amz-Signature=ee007103ed2016ed57b829b12643ffd579114f73240920adae7d8ed7ddaa1ec\n\
         X-Amz-Signature={signature}",
    ),
    Rule::token("gcp-api-key", "Google API key", GOOGLE_KEYS, &[Lit("AIza"), exactly(35, BASE64_URL)])
        .examples(
            "AI¦zaSywgiGbwtAjjHR2NFXxacj1YC_bgaVG8h43\n\
         AI¦zaSygj7ERE2ACjwIozjI8-MZo9mNG3dmfVJvn",
            "AI¦zaSybJDqSgz1jpRfoVIenH1XwuVzAzZNgC\n\
         AI¦zaSywvLgxV6vDgy8OChT0aG_EWkiMiV56wLg6LYYBZMV",
        ),
    Rule::token(
        "gcp-oauth-client-secret",
        "Google OAuth client secret",
        GOOGLE_TOKENS,
        &[Lit("GOCSPX-"), exactly(28, BASE64_URL)],
    )
    .examples(
        "GOC¦SPX-EOHffhdLu6bh8Vcu1uV8FrHF9p61\n\
         GOC¦SPX-8vgwSdr4P2gxGSPuKZ5xPP_56R4T",
        "GOC¦SPX-Ib65RiBQJSKzNQp3FsUm\n\
         GOC¦SPX-xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gcp-access-token",
        "Google OAuth access token",
        GOOGLE_TOKENS,
        &[Lit("ya29."), at_least(30, BASE64_URL.or(DOT))],
    )
    .examples(
        "ya¦29.a0Rmimo_wXycwDcFWHKRW6psWHlL0lXP4E5Uu6gbouI0IDuCtpBd7pwoRKP-KZ_0kLkEMiBaLiN0Aq\
         KLw0sbbsl-ScfcEP3J15no0ij1tWIxBGb_DIVfu3ozn99vNHXncHYf8hjrXcAbGnmHPi6mDdYkFJTBjBn3p5\
         \n\
         ya¦29.c.b0HVa6QsZary_3GFlBVsuL-URTuQqbjjd--etWBIgBhO4LMx4-eqckcK0RjJwfeGn6lFgdm2MEcD\
         -ArDPAxfNR29i1yLUGY7NVP470RqiO6GeVfViDuQ900i8czAr-ZFX6XSfNu6hoM6yiVWeBJaTXk5ymrPY-H7\
         LKgvgztp_SLbXlw77jJ_GQulQN2KgObvM5LZ2aGpTM",
        "ya¦29.short\nya29.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gcp-refresh-token",
        "Google OAuth refresh token",
        GOOGLE_TOKENS,
        &[Lit("1//0"), at_least(40, BASE64_URL)],
    )
    .check(check::mixed_case)
    .examples(
        "1//¦0gd2wgIasMvanE8eD-ZclRmu5IDHVZIc4QPP4TfZZNYYpSoXuAjQk6DCAVhumS\n\
         1//¦046fpzv3qHJKWX7J7NH-wzdbfILMQUcHX-5Qkp2VaP_c-mw3qePXBKqlf32rmSUHlZkMvSvuz_lLegMv\
         dxrN_6B_tvkM",
        "1//0\n1//0gEWKSL3F_W22pKv9B0WwjLpDE9CLnv6",
    ),
    Rule::token(
        "gcp-hmac-id",
        "Google Cloud Storage HMAC access id",
        GOOGLE_HMAC,
        &[Lit("GOOG1E"), between(18, 57, UPPER_ALNUM)],
    )
    .severity(Low)
    .partner(&GOOGLE_HMAC_SECRET)
    .examples(
        "GOOG¦1E9226SBL0AXCHJ6K6J0\n\
         GOOG¦1E9LGB2FMKST60WUFV40CUYWAUNPY2SRJMD3V7CXWOGXKZFAOQ6UD154Z",
        "GOOG¦1EQGTV6925LS\nGOOGLE_APPLICATION_CREDENTIALS",
    ),
    Rule::token(
        "alibaba-access-key-id",
        "Alibaba Cloud access key id",
        ALIBABA,
        &[Lit("LTAI"), between(12, 20, ALNUM)],
    )
    .severity(Low)
    .check(check::mixed)
    .partner(&ALIBABA_SECRET)
    .examples(
        "LT¦AI5ta6VZNbo0khw0M91RUt\nLT¦AI4IisYS9ERIVwythj",
        "LT¦AIRcQLPYoq2FFHdk1NUyYzM5aDJxRE4B\nLT¦AI5t",
    ),
    Rule::token("tencent-secret-id", "Tencent Cloud secret id", TENCENT, &[Lit("AKID"), exactly(32, ALNUM)])
        .severity(Low)
        .partner(&TENCENT_SECRET)
        .examples(
            "AK¦IDxZEptUOyPndu9lgE0vRVJMRUzeTNVJUX\n\
         AK¦IDCObNfBEhqlRRMfTKipaSOU5pvh3KQTxq",
            "AK¦IDhhX47psS8zLJm6MJdWZzi6Fo9wjLM3t\nAK¦IDS are ids",
        ),
    Rule::token(
        "digitalocean-token",
        "DigitalOcean token",
        DIGITALOCEAN,
        &[OneOf(&["dop_v1_", "doo_v1_", "dor_v1_"]), at_least(64, HEX)],
    )
    .severity(Critical)
    .examples(
        "dop¦_v1_13e71bc28744f878ec02e7087f8b1520bec077c9a15a72bc1df4b2749d70673f\n\
         doo¦_v1_a5d7927b6b0e43c75c5ab8fa4e6495d8003f8f6a0cd9571f9baf996ae81237d4",
        "dop¦_v1_2c9dbdcdba0d80b25273a9e5aee082235a99d19b3ed53f9e3f25106e603a39b\n\
         dop¦_v2_9f579035438ac076b09f9a8be6dcee83509f2be51530173022432a9cd4c7af33",
    ),
    Rule::token(
        "yandex-iam-token",
        "Yandex Cloud IAM token or cookie",
        YANDEX,
        &[
            OneOf(&["t1.9", "c1.9"]),
            at_least(1, BASE64_URL),
            Maybe("="),
            Maybe("="),
            Lit("."),
            exactly(86, BASE64_URL),
        ],
    )
    .examples(
        "t1¦.9euelZBmMjhOKYuXPQ8QV1mFuYAxIso-UWLuZrbmS1e6gl.cdXu4h5-AhQKMf1UU2xo_eUnt3Hx-5qlS\
         -dq3a6dsvlV5iPrCXsxSo52LFYKhzPmWfm1ejgmJHRPlUUPDm9I5h\n\
         c1¦.9euelZoK2Yl76Si7ztsPUnFZ6EBWD-gNfxHnXanuXsLi4b6=.htpRe5ZcOZ5MjMewzXuIajUtwhOYO9N\
         ba6i52iRGVwDeENMj5fUHhJWb9BASEihAa9-xUf5cVhw8NVhFuQD4cN",
        "t1¦.9euelZozATaw6W5LBAZ8O1gk_sGBeDdHgyRdXiUnXKxmZx.UuVsK5ZoPh9-5OVga6LkCTW7eQvQf9fPv\
         oU9jzT5br51T1GvW1GOSSDg4kafrW2llvx-zm3Zoaa2C7ro\n\
         t1.90 seconds",
    ),
    Rule::token(
        "yandex-api-key",
        "Yandex Cloud API key",
        YANDEX,
        &[Lit("AQVN"), between(35, 38, BASE64_URL)],
    )
    .examples(
        "AQ¦VNFCXPNvyVW4hbKVBdtqSnrsKOsZebIORF5Kg\n\
         AQ¦VNfxZWNQ5maMvAJMjQxa71VREECZva1wGljQwDY4",
        "AQ¦VNfCTDrALI1B7iI_3lcPqlMIFQbbNnwv\n\
         AQ¦VNyJ90L1_jqr6hSp4OhHLUqKAyArKxMtRjRfK99tudMm3iW",
    ),
    Rule::token(
        "cloudflare-token",
        "Cloudflare API token or key",
        CLOUDFLARE,
        &[OneOf(&["cfut_", "cfat_", "cfk_"]), at_least(44, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "cfu¦t_I77yKJnutyNTX9cgzNrhcauUZd6Dpe6UBpDbczBuc34d5e89\n\
         cfk¦_F0EQJ9wqT7OjNYIubhmpA3XxXoFEUVeLIgVcofYw4f116761",
        "cfu¦t_uffIywwRsGERn7mbk4Q6wL5mxGiUfd\ncfk_settings",
    ),
    Rule::token(
        "cloudflare-origin-ca-key",
        "Cloudflare Origin CA key",
        "Cloudflare, \"Get Origin CA keys\": \
         developers.cloudflare.com/fundamentals/api/get-started/ca-keys",
        &[Lit("v1.0-"), exactly(24, HEX), Lit("-"), at_least(140, HEX)],
    )
    .examples(
        "v1¦.0-57fdc16fc2144fbc7fd7e578-5b1705e9cedbf524d1cfbb7655692116b4d5fd7bf1404a84e7332\
         184d5b2f2a38be80e8034fdf4b0179ce3199f9e054dc5115f50fc526e6918b4f8fcd24d13063ed04d5c6\
         496dd2ef4\n\
         v1¦.0-37b28f3f59004c11aaf44200-ebf383de3d4de2d21ef11c69c8c6a7f245f05f677073ca40366fa\
         2dc2e19782754aafe19e88ae8952183a99d897bbdc3de067bc1163030abacad4659c822c6e211977dd6a\
         09d5c61e4",
        "v1¦.0-330a17d27cb3be90759f5cc-f2453a8f427178ae3bbf79da153ee7a17e94fe512d2b43b2850094\
         585482998f99795fa760860abf9798549deb9d3b67ae65484c9554181a0165bdd688ae39a214c191e66b\
         fe1f698d\n\
         v1.0-rc1",
    ),
    Rule::named(
        "cloudflare-api-token",
        "Cloudflare API token (before 2026)",
        CLOUDFLARE,
        &["cloudflare_api_token", "cf_api_token"],
        &[exactly(40, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "euo-mv0eTTt1pl7sQX0m¦D8BVnfHEU3s_WNP4wq8u\n\
         h_FZ7k8oqd-bjA11Zgaa¦NGTR3KcmWh3p7Edr3rzh",
        "Dh0FID7Bl4WHrEL5ikMPDMz7H_qtUlP27Wqc-5Y\n\
         set-in-the-dashboard",
    ),
    Rule::named(
        "cloudflare-global-api-key",
        "Cloudflare global API key (before 2026)",
        CLOUDFLARE,
        &["cloudflare_api_key", "x_auth_key", "cf_api_key"],
        &[between(37, 45, HEX)],
    )
    .severity(Critical)
    .examples(
        "273ba99950c0841cb442¦f8c241454edf365d4\n\
         4fedcf77a6259d69d0d2¦a2209548832999fe2c2e9811b",
        "6e7a5ae12f6a78ae7d7fc1920e83f86e1db8\n\
         e7d206bc023e0ffe3282ed27a35818b0c383800956d8e9",
    ),
];
