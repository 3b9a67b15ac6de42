//! JSON texts in which members that occur twice are found. `serde_json::Value` keeps the last one silently.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::displayed;

/// Parses a JSON text. Also returns the path of the first member that occurs twice in its object.
///
/// # Errors
/// That of `serde_json` if the text is not JSON.
pub(super) fn parse(text: &[u8]) -> Result<(Value, Option<String>), serde_json::Error> {
    let repeated = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Node { path: "", repeated: &repeated }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, repeated.into_inner()))
}

/// A value of the text, by its path.
#[derive(Clone, Copy)]
struct Node<'a> {
    path: &'a str,
    repeated: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element_seed(self)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let separator = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{separator}{}", self.path, displayed(&name));
            if map.contains_key(&name) {
                self.repeated.borrow_mut().get_or_insert_with(|| path.clone());
            }
            let value = members.next_value_seed(Node { path: &path, ..self })?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_those_of_serde_json() {
        let text = r#" {"a": [null, true, -1, 18446744073709551615, 1.5, "x\u0061", {"b": {}}], "c": {"a": 1}} "#;
        let (value, repeated) = parse(text.as_bytes()).unwrap();
        assert_eq!((value, repeated), (serde_json::from_str(text).unwrap(), None));
        for broken in ["", "{", "{}x", "{\"a\":1e999}", "[1,]", "\"\u{0}\"", &"[".repeat(10_000)] {
            assert!(parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_member_that_occurs_twice_is_found_at_every_depth() {
        for (text, path) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"password": 1, "p\u0061ssword": 2}"#, "password"),
            (r#"{"session": {"transport": 1, "transport": 2}}"#, "session.transport"),
            (r#"{"a": [[{"b": null, "b": null}]]}"#, "a.b"),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().1.as_deref(), Some(path), "{text}");
        }
        assert_eq!(parse(br#"{"a": {"a": 1}, "A": 2, "b": [{"a": 1}, {"a": 2}]}"#).unwrap().1, None);
        assert_eq!(parse(br#"{"a": 1, "a": 2}"#).unwrap().0, json!({ "a": 2 }));
    }
}
