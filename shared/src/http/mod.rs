//! HTTP as API Gateway's HTTP API hands it over (payload 2.0): requests, their fields, answers.

mod cookies;
mod fields;
mod request;
mod response;

pub use ::http::{Method, StatusCode};
pub use cookies::Cookie;
pub use fields::{Fields, FromJson};
pub use request::{Client, Request};
pub use response::{AnswerContext, Response};
