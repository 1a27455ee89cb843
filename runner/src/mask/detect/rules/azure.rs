//! Microsoft's cloud. Most of its keys carry a signature at a fixed place.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{Critical, Medium};
use super::super::rule::{Rule, at_least, between, exactly};
use super::super::set::*;

const MS_KEYS: &str = "Microsoft, security-utilities: github.com/microsoft/security-utilities, GeneratedReg\
         exPatterns";
const MS_SAS: &str = "Microsoft, \"Create a service SAS\": \
         learn.microsoft.com/rest/api/storageservices/create-service-sas";

pub const RULES: &[Rule] = &[
    Rule::token(
        "azure-client-secret",
        "Microsoft Entra client secret",
        MS_KEYS,
        &[
            exactly(3, BASE64_URL.or(DOT).or(TILDE)),
            OneOf(&["8Q~", "7Q~", "9Q~", "6Q~", "5Q~", "4Q~", "3Q~", "2Q~", "1Q~", "0Q~"]),
            between(31, 34, BASE64_URL.or(DOT).or(TILDE)),
        ],
    )
    .severity(Critical)
    .examples(
        "hdi8¦Q~sYr5MrMUhi_YDAtZBY5cjLDhvmVrs_7HK5\n\
         JLK7¦Q~pMuWB6BwxI-GU5zYq3KtX_TU2N6W4lE",
        "wle8¦Q~r7k8kHI0u39UNtCgoPK3YFcBCnAQ46\n\
         bHb8¦Q~PE9ohR0nrtpaoDfDvkR6YJg2s0-t0pA85JQ\n\
         ENUxQ~AvbNrK2JcF40cQc8NKqCcTws3B2ahKQM-a",
    ),
    Rule::token(
        "azure-storage-key",
        "Azure storage account key",
        MS_KEYS,
        &[exactly(76, BASE64), Lit("+ASt"), exactly(6, BASE64), Lit("==")],
    )
    .severity(Critical)
    .examples(
        "Qg3/veak3+ronSWJ8pdmlkLkwWV9F4koA5GIyrAvU4I32jxMFWS3nNemgqpY8e47VVzKOyv3NMG4+A¦StrcW\
         dQA==\n\
         llPS6HYXgVRMCS9rJvtHJaDbI89b9mq7VkW0+Vpr7Fy9b29lfQapdLkt25gELu/lPjzGax5Q9kPD+A¦Stegd\
         0JQ==",
        "va/AisF1AlcUOL9ceNQRI0O6FW9ZQNMh4bjGMvJzNSETIVIg2b9UZ55U/pPqCHndYuDaPN+A¦StiUCigA==\n\
         1ED6LHCVf95swwyefOM+orbr5xsyucXm9p+5noKbLlo9Zj6jSSTtQUCRUuIFbylG2uqLZTrsGg6p+A¦StDaH\
         KQA=x",
    ),
    Rule::named(
        "azure-storage-account-key",
        "Azure storage account key",
        MS_KEYS,
        &["account_key", "storage_key"],
        &[exactly(86, BASE64), Lit("==")],
    )
    .severity(Critical)
    .examples(
        "c+DCh6Ve1wCKDuJKJFya7pJ3PH1YmdjLGU/9ldQlgSG¦L3KWcDic9G31g3KvaVKQeFg9U+vuxMfHfJmOV4XL\
         OkJ==\n\
         89Vr3NgiJpuyVBMkXcCH6wxYl0LP+nF/H20T+M85tFF¦RreuoVELRIQNTBZTh01bJ/uZp1NgA5ub1GM5WLLP\
         2mP==",
        "4+4xXnrBzNQ0+Sa/lI6rv0XmFbTbnHJVIr6Q/9uMDORBlKIVqKOdoVvWf3RFBBeL9LN98zFqyrSz8MX7==\n\
         dd0c19aba5e902c115791958ba2fda8f9367209e371ed692f4bfc0258637d57d324286af5ba0fd77161a\
         84",
    ),
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
    .examples(
        "sv=2024-11-04&¦sig=«aDSilO/UEfir6qqjjSpQy%2FpjHMxNSF3OwMjNdmjrcFa%3D»&se=1\n\
         https://x/?¦sig=«2dwFQ9Ub4qtrN3ijf3cREq2uNF2hQJXPqCGmfbRYvps=»&sv=2024-11-04",
        "sv=2024&sig=iwWCqVLPNclx2wEeUfX6\n\
         x?sig=1734dc9d4decc1ba7181ee48029fe620eb5fda12190c4988ec112d50315155c8",
    ),
    Rule::token(
        "azure-cosmosdb-key",
        "Azure Cosmos DB key",
        MS_KEYS,
        &[exactly(76, BASE64), Lit("ACDb"), exactly(6, BASE64), Lit("==")],
    )
    .severity(Critical)
    .examples(
        "QMii47kbvBN8SLtKf2scYWmZMbZnrhSyg/qlUwUntXiLKvxqLHdMnO8z/xLGq0zmpmHeDE8AidRcAC¦Dbd90\
         BlA==\n\
         OM0G0Fq5pQauUXOwwqTigMPUTPBnjFv1WMzVptA/d6tdosN2ZIvnuvpUeGL2kBkNz7tKq1FtTn7OAC¦DbdyZ\
         9pw==",
        "sFKngnciQFWE920QfhSF3Zd9Afv7oURjaMiBS7+XOiYSYPPu5IDN5ID6H86odyrAHCeU4vtFZz6AC¦DbdLAk\
         dA==\n\
         PG2OTjUPnqpJnc1MQjQkhnN5rBFku4YHoJwaIy2cpiAZlyNFLSc3apjzs3xytqz1gqbULztRTgPQAC¦DbeMt\
         kJA",
    ),
    Rule::token(
        "azure-batch-key",
        "Azure Batch key",
        MS_KEYS,
        &[exactly(76, BASE64), Lit("+ABa"), exactly(6, BASE64), Lit("==")],
    )
    .examples(
        "ViEDPsT7J0GqgGyRul7GkPz5QpvoVfzcQLTt3o3LoGN67Ae3dyu/IkXi5DxD+zeb5wnSTas75qI9+A¦BaR34\
         SuA==\n\
         Z+MhrtV8qaVNnzyoA4+3zc2MRjsF+TK/rKX1DH6jPBqc3k239yaSoL2znWNtdNnSuhZ80oE5KYY9+A¦BaUdj\
         8kg==",
        "2HmpDK1kui703ubbCWmbFelnBVhsvptU7iyDOGHy++j+1JUHCuw9+Oa1wkLWDChjtrwEdX+e0gD+A¦Baq/o/\
         dA==\n\
         58zbpGAYRYhM/88Opr/tMSq3L8bh9qrrFtb6U9L+g98YdgvncGVkCh3Ann7VKvZXbSq/WYAQsUlN+A¦BaXj7\
         glA",
    ),
    Rule::token(
        "azure-api-management-key",
        "Azure API Management key",
        MS_KEYS,
        &[exactly(76, BASE64), Lit("APIM"), exactly(6, BASE64), Lit("==")],
    )
    .examples(
        "IZTxpk1GgtwLY0de3LC8mu13zSvzTsLkaTQgbTDP7/bW3+h6tusXe4P4/wNcHXZVpZ0UahQLN6AEAP¦IM66u\
         Y2A==\n\
         566DbiIYMaTfmkc41wa+mPo6j31khboPmtx+hihd0R8aayJZo+cCWjjaNey1O6CD2izuaCAsWYYwAP¦IM1Ib\
         XkQ==",
        "l8gjP7+OaHrGITMu95tYu5f3i2G3tk/ShfXEucWnNuO0iayy8ODF43vFe2TPJWyQIqWwEK+vWFxAP¦IMBxId\
         YA==\n\
         THE-APIM-GATEWAY",
    ),
    Rule::token(
        "azure-ml-web-service-key",
        "Azure Machine Learning (classic) key",
        MS_KEYS,
        &[exactly(76, BASE64), Lit("+AMC"), exactly(6, BASE64), Lit("==")],
    )
    .examples(
        "zAqG9cVur0Dg1CZJyYfzV5t6LTZaqlLfQdpOltltd7TrMZJ8qdF+AbENwgOey/cxvL4J2dO2no6D+A¦MC6iH\
         noA==\n\
         iW7VCuSAK5m/N74P/kRofD80+nWDbOX051jr3ogt74GmgBN7mbYmxuEI4cpurhVOKpk93f0XsemR+A¦MCKa4\
         AUQ==",
        "oGfsBPIlCzCu8TdL5AWe5iV42pmRXFKiW63K6uL1UVoO32hcLGYgqn8S8lA/36jaudEP0H3IVN2+A¦MCU8Zz\
         7A==\n\
         EXTI/iduV9qEOQC356SUpYFuMXKxzQFmzPb9CjVNYoDq1Yq9DiPTk9Lli1TNlONnKEPwRMRmLSI4+A¦MC4VA\
         z3A",
    ),
    Rule::token(
        "azure-functions-key",
        "Azure Functions key",
        MS_KEYS,
        &[exactly(44, BASE64_URL), Lit("AzFu"), exactly(6, BASE64_URL), Lit("==")],
    )
    .examples(
        "swZAMj6SJa-nSu0sZMW3buTDE_zSTf6Uq0yRXl02nh0RAz¦Fue0IFvA==\n\
         Ch2A25Yh75A6IdesJQZ0fVNuzTAgLeXfH8NDMTqBtV01Az¦FuvHkufw==",
        "RXwH6qccTqZMQ2cfp4rjFkBEMFX5kTC0RAACu6W1-c2Az¦Fu3aeG0A==\n\
         KUAmXn4ztln5Pel5fEhA_Ezdy-76kutoieJtjdqNSVDnAz¦FuAqy0AA",
    ),
    Rule::token(
        "azure-search-key",
        "Azure AI Search key",
        MS_KEYS,
        &[exactly(42, ALNUM), Lit("AzSe"), exactly(6, ALNUM)],
    )
    .examples(
        "YMK1i7uO4ce479qCpCsJ0lrJ9YLKSdEAKDgA0BCE75Az¦SeAlB1EG\n\
         PB6D5TaYVzwlU4X3iAewB2wreJftd1skqhFHf3jj9OAz¦SeDUDQVl",
        "FVgkDRHLiVJ97EyskdnJfqQbbS1azfwhL31iHzaJlAz¦SeA1NUns\n\
         idmFgk2exUn99LATuDXLpAH36kjFOSUsTjChKPoU95Az¦SeAtgg16a",
    ),
    Rule::token(
        "azure-redis-key",
        "Azure Cache for Redis key",
        MS_KEYS,
        &[exactly(33, BASE64), Lit("AzCa"), exactly(6, BASE64), Lit("=")],
    )
    .examples(
        "WRewF966NVHSRDqm52QAV8g09IEdcEeoRAz¦CaAwh7KQ=\n\
         UEdSQTEVftN+o5d1ctfYZIOAVOaAVBt3CAz¦CaPfZ/ds=",
        "4heu+CNSNcG08A58H0hUXmZEmevtpjK3Az¦CaAozqdb=\n\
         GNemwSpz3sNRAwuElyGl5l+rBkqzUAfI5Az¦CaAA4v/2",
    ),
    Rule::token(
        "azure-container-registry-key",
        "Azure Container Registry key",
        MS_KEYS,
        &[exactly(42, BASE64), Lit("+ACR"), exactly(6, BASE64)],
    )
    .severity(Critical)
    .examples(
        "cfoicsUgfkOJgGMAGWxwDjKsaj0EaoSznK4VKbAFnI+A¦CRA2cLj2\n\
         RIHYgaudx/dqX4+jFAKq0Sx52yzEteCWmdTzw04bJ3+A¦CRDqK6WB",
        "pYzWUpECYqqwCkGEcGRp4kRa23Ix+7d2kn8WMwJb+A¦CRA94tuu\n\
         JeWLl0YOliP4brlkm9WyZKMq0z4+MlMd6tLPThK18y+A¦CRAumS3",
    ),
    Rule::token(
        "azure-messaging-key",
        "Azure Service Bus, Event Hubs, Event Grid or Relay key",
        MS_KEYS,
        &[exactly(33, BASE64), OneOf(&["+ASb", "+AEh", "+ARm", "AZEG"]), exactly(6, BASE64), Lit("=")],
    )
    .examples(
        "8h6dQ+u276i76wxHh6F6j9gjK6zzEMAHG+A¦SbAtDgru=\n\
         OKg6wqvYp0Gq4qk7jlhXGPhWxXc+RVX95+A¦EhPawJNl=",
        "nXNkGaPL0WGjWFHXS1ULInA2e0HI4uFg+A¦SbALx2ke=\n\
         rQVkKN/BuREDdR07+e7wc2rySsW4uMr6S+A¦SbABt3bV",
    ),
    Rule::token(
        "azure-iot-key",
        "Azure IoT Hub key",
        MS_KEYS,
        &[exactly(33, BASE64), Lit("AIoT"), exactly(6, BASE64), Lit("=")],
    )
    .examples(
        "kXjC3BeqmgTBfHMZISCoLQf+1i939FBVaAI¦oTANDCgO=\n\
         pLDXf4oaIESV14fKcuvmUg5+oTKWkICVVAI¦oTPoHiCJ=",
        "C/15w4XY4fHQKjtppCJn6DIO4wZpj9g1AI¦oTAutD8W=\n\
         ygCIdKIRNEWsexMsl933/W4uHMaZ41NnMAI¦oTAOXwcU",
    ),
    Rule::token(
        "azure-annotated-key",
        "Microsoft common annotated security key",
        MS_KEYS,
        &[exactly(52, ALNUM), Lit("JQQJ99"), at_least(26, ALNUM), Maybe("==")],
    )
    .examples(
        "x5pjVqw2OttLSYMSNME7CogoHyjlVgFRYTeA0buxR9J3EdQxwB6eJQ¦QJ99AKACGGRAvxUTUSZS5v4pd3gNU\
         WZy\n\
         N2ozB9vIFGclskrroWVlS9gORqU4J1g2sONv9zZy51TVLEkeMGxcJQ¦QJ99BBACsVC0vQHSli7fm7fxJTG26\
         cxO==",
        "cDo1jwmi3SrjTM32VhOPHAOLiBrGntH7TsUbTuJmCBZBHmaAe5bJQ¦QJ99AKfnLZnzu91P25zIYh3AN91Qk4\
         \n\
         vLYGlyuooAAE14iRlv1v2irruA3OKGPoJgD5YBJJGPQiKZfR6z70JQ¦QJ99QK4rW3MyNzJqR6tjuMHz",
    ),
    Rule::named(
        "azure-shared-access-key",
        "Azure messaging shared access key",
        MS_KEYS,
        &["shared_access_key"],
        &[exactly(43, BASE64), Lit("=")],
    )
    .examples(
        "kLqqOJTkJcXiXaNczd6Q¦2PkBMRReY1Pf+Klle4O7zxs=\n\
         poB2hBE8u2ebXzAAZFUi¦29xJjvFqSogtXuRBUhNqPB7=",
        "LdRjw+BjgXIL6pfoZ7P0HInVnVLfMTdHi5+Q6txmnV=\n\
         RootManageSharedAccessKey",
    ),
];
