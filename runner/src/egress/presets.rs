//! Presets: lists of rules for what is often needed, by name. `docs/egress.md` shows them; a test keeps it true. They have
//! what serves packages and images, and what that redirects to; hosts for uploads alone aren't among them.

use crate::expr::nearest;

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
        rules: &[
            "index.crates.io:443",
            "static.crates.io:443",
            "crates.io:443",
            "static.rust-lang.org:443",
            "sh.rustup.rs:443",
        ],
    },
    Preset {
        name: "npm",
        purpose: "npm packages",
        rules: &[
            "registry.npmjs.org:443",
            "registry.yarnpkg.com:443",
            "repo.yarnpkg.com:443",
            "nodejs.org:443",
        ],
    },
    Preset {
        name: "pypi",
        purpose: "Python packages",
        rules: &["pypi.org:443", "files.pythonhosted.org:443"],
    },
    Preset {
        name: "conda",
        purpose: "packages of Anaconda and conda-forge",
        rules: &["conda.anaconda.org:443", "repo.anaconda.com:443"],
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
        purpose: "Java packages, and Gradle",
        rules: &[
            "repo.maven.apache.org:443",
            "repo1.maven.org:443",
            "plugins.gradle.org:443",
            "plugins-artifacts.gradle.org:443",
            "services.gradle.org:443",
            "downloads.gradle.org:443",
        ],
    },
    Preset {
        name: "nuget",
        purpose: ".NET packages and SDKs",
        rules: &["api.nuget.org:443", "globalcdn.nuget.org:443", "builds.dotnet.microsoft.com:443"],
    },
    Preset { name: "rubygems", purpose: "Ruby gems", rules: &["rubygems.org:443", "index.rubygems.org:443"] },
    Preset {
        name: "packagist",
        purpose: "PHP packages, but for those that GitHub has",
        rules: &["repo.packagist.org:443", "packagist.org:443", "getcomposer.org:443"],
    },
    Preset {
        name: "hex",
        purpose: "Elixir and Erlang packages",
        rules: &["repo.hex.pm:443", "hex.pm:443", "builds.hex.pm:443"],
    },
    Preset {
        name: "terraform",
        purpose: "Terraform and its providers, but for those that GitHub has",
        rules: &["registry.terraform.io:443", "releases.hashicorp.com:443"],
    },
    Preset {
        name: "nix",
        purpose: "packages of Nix",
        rules: &["cache.nixos.org:443", "channels.nixos.org:443", "releases.nixos.org:443"],
    },
    Preset {
        name: "debian",
        purpose: "packages of Debian",
        rules: &[
            "deb.debian.org",
            "security.debian.org",
            "ftp.debian.org",
            "snapshot.debian.org",
            "archive.debian.org",
        ],
    },
    Preset {
        name: "ubuntu",
        purpose: "packages of Ubuntu",
        rules: &[
            "archive.ubuntu.com",
            "*.archive.ubuntu.com",
            "security.ubuntu.com",
            "ports.ubuntu.com",
            "old-releases.ubuntu.com",
        ],
    },
    Preset { name: "alpine", purpose: "packages of Alpine Linux", rules: &["dl-cdn.alpinelinux.org"] },
    Preset {
        name: "fedora",
        purpose: "packages of Fedora, from its own servers",
        rules: &["mirrors.fedoraproject.org", "dl.fedoraproject.org"],
    },
    Preset {
        name: "arch",
        purpose: "packages of Arch Linux",
        rules: &["geo.mirror.pkgbuild.com", "fastly.mirror.pkgbuild.com"],
    },
    Preset {
        name: "docker",
        purpose: "images of Docker Hub",
        rules: &[
            "registry-1.docker.io:443",
            "auth.docker.io:443",
            "production.cloudflare.docker.com:443",
            "production.cloudfront.docker.com:443",
            "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com:443",
        ],
    },
    Preset {
        name: "ghcr",
        purpose: "images of GitHub",
        rules: &["ghcr.io:443", "pkg-containers.githubusercontent.com:443"],
    },
    Preset { name: "quay", purpose: "images of Quay", rules: &["quay.io:443", "*.quay.io:443"] },
    Preset {
        name: "mcr",
        purpose: "images of Microsoft",
        rules: &["mcr.microsoft.com:443", "*.data.mcr.microsoft.com:443"],
    },
    Preset {
        name: "github",
        purpose: "repositories with their large files, releases and the API of GitHub",
        rules: &[
            "github.com:443",
            "api.github.com:443",
            "codeload.github.com:443",
            "objects.githubusercontent.com:443",
            "release-assets.githubusercontent.com:443",
            "raw.githubusercontent.com:443",
            "media.githubusercontent.com:443",
            "github-cloud.githubusercontent.com:443",
            "github-cloud.s3.amazonaws.com:443",
        ],
    },
    Preset {
        name: "gitlab",
        purpose: "repositories, images and the API of GitLab",
        rules: &["gitlab.com:443", "registry.gitlab.com:443", "cdn.registry.gitlab-static.net:443"],
    },
    Preset {
        name: "codeberg",
        purpose: "repositories and the API of Codeberg",
        rules: &["codeberg.org:443"],
    },
];

/// What people call some of them after the tools that they are for.
const TOOLS: &[(&str, &str)] = &[
    ("cargo", "crates"),
    ("rust", "crates"),
    ("node", "npm"),
    ("yarn", "npm"),
    ("pip", "pypi"),
    ("python", "pypi"),
    ("golang", "go"),
    ("gradle", "maven"),
    ("java", "maven"),
    ("dotnet", "nuget"),
    ("gem", "rubygems"),
    ("ruby", "rubygems"),
    ("composer", "packagist"),
    ("php", "packagist"),
    ("elixir", "hex"),
    ("dockerhub", "docker"),
];

/// Why one of these rules is none but a preset, where one is: as a rule it would be a host's name, of one label.
pub fn among(rules: &[String]) -> Option<String> {
    let preset = PRESETS.iter().find(|preset| rules.iter().any(|rule| rule == preset.name))?.name;
    Some(format!("`{preset}` is a preset, not a rule; a host of this name is written `{preset}:443`"))
}

/// The rules of a preset.
pub fn find(name: &str) -> Result<&'static Preset, String> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let unknown = format!("no preset is called `{}`", name.escape_debug());
        let names = || PRESETS.iter().map(|preset| preset.name);
        match TOOLS
            .iter()
            .find(|(tool, _)| *tool == name)
            .map(|(_, of)| *of)
            .or_else(|| nearest(name, names()))
        {
            Some(near) => format!("{unknown}; did you mean `{near}`?"),
            None => format!("{unknown}; there are {}", names().collect::<Vec<_>>().join(", ")),
        }
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
        assert!(find("nope").unwrap_err().contains("there are crates, npm"));
        assert_eq!(find("crate").unwrap_err(), "no preset is called `crate`; did you mean `crates`?");
        for (tool, of) in TOOLS {
            assert!(find(tool).unwrap_err().ends_with(&format!("; did you mean `{of}`?")), "{tool}");
            assert!(find(of).is_ok(), "{of}");
        }
        assert!(among(&["a.test".into(), "npm".into()]).unwrap().contains("is written `npm:443`"));
        assert_eq!(among(&["a.test".into(), "npm:443".into()]), None);
    }
}
