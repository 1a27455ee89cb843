//! Chat and telephony, and the webhooks that let anyone write there.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{High, Medium};
use super::super::rule::{Rule, at_least, between, exactly};
use super::super::set::*;

const SLACK: &str = "Slack, \"Token types\": docs.slack.dev/authentication/tokens";
const SLACK_HOOKS: &str = "Slack, \"Sending messages using incoming webhooks\": \
         docs.slack.dev/messaging/sending-messages-using-incoming-webhooks";
const DISCORD: &str = "Discord, \"API reference: Authentication\": discord.com/developers/docs/reference";
const TELEGRAM: &str = "Telegram, \"Bot API: Authorizing your bot\": core.telegram.org/bots/api";
const TEAMS: &str = "Microsoft Teams, \"Create an incoming webhook\": \
         learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook";
const TWILIO: &str = "Twilio, \"API keys\": twilio.com/docs/iam/api-keys";
const MATRIX: &str = "Synapse, handlers/auth.py: github.com/element-hq/synapse";

pub const RULES: &[Rule] = &[
    Rule::token(
        "slack-bot-token",
        "Slack bot token",
        SLACK,
        &[Lit("xoxb-"), between(8, 14, DIGIT), Lit("-"), at_least(16, ALNUM.or(DASH))],
    )
    .examples(
        "xo¦xb-263708718937-5222263062943-Dsqv8Y6GWTmMzZ5jRaXRA69n\n\
         xo¦xb-36334101012-hU2MMDRfzUtuQblbErVjDUXV",
        "xo¦xb-4247-sr8dcuT7TEpaJ28urXQCDam3\n\
         xoxb-your-token-here-and-nothing-else",
    ),
    Rule::token(
        "slack-user-token",
        "Slack user token",
        SLACK,
        &[
            OneOf(&["xoxa-2-", "xoxr-2-", "xoxp-", "xoxs-", "xoxo-", "xoxa-", "xoxr-"]),
            between(8, 14, DIGIT),
            Lit("-"),
            at_least(16, ALNUM.or(DASH)),
        ],
    )
    .examples(
        "xo¦xp-671890656490-171920042991-4162517546595-71995ebecf6a5d3973e803ea2d92d101\n\
         xo¦xp-19847442063-54691264118-906918482151-d50ee7e545283fec9308356e12203f8a",
        "xo¦xp-950-9b1f009722f533832d2937aaeb174878\nxoxp-token",
    ),
    Rule::token(
        "slack-client-token",
        "token of a Slack client's session",
        SLACK,
        &[Lit("xoxc-"), between(8, 14, DIGIT), Lit("-"), at_least(30, ALNUM.or(DASH))],
    )
    .examples(
        "xo¦xc-075837660766-660094210160-1269927083334-1c8591ab4d071e9a02ed49227e94b1b8744513\
         34660c0a85462ed186b516ce6c\n\
         xo¦xc-97824437324-63422448179-038578340618-8a290bceb7fe0150fb8b3813b2f85e4947b25a2a0\
         4e2fb391b8a6883adec6d1e",
        "xo¦xc-052-b1203973321a41643902191d6dbfb6e3cc83a2dbedb92a5673c2ee528c7126d2\n\
         xoxc-token",
    ),
    Rule::token(
        "slack-session-cookie",
        "cookie of a Slack client's session",
        SLACK,
        &[Lit("xoxd-"), at_least(60, BASE64_PADDED)],
    )
    .check(check::mixed_case)
    .examples(
        "xo¦xd-2BMWzKB3CKK3vcyYV2ucviAAHwVgYvuIXkHOEHh455zPN7vwjWLpD3dCSAeWmRMEyB3Ks55lwIXZgn\
         78BvtDuvOEzYTv6KTT9QHxXkuRt2ssSvQZKoeXXZqO\n\
         xo¦xd-xno7Hx5fm2Quedd3Kz8vAp1Z8vIk4DrqhcxVuZKL%2FyiqX3WMJvIpEOHX2a0C23X0cwZG981jtCRM\
         Dr72iK2aVroTip51qh4dBljF3%3D%3D",
        "xo¦xd-buztbNjn1oOeJDB276fJr3W7rWq6WG\nxoxd-cookie",
    ),
    Rule::token(
        "slack-rotated-token",
        "Slack token that expires, or its refresh token",
        SLACK,
        &[Lit("xoxe"), OneOf(&[".xoxb-", ".xoxp-", "-"]), exactly(1, DIGIT), Lit("-"), at_least(100, ALNUM)],
    )
    .examples(
        "xo¦xe.xoxp-1-2IlRpsXGfQ8ZUJUIpyoL5EOhRUwbjTXCA3fCdD9cSOQZret8gd7I2ntIUNeQymZR6Azz3ZP\
         gWWTGdWITeemTgb1Zv95r0Db9YgpWzF6p1b4Ti20tsRP8stYCXz1ZR7ybpvWLcTtX3WP23kQulikHVIyTf0Q\
         w2CiWwKMcsS\n\
         xo¦xe-1-wPwkkvbcT74SsCXUDMIyuF1HIyrkeSh9wwFb5Zi3jAdzh5NJ7edP7XDGPCe6OfGpjYmVcBJX0gLf\
         vRSBKnJjeM0XA2DbOystiU4migqAv6lrxDBHFSFvl9tjVDjQEAAwCEKTcUrEXk916rgy2dv",
        "xo¦xe-1-1gzBxMscwDzLmONhoHNR0CROCYgqWbll3raAeA2Z2teTg7gLeO\n\
         xoxe-1-token",
    ),
    Rule::token(
        "slack-app-token",
        "Slack app-level token",
        SLACK,
        &[
            Lit("xapp-"),
            exactly(1, DIGIT),
            Lit("-"),
            at_least(9, UPPER_ALNUM),
            Lit("-"),
            at_least(10, DIGIT),
            Lit("-"),
            at_least(40, LOWER_ALNUM),
        ],
    )
    .examples(
        "xa¦pp-1-AXK48Y1NUL1-1586686404995-a63cde5f8d5dfdf5e5c52a7196ef2dead3b096a9a9f33c690d\
         4410345f93019b\n\
         xa¦pp-1-AG3IGO2QRNN-0212881683703-c1d2d4ce1465408b152befef0bfceb15dedca41d37db31db78\
         2bce1f293889ca",
        "xa¦pp-1-AXH2EJYW0HW-8357354491543-c20eb9fc5a1c816c3532\n\
         xapp-1-token",
    ),
    Rule::within(
        "slack-webhook",
        "Slack incoming webhook",
        SLACK_HOOKS,
        &[Lit("hooks.slack.com/services/")],
        &[at_least(8, UPPER_ALNUM), Lit("/"), at_least(8, UPPER_ALNUM), Lit("/"), at_least(20, ALNUM)],
        &[],
    )
    .examples(
        "https://hooks.slack.com/services/«T¦YHV906RZ/BXXAMMC45/jb6er0U5Q8HW9Lg3SXtf0K56»\n\
         https://hooks.slack.com/services/«T¦SPHKPN4OO5/BD3T273BV6U/lNYzHF9x8oP6YRcySAqipClq»",
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX\n\
         https://hooks.slack.com/services/",
    ),
    Rule::within(
        "slack-workflow-webhook",
        "Slack workflow webhook",
        "Slack, \"Build a workflow with a webhook trigger\": \
         slack.com/help/articles/360041352714",
        &[Lit("hooks.slack.com/"), OneOf(&["workflows/", "triggers/"])],
        &[
            at_least(8, UPPER_ALNUM),
            Lit("/"),
            at_least(8, ALNUM),
            Lit("/"),
            at_least(12, ALNUM),
            Maybe("/"),
            at_least(0, ALNUM),
        ],
        &[],
    )
    .examples(
        "https://hooks.slack.com/workflows/«T¦0TRTRJ9A/AQGXTS1G4/415662497463252592/BQJcFDoWZ\
         qoNa2AoG3Idleuv»\n\
         https://hooks.slack.com/triggers/«T¦EXICUYMN/5918775385197/b5f4d164b2833ebe83613ce25\
         387aa15»",
        "https://hooks.slack.com/workflows/T/A\n\
         https://hooks.slack.com/triggers/",
    ),
    Rule::named(
        "discord-bot-token",
        "Discord bot token",
        DISCORD,
        &["discord_token", "discord_bot_token", "bot_token", "discord_api_token"],
        &[
            between(22, 30, BASE64_URL),
            Lit("."),
            between(6, 7, BASE64_URL),
            Lit("."),
            at_least(27, BASE64_URL),
        ],
    )
    .check(check::mixed_case)
    .examples(
        "MKqYDS8BrCtp3dIGUDeIY8mm4Z¦.GDZuPX.wvCJa9bsVriWDh6w_hvdBrX4x7cpIcME43YBKr\n\
         NCSnB7P0ogWzNa2ikCo5oDbr¦.Xa1Jqs.Ent9n1KVccyfMqFz3dFhs7KDeLB",
        "MJO0P7JCBrGVcEVm57v8Uksp6x.GDg7So.bSGIJ9nt_bS1Zhmk-t6y\n\
         config.discord.token",
    ),
    Rule::within(
        "discord-authorization",
        "Discord bot token in a header",
        DISCORD,
        &[Lit("Authorization: Bot ")],
        &[
            between(22, 30, BASE64_URL),
            Lit("."),
            between(6, 7, BASE64_URL),
            Lit("."),
            at_least(27, BASE64_URL),
        ],
        &[],
    )
    .examples(
        "Authorization: Bot «M5EWYQhwoT4318HCqfZeSBXr7Q¦.GhYkGO.daqZ0F9j74QTph9D9BRDOvGj9gcY5\
         5CPE8VxNl»\n\
         -H 'Authorization: Bot «NRnt2fzmk9nyEewbPbd1MP3U¦.X0xSVF.NKXWknE9J2KPeS_nVSSU4qooth7\
         »'",
        "Authorization: Bot <token>\n\
         Authorization: Bot MP6xUXUphlWu5tRrKFdIiIRsqo",
    ),
    Rule::within(
        "discord-webhook",
        "Discord webhook",
        "Discord, \"Webhook resource\": discord.com/developers/docs/resources/webhook",
        &[
            OneOf(&["discord.com/api/", "discordapp.com/api/"]),
            Maybe("v10/"),
            Lit("webhooks/"),
            between(17, 20, DIGIT),
            Lit("/"),
        ],
        &[at_least(60, BASE64_URL)],
        &[],
    )
    .examples(
        "https://discord.com/api/webhooks/724114036654878495/¦«6nULe2fZ2edT0RUt6efhPuc_ARc4ND\
         LyFj1_PgIGijK3b6Lq3-DuDxym8NJ2vAalVAMY»\n\
         https://discordapp.com/api/v10/webhooks/6058764072781948837/¦«MHC495JwLMutH0d_lAHzsu\
         PDv8taWZbQFgtRWErw8CWlBkwXtdQ5KtorCaNTWhjEL3nL»",
        "https://discord.com/api/webhooks/525130535204596551/\n\
         https://discord.com/api/webhooks/394025790760639576/FLlnlDHI4FMXXK1tT98y",
    ),
    Rule::within(
        "telegram-bot-url",
        "Telegram bot token in a URL",
        TELEGRAM,
        &[Lit("api.telegram.org/"), Maybe("file/"), Lit("bot")],
        &[between(8, 10, DIGIT), Lit(":"), at_least(35, BASE64_URL)],
        &[],
    )
    .examples(
        "https://api.telegram.org/bot«3544809352:A¦AzU2UcuTc4XoSlV7L9yIooUZkX3ogi4IkG»/getMe\n\
         https://api.telegram.org/file/bot«243572320:A¦AIN5VnXk0YG20rNMdDAFXdCw5_oOhMPtng»/x",
        "https://api.telegram.org/bot<token>/getMe\n\
         https://api.telegram.org/bot3563704388:AvjTJvxcPSt/getMe",
    ),
    Rule::named(
        "telegram-bot-token",
        "Telegram bot token",
        TELEGRAM,
        &[
            "telegram_token",
            "telegram_bot_token",
            "bot_token",
            "tg_token",
            "tg_bot_token",
            "telegram_api_token",
        ],
        &[between(8, 10, DIGIT), Lit(":"), at_least(35, BASE64_URL)],
    )
    .examples(
        "4475001836:A¦APv47JobmP0-HjseE2wQcKbpet-l4XXCV7\n\
         090524921:A¦AMcwdjdiJhn4X5VmDHyJsYxnV72bwxMJm1",
        "3359231:A¦A52tsqWugA-E7TO4LKqh-YVKYGCpZL-LX1\n\
         8555835669:A¦ARYnvWuBTJ6z5A9AU8Csy",
    ),
    Rule::within(
        "teams-webhook",
        "Microsoft Teams incoming webhook",
        TEAMS,
        &[Lit(".webhook.office.com/webhookb2/")],
        &[
            exactly(36, HEX.or(DASH)),
            Lit("@"),
            exactly(36, HEX.or(DASH)),
            Lit("/IncomingWebhook/"),
            at_least(32, ALNUM),
            Lit("/"),
            at_least(36, ALNUM.or(DASH)),
            Maybe("/"),
            at_least(0, BASE64_URL),
        ],
        &[],
    )
    .anywhere()
    .examples(
        "https://acme.webhook.office.com/webhookb2/«cf3d6ba5-69ea-4526-b26d-ae8ef75b0e9c@¦671\
         fe973-f906-4780-a4fa-8a46c85693e4/IncomingWebhook/070287219fe3f40f0658240b80b60fb7/a\
         93f79a7-b41a-4537-a581-14e1e37e896d»\n\
         https://acme.webhook.office.com/webhookb2/«2977fd6c-8a60-4f2d-a4fd-e9a19c4d99ff@¦790\
         edcf9-210d-48d2-a1e1-7974c33e8f53/IncomingWebhook/3eb296cffd3441135ae9eec35f7cfa58/d\
         1fafaa4-6734-4683-846b-cba4b72e8acb/V2mFF3aSBdMEuhZdy052Bt2p_V6mVSLlgRYexmIXwGNN»",
        "https://acme.webhook.office.com/webhookb2/\n\
         https://acme.webhook.office.com/webhookb2/069fe7de-71d5-41ff-8fd5-b5ebafb00f53",
    ),
    Rule::within(
        "google-chat-webhook",
        "Google Chat webhook",
        "Google Chat, \"Build a webhook\": \
         developers.google.com/workspace/chat/quickstart/webhooks",
        &[Lit("chat.googleapis.com/v1/spaces/"), at_least(8, BASE64_URL), Lit("/messages?key=")],
        &[at_least(35, BASE64_URL), Lit("&token="), at_least(40, BASE64_PADDED.or(BASE64_URL))],
        &[],
    )
    .examples(
        "https://chat.googleapis.com/v1/spaces/34WAYa24lYC/messages?key=«AI¦zaSyD7aWZU_SG5uWZ\
         aBE1Wtq0CIgC1kfFAxqH&token=MuuFggw2UvOZcjcZEFzJ9Ts4z0GejjQZCd2an-_8wnV»\n\
         https://chat.googleapis.com/v1/spaces/frbPeFBDpn5/messages?key=«AI¦zaSyQ6MNFKbwCdaHo\
         KvnjGoKFbOd2umdeKhbX&token=OPwKL0PfI-I0Pqh2_0bFnZ9dAgqsVXO2An5vIF0yGfj%3D»",
        "https://chat.googleapis.com/v1/spaces/sDDhbYAgKf9/messages\n\
         https://chat.googleapis.com/v1/spaces/KKZNLnG2oNt/messages?key=KEY",
    ),
    Rule::named(
        "twilio-auth-token",
        "Twilio auth token or API key secret",
        TWILIO,
        &["twilio_auth_token", "twilio_token", "twilio_api_secret", "twilio_api_key_secret"],
        &[exactly(32, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "adf2c0e1addcf469¦bdfa1c8b24e65a3c\n\
         1GywOG7ZF4kMpEnI¦Wgtn0JNKHqI1k2wE",
        "65b45002144893f02de7ae4c9ab0bbe\n\
         d7aee88dad7fc514682443ab7b5fbc1d4",
    ),
    Rule::named(
        "twilio-api-key",
        "Twilio API key id",
        TWILIO,
        &["twilio_api_key", "twilio_api_key_sid", "twilio_key"],
        &[Lit("SK"), exactly(32, HEX)],
    )
    .severity(Medium)
    .examples(
        "S¦K526127618e7465daaf9f19955d522416\n\
         S¦Kda2e25b0b41063c0fe229eb2120e0e46",
        "SKf17fc5f8ac4e8977575dbdb7467d893\n\
         AC6bbd3a4c744fe8e7dfad71efb046b319",
    ),
    Rule::named(
        "vonage-secret",
        "Vonage API secret",
        "Vonage, \"Authentication\": \
         developer.vonage.com/en/getting-started/concepts/authentication",
        &["vonage_api_secret", "nexmo_api_secret"],
        &[exactly(16, ALNUM)],
    )
    .check(check::mixed)
    .examples("cr6ojbbt¦8YXRs1oM\nXjenK8VU¦lIgMag9U", "PaCsUKzaO2oLUNj\nq06vaeYCyhtERmzUd"),
    Rule::token(
        "matrix-access-token",
        "Matrix access token of Synapse",
        MATRIX,
        &[Lit("syt_"), at_least(30, BASE64_URL)],
    )
    .check(check::synapse)
    .examples(
        "sy¦t_kQl2J349CObY_cwbvedoEVapNCBnrnDEE_tqtuAJ\n\
         sy¦t_ZAU39pu9_rJRnZjjEjwjvZahRIvzl_3NhUNK",
        "sy¦t_1OPb7MhOSdWi_LUUSfxvFOO_dkKOvU\nsyt_a_b_c",
    ),
    Rule::named(
        "zoom-secret",
        "Zoom client secret",
        "Zoom, \"Server-to-server OAuth\": developers.zoom.us/docs/internal-apps/s2s-oauth",
        &["zoom_client_secret", "zoom_secret"],
        &[exactly(32, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "dOvKt0h3ZkGYPgv9¦Wvkuor7pdf6jFbgB\n\
         Dj3YVNT6NNi7KkrS¦8uE7jpMO2iQHTHaJ",
        "aa4QucXvGWqmQsjkQRbu5M9ozI8C9FZ\n\
         9eoKR9zLYALkKzq5EnAX8hKXHiGpJ5cTI",
    ),
    Rule::named(
        "mattermost-token",
        "Mattermost access token",
        "Mattermost, \"Personal access tokens\": \
         developers.mattermost.com/integrate/reference/personal-access-token",
        &["mattermost_token", "mattermost_access_token", "mm_token"],
        &[exactly(26, LOWER_ALNUM)],
    )
    .severity(High)
    .check(check::mixed)
    .examples(
        "fw8qf4owe0ccc¦4ghv0ff39c4dg\nkzx7amprbx56m¦dmeoes15kf2zu",
        "pmrwl3oqp5p0loiwjmlwip7qi\nw9x9uzi1kv5kfkudvdrzheuj2jo",
    ),
    Rule::named(
        "line-channel-token",
        "LINE channel access token",
        "LINE, \"Channel access token\": \
         developers.line.biz/en/docs/basics/channel-access-token",
        &["line_channel_access_token", "channel_access_token"],
        &[at_least(140, BASE64_PADDED)],
    )
    .check(check::mixed_case)
    .examples(
        "365ajgxGsxgeXUXa1CrZm72qN2vGbjhu8pX0mbwzu7SNIJ43t5zKFGzB8LwacQyT+3j97NhiDC30b6Gw/r6P\
         h¦NXFLe2oZhy62GOYJhcB5llqt7+PofeOEhvx4HwX3LOUXtXiRzsGGTZQX3aMX3jwhzoxMoeas3nt0IdM3pB\
         8Pe=\n\
         thgh9p77qj0r7ztEhpK6MPD9iGkTKSFiJ0LgC3LwU32fPH0Meb+9ObzO7wcz1cTCzX9nXstD6SHA4hZ2Mo5O\
         X¦z6VsE9hkNT9Nb1GmrD03pxqDpJHSlmr51MOJKX+XHQIZJSGQSC6p1EaPxPvDvK/yCf6LqaIGBvdq9L79Vd\
         dOb=",
        "jKJP3UkkC8qHN+gBKLMkotJOcTIU49PsFHgLGh/jnRBWEFOVLPXs+ijU1EEQ34vm6H8eHUHu73K5ka8H1HNk\
         jdKkb0f40EJzoXOW\n\
         fd60728e2d981af52c7533b6bbd185adff05ec14d588e140a37e5171fd9007b0",
    ),
];
