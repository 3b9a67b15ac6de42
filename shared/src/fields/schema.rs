//! What requests and answers contain, as JSON Schema (draft 2020-12). The OpenAPI document is made of it.

use serde_json::{Map, Value, json};

use super::FromJson;

/// The type of a field, with the schema of its values.
pub trait Described: FromJson {
    /// The values in their plain form. A parser may also accept other spellings, such as spaces around an address.
    fn schema() -> Value;
}

impl Described for bool {
    fn schema() -> Value {
        json!({ "type": "boolean", "examples": [true] })
    }
}

impl Described for String {
    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

/// How a request may carry a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Required,
    /// `null` and `""` count as absent.
    Optional,
    /// `null` counts as absent.
    OptionalPassword,
    /// `null` and `""` clear what the field sets.
    Change,
    /// Only `null` and `""`: the field belongs to another form of the request.
    Absent,
}

/// The values of a field.
#[derive(Debug, Clone)]
enum Values {
    /// Those of a type, by its name in the code.
    Of(&'static str, Value),
    Object(Form),
    None,
}

#[derive(Debug, Clone)]
struct Field {
    name: &'static str,
    text: &'static str,
    presence: Presence,
    values: Values,
}

/// The fields of a request's object, form or query, as the operation reads them.
#[derive(Debug, Clone, Default)]
pub struct Form {
    name: &'static str,
    fields: Vec<Field>,
}

/// A field as an operation reads it: its path, and the type that parses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    pub path: String,
    pub parsed_as: &'static str,
}

impl Form {
    /// A form with a name for generated code, such as `LoginRequest`.
    pub fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    fn with(mut self, name: &'static str, text: &'static str, presence: Presence, values: Values) -> Self {
        self.fields.push(Field { name, text, presence, values });
        self
    }

    fn of<T: Described>(self, name: &'static str, text: &'static str, presence: Presence) -> Self {
        self.with(name, text, presence, Values::Of(std::any::type_name::<T>(), T::schema()))
    }

    #[must_use]
    pub fn required<T: Described>(self, name: &'static str, text: &'static str) -> Self {
        self.of::<T>(name, text, Presence::Required)
    }

    #[must_use]
    pub fn optional<T: Described>(self, name: &'static str, text: &'static str) -> Self {
        self.of::<T>(name, text, Presence::Optional)
    }

    #[must_use]
    pub fn optional_password<T: Described>(self, name: &'static str, text: &'static str) -> Self {
        self.of::<T>(name, text, Presence::OptionalPassword)
    }

    #[must_use]
    pub fn change<T: Described>(self, name: &'static str, text: &'static str) -> Self {
        self.of::<T>(name, text, Presence::Change)
    }

    /// An optional object.
    #[must_use]
    pub fn object(self, name: &'static str, form: Form) -> Self {
        self.with(name, "", Presence::Optional, Values::Object(form))
    }

    /// Fields of another form, which must have no value in this one.
    #[must_use]
    pub fn absent(self, names: &[&'static str]) -> Self {
        names.iter().fold(self, |form, name| form.with(name, "", Presence::Absent, Values::None))
    }

    fn untyped(self, name: &'static str, text: &'static str, presence: Presence, schema: Value) -> Self {
        self.with(name, text, presence, Values::Of(std::any::type_name::<String>(), schema))
    }

    /// A parameter of OAuth, which the operation reads as a text.
    #[must_use]
    pub fn parameter(self, name: &'static str, text: &'static str, schema: Value) -> Self {
        self.untyped(name, text, Presence::Optional, schema)
    }

    #[must_use]
    pub fn required_parameter(self, name: &'static str, text: &'static str, schema: Value) -> Self {
        self.untyped(name, text, Presence::Required, schema)
    }

    /// Narrows the last field to these values of its type, which belong to this form.
    #[must_use]
    pub fn only<T: Into<Value>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        if let Some(Field { values: Values::Of(_, schema), .. }) = self.fields.last_mut() {
            let values: Vec<Value> = values.into_iter().map(Into::into).collect();
            schema["examples"] = values.first().into_iter().cloned().collect();
            schema["enum"] = values.into();
        }
        self
    }

    /// Sets the example of the last field.
    #[must_use]
    pub fn example(mut self, example: impl Into<Value>) -> Self {
        if let Some(Field { values: Values::Of(_, schema), .. }) = self.fields.last_mut() {
            schema["examples"] = json!([example.into()]);
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    pub fn has_required(&self) -> bool {
        self.fields.iter().any(|field| field.presence == Presence::Required)
    }

    /// Every field that has values, with the fields of its objects.
    pub fn reads(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        for Field { name, values, .. } in &self.fields {
            match values {
                Values::Of(parsed_as, _) => reads.push(Read { path: (*name).to_owned(), parsed_as }),
                Values::Object(form) => reads.extend(form.reads().into_iter().map(|mut read| {
                    read.path = format!("{name}.{}", read.path);
                    read
                })),
                Values::None => {}
            }
        }
        reads
    }

    /// The schema of the whole object.
    pub fn schema(&self) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in &self.fields {
            let or = |schema: Value, other: Value| json!({ "description": field.text, "anyOf": [schema, other] });
            let schema = match (&field.values, field.presence) {
                (Values::None, _) => absent(),
                (Values::Object(form), _) => json!({ "anyOf": [form.schema(), absent()] }),
                (Values::Of(_, schema), Presence::Required) => described(schema.clone(), field.text),
                (Values::Of(_, schema), Presence::OptionalPassword) => or(schema.clone(), json!({ "type": "null" })),
                (Values::Of(_, schema), Presence::Change) => or(schema.clone(), cleared()),
                (Values::Of(_, schema), _) => or(schema.clone(), absent()),
            };
            properties.insert(field.name.to_owned(), schema);
            required.extend((field.presence == Presence::Required).then_some(field.name));
        }
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !self.name.is_empty() {
            schema["title"] = self.name.into();
        }
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    }

    /// The fields as parameters of a query or as members of a form, where every value is a text: name, schema, and whether it is required.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, Value, bool)> {
        self.fields.iter().filter_map(|field| match &field.values {
            Values::Of(_, schema) => {
                let schema = described(schema.clone(), field.text);
                Some((field.name, schema, field.presence == Presence::Required))
            }
            Values::Object(_) | Values::None => None,
        })
    }
}

fn absent() -> Value {
    json!({ "title": "Absent", "description": "Counts as absent.", "enum": [null, ""] })
}

fn cleared() -> Value {
    json!({ "title": "Cleared", "description": "Clears the field.", "enum": [null, ""] })
}

fn described(mut schema: Value, text: &str) -> Value {
    if !text.is_empty() {
        schema["description"] = text.into();
    }
    schema
}

/// The schema of an answer's object.
#[derive(Debug, Clone, Default)]
pub struct Object {
    name: &'static str,
    text: &'static str,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Object {
    /// An object with a name for generated code, such as `User`.
    pub fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, ..Self::default() }
    }

    /// A member that every such object has.
    #[must_use]
    pub fn with(mut self, name: &'static str, schema: Value) -> Self {
        self.required.push(name);
        self.with_optional(name, schema)
    }

    /// A member that may be absent.
    #[must_use]
    pub fn with_optional(mut self, name: &'static str, schema: Value) -> Self {
        self.properties.insert(name.to_owned(), schema);
        self
    }

    pub fn schema(self) -> Value {
        let mut schema = json!({ "type": "object", "properties": self.properties, "required": self.required });
        if !self.name.is_empty() {
            schema["title"] = self.name.into();
        }
        described(schema, self.text)
    }
}

/// The example of a token or an id.
pub const TOKEN: &str = "q5UDmRyUeHXCYWFCVoFZ7gq5UDmRyUeHXCYWFCVoFZ7";

/// A text in an answer, with an example.
pub fn text(text: &str, example: &str) -> Value {
    json!({ "type": "string", "description": text, "examples": [example] })
}

/// A time in an answer.
pub fn time(text: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": text, "examples": ["2026-05-04T09:30:00Z"] })
}

/// A whole number in an answer, which is not negative.
pub fn number(text: &str, example: i64) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": text, "examples": [example] })
}

pub fn boolean(text: &str) -> Value {
    json!({ "type": "boolean", "description": text, "examples": [true] })
}

/// One of several texts.
pub fn one_of(text: &str, values: &[&str]) -> Value {
    json!({ "type": "string", "description": text, "enum": values, "examples": [values.first()] })
}

/// Always the same answer.
pub fn is(value: bool) -> Value {
    json!({ "type": "boolean", "const": value })
}

/// One of these schemas.
pub fn any_of<const N: usize>(schemas: [Value; N]) -> Value {
    json!({ "anyOf": Vec::from(schemas) })
}

/// An object that another specification describes.
pub fn any_object(text: &str) -> Value {
    json!({ "type": "object", "description": text, "additionalProperties": true })
}

/// A page of a list.
pub fn page(name: &'static str, list_name: &'static str, entry: Value) -> Value {
    Object::new(name, "A page of the list. It may have fewer entries than `limit`, also none.")
        .with(list_name, list("The entries.", entry))
        .with_optional("next", text("The `cursor` of the next page. The last page has none.", TOKEN))
        .schema()
}

/// Always the same text.
pub fn constant(value: &str) -> Value {
    json!({ "type": "string", "const": value })
}

pub fn list(text: &str, entries: Value) -> Value {
    json!({ "type": "array", "description": text, "items": entries })
}

/// Either a value of the schema or `null`.
pub fn nullable(mut schema: Value) -> Value {
    if schema.get("title").is_some() {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    schema["type"] = json!([schema["type"], "null"]);
    schema
}
