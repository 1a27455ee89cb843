//! Stores of secrets, networks and clusters: what opens everything else.

use super::super::check;
use super::super::rule::Part::{Lit, Maybe, OneOf};
use super::super::rule::Severity::{Critical, High, Medium};
use super::super::rule::{Rule, Shape, at_least, between, exactly};
use super::super::set::*;

const VAULT: &str = "HashiCorp Vault, \"Tokens\": developer.hashicorp.com/vault/docs/concepts/tokens";
const TERRAFORM: &str = "HCP Terraform, \"API tokens\": \
         developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens";
const DOPPLER: &str = "Doppler, \"Auth token formats\": docs.doppler.com/reference/auth-token-formats";
const ONEPASSWORD: &str = "1Password, \"Service accounts\" and \"Secret Key\": \
         developer.1password.com/docs/service-accounts";
const TAILSCALE: &str = "Tailscale, \"Key prefixes\": tailscale.com/kb/1277/key-prefixes";
const SWARM: &str = "Docker, \"Manage swarm security\": docs.docker.com/engine/swarm/swarm-mode";

pub const RULES: &[Rule] = &[
    Rule::token(
        "vault-token",
        "HashiCorp Vault service, batch or recovery token",
        VAULT,
        &[OneOf(&["hvs.", "hvb.", "hvr."]), at_least(24, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "hv¦s.CAESHXE6mKNOyQapW6Nmf9akWg8CmU9eVP5STwKIgkWLoMKC2Qf2TSLIlgUp20-Kmr6cPUJm34CdcGO\
         nya36MEvm13XJmw\n\
         hv¦s.8iONWWWbPO0zKeQ4Ac8gtPGj",
        "hv¦s.Puf2vQYCV2NMf8Tru_Rx\nhvs.example.org",
    ),
    Rule::named(
        "vault-token-value",
        "HashiCorp Vault token (before 1.10)",
        VAULT,
        &["vault_token", "x_vault_token"],
        &[OneOf(&["s.", "b.", "r."]), at_least(24, ALNUM)],
    )
    .severity(Critical)
    .examples(
        "s¦.iMz6Mq1YQu9opaJrQvzia33c\ns¦.9I2LO0d23gDcNw3XHAOstudU",
        "s¦.lBY7hqoW4BBb0SOtyBPi\nfrom-the-agent-at-login",
    ),
    Rule::named(
        "consul-token",
        "HashiCorp Consul token",
        "HashiCorp Consul, \"ACL tokens\": \
         developer.hashicorp.com/consul/docs/secure/acl/token",
        &["consul_http_token", "x_consul_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .severity(Critical)
    .check(check::uuid)
    .examples(
        "af1e6193-d09e-45f9-8162-8b9f525969d5\n\
         455d8e37-3d43-4360-a077-43f953632e31",
        "5d1ce6f36fcdf4c8fab9daf5e2629448a641\nanonymous",
    ),
    Rule::named(
        "nomad-token",
        "HashiCorp Nomad token",
        "HashiCorp Nomad, \"ACL tokens\": developer.hashicorp.com/nomad/docs/secure/acl",
        &["nomad_token", "x_nomad_token"],
        &[exactly(36, HEX.or(DASH))],
    )
    .severity(Critical)
    .check(check::uuid)
    .examples(
        "133696d0-54bc-4a60-921c-7bdeec161711\n\
         4ee83676-b53a-4cd3-9fe7-9f25c94d3709",
        "2449d76f8072ab23d878dde71fb82307172b\nanonymous",
    ),
    Rule::token(
        "terraform-token",
        "HCP Terraform or Terraform Enterprise token",
        TERRAFORM,
        &[exactly(14, ALNUM), Lit(".atlasv1."), at_least(60, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "kFgQuGJly6QM8A.atlas¦v1.wgndiDxjKasPxWFUZ23vpvizms5GXRdqTir3HwiKKLy29FpushPt9HoNHslD\
         7qv7Krt\n\
         XCnhWxV7hf8O2X.atlas¦v1.ezQ8tkD1Zqb5IdvTRf8XkAxyRTiziiSM9NeOnMIq3DCUPLbmYz2g9RODQWD5\
         lpqn8S2",
        "fIh8Vbac2ZuNN.atlas¦v1.SHAKIVfJYG11PYeI01peqrnRIAqF7ciDbFGcYmR0hhqhxASDdBwEipJOGnOwP\
         ZTNCpO\n\
         nrB0BuSw59M0Ov.atlas¦v1.Ov6Q75MF8WZm3KjoCOWLsrkpuITAMt3NmQM0qjUy",
    ),
    Rule::token(
        "pulumi-token",
        "Pulumi access token",
        "Pulumi, \"Access tokens\": \
         pulumi.com/docs/pulumi-cloud/access-management/access-tokens",
        &[Lit("pul-"), at_least(40, HEX)],
    )
    .severity(Critical)
    .examples(
        "pu¦l-44e453e1fec1b49f94dd4a89f5fa4346aab6b164\n\
         pu¦l-c60ba296b8196dd3c696c5ac597f79442001d947",
        "pu¦l-2b5e5f88208444568cc8c129fc1e72\npul-request",
    ),
    Rule::token(
        "doppler-token",
        "Doppler token",
        DOPPLER,
        &[
            OneOf(&["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.said.", "dp.scim.", "dp.audit."]),
            at_least(40, ALNUM.or(DOT).or(UNDERSCORE).or(DASH)),
        ],
    )
    .severity(Critical)
    .examples(
        "dp¦.pt.zzVoxKT1169X37hMn7UAeiDlALMXJNO0jhfuHgMqjQc\n\
         dp¦.st.prd.9G0T8fcMHloVUSndho7GVCknCk1gr4yQsctVbug2jDg",
        "dp¦.pt.fuY19e2ze5quvV9lz9Ms\ndp.st.prd",
    ),
    Rule::token(
        "infisical-service-token",
        "Infisical service token",
        "Infisical, \"Service token\": infisical.com/docs/documentation/platform/token",
        &[Lit("st."), exactly(24, HEX), Lit("."), exactly(32, HEX), Lit("."), at_least(32, HEX)],
    )
    .severity(Critical)
    .examples(
        "st¦.5cff3631b225cafe2d7a1991.0bda480dbc40574610936a22e8d3fe02.2534067e73803dd694217a\
         f773af1345\n\
         st¦.5cb650190f84d885b014bd7a.ac321da2bb4aa83c22e8f7f6ab231c23.6dbf3a100300119cb23d22\
         f91f4a2146",
        "st¦.1a4f3c4d9adafd9a9f32307d.af0062ebfa538206e6cd822e651f54.058732e20050345b1f2ec26e\
         4dc41f5b\n\
         st.example.org",
    ),
    Rule::token(
        "onepassword-service-account",
        "1Password service account token",
        ONEPASSWORD,
        &[Lit("ops_eyJ"), at_least(200, BASE64_PADDED)],
    )
    .severity(Critical)
    .examples(
        "ops_¦eyJ2gA6q9V4MIhXjIu58mpkc8YV56Uwjtlf3wEbYi1Ub/20T7pE2D0LL95MhzdK430OwluoBb7Ft6OI\
         LGcUbLYHH5J+xmI5wKPXVKGxsS1cglN6z+6tafoXsSfL0V3Qarxp5BsWaZJkDjge4ElcYa6W1H3yOdjX0CD4\
         lJQGxcZE+N1V29PRhbCeLVWqi3YjPY+fuBgAQCpuDTqHorhi8nWZ+7ABbw1dhg6WGtAmJEjj5kniTWZcIZ/M\
         zZrDnuhzrtTWvxvQIO60nlx1CehroMdm7ebztD5FO0bTWBnGlwYFlue2E9YdW9bhDXsV/a0apFZeu0LQustO\
         Yl5FwiOcOJb2HBEySe+9eAl0w45Pd4S9Rajr77KneO/Z7vu7BJG6qcjQ3N9ZWKCnfivR2+F2\n\
         ops_¦eyJtCSKYF7KN9LD80Ue6aBT0S5GSZZXSTuC2WwYZf80JWj7WWGwccRaqLi0XwquJNfuIW8Tc75QMsC9\
         J2FhezVWNlaTVJ6JOMlh2x79IvJZ0RSlc9o2B8uUpJfa5jqL2h5yur4jrDvDEPFh+pNwunDtn/ByN5IFRYNA\
         AZlCmeYy1XHP/NEflx4HOeYTFbUlFpM2ROOcwZFNAz2walSnpQOpYgNTUbJc1EfjrCPCy3q4QjxwklqNylrA\
         bHLergv/5N69LT5Hk9JOA3+q0DQtDES8hm5EwUwUAI4G0GAmCU3N/JnzhobG28YYpXhgjQQzrrY0M2Gnilwh\
         fKABhQjIAqxjfIJMr5Ts9IyfTvKhFKtQsiLUnQGFwjbCHaJq3AL39AbLojiSrq8xEzznTZiz=",
        "ops_¦eyJaWwZjHlboViNc4UnxIp6W+GFLNKXZp6tDUV4SBNRc9krsMG3c//g8jTEiWtEBmVgWvizeIMPH6s5\
         rtki0+qeK69M8s61dqRGkr0B\n\
         ops_eyJ",
    ),
    Rule::token(
        "onepassword-secret-key",
        "1Password secret key",
        ONEPASSWORD,
        &[
            Lit("A3-"),
            exactly(6, UPPER_ALNUM),
            Lit("-"),
            between(6, 11, UPPER_ALNUM),
            Lit("-"),
            exactly(5, UPPER_ALNUM),
            Lit("-"),
            exactly(5, UPPER_ALNUM),
            Lit("-"),
            exactly(5, UPPER_ALNUM),
            Maybe("-"),
            between(0, 5, UPPER_ALNUM),
        ],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "A¦3-BYIST5-E1U862-7XJZ7-9QFXE-VUKV3-4RBAA\n\
         A¦3-47GKLS-V48ZK699Y08-5U5NK-O7SJ8-KHFU0",
        "A¦3-OERRR-UOHJRQ-ETRV1-6NGKQ-VELS5\n\
         A3-XXXXXX-XXXXXX-XXXXX-XXXXX-XXXXX",
    ),
    Rule::named(
        "bitwarden-access-token",
        "Bitwarden Secrets Manager access token",
        "Bitwarden, \"Access tokens\": bitwarden.com/help/access-tokens",
        &["bws_access_token"],
        &[
            Lit("0."),
            exactly(36, HEX.or(DASH)),
            Lit("."),
            exactly(30, ALNUM),
            Lit(":"),
            at_least(22, BASE64_PADDED),
        ],
    )
    .severity(Critical)
    .examples(
        "0.2dea9ea2-c25f-4d33-bd5c-7d5e4750cbbb.¦l0wBaakPJaEdRveWTo66MdnoPGc2Cn:yjO33pLCshF06\
         NqRzI3Yke==\n\
         0.95f77aa3-fe8d-40f9-bf63-13bec5089fe4.¦EmE4m9ASF7cOcx06hCKHJMbXpCcfbx:bU0YS/8fVpB51\
         zR2+8Dl9a==",
        "1.b19421c5-7ff4-4154-8c3a-aa6b11a1b13a.3IkcTEdmoJ18cqVRclPUnJc5SoEVsv:hUPSxjTNGpgC9L\
         oOiDbcLv==\n\
         0.1b4f5eba-8dea-46bc-b315-3c3bda8dd671.nz2Tst5t9K5gBS4mXYXvAk1UENqxf:B3wtBCgr5Uq7Ysd\
         1X5LUsZ==",
    ),
    Rule::token(
        "tailscale-key",
        "Tailscale key",
        TAILSCALE,
        &[
            OneOf(&["tskey-auth-", "tskey-api-", "tskey-client-", "tskey-scim-", "tskey-webhook-"]),
            at_least(20, ALNUM.or(DASH)),
        ],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "tskey¦-auth-kHY9qC4NUVSCNTRL-Q4uYz0oyBjfPnMV5Q5koFvGPbz2RgvVc\n\
         tskey¦-api-kfNPY9vSG28CNTRL-TcBAFO5mJk1smRi61UmtlZ6TkEaVtR0o",
        "tskey¦-auth-zlFhpkLuro\ntskey-auth-key-rotation-policy",
    ),
    Rule::named(
        "ngrok-token",
        "ngrok authtoken",
        "ngrok, \"Authtokens\": ngrok.com/docs/agent",
        &["ngrok_authtoken", "ngrok_auth_token", "ngrok_api_key"],
        &[between(24, 28, ALNUM), Lit("_"), at_least(20, ALNUM)],
    )
    .check(check::mixed_case)
    .examples(
        "2sP9sujoRxB6VaLnNCI5EUsYZjS¦_9VoA3EuFWjD6mS8nyjWDx\n\
         2LaHYPxHDK8n2XuMTUb7qqM2zww¦_i2aw6I6Wjc3kFwxbnqs6Y",
        "2juGCM8kCFE9ZtqTQ5y8Zrmk7fi¦_yrvB6RrPlC\n\
         from_the_dashboard",
    ),
    Rule::token(
        "netbird-token",
        "NetBird personal access token",
        "NetBird, \"Public API\": docs.netbird.io/how-to/access-netbird-public-api",
        &[Lit("nbp_"), exactly(36, ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "nb¦p_sByECCuql9TnbWReptOB57HHuNzp6Hq2cfdc\n\
         nb¦p_Ol31i34Mpk1J9SzdMKliP9KrDqQKKovDuFjL",
        "nb¦p_3DI9tCf7i8ENRstWK3pJqXUApKShx1osGb2\n\
         nb¦p_7YPlIBsM4XhbJwuffj4Ixdb5YncAzVz7hJK3m",
    ),
    Rule::named(
        "wireguard-key",
        "WireGuard private or preshared key",
        "WireGuard, wg(8): git.zx2c4.com/wireguard-tools/about/src/man/wg.8",
        &["private_key", "preshared_key"],
        &[exactly(43, BASE64), Lit("=")],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "bstdzYca7fkXZKf/aBo6¦Rk3goTJnQr2BUIm390NFbCx=\n\
         MDAc29uNLNyfzKzrKBoj¦Dj4o8qOlBq18K5nm4mZbV9q=",
        "62j9kZc+/6f8WIkfedicf8D2ffqkuC/LwV+hlptNvd=\n\
         /etc/wireguard/wg0.key",
    ),
    Rule::token(
        "rancher-token",
        "Rancher API token",
        "Rancher, \"API keys\": \
         ranchermanager.docs.rancher.com/reference-guides/user-settings/api-keys",
        &[Lit("token-"), exactly(5, LOWER_ALNUM), Lit(":"), exactly(54, LOWER_ALNUM)],
    )
    .severity(Critical)
    .examples(
        "tok¦en-d56sv:fnmtbfomllzxjc56dmp6cv160ukw33ajz73wt3rhty6qvzahmimo9h\n\
         tok¦en-0mf6e:q1h047381j7ca2p1ccw8o9wlh6nllogvcuupdzu99sfe1zwsq679vj",
        "tok¦en-8sjfm:1hh2to2f03ilimnov2y8jqevo70i3etopry236kc\n\
         token-abcde: created",
    ),
    Rule::token(
        "openshift-token",
        "OpenShift OAuth access token",
        "Red Hat, \"Managing user-owned OAuth access tokens\": \
         docs.redhat.com/en/documentation/openshift_container_platform",
        &[Lit("sha256~"), at_least(43, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "sha2¦56~bl8R_JHXMjHKnVpliotkbzaBFLuJsZOolQ82-etrbFd\n\
         sha2¦56~JfVQgg_BllS4XBQZ7GH01vb24nYjFFTlVxJ3ofzESL0",
        "sha2¦56~wchT1AvQqf--kT3g5f6ICPvuwtFfSJ\n\
         sha256~xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    Rule::token(
        "swarm-join-token",
        "Docker Swarm join token",
        SWARM,
        &[Lit("SWMTKN-1-"), exactly(50, LOWER_ALNUM), Lit("-"), exactly(25, LOWER_ALNUM)],
    )
    .severity(Critical)
    .examples(
        "SWMT¦KN-1-do6j8mipbuojfa8k1qw8rw4mtvly9k8xylx4relvv50x3m5v6a-6atvxotjzb87o0i0re08hyu\
         0m\n\
         SWMT¦KN-1-40ys2wrsnzjak8838owxq9f3526v9ow5vht9cauj5g9p2czutb-fkf5vk1tl1rbak9ijmengye\
         w2",
        "SWMT¦KN-1-53a9n6nmtcgo827gnx37d3in3znivlv6qmzf5w1k-za03mp7s2yzvkspxmiar0f1l4\n\
         SWMTKN-1-<token>",
    ),
    Rule::token(
        "swarm-unlock-key",
        "Docker Swarm unlock key",
        "Docker, \"Lock your swarm\": docs.docker.com/engine/swarm/swarm_manager_locking",
        &[Lit("SWMKEY-1-"), at_least(43, BASE64)],
    )
    .severity(Critical)
    .examples(
        "SWMK¦EY-1-3FAlF1VCAUar5U/Lg0teEYPcprYDBe8r33DbrqNDvdQ\n\
         SWMK¦EY-1-1Zl4WVrNoPamAcL9o+7PnD00BimmnJff6MpaTHzqASM",
        "SWMK¦EY-1-iWqrhGEh0WJIgw91dCbFg6IGNDicpa\nSWMKEY-1-<key>",
    ),
    Rule::named(
        "kubeadm-token",
        "Kubernetes bootstrap token",
        "Kubernetes, \"Bootstrap tokens\": \
         kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens",
        &["token"],
        &[exactly(6, LOWER_ALNUM), Lit("."), exactly(16, LOWER_ALNUM)],
    )
    .severity(Critical)
    .check(check::mixed)
    .examples(
        "v59x19.ji4gxv¦eryy5s3eqv\nvv40vy.e483lo¦ajqqv4cmcc",
        "yhoh88.eu6fwrux3fgpip5\njyr73.cnjw7n2d4mcl9un6",
    ),
    Rule::new(
        "kubernetes-secret",
        "value of a Secret of Kubernetes",
        "Kubernetes, \"Secrets\": kubernetes.io/docs/concepts/configuration/secret",
        Shape::Manifest {
            keys: &[
                "apiVersion: v1",
                "apiVersion: \"v1",
                "apiVersion: 'v1",
                "apiVersion\": \"v1",
                "kind: Secret",
                "kind: secret",
                "kind: \"Secret",
                "kind: 'Secret",
                "kind\": \"Secret",
            ],
        },
    )
    .examples(
        "apiVersion: v1⏎data:⏎  settings: «bG9n¦aW49YXBw»⏎kind: Secret⏎metadata:⏎  name: app⏎\n\
         {⏎    \"kind\": \"Secret\",⏎    \"data\": {⏎        \"extra\": \"«YWRtaW46¦Y29ycmVjdA==»\"⏎    }⏎}⏎",
        "apiVersion: v1⏎data:⏎  mode: frontend⏎kind: ConfigMap⏎\n\
         apiVersion: v1⏎kind: Secret⏎metadata:⏎  name: bG9naW49YXBw⏎",
    ),
    Rule::token(
        "encoded-private-key",
        "base64 of a private key, as in a kubeconfig",
        "RFC 7468, \"Textual Encodings of PKIX Structures\": rfc-editor.org/rfc/rfc7468",
        &[Lit("LS0tLS1CRUdJTi"), at_least(80, BASE64_PADDED)],
    )
    .severity(Critical)
    .anywhere()
    .check(check::encoded_private_key)
    .examples(
        "LS0tLS1CRUdJTi¦BQUklWQVRFIEtFWS0tLS0tCkZqud6UrPr4VwSI6NIIDS7K/5WZ9or8gwXHwG9Sw5Lw1oo\
         LBhrLFKJ+JoLuXbfHCJFEzZ51CIcRjCKB4k5x+ts0Iahk/k4nkT1R5ksv4tosTUigMtlQJDDn/Q4L3HJWSLA\
         mFhsJ/KEnu9InKtY/yu7C/cXr+Bk44vZkLLoL9xiQYNPXFo5h/WAe72PWw8IQYJb2lbfyqd=\n\
         LS0tLS1CRUdJTi¦BSU0EgUFJJVkFURSBLRVktLS0tLQQVJwfAko4KHvNPUwt5Io870lmRj7Qeo4/OdQc0I8x\
         yO2X7nssvlBvjrzdl/POmWb8fuivnwTf5Mf05ghKIDdghcRLT/ug0ErwwPiNbHYDYFN1TkYbE7++yiR/4c2F\
         SShSv4eLrVxliioWqhXbj0DaLOsbW2or27I5CpO2P9RnQmEkXb5ogdb2JOMpk1MGMPazHc8JArz==",
        "LS0tLS1CRUdJTi¦BDRVJUSUZJQ0FURS0tLS0tCkveSlY7NVgEYZEeaZKoR4QO8axPDAbjabnW8oOWjVhBDlj\
         Si6KrgNYafsly97j9rKRk45kA/UVU9u+U0+mJ2Z34cNvkSiQsSi8T68aVJppte7hoCpi9rSrTgS5AGo/+TwB\
         IkY+rw2L+EkX1G9zOEzUrQPQX/z1ZrZyx8fA1bwOKPiDyRWt7FjJ9TlPjgA9ahfDzLZrJDX\n\
         LS0tLS1CRUdJTi¦BQVUJMSUMgS0VZLS0tLS0K1SbSty9Ag42Jqx8mN0SAfdVL58ROj0ykSi3P/BPP6Kji7l+\
         1jtzxpGFiy7+Eqjd3/FjYfK4SE1hvG9goTq4+DqXVh/1kO4YtxtErWiBaeADuzEEiyQ34NYOmBLm3sWkyEr+\
         ddm+dO+G9IpFXg2wqhqjPQ8RZXLqp5XzrITJr5H6+MALbxrVZq1chPsrSNWrKzQG3oyfT",
    ),
    Rule::within(
        "okta-token",
        "Okta API token",
        "Okta, \"Create an API token\": developer.okta.com/docs/guides/create-an-api-token",
        &[Lit("SSWS ")],
        &[Lit("00"), exactly(40, BASE64_URL)],
        &[],
    )
    .severity(Critical)
    .anywhere()
    .examples(
        "Authorization: SSWS «0¦0gbrwW8jo6qHirveURI4K8jJuRvqV0SmeiJyxgbIX»\n\
         authorization: SSWS «0¦0vmKrLR-Yx03yrM_smJHW0p91wfbicp6UflBcSvx8»",
        "Authorization: SSWS 0¦04quMwblG86TWv3cFHtbl5BUolmS5xMnlH_THCG1\n\
         Authorization: SSWS ${api_token}",
    ),
    Rule::named(
        "okta-token-value",
        "Okta API token",
        "Okta, \"Create an API token\": developer.okta.com/docs/guides/create-an-api-token",
        &["okta_api_token", "okta_token", "okta_client_token"],
        &[Lit("00"), exactly(40, BASE64_URL)],
    )
    .severity(Critical)
    .examples(
        "0¦0sof2tne0G5Vgi78dIhbDBCXBhCoF7rM6okObxPW2\n\
         0¦0ylgQAHBLism5UyHvpZFVVstjCgWbRw7q09LhHXML",
        "0¦0LPq-HyL2kGNtskfhFfHQG_J9uanMoqhcXzcgIeO\n\
         0¦0dUxhFtZG8uWrOLDl7RQhYlQvgJps_kcFv3IWqxX1S",
    ),
    Rule::token(
        "stytch-secret",
        "Stytch project secret",
        "Stytch, \"API authentication\": stytch.com/docs/api/authentication",
        &[OneOf(&["secret-live-", "secret-test-"]), at_least(30, BASE64_URL), Maybe("=")],
    )
    .severity(High)
    .check(check::mixed_case)
    .examples(
        "secret¦-live-LryovFldnG-csqNoUBNI8HUrvjKZmpbyEQei=\n\
         secret¦-test-NT7j-niJhaakBHLN41s6rPqiZb_HiRMBMdBM=",
        "secret¦-live-cyUZGwi4-aqua4Io1JmA\n\
         secret-live-in-the-vault-of-the-platform",
    ),
    Rule::named(
        "otp-secret",
        "secret of a one-time password generator",
        "Google Authenticator wiki, \"Key URI Format\": \
         github.com/google/google-authenticator/wiki/Key-Uri-Format",
        &["secret", "totp_secret", "otp_secret", "mfa_secret"],
        &[at_least(16, BASE32)],
    )
    .severity(Medium)
    .check(check::mixed)
    .examples(
        "Z7CA3SF6FI2EC7VP¦RRGPCXT6SH7362EZ\n3FPKPJ3O¦SDZ5UFPT",
        "OBBN63DWB356MSV\nGETFROMTHEVAULTPLEASE",
    ),
];
