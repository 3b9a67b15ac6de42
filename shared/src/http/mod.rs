//! Requests and answers in the format of API Gateway's HTTP APIs (payload 2.0).

mod cookies;
mod oauth;
mod parameters;
mod problem;
pub mod rendered_page;
mod request;
mod response;

pub use ::http::{Method, StatusCode};
pub use cookies::Cookie;
pub use parameters::Parameters;
pub use request::{Arrival, Client, Request, sent_origin_secret};
pub use response::{AnswerContext, Response};
