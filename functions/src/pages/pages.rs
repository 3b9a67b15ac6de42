//! The hosted pages and the files that they load. The pages use the API as any page of this host may, with the session in cookies. So
//! this function needs no table and no key.

use shared::{
    context::Context,
    domain::{continue_path::ContinuePath, language::Language},
    error::Error,
    fields::schema,
    http::{Cookie, Request, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
};

use super::{
    assets,
    page::{Page, View},
    policy::Widget,
    pseudo_locale,
};

pub const OPERATION: Operation = Operation::http("pages", |context| Box::pin(handle(context)))
    .summary("serves the hosted pages, and the scripts and the style that they load")
    .routes(&[
        Route::new("GET", "/"),
        Route::new("HEAD", "/"),
        Route::new("GET", "/login"),
        Route::new("HEAD", "/login"),
        Route::new("GET", "/login/email"),
        Route::new("HEAD", "/login/email"),
        Route::new("GET", "/login/mfa"),
        Route::new("HEAD", "/login/mfa"),
        Route::new("GET", "/register"),
        Route::new("HEAD", "/register"),
        Route::new("GET", "/verify-email"),
        Route::new("HEAD", "/verify-email"),
        Route::new("GET", "/verify-email-notice"),
        Route::new("HEAD", "/verify-email-notice"),
        Route::new("GET", "/forgot-password"),
        Route::new("HEAD", "/forgot-password"),
        Route::new("GET", "/reset-password"),
        Route::new("HEAD", "/reset-password"),
        Route::new("GET", "/login-disown"),
        Route::new("HEAD", "/login-disown"),
        Route::new("GET", "/email-change-undo"),
        Route::new("HEAD", "/email-change-undo"),
        Route::new("GET", "/account"),
        Route::new("HEAD", "/account"),
        Route::new("GET", "/account/{proxy+}"),
        Route::new("HEAD", "/account/{proxy+}"),
        Route::new("GET", "/assets/{proxy+}"),
        Route::new("HEAD", "/assets/{proxy+}"),
    ])
    .contract(contract);

fn contract() -> Contract {
    let query = schema::Form::new("")
        .optional::<ContinuePath>("continue", "Where the browser goes afterwards.")
        .optional::<String>("ui_locales", "The languages that the reader prefers, separated by spaces.")
        .example("de-CH fr");
    Contract::new()
        .query(query)
        .page(200, "The page.")
        .redirects(302, "To the account's page.")
        .at("/")
        .file(200, "A script or the style of the pages.")
        .at("/assets/{proxy+}")
        .page(400, "`continue` leads to another host.")
        .page(404, "There is no such page.")
        .errors([Error::NotFound])
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let brand = &app.config.brand;
    if let Some(path) = request.path.strip_prefix("/assets/") {
        let asset = assets::serve(path, brand).ok_or(Error::NotFound)?;
        return Ok(asset.compressed_for(request));
    }
    if request.path == "/" {
        return Ok(Response::empty(StatusCode::OK).redirecting(StatusCode::FOUND, "/account"));
    }
    let (page, status) = page(request);
    let view = View {
        language: language(request),
        product: &app.config.product_name,
        brand,
        has_session: request.has_cookie(Cookie::Session),
        widget: Widget::of(&app.config),
    };
    let mut answer = page.render(&view)?.compressed_for(request);
    if !page.opens_in_popups {
        answer = answer.without_opener();
    }
    answer.status = status;
    answer.code = match status {
        StatusCode::NOT_FOUND => Some("not_found"),
        StatusCode::BAD_REQUEST => Some("invalid_request"),
        _ => None,
    };
    Ok(answer)
}

/// The page of a path. A link that leads to another host afterwards gets a page that says so.
fn page(request: &Request) -> (Page, StatusCode) {
    let mut query = request.query();
    // The page reads the other parameters. It also checks this one again, because it leaves to that path.
    let leads_here = !query.has("continue") || query.optional::<ContinuePath>("continue").is_some();
    if !leads_here || request.repeats_in_query("continue") {
        return (Page::WRONG_CONTINUE, StatusCode::BAD_REQUEST);
    }
    match Page::at(&request.path) {
        Some(page) => (page, StatusCode::OK),
        None => (Page::NOT_FOUND, StatusCode::NOT_FOUND),
    }
}

fn language(request: &Request) -> Language {
    if pseudo_locale::is_asked(request) {
        return pseudo_locale::LANGUAGE;
    }
    let mut query = request.query();
    let ui_locales: Option<String> = query.optional("ui_locales");
    let continues: Option<ContinuePath> = query.optional("continue");
    request.language_of_page(ui_locales.as_deref(), continues.as_ref().map(ContinuePath::as_str)).unwrap_or_default()
}
