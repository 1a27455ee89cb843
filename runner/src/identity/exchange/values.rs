//! Values under names of a step's own choice.

use serde::Deserialize;

use super::{Delivery, ExchangeError};

/// How a step finds a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// As a file, whose path is in `NAME_FILE`.
    #[default]
    File,
    /// As the variable `NAME`.
    Env,
}

impl How {
    /// Has the step find it.
    pub fn put(self, name: &str, value: &str, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
        match self {
            How::Env => delivery.set(name, value),
            How::File => {
                let file = delivery.write(name, value.as_bytes())?;
                delivery.set(format!("{name}_FILE"), file);
            }
        }
        Ok(())
    }
}
