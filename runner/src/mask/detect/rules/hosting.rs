//! Platforms that run applications, store data and serve names.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{Critical, Low};
use super::super::rule::{Partner, Rule, Shape, at_least, between, exactly};
use super::super::set::*;

const SCALEWAY: &str = "Scaleway, \"API keys\": scaleway.com/en/docs/iam/concepts";
const DO_SPACES: &str = "DigitalOcean, \"Manage access keys to Spaces\": \
         docs.digitalocean.com/products/spaces/how-to/manage-access";
const FLY: &str = "Fly.io, \"Access tokens\": fly.io/docs/security/tokens";
const SUPABASE: &str = "Supabase, \"Understanding API keys\": supabase.com/docs/guides/api/api-keys";

const SCALEWAY_SECRET: Partner = Partner {
    rule: Rule::new("scaleway-secret", "Scaleway secret key, after its id", SCALEWAY, Shape::Follows)
        .severity(Critical)
        .check(check::uuid),
    set: HEX.or(DASH),
    len: 36,
};

const DO_SPACES_SECRET: Partner = Partner {
    rule: Rule::new(
        "digitalocean-spaces-secret",
        "DigitalOcean Spaces secret, after its id",
        DO_SPACES,
        Shape::Follows,
    )
    .check(check::random_base64),
    set: BASE64,
    len: 43,
};

pub const RULES: &[Rule] = &[
    Rule::token(
        "fly-token",
        "Fly.io access token",
        FLY,
        &[OneOf(&["fm1r_", "fm1a_", "fm2_"]), at_least(80, BASE64_PADDED)],
    )
    .severity(Critical)
    .examples(
        "fm¦2_lJP4+m2ywponbUELa2JJV14itDNXSsMPsDvlWaXFi3zPTMUaiir7HzcUfWH9tE3hXZVbnWODSF4zvFD\
         v6Dl1z5kqJH6lrEqx4WuAEYWQspd1DWAwauMgay+9QvPpA6SJcg3vFPfzuWvb9eN9FeVbA1fix\n\
         fm¦1r_lJPPnyR5eOruvEKqzck3eILkfhRJjYKmbdofQdyvgwTeRnyqRlvbmKPhJ/D2JxOCX731EeAIs1wYtG\
         qAlD4XwiI3I/x6+hGSPFvrarXfaq9h14gC0vrjyEShD4AChkfj4m3iRgd/5pQog6mJbIHl3HNdv=",
        "fm¦2_lJPoxtM55K4s0UDQMm91TSlwo2uH6qz27fgglfY6gRJS81BgXMOHk\n\
         fm2_radio",
    ),
    Rule::token(
        "fly-auth-token",
        "Fly.io personal auth token",
        FLY,
        &[Lit("fo1_"), at_least(40, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "fo¦1_oV0ftvWwsK9UnTep8SPlTyI6_8pwnvnWeDeWhsYWhh1\n\
         fo¦1_hCTTzVPiBG5T_y5JMUIszjg1DWhmKczLXD__rrvaK1n",
        "fo¦1_o-MQ1Av4e9w4dEcR5_ZpU3QglXPnYu\nfo1_bar",
    ),
    Rule::token(
        "heroku-key",
        "Heroku API key",
        "Heroku, \"Authentication\": devcenter.heroku.com/articles/authentication",
        &[Lit("HRKU-"), at_least(36, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "HRK¦U-AATeXe-F__mwGTJh3efz3NPUR7NB6CeGA7naHYRK_bIHSYONONYQd6ob9Z3M\n\
         HRK¦U-1ecd577c-9f80-4f89-a9ea-00dad168ef22",
        "HRK¦U-AAJKUNCzLHY1u4ySXjVJil\n\
         HRKU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    ),
    Rule::named(
        "heroku-key-value",
        "Heroku API key (before 2024)",
        "Heroku, \"Authentication\": devcenter.heroku.com/articles/authentication",
        &["heroku_api_key"],
        &[exactly(36, HEX.or(DASH))],
    )
    .severity(Critical)
    .check(check::uuid)
    .examples(
        "29c240aa-c3ed-4f4d-83ae-d7d871e49fe6\n\
         a3073a77-af7e-44b0-bd9a-31317e7b76c5",
        "d2dfd69c88dafb980f890dcb2fffb4bb3378\n\
         00000000-0000-0000-0000-000000000000",
    ),
    Rule::token(
        "netlify-token",
        "Netlify access token",
        "Netlify, \"Get started with the Netlify API\": \
         docs.netlify.com/api-and-cli-guides/api-guides/get-started-with-api",
        &[OneOf(&["nfp_", "nfc_", "nfo_", "nfu_", "nfb_"]), at_least(36, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "nf¦p_R9CIeVKJcbHROQxmwzuPdBZRfO4KEvNH7b6F\n\
         nf¦c_RJiBLE8U3Tvn9G1diKegndP8osz6CB2jFegs",
        "nf¦p_Jgd4SaO3krH6zFpJRy7vZBZWeQDZ1p\nnfo_file",
    ),
    Rule::named(
        "vercel-token",
        "Vercel access token",
        "Vercel, \"Access tokens\": vercel.com/docs/rest-api#authentication",
        &["vercel_token", "vercel_api_token"],
        &[exactly(24, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "PjFGYFl8GinC¦XRYWqhy2za4a\ndfQEBu4wB9i2¦BDwMioACc7xS",
        "MT96bu6v9XxL4y4EZ4986IV\ny58NtXfF1fHLQFWsKa6ujd6br",
    ),
    Rule::token(
        "render-key",
        "Render API key",
        "Render, \"The Render API\": render.com/docs/api",
        &[Lit("rnd_"), at_least(28, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "rn¦d_tk41Ztd6Uhxg32HSFim4unT5UQfZ\n\
         rn¦d_No6MjsuRbEU2LjC8COuE1AZs429kBg1D",
        "rn¦d_hKzqXDI88ZQjNh4u2jih\nrnd_seed",
    ),
    Rule::named(
        "railway-token",
        "Railway token",
        "Railway, \"Using the CLI: tokens\": docs.railway.com/guides/cli",
        &["railway_token", "railway_api_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .severity(Critical)
    .check(check::uuid)
    .examples(
        "9b612613-32ec-4dfb-a88f-bc66e5db0343\n\
         659dab73-a51a-40d7-bc2c-493ecc591344",
        "1109fa5cf0700df33f674bdb1d37e708b707\n\
         f925f7640b99535d66dacc438aac423d",
    ),
    Rule::token(
        "supabase-access-token",
        "Supabase personal access token",
        SUPABASE,
        &[Lit("sbp_"), Maybe("oauth_"), at_least(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "sb¦p_483d80b1c09acc02b48802f43bfcbbdaff96d73e\n\
         sb¦p_oauth_4286ca81d1b584f14969b16c714f46f862121d8e",
        "sb¦p_82f839dc15c8c09a9da18c4ee9fa6e\nsbp_oauth_client",
    ),
    Rule::token(
        "supabase-secret-key",
        "Supabase secret API key",
        SUPABASE,
        &[Lit("sb_secret_"), at_least(22, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "sb_sec¦ret_rtnzPZRvS6FVqlYBkId34F_hSacz_Te\n\
         sb_sec¦ret_PrjEDYzz5cRaBfT8ib9hxN_tXi4Fe0z",
        "sb_sec¦ret_s_lv8ihgsVuRMV3\n\
         sb_secret_key_is_the_name_of_it",
    ),
    Rule::token(
        "planetscale-token",
        "PlanetScale token or password",
        "PlanetScale, \"Service tokens\": planetscale.com/docs/concepts/service-tokens",
        &[
            OneOf(&["pscale_tkn_", "pscale_pw_", "pscale_oauth_"]),
            at_least(32, BASE64_URL.or(DOT).or(EQUALS)),
        ],
    )
    .severity(Critical)
    .examples(
        "pscale¦_tkn_4_KOSRpq8R3fJsTGgdDupFqeTGtlDYXGT-9KXJxtgs5\n\
         pscale¦_pw_oFNmv3-Aax0iwi3xgoMHejPgnyo635uHNBHj9252YTo",
        "pscale¦_tkn_0l1FPeaExCkXQj1PF186\npscale_pw_rotation",
    ),
    Rule::token(
        "neon-key",
        "Neon API key",
        "Neon, \"Manage API keys\": neon.com/docs/manage/api-keys",
        &[Lit("napi_"), at_least(60, LOWER_ALNUM)],
    )
    .severity(Critical)
    .examples(
        "na¦pi_xhh5250rahuozaedwsk92pyd9c1nh1xgx9vow39dc6ofmnferevwtjl2oygwfm25\n\
         na¦pi_gtsxhi44ikifm1huiz6ntwlmr9hwtz3v9xjey297zkn130otcsms3ooeu67ves3h",
        "na¦pi_ihn1ep0uzxzwhxkjt5hg1ddp6mw2vhrkyfzrm4ku\n\
         napi_create_function",
    ),
    Rule::token(
        "databricks-token",
        "Databricks personal access token",
        "Microsoft, security-utilities, SEC101/110: github.com/microsoft/security-utilities",
        &[Lit("dapi"), exactly(32, HEX), Maybe("-"), at_least(0, DIGIT)],
    )
    .severity(Critical)
    .examples(
        "da¦pi55f5c1d8b5e830fc5d7857a1a485df85\n\
         da¦pi9a871716670230204fc4dcb58c353b0f-2",
        "da¦pi01b0534f783b48c5d0029b9cba0bc2\ndapifunction",
    ),
    Rule::token(
        "mongodb-atlas-secret",
        "MongoDB Atlas service account secret",
        "MongoDB Atlas, \"Service accounts\": \
         mongodb.com/docs/atlas/api/service-accounts-overview",
        &[Lit("mdb_sa_sk_"), at_least(32, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "mdb_sa¦_sk_vIzBP_eyQAGmY0fLelFanSPBThA04PaOqU8xCBAc\n\
         mdb_sa¦_sk_B_SXDktFQhZhjxRSNoPB-S1k22vIeIrAKFFY1KcM",
        "mdb_sa¦_sk_k3ketSA-7LeuUKROuakD\n\
         mdb_sa_id_a7d816d512904b9b15b22302",
    ),
    Rule::token(
        "cockroachdb-cloud-key",
        "CockroachDB Cloud secret key",
        "CockroachDB Cloud, \"Manage service accounts\": \
         cockroachlabs.com/docs/cockroachcloud/managing-access",
        &[Lit("CCDB1_"), exactly(22, ALNUM), Lit("_"), at_least(40, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "CCDB¦1_6oHYqRGSerAiD2IAOsrUr7_XIx3iBAVXLxdfd9ktt52KpLBvCw0kdtHQChObY2v\n\
         CCDB¦1_KzDI81gxUQ2SkCiZt1ub0K_o5hd5D2oJ6v0LX5OGgRJ3SEZPrddHPUKdYBvymPK",
        "CCDB¦1_Ew7JKQGMebQg1FVqJp4thr\n\
         CCDB¦1_VOiVwK2JAjHvT1rOUANato_dxyt960IbmcsoeK4fHoUj2bWz5hzK9",
    ),
    Rule::token(
        "aiven-password",
        "Aiven service password",
        "Aiven, \"Service users\": aiven.io/docs/platform/howto/create_new_service_user",
        &[Lit("AVNS_"), at_least(19, BASE64_URL)],
    )
    .check(check::mixed_case)
    .examples(
        "AV¦NS_E8gpPIMewTCcTUlcFrl\nAV¦NS_vfndA6OHx5tEG63UBCT",
        "AV¦NS_xV4IJOaZbV\nAVNS_xxxxxxxxxxxxxxxxxxx",
    ),
    Rule::named(
        "hetzner-token",
        "Hetzner Cloud API token",
        "Hetzner, \"Generating an API token\": \
         docs.hetzner.com/cloud/api/getting-started/generating-api-token",
        &["hcloud_token", "hetzner_token", "hetzner_api_token"],
        &[exactly(64, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "DvZfj7aJ8rUwYqHeNmncP0PSNq5zf9WQ¦WOQypQoZmOOScXPyaFRJ6oElJq0AGheX\n\
         ZHhaORunGef47IU23j0GPgc3Dog4sK5a¦MyAuBtaLtVqyTglBQwGA47dQc9raY9c9",
        "Y9IeR8JTtiw65ssH8yiSpRugACF2qCQE22NSQzdwzvRHlby5jKp1IkcxKgVcdA7\n\
         UJWIBYzzPAgFFNJfjogHnydwKBSSFXfmWY0ar6A7XwR9eirpK9uz0LHmNsRQGbGcH",
    ),
    Rule::named(
        "linode-token",
        "Linode personal access token",
        "Linode, \"Manage personal access tokens\": \
         techdocs.akamai.com/linode-api/reference/get-started",
        &["linode_token", "linode_cli_token", "linode_api_token"],
        &[exactly(64, HEX)],
    )
    .severity(Critical)
    .examples(
        "45c77f8003ec9a2f91841c59ce3fedc2¦3f9e52cc96c84cfb2fa6c497f6c08a7f\n\
         07c571331adb57b081921a948268203c¦a0b3fb27ed68686fde9f1bdbdfdce347",
        "97751f8766c093eadb0e226536a79d387b4aa9d1458d59ae7073ab00802554a\n\
         3da2da25f9df3d331ffefff7f8ac5c493029cf63dc56e401610edbbb6af5b2575",
    ),
    Rule::named(
        "vultr-key",
        "Vultr API key",
        "Vultr, \"API\": vultr.com/api",
        &["vultr_api_key"],
        &[exactly(36, UPPER_ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "ZP0PBPTIWMS9PTAPFQ¦YL4OBHKXFUI2YMTDJW\n\
         SJUZCAUEUCGYX8B2X9¦N4TBBO0YWJYZGXO9PL",
        "SMCJ3POEDA3D20KU9126DTV96QNGU027YCW\n\
         JSNABM2GOD7AZG0YW7J2LGEQA8UAJ2LKDRE9U",
    ),
    Rule::token(
        "scaleway-access-key",
        "Scaleway access key id",
        SCALEWAY,
        &[Lit("SCW"), exactly(17, UPPER_ALNUM)],
    )
    .severity(Low)
    .check(check::mixed)
    .partner(&SCALEWAY_SECRET)
    .examples("SC¦WKZEECVOI68KCEOMHO\nSC¦WYRVJ6KL9GCRQF68QJ", "SC¦WEH12VLWP64GHXZ3O\nSC¦WY96GQSD53SPMQR2H83"),
    Rule::named(
        "scaleway-secret-key",
        "Scaleway secret key",
        SCALEWAY,
        &["scw_secret_key", "scaleway_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .severity(Critical)
    .check(check::uuid)
    .examples(
        "3c19a2e4-ff26-4335-861d-b7cf79c81d86\n\
         a33e5c7f-e541-48f3-85b5-28f1c3d58329",
        "61433aace02426b01558e49b9900ac9c1606\n\
         824a36bf6334f1aaa140c6753ce05930",
    ),
    Rule::named(
        "ovh-secret",
        "OVHcloud application secret or consumer key",
        "OVHcloud, \"First steps with the API\": \
         help.ovhcloud.com/csm/en-api-getting-started-ovhcloud-api",
        &["ovh_application_secret", "ovh_consumer_key"],
        &[exactly(32, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "KnbBrkUiMkeE2O0Q¦n64WtMCxdvOdel0a\n\
         ngyXlnFulGVk28BG¦mYnsmVemXSPFU2GP",
        "q7kGexvresXvCq81KsnQlHvmfigSrNB\n\
         wxE6XwBiNcrPxIVzdNyZ4yuqZ1Hds33JC",
    ),
    Rule::named(
        "exoscale-secret",
        "Exoscale API secret",
        "Exoscale, \"Environment variables\": \
         community.exoscale.com/tools/command-line-interface",
        &["exoscale_api_secret"],
        &[exactly(43, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "nvcxme-_QEDvLNVd71F7w¦asypN8RuNVWNqBJMqvEWXh\n\
         9Hc2FlM-Wk6fx0SWLVrAF¦2DjDErwSdz4dWTb_tOuK-i",
        "WMKwQ_TcyJGGC2Q0KIJGo9lfr2MGgxYYrHL2drp2OI\n\
         d4i-m1gZVuEExI2ZdCDSFiKIif8Y9ZUh963eEfIAW-kL",
    ),
    Rule::named(
        "ibm-cloud-key",
        "IBM Cloud API key",
        "IBM Cloud, \"Managing user API keys\": \
         cloud.ibm.com/docs/account?topic=account-userapikey",
        &["ibmcloud_api_key", "ic_api_key", "bluemix_api_key"],
        &[exactly(44, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "Un6JYXxLFjQ-kGXqHi_b8z¦Ht6cPwZkQ1FGcsa49SCgdd\n\
         fit4-emVo_7sr0u8pMoTPW¦Xuc7DIZW8uAbgsHwDuyhmV",
        "ofUC92OoiIVvMhFrirL3yhtvMg7EPWRVenQxD2OaBJp\n\
         T-AERZjqpvvKr0E2R7aYqAu6GUcu2J3t9cuy6YKt_lHR9",
    ),
    Rule::named(
        "backblaze-key",
        "Backblaze B2 application key",
        "Backblaze, \"Application keys\": backblaze.com/docs/cloud-storage-application-keys",
        &["b2_application_key", "backblaze_key"],
        &[Lit("K00"), exactly(28, BASE64)],
    )
    .check(check::mixed_case)
    .examples(
        "K0¦01ZwXPiou3OHN82kCEJJoM7+tM6FC\n\
         K0¦04Xxry2HhuhpJPgsRjCJpjPO7ZGvK",
        "K0¦01EHmZPHXv0QCcgHi/adk6BUqHdM\n\
         K0¦01xJO1ZEXxH+E68ifX9tdGoYWdo/nf",
    ),
    Rule::token(
        "digitalocean-spaces-id",
        "DigitalOcean Spaces access key id",
        DO_SPACES,
        &[OneOf(&["DO801", "DO00"]), between(15, 16, UPPER_ALNUM)],
    )
    .severity(Low)
    .check(check::mixed)
    .partner(&DO_SPACES_SECRET)
    .examples("DO¦801UGQ9TMANEAI187T\nDO¦801OUI55ARR8YKYIQ0", "DO¦8015RHKCLFBME\nDO801"),
    Rule::named(
        "confluent-secret",
        "Confluent Cloud API secret",
        "Confluent, \"API keys\": \
         docs.confluent.io/cloud/current/security/authenticate/workload-identities/service-accounts/api-keys",
        &["confluent_cloud_api_secret", "kafka_api_secret"],
        &[exactly(64, BASE64)],
    )
    .check(check::mixed_case)
    .examples(
        "MSBb6fwbTI373MPSYgsjDMSea5vW7woB¦2CLHpbFZjIEMecSa6VuO4Xo3PW2LMzMd\n\
         TOld7fjFv+hcFmg9akjcZwp6ibgG5RyT¦5w2ZYacJT/G4bvAkRzisAzCD777/EP0m",
        "jke9fAk+jCGpSVZk/UENNo53Q5Qd4VZrr9T26mY39Kpgl8U1qXJXzAI2xFoM8Au\n\
         7OHZ19v/QlUcs4kfwh9tXhvsyJ8nFTsiZANE35s8+8wlp/Sn9C//FbstQCImaAuIx",
    ),
    Rule::named(
        "upstash-token",
        "Upstash REST token",
        "Upstash, \"REST API\": upstash.com/docs/redis/features/restapi",
        &["upstash_redis_rest_token", "upstash_vector_rest_token", "qstash_token", "kv_rest_api_token"],
        &[at_least(40, BASE64_PADDED)],
    )
    .check(check::mixed_case)
    .examples(
        "AXDIQ96AyQDR7txxuX1yrYmPo/k¦LzVZ8fo+dfJAFGr3OqMJN8qVNBtWt9=\n\
         AYovnIfq4+t6Fa8egj5hpkxmYqv¦nfQk0f+0X5Azt+h70ujdej+gcqg0o6==",
        "AXlRZiGkAkytfNw8AfhtDD\n\
         rotated-by-terraform-every-day-at-midnight",
    ),
    Rule::named(
        "algolia-key",
        "Algolia API key",
        "Algolia, \"API keys\": algolia.com/doc/guides/security/api-keys",
        &[
            "algolia_admin_key",
            "algolia_api_key",
            "algolia_admin_api_key",
            "algolia_write_key",
            "x_algolia_api_key",
        ],
        &[exactly(32, HEX)],
    )
    .examples(
        "7eb2d3b842755a92¦43340cc45ddeb803\n\
         b1420d0a99863052¦3a419a62b7724f2b",
        "edc695bf968170ff524092d71b42011\n\
         8320bf62257f3e5aacd2c4b3bb5d10ffe",
    ),
    Rule::named(
        "fastly-token",
        "Fastly API token",
        "Fastly, \"API tokens\": fastly.com/documentation/reference/api/auth-tokens",
        &["fastly_api_token", "fastly_api_key", "fastly_key", "fastly_token"],
        &[exactly(32, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "blzx1cSmY6w_ngeZ¦FhdTz-6NNP3koFom\n\
         qUCo5YVP6TkSK207¦Tgbpf_Me6X6Za_W3",
        "0eVnPXGaN3HVqIle5K5pN1810omdIk0\n\
         Pw0y5v2ptsNIYDn-AS5hjcjwwqnzI8c_9",
    ),
    Rule::token(
        "akamai-token",
        "Akamai EdgeGrid client or access token",
        "Akamai, \"Create authentication credentials\": \
         techdocs.akamai.com/developer/docs/edgegrid",
        &[Lit("akab-"), exactly(16, LOWER_ALNUM), Lit("-"), at_least(16, LOWER_ALNUM)],
    )
    .examples(
        "ak¦ab-syh5kxcn3wgayc4o-530tb2wxwks3s4cy\n\
         ak¦ab-yf4dhtuugkiq6vk0-o6owvvzfsnspuipy",
        "ak¦ab-gfp4z1l1xvu3re1m\nakab-host.luna.akamaiapis.net",
    ),
    Rule::token(
        "firebase-messaging-key",
        "Firebase Cloud Messaging server key",
        "Firebase, \"Migrate from legacy FCM APIs\": \
         firebase.google.com/docs/cloud-messaging/migrate-v1",
        &[Lit("AAAA"), exactly(7, BASE64_URL), Lit(":APA91b"), at_least(100, BASE64_URL)],
    )
    .examples(
        "AA¦AAI7gf2V0:APA91bHt2e0AcO9ltX3pDNaSH16mPKGIJGFnfY2PrxvI5HXNG34wNcMSEirpOIIOYbc6PEH\
         93o5A7rNNnBi2bm2LHKW4uaa3nESGYdd0SgZCjgh21SKXQTXJfyValnc1GDl5ra-WB0e3\n\
         AA¦AAyphbryH:APA91bzu8wNlPIY8yLqZ7C8T1mFzIY8TC2_KFRYMefF4HTH_fD9AOaIzD3d_Pn3qzE7Jjfn\
         AyKE5lgZkvpb1yWXgbKFPHYp8OS-AhDH-jQfkBIHDKC2xXIEVOuMp-asDI2iimqoVyK2U",
        "AA¦AAUeTXocG:APA91bBK52DF6GOgPQ1zjm7wWlapFOvnJdyIFBWzhg21ZpZ9CfjvmYrg\n\
         AA¦AA1PDgUyu:APA92bXtuXTBf96P5xzTzOawztXJXCA8aW81-AyNc0oKx2k74KfPhusRAoJo024vLYU4-tc\
         Ux2W9KdrIOCebM_h5VK01rp8Z38SsbA1ir5gDEuq88CcRbpyNpq7-Z9iKU5t7ruaWRRGn",
    ),
    Rule::token(
        "dnsimple-token",
        "DNSimple API token",
        "DNSimple, \"API access token\": support.dnsimple.com/articles/api-access-token",
        &[OneOf(&["dnsimple_a_", "dnsimple_u_"]), at_least(32, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "dnsimple¦_a_CcBk5PMVfSVpCo5KAeGV42sjMJ0mXmei\n\
         dnsimple¦_u_abSLCkIviKZvoRPSznAiQbwu6vUwNKyZ",
        "dnsimple¦_a_YLXbUeFNXHKYsPize0Ar\ndnsimple_a_record",
    ),
    Rule::token(
        "appwrite-key",
        "Appwrite API key",
        "Appwrite, \"API keys\": appwrite.io/docs/advanced/platform/api-keys",
        &[Lit("standard_"), at_least(200, HEX)],
    )
    .examples(
        "stand¦ard_faa124934d9ec362b995eb6372b3bf241bf7a755cb0ea5dd2a6d09eb8f422939a9113e5d63\
         20d3fcf71d39735f08e27d3beb5bee60b55dd30e0ef79917bc3617dc3836bbc0795bf7e84d41cc18c730\
         4420299d436264f3160389d41aae76548654b6b77417ce9dfc83f61a843c0f10b404149b843c94ba538b\
         124e020d967c99\n\
         stand¦ard_1a098870e70ac77ed001b87d781be99ab6f80442f109bcc8aa1fa4b18fe5c33d7d9fb2bd7e\
         0dac03a729e8d725a7fe1e6d08b44c15c717e7ffa68975ab011f4a02863b24fce1437def5a883fc1080f\
         afa1429ebe8a19e52dae1cb2e6cf8ec34da2487973c096fd72c135698d606972b323e5515eab35f5ba3a\
         274784bfc81f0c",
        "stand¦ard_fe9bd4586bafb0d11eb60aced97f0b3b4abf9f01c005770f3d1e8a31d35d65e242b0be4508\
         77cb144fb07132bbfbfad29285\n\
         standard_output",
    ),
    Rule::token(
        "xata-key",
        "Xata API key",
        "Xata, \"API keys\": xata.io/docs/concepts/api-keys",
        &[Lit("xau_"), at_least(32, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "xa¦u_hXMLoT20fs7lJShK6OjZbUoj8MrZC0Sk\n\
         xa¦u_gssYFbgJgOT5jepUhlaeSNRj4a6cMp3ZCwBN",
        "xa¦u_oiNPcJuF0OPBjuTcX5q6\nxau_widget",
    ),
    Rule::token(
        "tinybird-token",
        "Tinybird token",
        "Tinybird, \"Tokens\": tinybird.co/docs/forward/administration/tokens",
        &[Lit("p.eyJ"), at_least(20, BASE64_URL), Lit("."), at_least(20, BASE64_URL)],
    )
    .examples(
        "p.¦eyJDwaNpe1E4-d8KcLekLUnKEIUMiX91T5pxH96vWIsOc3uvnRzqHLyjKdgA3wcy2gm8URx3G6w8uqsH-\
         of.Mns_4AscV2SSwSmVEnY4XVghpXMERmpEQTo4bPOSDoQ\n\
         p.¦eyJRz1CZFAyn75qv89MU5aeSTJ8kLxyWjrGMcEhYwpVBVFeN7xSUBv2IBoHus7JPkBFhIzrmYn7pdTylH\
         y0.ZD9T4ayXhfBxhib73KVDuhvUO0Ntz-DLczzscxHtBFm",
        "p.¦eyJIxgEosF17DgDpCHfDcISFXCV0N6rJNHWJ7jSflaFiUc7cm3lhqdGHj0zjFaw7XPZ_W9uFF5_oaLHir\
         NF\n\
         p.eyJust",
    ),
];
