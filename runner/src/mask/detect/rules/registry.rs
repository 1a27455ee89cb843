//! Package and image registries: what publishes to others' builds.

use super::super::check;
use super::super::rule::Part::{Lit, OneOf};
use super::super::rule::Severity::Critical;
use super::super::rule::{Rule, at_least, exactly};
use super::super::set::*;

const DOCKER: &str = "Docker, \"Personal access tokens\": docs.docker.com/security/access-tokens";
const JFROG: &str = "JFrog, \"Access tokens\": \
         jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens";

pub const RULES: &[Rule] = &[
    Rule::token(
        "npm-token",
        "npm access token",
        "GitHub changelog 2021-09-23, \"npm has a new access token format\": \
         github.blog/changelog",
        &[Lit("npm_"), at_least(36, ALNUM)],
    )
    .severity(Critical)
    .anywhere()
    .check(check::crc32_base62)
    .examples(
        "np¦m_KQYQvSNZfjhS5SvOrHSWb5GKiaJ5mh0QWtNq\n\
         np¦m_B87hP30jkwQgBalFNFpU2bjdT4THtS1ICG2y",
        "np¦m_bzcFXvQPbjKN6Ukwhf0rZjNwCl6qRSyNka7c\n\
         npm_config_registry_is_an_ordinary_variable_name",
    ),
    Rule::named(
        "npm-basic-auth",
        "user and password for an npm registry",
        "npm, \".npmrc\": docs.npmjs.com/cli/v11/configuring-npm/npmrc",
        &[":_auth", "npm_auth"],
        &[at_least(12, BASE64_PADDED)],
    )
    .check(check::basic)
    .examples(
        "//registry.example.org/:_auth=«cm9ib3Q6V0s5U0M5MFBPSUVq»\n\
         //registry.example.org/:_auth = \"«ZGVwbG95OnhCMlJ3d2F3aFA4Qw==»\"",
        "//registry.example.org/:_auth=JyQZYBTva6KbGeF6\n\
         //registry.example.org/:_auth=${NPM_AUTH}",
    ),
    Rule::token(
        "pypi-token",
        "PyPI or TestPyPI API token",
        "PyPI, \"API tokens\": pypi.org/help/#apitoken",
        &[OneOf(&["pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"]), at_least(50, BASE64_URL)],
    )
    .severity(Critical)
    .anywhere()
    .examples(
        "pypi¦-AgEIcHlwaS5vcmcC7yK_mYYgQS7zvNt0XBfZxRSSro4P9pynV69eaUZrB6qkhLjE9hiqD2k2B23v1X\
         BM7BcHUqqnVimny4C0ZU1G_z3tjeABn0E2rsYSWodIvVATuNEKg4vkjt4gnrwHqx6Xcn2SMDghJwmNqrutgT\
         Yf_2\n\
         pypi¦-AgENdGVzdC5weXBpLm9yZwI2IGK7X7rUODK99LeI1VWIcJ81JCFCUe4xMlR5EaNRech-VAJVAV3BUC\
         19MmX2DQMGQQNGFIi2IVpbrHLf59xyoECTF9Uzpwye0SxdYud4N1tgiQ-eqjNI5NtooWlKR4sU8qFYNitsvn\
         Q",
        "pypi¦-AgEIcHlwaS5vcmcC2AFbXH1e0vCg1aFS1cAF\n\
         pypi-publish-with-trusted-publisher",
    ),
    Rule::token(
        "rubygems-key",
        "RubyGems API key",
        "RubyGems, \"API key scopes\": guides.rubygems.org/api-key-scopes",
        &[Lit("rubygems_"), at_least(48, HEX)],
    )
    .severity(Critical)
    .examples(
        "rubygems¦_04e1725596140e0e4cf09c2ae57e76edec7b8c0e9134eaff\n\
         rubygems¦_648aa8145fc03f9ec19d0299e0327723ae08fe98691e5b8b",
        "rubygems¦_57e2b098a0305b9475aca452b3b7c861d5ed468e\n\
         rubygems_api_key",
    ),
    Rule::token(
        "crates-io-token",
        "crates.io API token",
        "crates.io, models/token.rs: github.com/rust-lang/crates.io",
        &[Lit("cio"), exactly(32, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "ci¦oKaPMGCA4UjWIele4w6NWrBDsQJUITlPb\n\
         ci¦oHv94uPp7kNKGFwcugUPwghVbUTnlnygL",
        "ci¦oL1BGLOhHZdKSAs09qT0Sj4GMd7m9tUC\n\
         ci¦oeBh9j77bKL3UVoiYIODrKfWEsJxdilGig",
    ),
    Rule::token(
        "docker-access-token",
        "Docker Hub personal access token",
        DOCKER,
        &[Lit("dckr_pat_"), at_least(27, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "dckr¦_pat_97DfB0omKtkFV843HiME1QClLZC\n\
         dckr¦_pat_erxIVnlMkLJ8ZTzwZP4jHBityxp",
        "dckr¦_pat_2UFXhM3oKt8Wt-jjEBBN\n\
         dckr_pat_xxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "docker-organization-token",
        "Docker Hub organization access token",
        DOCKER,
        &[Lit("dckr_oat_"), at_least(27, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "dckr¦_oat_TD9agkCxPar_BaM-_4ePRSL0e_shs98L\n\
         dckr¦_oat_Jp9LikWVxOXqR7Vqndkc6GWaU639cxDf",
        "dckr¦_oat_po68ykCKeAEVgZHg2rNv\n\
         dckr_oat_xxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::named(
        "docker-config-auth",
        "user and password for an image registry",
        "Docker, \"docker login\": docs.docker.com/reference/cli/docker/login",
        &["\"auth"],
        &[at_least(8, BASE64_PADDED)],
    )
    .severity(Critical)
    .check(check::basic)
    .examples(
        "{\"auths\": {\"registry.example.org\": {\"auth\": \"«cm9ib3Q6SGRzaEZFVDBqODNQ»\"}}}\n\
         \"auth\":\"«X2pzb25fa2V5OmdPS2wwaGJGdlhXMg==»\"",
        "{\"auth\": \"eKyUPX1RxzlBXLk1\"}\n{\"auth\": \"none\"}",
    ),
    Rule::token(
        "nuget-key",
        "NuGet API key",
        "Microsoft, security-utilities, SEC101/031: github.com/microsoft/security-utilities",
        &[Lit("oy2"), exactly(43, LOWER_BASE32)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "oy¦22zlxpyverblojssfee7ysgn4luzn77rn2zb4ogapi2e\n\
         oy¦2vewhhprqzrqwhslthfpkkeg3pwnq6tc4qf6pp2up42j",
        "oy¦2hnqf7khkyzcmfwnusel7nay2ghs3qavatablasflba\n\
         oy¦2jpzn77vjqp3fb4jeebaxa3tmiakqa2gg2pc2z64xheid",
    ),
    Rule::token(
        "clojars-token",
        "Clojars deploy token",
        "Clojars wiki, \"Deploy Tokens\": github.com/clojars/clojars-web/wiki/Deploy-Tokens",
        &[Lit("CLOJARS_"), at_least(60, HEX)],
    )
    .severity(Critical)
    .examples(
        "CLOJ¦ARS_e7a7b8f2907116aa4898405325d0b1c96af53a98107ec978654423aae122\n\
         CLOJ¦ARS_98b8ff4325e5d01b07e7418ae3bb9db3966880d56d5f3950eb979b565b18",
        "CLOJ¦ARS_5a3610e37ee295e47e1c4428a7b0cacd0b7509da\n\
         CLOJARS_USERNAME",
    ),
    Rule::token("jfrog-api-key", "JFrog API key", JFROG, &[Lit("AKCp"), at_least(60, ALNUM)])
        .severity(Critical)
        .examples(
            "AK¦Cp8LhgHgZ13xwuGzsomXRhWYP1SitnIN90T2Wz50idJPLN27cYFxlehG7uMYB6sMCMG11EZ\n\
         AK¦Cp5ahnEGcc791nQpW2T5rjFMRLtjQjOvCMa5Hj4zWNVqE0edROZo3fhF0fDIz1BP9Va5ghH",
            "AK¦Cp8uNhLuROPEINUMKLw1nZ071yev6dwTF7LFDDghrPB\nAKCp",
        ),
    Rule::token(
        "jfrog-reference-token",
        "JFrog reference token",
        JFROG,
        &[Lit("cmVmdGtu"), at_least(50, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "cmVm¦dGtuOjAxOjE3HlocEQO5tIency5wE0djnnsw0ZzQwivgRIps4pn56SQTRLqJ\n\
         cmVm¦dGtuOjAxOjE3Vbn7Eb3lpi2vyXyGnbWnx8xcruJwK755hJcQHjjEby3F9lin",
        "cmVm¦dGtuhBVElEVLVKUIeERp0SY9UwDCV5mNbo\ncmVmdGtu",
    ),
    Rule::token(
        "packagist-token",
        "Private Packagist token",
        "Private Packagist, \"API authentication\": packagist.com/docs/api",
        &[Lit("packagist_"), OneOf(&["ack_", "acs_", "out_", "ort_", "uut_", "cut_"]), at_least(28, HEX)],
    )
    .severity(Critical)
    .examples(
        "packagist¦_uut_2bcc65bf8f1bbb588ffb8ae5d023b718da95335f4418c73ed7202cf2aab6f8cbc895\n\
         packagist¦_acs_5ddc208e0c7d1ba98c3c462940ca3e4a11f94dc9961075e3952f37e04fdfddedef232\
         ec45e613d47",
        "packagist¦_uut_36c86df59605588918b0\npackagist_ack_key",
    ),
    Rule::token(
        "nexus-token",
        "Sonatype Nexus npm or Docker token",
        "Sonatype, \"npm Security\": help.sonatype.com/en/npm-security.html",
        &[OneOf(&["NpmToken.", "DockerToken."]), exactly(36, HEX.or(DASH))],
    )
    .examples(
        "NpmT¦oken.09b7a04d-31c8-401f-a16b-bcf6a06c817b\n\
         Docker¦Token.4a24e19f-bce6-4dc0-9622-20bc96b584e7",
        "NpmToken.946f2f7c99dfd6a65f8d\nDockerToken.getInstance",
    ),
    Rule::named(
        "cloudsmith-key",
        "Cloudsmith API key",
        "Cloudsmith, \"Environment variables\": help.cloudsmith.io/docs/cli",
        &["cloudsmith_api_key"],
        &[exactly(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "0153919de29ae468274b¦6e5113b139324ca342bc\n\
         5d7b9a8a6f75d3ed2e68¦e6143539a4daef19fc28",
        "520d36f64a129c6a7ee6f3657c89b3f638b0b80\n\
         3cee2f4f1e282ce0ff7b1b32eee3f9f98f7d73d3a",
    ),
    Rule::named(
        "hex-key",
        "Hex API key",
        "Hex, \"mix hex.publish\": hexdocs.pm/hex/Mix.Tasks.Hex.Publish.html",
        &["hex_api_key"],
        &[exactly(32, HEX)],
    )
    .severity(Critical)
    .examples(
        "eb994b81d4114fed¦47d4d05786ee995d\n\
         cea64488af3bc0d7¦17cc84225398af03",
        "a9f3dc699a73af393df470342601bd1\n\
         90be8707895c544f733f63bfabed06675",
    ),
    Rule::token(
        "deno-deploy-token",
        "Deno Deploy access token",
        "Deno Deploy, \"Access tokens\": docs.deno.com/deploy/api/rest",
        &[OneOf(&["ddp_", "ddw_"]), at_least(36, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "dd¦p_TVkYEk3sAMxiTZ6SoBLMMh48kB58M0NFnmYj\n\
         dd¦w_NtD10jgzBIyZKx93w0Fn8ErRjo2S9nhsrJR1",
        "dd¦p_9jc3zwNoMcMUSVuILG2hiYLCUVTs58\nddp_settings",
    ),
    Rule::named(
        "expo-token",
        "Expo access token",
        "Expo, \"Programmatic access\": docs.expo.dev/accounts/programmatic-access",
        &["expo_token"],
        &[exactly(40, BASE64_URL)],
    )
    .check(check::mixed)
    .examples(
        "B6EQC42hsxTlIgRnrtDE¦owmeatHjTa0FlxIgTtMz\n\
         kg_kxpHrMoqmwLi2KOdY¦MLcjm1mwbigmvflCi-aP",
        "QARwxNWACPcMsaoE2TdSE_Dk4atl3ZxOZURVuFt\n\
         TntnT7-UbdcLFjMSgtS7c2hoZaV9_NUF5zGu3E3Yo",
    ),
];
