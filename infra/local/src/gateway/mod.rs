//! API Gateway's HTTP API: it turns an HTTP request into a function's event, and the result into a response.

mod api;
mod cors;
mod event;
mod percent;
mod response;
mod routes;
pub(crate) mod sigv4;

pub(crate) use api::{Api, MAX_BODY_BYTES};
pub(crate) use percent::percent_decoded;
pub(crate) use response::own_response;
pub(crate) use routes::{Router, route_key};
