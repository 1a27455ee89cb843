//! Forges: what gives access to repositories.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{Critical, Medium};
use super::super::rule::{Rule, at_least, exactly};
use super::super::set::*;

const GITHUB: &str = "GitHub, \"Behind GitHub's new authentication token formats\": \
         github.blog/engineering/behind-githubs-new-authentication-token-formats";
const GITHUB_APP: &str = "GitHub changelog 2026-05-15, \"GitHub App installation tokens\": \
         github.blog/changelog";
const GITLAB: &str = "GitLab, \"Token prefixes\": docs.gitlab.com/security/tokens";
const ATLASSIAN: &str = "Atlassian, \"Manage API tokens\": \
         support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account";
const BITBUCKET: &str = "Bitbucket Cloud, \"Access tokens\": \
         support.atlassian.com/bitbucket-cloud/docs/access-tokens";
const AZURE_DEVOPS: &str = "Azure DevOps, \"Use personal access tokens\": \
         learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate";
const SOURCEGRAPH: &str = "Sourcegraph, \"Access tokens\": \
         sourcegraph.com/docs/cli/how-tos/creating-an-access-token";
const GITEA: &str = "Gitea, \"API usage\": docs.gitea.com/development/api-usage";

/// What GitLab's tokens consist of; those that say where they belong have dots (GitLab, "Routable tokens").
const GITLAB_BODY: Set = BASE64_URL.or(DOT);

pub const RULES: &[Rule] = &[
    Rule::token(
        "github-token",
        "GitHub token",
        GITHUB,
        &[OneOf(&["ghp_", "gho_", "ghu_"]), at_least(36, WORD)],
    )
    .severity(Critical)
    .anywhere()
    .check(check::crc32_base62)
    .examples(
        "gh¦p_BZut7YPX913aA7NCBOE6Z80taKU2jS1Hxy6S\n\
         gh¦o_FoGrFV1xibHmGR4GDVJPw7J6uXMeuj10ppVJ",
        "gh¦p_OgeFfNTVNgCIwOBaKb7ODPJ3lrf808HqBpQL\n\
         gh¦p_j2iXzVwOxzWicgW1hyPuSC4wbqQe6CfIq82",
    ),
    Rule::token(
        "github-refresh-token",
        "GitHub refresh token",
        "GitHub, \"Refreshing user access tokens\": \
         docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app",
        &[Lit("ghr_"), at_least(36, WORD)],
    )
    .severity(Critical)
    .anywhere()
    .check(check::refresh_token)
    .examples(
        "gh¦r_Cl7uHiLhNpUj139Q4wh7mZRC40YoeM4DyBvK\n\
         gh¦r_ve1V3BhExE7T0M4LZF8HhtqxPKXwDJxQ5E4INl3F¦90cJd0RjkoIEM8BGk9dLCHSpo627kQmnQPeo",
        "gh¦r_6djKeqoRz6ZdCvxCBgCCrCNmTkKwEnrWJ38e\n\
         ghr_a_name_that_is_longer_than_thirty_six_characters",
    ),
    Rule::token(
        "github-app-token",
        "GitHub App installation token, also of a job",
        GITHUB_APP,
        &[Lit("ghs_"), at_least(36, BASE64_URL.or(DOT))],
    )
    .anywhere()
    .check(check::installation_token)
    .examples(
        "gh¦s_Z8O26R2WzQQCbKfDNB785xDmVbyVlC37jB41\n\
         gh¦s_1234567_ey¦JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIyNVFxekxxdjJaeHkiLCJpY\
         XQiOjE3MDAwMzQyNDF9.2tNvm2jNLj89Hje46yTcpV4UsvBtFx2AAadFv7cNnzp",
        "gh¦s_KmaR9dDJmgi5yxrQ97cse9GIJv6HSAU16S9d\n\
         gh¦s_1234567_abc.def.ghi-jklmnopqrstuvwxyz012345",
    ),
    Rule::token(
        "github-fine-grained-token",
        "GitHub fine-grained personal access token",
        GITHUB,
        &[Lit("github_pat_"), exactly(22, ALNUM), Lit("_"), at_least(59, ALNUM)],
    )
    .severity(Critical)
    .anywhere()
    .examples(
        "github¦_pat_11AtLkh1wQGC9pfHMM0iVv_NnDZFC4Z5oLutplO6em2VxAf4J46A6R8PCY1ZPZYDrcXyx4aj\
         Fe3DBzfQoU\n\
         github¦_pat_11Ja097O0uZPkP3SCcr3tN_sreGUQOaCfPPgmvAypk0xOZvtYP9hQEP7Wl6LcADyrGjOzvks\
         SRJoNatM6j",
        "github¦_pat_114HUm2HdXfjgmXpVfIeT_arWoxqSQfdsMOZxwSCk7aJx0Qc1nSYWlt1Isb29pMSEIBjMW37\
         KqU4WQYlx\n\
         github¦_pat_11KKrQPsrL6aAF6vLG6QlI_wDStas3Xc3tlPw2j2o5ndEof2gWrG6U8PwIwSob8",
    ),
    Rule::named(
        "github-token-value",
        "GitHub token (before 2021)",
        GITHUB,
        &["github_token", "gh_token", "github_oauth", "github_pat"],
        &[exactly(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "da246e49c1d654fe5347¦276e12fe1aea0a34710c\n\
         44b74ae92ec7d80fb542¦c3a91a0199f1200acc60",
        "3d3373f1c7f22a596a910939c523804a9a6ba01\n\
         0b747e635f9d31a5156e8a2296b7163d9d2b5ffd6eb209dfbf6255c8fac34b6a",
    ),
    Rule::token(
        "gitlab-personal-access-token",
        "GitLab personal, project, group or impersonation access token",
        GITLAB,
        &[Lit("glpat-"), at_least(20, GITLAB_BODY)],
    )
    .severity(Critical)
    .anywhere()
    .examples(
        "gl¦pat-35ApOJpPBGrmwb3kWaWf\n\
         gl¦pat-hW3nfhCOJTGZqbAFE4xAZaHuQgU.01.hzv59uftt",
        "gl¦pat-pYZrc3_12w4n0yk\nglpat-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gitlab-oauth-secret",
        "GitLab OAuth application secret",
        GITLAB,
        &[Lit("gloas-"), at_least(40, GITLAB_BODY)],
    )
    .anywhere()
    .examples(
        "gl¦oas-97a2bf0535c4eef00d18b8afdbc17839ae153327ff4ef834eaf20a758dbc2311\n\
         gl¦oas-9c3b0d05ee38e65f7696002bfd60d7512d8a5759ac9b3e43a0b3c1fa3e0d0426",
        "gl¦oas-47c0974ae0f9abb9766736cf054b3f\ngloas-is-a-prefix",
    ),
    Rule::token(
        "gitlab-deploy-token",
        "GitLab deploy token",
        GITLAB,
        &[Lit("gldt-"), at_least(20, GITLAB_BODY)],
    )
    .anywhere()
    .examples(
        "gl¦dt-TlAJpzEceKl-I1OSNuNt\ngl¦dt-Q_a8lSyh2Z4F5OI3Mqpa",
        "gl¦dt-baGi-OnYe5\ngldt-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gitlab-runner-token",
        "GitLab runner authentication token",
        GITLAB,
        &[OneOf(&["glrt-", "glrtr-"]), at_least(20, GITLAB_BODY)],
    )
    .anywhere()
    .examples(
        "gl¦rt-NXJmT9I8pz-hZCmnpr2x\ngl¦rtr-9tsvrfH85x7SO6cglfuh",
        "gl¦rt-Yse4orxauu\nglrt-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gitlab-runner-registration-token",
        "GitLab runner registration token",
        "GitLab, \"Runner registration tokens\": \
         docs.gitlab.com/ci/runners/new_creation_workflow",
        &[Lit("GR1348941"), at_least(20, BASE64_URL)],
    )
    .anywhere()
    .examples(
        "GR¦13489411OQlywslQv25HHDMSis4\n\
         GR¦1348941rh1NEv4Zp3lYTgl6AGmq",
        "GR¦1348941yhC4q-e9s6\nGR1348942juq5F48_dVujxd4iT6Ui",
    ),
    Rule::token(
        "gitlab-job-token",
        "GitLab CI/CD job token",
        GITLAB,
        &[Lit("glcbt-"), at_least(20, GITLAB_BODY)],
    )
    .severity(Medium)
    .anywhere()
    .examples(
        "gl¦cbt-64_qnaWvI05Tzb9UiT8t5wO\n\
         gl¦cbt-wX_H_uDx62Uf2vVdwzYy",
        "gl¦cbt-qtz8EL_Efl\nglcbt-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gitlab-trigger-token",
        "GitLab pipeline trigger token",
        GITLAB,
        &[Lit("glptt-"), at_least(20, GITLAB_BODY)],
    )
    .anywhere()
    .examples(
        "gl¦ptt-a26b5baf4910237e755f60d030edce9bf5db736f\n\
         gl¦ptt-d91660c76747095580a0ab51c1b88b3a726f0a5f",
        "gl¦ptt-4b32d259b7\nglptt-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token("gitlab-feed-token", "GitLab feed token", GITLAB, &[Lit("glft-"), at_least(20, GITLAB_BODY)])
        .severity(Medium)
        .anywhere()
        .examples(
            "gl¦ft-sipuoRxUNP5CzZ9p7KtI\n\
         gl¦ft-022415ff630220db278f2d4a412ea06865e800f34eafc218e2d422535d4e2511-12",
            "gl¦ft-8Vt3xtKTXJ\nglft-xxxxxxxxxxxxxxxxxxxx",
        ),
    Rule::token(
        "gitlab-incoming-mail-token",
        "GitLab incoming mail token",
        GITLAB,
        &[Lit("glimt-"), at_least(20, GITLAB_BODY)],
    )
    .severity(Medium)
    .anywhere()
    .examples(
        "gl¦imt-qk3f65re8k7aaljz2l08pnowv\n\
         gl¦imt-9hu3bqstnz1cy2hfqb3xbcbkt",
        "gl¦imt-uen4qtbtqs\nglimt-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gitlab-agent-token",
        "GitLab agent for Kubernetes token",
        GITLAB,
        &[Lit("glagent-"), at_least(40, GITLAB_BODY)],
    )
    .anywhere()
    .examples(
        "gl¦agent-p9K5-sFNarJbwdVaKRwOGnurwOfOLOjEfaBKQEOfJypfLBUzGe\n\
         gl¦agent-sXUmInJoQ47j4gxI7tNpE20SrWXlwXRbj0c4hbica0asSelRoE",
        "gl¦agent-na6SO0piSXIC-d7rRtR7\nglagent-configuration",
    ),
    Rule::token(
        "gitlab-scim-token",
        "GitLab SCIM token",
        GITLAB,
        &[Lit("glsoat-"), at_least(20, GITLAB_BODY)],
    )
    .severity(Critical)
    .anywhere()
    .examples(
        "gl¦soat-QQuJXjAbuNJx64F5m1Na\ngl¦soat-GXaqQ05G26OCi3oy06oc",
        "gl¦soat-xKLzUct_qy\nglsoat-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gitlab-feature-flag-token",
        "GitLab feature flags client token",
        GITLAB,
        &[Lit("glffct-"), at_least(20, GITLAB_BODY)],
    )
    .severity(Medium)
    .anywhere()
    .examples(
        "gl¦ffct-HS4CIl1JdM_HjZsVXMDd\ngl¦ffct-hdxNKmays_KfJn5XmfM9",
        "gl¦ffct-RFPrkayyxb\nglffct-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "gitlab-workspace-token",
        "GitLab workspace token",
        GITLAB,
        &[Lit("glwt-"), at_least(20, GITLAB_BODY)],
    )
    .severity(Medium)
    .anywhere()
    .examples(
        "gl¦wt-RcgCYX0A6xzRhiliCX3W\ngl¦wt-HXFf53AgP7wshGo6xdGc",
        "gl¦wt-Bj0vL2R1Nm\nglwt-xxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::within(
        "gitlab-session",
        "GitLab session cookie",
        GITLAB,
        &[Lit("_gitlab_session=")],
        &[at_least(32, HEX)],
        &[],
    )
    .anywhere()
    .examples(
        "Cookie: _gitlab¦_session=«c0cd7290c5d201c3f6a63c9f3937faab»; x\n\
         _gitlab¦_session=«946c6c89e0f612905d1dddb956759546»",
        "_gitlab_session=83a4f48e920d305dd1df\n\
         _gitlab_session=; path=/",
    ),
    Rule::token(
        "atlassian-api-token",
        "Atlassian API token",
        ATLASSIAN,
        &[Lit("ATATT3"), at_least(100, BASE64_URL), Maybe("="), at_least(0, UPPER_HEX)],
    )
    .severity(Critical)
    .examples(
        "ATA¦TT3xFfGF0wBi0bO_JLWbmtQkhhf-_YuwDnHDgCr6A0Mr1bwhEZ0xOt4XgXnvWFnP9k2k8xxjkweqfkcA\
         7yQ6LLrlJhBcVlomUZFY52EnY3NCDuBmtX9ZZ3hnAh6dxBpA8a8KFGZ8tPe3S6wpjBrdrX-4YW7XYPW0CuEA\
         HdDDea-Rw8XQHjIaz_zQ3Fik=AF965061\n\
         ATA¦TT3xFfGF0Afx5UhVLg4zxB4quEMjqwpbQEmuC5lSlenXuSu8rc56CGJ6qcIcTtaNLIkOhZKcQ0MEiIjO\
         78-7LmBGrugjmwDYorKsQoKitdyJzxYHZBp-C3l6oKjZeX3_YqEOE5WlJ5cI6MjU98-pxSSKht2x_Z_wcymy\
         fpAoKbhvXo_CV4rmBrKJ_ic5=51CFFE55",
        "ATA¦TT3xFfGF0IO8r5CIClLSdTgqOGevZ3jBu6LcB1yPM5cnsCvkRevQRytX_NK\n\
         ATATT3",
    ),
    Rule::token(
        "bitbucket-access-token",
        "Bitbucket repository, project or workspace access token",
        BITBUCKET,
        &[Lit("ATCTT3"), at_least(100, BASE64_URL), Maybe("="), at_least(0, UPPER_HEX)],
    )
    .severity(Critical)
    .examples(
        "ATC¦TT3xFfGN0XOmg97udNpJGFdDHWRTa_Xe3bMKBN4d6RqQdPwK7mOnvHT1A5xxmw7n044BlLddzL6Um-3I\
         A_4rXC1Wp2mqpxVPLMh3NAQSmumwC4Eeom_Abh0WK0Pf7cClrcQ-4qX72yT2QTFHX41t2z5TQR7J2c7GHIpF\
         smVembdcqQiC-0G=9CD9C760\n\
         ATC¦TT3xFfGN0odXujtJ9RmdCphD8b-iv2jyzde3-U214deBSCPzdVKIFwi3hirrpsJS9zYyI8huXShwhNtZ\
         dLu8SdibyGScOQ14hkxhRE5eDmuXL1owXWiMAiwOUFjfP6SBAfYq4UKdjnDziCqjs58wUZ26PD4mZLRiVfSK\
         UIYb-oaRU7uxEJx=67A5AE4F",
        "ATC¦TT3xFfGN0ZDJi4VfPXZPkT6nAyKvMPXk7sMG9-XD64WzVDGJu7twgfQuFUA\n\
         ATCTT3",
    ),
    Rule::token(
        "bitbucket-app-password",
        "Bitbucket app password",
        BITBUCKET,
        &[Lit("ATBB"), exactly(32, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "AT¦BBUJmP7KpYA4xjG04S7LLssajR2A10ED91\n\
         AT¦BBmlSvzMhkPs60BNzBR9AGFp8Z539B4480",
        "AT¦BB1TtTv5wmw57mfXDyekzQr4Z7\n\
         AT¦BBBbiFMU1gsliVsu5skEEw4iW27STzD5V1ggUtFf7Y",
    ),
    Rule::token(
        "azure-devops-token",
        "Azure DevOps personal access token",
        AZURE_DEVOPS,
        &[exactly(76, ALNUM), Lit("AZDO"), at_least(4, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "f4F5m01ZIF7jaO6I3TuAGZucEy8WWV7CWsbVPPjo1IaKY90uFIJuMDNnAizezdfQYgN6VQBN4mi7AZ¦DOR47\
         3\n\
         UOPMtxKR7oEZVjRFhThICK2yjTyulwGEbKy19R7FTFB7EAWZLF5hOVqBYG4FAONpjRevYBRxRvuBAZ¦DOf83\
         6",
        "fcirc7vxidWvbCMNeUH8auNnRCUGIvthLVaR0bByOuyOHdZWKNzkWXX8ewdSLWqM53mjLGAZ¦DOykOt\n\
         AZDO_PERSONAL_ACCESS_TOKEN",
    ),
    Rule::named(
        "azure-devops-token-value",
        "Azure DevOps personal access token (before 2024)",
        AZURE_DEVOPS,
        &["azure_devops_ext_pat", "system_accesstoken", "azdo_personal_access_token", "azdo_pat"],
        &[exactly(52, LOWER_BASE32)],
    )
    .severity(Critical)
    .examples(
        "e7oidf3qwcv45itrhsjn2cwoep¦xwy75urqrke2gvgsg632qqr5hz\n\
         ijmxgcgqc73zeoovtikdxggjcn¦vo3wh42o5ushzqv5enl7abnozz",
        "zotmfojiy23j4kxvy4il3ct42kbhzknr7h4edlreartcsdfdcmb\n\
         rwvsbrufrsfv227yp7z6crnkcfaenmwflmuu5sndewicvfj7kk7u4",
    ),
    Rule::token(
        "sourcegraph-token",
        "Sourcegraph access token",
        SOURCEGRAPH,
        &[Lit("sgp_"), at_least(40, WORD)],
    )
    .check(check::mixed)
    .examples(
        "sg¦p_34a3de498ed970fe_fbc7e8bf9250a745d4d079270bbbb840e32dba20\n\
         sg¦p_91bd2e05e80b7c76c00dccfe97648b650f1efc4e",
        "sg¦p_460521879c45d65b89d9\n\
         sgp_something_that_is_longer_than_forty_characters",
    ),
    Rule::named(
        "gitea-token",
        "Gitea, Forgejo or Codeberg access token",
        GITEA,
        &["gitea_token", "forgejo_token", "codeberg_token", "gitea_access_token"],
        &[exactly(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "8c907c4e7e75978bb58d¦6fb5af67c81bfec7d535\n\
         776bdf63f28d3c8468d7¦e1e0eeb9b810d8c82c47",
        "28a3ae800f0d364beb921b5e0c22ed5f75054dd\n\
         8ccf33ca6d0b9cbfa55971715f5b0b559ac8a87480c2ee1c61a212bbe3bf2dcb",
    ),
];
