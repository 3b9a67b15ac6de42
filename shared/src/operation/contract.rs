//! The contract of an operation with its clients: what it reads, and what it answers. The OpenAPI document is made of it.

use serde_json::Value;

use crate::{error::Error, fields::schema::Form};

/// The body that an operation reads.
#[derive(Debug, Clone, Default)]
pub enum Body {
    #[default]
    Nothing,
    /// A JSON object in one of these forms.
    Json(Vec<Form>),
    /// A form (`application/x-www-form-urlencoded`).
    Form(Form),
    /// The query of a GET, and the form of a POST, with the same parameters.
    Message(Form),
}

/// The content of an answer.
#[derive(Debug, Clone)]
pub enum Content {
    Nothing,
    /// JSON of this schema.
    Json(Value),
    /// A page for a person.
    Page,
    /// A file of the pages.
    File,
    /// A redirect, by the header `Location`.
    Redirect,
}

/// An operation that can follow an answer, with what it takes from there.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The name of the operation.
    pub to: &'static str,
    /// Fields or parameters of that operation, each with its source: `/id` is a member of the answer, `path.id` of the request.
    pub takes: &'static [(&'static str, &'static str)],
}

impl Link {
    pub const fn new(to: &'static str, takes: &'static [(&'static str, &'static str)]) -> Self {
        Self { to, takes }
    }
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub text: &'static str,
    pub content: Content,
    /// The only path that has the answer. `None` is every path without an answer of its own.
    pub at: Option<&'static str>,
    /// The forms of the request that may get the answer. Empty: all.
    pub forms: &'static [&'static str],
    /// What can follow.
    pub links: Vec<Link>,
}

/// What an operation reads and answers, in addition to what follows from its routes and its access.
#[derive(Debug, Clone, Default)]
pub struct Contract {
    pub body: Body,
    pub query: Form,
    pub answers: Vec<Answer>,
    /// The errors of the operation's own rules.
    pub errors: Vec<Error>,
}

impl Contract {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a form of the JSON object in the body.
    #[must_use]
    pub fn json(mut self, form: Form) -> Self {
        match &mut self.body {
            Body::Json(forms) => forms.push(form),
            other => *other = Body::Json(vec![form]),
        }
        self
    }

    #[must_use]
    pub fn form(self, form: Form) -> Self {
        Self { body: Body::Form(form), ..self }
    }

    #[must_use]
    pub fn message(self, form: Form) -> Self {
        Self { body: Body::Message(form), ..self }
    }

    #[must_use]
    pub fn query(self, query: Form) -> Self {
        Self { query, ..self }
    }

    fn with(mut self, status: u16, text: &'static str, content: Content) -> Self {
        self.answers.push(Answer { status, text, content, at: None, forms: &[], links: Vec::new() });
        self
    }

    /// Adds an answer of JSON with this schema.
    #[must_use]
    pub fn answers(self, status: u16, text: &'static str, schema: Value) -> Self {
        self.with(status, text, Content::Json(schema))
    }

    /// Adds an answer without a body.
    #[must_use]
    pub fn empty(self, status: u16, text: &'static str) -> Self {
        self.with(status, text, Content::Nothing)
    }

    #[must_use]
    pub fn redirects(self, status: u16, text: &'static str) -> Self {
        self.with(status, text, Content::Redirect)
    }

    #[must_use]
    pub fn page(self, status: u16, text: &'static str) -> Self {
        self.with(status, text, Content::Page)
    }

    /// Adds an answer with a file of the pages.
    #[must_use]
    pub fn file(self, status: u16, text: &'static str) -> Self {
        self.with(status, text, Content::File)
    }

    /// Limits the last answer to one path. This path then has no answer that is not limited to it.
    #[must_use]
    pub fn at(mut self, path: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.at = Some(path);
        }
        self
    }

    /// Limits the last answer to requests in these forms, by their names. Requests in other forms never get it.
    #[must_use]
    pub fn only_to(mut self, forms: &'static [&'static str]) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.forms = forms;
        }
        self
    }

    /// Adds operations that can follow the last answer.
    #[must_use]
    pub fn then(mut self, links: impl IntoIterator<Item = Link>) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.links.extend(links);
        }
        self
    }

    #[must_use]
    pub fn errors(mut self, errors: impl IntoIterator<Item = Error>) -> Self {
        self.errors.extend(errors);
        self
    }
}
