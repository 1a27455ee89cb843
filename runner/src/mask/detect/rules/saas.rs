//! Other services that teams work with.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{Critical, Medium};
use super::super::rule::{Rule, at_least, between, exactly};
use super::super::set::*;

const NOTION: &str = "Notion, \"Authorization\": developers.notion.com/docs/authorization";
const LINEAR: &str = "Linear, \"Getting started\": linear.app/developers/graphql";
const POSTMAN: &str = "Postman, \"Generate and use API keys\": \
         learning.postman.com/docs/reference/postman-api/authentication";
const FIGMA: &str = "Figma, \"Access tokens\": developers.figma.com/docs/rest-api/authentication";

pub const RULES: &[Rule] = &[
    Rule::token("notion-token", "Notion integration token", NOTION, &[Lit("ntn_"), at_least(44, ALNUM)])
        .check(check::mixed_case)
        .examples(
            "nt¦n_77592259672ZM6vm0VTItqOzxdif9JAdkwOxWEEHnw8foz\n\
         nt¦n_36598904590mFh4ySW2vR5SK59r3YXVi5HEEOnqkYrYdW4",
            "nt¦n_dDWNzUQylybWTfq923c5ugiYxCvO26\nntn_event",
        ),
    Rule::token(
        "notion-secret",
        "Notion integration token (before 2024)",
        NOTION,
        &[Lit("secret_"), exactly(43, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "sec¦ret_u4b5qmhkpjxfI09T8e3kQnsBt4MF3lcRKgDOwwVe4gO\n\
         sec¦ret_3e4Na4tWvuYI3Aa2mkskbfkDj7xoMZ7m4CySQ5Q4r3Q",
        "sec¦ret_93NfXpuwM0VImqwmBs7wAASl6LzvTNxyDiEd2q0D\n\
         sec¦ret_7437a4f395e15a74ff5fcb58b23b27bd61feeb733f2",
    ),
    Rule::token(
        "airtable-token",
        "Airtable personal access token",
        "Airtable, \"Personal access tokens\": \
         airtable.com/developers/web/guides/personal-access-tokens",
        &[Lit("pat"), exactly(14, ALNUM), Lit("."), at_least(64, HEX)],
    )
    .examples(
        "pa¦t9CMk2MOKlgq433.eaa1a766b1c16fbcfee98b15fbafc2891033defeb390cb81b35e3e6d77d9755d\n\
         pa¦t2S04KlqVgQCzo5.e24104960ba1b08a199a576361f3f8a2e0cb09aafe23c78667fc033462cc23c9",
        "pa¦tJ81DCtlVj0yiUF.60bd171ee478287844dc668c9929716d61d86e57\n\
         pa¦t2rWHzO47p1bPw.98221853647369e6be73c79848f7028d701fe1a4c8e70c24edda2434ae8e46bc",
    ),
    Rule::token(
        "figma-token",
        "Figma access token",
        FIGMA,
        &[OneOf(&["figd_", "figo_", "figoh_", "figu_"]), at_least(36, BASE64_URL)],
    )
    .check(check::mixed_case)
    .examples(
        "fi¦gd_v-d6HHov0yWgkr6TRETWClAJTHnw_OUUeY1_0Ufk\n\
         fi¦gu_8t47YQ25ftoErYwWB0ig4KSRdqLn9Enng_GsOeLx",
        "fi¦gd_bf58m2s8kR5wrjR7ffXs\nfigd_token",
    ),
    Rule::token("linear-key", "Linear API key", LINEAR, &[Lit("lin_api_"), at_least(40, ALNUM)])
        .check(check::mixed)
        .examples(
            "lin¦_api_nfBMneN7C17jg4PF1a7v4M6pVJJupkXSIJVeqjbR\n\
         lin¦_api_bB9FKN19IGvUivmPNSEplPyCF9rzuP5fTj5Xd10E",
            "lin¦_api_yh1AmGXe4qZKsOgKt80kdq7tma1hJI\nlin_api_key",
        ),
    Rule::token(
        "linear-oauth-token",
        "Linear OAuth token or webhook secret",
        LINEAR,
        &[OneOf(&["lin_oauth_", "lin_wh_"]), at_least(20, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "lin¦_oauth_7b1723a90b0930e3363482f7b2647509e391aa4705c46f1771062959fd4e4187\n\
         lin¦_wh_F6vsYkVKOcD2lvAjTwvo",
        "lin¦_oauth_ac701aee86\nlin_oauth_app",
    ),
    Rule::token(
        "clickup-token",
        "ClickUp personal token",
        "ClickUp, \"Authentication\": developer.clickup.com/docs/authentication",
        &[Lit("pk_"), between(5, 10, DIGIT), Lit("_"), exactly(32, UPPER_ALNUM)],
    )
    .examples(
        "pk¦_51770304_37HU2VPVVIL2XM98SAM3D1HHODUCO1U5\n\
         pk¦_617027_37WOINV4REHUKLJDZKYQU2IVH5H1WVTQ",
        "pk_91919967_AUV0Q3QQRBE308ZLDS7NPSNJVLLCZP\n\
         pk_17_AQUCX0C5RKMDLLONR4N147WNWNXGYIBL",
    ),
    Rule::token(
        "typeform-token",
        "Typeform personal access token",
        "Typeform, \"Personal access token\": \
         typeform.com/developers/get-started/personal-access-token",
        &[Lit("tfp_"), at_least(44, BASE64_URL.or(DOT))],
    )
    .check(check::mixed_case)
    .examples(
        "tf¦p_u8So6vs2X6gUpJ7zkGNfolKUuDJEVLg7HDgQQZeMfDYu_QUvNKOEacByEv8\n\
         tf¦p_DGCMYlJu3ZkxFLF3j5qgco1nU0Q8aBdKxQHsM1xKp8eo_2XIzIkjU5EeP4G",
        "tf¦p_5c0KlhfPXfK7f0059Cl8HVqwPkH8vf\ntfp_distributions",
    ),
    Rule::token(
        "contentful-token",
        "Contentful personal access token",
        "Contentful, \"Personal access tokens\": \
         contentful.com/help/token-management/personal-access-tokens",
        &[Lit("CFPAT-"), at_least(43, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "CF¦PAT-L7AzO9BKTsKxBexVfDjhJ73I5rufRI7pxVFg5DLqeTe\n\
         CF¦PAT-hpmZGrVWet1l61v21Rq4qOKZkqh8Y1x7xoE6255V21O",
        "CF¦PAT-dJwRaYX_dUkwJGj4I-KG8th949s7RX\nCFPAT-token",
    ),
    Rule::token(
        "postman-key",
        "Postman API key",
        POSTMAN,
        &[Lit("PMAK-"), exactly(24, HEX), Lit("-"), at_least(34, HEX)],
    )
    .examples(
        "PM¦AK-17af1a91633966407599b8d6-f1834a39acc1a2b4e5ed205cb51846f70e\n\
         PM¦AK-02459f34917d78050c7a7a8c-19f675abe78805a9e159921dffde426d98",
        "PM¦AK-964732238868f1aaa264774d\nPMAK-key",
    ),
    Rule::token(
        "postman-collection-key",
        "Postman collection access key",
        POSTMAN,
        &[Lit("PMAT-"), at_least(26, UPPER_ALNUM)],
    )
    .severity(Medium)
    .examples(
        "PM¦AT-01WJ6KZVXHXOBT50TUE03EGRPP\n\
         PM¦AT-0140QZLLO8K6KIBGZAUHFTO0BM",
        "PM¦AT-L2QPPKN0C20JJA1\nPMAT-key",
    ),
    Rule::token(
        "dropbox-token",
        "Dropbox short-lived access token",
        "Dropbox, \"OAuth guide\": developers.dropbox.com/oauth-guide",
        &[OneOf(&["sl.u.", "sl.B", "sl.A"]), at_least(120, BASE64_URL)],
    )
    .check(check::mixed_case)
    .examples(
        "sl¦.u.jBBYEGDq8z4IDVPwUdA2zOYLW8yAEQEJmE21YEmbjQfYoG6fzmHDjW1jfzLAfM0ZF6OCiai7ByipVR\
         TERFRfRcwIfJrLNlaY8GyJqpSqCkWKzo85a55S_eFEdM55a_g3IqDC5ELRmAljOhEthcyQbI\n\
         sl¦.BtnPYesvE7Pp05dqbLHN4jEPlagBwfxHJP64d9TCHmiAkFYx_gS6xVNvxkmj9s55gy0eUGznT91xENAN\
         t5hDSd7XtO7GIOzq0evoSZ9h_dSCne0l4lxFjRtys0eiAOaqHKHhZQaO6b-YG",
        "sl¦.Bwu_zjLbi2mWKVU5aYcprp3IYREaZW7KdGuQh8y8PCc9kLhlwd_8dsLvpWMaG\n\
         sl.AbstractList",
    ),
    Rule::token(
        "facebook-token",
        "Facebook access token",
        "Meta, \"Access token guide\": \
         developers.facebook.com/docs/facebook-login/guides/access-tokens",
        &[
            OneOf(&["EAACEdEose0cBA", "EAAG", "EAAB", "EAAC", "EAAJ", "EAAM", "EAAO", "EAAD"]),
            at_least(100, ALNUM),
        ],
    )
    .check(check::mixed_case)
    .examples(
        "EA¦AGhJNEwJiS2ly992uxhUxZlYOp88AS2SXVz6rF2cZqO6fyuxZdLMYMVGXmViFtKHdis6mzaqyyzxMAk77\
         TJ2K0W3lwAeDUgwbHxzrWdpywQfoSlqolLk8WShhghIGC40bWif3Odq24QdCkV4l291cNzY\n\
         EA¦ABec4QP1SjjwzbwA8umTWI4pc1a6Hm5sQYEzSJY7WDkXL3fQOBaeY8aWbICYHaC8oN6RulYHJ1mRBLAzs\
         adNTQBVYff9yZIW7mvNijlcTsrvHoXexwlCRbxE1q1cAfK6CL91wO1QDvACKyXfNxCFd4j7RDlywJheJA88Z\
         GAvHE15",
        "EA¦AGFF9wAS3WZ2c1XzNgtbkn6kt0zWkdGTVvitmcRF63UTDMKif981afnnZWnPgi\n\
         EAAG",
    ),
    Rule::token(
        "twitter-bearer-token",
        "X (Twitter) bearer token",
        "X, \"Bearer tokens\": \
         docs.x.com/fundamentals/authentication/oauth-2-0/bearer-tokens",
        &[Lit("AAAAAAAAAAAAAAAAAAAAA"), at_least(60, BASE64_PADDED)],
    )
    .check(check::long_tail)
    .examples(
        "AAAAAAAAAA¦AAAAAAAAAAAzPnmH5ILMx%2FQarRBqqGSTI7lmvzoItFNGhkh31UNb%3DwGypt0QyGMPRoT6H\
         6aD7eMnzYW2T3LjlvM7cqlITKhjtmtOJ13\n\
         AAAAAAAAAA¦AAAAAAAAAAASDDlDJqmTTHLI43zrTHjia62E1wmIiojrZbsvm4fGbSr5uehYw4hk81a2Pxeyt\
         408vxlQtSHTh6w4YYYVUeYDgvQL5",
        "AAAAAAAAAAAAAAAAAAAAAm1iBtQcXtmgIFiKEjar0v1yxI8Fys0\n\
         AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
         AAAAAAAAAAAA",
    ),
    Rule::token(
        "mapbox-token",
        "Mapbox secret token",
        "Mapbox, \"Access tokens\": docs.mapbox.com/help/dive-deeper/access-tokens",
        &[Lit("sk.eyJ"), at_least(50, BASE64_URL), Lit("."), at_least(20, BASE64_URL)],
    )
    .examples(
        "sk¦.eyJ1Kte9F3pb56Z3ARFe9H4WkJ8FgJ4Dcd3V9VgXD7S6AiGNyY2cA53Z899Ln5ND2u9401AG6o.gf5UF\
         WUwJa-HPnsY1LxZmv\n\
         sk¦.eyJ12pWxaLxmaPNpxrEaP3clU6Rg6FtzqxAZwL11LTFss8ahzCET3APRpgoOrIdJgs7e7jbykU.uNeQ1\
         klnUkRNqdmZEJL_I7",
        "sk¦.eyJ1UmrFAEMPKGBhGzvbyuIa5Ju4MBu36HIkOEivbZnPawJ5NEFXd4utNAEiKftk784nMJt9oo\n\
         pk.eyJ1WeTCNLysClf4xiTMw4QVPlVqiMkTSoTpMKg1P6UvW2jFqFMwEVhlX5h3XBBv8E3rjerX6o.QdYB1k\
         hRnvE55RP-t7ZvML",
    ),
    Rule::token(
        "readme-key",
        "ReadMe API key",
        "ReadMe, \"Authentication\": docs.readme.com/main/reference/intro/authentication",
        &[Lit("rdme_"), at_least(60, LOWER_ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "rd¦me_f0r5r2w7yvjfouv21qaq8l48k2xfyexox1w3k1nwelcli45n831nyig9h37idqmn9yt9jq\n\
         rd¦me_9863k69vl6y5qycpkg3cixdg1e87b611weuvcd2z50vbmi4b4a9xette6pyjuhxjc1aeby",
        "rd¦me_380zlv51j6ilwvr315swqz68of5so27shigoq950\nrdme_key",
    ),
    Rule::token(
        "trello-token",
        "Trello API token",
        "Atlassian, \"Trello API introduction\": \
         developer.atlassian.com/cloud/trello/guides/rest-api/api-introduction",
        &[Lit("ATTA"), at_least(60, ANY_HEX)],
    )
    .examples(
        "AT¦TAbcce172b5b3d7cfb5c63ca7a0d05fb268937155ceee188543638d2278884e2ae679ADF85\n\
         AT¦TA3eb4749a849204a8e00408ebf70b4d242088ad0122b0a0935e06a42853efdc9c5C155C58",
        "AT¦TAed61c777e33938badb4e5e13be6c8332b4b789de\nATTACHMENT",
    ),
    Rule::token(
        "asana-token",
        "Asana personal access token",
        "Asana, \"Personal access token\": developers.asana.com/docs/personal-access-token",
        &[
            OneOf(&["1/12", "2/12"]),
            between(12, 15, DIGIT),
            Maybe("/"),
            at_least(0, DIGIT),
            Lit(":"),
            exactly(32, HEX),
        ],
    )
    .examples(
        "1/¦1286151021471483:8fcbfef03dacb1d8c034f0627dc1ceab\n\
         2/¦1290801907377819/1279361712714517:ef45e71f946fe2b6824c9c66c5a7802b",
        "1/1209222551658311\n\
         1/1259043923090427:a1f6358371b25558fe84",
    ),
    Rule::token(
        "salesforce-session",
        "Salesforce access token",
        "Salesforce, \"Session ID\": \
         developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest",
        &[Lit("00D"), exactly(12, ALNUM), Lit("!"), at_least(80, ALNUM.or(DOT).or(UNDERSCORE))],
    )
    .severity(Critical)
    .examples(
        "00¦DUKmW813agZxN!AQhmpZOG4MtDPcrZn1eTekqtUtSt5GEnfyHdLSCZyDRPujf6i9dZqgzj7PLLkKsCdDD\
         0MXNerrX0Tcs9urVAfiHsR0w4iYX5\n\
         00¦Dzh1jWjXf8Z4T!ARzQJ94598OGJ7kQOLGVg2ak94JYz8KAckHRQtIM1bOFOX.cLlhvEkjdpPseIw8tpSW\
         PMtS9d0bUs7jDGPk8yK0sP3eZDbIhu",
        "00DyRYqW3rKYFlV\n\
         00DXElKCHz0U31T!dsEatNfWZZDl3JCS1J0XBsX7dF2sSmcUJ0IpSdlk",
    ),
    Rule::token(
        "adobe-client-secret",
        "Adobe client secret",
        "Adobe, \"OAuth server-to-server credential\": \
         developer.adobe.com/developer-console/docs/guides/authentication",
        &[Lit("p8e-"), at_least(32, BASE64_URL)],
    )
    .check(check::mixed)
    .examples(
        "p8¦e-k_UhQmCk7iioLV_255-2NL7fO33CDVYw\n\
         p8¦e-oC6sdZojlEQL_bhAeVCpGTXvqNwYtV0w",
        "p8¦e-3SMz9xLXXQ5qO_UapUY6\np8e-client",
    ),
    Rule::token(
        "intra42-client-secret",
        "42 Intra client secret",
        "42, \"Getting started\": api.intra.42.fr/apidoc/guides/getting_started",
        &[OneOf(&["s-s4t2ud-", "s-s4t2af-"]), exactly(64, HEX)],
    )
    .examples(
        "s-s4¦t2ud-eee65f53e9421ce50211670eae679f02e8d28a79023c39c200661fccd268a29a\n\
         s-s4¦t2af-0d347301ef56e64dc3cd6089065c3146e80a9c222670bbe4f4c54977656cf2d1",
        "u-s4t2ud-33187c8df95247f2866028de71159b42b4ea410fb9102f29a422eb14ab2f2d0f\ns-s4t2ud-0cc022238daceee2092f",
    ),
    Rule::token(
        "frameio-token",
        "Frame.io developer token",
        "Frame.io, \"Developer tokens\": \
         developer.frame.io/docs/getting-started/authentication",
        &[Lit("fio-u-"), at_least(60, BASE64_URL)],
    )
    .check(check::mixed_case)
    .examples(
        "fi¦o-u-ubc0E0dS2qP4D4TJL00kRypnZMBZeLcLn_fn5-q5hZ-j36bjL8JzSW4_O5G8ESPt\n\
         fi¦o-u-LUFpMZZDfsauZNpMWFSIEaa0-KdvgXqHk7zgFG58vyqI-Zn6sdDFWdnlajkxDF8o",
        "fi¦o-u-QULvsb5iQ5uZDJmLekh8oxnwR4Itqb7HmRMZybBg\n\
         fio-u-token",
    ),
    Rule::token(
        "adafruit-key",
        "Adafruit IO key",
        "Adafruit, \"Adafruit IO: API key security\": io.adafruit.com/api/docs",
        &[Lit("aio_"), exactly(28, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "ai¦o_zHg7sXXAj1Iwd0pemqhW5cDlud7m\n\
         ai¦o_XMyPireM0fRDi8hltRfzNHFngFwM",
        "ai¦o_RDhGMBwQvbzjEc3COjfJypGoI1A\naio_context",
    ),
    Rule::token(
        "calcom-key",
        "Cal.com API key",
        "Cal.com, \"Authentication\": cal.com/docs/api-reference/v1/authentication",
        &[Lit("cal_live_"), at_least(32, HEX)],
    )
    .examples(
        "cal¦_live_10c4a200a4b223f67087e1d11a6ef1f2\n\
         cal¦_live_cec7546ae348e91c835ff41c12c338c0",
        "cal¦_live_7b4a04be13de389841a0\ncal_live_",
    ),
    Rule::named(
        "zendesk-token",
        "Zendesk API token",
        "Zendesk, \"Managing API token access\": \
         support.zendesk.com/hc/en-us/articles/4408889192858",
        &["zendesk_api_token", "zendesk_token"],
        &[exactly(40, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "ONlB9HaFS3OcNe0yUMFH¦kx5oawfk3m2DYPUFcF97\n\
         onsscHZDt2vM7UizQK6I¦o5oFUYsHynHECttAV56G",
        "csllXZYvi7Hs8aoIvjR9Bbgd0c84FolTo7sDFKU\n\
         DtfgXPEZAOFzSFZh2i2MC3CUY4PmV6GeksCV3Xz6D",
    ),
    Rule::named(
        "virustotal-key",
        "VirusTotal API key",
        "VirusTotal, \"Authentication\": docs.virustotal.com/reference/authentication",
        &["virustotal_api_key", "vt_api_key", "x_apikey"],
        &[exactly(64, HEX)],
    )
    .examples(
        "748f880cbbd0cd0744e6c49b3e4d83ee¦34d94405bbd6a67084a03643caf54636\n\
         8a99ddcbae99a6fcc787e64b648234af¦13f6cccc5abc22c1352a7d9e47bf6cbb",
        "1f45492ddfa7216946c812959159874598b8cad21af6577b467b2182871f219\n\
         ec30ebbc19500a0ce6ca4645c6129b10fb87e1d68ee72056a3c448766b1540fc1",
    ),
    Rule::named(
        "ghost-admin-key",
        "Ghost Admin API key",
        "Ghost, \"Admin API\": docs.ghost.org/admin-api",
        &["ghost_admin_api_key", "ghost_admin_key", "ghost_api_key"],
        &[exactly(24, HEX), Lit(":"), exactly(64, HEX)],
    )
    .severity(Critical)
    .examples(
        "199a74afaf346dd4adf02902:¦a3b8d9f7d4e6d3cc9afad2bac70b5156478b766fb516b6c8be8d380a29\
         aa7f09\n\
         ddb44bf9c32e583856cf89df:¦55b3f100ed0fb16d08326ad11a2bc322965847d78dcb84b57fa8d41c8a\
         123b30",
        "03f85e35d85b5caaeb62a7d2:0af1d24202b26fba027c65f11db7db9d89cbff17df7c30ae0270f2227b7\
         a\n\
         48340bed7c029ebad19d06f4c8",
    ),
    Rule::named(
        "todoist-token",
        "Todoist API token",
        "Todoist, \"API\": developer.todoist.com",
        &["todoist_api_token", "todoist_token", "todoist_api_key"],
        &[exactly(40, HEX)],
    )
    .examples(
        "1403340182422a541c6c¦9def952eebc831d0bec0\n\
         30d8bf2fd23dec0f9ae4¦ea1900fd8f4a386d9305",
        "8d705a8bfaf3030b7a49713ed6b1aa7bb40ab4c\n\
         b99f07fe66c13843843c6bed64996f27be741324a",
    ),
    Rule::named(
        "shortcut-token",
        "Shortcut API token",
        "Shortcut, \"Authentication\": developer.shortcut.com/api/rest/v3",
        &["shortcut_api_token", "clubhouse_api_token", "shortcut_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .check(check::uuid)
    .examples(
        "33f061b8-82e0-40d6-bb19-cd2db7d2bb0c\n\
         9a0b1974-8f4a-44e4-8d6a-f58abede81ba",
        "d35bfb265f2a575af8cea0584af771bd8824\n\
         5e39623188a77c1336ec99aa7b549f23",
    ),
    Rule::named(
        "spotify-secret",
        "Spotify client secret",
        "Spotify, \"Authorization\": \
         developer.spotify.com/documentation/web-api/concepts/authorization",
        &["spotify_client_secret", "spotipy_client_secret"],
        &[exactly(32, HEX)],
    )
    .examples(
        "f2f343c31800faa7¦c4cf4c31c251042f\n\
         ab4ea927a1350434¦a894141f87e76ff2",
        "e50b5f8ded369d21d420aa69c5e0ecd\n\
         4c3e099fc8ae279eaf5bb9fe8c2a7c710",
    ),
    Rule::named(
        "twitch-secret",
        "Twitch client secret or OAuth token",
        "Twitch, \"Authentication\": dev.twitch.tv/docs/authentication",
        &["twitch_client_secret", "twitch_oauth_token", "twitch_token"],
        &[Maybe("oauth:"), exactly(30, LOWER_ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "qq5pr5cr2cmfxbu¦kuf9m1twln1u5eg\n\
         oauth:¦z16g7igyg2otefo75a39riqk3zfa0p",
        "8tzqg6us6mbyl1y82277fee5m3o9e\n\
         1vb21z3kka4dlp8f6xcbk6llnt4hf89",
    ),
    Rule::named(
        "infura-key",
        "Infura API key or secret",
        "MetaMask, \"API key secret\": \
         docs.metamask.io/developer-tools/dashboard/how-to/secure-an-api",
        &["infura_api_key", "infura_project_id", "infura_project_secret", "infura_api_key_secret"],
        &[exactly(32, HEX)],
    )
    .severity(Medium)
    .examples(
        "d27f8f663e07387b¦56c27717249134f4\n\
         e817836467e349cc¦5650b582e0184ddf",
        "35c7eafd5ca46cdf421f7c7facf3245\n\
         f7937c579d8273d91e91f55c4733bc5bb",
    ),
    Rule::named(
        "etherscan-key",
        "Etherscan API key",
        "Etherscan, \"Getting an API key\": docs.etherscan.io/getting-an-api-key",
        &["etherscan_api_key"],
        &[exactly(34, UPPER_ALNUM)],
    )
    .severity(Medium)
    .check(check::mixed)
    .examples(
        "KEZM8QKFB4CSWUCPE¦S9CGA7SJUEFPUPPSV\n\
         KD2TW0HSNNUIT5MVN¦FPDCFFOI2MPYRITA2",
        "FML3O6KQ83O55IGM158X94JQ5I883M333\n\
         T7UQ0ASVD9CEQ418ENEUI7LM3B8UKRPZYJ4",
    ),
    Rule::named(
        "wordpress-password",
        "WordPress application password",
        "WordPress, \"Application passwords\": \
         developer.wordpress.org/advanced-administration/security/application-passwords",
        &["wordpress_app_password", "wp_app_password", "wp_application_password"],
        &[exactly(24, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "GBuf9CDoQFFx¦4O49yZHu0os2\nPxgwWitl0EYP¦zU7obGLLDs0d",
        "P7IQOf4DXiAEqowMjyjz69t\ngVFulJ8NWOh2h13jg8B6QeqJs",
    ),
];
