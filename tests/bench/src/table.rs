//! How figures are printed.

/// Whether a figure reaches its goal.
#[derive(Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// The goal, with its verdict about a figure.
    pub fn of(self, figure: f64, unit: &str) -> String {
        let (sign, bound, holds) = match self {
            Goal::AtLeast(bound) => ("\u{2265}", bound, figure >= bound),
            Goal::AtMost(bound) => ("\u{2264}", bound, figure <= bound),
        };
        format!("{sign} {bound} {unit}  {}", if holds { "holds" } else { "MISSED" })
    }
}

/// A line of a figure that stands alone.
pub fn line(what: &str, figure: f64, unit: &str, goal: Option<Goal>) {
    let verdict = goal.map_or_else(String::new, |goal| goal.of(figure, unit));
    println!("{what:<48} {:>14}   {verdict}", format!("{figure:.2} {unit}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_judged_from_its_side() {
        assert_eq!(Goal::AtLeast(300.0).of(299.0, "MB/s"), "≥ 300 MB/s  MISSED");
        assert_eq!(Goal::AtMost(64.0).of(64.0, "MiB"), "≤ 64 MiB  holds");
    }
}
