//! Answers of the authorization endpoint to a client (RFC 6749, section 4.1.2; OAuth 2.0 Form Post Response Mode).

use shared::{
    context::Context,
    domain::oauth::redirect_uri::RedirectUri,
    error::Error,
    fields::form,
    http::{
        Response, StatusCode,
        rendered_page::{self, Form, Texts},
    },
};

/// The longest location of a redirect.
const MAX_LOCATION_BYTES: usize = 8192;

/// How the answer reaches the redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    FormPost,
}

/// An error that a client gets at its redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthorizationError {
    InvalidRequest,
    UnsupportedResponseType,
    RequestNotSupported,
    RequestUriNotSupported,
    LoginRequired,
    InteractionRequired,
}

impl AuthorizationError {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
        }
    }
}

/// Where an answer goes. The redirect URI is one of the client's.
pub(super) struct Destination {
    pub(super) uri: RedirectUri,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
}

impl Destination {
    /// Answers with a code.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the public URL.
    pub(super) async fn code(&self, context: Context<'_>, code: &str, status: StatusCode) -> Result<Response, Error> {
        self.answer(context, ("code", code), status).await
    }

    /// Answers with an error.
    ///
    /// # Errors
    /// As [`Destination::code`].
    pub(super) async fn refuse(&self, context: Context<'_>, error: AuthorizationError) -> Result<Response, Error> {
        self.answer(context, ("error", error.as_str()), StatusCode::FOUND).await
    }

    async fn answer(&self, context: Context<'_>, first: (&str, &str), status: StatusCode) -> Result<Response, Error> {
        let issuer = context.app.public_url().await?;
        let mut parameters = vec![first];
        parameters.extend(self.state.as_deref().map(|state| ("state", state)));
        // RFC 9207: the client learns which server answers.
        parameters.push(("iss", &issuer));
        match self.mode {
            ResponseMode::Query => redirect(&with_query(self.uri.as_str(), &parameters), status),
            ResponseMode::FormPost => {
                let targets = form_target(&self.uri).into_iter().collect::<Vec<_>>();
                let form =
                    Form { action: self.uri.as_str(), fields: &parameters, submits_itself: true, targets: &targets };
                rendered_page::form(context.reader(), Texts::plain("sent_back"), &form)
            }
        }
    }
}

/// A redirect. Never 307, which would repeat a form with its credentials (RFC 9700, section 4.12).
///
/// # Errors
/// `invalid_request` if the location is too long. API Gateway answers with at most 10,240 bytes of headers, and percent-encoding
/// lengthens a request.
pub(super) fn redirect(to: &str, status: StatusCode) -> Result<Response, Error> {
    if to.len() > MAX_LOCATION_BYTES {
        return Err(Error::field("query", "is too long"));
    }
    Ok(Response::empty(status).with_header("location", to))
}

/// A URI with more parameters in its query.
pub(super) fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    if parameters.is_empty() {
        return uri.to_owned();
    }
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{}", form::encode(parameters))
}

/// The source of a policy's `form-action` that allows a redirect URI: its origin, or the scheme of an app.
pub(super) fn form_target(uri: &RedirectUri) -> Option<String> {
    let scheme = || Some(format!("{}:", uri.as_str().split_once(':')?.0));
    // A source that the policy could misread is left out, and the browser then blocks the form.
    uri.origin().or_else(scheme).filter(|source| !source.contains([';', ',', ' ', '\'']))
}
