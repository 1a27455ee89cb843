//! Clouds: Amazon, Microsoft, Google and others that rent machines.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{Critical, Low, Medium};
use super::super::rule::{Partner, Rule, Shape, at_least, between, exactly};
use super::super::set::*;

const AWS_IDS: &str =
    "AWS IAM, \"Unique identifiers\": docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html";
const AWS_KEYS: &str = "AWS IAM, \"Manage access keys\": docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html";
const AWS_SIGV4: &str = "Amazon S3, \"Authenticating requests: query parameters\": docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html";
const MS_KEYS: &str =
    "Microsoft, security-utilities: github.com/microsoft/security-utilities, GeneratedRegexPatterns";
const MS_SAS: &str =
    "Microsoft, \"Create a service SAS\": learn.microsoft.com/rest/api/storageservices/create-service-sas";
const GOOGLE_KEYS: &str =
    "Google Cloud, \"Manage API keys\": docs.cloud.google.com/docs/authentication/api-keys";
const GOOGLE_TOKENS: &str = "Google, \"Using OAuth 2.0\": developers.google.com/identity/protocols/oauth2";
const GOOGLE_HMAC: &str =
    "Google Cloud Storage, \"HMAC keys\": docs.cloud.google.com/storage/docs/authentication/hmackeys";
const YANDEX: &str = "Yandex Cloud's list of its formats: gitlab.com/gitlab-org/gitlab/-/issues/353039";
const CLOUDFLARE: &str =
    "Cloudflare, \"Token formats\": developers.cloudflare.com/fundamentals/api/get-started/token-formats";
const DIGITALOCEAN: &str = "DigitalOcean, \"Personal access tokens\": docs.digitalocean.com/reference/api/create-personal-access-token";
const ALIBABA: &str = "Alibaba Cloud, \"Create an AccessKey pair\": alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair";
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
    .examples("AK¦IAPW6YMFSLQC35SJKR\nAB¦IAPLWEBYZIB7KBPZPL", "AKIA¦IOSFODNN7EXAMPLE\nAK¦IA4N6475MDKBGPHXFQX\nAK¦IA18WOJFZUV5ISZ6QD"),
    Rule::token("aws-temporary-key-id", "AWS temporary access key id", AWS_IDS, &[Lit("ASIA"), exactly(16, BASE32)])
        .severity(Low)
        .partner(&AWS_SECRET)
        .examples("AS¦IAGLXXHSSF5STTBTKN\nAS¦IAI5F7A7VZROQVRQW2", "ASIA¦IOSFODNN7EXAMPLE\nAS¦IAOVU3MQRL2F7T7NZ\nEURASIAPACIFICREGIONS"),
    Rule::named(
        "aws-secret-access-key-value",
        "AWS secret access key",
        AWS_KEYS,
        &["secret_access_key", "aws_secret_key", "aws_secret"],
        &[exactly(40, BASE64)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples("zdUSmv8QKRCIeLeiDKcP¦nsVWJC1VwSK6R+5gXrsp\nITUve2ts6ybtyfa86MI6¦gx9P4sL6kYKczdARsM2p", "wJalrXUtnFEMI/K7MDENG/¦bPxRfiCYEXAMPLEKEY\neN7diCgwyhHb4FBLQN2L7aDzZlTdLHts4Nh5xoPmO"),
    Rule::named(
        "aws-session-token-value",
        "AWS session token",
        "AWS STS, \"GetSessionToken\": docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html",
        &["session_token", "security_token"],
        &[at_least(100, BASE64_PADDED)],
    )
    .check(check::mixed_case)
    .examples("Fwo¦P+eA+RYo9NnKsWuonmX9CVJ2QtHSidNHdAMTAdLxg2gbgx6mFe1342DuL4UOJLk29cKKOWgWGpmeu7qvg+ZsGxFVw3UD3iCvzxx6xLEksmSRk7WhzUsw2+Bxr\nIQoJ¦3s1BbWVhEd11V42C+aD/nFdNiUBIa4kbg/7tuJYbuIcES/+7fifT54FOMMhUmGildag7RioGBnVpYje2jCpifKIp5+F0UoYKRyLZYUHWT98s59f6GAyHaKOql8gyHpw96Dr5g51SD8gN==", "wNXhYy1LSf784KGMPS8k86xhqrUPl+yPExtNxkuAvcJE6FJ1Bx2yQ2MJo3nv5mEBAkb8m1+Av+TFaZ5h\nG3rSvvvoEu65ryotbCkI+F7xAdXfs4j0SVz0UNSUB/5o8rzKGs7RpSTdvyq2cVFmqr8m67xYHwCPu7k/B7QKnoNt6f-HYvgztoVFxR78gwSKJQF"),
    Rule::token(
        "aws-session-token",
        "AWS session token",
        "AWS STS, \"GetSessionToken\": docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html",
        &[OneOf(&["IQoJb3JpZ2luX2Vj", "FwoGZXIvYXdz", "FQoGZXIvYXdz", "AQoDYXdz"]), at_least(80, BASE64_PADDED)],
    )
    .check(check::mixed_case)
    .examples(
        "IQoJb3Jp¦Z2luX2VjNjyZhjrFwZ3I8XNniUBkr6eE+mdpa6NHvt9fKatZ/47MlQe8oNPwnhHV8rzxcCpPkTySmnxnweQuvfqIybq/vUIKiYHUG4K9tPLhGRUOwYpjbP71sUGgz+6yLh4Xz01fe5jijzOiF8/idQ+CWcnT+e\nFwoGZX¦IvYXdzTeWVbjbLKF4Bs50oYiRU3cJrS2dRDa5O60+jkxu0uSL1rpx9KoykFnx0suwaUH3sZDUpyKsAXBlJeGGtHlvoZGT9zHHviRkI3MSliLlvofaVsH792VzQ1Odo==",
        "IQoJb3Jp¦Z2luX2Vjy6OptGMJrS9rj7Dud0NYrPWTiDL3fs5t4i35SPeC\nFwoGZX¦IvYXdz",
    ),
    Rule::token(
        "aws-bedrock-api-key",
        "Amazon Bedrock API key",
        "Amazon Bedrock, \"API keys\": docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html",
        &[OneOf(&["ABSKQmVkcm9ja0FQSUtleS", "bedrock-api-key-"]), at_least(60, BASE64_PADDED)],
    )
    .examples(
        "ABSKQmVk¦cm9ja0FQSUtleS6rIIivAP1Nwwdbf4xFcnjxVLv4XE0DudXlhCYCxDrOJfp0k9EVzY0/ZSSacplK3IYAFYLFLQgfngppFZ4woMsci9+NwC/GBnracMvNdwOvqwtz=\nbedrock-¦api-key-yTgoCECVlm6sklp2xSXHVYwxHRbJuhRyzaSeSZTlqz2Nd5COqMbhTIju+X7Oiqg4ohhrl57efiB0BiVQkq21uUbaA6fSntzda3uQENFblHH3sjR0fftKDbdrkMvZqjgC3VOgTPFfSjT1KYd3od+7VEiqURYb4C+xE8Ib/ILGDagQZoI+0fzH/kgvon6O8vSLVhPJaWNl",
        "ABSKQmVk¦cm9ja0FQSUtleS\nbedrock-¦api-key-rotation",
    ),
    Rule::within(
        "aws-request-signature",
        "signature of a pre-signed AWS request",
        AWS_SIGV4,
        &[Lit("X-Amz-Signature="), ],
        &[exactly(64, HEX)],
        &[],
    )
    .severity(Medium)
    .examples("X-Amz-¦Signature=«076e93c78b6c58e64e8b54475ebcdd1a073c90dc52ad572656ace65647df5002»\nX-Amz-¦Signature=«af85d8f8fee1193713d5bc2b2b718aaea52b968eb1d67f1ea77d10497e917d00»", "X-Amz-Signature=ee007103ed2016ed57b829b12643ffd579114f73240920adae7d8ed7ddaa1ec\nX-Amz-Signature={signature}"),
    Rule::token(
        "azure-client-secret",
        "Microsoft Entra client secret",
        MS_KEYS,
        &[exactly(3, BASE64_URL.or(DOT).or(TILDE)), OneOf(&["8Q~", "7Q~"]), between(31, 34, BASE64_URL.or(DOT).or(TILDE))],
    )
    .severity(Critical)
    .examples("hdi8¦Q~sYr5MrMUhi_YDAtZBY5cjLDhvmVrs_7HK5\nJLK7¦Q~pMuWB6BwxI-GU5zYq3KtX_TU2N6W4lE", "wle8¦Q~r7k8kHI0u39UNtCgoPK3YFcBCnAQ46\nbHb8¦Q~PE9ohR0nrtpaoDfDvkR6YJg2s0-t0pA85JQ\nENU9Q~AvbNrK2JcF40cQc8NKqCcTws3B2ahKQM-a"),
    Rule::token(
        "azure-storage-key",
        "Azure storage account key",
        MS_KEYS,
        &[exactly(76, BASE64), Lit("+ASt"), exactly(6, BASE64), Lit("==")],
    )
    .severity(Critical)
    .examples("Qg3/veak3+ronSWJ8pdmlkLkwWV9F4koA5GIyrAvU4I32jxMFWS3nNemgqpY8e47VVzKOyv3NMG4+A¦StrcWdQA==\nllPS6HYXgVRMCS9rJvtHJaDbI89b9mq7VkW0+Vpr7Fy9b29lfQapdLkt25gELu/lPjzGax5Q9kPD+A¦Stegd0JQ==", "va/AisF1AlcUOL9ceNQRI0O6FW9ZQNMh4bjGMvJzNSETIVIg2b9UZ55U/pPqCHndYuDaPN+A¦StiUCigA==\n1ED6LHCVf95swwyefOM+orbr5xsyucXm9p+5noKbLlo9Zj6jSSTtQUCRUuIFbylG2uqLZTrsGg6p+A¦StDaHKQA=x"),
    Rule::named(
        "azure-storage-account-key",
        "Azure storage account key",
        MS_KEYS,
        &["account_key", "storage_key"],
        &[exactly(86, BASE64), Lit("==")],
    )
    .severity(Critical)
    .examples("c+DCh6Ve1wCKDuJKJFya7pJ3PH1YmdjLGU/9ldQlgSG¦L3KWcDic9G31g3KvaVKQeFg9U+vuxMfHfJmOV4XLOkJ==\n89Vr3NgiJpuyVBMkXcCH6wxYl0LP+nF/H20T+M85tFF¦RreuoVELRIQNTBZTh01bJ/uZp1NgA5ub1GM5WLLP2mP==", "4+4xXnrBzNQ0+Sa/lI6rv0XmFbTbnHJVIr6Q/9uMDORBlKIVqKOdoVvWf3RFBBeL9LN98zFqyrSz8MX7==\ndd0c19aba5e902c115791958ba2fda8f9367209e371ed692f4bfc0258637d57d324286af5ba0fd77161a84"),
    Rule::within(
        "azure-shared-access-signature",
        "Azure shared access signature",
        MS_SAS,
        &[OneOf(&["&sig=", "?sig=", "Signature=sv="])],
        &[between(43, 129, BASE64_PADDED)],
        &[],
    )
    .severity(Medium)
    .check(check::mixed_case)
    .anywhere()
    .examples("sv=2024-11-04&¦sig=«aDSilO/UEfir6qqjjSpQy%2FpjHMxNSF3OwMjNdmjrcFa%3D»&se=1\nhttps://x/?¦sig=«2dwFQ9Ub4qtrN3ijf3cREq2uNF2hQJXPqCGmfbRYvps=»&sv=2024-11-04", "sv=2024&sig=iwWCqVLPNclx2wEeUfX6\nx?sig=1734dc9d4decc1ba7181ee48029fe620eb5fda12190c4988ec112d50315155c8"),
    Rule::token("azure-cosmosdb-key", "Azure Cosmos DB key", MS_KEYS, &[exactly(76, BASE64), Lit("ACDb"), exactly(6, BASE64), Lit("==")])
        .severity(Critical)
        .examples("QMii47kbvBN8SLtKf2scYWmZMbZnrhSyg/qlUwUntXiLKvxqLHdMnO8z/xLGq0zmpmHeDE8AidRcAC¦Dbd90BlA==\nOM0G0Fq5pQauUXOwwqTigMPUTPBnjFv1WMzVptA/d6tdosN2ZIvnuvpUeGL2kBkNz7tKq1FtTn7OAC¦DbdyZ9pw==", "sFKngnciQFWE920QfhSF3Zd9Afv7oURjaMiBS7+XOiYSYPPu5IDN5ID6H86odyrAHCeU4vtFZz6AC¦DbdLAkdA==\nPG2OTjUPnqpJnc1MQjQkhnN5rBFku4YHoJwaIy2cpiAZlyNFLSc3apjzs3xytqz1gqbULztRTgPQAC¦DbeMtkJA"),
    Rule::token("azure-batch-key", "Azure Batch key", MS_KEYS, &[exactly(76, BASE64), Lit("+ABa"), exactly(6, BASE64), Lit("==")])
        .examples("ViEDPsT7J0GqgGyRul7GkPz5QpvoVfzcQLTt3o3LoGN67Ae3dyu/IkXi5DxD+zeb5wnSTas75qI9+A¦BaR34SuA==\nZ+MhrtV8qaVNnzyoA4+3zc2MRjsF+TK/rKX1DH6jPBqc3k239yaSoL2znWNtdNnSuhZ80oE5KYY9+A¦BaUdj8kg==", "2HmpDK1kui703ubbCWmbFelnBVhsvptU7iyDOGHy++j+1JUHCuw9+Oa1wkLWDChjtrwEdX+e0gD+A¦Baq/o/dA==\n58zbpGAYRYhM/88Opr/tMSq3L8bh9qrrFtb6U9L+g98YdgvncGVkCh3Ann7VKvZXbSq/WYAQsUlN+A¦BaXj7glA"),
    Rule::token("azure-api-management-key", "Azure API Management key", MS_KEYS, &[exactly(76, BASE64), Lit("APIM"), exactly(6, BASE64), Lit("==")])
        .examples("IZTxpk1GgtwLY0de3LC8mu13zSvzTsLkaTQgbTDP7/bW3+h6tusXe4P4/wNcHXZVpZ0UahQLN6AEAP¦IM66uY2A==\n566DbiIYMaTfmkc41wa+mPo6j31khboPmtx+hihd0R8aayJZo+cCWjjaNey1O6CD2izuaCAsWYYwAP¦IM1IbXkQ==", "l8gjP7+OaHrGITMu95tYu5f3i2G3tk/ShfXEucWnNuO0iayy8ODF43vFe2TPJWyQIqWwEK+vWFxAP¦IMBxIdYA==\nTHE-APIM-GATEWAY"),
    Rule::token("azure-ml-web-service-key", "Azure Machine Learning (classic) key", MS_KEYS, &[exactly(76, BASE64), Lit("+AMC"), exactly(6, BASE64), Lit("==")])
        .examples("zAqG9cVur0Dg1CZJyYfzV5t6LTZaqlLfQdpOltltd7TrMZJ8qdF+AbENwgOey/cxvL4J2dO2no6D+A¦MC6iHnoA==\niW7VCuSAK5m/N74P/kRofD80+nWDbOX051jr3ogt74GmgBN7mbYmxuEI4cpurhVOKpk93f0XsemR+A¦MCKa4AUQ==", "oGfsBPIlCzCu8TdL5AWe5iV42pmRXFKiW63K6uL1UVoO32hcLGYgqn8S8lA/36jaudEP0H3IVN2+A¦MCU8Zz7A==\nEXTI/iduV9qEOQC356SUpYFuMXKxzQFmzPb9CjVNYoDq1Yq9DiPTk9Lli1TNlONnKEPwRMRmLSI4+A¦MC4VAz3A"),
    Rule::token("azure-functions-key", "Azure Functions key", MS_KEYS, &[exactly(44, BASE64_URL), Lit("AzFu"), exactly(6, BASE64_URL), Lit("==")])
        .examples("swZAMj6SJa-nSu0sZMW3buTDE_zSTf6Uq0yRXl02nh0RAz¦Fue0IFvA==\nCh2A25Yh75A6IdesJQZ0fVNuzTAgLeXfH8NDMTqBtV01Az¦FuvHkufw==", "RXwH6qccTqZMQ2cfp4rjFkBEMFX5kTC0RAACu6W1-c2Az¦Fu3aeG0A==\nKUAmXn4ztln5Pel5fEhA_Ezdy-76kutoieJtjdqNSVDnAz¦FuAqy0AA"),
    Rule::token("azure-search-key", "Azure AI Search key", MS_KEYS, &[exactly(42, ALNUM), Lit("AzSe"), exactly(6, ALNUM)])
        .examples("YMK1i7uO4ce479qCpCsJ0lrJ9YLKSdEAKDgA0BCE75Az¦SeAlB1EG\nPB6D5TaYVzwlU4X3iAewB2wreJftd1skqhFHf3jj9OAz¦SeDUDQVl", "FVgkDRHLiVJ97EyskdnJfqQbbS1azfwhL31iHzaJlAz¦SeA1NUns\nidmFgk2exUn99LATuDXLpAH36kjFOSUsTjChKPoU95Az¦SeAtgg16a"),
    Rule::token("azure-redis-key", "Azure Cache for Redis key", MS_KEYS, &[exactly(33, BASE64), Lit("AzCa"), exactly(6, BASE64), Lit("=")])
        .examples("WRewF966NVHSRDqm52QAV8g09IEdcEeoRAz¦CaAwh7KQ=\nUEdSQTEVftN+o5d1ctfYZIOAVOaAVBt3CAz¦CaPfZ/ds=", "4heu+CNSNcG08A58H0hUXmZEmevtpjK3Az¦CaAozqdb=\nGNemwSpz3sNRAwuElyGl5l+rBkqzUAfI5Az¦CaAA4v/2"),
    Rule::token("azure-container-registry-key", "Azure Container Registry key", MS_KEYS, &[exactly(42, BASE64), Lit("+ACR"), exactly(6, BASE64)])
        .severity(Critical)
        .examples("cfoicsUgfkOJgGMAGWxwDjKsaj0EaoSznK4VKbAFnI+A¦CRA2cLj2\nRIHYgaudx/dqX4+jFAKq0Sx52yzEteCWmdTzw04bJ3+A¦CRDqK6WB", "pYzWUpECYqqwCkGEcGRp4kRa23Ix+7d2kn8WMwJb+A¦CRA94tuu\nJeWLl0YOliP4brlkm9WyZKMq0z4+MlMd6tLPThK18y+A¦CRAumS3"),
    Rule::token("azure-messaging-key", "Azure Service Bus, Event Hubs, Event Grid or Relay key", MS_KEYS, &[exactly(33, BASE64), OneOf(&["+ASb", "+AEh", "+ARm", "AZEG"]), exactly(6, BASE64), Lit("=")])
        .examples("8h6dQ+u276i76wxHh6F6j9gjK6zzEMAHG+A¦SbAtDgru=\nOKg6wqvYp0Gq4qk7jlhXGPhWxXc+RVX95+A¦EhPawJNl=", "nXNkGaPL0WGjWFHXS1ULInA2e0HI4uFg+A¦SbALx2ke=\nrQVkKN/BuREDdR07+e7wc2rySsW4uMr6S+A¦SbABt3bV"),
    Rule::token("azure-iot-key", "Azure IoT Hub key", MS_KEYS, &[exactly(33, BASE64), Lit("AIoT"), exactly(6, BASE64), Lit("=")])
        .examples("kXjC3BeqmgTBfHMZISCoLQf+1i939FBVaAI¦oTANDCgO=\npLDXf4oaIESV14fKcuvmUg5+oTKWkICVVAI¦oTPoHiCJ=", "C/15w4XY4fHQKjtppCJn6DIO4wZpj9g1AI¦oTAutD8W=\nygCIdKIRNEWsexMsl933/W4uHMaZ41NnMAI¦oTAOXwcU"),
    Rule::token("azure-annotated-key", "Microsoft common annotated security key", MS_KEYS, &[exactly(52, ALNUM), Lit("JQQJ99"), at_least(26, ALNUM), Maybe("==")])
        .examples("x5pjVqw2OttLSYMSNME7CogoHyjlVgFRYTeA0buxR9J3EdQxwB6eJQ¦QJ99AKACGGRAvxUTUSZS5v4pd3gNUWZy\nN2ozB9vIFGclskrroWVlS9gORqU4J1g2sONv9zZy51TVLEkeMGxcJQ¦QJ99BBACsVC0vQHSli7fm7fxJTG26cxO==", "cDo1jwmi3SrjTM32VhOPHAOLiBrGntH7TsUbTuJmCBZBHmaAe5bJQ¦QJ99AKfnLZnzu91P25zIYh3AN91Qk4\nvLYGlyuooAAE14iRlv1v2irruA3OKGPoJgD5YBJJGPQiKZfR6z70JQ¦QJ99QK4rW3MyNzJqR6tjuMHz"),
    Rule::named("azure-shared-access-key", "Azure messaging shared access key", MS_KEYS, &["shared_access_key"], &[exactly(43, BASE64), Lit("=")])
        .examples("kLqqOJTkJcXiXaNczd6Q¦2PkBMRReY1Pf+Klle4O7zxs=\npoB2hBE8u2ebXzAAZFUi¦29xJjvFqSogtXuRBUhNqPB7=", "LdRjw+BjgXIL6pfoZ7P0HInVnVLfMTdHi5+Q6txmnV=\nRootManageSharedAccessKey"),
    Rule::token("gcp-api-key", "Google API key", GOOGLE_KEYS, &[Lit("AIza"), exactly(35, BASE64_URL)])
        .examples("AI¦zaSywgiGbwtAjjHR2NFXxacj1YC_bgaVG8h43\nAI¦zaSygj7ERE2ACjwIozjI8-MZo9mNG3dmfVJvn", "AI¦zaSybJDqSgz1jpRfoVIenH1XwuVzAzZNgC\nAI¦zaSywvLgxV6vDgy8OChT0aG_EWkiMiV56wLg6LYYBZMV"),
    Rule::token("gcp-oauth-client-secret", "Google OAuth client secret", GOOGLE_TOKENS, &[Lit("GOCSPX-"), exactly(28, BASE64_URL)])
        .examples("GOC¦SPX-EOHffhdLu6bh8Vcu1uV8FrHF9p61\nGOC¦SPX-8vgwSdr4P2gxGSPuKZ5xPP_56R4T", "GOC¦SPX-Ib65RiBQJSKzNQp3FsUm\nGOC¦SPX-xxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    Rule::token("gcp-access-token", "Google OAuth access token", GOOGLE_TOKENS, &[Lit("ya29."), at_least(30, BASE64_URL.or(DOT))])
        .examples("ya¦29.a0Rmimo_wXycwDcFWHKRW6psWHlL0lXP4E5Uu6gbouI0IDuCtpBd7pwoRKP-KZ_0kLkEMiBaLiN0AqKLw0sbbsl-ScfcEP3J15no0ij1tWIxBGb_DIVfu3ozn99vNHXncHYf8hjrXcAbGnmHPi6mDdYkFJTBjBn3p5\nya¦29.c.b0HVa6QsZary_3GFlBVsuL-URTuQqbjjd--etWBIgBhO4LMx4-eqckcK0RjJwfeGn6lFgdm2MEcD-ArDPAxfNR29i1yLUGY7NVP470RqiO6GeVfViDuQ900i8czAr-ZFX6XSfNu6hoM6yiVWeBJaTXk5ymrPY-H7LKgvgztp_SLbXlw77jJ_GQulQN2KgObvM5LZ2aGpTM", "ya¦29.short\nya29.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    Rule::token("gcp-refresh-token", "Google OAuth refresh token", GOOGLE_TOKENS, &[Lit("1//0"), at_least(40, BASE64_URL)])
        .check(check::mixed_case)
        .examples("1//¦0gd2wgIasMvanE8eD-ZclRmu5IDHVZIc4QPP4TfZZNYYpSoXuAjQk6DCAVhumS\n1//¦046fpzv3qHJKWX7J7NH-wzdbfILMQUcHX-5Qkp2VaP_c-mw3qePXBKqlf32rmSUHlZkMvSvuz_lLegMvdxrN_6B_tvkM", "1//0\n1//0gEWKSL3F_W22pKv9B0WwjLpDE9CLnv6"),
    Rule::token("gcp-hmac-id", "Google Cloud Storage HMAC access id", GOOGLE_HMAC, &[Lit("GOOG1E"), between(18, 57, UPPER_ALNUM)])
        .severity(Low)
        .partner(&GOOGLE_HMAC_SECRET)
        .examples("GOOG¦1E9226SBL0AXCHJ6K6J0\nGOOG¦1E9LGB2FMKST60WUFV40CUYWAUNPY2SRJMD3V7CXWOGXKZFAOQ6UD154Z", "GOOG¦1EQGTV6925LS\nGOOGLE_APPLICATION_CREDENTIALS"),
    Rule::token("alibaba-access-key-id", "Alibaba Cloud access key id", ALIBABA, &[Lit("LTAI"), between(12, 20, ALNUM)])
        .severity(Low)
        .check(check::mixed)
        .partner(&ALIBABA_SECRET)
        .examples("LT¦AI5ta6VZNbo0khw0M91RUt\nLT¦AI4IisYS9ERIVwythj", "LT¦AIRcQLPYoq2FFHdk1NUyYzM5aDJxRE4B\nLT¦AI5t"),
    Rule::token("tencent-secret-id", "Tencent Cloud secret id", TENCENT, &[Lit("AKID"), exactly(32, ALNUM)])
        .severity(Low)
        .partner(&TENCENT_SECRET)
        .examples("AK¦IDxZEptUOyPndu9lgE0vRVJMRUzeTNVJUX\nAK¦IDCObNfBEhqlRRMfTKipaSOU5pvh3KQTxq", "AK¦IDhhX47psS8zLJm6MJdWZzi6Fo9wjLM3t\nAK¦IDS are ids"),
    Rule::token("digitalocean-token", "DigitalOcean token", DIGITALOCEAN, &[OneOf(&["dop_v1_", "doo_v1_", "dor_v1_"]), at_least(64, HEX)])
        .severity(Critical)
        .examples("dop¦_v1_13e71bc28744f878ec02e7087f8b1520bec077c9a15a72bc1df4b2749d70673f\ndoo¦_v1_a5d7927b6b0e43c75c5ab8fa4e6495d8003f8f6a0cd9571f9baf996ae81237d4", "dop¦_v1_2c9dbdcdba0d80b25273a9e5aee082235a99d19b3ed53f9e3f25106e603a39b\ndop¦_v2_9f579035438ac076b09f9a8be6dcee83509f2be51530173022432a9cd4c7af33"),
    Rule::token("yandex-iam-token", "Yandex Cloud IAM token or cookie", YANDEX, &[OneOf(&["t1.9", "c1.9"]), at_least(1, BASE64_URL), Maybe("="), Maybe("="), Lit("."), exactly(86, BASE64_URL)])
        .examples("t1¦.9euelZBmMjhOKYuXPQ8QV1mFuYAxIso-UWLuZrbmS1e6gl.cdXu4h5-AhQKMf1UU2xo_eUnt3Hx-5qlS-dq3a6dsvlV5iPrCXsxSo52LFYKhzPmWfm1ejgmJHRPlUUPDm9I5h\nc1¦.9euelZoK2Yl76Si7ztsPUnFZ6EBWD-gNfxHnXanuXsLi4b6=.htpRe5ZcOZ5MjMewzXuIajUtwhOYO9Nba6i52iRGVwDeENMj5fUHhJWb9BASEihAa9-xUf5cVhw8NVhFuQD4cN", "t1¦.9euelZozATaw6W5LBAZ8O1gk_sGBeDdHgyRdXiUnXKxmZx.UuVsK5ZoPh9-5OVga6LkCTW7eQvQf9fPvoU9jzT5br51T1GvW1GOSSDg4kafrW2llvx-zm3Zoaa2C7ro\nt1.90 seconds"),
    Rule::token("yandex-api-key", "Yandex Cloud API key", YANDEX, &[Lit("AQVN"), between(35, 38, BASE64_URL)])
        .examples("AQ¦VNFCXPNvyVW4hbKVBdtqSnrsKOsZebIORF5Kg\nAQ¦VNfxZWNQ5maMvAJMjQxa71VREECZva1wGljQwDY4", "AQ¦VNfCTDrALI1B7iI_3lcPqlMIFQbbNnwv\nAQ¦VNyJ90L1_jqr6hSp4OhHLUqKAyArKxMtRjRfK99tudMm3iW"),
    Rule::token("cloudflare-token", "Cloudflare API token or key", CLOUDFLARE, &[OneOf(&["cfut_", "cfat_", "cfk_"]), at_least(44, ALNUM)])
        .severity(Critical)
        .examples("cfu¦t_I77yKJnutyNTX9cgzNrhcauUZd6Dpe6UBpDbczBuc34d5e89\ncfk¦_F0EQJ9wqT7OjNYIubhmpA3XxXoFEUVeLIgVcofYw4f116761", "cfu¦t_uffIywwRsGERn7mbk4Q6wL5mxGiUfd\ncfk_settings"),
    Rule::token(
        "cloudflare-origin-ca-key",
        "Cloudflare Origin CA key",
        "Cloudflare, \"Get Origin CA keys\": developers.cloudflare.com/fundamentals/api/get-started/ca-keys",
        &[Lit("v1.0-"), exactly(24, HEX), Lit("-"), at_least(140, HEX)],
    )
    .examples("v1¦.0-57fdc16fc2144fbc7fd7e578-5b1705e9cedbf524d1cfbb7655692116b4d5fd7bf1404a84e7332184d5b2f2a38be80e8034fdf4b0179ce3199f9e054dc5115f50fc526e6918b4f8fcd24d13063ed04d5c6496dd2ef4\nv1¦.0-37b28f3f59004c11aaf44200-ebf383de3d4de2d21ef11c69c8c6a7f245f05f677073ca40366fa2dc2e19782754aafe19e88ae8952183a99d897bbdc3de067bc1163030abacad4659c822c6e211977dd6a09d5c61e4", "v1¦.0-330a17d27cb3be90759f5cc-f2453a8f427178ae3bbf79da153ee7a17e94fe512d2b43b2850094585482998f99795fa760860abf9798549deb9d3b67ae65484c9554181a0165bdd688ae39a214c191e66bfe1f698d\nv1.0-rc1"),
    Rule::named("cloudflare-api-token", "Cloudflare API token (before 2026)", CLOUDFLARE, &["cloudflare_api_token", "cf_api_token"], &[exactly(40, BASE64_URL)])
        .severity(Critical)
        .check(check::mixed)
        .examples("euo-mv0eTTt1pl7sQX0m¦D8BVnfHEU3s_WNP4wq8u\nh_FZ7k8oqd-bjA11Zgaa¦NGTR3KcmWh3p7Edr3rzh", "Dh0FID7Bl4WHrEL5ikMPDMz7H_qtUlP27Wqc-5Y\nset-in-the-dashboard"),
    Rule::named("cloudflare-global-api-key", "Cloudflare global API key (before 2026)", CLOUDFLARE, &["cloudflare_api_key", "x_auth_key", "cf_api_key"], &[between(37, 45, HEX)])
        .severity(Critical)
        .examples("273ba99950c0841cb442¦f8c241454edf365d4\n4fedcf77a6259d69d0d2¦a2209548832999fe2c2e9811b", "6e7a5ae12f6a78ae7d7fc1920e83f86e1db8\ne7d206bc023e0ffe3282ed27a35818b0c383800956d8e9"),
];
