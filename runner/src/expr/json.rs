//! Values as JSON text and back.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::error::EvalError;
use super::memory::{BoundedText, MAX_MEMORY, Memory};
use super::value::{Object, Value};

/// Writes a value the way `toJSON` does: two spaces a level, empty arrays and objects on one line.
pub fn write(value: &Value) -> Result<String, EvalError> {
    let mut out = BoundedText::new(MAX_MEMORY);
    out.push("")?;
    write_value(value, 0, &mut out)?;
    Ok(out.finish())
}

/// Each line is a piece, and so is each value behind a key.
fn write_value(value: &Value, level: usize, out: &mut BoundedText) -> Result<(), EvalError> {
    match value {
        Value::Null => out.push_more("null"),
        Value::Bool(_) | Value::Number(_) => out.push_more(&value.to_display_string()),
        Value::String(text) => write_string(text, out),
        Value::Array(items) if items.is_empty() => out.push_more("[]"),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                out.push(if position == 0 { "[\n" } else { ",\n" })?;
                indent(level + 1, out)?;
                write_value(item, level + 1, out)?;
            }
            out.push("\n")?;
            indent(level, out)?;
            out.push_more("]")
        }
        Value::Object(object) if object.is_empty() => out.push_more("{}"),
        Value::Object(object) => {
            for (position, (key, item)) in object.iter().enumerate() {
                out.push(if position == 0 { "{\n" } else { ",\n" })?;
                indent(level + 1, out)?;
                write_string(key, out)?;
                out.push(": ")?;
                write_value(item, level + 1, out)?;
            }
            out.push("\n")?;
            indent(level, out)?;
            out.push_more("}")
        }
    }
}

fn indent(level: usize, out: &mut BoundedText) -> Result<(), EvalError> {
    (0..level).try_for_each(|_| out.push_more("  "))
}

fn write_string(text: &str, out: &mut BoundedText) -> Result<(), EvalError> {
    let quoted = serde_json::to_string(text).map_err(|e| EvalError::new(e.to_string()))?;
    out.push_more(&quoted)
}

/// Reads JSON text. Of keys that differ only in case the first counts; of equal ones the last.
pub fn read(text: &str, memory: &Memory) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Reader { memory }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a value within a bound; the parser bounds the depth.
#[derive(Clone, Copy)]
struct Reader<'m> {
    memory: &'m Memory,
}

impl Reader<'_> {
    fn text<E: serde::de::Error>(self, text: &str) -> Result<Arc<str>, E> {
        self.memory.take(text.len() + 2 * size_of::<usize>()).map_err(E::custom)?;
        Ok(Arc::from(text))
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(self.text(value)?))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            // A vector that has just grown holds twice its items.
            self.memory.take(2 * size_of::<Value>()).map_err(A::Error::custom)?;
            items.push(item);
        }
        Ok(Value::from(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            let key = self.text(&key)?;
            self.memory.take(Object::ENTRY_SIZE).map_err(A::Error::custom)?;
            let value = map.next_value_seed(self)?;
            object.insert_as_read(key, value);
        }
        Ok(Value::from(object))
    }
}

impl Serialize for Value {
    /// Integers are written without a fraction; NaN and infinities, which JSON lacks, as null.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => serializer.serialize_i64(*n as i64),
            Value::Number(n) => serializer.serialize_f64(*n),
            Value::String(s) => serializer.serialize_str(s),
            Value::Array(items) => serializer.collect_seq(items.iter()),
            Value::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (key, value) in object.iter() {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(b) => Value::Bool(b),
            serde_json::Value::Number(n) => Value::Number(n.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(s) => Value::from(s),
            serde_json::Value::Array(items) => items.into_iter().map(Value::from).collect::<Vec<_>>().into(),
            serde_json::Value::Object(map) => map.into_iter().collect::<Object>().into(),
        }
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        serde_json::to_value(value).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn read_text(text: &str) -> Result<Value, serde_json::Error> {
        read(text, &Memory::new(MAX_MEMORY))
    }

    #[test]
    fn written_pretty_with_two_spaces() {
        let value = read_text(r#"{"a":[1,2.5,[],{}],"b":{"c":"x\"\n\u0001é"},"n":null,"t":true}"#).unwrap();
        insta::assert_snapshot!(write(&value).unwrap(), @r#"
        {
          "a": [
            1,
            2.5,
            [],
            {}
          ],
          "b": {
            "c": "x\"\n\u0001é"
          },
          "n": null,
          "t": true
        }
        "#);
    }

    #[test]
    fn of_twin_keys_the_first_spelling_and_the_last_equal_count() {
        let value = read_text(r#"{"a":1,"A":2,"b":3,"b":4}"#).unwrap();
        let expected: Object = [("a", 1.0), ("b", 4.0)].into_iter().collect();
        assert_eq!(value, expected.into());
    }

    #[test]
    fn depth_and_memory_are_bounded() {
        assert!(read_text(&"[".repeat(100_000)).is_err());
        assert!(read_text(&format!("[{}0]", "0,".repeat(1_000_000))).is_err());
        assert!(read("[\"abc\"]", &Memory::new(8)).is_err());
        assert!(write(&Value::from("x".repeat(MAX_MEMORY / 2 - 15))).is_ok());
        assert!(write(&Value::from("x".repeat(MAX_MEMORY / 2 - 14))).is_err());
    }

    #[test]
    fn to_and_from_a_json_tree() {
        let json = serde_json::json!({"a": [1, 2.5, "x", null, true], "B": {}});
        assert_eq!(serde_json::Value::from(&Value::from(json.clone())), json);
    }
}
