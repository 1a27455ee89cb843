//! Payment, commerce and shipping.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{Critical, Low, Medium};
use super::super::rule::{Rule, at_least, exactly};
use super::super::set::*;

const STRIPE: &str = "Stripe, \"API keys\": docs.stripe.com/keys";
const SQUARE: &str = "Square, \"Access tokens\": developer.squareup.com/docs/build-basics/access-tokens";
const SHOPIFY: &str = "Shopify changelog, \"Length of the shared secret and access token increased\": \
         shopify.dev/changelog";
const BRAINTREE: &str = "Braintree, \"Gateway credentials\": \
         developer.paypal.com/braintree/articles/control-panel/important-gateway-credentials";
const FLUTTERWAVE: &str = "Flutterwave, \"Authentication\": developer.flutterwave.com/docs/authentication";
const PADDLE: &str = "Paddle, \"API authentication\": \
         developer.paddle.com/api-reference/about/authentication";

pub const RULES: &[Rule] = &[
    Rule::token(
        "stripe-secret-key",
        "Stripe secret key, live",
        STRIPE,
        &[Lit("sk_live_"), at_least(24, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "sk¦_live_51FESBXd6h1OXLc2jjBwERT8\n\
         sk¦_live_51B1QdQ3MpuTLFUBVFpEmZnoaZPwjEInJ60vbR2upJ4AwSxdulQC23EXObMJy0DMPIeamQu5fuF\
         rM6VPoyyKhGYH1FVEHTaon0p",
        "sk¦_live_BSMCMRlWwI\nsk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "stripe-test-key",
        "Stripe secret or restricted key, test mode",
        STRIPE,
        &[OneOf(&["sk_test_", "rk_test_"]), at_least(24, ALNUM)],
    )
    .severity(Low)
    .examples(
        "sk¦_test_51QAn8AjDEBUBmGsM0GGQnlv\n\
         rk¦_test_516nGocZziBHa0kQLvWrGWwS3x8kcexP7Kh38uKaek47wIuVVr6cHEsAAgTVCDc1VORJXDMDgKN\
         vCZOXHBV36g2FFmmC6nRUDwT",
        "sk¦_test_d7wTiwIP0q\nsk_test_xxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "stripe-restricted-key",
        "Stripe restricted key, live",
        STRIPE,
        &[Lit("rk_live_"), at_least(24, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "rk¦_live_51pflTNt1xuFSsIwUVH3UP5C\n\
         rk¦_live_51aovHXTsdYj7qi5szqTTE8Q8Hl60dAAzTfpJCOzqKsl0mYoPUaoeATIgoIuV58m9sJKDpRixQK\
         GyZjwQPHw2VPHnJeA6a7XxZI",
        "rk¦_live_ohKCGuEHF2\nrk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "stripe-webhook-secret",
        "Stripe webhook signing secret",
        "Stripe, \"Webhook signatures\": docs.stripe.com/webhooks/signature",
        &[Lit("whsec_"), at_least(32, BASE64_PADDED)],
    )
    .severity(Medium)
    .check(check::mixed)
    .examples(
        "wh¦sec_A71Fc14ho3VECxa3SA8B0QEeNJvs9Ypz\n\
         wh¦sec_db6dabd657f4add7419cc68e0876f89cf0f0fc0315fb9629e45958ee14bde8b5",
        "wh¦sec_sAUADKCbiSAt6CQsrK41\n\
         whsec_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "square-access-token",
        "Square access token",
        SQUARE,
        &[OneOf(&["EAAAE", "EAAAl", "EAAAF"]), at_least(55, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "EA¦AAEmruNdtFJlHLhyIrEpTPWTVJsEbafNHNkutU_U9gLbZbpd_XInWDQTwdPsr1\n\
         EA¦AAlltIpn7o6m6VJ8-deGJVur9Iki4jjrESWirICfaJ31BISeyvgUo7zEtris4M",
        "EA¦AAEDQbx4CRvsF3n3mpO5DJPKRP2QEMmDw-zTmf2J-wD\nEAAAE",
    ),
    Rule::token(
        "square-oauth-secret",
        "Square OAuth secret",
        SQUARE,
        &[OneOf(&["sq0csp-", "sq0atp-", "sq0csb-"]), at_least(22, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "sq¦0csp-idhKyIorrT_s3JhHYNpLU4_nQzPn6qraUjJpl5PsMYG\n\
         sq¦0atp-bN1qewRJS3lRr0dlQMqH1r",
        "sq¦0csp-XolCgECYPeqmI4k\nsq0idp-vh3tSadOc8OxuunCOhRslI",
    ),
    Rule::token(
        "braintree-access-token",
        "Braintree or PayPal access token",
        BRAINTREE,
        &[
            OneOf(&["access_token$production$", "access_token$sandbox$"]),
            at_least(16, LOWER_ALNUM),
            Lit("$"),
            at_least(32, HEX),
        ],
    )
    .severity(Critical)
    .examples(
        "access¦_token$production$n5ef354kijr0arhf$67e8f1d31acea5b0c530cbda3577d40c\n\
         access¦_token$sandbox$wtd5vx0tyr6uux3a$8cab17bdee86572bac947a077545e295",
        "access¦_token$production$owzjqg4plj$246ea4609aa26cee864130f5d4f06814\n\
         access_token$production$",
    ),
    Rule::named(
        "paypal-secret",
        "PayPal client secret",
        "PayPal, \"Get started with PayPal REST APIs\": developer.paypal.com/api/rest",
        &["paypal_client_secret", "paypal_secret"],
        &[Lit("E"), exactly(79, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "EgIUdmte0K3Z9zzmvbsg4Q09RXzeyVGfX1qSqRBDw¦cI9RF0yi3D88khnnD5K-hMzIPaUShP-fmIEHPDH\n\
         EkCkG7kOlz3cF1mzh-upbaf6PgNQZ-grIf8oPvegy¦G43AZ7QoFY0HoYpQ1-NjK8JjrBFncGV_Fdazvf5",
        "EPK_9FHjfk-nLWAM7HVbOuUSYuqrSkH4YRuW7eIfKWywFz3qKTL\n\
         APdXuqGpd3WIbRdcbZo4pP4C0J0ZbnfIEXcOZ_v8CRmk1cSfUpBAFC9gGInas3SahJdaLJQP2bbI3j7p",
    ),
    Rule::token(
        "razorpay-key-id",
        "Razorpay key id",
        "Razorpay, \"API keys\": \
         razorpay.com/docs/payments/dashboard/account-settings/api-keys",
        &[OneOf(&["rzp_live_", "rzp_test_"]), exactly(14, ALNUM)],
    )
    .severity(Low)
    .examples("rzp¦_live_7swkno9SxCsNkj\nrzp¦_test_C0mRpbJzbdbQMr", "rzp¦_live_JETExa9z8F\nrzp_test_key_id"),
    Rule::token(
        "shopify-token",
        "Shopify access token or shared secret",
        SHOPIFY,
        &[OneOf(&["shpat_", "shpca_", "shppa_", "shpss_", "shptka_"]), at_least(32, ANY_HEX)],
    )
    .severity(Critical)
    .examples(
        "sh¦pat_72ad02f462b42c46cc987e8466fda744\n\
         sh¦pss_6ed57f7fac75727fa14701b342ce0188",
        "sh¦pat_1a2970bfd623127d6586\n\
         shpat_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "plaid-access-token",
        "Plaid access token",
        "Plaid, \"Tokens\": plaid.com/docs/api/items",
        &[
            OneOf(&["access-production-", "access-development-", "access-sandbox-"]),
            exactly(36, HEX.or(DASH)),
        ],
    )
    .severity(Critical)
    .examples(
        "access¦-production-6cb3ccba-97d6-4d53-b5af-c82eed503952\n\
         access¦-sandbox-57f9eb71-dd51-4101-a3d0-8a4b34e11658",
        "access¦-production-7ebbdc809a1b4a53d922189c455f43a1\n\
         access-sandbox-only",
    ),
    Rule::named(
        "plaid-secret",
        "Plaid secret",
        "Plaid, \"API keys\": plaid.com/docs/quickstart",
        &["plaid_secret"],
        &[exactly(30, HEX)],
    )
    .severity(Critical)
    .examples(
        "fbd76d48db9e505¦b4d1ed64e5a7f19\n\
         8518ace5543a612¦76599c42a8bed00",
        "262b34c107060be6b1db0e116fedf\n\
         a5e7c2a61be12af63c9c1e063d6131e",
    ),
    Rule::token(
        "mollie-key",
        "Mollie API key or access token",
        "Mollie, \"Authentication\": docs.mollie.com/reference/authentication",
        &[OneOf(&["live_", "test_", "access_"]), exactly(30, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "li¦ve_cvRoLCG3RPJDlXIDbDeTBTiDSRgkh6\n\
         te¦st_rTvQFnQJZgWDD51WO6bEcpXjpiX23y",
        "li¦ve_KYxjl5VmBFTfqPataARpC4brEMAaX\n\
         test_parses_everything_in_time_0",
    ),
    Rule::token(
        "gocardless-token",
        "GoCardless access token",
        "GoCardless, \"API reference\": developer.gocardless.com/api-reference",
        &[OneOf(&["live_", "sandbox_"]), exactly(40, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::random_token)
    .examples(
        "li¦ve_kZX5zO8JLxjQajb7YCSb-cro8WlASCCvLnZgb2eM\n\
         sand¦box_vfmePLr5iEvfGYx7VQa7_hmmS2QLeSK3yg7Vw398",
        "li¦ve_hT13ypZVJZwdCZAdHraaRtoauz9adqwwI\n\
         live_reload_websocket_server_connection_x1",
    ),
    Rule::token(
        "flutterwave-key",
        "Flutterwave secret key",
        FLUTTERWAVE,
        &[OneOf(&["FLWSECK-", "FLWSECK_TEST-"]), at_least(32, ALNUM), Maybe("-X")],
    )
    .severity(Critical)
    .examples(
        "FLW¦SECK-e9110a2c96053bef49911b5dfb7e7540-X\n\
         FLW¦SECK_TEST-f0e55263970fc94df7290ff87b5285e8-X",
        "FLW¦SECK-1a77d52bfd783bc6c450-X\nFLWSECK-key",
    ),
    Rule::token(
        "flutterwave-encryption-key",
        "Flutterwave encryption key, test",
        FLUTTERWAVE,
        &[Lit("FLWSECK_TEST"), Maybe("-"), exactly(12, HEX)],
    )
    .severity(Medium)
    .examples(
        "FLW¦SECK_TESTa4c123b1612d\n\
         FLW¦SECK_TEST-d272d1371c17",
        "FLWSECK_TEST-key\nFLWSECK_TEST149d43953",
    ),
    Rule::token(
        "paddle-key",
        "Paddle API key",
        PADDLE,
        &[OneOf(&["pdl_live_apikey_", "pdl_sdbx_apikey_"]), at_least(26, WORD)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "pdl_live¦_apikey_012ito6ncyts3yjayew2ynk40f_6F56lFFFL6YAAUW7AI84AM_ycM\n\
         pdl_sdbx¦_apikey_01sy0o3dwtqvrs9vqw8q7ur74r_64PSAYoH3eXnZJDnV3Nh0h_4Se",
        "pdl_live¦_apikey_9gt8l0kkc2\npdl_live_apikey_",
    ),
    Rule::token(
        "easypost-key",
        "EasyPost API key",
        "EasyPost, \"Authentication\": docs.easypost.com/docs/authentication",
        &[OneOf(&["EZAK", "EZTK"]), exactly(54, ALNUM)],
    )
    .examples(
        "EZ¦AK0ukZyX7Qr55jzLnvY6ZRiYcApqlHWxmYa6C9lYfGMbeYVdoDGTmxeT\n\
         EZ¦TKvBHiyzJmWEvUKMf1jEhSPnZld3nses31qTyIaMXxCdGXjlq0iNUC9B",
        "EZ¦AKzyUy1ExnbXMbzbADGS8pKO9AK9stm2odQ1E8VEWWUcHiW2tjWc\n\
         EZ¦AKyaBaeZYmiEjS2jeY4VRwGTLSgjmg3qtLk9IhPjY1wawH2VylfdO8c3CaUUJX",
    ),
    Rule::token(
        "shippo-token",
        "Shippo API token",
        "Shippo, \"Authentication\": docs.goshippo.com/docs/guides_general/authentication",
        &[OneOf(&["shippo_live_", "shippo_test_"]), at_least(40, HEX)],
    )
    .examples(
        "shippo¦_live_102d3143a0a530dbbe0f694dff950ae002269c13\n\
         shippo¦_test_898b6784f035945da06bac2968c65af2ac9e121a",
        "shippo¦_live_2b9e386845ce63a46acc75f0dbdf0d\n\
         shippo_test_mode",
    ),
    Rule::token(
        "duffel-token",
        "Duffel access token",
        "Duffel, \"Making requests\": duffel.com/docs/api/overview/making-requests",
        &[OneOf(&["duffel_live_", "duffel_test_"]), at_least(43, BASE64_URL)],
    )
    .examples(
        "duffel¦_live_3KldqXj-m0djjxBq-NX2ayiZokRZCSiNBaA5swlEb9M\n\
         duffel¦_test_Seh47hXkBh7irBYtXXT2YZ0CZQdsBWGFTsnM3G3MWce",
        "duffel¦_live_cB0QfDMskB8AUqZxRXrp\nduffel_test_mode",
    ),
    Rule::token(
        "polar-token",
        "Polar access token",
        "Polar, \"Access tokens\": polar.sh/docs/integrate/oat",
        &[OneOf(&["polar_oat_", "polar_pat_"]), at_least(32, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "polar¦_oat_eqItqmV2lGlMdPmeir40WTpaoj8asHWLSQw5YzFpWqo\n\
         polar¦_pat_MKtmKfYgmtQMGTHJmxLukIlpERijRUQKWXNizie3akc",
        "polar¦_oat_vyEZwPkry6cebnEI1epE\npolar_oat_",
    ),
    Rule::token(
        "xendit-key",
        "Xendit secret API key",
        "Xendit, \"API keys\": docs.xendit.co/docs/api-keys",
        &[OneOf(&["xnd_production_", "xnd_development_"]), at_least(40, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "xnd_prod¦uction_dayGS0JlbATTCNZSf5JHlUhqbYYBc5CdrycRwZ5AliMiN3cttQgsXaAUdws4\n\
         xnd_devel¦opment_k3nnCbrErp6wlQDW9KtazCumgJVVYXV8Tw9jjIl5sesUaJYkO63ECr5lq4xZ",
        "xnd_prod¦uction_e7y7CQ4WUfTDgW1Ok71F\nxnd_production_key",
    ),
    Rule::token(
        "midtrans-key",
        "Midtrans server key",
        "Midtrans, \"Access keys\": docs.midtrans.com/docs/retrieving-api-access-keys",
        &[OneOf(&["Mid-server-", "SB-Mid-server-"]), at_least(20, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "Mid-¦server-rHcVAoI_hSZP7sZ1zdmriNYc\n\
         SB-Mid-¦server-dTwAs6Z6nwghcCYe38PbQTs8",
        "Mid-¦server-hZxAKwaC40\nMid-server-key-of-the-shop",
    ),
];
