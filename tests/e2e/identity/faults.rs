//! A token service that is slow, broken, throttled or evil: it fails the step or the command, with the reason, and it
//! gets no more than it was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::aws::{grant, humantime, now, session};
use crate::stand_in::{Answer, StandIn};
use crate::world::World;

const LATE: &str = "2126-01-01T00:00:00Z";

fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>r-9</RequestId></ErrorResponse>"
    );
    Answer::new(status, body)
}

fn good() -> Answer {
    Answer::new(200, session("ASIAKEYNUMBER0000001", LATE))
}

/// What `identity test` says where the service answers in this order, and how often it was asked.
fn test(answers: Vec<Answer>) -> (palisade_tests::Outcome, usize) {
    let sts = StandIn::in_order(answers);
    let world = World::new();
    world.configure(None, &[], &grant(&sts.url(), ""));
    (world.palisade(&["identity", "test", "deploy"]), sts.asked().len())
}

#[test]
fn passing_trouble_passes() {
    for trouble in [
        Answer::new(500, ""),
        Answer::new(503, "<html>busy</html>").with("Retry-After: 1"),
        Answer::new(429, ""),
        error(400, "Throttling", "Rate exceeded"),
        error(400, "IDPCommunicationError", "we could not reach the issuer"),
    ] {
        let (outcome, asked) = test(vec![trouble.clone(), good()]);
        assert_eq!((outcome.code, asked), (Some(0), 2), "{trouble:?}\n{outcome}");
    }
}

#[test]
fn a_slow_answer_is_asked_for_again() {
    // Also one that is never done.
    for slow in [Answer::silence(), Answer::drops()] {
        let (outcome, asked) = test(vec![slow.clone(), good()]);
        assert_eq!((outcome.code, asked), (Some(0), 2), "{slow:?}\n{outcome}");
    }
}

#[test]
fn what_does_not_pass_is_told_in_the_service_s_words() {
    let evil = StandIn::in_order(vec![good()]);
    let long = format!("{}{}", session("ASIAKEYNUMBER0000001", LATE), " ".repeat(300 << 10));
    for (answer, tries, why) in [
        (
            error(400, "InvalidIdentityToken", "No OpenIDConnect provider found for https://id.example.org"),
            1,
            "AWS STS refused: HTTP status 400: InvalidIdentityToken: No OpenIDConnect provider found for \
             https://id.example.org (request r-9)",
        ),
        (
            error(403, "AccessDenied", "Not authorized"),
            1,
            "HTTP status 403: AccessDenied: Not authorized (request r-9)",
        ),
        (error(400, "Throttling", "Rate exceeded"), 4, "HTTP status 400: Throttling: Rate exceeded"),
        (Answer::new(502, "<html>"), 4, "AWS STS refused: HTTP status 502"),
        (Answer::new(200, "{}"), 1, "it isn't the XML of AssumeRoleWithWebIdentity"),
        (Answer::new(200, vec![0xff; 100]), 1, "it isn't the XML of AssumeRoleWithWebIdentity"),
        (Answer::new(200, session("ASIAKEYNUMBER0000001", "soon")), 1, "the credentials end at no time"),
        (Answer::new(200, long), 1, "the answer can't be read: it is larger than 262144 bytes"),
        (good().with("Content-Encoding: gzip"), 1, "it is encoded as `gzip`"),
        (
            Answer::new(307, "").with(&format!("Location: {}/", evil.url())),
            1,
            "which isn't followed: what is sent is for this server alone",
        ),
    ] {
        let (outcome, asked) = test(vec![answer.clone()]);
        assert_eq!((outcome.code, asked), (Some(5), tries), "{why}\n{outcome}");
        assert!(outcome.stderr.contains(why), "no `{why}` in\n{outcome}");
    }
    assert_eq!(evil.asked().len(), 0, "the token went to another host");
}

#[test]
fn a_provider_that_is_gone_fails_the_step_and_nothing_else() {
    let gone = std::net::TcpListener::bind("127.0.0.2:0").expect("a port").local_addr().expect("an address");
    let sts = StandIn::in_order(vec![error(403, "AccessDenied", "the role is gone")]);
    let world = World::new();
    for (url, why) in [
        (format!("http://{gone}"), "AWS STS can't be reached: "),
        (sts.url(), "AccessDenied: the role is gone"),
    ] {
        world.configure(None, &[], &grant(&url, ""));
        let (outcome, events) = world.events(
            "      - { env: { PALISADE_GRANTS: deploy }, run: echo never, continue-on-error: true }
      - run: echo goes on; ls $RUNNER_TEMP | grep -c credentials || true
      - { env: { PALISADE_GRANTS: deploy }, run: echo never }
      - { if: always(), run: echo last }",
        );
        assert_eq!((outcome.code, events.log("a").as_str()), (Some(1), "goes on\n0\nlast\n"), "{outcome}");
        let steps = events.steps("a");
        assert!(steps[0].starts_with("failure as success") && steps[0].contains(why), "{outcome}");
        assert!(steps[2].contains("the grant `deploy`: ") && steps[2].contains(why), "{outcome}");
    }
}

#[test]
fn who_asks_never_waits_for_credentials_to_be_renewed() {
    let soon = humantime(now() + 6);
    let renewals = Arc::new(AtomicUsize::new(0));
    let count = renewals.clone();
    let sts = StandIn::start(move |asked| {
        if asked.method == "GET" {
            return Answer::new(200, count.load(Ordering::SeqCst).to_string());
        }
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::new(200, session("ASIAKEYNUMBER0000001", &soon)),
            1 => Answer::silence(),
            _ => Answer::new(200, session("ASIAKEYNUMBER0000002", LATE)),
        }
    });
    let world = World::new();
    world.configure(None, &[("sts.test", sts.address.port())], &grant(&sts.url(), ""));
    // The service is silent for as long as it is waited for, 10 seconds, once it was asked a second time.
    let step = format!(
        "      - env:
          PALISADE_GRANTS: deploy
        run: |
          until test \"$(curl -s http://sts.test:{}/)\" = 2; do sleep 0.1; done
          curl -sf --max-time 5 -H \"Authorization: $(cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)\" $AWS_CONTAINER_CREDENTIALS_FULL_URI | grep -o AccessKeyId
          curl -s http://sts.test:{}/
",
        sts.address.port(),
        sts.address.port()
    );
    let (outcome, events) = world.events(&step);
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "AccessKeyId\n2\n"), "{outcome}");
}

#[test]
fn an_error_that_repeats_the_token_is_masked() {
    let sts = StandIn::start(|asked| error(400, "InvalidIdentityToken", &asked.field("WebIdentityToken")));
    let world = World::new();
    world.configure(None, &[], &grant(&sts.url(), ""));
    let outcome = world.palisade(&["identity", "test", "deploy"]);
    assert!(outcome.stderr.contains("HTTP status 400: InvalidIdentityToken: ***"), "{outcome}");
    let token = sts.asked()[0].field("WebIdentityToken");
    assert!(token.starts_with("eyJ") && token.len() > 500);
    let (outcome, events) =
        world.events("      - env:\n          PALISADE_GRANTS: deploy\n        run: echo never\n");
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(events.steps("a")[0].contains("InvalidIdentityToken: ***"), "{outcome}");
    assert!(!events.log("a").contains("never"));
}
