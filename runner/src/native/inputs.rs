//! The inputs of an action, read as `@actions/core` reads them.

/// By name, in any case.
#[derive(Clone, Debug, Default)]
pub struct Inputs(Vec<(String, String)>);

impl Inputs {
    /// Sets one; a later one of the same name stands.
    pub fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Whether one is set.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Its text without space around it; empty where it isn't set.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }

    /// `true` in any case; anything else is false, as upstream has it.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).eq_ignore_ascii_case("true")
    }

    /// Its lines that aren't empty, without space around them.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).lines().map(str::trim).filter(|line| !line.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_trimmed_and_their_names_are_the_same_in_any_case() {
        let mut inputs = Inputs::default();
        inputs.set("Path", " a\n\n b \n".into());
        inputs.set("clean", "TRUE".into());
        inputs.set("path", " c\n\n d \n".into());
        assert_eq!(inputs.get("PATH"), "c\n\n d");
        assert_eq!(inputs.lines("path").collect::<Vec<_>>(), ["c", "d"]);
        assert!(
            inputs.is_true("clean") && !inputs.is_true("path") && inputs.has("CLEAN") && !inputs.has("x")
        );
    }
}
