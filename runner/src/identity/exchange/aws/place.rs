//! Roles, regions and partitions of AWS. Source: "Amazon Resource Names" and "AWS Partitions" in AWS's general reference.

use std::fmt;

use serde::Deserialize;

/// A partition: a part of AWS with accounts and endpoints of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// As an ARN has it.
    name: &'static str,
    /// How its regions begin.
    regions: &'static [&'static str],
    /// What its endpoints end in.
    suffix: &'static str,
}

const PARTITIONS: [Partition; 8] = [
    Partition { name: "aws-cn", regions: &["cn-"], suffix: "amazonaws.com.cn" },
    Partition { name: "aws-us-gov", regions: &["us-gov-"], suffix: "amazonaws.com" },
    Partition { name: "aws-eusc", regions: &["eusc-"], suffix: "amazonaws.eu" },
    Partition { name: "aws-iso-b", regions: &["us-isob-"], suffix: "sc2s.sgov.gov" },
    Partition { name: "aws-iso-e", regions: &["eu-isoe-"], suffix: "cloud.adc-e.uk" },
    Partition { name: "aws-iso-f", regions: &["us-isof-"], suffix: "csp.hci.ic.gov" },
    Partition { name: "aws-iso", regions: &["us-iso-"], suffix: "c2s.ic.gov" },
    Partition {
        name: "aws",
        regions: &["af-", "ap-", "ca-", "eu-", "il-", "me-", "mx-", "sa-", "us-"],
        suffix: "amazonaws.com",
    },
];

/// A role that a grant gives.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Role {
    arn: String,
    /// Where the partition's name is in it.
    partition: std::ops::Range<usize>,
}

impl Role {
    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account that it is in.
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The host of a service of a region, in the partition of this role. A partition that isn't known is somebody's own,
    /// whose endpoints must be told.
    pub fn host(&self, service: &str, region: &Region) -> Result<String, String> {
        let name = &self.arn[self.partition.clone()];
        let partition = PARTITIONS.iter().find(|partition| partition.name == name).ok_or_else(|| {
            format!("the partition `{name}` of the role isn't known: name the endpoint of `{service}`")
        })?;
        // The first one that fits: `us-gov-` also begins with `us-`.
        let fits = |partition: &&Partition| partition.regions.iter().any(|start| region.0.starts_with(start));
        if PARTITIONS.iter().find(fits) != Some(partition) {
            return Err(format!("the role is in the partition `{name}`, and `{region}` is no region of it"));
        }
        Ok(format!("{service}.{region}.{}", partition.suffix))
    }
}

impl TryFrom<String> for Role {
    type Error = String;
    fn try_from(arn: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is no role: one looks like `arn:aws:iam::123456789012:role/deploy`",
                arn.escape_debug()
            )
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts[..] else { return Err(wrong()) };
        let name = resource.strip_prefix("role/").unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
        let is_partition = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if arn.len() > 2048
            || name.is_empty()
            || !name.chars().all(plain)
            || account.len() != 12
            || !account.bytes().all(|b| b.is_ascii_digit())
            || partition.is_empty()
            || !partition.chars().all(is_partition)
        {
            return Err(wrong());
        }
        let partition = 4..4 + partition.len();
        Ok(Role { arn, partition })
    }
}

/// A region: a label of a host's name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Region(String);

impl TryFrom<String> for Region {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || text.len() > 63 || !plain {
            return Err(format!("`{}` is no region: one looks like `eu-central-1`", text.escape_debug()));
        }
        Ok(Region(text))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(role: &str, region: &str) -> Result<String, String> {
        Role::try_from(role.to_owned())?.host("sts", &Region::try_from(region.to_owned())?)
    }

    #[test]
    fn every_region_has_a_token_service_of_its_own() {
        for (partition, region, wanted) in [
            ("aws", "eu-central-1", "sts.eu-central-1.amazonaws.com"),
            ("aws", "us-east-1", "sts.us-east-1.amazonaws.com"),
            ("aws-cn", "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
            ("aws-us-gov", "us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
            ("aws-iso", "us-iso-east-1", "sts.us-iso-east-1.c2s.ic.gov"),
            ("aws-iso-b", "us-isob-east-1", "sts.us-isob-east-1.sc2s.sgov.gov"),
            ("aws-eusc", "eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"),
        ] {
            let role = format!("arn:{partition}:iam::123456789012:role/ci/deploy");
            assert_eq!(host(&role, region).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn a_region_is_of_the_roles_partition() {
        for (partition, region) in
            [("aws", "cn-north-1"), ("aws-cn", "eu-central-1"), ("aws", "us-gov-west-1")]
        {
            let error = host(&format!("arn:{partition}:iam::123456789012:role/a"), region).unwrap_err();
            assert!(error.contains("is no region of it"), "{error}");
        }
        let error = host("arn:own-cloud:iam::123456789012:role/a", "eu-central-1").unwrap_err();
        assert!(error.contains("name the endpoint of `sts`"), "{error}");
    }

    #[test]
    fn what_is_no_role_or_region_is_refused() {
        for role in [
            "",
            "deploy",
            "arn:aws:iam::123456789012:user/bob",
            "arn:aws:iam::12345:role/a",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam:eu-central-1:123456789012:role/a",
            "arn:AWS:iam::123456789012:role/a",
        ] {
            assert!(host(role, "eu-central-1").unwrap_err().contains("is no role"), "{role}");
        }
        for region in ["", "eu-central-1.evil.example", "EU", "a/b"] {
            let error = host("arn:aws:iam::123456789012:role/a", region).unwrap_err();
            assert!(error.contains("is no region: one looks like"), "{region}");
        }
    }
}
