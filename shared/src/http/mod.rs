//! HTTP as API Gateway's HTTP API hands it over (payload 2.0): requests, their fields, answers.

mod cookies;
pub mod page;
mod problem;
mod request;
mod response;

pub use ::http::{Method, StatusCode};
pub use cookies::Cookie;
pub use request::{Client, Edge, Request};
pub use response::{AnswerContext, Response};
