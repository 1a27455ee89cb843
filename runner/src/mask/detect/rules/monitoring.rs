//! Monitoring, logging, analytics and on-call services.

use super::super::check;
use super::super::rule::Part::{Lit, OneOf};
use super::super::rule::Severity::{Critical, Medium};
use super::super::rule::{Rule, at_least, exactly};
use super::super::set::*;

const DATADOG: &str = "Datadog, \"API and application keys\": \
         docs.datadoghq.com/account_management/api-app-keys";
const NEW_RELIC: &str = "New Relic, \"API keys\": docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys";
const SENTRY: &str = "Sentry, \"Auth tokens\": docs.sentry.io/account/auth-tokens";
const GRAFANA: &str = "Grafana, \"Service account tokens\": \
         grafana.com/docs/grafana/latest/administration/service-accounts";
const GRAFANA_CLOUD: &str = "Grafana Cloud, \"Access policies\": \
         grafana.com/docs/grafana-cloud/security-and-account-management";
const HONEYCOMB: &str = "Honeycomb, \"API keys\": docs.honeycomb.io/configure/environments/manage-api-keys";
const DYNATRACE: &str = "Dynatrace, \"Access tokens: token format\": \
         docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens";
const POSTHOG: &str = "PostHog, \"API overview: personal API keys\": posthog.com/docs/api";
const AXIOM: &str = "Axiom, \"API tokens\": axiom.co/docs/reference/tokens";

pub const RULES: &[Rule] = &[
    Rule::named(
        "datadog-api-key",
        "Datadog API key",
        DATADOG,
        &["dd_api_key", "datadog_api_key", "dd_client_api_key"],
        &[exactly(32, HEX)],
    )
    .examples(
        "0fc9c74c48d6d15d¦044ad217765a873f\n\
         fbe873cc3f581556¦03a9d344e8ca7a8d",
        "d6328dafc1a3a5b1b7760d69e1b124a\n\
         66d7da5a8e786d84972faefa226e44857",
    ),
    Rule::named(
        "datadog-app-key",
        "Datadog application key",
        DATADOG,
        &[
            "dd_app_key",
            "datadog_app_key",
            "dd_application_key",
            "datadog_application_key",
            "dd_client_app_key",
        ],
        &[exactly(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "2eb4cd653c7d26593f59¦a88043fc26ef5ee9e8f1\n\
         002952b10c0ba8fc716e¦4c904ccf8e692d3e0ebc",
        "f2e3c65e38bc984e6b8d60eaba5d57af327152a\n\
         2cb0a233f6405201395da0e13bf3ae8caf810e7d0",
    ),
    Rule::token(
        "newrelic-user-key",
        "New Relic user key",
        NEW_RELIC,
        &[OneOf(&["NRAK-", "NRAA-"]), at_least(27, UPPER_ALNUM)],
    )
    .severity(Critical)
    .examples(
        "NR¦AK-MDCXOTQNJGP77TIJC8M34HFV5JV\n\
         NR¦AK-6WO9Z7FRU8CWJJSL81LB9WY11EO",
        "NR¦AK-I5Y2CM6Q6291WOTGMHPA\n\
         NRAK-XXXXXXXXXXXXXXXXXXXXXXXXXXX",
    ),
    Rule::token(
        "newrelic-license-key",
        "New Relic license key",
        NEW_RELIC,
        &[exactly(36, LOWER_ALNUM), Lit("NRAL")],
    )
    .examples(
        "be0447af38a567236ca649333f0e6909577aNR¦AL\n\
         eu01xx62f3ecd036507cf64d2f192e2b6361NR¦AL",
        "fa3da9e076b71bfc633b7405c21280NRAL\n\
         9dc9633a0195053deed780ea17f90a01aa07NRAX",
    ),
    Rule::token(
        "newrelic-insights-key",
        "New Relic Insights insert or query key",
        NEW_RELIC,
        &[OneOf(&["NRII-", "NRIQ-"]), at_least(25, BASE64_URL)],
    )
    .severity(Medium)
    .check(check::mixed)
    .examples(
        "NR¦II-5gqSNYS9RNoNQ3xV_6gIMdRQMnSwfuhv\n\
         NR¦IQ-g55gsWxIlUpC5lx2x26x_W653gkst2ED",
        "NR¦II-948tdmguAkfgFpU\n\
         NRII-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "newrelic-browser-key",
        "New Relic browser key",
        NEW_RELIC,
        &[Lit("NRJS-"), at_least(19, HEX)],
    )
    .severity(Medium)
    .examples(
        "NR¦JS-8f6a4ffca26641c970e\nNR¦JS-48a00c887a5daff26e7",
        "NR¦JS-b6f5d5704b\nNRJS-xxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "sentry-organization-token",
        "Sentry organization token",
        SENTRY,
        &[Lit("sntrys_"), at_least(80, BASE64_PADDED.or(UNDERSCORE))],
    )
    .severity(Critical)
    .examples(
        "snt¦rys_eyJqWOnjCuRCpOa1HbP9fjrKC/gt+FnWdzVZoLiYNA7aOUbGG8sUYGBj7XuPyfL0nj96KkcV3nu6\
         5aATutqtLaCeqNtx04hbnbPvSrfahbBrO0tYPs4I9MAREa2=_cJTh5lcxzOyYCclBX1OtSIw+1p1NpKSbvdG\
         eDOYBnLe\n\
         snt¦rys_eyJmh0HnZAOJRzdA09tP+GD0AcIjFFrEfpNZ8KtEu6EyPjyEJ5o0Tm+BRDGS5VIKAUbUsDGVr5rY\
         9ZMNskY3w4D0Sf73ST9JSeZJTMT3IpnVfNPaw6UzzdWtldrd_aZw/UnSl3s+sO1o5aoQcQWNuuQdJKV/r1nx\
         oXg+eez3",
        "snt¦rys_eyJEo0JR7yOJZPtie7rxkXe\nsntrys_token",
    ),
    Rule::token(
        "sentry-user-token",
        "Sentry user token",
        SENTRY,
        &[OneOf(&["sntryu_", "sntrya_", "sntryi_"]), at_least(64, HEX)],
    )
    .severity(Critical)
    .examples(
        "snt¦ryu_6871a9d45ca195e565790c11d330373863970bc24adce2fc2bf87d278bcf1da5\n\
         snt¦ryu_2487b1aec09d53084a2f9ef95a7793077c2c756a67ba16cdeb1a7cdd92576d2a",
        "snt¦ryu_e1e03f5f4890927b9e31ed1ad96c4f84f4607547\n\
         sntryu_token",
    ),
    Rule::named(
        "sentry-token-value",
        "Sentry auth token (before 2023)",
        SENTRY,
        &["sentry_auth_token", "sentry_token"],
        &[exactly(64, HEX)],
    )
    .severity(Critical)
    .examples(
        "d7a9688deeefe83fbc91db77dba0772e¦6b1b3c1dd867c37c0bddc9c96fe60665\n\
         ac6b5f97f0e8fc39d1d547dd2dca4d1d¦452705827a9aa3a321238b603dbc6ae4",
        "1e958799759a83e82aa94a95027b71fa77238055837533ad35c3c223f87a9a6\n\
         45030ef4dd69f0e2d89728d9a551726ee14420d29d683f1521e0b885d6381232e",
    ),
    Rule::token(
        "grafana-service-account-token",
        "Grafana service account token",
        GRAFANA,
        &[Lit("glsa_"), exactly(32, ALNUM), Lit("_"), at_least(8, HEX)],
    )
    .severity(Critical)
    .examples(
        "gl¦sa_LWGZKrsaZJL1LOCVn5JglRMuuWEM8RCF_aad63c07\n\
         gl¦sa_zf89i2y6eB2m8kcbByCK8ixWrxJdNGIW_272cf6a5",
        "gl¦sa_SlvqlfbDLFi26TpuBvBtbtFemCFmRR_493333ca\nglsa_token",
    ),
    Rule::token(
        "grafana-cloud-token",
        "Grafana Cloud access policy token",
        GRAFANA_CLOUD,
        &[Lit("glc_eyJ"), at_least(60, BASE64_PADDED)],
    )
    .severity(Critical)
    .examples(
        "gl¦c_eyJKOLLVjIx4NO/haMFax46Fc6E4+oVrtt0HgbymxHdOWvgz03D+gZ2VxVMDT9847uovVjhTuj6n5Cn\
         WaG5SdDGOt8UuTyNgqX359xGI3n38Z6wmEEZiCdx8NkK\n\
         gl¦c_eyJtxb7AJacZffeVvKysqw37+eiRUmS6w2VW3DP03G65q8Un8Zlo5pNsJxf2WMfvRISKG0gPxmQzk11\
         9+LtY6JEPOtsp5LsqniZ6Inzu/xxZo6ZQezoVm+gk1==",
        "gl¦c_eyJnJMsysoKa7FULhWjsktb\nglc_eyJ",
    ),
    Rule::token(
        "grafana-api-key",
        "Grafana API key (before 9.1)",
        GRAFANA,
        &[Lit("eyJrIjoi"), at_least(60, BASE64_PADDED)],
    )
    .severity(Critical)
    .examples(
        "eyJ¦rIjoinB8rsSM92bObgEDUm7C7y1sw47cr+wCtoFjOvIsfZW/9koVwR3Sv1m0NyGeGvzLwXwaHAGr8554\
         gOJLT\n\
         eyJ¦rIjoiKoEun187V8ghgp4fJLiTka3tzBAJBuETZcJFJ4T9DvclAMTiRnQq/rTEa4XwP5F9MgHXhbSZcw7\
         LKWlmt2==",
        "eyJ¦rIjoi1DsSg6qqBpDJZdgZ/jOUOG1YBp7iR9\neyJrIjoi",
    ),
    Rule::token(
        "honeycomb-key",
        "Honeycomb ingest or management key",
        HONEYCOMB,
        &[OneOf(&["hcaik_", "hcbik_", "hcxik_", "hcxlk_", "hcalk_", "hcamk_"]), at_least(50, LOWER_ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "hc¦aik_zykd4mxox3t7wjhxvlozldmuxp8nmy4h6fx48ljb0iywsny450bp1cwdgw\n\
         hc¦xik_c53knrn0boni6hkc99vx6jmlblw1lrdx769fl82an2ttn9ezip63igb146",
        "hc¦aik_nym29s73hqigbdrbtqgubr4nihl8yw\nhcaik_key",
    ),
    Rule::token(
        "dynatrace-token",
        "Dynatrace access token",
        DYNATRACE,
        &[
            OneOf(&["dt0c01.", "dt0s01.", "dt0s02.", "dt0s03.", "dt0s04.", "dt0s06.", "dt0s08.", "dt0s16."]),
            at_least(8, UPPER_ALNUM.or(DASH).or(LOWER)),
            Lit("."),
            at_least(64, UPPER_ALNUM),
        ],
    )
    .severity(Critical)
    .examples(
        "dt0¦c01.Z64PZXC3X9AC0FAI2S4FEXWX.D53KO7CCU87BNDTUIC4SM1SHBXDRS7TGWWPI9EF1IWUF6RSMOI8\
         52HJP7KWWYP2L\n\
         dt0¦s16.B2VI83YSF1YCV9X4FLD4HZS7.6ABEFOCXVROPWF9VU3QTXAHVFZWUTW6SO3UJVXB7R1F3DRFW3YL\
         TZJS58HLZ1VSC",
        "dt0¦c01.AP0SEBL1ZLWKOFM9AQLVO29P\n\
         dt0¦c01.TKKXRZB4UPPVRTAL9AMU4LFH.S3OG693238AY2MBP95NPWYGHKAASFB",
    ),
    Rule::token(
        "posthog-personal-key",
        "PostHog personal API key",
        POSTHOG,
        &[OneOf(&["phx_", "phs_"]), at_least(40, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "ph¦x_6E6uknHMxEoIJdh8nmPguwHJL1mo0bvyxA5Y6ZiIFzj\n\
         ph¦x_rT6wlHldY5ENLYOSdTB5CHq2H1wSOkHM7iDuosKMq7ok6OA",
        "ph¦x_IImtW3ofpvYqZ7LAboUWVMRpw42tQ6\n\
         phc_FBNF1cBn1X7aiWR7wjCA3DtN5KyTLuklODmTLb59Ioz",
    ),
    Rule::token(
        "axiom-token",
        "Axiom API or personal token",
        AXIOM,
        &[OneOf(&["xaat-", "xapt-"]), exactly(36, HEX.or(DASH))],
    )
    .check(check::prefixed_uuid)
    .examples(
        "xa¦at-96cdf857-6a73-465d-8d3b-5ac093726aaa\n\
         xa¦pt-3503f3e5-bed6-498c-b20c-7e4559539321",
        "xaat-22da5d890073a3a367de02b341cc9fea5022\n\
         xait-3b423d9a-74dd-4072-85ee-f0e3c26e1436",
    ),
    Rule::named(
        "pagerduty-key",
        "PagerDuty API key",
        "PagerDuty, \"API access keys\": support.pagerduty.com/main/docs/api-access-keys",
        &["pagerduty_api_key", "pagerduty_token", "pd_api_key", "pagerduty_api_token"],
        &[exactly(20, BASE64_URL.or(PLUS))],
    )
    .check(check::mixed)
    .examples("u+mREJM2ImX¦p5uEZ6Nk8\nKfl15678ZS¦Hm9TnAkVLR", "25dFO5iSmF3EhQCXZIJ\nzY1uWMqaJiExW3kwspw30"),
    Rule::named(
        "opsgenie-key",
        "Opsgenie API key",
        "Opsgenie, \"API key management\": \
         support.atlassian.com/opsgenie/docs/api-key-management",
        &["opsgenie_api_key", "opsgenie_key", "geniekey"],
        &[exactly(36, HEX.or(DASH))],
    )
    .check(check::uuid)
    .examples(
        "79e38078-64b0-433d-bba8-0aa64246ad13\n\
         d6ca66ca-680b-4dc9-b08b-543bfc086f51",
        "2755631cb8066bcda43900378708d61ca2a0\n\
         0ca4e349bc576d0b0eed6972744c2981",
    ),
    Rule::named(
        "rollbar-token",
        "Rollbar access token",
        "Rollbar, \"Access tokens\": docs.rollbar.com/docs/access-tokens",
        &["rollbar_access_token", "rollbar_token", "rollbar_server_token"],
        &[exactly(32, HEX)],
    )
    .severity(Medium)
    .examples(
        "4784ee2531947b9d¦e66af5656db2ee09\n\
         5a78e6f343e133e5¦f97ef70a0a25cfe5",
        "094f9f8618a6be450e06fce2cac783e\n\
         32503702ed86c6bc9942107476697c320",
    ),
    Rule::named(
        "bugsnag-key",
        "BugSnag API key",
        "BugSnag, \"API key\": docs.bugsnag.com/api",
        &["bugsnag_api_key"],
        &[exactly(32, HEX)],
    )
    .severity(Medium)
    .examples(
        "d5a9086a035fcfd7¦8e512b557b68846a\n\
         73249df7c7477100¦3812f9ebf3191f32",
        "64ff0ce9876c34f905b7a34e13b14ba\n\
         8c80258654c47e71c25bb27f1e8b12864",
    ),
    Rule::named(
        "segment-write-key",
        "Segment write key",
        "Segment, \"Locate your write key\": segment.com/docs/connections/find-writekey",
        &["segment_write_key"],
        &[exactly(32, ALNUM)],
    )
    .severity(Medium)
    .check(check::mixed)
    .examples(
        "w97FKBW3IfnEoSLh¦3QuTXp01kaCJyiyV\n\
         gZ5gZWE54MntP5Ny¦vQf3b1ZAAowpBnh3",
        "pbqHjGjKQGQrrd7f0mqBBwI9yV6DwIY\n\
         XK0N9A8FNoyxErk8qr1b5Z9ikAJ6N8NyG",
    ),
    Rule::token(
        "elastic-cloud-key",
        "Elastic Cloud API key",
        "Elastic, \"Elastic Cloud API keys\": \
         elastic.co/docs/deploy-manage/api-keys/elastic-cloud-api-keys",
        &[Lit("essu_"), at_least(50, BASE64_PADDED)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "es¦su_PGyWhKIeVjJVXsl3FqV0lF7QPRgVSA+2bFERcYzQNDMgWiLW5oNkmHE8bz1n0Qs6+yh+WA6Qzh0LAz\
         cW\n\
         es¦su_1LiYtKYY5Q0bemAB9Srjemci8PGmj9D2hp0VTAWkcFmFhjhZsO9F43uj58q3KICUZ1XoG/ACgJCbQJ\
         Wn1P==",
        "es¦su_Yobd1dpTbPX/H9lcqWZoKSbYNcnlv6\nessu_key",
    ),
    Rule::named(
        "splunk-hec-token",
        "Splunk HTTP event collector token",
        "Splunk, \"Set up and use HTTP Event Collector\": \
         help.splunk.com/en/splunk-enterprise/get-started/get-data-in",
        &["splunk_hec_token", "splunk_token", "hec_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .check(check::uuid)
    .examples(
        "7b1539ea-ce82-4c88-b03e-65192683426d\n\
         83197a82-9006-48ac-b8ce-07789389fb22",
        "731848f88cecb7f87bd730458fa4268f0560\n\
         979cc2bbab0e06e8e0eeb97de606caf8",
    ),
    Rule::named(
        "checkly-key",
        "Checkly API key",
        "Checkly, \"Authentication\": checklyhq.com/docs/cli/authentication",
        &["checkly_api_key"],
        &[Lit("cu_"), exactly(32, HEX)],
    )
    .examples(
        "cu¦_ae1a16a12833589fc3e665c631c5d99d\n\
         cu¦_edfb9d49a8e751c93bb2f92768158a7e",
        "cu_93fa91f2b5a96484d09be337191acd\ncu_key",
    ),
    Rule::named(
        "sumologic-key",
        "Sumo Logic access key",
        "Sumo Logic, \"Access keys\": help.sumologic.com/docs/manage/security/access-keys",
        &["sumologic_access_key", "sumologic_accesskey", "sumo_access_key"],
        &[exactly(64, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "oJwvbM0J3685bs53Fs91uLaUIGEULUOB¦PB3dL1gHA0VrMY9k5ENClwpToyZWe6UU\n\
         umqyjgzzHR9QdcrFtbXMLc8UiGiGnjOh¦UXHPW76oU0mp24il06uYnmsfHhXTkp53",
        "oUp3faeJ9w7EpHJQA0juVQgjFaP0jqctZcgP2GDTuNvQIKDfkou69ljxqCOymBY\n\
         dQcnV5LUKWNUomPePNJDRgbs6tmdVCGWXisqiqsTtLxnpJpB5WQ89Eiq5PiXJusHZ",
    ),
    Rule::token(
        "coralogix-key",
        "Coralogix API key",
        "Coralogix, \"API keys\": \
         coralogix.com/docs/user-guides/account-management/api-keys",
        &[OneOf(&["cxtp_", "cxup_"]), at_least(30, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "cx¦tp_sOYxB3qCwWPGVUtXzgAmWByptYv7ZL\n\
         cx¦up_FUG5hYBxTbORCYMxdPhiOYmHFjyyd6",
        "cx¦tp_D4Gx2NjbTppq9G0V6ZGf\ncxtp_key",
    ),
    Rule::named(
        "logzio-token",
        "Logz.io shipping token",
        "Logz.io, \"Log shipping token\": \
         docs.logz.io/docs/user-guide/admin/authentication-tokens/log-shipping-tokens",
        &["logzio_token", "logzio_shipping_token"],
        &[exactly(32, ALNUM)],
    )
    .severity(Medium)
    .check(check::mixed)
    .examples(
        "KfpuquBQtY5xHf5N¦HU61YZK9J3zURnEJ\n\
         OvOkovA7X9mzbNkt¦67BaRTwXphOmQBwJ",
        "begTGWFbEiWl6U4LT9UFJIRvIaSD2CS\n\
         kkHSWjNSM3AWsRKCXZVWcGvuXfWimKfct",
    ),
    Rule::named(
        "loggly-token",
        "Loggly customer token",
        "Loggly, \"Customer token\": documentation.solarwinds.com/en/success_center/loggly",
        &["loggly_token", "loggly_customer_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .severity(Medium)
    .check(check::uuid)
    .examples(
        "d204f3d8-39a3-4032-8746-4df65934ec55\n\
         080c94a5-b787-4ea1-9873-c5e565c528b2",
        "8751b73ab3bb3ccc91ef78a02b9db7ff8413\n\
         228cd537e6ab22497eb65596b1cdb0de",
    ),
    Rule::token(
        "statsig-key",
        "Statsig server or console key",
        "Statsig, \"API keys\": docs.statsig.com/sdk-keys/api-keys",
        &[OneOf(&["secret-", "console-"]), at_least(40, ALNUM)],
    )
    .check(check::random_token)
    .examples(
        "sec¦ret-ylghKeYgCPYLdWlwWw1eVlwiYbpi37LIPiPifg87f34\n\
         cons¦ole-HPiiEyHDgDCoXSGuVVLnmAdWpKVXEBUE37gLskRzcWy",
        "secret-i79yWONB17xkHPL69qed\n\
         console-logginginthebrowserisnotaproblemofours",
    ),
    Rule::named(
        "mixpanel-secret",
        "Mixpanel API or service account secret",
        "Mixpanel, \"Service accounts\": developer.mixpanel.com/reference/service-accounts",
        &["mixpanel_secret", "mixpanel_api_secret", "mixpanel_service_account_secret"],
        &[exactly(32, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "eweYyf7pEGZUtnc4¦BhvthP8hTpbf9Ilx\n\
         83a4bc8b054818a4¦4daa8e16aaf5e898",
        "M3CGvRyt4f2bcmJUwyx1tH7dtQQTaFw\n\
         0seE9B2mcOs5RMyra7OvBACsCYLTYW2Wa",
    ),
];
