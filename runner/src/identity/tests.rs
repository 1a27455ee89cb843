//! Who gets a grant: facts, claims, subjects, conditions and grants together.

use serde_json::{Map, Value as Json, json};

use super::claims::{Environment, Observed};
use super::subject::Subject;
use super::{Claims, Facts, Grants};
use crate::workflow::permissions::{Access, Permissions, Scope};

const SERVER: &str = "https://git.example";

/// The claims of a job of `acme/app` at a forge, for which this was said too.
fn claims_of(said: &[(&str, &str)], event: &Json, observed: &Observed) -> Claims {
    let mut github: Map<String, Json> = [
        ("repository", "acme/app"),
        ("repository_owner", "acme"),
        ("ref", "refs/heads/main"),
        ("event_name", "push"),
        ("actor", "alice"),
    ]
    .map(|(key, value)| (key.to_owned(), value.into()))
    .into_iter()
    .collect();
    github.extend(said.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
    let facts = Facts::of_forge(&format!("{SERVER}/"), &github, "ci.yml", event);
    Claims::new(&facts, observed, &Subject::default())
}

fn claims(said: &[(&str, &str)]) -> Claims {
    claims_of(said, &json!({}), &Observed::default())
}

fn in_environment(name: &str, approved: bool) -> Observed {
    Observed { environment: Some(Environment { name: name.into(), approved }), ..Observed::default() }
}

fn grants(text: &str) -> Result<Grants, String> {
    #[derive(serde::Deserialize)]
    struct File {
        grant: Grants,
    }
    toml::from_str::<File>(text).map(|file| file.grant).map_err(|e| e.message().to_owned())
}

/// A grant with one rule, in TOML, besides the forge and the repository.
fn grant(rule: &str) -> Grants {
    let comma = if rule.is_empty() { "" } else { ", " };
    grants(&format!(
        "[[grant]]\nname = 'g'\nprovider = 'id-token'\naudiences = ['a']\n\
         allow = [{{ server = '{SERVER}', repository = 'acme/app'{comma}{rule} }}]"
    ))
    .unwrap()
}

fn permitted() -> Permissions {
    [(Scope::IdToken, Access::Write)].into_iter().collect()
}

fn why_not(grants: &Grants, claims: &Claims) -> Option<String> {
    grants.get("g").unwrap().decide(claims, &permitted(), None).why_not()
}

#[track_caller]
fn allows(rule: &str, claims: &Claims) {
    assert_eq!(why_not(&grant(rule), claims), None, "{rule}");
}

#[track_caller]
fn refuses(rule: &str, claims: &Claims, why: &str) {
    let told = why_not(&grant(rule), claims).unwrap_or_else(|| panic!("{rule} allows it"));
    assert!(told.contains(why), "{rule}: {told}");
}

#[test]
fn a_subject_is_as_at_github() {
    let sub = |said, observed: Observed| claims_of(said, &json!({}), &observed).sub;
    let none = Observed::default;
    assert_eq!(sub(&[], none()), "repo:acme/app:ref:refs/heads/main");
    assert_eq!(sub(&[("ref", "refs/tags/v1")], none()), "repo:acme/app:ref:refs/tags/v1");
    assert_eq!(sub(&[("event_name", "pull_request")], none()), "repo:acme/app:pull_request");
    assert_eq!(sub(&[], in_environment("production", true)), "repo:acme/app:environment:production");
}

#[test]
fn no_value_is_taken_for_another_part_of_a_subject() {
    let of_ref = |name| claims(&[("ref", name)]).sub;
    assert_eq!(
        of_ref("refs/heads/x:environment:production"),
        "repo:acme/app:ref:refs/heads/x%3Aenvironment%3Aproduction"
    );
    // What is escaped and what looks as if it were are told apart.
    assert_ne!(of_ref("refs/heads/a:b"), of_ref("refs/heads/a%3Ab"));
    let named = claims_of(&[], &json!({}), &in_environment("x:ref:refs/heads/main", false)).sub;
    assert_eq!(named, "repo:acme/app:environment:x%3Aref%3Arefs/heads/main");
}

#[test]
fn a_template_makes_the_subject() {
    let subject = |text: &str| Subject::try_from(text.to_owned());
    let made =
        subject("{repository_owner}|{ref}|{environment}").unwrap().of(&claims(&[("ref", "refs/heads/a:b")]));
    assert_eq!(made, "acme|refs/heads/a%3Ab|");
    for (text, why) in [
        ("fixed", "the same for every job"),
        ("{workflow}", "is no claim"),
        ("{ref", "has no `}`"),
        (&"{ref}".repeat(200), "at most 512"),
    ] {
        assert!(subject(text).unwrap_err().contains(why), "{text}");
    }
}

#[test]
fn a_run_on_this_machine_is_nobody_elses() {
    let github = [
        ("repository", "acme/app"),
        ("repository_owner", "acme"),
        ("ref", "refs/heads/main"),
        ("server_url", SERVER),
    ];
    let facts = Facts::of_local(&github.into_iter().collect(), &json!({}), "w.yml");
    for subject in [Subject::default(), Subject::try_from("repo:{repository}".to_owned()).unwrap()] {
        let claims = Claims::new(&facts, &Observed::default(), &subject);
        assert!(claims.sub.starts_with("local:repo:acme/app"), "{}", claims.sub);
        refuses("", &claims, "`local`: this is a run on this machine");
    }
    let local = grants(
        "[[grant]]\nname = 'g'\nprovider = 'id-token'\naudiences = ['a']\n\
         allow = [{ local = true, repository = 'acme/app' }]",
    )
    .unwrap();
    let claims_here = Claims::new(&facts, &Observed::default(), &Subject::default());
    assert_eq!(why_not(&local, &claims_here), None);
    assert!(why_not(&local, &claims(&[])).unwrap().contains("`local`: it is for runs on this machine"));
}

#[test]
fn what_a_workflow_says_of_itself_is_no_fact() {
    let said = [
        ("workflow", "refs/heads/main"),
        ("job", "deploy"),
        ("env", "x"),
        ("sub", "repo:acme/app"),
        ("iss", "x"),
    ];
    let (with, without) = (claims(&said), claims(&[]));
    assert_eq!(with, without);
}

#[test]
fn every_condition_must_hold() {
    allows("", &claims(&[]));
    for (rule, said, name) in [
        ("ref = 'refs/heads/main'", ("ref", "refs/heads/topic"), "`ref`"),
        ("ref = ['refs/heads/main', 'refs/tags/v*']", ("ref", "refs/tags/x"), "`ref`"),
        ("event = ['push', 'schedule']", ("event_name", "workflow_dispatch"), "`event`"),
        ("actor = 'alice'", ("actor", "bob"), "`actor`"),
        ("", ("repository", "acme/other"), "`repository`"),
    ] {
        allows(rule, &claims(&[]));
        refuses(rule, &claims(&[said]), name);
    }
    refuses("ref-protected = true", &claims(&[]), "`ref-protected`: it must be true");
    refuses("environment = 'production'", &claims(&[]), "the job has no environment");
    refuses("environment = '**'", &claims(&[]), "the job has no environment");
    let deploy = "environment = 'production', approved = true";
    allows(deploy, &claims_of(&[], &json!({}), &in_environment("production", true)));
    refuses(deploy, &claims_of(&[], &json!({}), &in_environment("production", false)), "`approved`");
    refuses(deploy, &claims_of(&[], &json!({}), &in_environment("staging", true)), "`environment`");
    // A reference that is named like an environment is none.
    refuses(deploy, &claims(&[("ref", "refs/heads/environment:production")]), "`environment`");
}

#[test]
fn look_alikes_and_other_case_never_match() {
    for name in [
        "acme/App",
        "acme/\u{430}pp",
        "acme/app ",
        "acme/app\u{200b}",
        "acme/app\0",
        "acme/ａｐｐ",
        "acme/app/x",
        "xacme/app",
        "acme/appx",
        "",
    ] {
        refuses("", &claims(&[("repository", name)]), "`repository`");
    }
    for name in ["refs/heads/Main", "refs/heads/m\u{430}in", "refs/heads/main\n", "main", "refs/heads/main/x"]
    {
        refuses("ref = 'refs/heads/main'", &claims(&[("ref", name)]), "`ref`");
    }
    // A star stops at a slash.
    refuses("ref = 'refs/heads/*'", &claims(&[("ref", "refs/heads/a/b")]), "`ref`");
}

#[test]
fn a_forge_of_another_name_is_another_forge() {
    let claims = claims(&[]);
    let elsewhere = grants(
        "[[grant]]\nname = 'g'\nprovider = 'id-token'\naudiences = ['a']\n\
         allow = [{ server = 'https://other.example', repository = 'acme/app' }]",
    );
    assert!(why_not(&elsewhere.unwrap(), &claims).unwrap().contains("`server`"));
}

#[test]
fn forks_and_their_events_must_be_named() {
    let pull = |from: Json, event| {
        let payload = json!({ "pull_request": { "head": { "repo": from } } });
        claims_of(&[("event_name", event)], &payload, &Observed::default())
    };
    let own = || json!({ "full_name": "acme/app" });
    let fork = || json!({ "full_name": "eve/app" });
    allows("", &pull(own(), "pull_request"));
    refuses("", &pull(fork(), "pull_request"), "`fork`");
    refuses("", &pull(Json::Null, "pull_request"), "`fork`");
    refuses("event = 'pull_request'", &pull(fork(), "pull_request"), "`fork = true` would allow that");
    allows("fork = true", &pull(fork(), "pull_request"));
    // Also where the code is the repository's own: anybody's pull request starts it.
    refuses("", &pull(own(), "pull_request_target"), "`pull_request_target` must be named");
    refuses("event = '*'", &pull(own(), "pull_request_target"), "`pull_request_target` must be named");
    refuses("event = 'pull_request_target'", &pull(fork(), "pull_request_target"), "`fork`");
    allows("event = 'pull_request_target'", &pull(own(), "pull_request_target"));
    refuses("", &claims_of(&[("event_name", "workflow_run")], &json!({}), &Observed::default()), "`fork`");
    let comment = json!({ "issue": {}, "pull_request": { "head": { "repo": fork() } } });
    refuses("", &claims_of(&[("event_name", "issue_comment")], &comment, &Observed::default()), "`fork`");
}

#[test]
fn a_workflow_of_another_owner_must_be_named() {
    let called = |file: &str| {
        let observed = Observed { called: Some(file.into()), ..Observed::default() };
        claims_of(&[], &json!({}), &observed)
    };
    allows("", &called("acme/app/.github/workflows/d.yml@refs/heads/main"));
    allows("", &called("acme/shared/.github/workflows/d.yml@v1"));
    for file in [
        "eve/shared/.github/workflows/d.yml@v1",
        "Acme/shared/.github/workflows/d.yml@v1",
        "https://other.example/acme/shared/.github/workflows/d.yml@v1",
    ] {
        refuses("", &called(file), "a workflow of another owner");
    }
    let named = "workflow = 'eve/shared/.github/workflows/d.yml@v1'";
    allows(named, &called("eve/shared/.github/workflows/d.yml@v1"));
    refuses(named, &called("eve/shared/.github/workflows/d.yml@v2"), "`workflow`");
    refuses(named, &claims(&[]), "`workflow`");
}

#[test]
fn permission_and_step_come_first() {
    let all = grants(
        "[[grant]]\nname = 'g'\nprovider = 'id-token'\naudiences = ['a']\nsteps = ['deploy']\n\
         allow = [{ server = 'https://git.example', repository = 'acme/app' }]",
    )
    .unwrap();
    let (grant, claims) = (all.get("g").unwrap(), claims(&[]));
    let why = |permissions: &Permissions, step| grant.decide(&claims, permissions, step).why_not();
    assert_eq!(why(&permitted(), Some("deploy")), None);
    assert!(why(&Permissions::restricted(), Some("deploy")).unwrap().starts_with("`permissions`"));
    assert!(why(&permitted(), Some("Deploy")).unwrap().starts_with("`steps`"));
    assert!(why(&permitted(), None).unwrap().contains("this one has no id"));
}

#[test]
fn the_nearest_rule_says_why_not() {
    let all = grants(
        "[[grant]]\nname = 'g'\nprovider = 'id-token'\naudiences = ['a']\nallow = [\n\
         { server = 'https://git.example', repository = 'acme/app', event = 'push', ref = 'refs/heads/release' },\n\
         { server = 'https://git.example', repository = 'other/app' },\n]",
    )
    .unwrap();
    assert_eq!(
        why_not(&all, &claims(&[])).unwrap(),
        "`ref`: it must be `refs/heads/release`, and it is `refs/heads/main`"
    );
    assert_eq!(why_not(&all, &claims(&[("ref", "refs/heads/release")])), None);
    assert_eq!(why_not(&all, &claims(&[("repository", "other/app"), ("repository_owner", "other")])), None);
}

#[test]
fn a_grant_that_says_too_little_or_nonsense_is_an_error() {
    let with = |rest: &str| grants(&format!("[[grant]]\n{rest}")).unwrap_err();
    let rule = "allow = [{ server = 'https://x', repository = 'a/b' }]\n";
    let id = "name = 'g'\nprovider = 'id-token'\naudiences = ['a']\n";
    for (text, why) in [
        ("provider = 'id-token'", "a grant has a `name`"),
        ("name = 'a b'", "must be 1 to 64 letters"),
        ("name = 'g'", "it has no `provider`"),
        (id, "without `allow`, nobody may have it"),
        (&format!("{id}allow = [{{ repository = 'a/b' }}]"), "names the forge (`server`)"),
        (&format!("{id}allow = [{{ server = 'https://x' }}]"), "names a `repository` or an `owner`"),
        (&format!("{id}allow = [{{ server = 'https://x', local = true, owner = 'a' }}]"), "not for both"),
        (&format!("{id}allow = [{{ local = true, owner = '!a' }}]"), "take anything out again"),
        (&format!("{id}allow = [{{ local = true, owner = '' }}]"), "neither be empty"),
        (&format!("{id}allow = [{{ local = true, owner = [] }}]"), "1 to 100 patterns"),
        (&format!("{id}allow = [{{ local = true, owner = 'a', branch = 'x' }}]"), "unknown field `branch`"),
        (&format!("{id}{rule}role = 'x'"), "unknown field `role`"),
        (&format!("name = 'g'\nprovider = 'id-token'\naudiences = []\n{rule}"), "`audiences` has 1 to 64"),
        (&format!("name = 'g'\nprovider = 'id-token'\naudiences = ['a b']\n{rule}"), "is no audience"),
        (
            &format!("name = 'g'\nprovider = 'id-token'\naudiences = ['a']\nalgorithm = 'none'\n{rule}"),
            "unknown variant `none`",
        ),
        (&format!("name = 'g'\nprovider = 'nobody'\n{rule}"), "`nobody` is no provider"),
        (&format!("{id}{rule}[[grant]]\n{id}{rule}"), "is there twice"),
    ] {
        let told = with(text);
        assert!(told.contains(why), "{text}: {told}");
    }
}
