//! Mail and marketing.

use super::super::check;
use super::super::rule::Part::{Lit, OneOf};
use super::super::rule::Severity::{Critical, Medium};
use super::super::rule::{Rule, at_least, between, exactly};
use super::super::set::*;

const MAILGUN: &str = "Mailgun, \"API keys\": \
         documentation.mailgun.com/docs/mailgun/api-reference/mg-auth";
const BREVO: &str = "Brevo, \"Authentication\": developers.brevo.com/docs/getting-started";
const POSTMARK: &str = "Postmark, \"API overview\": postmarkapp.com/developer/api/overview";

pub const RULES: &[Rule] = &[
    Rule::token(
        "sendgrid-key",
        "SendGrid API key",
        "SendGrid, \"API keys\": twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
        &[Lit("SG."), between(16, 32, BASE64_URL), Lit("."), at_least(40, BASE64_URL)],
    )
    .examples(
        "S¦G.KVn-ZvgScwTHYmt2m7TyNx.2jfP5dtNwAIKSC0-17Trdb1y2S7gfdyJqjuTBjOgaZx\n\
         S¦G.0b4ej3ghjNK4qRDtAryRdT.MBw2xOl6MNve4fPEPxU1FyI6HoinJc2MhtYRmKO1_r2",
        "S¦G.8aInsNsi-fDVvE6vZpJkfd.fYp_PSsIkUwf55sd7vrh\n\
         SG.MessageBoxCaption.with_another_word",
    ),
    Rule::token("mailgun-key", "Mailgun API key", MAILGUN, &[Lit("key-"), exactly(32, LOWER_ALNUM)])
        .check(check::mixed)
        .examples(
            "ke¦y-e8334d7d7081a8936fc7cf5fec9f9c24\n\
         ke¦y-c8vkpu066see35073pq3cu7jruq4r87f",
            "key-ef61dccfd63425ac6a2578c6721230b\n\
         key-b2a6195b4587cbe0c4ac787ee085d486954f40d1",
        ),
    Rule::named(
        "mailgun-key-value",
        "Mailgun API or signing key",
        MAILGUN,
        &["mailgun_api_key", "mailgun_key", "mailgun_signing_key", "mailgun_webhook_signing_key"],
        &[exactly(32, HEX), Lit("-"), exactly(8, HEX), Lit("-"), exactly(8, HEX)],
    )
    .examples(
        "43193508e9ab9354673e745a007c28de-¦86483889-a695a72d\n\
         41ad7ea4dc40d5a3bff244cb1e5513c7-¦34180da7-705db891",
        "20e7dd5009196e0167da45ef928ce28f-38b19328\n\
         cf68fded6aee4977802689cc0f0cbc-f49d8bdf-8c94ac61",
    ),
    Rule::token(
        "mailchimp-key",
        "Mailchimp API key",
        "Mailchimp, \"About API keys\": mailchimp.com/help/about-api-keys",
        &[exactly(32, HEX), Lit("-us"), between(1, 2, DIGIT)],
    )
    .examples(
        "01e6c3d74f71117e¦a3a42b8c034c368c-us7\n\
         093a382e8a53afc0¦034124edaa59ca79-us21",
        "f2f0618006edee1b0af6920aab73b67-us7\n\
         1299a6e426fd5d46a5fc68f9ea18cab1-eu1",
    ),
    Rule::named(
        "mandrill-key",
        "Mailchimp Transactional (Mandrill) API key",
        "Mailchimp, \"Transactional API\": \
         mailchimp.com/developer/transactional/guides/quick-start",
        &["mandrill_api_key", "mandrill_key", "mandrill_apikey"],
        &[between(22, 25, BASE64_URL)],
    )
    .check(check::mixed_case)
    .examples(
        "md-FCmoFBLpRWA¦asPFsUGp8LI\n22dOSOMVPxZ¦s5e3AAviRKH",
        "xGljLEPFVqw2lycLY68h\nsbLHDF4v9in6p50TqdnU9H8wtv",
    ),
    Rule::named(
        "postmark-token",
        "Postmark server or account token",
        POSTMARK,
        &[
            "postmark_server_token",
            "postmark_api_token",
            "x_postmark_server_token",
            "x_postmark_account_token",
            "postmark_account_token",
        ],
        &[exactly(36, HEX.or(DASH))],
    )
    .check(check::uuid)
    .examples(
        "9dece487-12d1-47ed-a1c9-1295c6dd88d2\n\
         e27b1855-6621-4458-9ded-5b609d1bf0e5",
        "42f952efe9a1ab905ba679c9d337f87f4a34\n\
         436974fa4ebfc26116337de84b4d60f2",
    ),
    Rule::token(
        "brevo-key",
        "Brevo API key",
        BREVO,
        &[Lit("xkeysib-"), exactly(64, HEX), Lit("-"), at_least(16, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "xkey¦sib-99581f094ed671d87ab87877f1682d7cfaa6cb2cfa26fb29a18a565d469b63a0-tuMlP9q02J\
         eZ3Tga\n\
         xkey¦sib-b6ea173647d5c07b19465bf36c0275d7f2bc076a40dbec035876496692ba04f0-H16wHKU4Ab\
         sxhMCM",
        "xkey¦sib-f4662a33afc9ea8846c76e0ea2522596db577bab771b7fb7f08d34e74dea-FbrLiFZzb0BPj4\
         6n\n\
         xkeysib-key",
    ),
    Rule::token(
        "brevo-smtp-key",
        "Brevo SMTP key",
        BREVO,
        &[Lit("xsmtpsib-"), exactly(64, HEX), Lit("-"), at_least(16, ALNUM)],
    )
    .examples(
        "xsmtp¦sib-dd975cc0854cb27b00464641af2af1bb86e0c36f8037a3322e0082472abc15f7-XKwDJ95Kj\
         6tXCOsK\n\
         xsmtp¦sib-422383aeacf8e009b1aeb329f425b327e17c9178ae773f8b322bf2ca52cb9eda-SnJPzJrOX\
         lqdlas7",
        "xsmtp¦sib-e0062a8d4b65925ba3d98b61404dfe33103864ebcbab67fbdc5a57eb8c2a-QtRLxA6RsJAFF\
         nQf\n\
         xsmtpsib-key",
    ),
    Rule::token(
        "resend-key",
        "Resend API key",
        "Resend, \"Introduction\": resend.com/docs/api-reference/introduction",
        &[Lit("re_"), exactly(8, ALNUM), Lit("_"), exactly(24, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "re¦_veAgNC2x_kC5EBaPnSAWSswAf9EQwaJTy\n\
         re¦_mA2gahwb_k9AqRCoSUDzXxCGYwhmb9ZQO",
        "re_a3lHI1Eo_4qCsH2XbWnYXdvRAcQvi\n\
         re_compiled_abcdefghijklmnopqrstuvwx",
    ),
    Rule::named(
        "sparkpost-key",
        "SparkPost API key",
        "SparkPost, \"Authentication\": developers.sparkpost.com/api",
        &["sparkpost_api_key"],
        &[exactly(40, HEX)],
    )
    .examples(
        "43a0bd5b719d624997bc¦85668af8b8abcd3b4c86\n\
         a3dc325188195cf56ff7¦3b45165077627db9c545",
        "b237aaa2b41475db506b1a7efd76fccb0a5897a\n\
         638c8e34d0bc092cc4155d2d0e8d982accb6674ec",
    ),
    Rule::named(
        "mailjet-secret",
        "Mailjet secret key",
        "Mailjet, \"Authentication\": \
         dev.mailjet.com/email/reference/overview/authentication",
        &["mj_apikey_private", "mailjet_secret_key", "mailjet_api_secret"],
        &[exactly(32, HEX)],
    )
    .examples(
        "3cdfeb1514e5dea5¦c3b7eb64b6cc1fc5\n\
         01d5a1e6607600da¦f3725d08ed446dcc",
        "99ec8bcac107c439d2d040b527181de\n\
         ae9470f83df9eefb0ef94b2848e6befc4",
    ),
    Rule::token(
        "mailersend-token",
        "MailerSend API token",
        "MailerSend, \"Authentication\": developers.mailersend.com/general.html",
        &[Lit("mlsn."), at_least(64, HEX)],
    )
    .examples(
        "ml¦sn.7943da231ff42927b28a5bda56c26b028cfd7dec7d18a619653a209615cfabc1\n\
         ml¦sn.ec6f28e9531bca507a8252eaade2c1ef8af565296f1c80264432f80dbbb29580",
        "ml¦sn.1bd7d8d7fdd6591a272b497700b6b3d5117fb031\nmlsn.token",
    ),
    Rule::named(
        "klaviyo-key",
        "Klaviyo private API key",
        "Klaviyo, \"Authenticate API requests\": \
         developers.klaviyo.com/en/docs/authenticate_",
        &["klaviyo_api_key", "klaviyo_private_key", "klaviyo_private_api_key"],
        &[Lit("pk_"), at_least(34, WORD)],
    )
    .check(check::mixed)
    .examples(
        "pk¦_865b247ea1b31baff543492fa940d7324f\n\
         pk¦_UCAlmd_52de4272fd94a6575d23ad9865a071d84f",
        "pk_320e963d98625ec068018c26e6b1fd\npk_key",
    ),
    Rule::named(
        "aws-ses-password",
        "Amazon SES SMTP password",
        "Amazon SES, \"Obtaining SMTP credentials\": \
         docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html",
        &["ses_smtp_password", "smtp_password", "aws_ses_password"],
        &[Lit("B"), exactly(43, BASE64)],
    )
    .check(check::mixed_case)
    .examples(
        "B¦QcZ1wo2KlnrGSudW1msPTfwBZ3bFzN+pD+kGYiakARz\n\
         B¦Srw2YfYOQW1gJJr/KBYZcGigr0ZHDpJooK+8086P7Eh",
        "Bwsjz6x6nzjkrgIwZJzmY/GERSZ8SUE\n\
         CpGxrF3G+KnzsWdVPLVCQguAsNYejEmsI8EbNaoDeXec",
    ),
    Rule::token(
        "hubspot-token",
        "HubSpot private app token",
        "HubSpot, \"Private apps\": \
         developers.hubspot.com/docs/guides/apps/private-apps/overview",
        &[
            OneOf(&["pat-na1-", "pat-na2-", "pat-na3-", "pat-eu1-", "pat-ap1-"]),
            exactly(36, ANY_HEX.or(DASH)),
        ],
    )
    .severity(Critical)
    .check(check::prefixed_uuid)
    .examples(
        "pat¦-na1-848e7aa7-e0fa-4375-92c2-4f62772c0c29\n\
         pat¦-eu1-c29434ef-622c-4f05-9779-b420708c77c0",
        "pat-na1-275ba8b19d72cfd8a8be6e01d4ed5b637a59\n\
         pat-na9-da9795b1-d6ca-4f04-a896-2483a26c8375",
    ),
    Rule::named(
        "loops-key",
        "Loops API key",
        "Loops, \"API introduction\": loops.so/docs/api-reference/intro",
        &["loops_api_key"],
        &[exactly(32, HEX)],
    )
    .severity(Medium)
    .examples(
        "09b974cff4f5286e¦302034998bae5083\n\
         a7f7b99acd8cd3df¦67c3c9b7fd5d9bbc",
        "0c66c89e1d4eb5adca8613c1d5997ae\n\
         c5bc7b860cc1826d274a214d295fa17ca",
    ),
    Rule::token(
        "onesignal-key",
        "OneSignal API key",
        "OneSignal, \"Keys & IDs\": documentation.onesignal.com/docs/en/keys-and-ids",
        &[OneOf(&["os_v2_app_", "os_v2_org_"]), at_least(80, LOWER_BASE32)],
    )
    .examples(
        "os_v2¦_app_yyksmdfloidvcn52qvseke6kwzrsyy3voopln3ieoohxie5aaykgztu6gw7v5n47kpdmdrpqx\
         kv5ozhof7e7oerpc6dgqv43uywsrlr\n\
         os_v2¦_org_wglsazrwhit4y7fl53wwdfatuymyqpf7vhx2ehdjl7hctpca3jazmnbhf35tot7ueuj4hhvn7\
         4wb5qltjocsh2zlxrhobzrdrq7joie",
        "os_v2¦_app_o7lyznqd5xqy24qx3v52xyqt3nkrcgu7njdklscy\n\
         os_v2_app_key",
    ),
];
