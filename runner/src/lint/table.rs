//! The table of lints.

use serde::Deserialize;

macro_rules! lints {
    ($($variant:ident $id:literal $title:literal)*) => {
        /// One lint.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub enum Lint {
            $(#[doc = $title] $variant,)*
        }

        impl Lint {
            /// All of them, by id.
            pub const ALL: &'static [Lint] = &[$(Lint::$variant),*];

            /// Its name in comments, options and documents.
            pub fn id(self) -> &'static str {
                match self { $(Lint::$variant => $id),* }
            }

            /// What it finds, in a line.
            pub fn title(self) -> &'static str {
                match self { $(Lint::$variant => $title),* }
            }
        }
    };
}

lints! {
    AlwaysEmpty "always-empty" "an expression reads what is never there"
    AlwaysTrueCondition "always-true-condition" "a condition is text, and so is always true"
    DeprecatedCommand "deprecated-command" "a script prints a workflow command that is deprecated or insecure"
    EmptyFilter "empty-filter" "a filter picks nothing, or everything"
    EmptyMapping "empty-mapping" "a key that wants entries has nothing at all"
    EmptyScript "empty-script" "a step has nothing to run"
    EndlessActions "endless-actions" "actions of the repository use each other without end"
    ExcessivePermissions "excessive-permissions" "a job's token may do more than is needed, or nothing says what"
    HardcodedCredential "hardcoded-credential" "a credential is written in the file"
    LongText "long-text" "a text with expressions is longer than GitHub takes"
    MissingAction "missing-action" "a step uses an action that the repository doesn't have"
    MissingInput "missing-input" "a step doesn't give an action what it needs"
    MissingShell "missing-shell" "a script of a composite action names no shell"
    NeedsImage "needs-image" "a job or a step needs an image, which this version can't run"
    NumberSpelling "number-spelling" "a number is written in a way that doesn't survive, such as 1.10"
    PersistedCredentials "persisted-credentials" "the token that a checkout leaves in the tree is uploaded"
    PullRequestTargetCheckout "pull-request-target-checkout" "code of a stranger is checked out where secrets are"
    RareSchedule "rare-schedule" "a schedule is one that GitHub doesn't take or keep"
    ScriptInjection "script-injection" "text of a stranger becomes part of a script"
    SecretInArgument "secret-in-argument" "a secret becomes part of a script's text"
    SecretInCondition "secret-in-condition" "a condition reads a secret, which isn't there"
    SecretsInherit "secrets-inherit" "a workflow of another repository gets all secrets"
    TwinKeys "twin-keys" "keys of one mapping differ only in case"
    UnavailableContext "unavailable-context" "an expression reads what isn't available at its place"
    UnknownEvent "unknown-event" "an event, or a type of one, that no forge documents"
    UnknownInput "unknown-input" "a step gives an action an input that it doesn't have"
    UnknownKey "unknown-key" "a key means nothing"
    UnknownLint "unknown-lint" "a comment allows a lint that doesn't exist"
    UnknownShell "unknown-shell" "a script's shell is none that there is on Linux"
    UnnamedGroup "unnamed-group" "a workflow's concurrency group has no name"
    UnpinnedAction "unpinned-action" "an action or a workflow is named by a tag or a branch"
    UnsoundContains "unsound-contains" "a list is written as text, in which parts of names are found too"
    UnusedAllow "unused-allow" "a comment allows what isn't found"
}

impl Lint {
    /// The lint of an id.
    pub fn find(id: &str) -> Option<Lint> {
        Lint::ALL.iter().copied().find(|lint| lint.id() == id)
    }

    /// Whether GitHub refuses a workflow for what it finds; other forges run it.
    pub fn is_refused_by_github(self) -> bool {
        matches!(
            self,
            Lint::EmptyMapping
                | Lint::LongText
                | Lint::SecretInCondition
                | Lint::TwinKeys
                | Lint::UnavailableContext
                | Lint::UnnamedGroup
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_lint_has_a_section_of_the_page() {
        assert!(Lint::ALL.is_sorted_by_key(|lint| lint.id()));
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lints.md"));
        let sections = page.lines().filter_map(|line| line.strip_prefix("### ")).collect::<Vec<_>>();
        for lint in Lint::ALL {
            assert!(sections.contains(&lint.id()), "`{}` has no section", lint.id());
        }
        for section in sections {
            assert!(Lint::find(section).is_some(), "there is no lint `{section}`");
        }
    }
}
