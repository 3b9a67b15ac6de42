//! `GET /openapi.json`: the OpenAPI document of all routes. It is generated from the list of operations, and part of the binary. So this
//! function needs no table and no key.

use std::sync::LazyLock;

use shared::{
    context::Context,
    crypto::secret::unkeyed_hash,
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

pub const OPERATION: Operation = Operation::http("openapi", |context| Box::pin(handle(context)))
    .summary("returns the OpenAPI document of all routes")
    .routes(&[Route::new("GET", "/openapi.json"), Route::new("HEAD", "/openapi.json")])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .answers(200, "The document.", schema::any_object("An OpenAPI 3.1 document."))
        .empty(304, "The client has the document (`If-None-Match`).")
}

const DOCUMENT: &str = include_str!("../../../infra/openapi.json");

/// The document's entity tag (RFC 9110, section 8.8.3). So a client that has the document asks for it without loading it.
static ENTITY_TAG: LazyLock<String> = LazyLock::new(|| format!("\"{}\"", unkeyed_hash(DOCUMENT.as_bytes())));

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let answer = if has_document(context) {
        Response::empty(StatusCode::NOT_MODIFIED)
    } else {
        Response::json_text(StatusCode::OK, DOCUMENT)
    };
    Ok(answer.cacheable(300).readable_everywhere().with_header("etag", &ENTITY_TAG))
}

/// Whether the client has this document (RFC 9110, section 13.1.2). Caches that compress an answer make the tag weak.
fn has_document(context: Context<'_>) -> bool {
    let known = context.request.headers.get_all("if-none-match").iter().filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == ENTITY_TAG.as_str())
}
