//! The fields of a request's body. Each field is read by name and type. All faults are collected (missing, wrong type,
//! invalid, unknown), so that the client learns of them at once.

use serde_json::{Map, Value};

pub mod form;
mod json;
pub mod reads;
pub mod schema;

use self::reads::Place;
use crate::error::{Error, FieldError};

/// A type that is parsed from a JSON value at the edge.
pub trait FromJson: Sized {
    /// Parses the value.
    ///
    /// # Errors
    /// States the rule that the value breaks, and never repeats the value.
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

/// Whether a value counts as absent in an optional field.
fn is_absent(value: &Value) -> bool {
    value.is_null() || value == ""
}

/// A member's name for an error. The client chose it. So it is cut, and its control characters are removed.
pub fn displayed(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// A change of a field by a `PATCH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<T> {
    /// The field was not sent.
    Keep,
    Clear,
    Set(T),
}

impl<T> Change<T> {
    /// Whether the change sets a field, or clears one that is set.
    pub const fn changes(&self, is_set: bool) -> bool {
        match self {
            Self::Keep => false,
            Self::Clear => is_set,
            Self::Set(_) => true,
        }
    }

    /// The value after the change.
    pub fn applied(&self, old: &Option<T>) -> Option<T>
    where
        T: Clone,
    {
        match self {
            Self::Keep => old.clone(),
            Self::Clear => None,
            Self::Set(new) => Some(new.clone()),
        }
    }

    /// The same change, with another value if it sets one.
    pub fn map<'a, U>(&'a self, other: impl FnOnce(&'a T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(other(value)),
        }
    }
}

/// The fields of one JSON object or form.
pub struct Fields {
    map: Map<String, Value>,
    path: String,
    errors: Vec<FieldError>,
    /// Where a request has the fields. Fields of other texts are not recorded.
    place: Option<Place>,
}

/// The message about a member or parameter that occurs twice.
pub const TWICE: &str = "must not appear twice";

impl Fields {
    /// Parses a JSON object.
    ///
    /// # Errors
    /// `invalid_request` if the text is not one JSON object, or if an object in it names a member twice. Parsers differ in
    /// which of two members counts (RFC 8259, section 4), so a filter before this service could see another one.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let (value, repeated) = json::parse(text).map_err(|error| {
            let message = format!("is not valid JSON at line {} column {}", error.line(), error.column());
            Error::InvalidRequest(vec![FieldError::new("body", message)])
        })?;
        if let Some(member) = repeated {
            return Err(Error::field(&member, TWICE));
        }
        match value {
            Value::Object(map) => Ok(Self::new(map)),
            _ => Err(Error::field("body", "must be a JSON object")),
        }
    }

    pub fn new(map: Map<String, Value>) -> Self {
        Self { map, path: String::new(), errors: Vec::new(), place: None }
    }

    /// The same fields, as those of a request.
    #[must_use]
    pub fn of_request(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    fn record<T>(&self, name: &str) {
        if let Some(place) = self.place {
            reads::record::<T>(place, &format!("{}{name}", self.path));
        }
    }

    /// Whether the client sent the field with a value. Generated clients send `null`, and forms send `""`, for a field
    /// without a value. Such a field counts as absent, and is removed.
    pub fn has(&mut self, name: &str) -> bool {
        if self.map.get(name).is_some_and(is_absent) {
            self.map.remove(name);
        }
        self.map.contains_key(name)
    }

    /// Whether the client sent a password. An empty password is a wrong value, not an absent one, because a form must not
    /// drop it silently.
    pub fn has_password(&mut self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null()) || self.has(name)
    }

    /// Takes a required field. `None` means that an error was recorded.
    pub fn required<T: FromJson>(&mut self, name: &str) -> Option<T> {
        self.record::<T>(name);
        match self.map.remove(name) {
            None | Some(Value::Null) => self.refuse(name, "is required"),
            Some(Value::String(text)) if text.is_empty() => self.refuse(name, "must not be empty"),
            Some(value) => self.parse(name, value),
        }
    }

    /// Takes an optional field. An invalid value is recorded as an error.
    pub fn optional<T: FromJson>(&mut self, name: &str) -> Option<T> {
        self.record::<T>(name);
        if !self.has(name) {
            return None;
        }
        let value = self.map.remove(name)?;
        self.parse(name, value)
    }

    /// Takes an optional password. An empty one is recorded as an error.
    pub fn optional_password<T: FromJson>(&mut self, name: &str) -> Option<T> {
        self.record::<T>(name);
        if self.has_password(name) { self.required(name) } else { None }
    }

    /// Takes a field of a `PATCH` that can be cleared by `null` or `""`.
    pub fn change<T: FromJson>(&mut self, name: &str) -> Change<T> {
        self.record::<T>(name);
        match self.map.remove(name) {
            None => Change::Keep,
            Some(value) if is_absent(&value) => Change::Clear,
            Some(value) => self.parse(name, value).map_or(Change::Keep, Change::Set),
        }
    }

    /// Removes fields that any value may have, because nothing depends on them.
    pub fn discard(&mut self, names: &[&str]) {
        for name in names {
            self.map.remove(*name);
        }
    }

    /// Removes fields of another form of the request, if they have no value.
    pub fn ignore_absent(&mut self, names: &[&str]) {
        for name in names {
            self.has(name);
        }
    }

    fn parse<T: FromJson>(&mut self, name: &str, value: Value) -> Option<T> {
        match T::from_json(value) {
            Ok(value) => Some(value),
            Err(message) => self.refuse(name, message),
        }
    }

    fn refuse<T>(&mut self, name: &str, message: impl Into<String>) -> Option<T> {
        self.note(name, message);
        None
    }

    /// Takes an optional object. `read` takes its fields.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields) -> T) -> Option<T> {
        if !self.has(name) {
            return None;
        }
        match self.map.remove(name)? {
            Value::Object(map) => {
                let path = format!("{}{name}.", self.path);
                let mut fields = Fields { map, path, errors: Vec::new(), place: self.place };
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

    /// Records an error that the field's own type cannot detect.
    pub fn note(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(format!("{}{name}", self.path), message));
    }

    fn note_unknown(&mut self) {
        let unknown: Vec<String> = self.map.keys().map(|name| displayed(name)).collect();
        for name in unknown {
            self.note(&name, "is not a field of this request");
        }
    }

    /// Ends parsing. `form` combines the fields, and returns `None` only if an error was recorded.
    ///
    /// # Errors
    /// `invalid_request` with all recorded errors and all unknown fields.
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
    fn all_errors_are_returned_at_once_with_their_paths() {
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
    fn null_and_empty_are_absent_in_optional_fields_and_wrong_in_required_ones() {
        for absent in ["null", "\"\""] {
            let mut sent = fields(&format!(r#"{{"a": {absent}, "b": {absent}, "c": {absent}, "d": {absent}}}"#));
            assert_eq!(sent.optional::<String>("a"), None);
            assert_eq!(sent.optional::<bool>("b"), None);
            assert_eq!(sent.object("c", |_| ()), None);
            assert!(!sent.has("d"));
            assert!(sent.finish(|| Some(())).is_ok());

            assert_eq!(fields(&format!(r#"{{"a": {absent}}}"#)).change::<String>("a"), Change::Clear);
            let mut sent = fields(&format!(r#"{{"a": {absent}}}"#));
            let required = sent.required::<String>("a");
            assert!(sent.finish(|| required).is_err());
            // An unknown field stays unknown.
            assert!(fields(&format!(r#"{{"role": {absent}}}"#)).finish(|| Some(())).is_err());
        }
        assert_eq!(fields(r#"{}"#).change::<String>("a"), Change::Keep);
        assert_eq!(fields(r#"{"a": "x"}"#).change::<String>("a"), Change::Set("x".to_owned()));
    }

    #[test]
    fn an_empty_password_is_not_absent() {
        let mut sent = fields(r#"{"a": "", "b": null}"#);
        assert!(sent.has_password("a") && !sent.has_password("b"));
        assert_eq!(sent.optional_password::<String>("a"), None);
        assert!(sent.finish(|| Some(())).is_err());
    }
}
