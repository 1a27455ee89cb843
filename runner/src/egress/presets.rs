//! Presets: lists of rules for what is often needed, by name. `docs/egress.md` shows them; a test keeps it true.

/// A list of rules by name.
#[derive(Debug)]
pub struct Preset {
    /// As configuration and command line call it.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Its rules.
    pub rules: &'static [&'static str],
}

/// All of them.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "crates",
        purpose: "Rust crates and toolchains",
        rules: &["index.crates.io:443", "static.crates.io:443", "crates.io:443", "static.rust-lang.org:443"],
    },
    Preset {
        name: "npm",
        purpose: "npm packages",
        rules: &["registry.npmjs.org:443", "registry.yarnpkg.com:443", "nodejs.org:443"],
    },
    Preset {
        name: "pypi",
        purpose: "Python packages",
        rules: &["pypi.org:443", "files.pythonhosted.org:443"],
    },
    Preset {
        name: "go",
        purpose: "Go modules and toolchains",
        rules: &[
            "proxy.golang.org:443",
            "sum.golang.org:443",
            "storage.googleapis.com:443",
            "go.dev:443",
            "dl.google.com:443",
        ],
    },
    Preset {
        name: "maven",
        purpose: "Java packages",
        rules: &[
            "repo.maven.apache.org:443",
            "repo1.maven.org:443",
            "plugins.gradle.org:443",
            "services.gradle.org:443",
        ],
    },
    Preset { name: "rubygems", purpose: "Ruby gems", rules: &["rubygems.org:443", "index.rubygems.org:443"] },
    Preset {
        name: "debian",
        purpose: "packages of Debian",
        rules: &["deb.debian.org", "security.debian.org", "ftp.debian.org", "snapshot.debian.org"],
    },
    Preset {
        name: "ubuntu",
        purpose: "packages of Ubuntu",
        rules: &["archive.ubuntu.com", "*.archive.ubuntu.com", "security.ubuntu.com", "ports.ubuntu.com"],
    },
    Preset { name: "alpine", purpose: "packages of Alpine Linux", rules: &["dl-cdn.alpinelinux.org"] },
    Preset {
        name: "docker",
        purpose: "images of Docker Hub",
        rules: &["registry-1.docker.io:443", "auth.docker.io:443", "production.cloudflare.docker.com:443"],
    },
    Preset {
        name: "ghcr",
        purpose: "images of GitHub",
        rules: &["ghcr.io:443", "pkg-containers.githubusercontent.com:443"],
    },
    Preset { name: "quay", purpose: "images of Quay", rules: &["quay.io:443", "*.quay.io:443"] },
    Preset {
        name: "github",
        purpose: "repositories, releases and the API of GitHub",
        rules: &[
            "github.com:443",
            "api.github.com:443",
            "codeload.github.com:443",
            "objects.githubusercontent.com:443",
            "release-assets.githubusercontent.com:443",
            "raw.githubusercontent.com:443",
        ],
    },
    Preset {
        name: "gitlab",
        purpose: "repositories and the API of GitLab",
        rules: &["gitlab.com:443", "registry.gitlab.com:443"],
    },
    Preset {
        name: "codeberg",
        purpose: "repositories and the API of Codeberg",
        rules: &["codeberg.org:443"],
    },
];

/// The rules of a preset.
pub fn find(name: &str) -> Result<&'static Preset, String> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        format!("no preset is called `{}`; there are {}", name.escape_debug(), known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::rule::{Kind, Rule};

    #[test]
    fn every_preset_has_valid_rules_and_stands_in_the_documentation() {
        let documentation = include_str!("../../../docs/egress.md");
        for preset in PRESETS {
            let rules: Vec<String> = preset.rules.iter().map(|rule| format!("`{rule}`")).collect();
            let row = format!("| `{}` | {} | {} |", preset.name, preset.purpose, rules.join(", "));
            assert!(documentation.contains(&row), "docs/egress.md lacks\n{row}");
            for rule in preset.rules {
                Rule::parse(rule, Kind::Allow).unwrap();
            }
        }
        assert!(find("nope").unwrap_err().contains("crates, npm"));
    }
}
