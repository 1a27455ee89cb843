//! The functions that expressions may call: names and numbers of arguments.

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `case(condition, value, …, otherwise)`
    Case,
    /// `contains(search, item)`
    Contains,
    /// `endsWith(text, suffix)`
    EndsWith,
    /// `format(template, …)`
    Format,
    /// `fromJSON(text)`
    FromJson,
    /// `hashFiles(pattern, …)`
    HashFiles,
    /// `join(list, separator)`
    Join,
    /// `startsWith(text, prefix)`
    StartsWith,
    /// `toJSON(value)`
    ToJson,
    /// A function of the job's status.
    Status(StatusFunction),
}

/// A function that asks how the job stands. One of them anywhere in a condition replaces the implicit
/// `success() &&`. In the condition of a job, `success` and `failure` may name some of the jobs that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFunction {
    /// Nothing before has failed and the run wasn't cancelled.
    Success,
    /// Something before has failed.
    Failure,
    /// True.
    Always,
    /// The run was cancelled.
    Cancelled,
}

/// Name as documented, function, fewest and most arguments. GitHub's limit of arguments is 255.
const TABLE: [(&str, Function, usize, usize); 13] = [
    ("always", Function::Status(StatusFunction::Always), 0, 0),
    ("cancelled", Function::Status(StatusFunction::Cancelled), 0, 0),
    ("case", Function::Case, 3, 255),
    ("contains", Function::Contains, 2, 2),
    ("endsWith", Function::EndsWith, 2, 2),
    ("failure", Function::Status(StatusFunction::Failure), 0, 255),
    ("format", Function::Format, 1, 255),
    ("fromJSON", Function::FromJson, 1, 1),
    ("hashFiles", Function::HashFiles, 1, 255),
    ("join", Function::Join, 1, 2),
    ("startsWith", Function::StartsWith, 2, 2),
    ("success", Function::Status(StatusFunction::Success), 0, 255),
    ("toJSON", Function::ToJson, 1, 1),
];

impl Function {
    /// The function of a name, in any case, with its fewest and most arguments.
    pub fn find(name: &str) -> Option<(Function, usize, usize)> {
        TABLE
            .iter()
            .find(|(known, ..)| known.eq_ignore_ascii_case(name))
            .map(|&(_, function, least, most)| (function, least, most))
    }

    /// All names, as documented.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(name, ..)| *name)
    }
}
