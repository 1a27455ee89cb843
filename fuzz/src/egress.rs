//! Targets of the egress gateway: what a job and name servers send it, and rules.

use palisade::egress::dns::{self, Code, Kind, Query};
use palisade::egress::http::Requests;
use palisade::egress::name::Name;
use palisade::egress::narrow::Narrowing;
use palisade::egress::proxy::{Credentials, Files, Handshake, Next, Proxy};
use palisade::egress::quic::{self, Messages, Verdict, Watch};
use palisade::egress::rule::{Decision, Kind as RuleKind, Policy, Rule, Scope};
use palisade::egress::tls::{self, Hello};

fn name() -> Name {
    match Name::parse("a.test") {
        Ok(name) => name,
        Err(error) => panic!("`a.test` is a name: {error:?}"),
    }
}

/// A message of the domain name system, as a question and as an answer. What is answered is read back.
pub fn dns_message(data: &[u8]) {
    if let Ok(query) = Query::parse(data) {
        let answer = query.address("198.18.0.2".parse().unwrap_or(std::net::Ipv4Addr::LOCALHOST.into()), 60);
        assert!(answer.len() <= data.len() + 64, "an answer much longer than its question");
        assert!(Query::parse(&answer).is_err(), "an answer that is a question");
        query.answer(Code::NoName, true);
        if let Ok(name) = &query.name {
            assert_eq!(Name::parse(name.as_str()).as_ref(), Ok(name), "shown as another");
            if let Some(of) = query.of_service() {
                assert!(name.is_below(&of) && !of.as_str().starts_with('_'), "a service of another name");
            }
        }
    }
    let id = data.get(..2).map_or(0, |id| u16::from_be_bytes([id[0], id[1]]));
    for kind in [Kind::A, Kind::Aaaa] {
        if let Some(answer) = dns::read_answer(data, id, &name(), kind) {
            let kind_is = |v4| v4 == (kind == Kind::A);
            assert!(answer.addresses.iter().all(|address| kind_is(address.is_ipv4())), "of another kind");
        }
    }
}

/// The first bytes of TLS: what is decided isn't changed by what follows.
pub fn tls_hello(data: &[u8]) {
    let whole = tls::read(data);
    for cut in [1, 5, data.len() / 2, data.len().saturating_sub(1)] {
        match tls::read(&data[..cut.min(data.len())]) {
            Ok(Hello::Incomplete) => {}
            decided => assert_eq!(decided, whole, "changed after {cut} bytes"),
        }
    }
}

/// A datagram of QUIC, from the client and from the server, and frames of a first packet. What was let through is let
/// through again; a refusal is no longer than what it answers, but for its reason.
pub fn quic_initial(data: &[u8]) {
    let mut watch = Watch::new(name());
    watch.server(data);
    let first = watch.client(data);
    if let Ok(verdict) = first {
        assert!(watch.client(data).is_ok_and(|again| again == verdict), "another verdict the second time");
        assert!(verdict != Verdict::Pass || !watch.is_pending(), "passed while something is pending");
    }
    if let Some(answer) = quic::refusal(data, "no") {
        assert!(answer.len() <= data.len() + 64, "an answer much longer than its question");
    }
    let mut messages = Messages::default();
    if messages.take(data).is_ok() {
        assert!(messages.take(data).is_ok(), "refused the second time");
        while let Ok(Some(_)) = messages.server() {}
    }
}

/// Requests of a connection. The first byte says how they are cut, which makes no difference; what goes through
/// goes through again, unchanged.
pub fn http_requests(data: &[u8]) {
    let Some((&size, sent)) = data.split_first() else { return };
    let pass = |input: &[u8], size: usize| {
        let (mut requests, mut out) = (Requests::new(name(), 80), Vec::new());
        for part in input.chunks(size.max(1)) {
            requests.take(part, &mut out)?;
        }
        if requests.is_waiting() {
            requests.answered(false, &mut out)?;
        }
        Ok::<_, palisade::egress::http::HttpError>(out)
    };
    let whole = pass(sent, sent.len());
    let cut = pass(sent, size.into());
    assert_eq!(whole.is_ok(), cut.is_ok(), "in parts of {size}");
    if let (Ok(whole), Ok(cut)) = (whole, cut) {
        assert!(whole == cut, "other bytes in parts of {size}");
        assert!(pass(&whole, whole.len()).as_ref() == Ok(&whole), "refused or changed the second time");
    }
}

/// What a workflow leaves of its network. It is written again as it was read, and leaves nothing that no list has.
pub fn egress_narrowing(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Narrowing::parse(text) {
        Ok(list) => {
            let again = match list.texts() {
                texts if texts.is_empty() => "none".to_owned(),
                texts => texts.join(" "),
            };
            let read = Narrowing::parse(&again).map(|list| list.texts());
            assert_eq!(read.as_ref(), Ok(&list.texts()), "read as another");
            let nothing = Policy::new(Scope::Allowed, Vec::new(), Vec::new());
            let policy = nothing.within(list.rules().cloned().collect());
            assert!(!matches!(policy.of_port(&name(), 443), Decision::Allowed(_)), "a list gives something");
        }
        Err(error) => {
            assert!(!error.to_string().contains(|c: char| c.is_control()), "a control sequence is shown");
        }
    }
}

/// What a proxy answers. The first byte says which proxy it is, and how the answer is cut, which makes no difference.
pub fn proxy_answer(data: &[u8]) {
    let Some((&first, answer)) = data.split_first() else { return };
    let scheme = if first & 1 == 0 { "http" } else { "socks5" };
    let credentials = Credentials::parse("user:word").ok().filter(|_| first & 2 == 0);
    let Ok(proxy) = Proxy::new(&format!("{scheme}://proxy.test:1080"), Files::default(), Vec::new()) else {
        panic!("that is a proxy")
    };
    let talk = |size: usize| {
        let (mut handshake, _) = Handshake::start(&proxy, credentials.as_ref(), &name(), 443);
        let (mut at, mut said) = (0, Vec::new());
        while at < answer.len() {
            let end = (at + size.max(1)).min(answer.len());
            match handshake.take(&answer[at..end]) {
                Ok((taken, next)) => {
                    assert!((1..=end - at).contains(&taken), "more is taken than there is");
                    at += taken;
                    match next {
                        Next::More => {}
                        Next::Say(words) => said.push(words.to_vec()),
                        Next::Connected => return Ok((Some(at), said)),
                    }
                }
                Err(why) => return Err(why),
            }
        }
        Ok((None, said))
    };
    assert_eq!(talk(answer.len()), talk(usize::from(first >> 2)), "cut otherwise");
}

/// A rule.
pub fn egress_rule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in [RuleKind::Allow, RuleKind::Deny] {
        match Rule::parse(text, kind) {
            Ok(rule) => assert_eq!(rule.text(), text),
            Err(error) => {
                assert!(error.column <= text.chars().count() + 1, "a place out of the rule");
                assert!(!error.to_string().contains(|c: char| c.is_control()), "a control sequence is shown");
            }
        }
    }
}
