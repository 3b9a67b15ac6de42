//! `GET /v1/providers/{provider}/start`: takes a browser to a sign-in provider. The answer of the provider logs in, and never links an
//! identity, so a foreign page that opens this address changes no account.

use serde_json::{Value, json};
use shared::{
    context::Context,
    crypto::{device_token::DeviceToken, key::KeyPurpose},
    domain::{
        continue_path::ContinuePath,
        limits::{LOGIN_BY_DEVICE, PROVIDER_START_BY_NETWORK},
        session::{OpaqueText, SessionOptions, Transport},
    },
    error::Error,
    fields::{
        FromJson,
        schema::{self, Described},
    },
    http::{Cookie, Request, Response, StatusCode},
    operation::{Operation, Route, contract::Contract},
    providers::{Freshness, Prompt},
};

use super::refusal::{login_page, of_failure};
use crate::auth::{
    limits::Network,
    provider_request::{self, Purpose},
};

pub const OPERATION: Operation = Operation::http("provider-start", |context| Box::pin(handle(context)))
    .summary("takes a browser to a sign-in provider")
    .routes(&[Route::new("GET", "/v1/providers/{provider}/start")])
    .keys(&[KeyPurpose::Index, KeyPurpose::Providers, KeyPurpose::FieldSession])
    .limits(&[PROVIDER_START_BY_NETWORK, LOGIN_BY_DEVICE])
    .contract(contract);

fn contract() -> Contract {
    let query = schema::Form::new("")
        .optional::<ContinuePath>("continue", "Where the browser goes afterwards. By default `/account`.")
        .optional::<Flag>("remember_me", "Whether the session gets the longer lifetime.")
        .optional::<SentPrompt>("prompt", "Is taken to the provider.")
        .optional::<Seconds>("max_age", "Is taken to the provider: the longest time since the user gave credentials.");
    Contract::new().query(query).redirects(302, "To the provider.").errors([Error::NotFound])
}

/// The longest `max_age`, in seconds: a year.
const MAX_AGE: i64 = 366 * 86_400;

struct Form {
    continue_path: ContinuePath,
    remember_me: bool,
    freshness: Freshness,
}

/// `true` or `false` in a query.
struct Flag(bool);

impl FromJson for Flag {
    fn from_json(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("true") => Ok(Self(true)),
            Some("false") => Ok(Self(false)),
            _ => Err("must be true or false".to_owned()),
        }
    }
}

impl Described for Flag {
    fn schema() -> Value {
        json!({ "type": "boolean", "examples": [true] })
    }
}

/// `prompt`, as far as it is taken to the provider.
struct SentPrompt(Prompt);

impl FromJson for SentPrompt {
    fn from_json(value: Value) -> Result<Self, String> {
        let known = Prompt::ALL.into_iter().find(|prompt| value == prompt.as_str());
        known.map(Self).ok_or_else(|| "must be login or select_account".to_owned())
    }
}

impl Described for SentPrompt {
    fn schema() -> Value {
        json!({ "type": "string", "enum": Prompt::ALL.map(Prompt::as_str), "examples": ["login"] })
    }
}

struct Seconds(i64);

impl FromJson for Seconds {
    fn from_json(value: Value) -> Result<Self, String> {
        let digits = value.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        // A longer one asks for nothing.
        let seconds = digits.and_then(|text| text.parse::<i64>().ok()).map(|seconds| seconds.min(MAX_AGE));
        seconds.map(Self).ok_or_else(|| "must be a whole number of seconds".to_owned())
    }
}

impl Described for Seconds {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "examples": [3600] })
    }
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut query = request.query();
        let continue_path = query.optional("continue").unwrap_or_else(ContinuePath::account);
        let remember_me = query.optional("remember_me").is_some_and(|Flag(remember_me)| remember_me);
        let prompt = query.optional("prompt").map(|SentPrompt(prompt)| prompt);
        let max_age = query.optional("max_age").map(|Seconds(seconds)| seconds);
        query.finish(|| Some(Self { continue_path, remember_me, freshness: Freshness { prompt, max_age } }))
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app, request } = context;
    let form = Form::parse(request)?;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let presented = request.cookie(Cookie::Device).and_then(|token| DeviceToken::parse(&index, token));
    let network = Network::of(&index, request);
    network.count_login(app, &index, presented.as_ref(), PROVIDER_START_BY_NETWORK).await?;
    let provider = &provider_request::find(context).await?;
    // A provider that posts its answer posts it from another site, so that browsers leave the device's cookie out then.
    let device = request.cookie(Cookie::Device).filter(|_| presented.is_some());
    let options = SessionOptions {
        transport: Transport::Cookie,
        remember_me: form.remember_me,
        device_token: device.map(|token| OpaqueText(token.to_owned())),
        ..SessionOptions::default()
    };
    let prepared =
        provider_request::prepare(context, provider, Purpose::LogIn, &form.continue_path, options, form.freshness);
    let to = |location: &str| Response::empty(StatusCode::FOUND).redirecting(StatusCode::FOUND, location);
    match prepared.await? {
        Ok(prepared) => {
            prepared.save(&app.store).await?;
            // A new login ends the one that waits for its second factor. The cookie is cleared even if the request did not send it:
            // browsers leave it out where a page of another site began the redirects.
            Ok(to(&prepared.url).with_cookie(prepared.cookie).with_cookie(Cookie::Mfa.clear()))
        }
        Err(failure) => {
            failure.log(OPERATION.name, &request.request_id, &provider.id);
            Ok(to(&login_page(of_failure(&failure), &form.continue_path)))
        }
    }
}
