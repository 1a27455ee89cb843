//! What AWS's token service answers: XML of a few elements. Source: "AssumeRoleWithWebIdentity" and "Common Errors" in
//! the reference of AWS's Security Token Service, version 2011-06-15.

use roxmltree::{Document, Node, ParsingOptions};

/// Most elements, texts and attributes of an answer; a good one has about 40.
const MAX_NODES: u32 = 1000;

/// Credentials of a session.
pub struct Session {
    /// `AccessKeyId`
    pub access_key_id: String,
    /// `SecretAccessKey`
    pub secret_access_key: String,
    /// `SessionToken`
    pub session_token: String,
    /// RFC 3339.
    pub expiration: String,
    /// The role's session.
    pub arn: String,
    /// The id of the request.
    pub request: String,
}

/// An error of the service.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its name.
    pub code: String,
    /// What it says to people.
    pub message: String,
    /// The id of the request.
    pub request: String,
}

fn parse(body: &[u8]) -> Option<Document<'_>> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(std::str::from_utf8(body).ok()?, options).ok()
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let text = node.children().find(|child| child.is_element() && child.tag_name().name() == name)?.text()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Session {
    /// Reads an answer; `None` where anything of it is missing.
    pub fn read(body: &[u8]) -> Option<Session> {
        let document = parse(body)?;
        let root = document.root_element();
        let result = child(root, "AssumeRoleWithWebIdentityResult")?;
        let credentials = child(result, "Credentials")?;
        let of = |name| text(credentials, name).filter(|value| value.bytes().all(|b| b.is_ascii_graphic()));
        Some(Session {
            access_key_id: of("AccessKeyId")?,
            secret_access_key: of("SecretAccessKey")?,
            session_token: of("SessionToken")?,
            expiration: of("Expiration")?,
            arn: text(child(result, "AssumedRoleUser")?, "Arn")?,
            request: child(root, "ResponseMetadata")
                .and_then(|data| text(data, "RequestId"))
                .unwrap_or_default(),
        })
    }
}

impl Refusal {
    /// Reads an error; `None` where it is none of the service.
    pub fn read(body: &[u8]) -> Option<Refusal> {
        let document = parse(body)?;
        let root = document.root_element();
        let error = child(root, "Error")?;
        Some(Refusal {
            code: text(error, "Code")?,
            message: text(error, "Message").unwrap_or_default(),
            request: text(root, "RequestId").unwrap_or_default(),
        })
    }

    /// Whether the same request may succeed soon.
    pub fn is_passing(&self) -> bool {
        let passing = [
            "Throttling",
            "ThrottlingException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "IDPCommunicationError",
        ];
        passing.contains(&self.code.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>repo:acme/app</SubjectFromWebIdentityToken>
    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/a/b</Arn><AssumedRoleId>AROA:b</AssumedRoleId></AssumedRoleUser>
    <Credentials>
      <SessionToken>token/+=</SessionToken><SecretAccessKey>key</SecretAccessKey>
      <Expiration>2026-11-30T13:00:00Z</Expiration><AccessKeyId>ASIA</AccessKeyId>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"#;

    #[test]
    fn credentials_are_found_by_their_names() {
        let session = Session::read(GOOD.as_bytes()).unwrap();
        assert_eq!(
            (
                session.access_key_id.as_str(),
                session.secret_access_key.as_str(),
                session.session_token.as_str()
            ),
            ("ASIA", "key", "token/+=")
        );
        assert_eq!(session.expiration, "2026-11-30T13:00:00Z");
        assert_eq!(
            (session.arn.as_str(), session.request.as_str()),
            ("arn:aws:sts::1:assumed-role/a/b", "ad4156e9")
        );
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "{}", "<html></html>", "<a>", "<AssumeRoleWithWebIdentityResponse/>"] {
            assert!(Session::read(text.as_bytes()).is_none(), "{text}");
        }
        for gone in ["<AccessKeyId>ASIA</AccessKeyId>", "<Expiration>2026-11-30T13:00:00Z</Expiration>"] {
            assert!(Session::read(GOOD.replace(gone, "").as_bytes()).is_none());
        }
        let bombs = [
            format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{GOOD}"),
            GOOD.replace("<SecretAccessKey>key", "<SecretAccessKey>k\ney"),
            GOOD.replace("</AssumedRoleUser>", &format!("{}</AssumedRoleUser>", "<a/>".repeat(2000))),
        ];
        for bomb in bombs {
            assert!(Session::read(bomb.as_bytes()).is_none());
        }
        assert!(Session::read(&[0xff, 0xfe]).is_none());
    }

    #[test]
    fn an_error_is_read() {
        let error = r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
            <Code>ExpiredTokenException</Code><Message>Token expired: 1 &lt; 2</Message></Error>
            <RequestId>4c5d</RequestId></ErrorResponse>"#;
        let refusal = Refusal::read(error.as_bytes()).unwrap();
        assert_eq!(
            (refusal.code.as_str(), refusal.message.as_str()),
            ("ExpiredTokenException", "Token expired: 1 < 2")
        );
        assert!(!refusal.is_passing());
        let throttled = error.replace("ExpiredTokenException", "Throttling");
        assert!(Refusal::read(throttled.as_bytes()).unwrap().is_passing());
        assert_eq!(Refusal::read(GOOD.as_bytes()), None);
    }
}
