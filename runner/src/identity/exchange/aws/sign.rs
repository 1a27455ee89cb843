//! Signatures of requests to AWS's services. Source: "AWS Signature Version 4 for API requests" in AWS's documentation of
//! IAM.

use ring::hmac;
use sha2::{Digest, Sha256};

/// `X-Amz-Date`: the moment of a request, `20261130T123456Z`.
pub struct Moment(String);

impl Moment {
    /// Of a text in RFC 3339.
    pub fn of(rfc3339: &str) -> Moment {
        let text: String = rfc3339.chars().take(19).filter(char::is_ascii_alphanumeric).collect();
        Moment(text + "Z")
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn day(&self) -> &str {
        self.0.split('T').next().unwrap_or_default()
    }
}

/// Whose signature it is.
pub struct Signer<'a> {
    pub key_id: &'a str,
    pub secret_key: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

impl Signer<'_> {
    /// `Authorization` of a request for `/`. The headers are in small letters and in the order of their names.
    pub fn authorization(&self, method: &str, headers: &[(&str, &str)], body: &[u8], at: &Moment) -> String {
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let canonical = format!("{method}\n/\n\n{lines}\n{names}\n{}", hex(&Sha256::digest(body)));
        let scope = format!("{}/{}/{}/aws4_request", at.day(), self.region, self.service);
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            at.as_str(),
            hex(&Sha256::digest(canonical.as_bytes()))
        );
        let first = zeroize::Zeroizing::new(format!("AWS4{}", self.secret_key));
        let key = [at.day(), self.region, self.service, "aws4_request"]
            .iter()
            .fold(hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes()), |key, part| {
                hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
            });
        let signature = hex(hmac::sign(&key, to_sign.as_bytes()).as_ref());
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.key_id
        )
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector `get-vanilla` of AWS's test suite.
    #[test]
    fn a_signature_is_aws_s() {
        let signer = Signer {
            key_id: "AKIDEXAMPLE",
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "service",
        };
        let at = Moment::of("2015-08-30T12:36:00.000Z");
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", at.as_str())];
        assert_eq!(
            signer.authorization("GET", &headers, b"", &at),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }
}
