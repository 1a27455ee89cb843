//! Which variables a step may not set for those that follow, or only with a warning.

use crate::egress::narrow;
use crate::identity::grant::VARIABLE;

/// Why a variable is refused, or warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The runner's own word: programs see the runner's value, as on GitHub.
    Reserved,
    /// Makes programs run foreign code at their start.
    Loader,
    /// Changes where programs find their code; often legitimate.
    SearchPath,
    /// What a step may ask for, the workflow says, and no step before it.
    Grants,
    /// What a step may reach, the workflow says, and no step before it.
    Network,
}

impl Rule {
    /// What it says to people.
    pub fn why(self) -> &'static str {
        match self {
            Rule::Reserved => "the runner sets it itself, so programs won't see this value (rule `reserved`)",
            Rule::Loader => {
                "it makes programs run foreign code as they start (rule `loader`); set it in the `env` of \
                 the step that needs it"
            }
            Rule::Grants => {
                "which grants a step asks for stands in the workflow, so it is left out (rule `grants`)"
            }
            Rule::Network => "what steps reach stands in the workflow, so it is left out (rule `network`)",
            Rule::SearchPath => "it changes where later steps' programs find their code (rule `search-path`)",
        }
    }

    /// The rule for a variable, if there is one.
    pub fn of(name: &str) -> Option<Rule> {
        let own = name.strip_prefix("GITHUB_").map(|rest| (GITHUB, rest));
        let own = own.or(name.strip_prefix("RUNNER_").map(|rest| (RUNNER, rest)));
        if own.is_some_and(|(names, rest)| names.contains(&rest)) {
            return Some(Rule::Reserved);
        }
        match name {
            VARIABLE => Some(Rule::Grants),
            narrow::VARIABLE => Some(Rule::Network),
            "LD_PRELOAD" | "LD_AUDIT" | "BASH_ENV" | "ENV" | "SHELLOPTS" | "BASHOPTS" | "PS4"
            | "PROMPT_COMMAND" | "PERL5OPT" | "PERL5DB" | "RUBYOPT" | "PYTHONSTARTUP" | "GCONV_PATH" => {
                Some(Rule::Loader)
            }
            // In any case, as on GitHub, which refuses only this one.
            _ if name.eq_ignore_ascii_case("NODE_OPTIONS") => Some(Rule::Loader),
            _ if name.starts_with("BASH_FUNC_") => Some(Rule::Loader),
            "LD_LIBRARY_PATH" | "PYTHONHOME" | "JAVA_TOOL_OPTIONS" | "_JAVA_OPTIONS" | "JDK_JAVA_OPTIONS" => {
                Some(Rule::SearchPath)
            }
            _ => None,
        }
    }

    /// Whether the variable is left out with a warning.
    pub fn leaves_out(self) -> bool {
        matches!(self, Rule::Grants | Rule::Network)
    }

    /// Whether the rule forbids; else it only warns.
    pub fn forbids(self) -> bool {
        self == Rule::Loader
    }
}

/// What the runner sets, without `GITHUB_`. Source: "Variables reference", "Default environment variables".
const GITHUB: &[&str] = &[
    "ACTION",
    "ACTIONS",
    "ACTION_PATH",
    "ACTION_REF",
    "ACTION_REPOSITORY",
    "ACTOR",
    "ACTOR_ID",
    "API_URL",
    "BASE_REF",
    "ENV",
    "EVENT_NAME",
    "EVENT_PATH",
    "GRAPHQL_URL",
    "HEAD_REF",
    "JOB",
    "OUTPUT",
    "PATH",
    "REF",
    "REF_NAME",
    "REF_PROTECTED",
    "REF_TYPE",
    "REPOSITORY",
    "REPOSITORY_ID",
    "REPOSITORY_OWNER",
    "REPOSITORY_OWNER_ID",
    "RETENTION_DAYS",
    "RUN_ATTEMPT",
    "RUN_ID",
    "RUN_NUMBER",
    "SERVER_URL",
    "SHA",
    "STATE",
    "STEP_SUMMARY",
    "TRIGGERING_ACTOR",
    "WORKFLOW",
    "WORKFLOW_REF",
    "WORKFLOW_SHA",
    "WORKSPACE",
];
/// The same without `RUNNER_`.
const RUNNER: &[&str] = &["ARCH", "DEBUG", "ENVIRONMENT", "NAME", "OS", "TEMP", "TOOL_CACHE"];

#[cfg(test)]
mod tests {
    use super::super::super::contexts::{JobContexts, RunContexts, runner_variables};
    use super::super::CommandFile;
    use super::*;

    #[test]
    fn the_runners_own_variables_are_warned_of_and_no_others() {
        let run = RunContexts::default();
        let own = runner_variables(&run, &JobContexts::default());
        let own =
            own.iter().map(|(name, _)| name.as_str()).chain(CommandFile::ALL.map(CommandFile::variable));
        for name in own.chain(["LD_LIBRARY_PATH"]) {
            assert!(Rule::of(name).is_some_and(|rule| !rule.forbids()), "{name}");
        }
        for name in ["GITHUB_TOKEN", "GITHUB_SHA_SHORT", "RUNNER_X", "github_sha", "CI", "GITHUB_"] {
            assert_eq!(Rule::of(name), None, "{name}");
        }
    }
}
