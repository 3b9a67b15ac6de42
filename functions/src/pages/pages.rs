//! `GET /login` and `GET /login/mfa`: the page to log in. It uses the API as any page of this host may, with the session in cookies.
//! So this function needs no table and no key.

use shared::{
    context::Context,
    domain::continue_path::ContinuePath,
    error::Error,
    fields::schema,
    http::{
        Cookie, Response,
        page::{self, Marker},
    },
    operation::{Operation, Route, contract::Contract},
};

pub const OPERATION: Operation = Operation::http("pages", |context| Box::pin(handle(context)))
    .summary("serves the page to log in, with its second step after a provider")
    .routes(&[
        Route::new("GET", "/login"),
        Route::new("HEAD", "/login"),
        Route::new("GET", "/login/mfa"),
        Route::new("HEAD", "/login/mfa"),
    ])
    .contract(contract);

fn contract() -> Contract {
    let query = schema::Form::new("").optional::<ContinuePath>("continue", "Where the browser goes afterwards.");
    Contract::new().query(query).page(200, "The page.").page(400, "`continue` leads to another host.")
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let request = context.request;
    let mut query = request.query();
    // The page reads the other parameters. It also checks this one again, because it leaves to that path.
    let leads_here = !query.has("continue") || query.optional::<ContinuePath>("continue").is_some();
    if !leads_here || request.repeats_in_query("continue") {
        return Ok(page::wrong_continue());
    }
    let marker = if request.has_cookie(Cookie::Session) { Marker::Present } else { Marker::Absent };
    Ok(page::login(marker))
}
