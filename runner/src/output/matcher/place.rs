//! Where in the tree a printed path points.

use std::path::{Component, Path, PathBuf};

/// The path of a file relative to the workspace, with `/`; `None` if it isn't in it. What is relative begins
/// beside `from` if there is one, else in the workspace. Whether there is such a file isn't looked at.
pub fn place(file: &str, from: Option<&str>, workspace: &Path) -> Option<String> {
    let beside = from.filter(|from| !from.trim().is_empty()).and_then(|from| Path::new(from).parent());
    let file = workspace.join(beside.unwrap_or(Path::new(""))).join(file);
    let relative = normal(&file)?.strip_prefix(workspace).ok()?.to_str()?.to_owned();
    (!relative.is_empty()).then_some(relative)
}

/// A path as `file=` of a command has it: relative to the workspace if it is below it, else as it is.
pub fn within(file: String, workspace: &Path) -> String {
    let relative = Path::new(&file).strip_prefix(workspace).ok().and_then(Path::to_str);
    match relative.filter(|path| !path.is_empty()) {
        Some(relative) => relative.to_owned(),
        None => file,
    }
}

/// An absolute path without `.` and `..`.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal.is_absolute().then_some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_end_up_in_the_workspace_or_nowhere() {
        for (file, from, placed) in [
            ("src/a.rs", None, Some("src/a.rs")),
            ("./src/../b.rs", None, Some("b.rs")),
            ("/w/x/a.rs", None, Some("a.rs")),
            ("a.cs", Some("sub/p.csproj"), Some("sub/a.cs")),
            ("../a.cs", Some("/w/x/sub/p.csproj"), Some("a.cs")),
            ("/w/x/a.cs", Some("sub/p.csproj"), Some("a.cs")),
            ("a.cs", Some(" "), Some("a.cs")),
            ("/etc/passwd", None, None),
            ("../../../etc/passwd", None, None),
            ("../xy/a.rs", None, None),
            (".", None, None),
        ] {
            assert_eq!(place(file, from, Path::new("/w/x")).as_deref(), placed, "{file} {from:?}");
        }
        assert_eq!(within("/w/x/a.rs".into(), Path::new("/w/x")), "a.rs");
        assert_eq!(within("/w/y/a.rs".into(), Path::new("/w/x")), "/w/y/a.rs");
    }
}
