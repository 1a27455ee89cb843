//! Models, vector stores and what serves them.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::Critical;
use super::super::rule::{Rule, at_least, between, exactly};
use super::super::set::*;

const OPENAI: &str = "OpenAI, \"API keys\": platform.openai.com/docs/api-reference/authentication";
const ANTHROPIC: &str = "Anthropic, \"API overview: Authentication\": docs.claude.com/en/api/overview";
const HUGGING_FACE: &str = "Hugging Face, \"User access tokens\": huggingface.co/docs/hub/security-tokens";
const LANGSMITH: &str = "LangSmith, \"Create an account and API key\": \
         docs.langchain.com/langsmith/create-account-api-key";
const WANDB: &str = "Weights & Biases, \"Environment variables\": \
         docs.wandb.ai/models/track/environment-variables";

pub const RULES: &[Rule] = &[
    Rule::token(
        "openai-key",
        "OpenAI API key",
        OPENAI,
        &[OneOf(&["sk-proj-", "sk-svcacct-", "sk-service-", "sk-None-"]), at_least(40, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "sk¦-proj-Sds8Tx-6f_poJoSWr-bNjLcQR-r-j9fdH6Yfn91bMhlk8uXvwgfSuOW_qNjUEJ1Ipw1R_JRBktT\
         3BlbkFJHk6VGReaBZC7Aqb1J5W9o-rvpIkY9Vo5eqVfp1N0u0aee79IDNFG0dnpjt4tJta-Uw1oysKACI\n\
         sk¦-svcacct-71BA_VDjTTB9Ocf-Rq9XRIZgl175NnlrrEglVaNDBC7cIz5yS9-O0-qayrT3BlbkFJFsd82m\
         OsrxxcR7dTl_Gm8YdaH0lkSh-uWmPaQpXXvOxMh7ZaT1pltslxBt",
        "sk¦-proj-ED9sxcu9zj6fyZhFRnsb\n\
         sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "openai-user-key",
        "OpenAI API key of a user",
        OPENAI,
        &[Lit("sk-"), exactly(20, ALNUM), Lit("T3BlbkFJ"), at_least(20, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "sk¦-afHGlrNqNnlYtTDZoFs8T3BlbkFJFEIyqa0g0Y9BYVqv5oJq\n\
         sk¦-3fRhuqTBkoVIbIIBMO3ET3BlbkFJXBSWnHRhcbfZQ0vEqec7",
        "sk-tBrEp4asOU1Tlk6YlykT3BlbkFJ8z2vVc68UzGWWx7kXkd5\n\
         sk-GIbetw7EHmuYup7TxbEoT3BlbkFX4srSfqYN5jxqIEPyg53c",
    ),
    Rule::token(
        "openai-admin-key",
        "OpenAI admin key",
        OPENAI,
        &[Lit("sk-admin-"), at_least(40, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "sk¦-admin-CAh7mNXEZDwWTDqMtvt-q91iiHvkgpz1Y9WKT4QpPzCPQJ853n-dEX-0o5T3BlbkFJYDbbsYzz\
         ApLntk4jXHup09WhFEaDPX8JBd1oxNTjO-gbXGfwcDGxxNTLYn\n\
         sk¦-admin-ZtHjLY558WacD4mFNPiyOIJy7acQWkrB_xaa3VKnMm0rEgUZHcufXa-I40T3BlbkFJyZpxcodz\
         Yc77bbpYFD2tUg8C7fv-OzjDdPk6uRMSsSU0rjRuE7JWK9l7_i",
        "sk¦-admin-Hks7HFjTTGIPDVghDMmD\n\
         sk-admin-dashboard-with-a-rather-long-name-indeed",
    ),
    Rule::token(
        "anthropic-key",
        "Anthropic API key",
        ANTHROPIC,
        &[Lit("sk-ant-api"), exactly(2, DIGIT), Lit("-"), at_least(80, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "sk¦-ant-api03-XGKjQUnfSEHBQg2Dxw0UQkIgSWzYmCdqTLmY-bnjEqa_-5Q-EPznzqyJAxJXuihmM3FpTE\
         KhPHb7LCOdAbp0Wo_jTbR7nAA\n\
         sk¦-ant-api03-UXy6oIgDLSM08WW3X7BCfqF3ZRDxcuIYAQKFo54rI6r94fgdeJ6QIeo9UWd-dIJnI6g6K9\
         wGM4ytbpdSuZ8eR1Fhtny2HAA",
        "sk¦-ant-api03-UerVjzwA4CYUV1UHMX9IcXLJ52eGXUT-oLB4XQXy\n\
         sk-ant-api03-",
    ),
    Rule::token(
        "anthropic-admin-key",
        "Anthropic admin key",
        ANTHROPIC,
        &[Lit("sk-ant-admin"), exactly(2, DIGIT), Lit("-"), at_least(80, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "sk¦-ant-admin01-TTeAfQKf71J6Msp8asA9dVlR-cJQ020BsDzCTegMmti-bWlPrEH2Y9aCSuv07oSgSjme\
         EhGmAAUnDcE1nnwbUHr8GVBUkAA\n\
         sk¦-ant-admin01-OktiirypA4sgx-9lg8_eQ2x0Uv9rT4HUbAwd8aJJlV_QinT62z_rkbkB6FG_YK1xoHni\
         pXb3xqcMkPp7h_809YGyPjctuAA",
        "sk¦-ant-admin01-gD7Ut46ccAA1l9jJBaej3zYWoRWYVwi3Zw3ekUJY\n\
         sk-ant-admin01-",
    ),
    Rule::token(
        "anthropic-oauth-token",
        "Anthropic OAuth access or refresh token",
        ANTHROPIC,
        &[
            OneOf(&["sk-ant-oat", "sk-ant-ort", "sk-ant-sid"]),
            exactly(2, DIGIT),
            Lit("-"),
            at_least(80, BASE64_URL),
        ],
    )
    .severity(Critical)
    .examples(
        "sk¦-ant-oat01-DdNzt84v_g_stA2vQPluuIu8d7DjwSKNhlWzA5gED-nY8vY1VWV40F321G7nPiLcuV8bS4\
         hQys9_SrwKYYey8aqMRi1BKAA\n\
         sk¦-ant-ort01-qnWKmYN_pBdFU9soOWcqlyKFyKyTQxZPjn9g2f9QjWuzEPTFpuwd7CYTHaIgrpFTQ0RGDO\
         bOdmApqw_yvXM1O_XWrCnTWAA",
        "sk¦-ant-oat01-Lt9ePSwqmj-oZSGk5ixe-493OqcOAGNzQ-7gYvBm\n\
         sk-ant-oat01-",
    ),
    Rule::token(
        "huggingface-token",
        "Hugging Face user access token",
        HUGGING_FACE,
        &[Lit("hf_"), at_least(34, ALNUM)],
    )
    .severity(Critical)
    .check(check::random_token_of_letters)
    .examples(
        "hf¦_dbcsNCPjIAIPQxjMJrnkwpDuYzSIdVhFoP\n\
         hf¦_uAIBeDiVRVJMMaHeiQITvEDUvmDzyADJqn",
        "hf¦_KzheiLawSmTVBgVnCiuo\n\
         hf_transferfromthehuggingfacehubdirectly",
    ),
    Rule::token(
        "huggingface-organization-token",
        "Hugging Face organization API token",
        HUGGING_FACE,
        &[Lit("api_org_"), at_least(34, ALNUM)],
    )
    .severity(Critical)
    .check(check::random_token_of_letters)
    .examples(
        "api¦_org_FJBHKdfEAmJAzganNjqNUrfIdxaxHdxCOG\n\
         api¦_org_cgqFVLCfycqaHtFWfnZSTrJQKVcXoLnQHA",
        "api¦_org_GcWcmofrikQCjUubolLu\napi_org_members",
    ),
    Rule::token(
        "replicate-token",
        "Replicate API token",
        "Replicate, \"HTTP API\": replicate.com/docs/reference/http",
        &[Lit("r8_"), at_least(37, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "r8¦_H6Zj6hCqw2LRVp0cp3StOcysaHQxompzAIEJL\n\
         r8¦_ZOQfa5nfb8Zl8AgYJDgTXneyHvRW65ZgQT9I8",
        "r8¦_ItsDNvAplPQuVe6JjzV37sAZwgXdEN\nr8_unorm",
    ),
    Rule::token(
        "groq-key",
        "Groq API key",
        "Groq, \"Quickstart\": console.groq.com/docs/quickstart",
        &[Lit("gsk_"), at_least(50, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "gs¦k_ELrGSGq2RKmKwhyF2tx1vwclacsYMgK6GYomZK0Sw2uUURmmPp4J\n\
         gs¦k_6gz35aAQEc87yu6l556uXWDJziTdSokEoBF0AppjcdwaZOAxNVB7",
        "gs¦k_3dKEm70fXcoQ2VwC2KgWWG9BU1ntbt10xoqIRmHq\n\
         gsk_render_node",
    ),
    Rule::token(
        "perplexity-key",
        "Perplexity API key",
        "Perplexity, \"API key management\": docs.perplexity.ai/guides/api-key-management",
        &[Lit("pplx-"), at_least(48, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "pp¦lx-htPOgPIR1EwbgAHH7lNOXtnoTnSL3CltzBdUUYsFxCpFCHDP\n\
         pp¦lx-ad812c449527350d866edafa385edab5e76db3d1aae64f6d",
        "pp¦lx-HFtrfEN5SQXCUQRO5Zw8v7VxEdkLpmGrwLTySw63\n\
         pplx-70b-online",
    ),
    Rule::token(
        "xai-key",
        "xAI API key",
        "xAI, \"The Hitchhiker's guide to Grok\": docs.x.ai/docs/tutorial",
        &[Lit("xai-"), at_least(70, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "xa¦i-cyx8jpPaxZFahSWh0dIpsY73jiwzs2vZZtNZItXhm8k4OZxUNCJ9ApnDmQIiov4xFks3UNrbuBCvntk\
         e\n\
         xa¦i-sx3o3vNvi6Pp7eoNmvOl8gnXXC7iSFfgAmTpUjRn4Uxd24SaTdQwFMFAJAQPnkxXb7e6bgqJiVFl07F\
         n",
        "xa¦i-jNlUcLVHWZEaPxbT1Nx7WH42Sx0YPtQoOPTmQwBKGd4Lw4uHRi\n\
         xai-explainability",
    ),
    Rule::token(
        "openrouter-key",
        "OpenRouter API key",
        "OpenRouter, \"Authentication\": openrouter.ai/docs/api/reference/authentication",
        &[Lit("sk-or-v1-"), at_least(64, HEX)],
    )
    .severity(Critical)
    .examples(
        "sk¦-or-v1-e94625d12d73a683cb222eb58588104ee41f7b34c5c8b6cdcf61ac1d5add566a\n\
         sk¦-or-v1-164191d16d704db48ca956acb213a8f878935559f7b2c56fdbb7859b7ca46e00",
        "sk¦-or-v1-da454ead357afc329ffb5aff87e1fbb21ecfdd9fc1d4c91351\n\
         sk-or-v1-key",
    ),
    Rule::named(
        "deepseek-key",
        "DeepSeek API key",
        "DeepSeek, \"Your first API call\": api-docs.deepseek.com",
        &["deepseek_api_key"],
        &[Lit("sk-"), at_least(32, LOWER_ALNUM)],
    )
    .examples(
        "sk¦-072771df2da68d834fc443a46d4543ed\n\
         sk¦-eeed23d8f277107ab1de8f9b7a9c818f",
        "sk-e6d00c0efcb9a0fd92e1\nsk-your-key",
    ),
    Rule::named(
        "mistral-key",
        "Mistral API key",
        "Mistral, \"Quickstart\": docs.mistral.ai/getting-started/quickstart",
        &["mistral_api_key"],
        &[exactly(32, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "kdO5kjz9OmW2WWXy¦9JkdITXEl9D5oHpD\n\
         4xCcOONRJlouOvh7¦RfII3ARxb5Ma2hW6",
        "CkZR6qsHSuslce7J3xuHBM0nEQQAzX0\n\
         YaeT0Oml1jGUzuWFwounGYFy0SaWYbtIY",
    ),
    Rule::named(
        "cohere-key",
        "Cohere API key",
        "Cohere, \"API keys\": docs.cohere.com/docs/rate-limits",
        &["cohere_api_key", "co_api_key"],
        &[exactly(40, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "oYctyGBVbF2CIg88BQid¦NIPrAcqMjnlEC5LmXV7q\n\
         CW6sfNSRXgVy5iMYNYeJ¦VsrD6WcZ2BZ1awZpcXst",
        "nNyxUOnNCAibtGDcbCxVauu2IUyujyz6dFGQVxW\n\
         Z47T4F0TMrwe1jkAEERDM9ez3JZPXXNes2SIoxzgv",
    ),
    Rule::named(
        "together-key",
        "Together API key",
        "Together, \"Quickstart\": docs.together.ai/docs/quickstart",
        &["together_api_key", "togetherai_api_key"],
        &[at_least(43, WORD)],
    )
    .check(check::mixed)
    .examples(
        "1bdec791869a8fe3b76cf5930dc8bfd9¦541e6783b14e1329570a3665cc9873bf\n\
         tgp_v1_¦Q3r1R2bFNDrlonmuk4VFU5NZPR0krGyc5S4wB9vFtCe",
        "0859e9f276285e4cef3676f49cddec5ef884044f\n\
         ddfb09d4b9ec97583ea8d966b0831cfa54eed1847",
    ),
    Rule::named(
        "fireworks-key",
        "Fireworks API key",
        "Fireworks, \"Quickstart\": docs.fireworks.ai/getting-started/quickstart",
        &["fireworks_api_key"],
        &[Lit("fw_"), at_least(22, ALNUM)],
    )
    .check(check::mixed)
    .examples("fw¦_dD60i8rxoZIBiiP9KeImRt\nfw¦_u7uiEbvCk0nDOuDSLKMSm9Xg", "fw_BEmdMfG6DnR4kVR\nfw_your_key"),
    Rule::named(
        "elevenlabs-key",
        "ElevenLabs API key",
        "ElevenLabs, \"Authentication\": elevenlabs.io/docs/api-reference/authentication",
        &["elevenlabs_api_key", "eleven_api_key", "xi_api_key"],
        &[Maybe("sk_"), at_least(32, HEX)],
    )
    .examples(
        "sk¦_809ed27962f8ed111e578b33a2fd9f145f9fd2d4af3d8ad6\n\
         fd8f7f696132be08¦d4be87e48621f6ed",
        "sk_98114d2539ba519c30aaccda20af4c\nsk_your_key",
    ),
    Rule::token(
        "langsmith-key",
        "LangSmith API key",
        LANGSMITH,
        &[OneOf(&["lsv2_pt_", "lsv2_sk_"]), exactly(32, HEX), Lit("_"), at_least(10, HEX)],
    )
    .examples(
        "lsv¦2_pt_025baf4d1bbcd33bf4e98bf331881283_e95ed5c8fc\n\
         lsv¦2_sk_ceea14c18f3ae04a5fef19d7b8433df2_581a6d800a",
        "lsv¦2_pt_9309c1ff425b579723c0d562f3a3c5_f28e351d49\n\
         lsv2_pt_key",
    ),
    Rule::token(
        "langfuse-key",
        "Langfuse secret key",
        "Langfuse, \"API keys\": \
         langfuse.com/docs/api-and-data-platform/features/public-api",
        &[Lit("sk-lf-"), exactly(36, HEX.or(DASH))],
    )
    .check(check::prefixed_uuid)
    .examples(
        "sk¦-lf-59096199-eb8f-49bc-b71a-e246ce76086d\n\
         sk¦-lf-a5090fe1-4321-4592-a8e5-8d7b4c05ee6b",
        "pk-lf-a6823fdc-3ed1-4252-841d-3d63bcc014a5\n\
         sk-lf-ce16a575076dc624c0374a706a04c47a41cd",
    ),
    Rule::token("wandb-key", "Weights & Biases API key", WANDB, &[Lit("wandb_v1_"), at_least(60, WORD)])
        .check(check::mixed_case)
        .examples(
            "wandb¦_v1_sJhvqTmwX8Ewi3mLTUGctZ1AQGc_ArYjG6TZeZdxkXXwQYAUrsrpA8dnZHiWWUQbWk4HCAWhTv\
         gmx\n\
         wandb¦_v1_eYey0yzRsUAjldQID4OJSvzrJj3_03hvxw3ygPOEe1wBnC2A1DYG4U3bAxwlURtWk9wyeawQ1M\
         ZCN",
            "wandb¦_v1_WWCk4so8yRK2kyhRTF8mrXhY7nK0Sy\nwandb_v1_runs",
        ),
    Rule::named(
        "wandb-key-value",
        "Weights & Biases API key (before 2025)",
        WANDB,
        &["wandb_api_key"],
        &[exactly(40, HEX)],
    )
    .examples(
        "f871dc428353cab221db¦586297486da82dbebf43\n\
         463ad391e42531c57b5e¦36408c6ea337767046a8",
        "2c6989479abfc5b2c904c3c89f76184f7e233be\n\
         22945aea9f8d5c509eb263c7d6fb6b7e6e5861ec5",
    ),
    Rule::token(
        "pinecone-key",
        "Pinecone API key",
        "Pinecone, \"Manage API keys\": docs.pinecone.io/guides/projects/manage-api-keys",
        &[Lit("pcsk_"), at_least(50, WORD)],
    )
    .check(check::mixed_case)
    .examples(
        "pc¦sk_oj0ve3_0lyOFpHHI2rmP1kSDSaBBf5g7KqqKUAv4PnlrgKS36Lc9Al0WfuDMqasaanshp0\n\
         pc¦sk_Rsd8t_NEewR88ypMTPABvwSbl5mkkzI6P6jN9Iz2KWnBkuP91nvhKym3eJsyDssweZbZY",
        "pc¦sk_olU4R5_oYEtJqMafjJa2mQQ5ZecIGuxiUCM0s\npcsk_key",
    ),
    Rule::token(
        "cerebras-key",
        "Cerebras API key",
        "Cerebras, \"Quickstart\": inference-docs.cerebras.ai/quickstart",
        &[Lit("csk-"), at_least(40, LOWER_ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "cs¦k-73xqrg6cygfr74uxjshu1ei2qbi30gv74sam7q0fymm0ojqy\n\
         cs¦k-iqjam73qmvc41skgdcf19r3ebpfdssjxgmdamub5naesdwcl",
        "cs¦k-25mfapb3wtk4adduvym1e2x0oav0kg\ncsk-example",
    ),
    Rule::token(
        "nvidia-key",
        "NVIDIA API key",
        "NVIDIA, \"Generate NGC API keys\": docs.nvidia.com/ngc/latest/ngc-user-guide.html",
        &[Lit("nvapi-"), at_least(60, BASE64_URL)],
    )
    .check(check::mixed_case)
    .examples(
        "nv¦api-Zan9692JUHCGqcnuuDUlHYDw67CRXbZZ4-m3fepKVlwUT0fuVI8huRG-OujRU9yN\n\
         nv¦api-cdvasSXx5wuTEWBINIUbPF7GNdJMXLQGaxQRGTxsGBdgrubsIY-UnfKttGc1lkQE",
        "nv¦api-x2KX4Ymvx26Q6TotTc_2ID4XZMNmMkEa6tXZBKww\n\
         nvapi-r560-public",
    ),
    Rule::named(
        "stability-key",
        "Stability AI API key",
        "Stability AI, \"Authentication\": platform.stability.ai/docs/api-reference",
        &["stability_api_key", "stability_key"],
        &[Lit("sk-"), at_least(48, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "sk¦-px6CMF7cow1iy6bxpb3G5BT4TB5kiK7TsJkDH2gsHc7BZBoH\n\
         sk¦-AmMJvIGxDDiNGDDdyTAEYtPEIqoeZtpT8YShjoCALl9H3uTH",
        "sk-NbfSTJ602GYRjKDDg0U90edcgAsq4rtz9zqfd2Hh\nsk-your-key",
    ),
    Rule::named(
        "assemblyai-key",
        "AssemblyAI API key",
        "AssemblyAI, \"Authentication\": assemblyai.com/docs/api-reference/overview",
        &["assemblyai_api_key", "aai_api_key"],
        &[exactly(32, HEX)],
    )
    .examples(
        "6dcf75bfeb07842b¦154bf01529f79484\n\
         13320cc382b4b7c2¦9105ca51fa1f0854",
        "375519d92cac1f2afa1d10a412db196\n\
         c9234ff1711b5a56bfb65ea96f8c98a37",
    ),
    Rule::named(
        "deepgram-key",
        "Deepgram API key",
        "Deepgram, \"Authenticating\": \
         developers.deepgram.com/guides/fundamentals/authenticating",
        &["deepgram_api_key", "dg_api_key"],
        &[exactly(40, HEX)],
    )
    .examples(
        "16dee253958f5eb71c16¦b0b169fcec84b97255f6\n\
         7c842ec7a6cc4ae1201c¦34934f7d0858d208a6ed",
        "2b1c138aac8bbc6fc339c61005437dbd7eaaddb\n\
         fb078eca2ba9567447f4d7186bc978723336ed304",
    ),
    Rule::token(
        "tavily-key",
        "Tavily API key",
        "Tavily, \"Quickstart\": docs.tavily.com/documentation/quickstart",
        &[Lit("tvly-"), Maybe("dev-"), Maybe("prod-"), at_least(24, BASE64_URL)],
    )
    .check(check::mixed)
    .examples(
        "tv¦ly-DJ6ea4fyFLFwrvOCapc5sI8kLNVzeAve\n\
         tv¦ly-dev-zXuvsGMOFpTIsNDpPBavW6bvITEct0kO",
        "tv¦ly-ybr2iQTXp3jZ7C9\ntvly-your-api-key-goes-here-please",
    ),
    Rule::token(
        "firecrawl-key",
        "Firecrawl API key",
        "Firecrawl, \"Introduction\": docs.firecrawl.dev/api-reference/introduction",
        &[Lit("fc-"), exactly(32, HEX)],
    )
    .examples(
        "fc¦-4ae316519ff9518601aa9a93ad04397b\n\
         fc¦-db9478ce904bfa9b41166640ffc65f05",
        "fc-ec9d7da343cff105a659c5320d09f09\n\
         fc-fa33f3f1d4bd8924a3c07f3a59e71f8ff46fd91a",
    ),
    Rule::token(
        "jina-key",
        "Jina API key",
        "Jina, \"Embedding API\": jina.ai/embeddings",
        &[Lit("jina_"), at_least(50, BASE64_URL)],
    )
    .check(check::mixed_case)
    .examples(
        "ji¦na_ayXsUjimWwhE5DQOiVAsKEjOoCnKuI5Xnzg0b-fDl7tRearfztMNrGogqajt\n\
         ji¦na_bnGDNyJ-qQ_uIDHt9fJWtSqaeDjjOEKcKZJhGmhDf6Vt6OcECBB7409sQHWt",
        "ji¦na_4hDFBjX_qcPJ-6J-GKuKgQy3XIRka-p1ItTsGIQM\n\
         jina_embeddings_v3",
    ),
    Rule::token(
        "e2b-key",
        "E2B API key",
        "E2B, \"API key\": e2b.dev/docs/api-key",
        &[Lit("e2b_"), at_least(40, HEX)],
    )
    .examples(
        "e2¦b_3dd6766eeb7e56f4eb667777bd16015c137e633e\n\
         e2¦b_9b0b14864389f617724d1fdfcf4061d85ba87b39",
        "e2¦b_2868c90e7c00a9db9f3092e2fe0003\ne2b_sandbox",
    ),
    Rule::named(
        "modal-token",
        "Modal token id or secret",
        "Modal, \"modal.config\": modal.com/docs/reference/modal.config",
        &["modal_token_id", "modal_token_secret"],
        &[OneOf(&["ak-", "as-"]), between(20, 26, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "as¦-Nt5eBoXXgzXAqyIREUVlkO\nak¦-QW0aAFSjrdR1iM3EqIhp0l",
        "as-JeZAXmNmtmUVp2U\nxx-erayV6rVxYvqDjXPbRfuUa",
    ),
    Rule::named(
        "runpod-key",
        "RunPod API key",
        "RunPod, \"Manage API keys\": docs.runpod.io/get-started/api-keys",
        &["runpod_api_key"],
        &[Lit("rpa_"), at_least(40, UPPER_ALNUM.or(LOWER))],
    )
    .examples(
        "rpa¦_UHP9X7FXDFHAF6MJ8M4XPKBE9I6XAPNNGU88W2OG10\n\
         rpa¦_EGJG2T70L5X81OAFX2MKUOJNW7Z6KQFXVL3VFOBM7Z",
        "rpa_R1WK7NOO39B2NLCXZ16AX85R80TZJ4\nrpa_key",
    ),
    Rule::token(
        "llamacloud-key",
        "LlamaCloud API key",
        "LlamaCloud, \"Get an API key\": docs.cloud.llamaindex.ai/api_key",
        &[Lit("llx-"), at_least(40, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "ll¦x-9ph1SqhSrTRFdG5CpR3X6xAJh2Kx2bt5gTUoPzI8GaOvkSRn\n\
         ll¦x-5wFqSHcDs6QZApqteuupYK0nMtYbxX61cZYPAvdgikZpXIw4",
        "ll¦x-9nCFZEm7EvCOGnDvj3Suo4j0ZN1MY2\nllx-parse",
    ),
    Rule::token(
        "apify-token",
        "Apify API token",
        "Apify, \"API integration\": docs.apify.com/platform/integrations/api",
        &[Lit("apify_api_"), at_least(36, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "apify¦_api_RFOeRHc145wKOOTqgrfOJCbYMW4xoP8MK3t9\n\
         apify¦_api_E884jJTB5aXfLnKoZLkl9dzkWFUkSriOvz9M",
        "apify¦_api_PzSN90iTC5F4r0qiw9Fk3P98rUNygF\napify_api_token",
    ),
    Rule::token(
        "helicone-key",
        "Helicone API key",
        "Helicone, \"Authentication\": docs.helicone.ai/helicone-headers/helicone-auth",
        &[Lit("sk-helicone-"), at_least(28, LOWER_ALNUM.or(DASH))],
    )
    .check(check::mixed)
    .examples(
        "sk-heli¦cone-9vqswvf-3c0gewc-lpmz107-1fkx79l\n\
         sk-heli¦cone-iyp16jc-7vk3j62-8xze9j9-x4c2a67",
        "sk-heli¦cone-p08wnsy\nsk-helicone-",
    ),
    Rule::named(
        "kaggle-key",
        "Kaggle API key",
        "Kaggle, \"Public API\": kaggle.com/docs/api",
        &["kaggle_key", "kaggle_api_key"],
        &[exactly(32, HEX)],
    )
    .examples(
        "32f7defc3d46c108¦c82d512b13c5aa4f\n\
         9671e1375a3eb128¦93f97b9736f8b563",
        "642dc1dce46702b7864694290588476\n\
         dad4769b7bd963dbfe8ef9a7a5ab12b4f",
    ),
    Rule::named(
        "azure-openai-key",
        "Azure OpenAI key",
        "Microsoft, \"Azure OpenAI quickstart\": \
         learn.microsoft.com/azure/ai-services/openai/quickstart",
        &["azure_openai_api_key", "azure_openai_key", "ocp_apim_subscription_key", "cognitive_services_key"],
        &[exactly(32, HEX)],
    )
    .severity(Critical)
    .examples(
        "a69db2d44ae30e3b¦4dc4bda6be8f4ebc\n\
         35ce50a66da6817c¦18561be521af6fa6",
        "b68d788bc93229cf21095c5072a39fd\n\
         3aedae97eeb02e3bca8066dbae6f63076",
    ),
    Rule::named(
        "dashscope-key",
        "Alibaba Model Studio API key",
        "Alibaba Cloud, \"Get an API key\": \
         alibabacloud.com/help/en/model-studio/get-api-key",
        &["dashscope_api_key", "qwen_api_key"],
        &[Lit("sk-"), exactly(32, HEX)],
    )
    .examples(
        "sk¦-faa16edb3df02c6b65359cc8d1d0d4f3\n\
         sk¦-a63d8fd897a30e44f7704a54752732e9",
        "sk-b925b6bda812c90901666c72f85461\nsk-your-key",
    ),
    Rule::named(
        "moonshot-key",
        "Moonshot API key",
        "Moonshot, \"Quickstart\": platform.moonshot.ai/docs",
        &["moonshot_api_key", "kimi_api_key"],
        &[Lit("sk-"), at_least(48, ALNUM)],
    )
    .check(check::mixed)
    .examples(
        "sk¦-3VhlUAr72EN11334YiKHQO80WSTtZMq4Ml144G4ckgGr3Ps8\n\
         sk¦-cJghG12tbzm361SpfcNMvRxVTmEVnu0nCvZsr3LnxBtE7qKG",
        "sk-iznELjTokEtTZ7HS888wkGFolJB1gA\nsk-your-key",
    ),
];
