//! Continuous integration, code quality and testing services.

use super::super::check;
use super::super::rule::Part::{Lit, OneOf};
use super::super::rule::Severity::{Critical, Medium};
use super::super::rule::{Rule, at_least, between, exactly};
use super::super::set::*;

const SONAR: &str = "SonarQube, \"Generating and using tokens\": \
         docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens";
const SNYK: &str = "Snyk, \"How to obtain and authenticate with your Snyk API token\": \
         docs.snyk.io/snyk-api/authentication-for-api";
const LAUNCHDARKLY: &str = "LaunchDarkly, \"API access tokens\" and \"SDK credentials\": \
         launchdarkly.com/docs/home/account/api";
const HARNESS: &str = "Harness, \"Manage API keys\": \
         developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys";
const PERCY: &str = "Percy, \"Environment variables\": \
         browserstack.com/docs/percy/get-started/percy-token";

pub const RULES: &[Rule] = &[
    Rule::token(
        "buildkite-token",
        "Buildkite API access token",
        "Buildkite, \"Managing API access tokens\": \
         buildkite.com/docs/apis/managing-api-tokens",
        &[Lit("bkua_"), at_least(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "bk¦ua_a3aaad7208d7ad6fe00c8dc5b5718457a2440d86\n\
         bk¦ua_91aaba5efb83ca8010c2b8b87d08c51701495b88",
        "bk¦ua_9aa4dd5933d6e6cbe4255954f8492b\nbkua_token",
    ),
    Rule::token(
        "circleci-token",
        "CircleCI personal or project token",
        "CircleCI, \"Managing API tokens\": circleci.com/docs/managing-api-tokens",
        &[OneOf(&["CCIPAT_", "CCIPRJ_"]), at_least(20, ALNUM), Lit("_"), at_least(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "CCI¦PAT_tJmD0X7sqw89VUppwdeGdK_670234c4d3203e83160ab2563d9207328758c446\n\
         CCI¦PRJ_O29EatGcwRikJlw8pIbRXk_28ead67fccbe9bb5d181a904ecb1c9278e1517de",
        "CCI¦PAT_NjizkNOG01LS6TaBaUk2zV_c72648cd445ce4d45755\n\
         CCIPAT_TOKEN",
    ),
    Rule::named(
        "circleci-token-value",
        "CircleCI token (before 2023)",
        "CircleCI, \"Managing API tokens\": circleci.com/docs/managing-api-tokens",
        &["circle_token", "circleci_token", "circleci_cli_token", "circle_ci_token"],
        &[exactly(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "6e0631ff7fc17c2d6fb8¦40f492ed30035d2802a6\n\
         505ff40d8de96f16f7a6¦55a29174615518f3ce49",
        "d25914f85766e69702180bedec30079498c81aa\n\
         3080df2b5769fe8da9c3e67376834499ef8a075c4",
    ),
    Rule::named(
        "travis-token",
        "Travis CI token",
        "Travis CI, \"Triggering builds with API V3\": \
         docs.travis-ci.com/user/triggering-builds",
        &["travis_token", "travis_api_token"],
        &[between(20, 22, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "HYjHEHbH7cY¦qWy5ZYrZf7e\nllEtG2x0IK¦EIkNhSd3p18",
        "gF5jbylk2d4t278WPi\njfbkTmhuRthSZtUy4JUZPZbJ",
    ),
    Rule::named(
        "drone-token",
        "Drone token",
        "Drone, \"CLI\": docs.drone.io/cli/configure",
        &["drone_token"],
        &[exactly(32, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "Dsjs3EsBCrjKKfJ1¦H73clWJnsM7g3orm\n\
         7LjBoP7FbhjUSVvt¦kXO7x5W8cT6dkBAs",
        "R58BilZFtS0UqqvRcO28uOUy71AxTGG\n\
         PMatyCm4sLV1yLIdmD7tLmatahX5sDleO",
    ),
    Rule::named(
        "jenkins-token",
        "Jenkins API token",
        "Jenkins, \"Authenticating scripted clients\": \
         jenkins.io/doc/book/system-administration/authenticating-scripted-clients",
        &["jenkins_token", "jenkins_api_token"],
        &[Lit("11"), exactly(32, HEX)],
    )
    .severity(Critical)
    .examples(
        "1¦1f3758751a2ecca1e6b0659626e295939\n\
         1¦1a7722e5ed2ce2a4c9b3362ccd3bbf95b",
        "11788812b2e90e778b7bc5423fd98360\n\
         1283b7c7919861a90242d3945b595d2b32",
    ),
    Rule::token(
        "teamcity-token",
        "TeamCity access token",
        "TeamCity, \"Access tokens\": \
         jetbrains.com/help/teamcity/configuring-your-user-profile.html",
        &[Lit("eyJ0eXAiOiAiVENWMiJ9."), at_least(20, BASE64_URL), Lit("."), at_least(20, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "eyJ0eXAi¦OiAiVENWMiJ9.l4qBUiSMUqhZXXaVdSZqY_4EISyeA-RkBA8fsGgA.4iUsYlWJRJVgwEWM7dbxI\
         GqY7zHijxwzDfkXMRhGFhv-tpDM\n\
         eyJ0eXAi¦OiAiVENWMiJ9.A7DfPGF74wpuEY3R5Ss1kL4LMdXZMmIvMkPx1tZy.CGXit8GModDMVqqmUdIOm\
         wzzNSgW_fbmhpMzdnTa6Bvv0rHQ",
        "eyJ0eXAi¦OiAiVENWMiJ9.saBozoXx6JlrX0ZfCX4IiFV5fYAx_Pa1GDzwQwkU\n\
         eyJ0eXAi¦OiAiVENWMiJ9",
    ),
    Rule::named(
        "appveyor-token",
        "AppVeyor API token",
        "AppVeyor, \"API\": appveyor.com/docs/api",
        &["appveyor_api_token", "appveyor_token"],
        &[Lit("v2."), at_least(20, LOWER_ALNUM)],
    )
    .examples("v¦2.1h6al13kcfoa7hzvyojc\nv¦2.92s7nfw8ng75cris3bv7", "v2.ztxk0zeqoc\nv1.6yjug5bsi5zr706vn4oh"),
    Rule::named(
        "codecov-token",
        "Codecov upload token",
        "Codecov, \"Codecov tokens\": docs.codecov.com/docs/codecov-tokens",
        &["codecov_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .severity(Medium)
    .check(check::uuid)
    .examples(
        "45cf3478-fef1-43ec-a953-f137c7b31ee1\n\
         df14ede4-1e96-437c-b0ba-51201392c79b",
        "553849ff82e1b7d3dc075c4b4b11525665eb\n\
         2b4ba106b9c5f642b11bb24152808484",
    ),
    Rule::named(
        "coveralls-token",
        "Coveralls repository token",
        "Coveralls, \"API\": docs.coveralls.io/api-introduction",
        &["coveralls_repo_token", "coveralls_token", "repo_token"],
        &[between(32, 33, ALNUM)],
    )
    .severity(Medium)
    .check(check::mixed)
    .examples(
        "Bn2EQa2Qfql9y8X0¦AJrmjRg8sWCHKJL5S\n\
         xXXjzs7MFQMwJujl¦pVpSdKH0zYzHXUW1",
        "JoUEZcLzvhGwXga0AvLpikzf1HQA76h\n\
         FrTyCFonvPvXxZ6ILrBy62RR6213ngaWvK",
    ),
    Rule::named(
        "code-climate-token",
        "Code Climate reporter id",
        "Code Climate, \"Configuring test coverage\": \
         docs.codeclimate.com/docs/configuring-test-coverage",
        &["cc_test_reporter_id", "code_climate_token", "qlty_coverage_token"],
        &[exactly(64, HEX)],
    )
    .severity(Medium)
    .examples(
        "57e8db107e22adaf3c8a964494b22ff3¦bace9adfda8db7d7bf0a72b5e3087c5a\n\
         d8a78970061cdc7716399820db90f078¦f4f0127bfe7384185c26e87c41a8004a",
        "536c0254122eee3068aff54d9dcab69cdf102b98c9ba1d06582402fcc34ec02\n\
         47d5c0d1d5c3a1ab6201949ecb42edc16b5c745aad8cfa9b28ec4470e9836f4a1",
    ),
    Rule::named(
        "codacy-token",
        "Codacy project token",
        "Codacy, \"Project API tokens\": docs.codacy.com/codacy-api/api-tokens",
        &["codacy_project_token"],
        &[exactly(32, HEX)],
    )
    .severity(Medium)
    .examples(
        "ca3175a0c4fd1c4c¦ac3acb06455951db\n\
         a39a56e33f35b7f2¦c82f5313d78f4767",
        "589e59901fc3de5ec7d6a6f7b572d8b\n\
         16ba755d34f01bed84246cf9adbecfb81",
    ),
    Rule::token(
        "sonarqube-token",
        "SonarQube or SonarCloud token",
        SONAR,
        &[OneOf(&["sqp_", "squ_", "sqa_"]), at_least(40, HEX)],
    )
    .examples(
        "sq¦p_c0f477f7a519b498841e3c84062f1dc8d4c59003\n\
         sq¦u_aa695c6a83e0af12e936e5c904f4b7634221ae5d",
        "sq¦p_0c4b568d202828b7fb1c2ec607850a\nsqa_test",
    ),
    Rule::named(
        "sonar-token-value",
        "SonarQube or SonarCloud token (before 2022)",
        SONAR,
        &["sonar_token", "sonar_login", "sonarqube_token", "sonarcloud_token"],
        &[exactly(40, HEX)],
    )
    .examples(
        "5ebab63135621d6b8e74¦c3f11bb52cb22bd9bb45\n\
         c9b763e94237f1ba5a60¦7c6fc15b162c8f348635",
        "5094b5c47c96f32ee7efc8cca13299714b77840\n\
         d61b99b446cc40a48fb74775089b661c037aec16b",
    ),
    Rule::token(
        "snyk-access-token",
        "Snyk personal or service account token",
        SNYK,
        &[
            OneOf(&["snyk_uat.", "snyk_sat."]),
            exactly(8, HEX),
            Lit("."),
            at_least(20, BASE64_URL),
            Lit("."),
            at_least(20, BASE64_URL),
        ],
    )
    .examples(
        "snyk¦_uat.97f269cb.eyJsxYpcikmuHvaTTjlXWq4WeJVXap4RjgoIGtsUodQXslZVurFPjqBws7Pgsz5FX\
         NoH3Y3erFYCZe2WSdgX4MHT8la8l.OAxd3ZkOwDdOyne3DWUyELA0ac9f7FV4pxOuLerP0XwU5PPguhplqsw\
         LXJ-s8NsGuAG20qkda0AmreBTuAk803\n\
         snyk¦_sat.dd492715.eyJXog2UoT5nw6ctWzMcT3Wl8jRxrRr90Zl6aF83F9nq2d0zLZF6Jst6JlQXxjnSE\
         r1nZYMwZmNckFvx1SpIvRK1jl0sY.pQ1_nxYAQkJwiPTX52wgcxE3UgcNzqYi-v0PE7QDkwJd-RuDpRChdxk\
         gJgw7AlyUzbGR1kLAITGhOrSUDkkDu5",
        "snyk¦_uat.23d1b801.eyJjsE4uUe9iVIWZuNVa9ijliqEaLvOCfQH2TwhJIoqkrSSJcHvv0GjSylNzcU1LC\
         5cLUeg32LAbQd9LanAz0f9QUEkSt\n\
         snyk_uat.token",
    ),
    Rule::named(
        "snyk-token",
        "Snyk API token",
        SNYK,
        &["snyk_token", "snyk_api_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .check(check::uuid)
    .examples(
        "db77ef9a-ce46-4554-b3bc-48dbf3b3c9b3\n\
         cce44d30-a7e0-4b58-8e7e-6c775fb4f4b6",
        "ccb832853a68f494b270dc38a74081af9a7e\n\
         c68739bcb79960cc51018b88c7f07666",
    ),
    Rule::token(
        "octopus-key",
        "Octopus Deploy API key",
        "Octopus Deploy, \"How to create an API key\": \
         octopus.com/docs/octopus-rest-api/how-to-create-an-api-key",
        &[Lit("API-"), at_least(25, UPPER_ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "AP¦I-G9WNHHEMAX4SAE3EI756LJGL9WC9B1\n\
         AP¦I-K1JDJIJA2JN2501PKZM6K70J6L",
        "AP¦I-9Y6YYT10XNDEZK7ZBTCX\n\
         API-VERSIONINGANDDEPRECATIONPOLICY",
    ),
    Rule::token(
        "harness-token",
        "Harness access token",
        HARNESS,
        &[
            OneOf(&["pat.", "sat."]),
            exactly(22, BASE64_URL),
            Lit("."),
            exactly(24, HEX),
            Lit("."),
            at_least(20, ALNUM),
        ],
    )
    .severity(Critical)
    .examples(
        "pa¦t.1LhXJ9HCHsdeSQRCzCtYxr.a9e816a26ead4293e84728e3.fFr7vM1zAsKBsXwN94HI\n\
         sa¦t.h4VJHma38OamLYHFv9KMYk.50dfd5283b6644d2e3294991.jWnsPNTgtX6kIe6XmkMV",
        "pa¦t.yDq-qbIL1jiNYQA4D-p6DL.3e2925b8d57af0008957.69oeVVZ7pS4CJauXhDXk\n\
         pat.example.org",
    ),
    Rule::token(
        "launchdarkly-key",
        "LaunchDarkly access token or SDK key",
        LAUNCHDARKLY,
        &[OneOf(&["api-", "sdk-", "rel-"]), exactly(36, HEX.or(DASH))],
    )
    .check(check::prefixed_uuid)
    .examples(
        "ap¦i-3dd06f67-2ec4-440d-bc63-bc7a8c2bb3da\n\
         sd¦k-6d024f2d-d247-4987-98d7-9384199b5da4",
        "mob-39a80e9f-827a-4b9c-a4be-b4b3e9b2a8e5\n\
         api-91d0dc15e467b3ea3162855320c75c2e4deb",
    ),
    Rule::named(
        "browserstack-key",
        "BrowserStack access key",
        "BrowserStack, \"Authentication\": \
         browserstack.com/docs/automate/api-reference/selenium/authentication",
        &["browserstack_access_key", "browserstack_key"],
        &[exactly(20, ALNUM)],
    )
    .check(check::mixed)
    .examples("nekNim1w2L¦FoMy8Xfnyl\nYmkRRe2SED¦U3dxU5NR05", "b2a1H0qWpyPgXpev2xH\nNq5sbhHDgbrlNOXwTmglj"),
    Rule::named(
        "sauce-labs-key",
        "Sauce Labs access key",
        "Sauce Labs, \"Environment variables\": \
         docs.saucelabs.com/basics/environment-variables",
        &["sauce_access_key"],
        &[exactly(36, HEX.or(DASH))],
    )
    .check(check::uuid)
    .examples(
        "77823776-d125-4b5d-aaf1-3fec3268a3ab\n\
         5844c671-1bf2-4ee6-b0a8-d1044d18ce96",
        "f5d841b7754ae83b32b3a8feb1d42dfe9ef9\n\
         c779a460158d5290c1a562ed9e269dad",
    ),
    Rule::named(
        "lambdatest-key",
        "LambdaTest access key",
        "LambdaTest, \"Authentication\": \
         lambdatest.com/support/docs/getting-started-with-lambdatest-automation",
        &["lt_access_key", "lambdatest_access_key"],
        &[exactly(50, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "aXldt7vO4D5cA0h5nhnQrEUfd¦L06NAntRTUFd6k8cjXBfVOBoS\n\
         oG8m39SuHKMVqkh6CWvXvpEU7¦2chec3GeqRPzonXf81vIhg9EF",
        "0UnB3npo2YLHCQEtbgSxMQ1fiBTPnn27DiZAbzaBLJ28W7oSu\n\
         fIHw0gtZ0CQMGjhBwWCaXIhMKX0YCGrCZwnYuVKtStHZY6GFxQi",
    ),
    Rule::named(
        "percy-token",
        "Percy project token",
        PERCY,
        &["percy_token"],
        &[OneOf(&["web_", "app_", "auto_", "ss_", "vmw_"]), exactly(64, HEX)],
    )
    .severity(Medium)
    .examples(
        "web¦_474eb0dba6af9b5ef0f5921b7a1fafec520f4346203ae0dfc1de4d04b664729c\n\
         auto¦_8f552de353ad3291a058956f4c63216f5d7dc333fc290d37d3a10f94499b7b8a",
        "web_3142a60404afd332e7712877904adc60264340d295682b429cb4640a77a6\n\
         xxx_f654abfcc5094afe8c05749d5f599270a285909256189ea763db9c01dacc9e7a",
    ),
    Rule::named(
        "cypress-record-key",
        "Cypress record key",
        "Cypress, \"Record key\": docs.cypress.io/cloud/account-management/projects",
        &["cypress_record_key"],
        &[exactly(36, HEX.or(DASH))],
    )
    .severity(Medium)
    .check(check::uuid)
    .examples(
        "a473c29e-dd39-4d14-8bf7-721cbc51aff3\n\
         7b47e038-0525-4d70-ad76-d4e8e2c37a7b",
        "94b2f06a8c89230b5c3bd87920836307b750\n\
         9b2dab1b02521e73d04ed99651d1bb18",
    ),
    Rule::named(
        "semgrep-token",
        "Semgrep token",
        "Semgrep, \"Continuous integration environment variables\": \
         semgrep.dev/docs/semgrep-ci/ci-environment-variables",
        &["semgrep_app_token"],
        &[exactly(64, HEX)],
    )
    .examples(
        "8d25e249a6ce5a738626f7dcd24a5bee¦9113e494e63768fc232a68f71dd02e4a\n\
         1016831a87fc12c2a02d7a580737213d¦cd6c7a34c756adbe87b34270343363b5",
        "81fd5a0ac2ff97549de3fb123101643ae4102f752bc1677b6bd8d4134280722\n\
         78468eb27c48072385e4c5fa4afda0780dda2d02aa0027d95e11ea028d5944d97",
    ),
    Rule::named(
        "fossa-key",
        "FOSSA API key",
        "FOSSA, \"API tokens\": docs.fossa.com/docs/api-reference",
        &["fossa_api_key"],
        &[exactly(32, HEX)],
    )
    .examples(
        "ae073290709c5f62¦a19f9bfa515c27d9\n\
         697adf26bde050b4¦ab0e2f9ad834e605",
        "ebfe5690b77efa186b66d66a44c0939\n\
         161acc542eb23b281ab193396ce6a3166",
    ),
    Rule::token(
        "dbt-token",
        "dbt Cloud token",
        "dbt, \"Service account tokens\": \
         docs.getdbt.com/docs/dbt-cloud-apis/service-tokens",
        &[OneOf(&["dbtc_", "dbtu_"]), at_least(30, BASE64_URL.or(EQUALS))],
    )
    .check(check::mixed_case)
    .examples(
        "db¦tc_zDXj6J6yi7MneEUFzLGukXRFYsQ5wRJ0zqoWtLuX\n\
         db¦tu_MpEKE-LHwyDkT_rHxiZzD2LWaIHYfp95QYV9yJMh==",
        "db¦tc_0leXUoxmorC9UgcZ4g1m\n\
         dbtc_service_account_token_of_the_project",
    ),
    Rule::token(
        "prefect-key",
        "Prefect API key",
        "Prefect, \"Manage API keys\": \
         docs.prefect.io/v3/how-to-guides/cloud/manage-users/api-keys",
        &[OneOf(&["pnu_", "pnb_"]), exactly(36, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "pn¦u_kO4bSqNi4M6Dz4fJkwlETbuHuDqhLrYt1ILk\n\
         pn¦b_O8RITSz2elYpaikeHXDLTQovZg1Dky4F9YdU",
        "pn¦u_rPmGLRua79WL7hetyJxDrk7oL6uh1x\npnu_runner",
    ),
    Rule::named(
        "develocity-key",
        "Gradle Develocity access key",
        "Gradle, \"Develocity Gradle plugin: Access key\": \
         docs.gradle.com/develocity/gradle-plugin/current",
        &["develocity_access_key", "gradle_enterprise_access_key"],
        &[at_least(3, LOWER_ALNUM.or(DOT).or(DASH)), Lit("="), at_least(40, LOWER_ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "develocity.corp.net=lutmjiz4exvfjnhj5ohxixa6r8¦uhi0vj7etcct8dc2l353t8ftax\n\
         ge.corp.net=nup9tksmfrkuyn4cqm8gmtdy9c¦v9wiq81coty30x7iacthjstgyz",
        "develocity.corp.net=axg07iznaiwkxv2oug2rr0z9141cty\n\
         develocity.corp.net",
    ),
];
