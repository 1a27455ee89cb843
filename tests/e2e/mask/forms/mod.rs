//! The forms in which programs print a secret: the list that palisade promises to mask.

pub mod arranged;
pub mod dumped;
pub mod encoded;
pub mod escaped;

use palisade_tests::Random;

/// One form.
pub struct Form {
    /// What it is called in the table.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    make: Make,
}

/// Where a form stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Anything may touch it.
    Anywhere,
    /// No digit touches it: it would change the number that stands there.
    Apart,
    /// Between whole lines.
    Lines,
}

enum Make {
    Text(fn(&str, &mut Random) -> String),
    Bytes(fn(&str, &mut Random) -> Vec<u8>),
    /// Not every value has this form.
    Some(fn(&str, &mut Random) -> Option<String>),
}

impl Form {
    const fn of(name: &'static str, make: fn(&str, &mut Random) -> String) -> Form {
        Form { name, place: Place::Anywhere, make: Make::Text(make) }
    }

    const fn numbers(name: &'static str, make: fn(&str, &mut Random) -> String) -> Form {
        Form { name, place: Place::Apart, make: Make::Text(make) }
    }

    const fn lines(name: &'static str, make: fn(&str, &mut Random) -> String) -> Form {
        Form { name, place: Place::Lines, make: Make::Text(make) }
    }

    const fn bytes(name: &'static str, make: fn(&str, &mut Random) -> Vec<u8>) -> Form {
        Form { name, place: Place::Anywhere, make: Make::Bytes(make) }
    }

    const fn some(name: &'static str, make: fn(&str, &mut Random) -> Option<String>) -> Form {
        Form { name, place: Place::Anywhere, make: Make::Some(make) }
    }

    const fn some_lines(name: &'static str, make: fn(&str, &mut Random) -> Option<String>) -> Form {
        Form { name, place: Place::Lines, make: Make::Some(make) }
    }

    /// The value in this form, if it has it.
    pub fn make(&self, value: &str, random: &mut Random) -> Option<Vec<u8>> {
        match self.make {
            Make::Text(make) => Some(make(value, random).into_bytes()),
            Make::Bytes(make) => Some(make(value, random)),
            Make::Some(make) => make(value, random).map(String::into_bytes),
        }
    }
}

/// All forms.
pub fn all() -> impl Iterator<Item = &'static Form> {
    [arranged::FORMS, encoded::FORMS, dumped::FORMS, escaped::FORMS].into_iter().flatten()
}

/// The form of a name.
pub fn named(name: &str) -> &'static Form {
    all().find(|form| form.name == name).unwrap_or_else(|| panic!("there is no form `{name}`"))
}

/// The value with a few characters before and after it, which shift every encoding of more than one byte.
fn around(value: &str, random: &mut Random) -> String {
    const CHARS: &str = "abcdefghijklmnopqrstuvwxyz0123456789:=, ";
    let (before, after) = (random.below(8), random.below(8));
    let before = random.text(CHARS, before);
    before + value + &random.text(CHARS, after)
}
