//! The fields of a request's body. Every field is asked for by name and type; what is missing, of the wrong type, bad or
//! unknown is collected, so that the client learns of all of it at once.

use serde_json::{Map, Value};

use crate::error::{Error, FieldError};

/// A type that a JSON value is parsed into at the edge. The error says what the value has to be and never repeats it.
pub trait FromJson: Sized {
    /// Parses the value.
    fn from_json(value: Value) -> Result<Self, String>;
}

impl FromJson for bool {
    fn from_json(value: Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "must be true or false".to_owned())
    }
}

impl FromJson for String {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text),
            _ => Err("must be a string".to_owned()),
        }
    }
}

/// The fields of one JSON object.
pub struct Fields {
    map: Map<String, Value>,
    path: String,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The fields of `map`.
    pub fn new(map: Map<String, Value>) -> Self {
        Self { map, path: String::new(), errors: Vec::new() }
    }

    /// Whether the client sent the field.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Takes a field that has to be there. `None` means that an error has been noted.
    pub fn required<T: FromJson>(&mut self, name: &str) -> Option<T> {
        if !self.has(name) {
            self.note(name, "is required");
        }
        self.optional(name)
    }

    /// Takes a field that may be absent. A bad value is noted.
    pub fn optional<T: FromJson>(&mut self, name: &str) -> Option<T> {
        match T::from_json(self.map.remove(name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.note(name, message);
                None
            }
        }
    }

    /// Takes an object that may be absent; `read` takes its fields in turn.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields) -> T) -> Option<T> {
        match self.map.remove(name)? {
            Value::Object(map) => {
                let mut fields = Fields { map, path: format!("{}{name}.", self.path), errors: Vec::new() };
                let value = read(&mut fields);
                fields.note_unknown();
                self.errors.append(&mut fields.errors);
                Some(value)
            }
            _ => {
                self.note(name, "must be an object");
                None
            }
        }
    }

    /// Notes that a field is wrong for a reason that its own type doesn't know.
    pub fn note(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(format!("{}{name}", self.path), message));
    }

    fn note_unknown(&mut self) {
        // A name that the client chose is repeated to it, cut and without control characters.
        let unknown: Vec<String> =
            self.map.keys().map(|name| name.chars().filter(|c| !c.is_control()).take(64).collect()).collect();
        for name in unknown {
            self.note(&name, "is not a field of this request");
        }
    }

    /// Ends the reading: `form` puts the fields together and gives `None` only where an error was noted.
    ///
    /// # Errors
    /// `invalid_request` with everything that was noted, unknown fields too.
    pub fn finish<T>(mut self, form: impl FnOnce() -> Option<T>) -> Result<T, Error> {
        self.note_unknown();
        if !self.errors.is_empty() {
            self.errors.truncate(32);
            return Err(Error::InvalidRequest(self.errors));
        }
        form().ok_or_else(|| Error::internal("a form is incomplete, but no error was recorded"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn all_errors_are_told_at_once_with_their_paths() {
        let mut fields = fields(r#"{"a": 1, "inner": {"b": "x", "c": 3}, "extra": null}"#);
        let a = fields.required::<String>("a");
        let missing = fields.required::<String>("missing");
        let inner = fields.object("inner", |inner| inner.optional::<bool>("b"));
        assert_eq!((a, missing.as_deref(), inner), (None, None, Some(None)));
        let Err(Error::InvalidRequest(errors)) = fields.finish(|| Some(())) else { panic!("must be refused") };
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(names, ["a", "missing", "inner.b", "inner.c", "extra"]);
    }

    #[test]
    fn a_null_is_not_an_absent_field() {
        let mut fields = fields(r#"{"a": null}"#);
        assert_eq!(fields.optional::<String>("a"), None);
        assert!(fields.finish(|| Some(())).is_err());
    }
}
