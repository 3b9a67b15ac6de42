//! `keys-rotate`: creates missing purpose keys, and reads the secrets that parameters name. A CloudFormation custom resource
//! runs it at deployment, so that the first request finds its keys. The schedule runs it daily.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    app::App,
    crypto::{
        key::KeyPurpose,
        secret::{Secret, unkeyed_hash},
    },
    custom_resource,
    domain::provider::{ClientSecret, Providers},
    error::Error,
    operation::Operation,
    providers,
    store::OriginSecret,
};

/// The longest name of a stack. The names of its roles then begin with it.
const MAX_STACK_NAME: usize = 24;

/// The waits of a deployment that is denied, in seconds.
const WAITS: [u64; 4] = [1, 2, 4, 8];

/// The shortest origin secret. Twenty random characters cannot be found by trying.
const MIN_ORIGIN_SECRET: usize = 20;

pub const OPERATION: Operation = Operation::event("keys-rotate", |app, event| Box::pin(handle(app, event)))
    .summary("creates missing keys; reads the secrets that parameters name")
    .trigger("schedule, daily, and at deployment")
    .custom_resource();

async fn handle(app: &App, event: Value) -> Result<Value, Error> {
    if !custom_resource::is_request(&event) {
        let made = make_missing(app).await?;
        read_origin_secret(app).await?;
        read_captcha_secret(app).await?;
        read_providers(app).await?;
        return Ok(json!({ "made": made }));
    }
    // CloudFormation waits for an answer, so it gets one in every case. Delete does nothing, because the table with the
    // keys is kept.
    let done = match event["RequestType"].as_str() {
        Some("Delete") => Ok(()),
        _ => deploy_with_patience(app, &event).await,
    };
    if let Err(error) = &done {
        error.log(OPERATION.name, "deployment");
    }
    custom_resource::answer(app.http_client()?, &event, done.map_err(|error| error.to_string())).await
}

/// New rights take seconds to reach all of AWS. So a deployment tries again when it is denied.
async fn deploy_with_patience(app: &App, event: &Value) -> Result<(), Error> {
    for seconds in WAITS {
        match deploy(app, event).await {
            Err(Error::TemporarilyUnavailable(what)) if what.ends_with("AccessDeniedException") => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            done => return done,
        }
    }
    deploy(app, event).await
}

async fn deploy(app: &App, event: &Value) -> Result<(), Error> {
    if custom_resource::stack_name(event).len() > MAX_STACK_NAME {
        return Err(Error::internal(
            "the stack's name must have at most 24 characters, because the key's policy names its roles",
        ));
    }
    make_missing(app).await?;
    // A rollback is an update to the old parameters. It must succeed, even if a secret cannot be read any more.
    if let Err(error) = read_origin_secret(app).await {
        let known = app.store.keyring().await?.origin_secrets;
        accept_known(error, app.config.origin_secret.as_ref(), known.iter().map(|secret| &secret.name))?;
    }
    if let Err(error) = read_captcha_secret(app).await {
        let known = app.store.keyring().await?.captcha_secrets;
        accept_known(error, app.config.captcha_secret.as_ref(), known.iter().map(|secret| &secret.name))?;
    }
    if let Err(error) = read_providers(app).await {
        let known = app.store.keyring().await?.providers;
        accept_known(error, app.config.providers.as_ref(), known.iter().map(|providers| &providers.name))?;
    }
    // Last, because a failed deployment must not change the issuer.
    if let Some(url) = event.pointer("/ResourceProperties/PublicUrl").and_then(Value::as_str) {
        app.store.put_deployment(url.trim_end_matches('/')).await?;
    }
    Ok(())
}

/// Logs that a secret could not be read, if an earlier value of it is known.
fn accept_known<'a>(
    error: Error,
    name: Option<&String>,
    mut known: impl Iterator<Item = &'a String>,
) -> Result<(), Error> {
    if !known.any(|known| Some(known) == name) {
        return Err(error);
    }
    error.log(OPERATION.name, "deployment");
    Ok(())
}

/// Stores the secret of the captcha provider in the keyring, encrypted. So no other function may read Secrets Manager, and no
/// request waits for it.
async fn read_captcha_secret(app: &App) -> Result<(), Error> {
    let Some(name) = &app.config.captcha_secret else { return Ok(()) };
    let value = app.secrets.current("CaptchaSecret", name).await?;
    if !value.expose().bytes().all(|byte| byte.is_ascii_graphic()) || value.expose().is_empty() {
        return Err(Error::internal("CaptchaSecret: the secret must have visible ASCII characters only"));
    }
    let sealed = app.keyring.seal_captcha_secret(name, &value, &*app.rng).await?;
    app.store.put_captcha_secret(&sealed).await
}

/// Stores the configuration of the sign-in providers in the keyring, encrypted, and their names, which every client may read. No
/// provider is asked, so one that is down keeps nothing from starting.
async fn read_providers(app: &App) -> Result<(), Error> {
    let Some(name) = &app.config.providers else { return Ok(()) };
    let document = app.secrets.current_in_any_store("Providers", name).await?;
    let wrong = |fault: String| Error::internal(format!("Providers: {fault}"));
    let providers = Providers::parse(document.expose(), app.config.provider_hosts()).map_err(wrong)?;
    for provider in providers.iter() {
        if let ClientSecret::Apple(key) = &provider.secret
            && !providers::is_signing_key(key)
        {
            return Err(wrong(format!("{}: private_key must be a P-256 key in PEM (PKCS #8)", provider.id)));
        }
    }
    let sealed = app.keyring.seal_providers(name, &document, &providers.listed(), &*app.rng).await?;
    app.store.put_providers(&sealed).await
}

/// Stores hashes of the origin secret's values in the keyring, where every function finds them. So no other function may read
/// the secret, and no request waits for it.
async fn read_origin_secret(app: &App) -> Result<(), Error> {
    let Some(name) = &app.config.origin_secret else { return Ok(()) };
    let versions = app.secrets.versions("OriginSecret", name).await?;
    // Otherwise a reader of the table could find the secret by trying. CloudFront takes header values of visible characters.
    let is_strong = |text: &str| text.len() >= MIN_ORIGIN_SECRET && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !versions.first().is_some_and(|current| is_strong(current.expose())) {
        return Err(Error::internal("OriginSecret: the secret must have 20 or more visible ASCII characters"));
    }
    let strong = versions.iter().map(Secret::expose).filter(|text| is_strong(text));
    let hashes: Vec<String> = strong.map(|text| unkeyed_hash(text.as_bytes())).collect();
    app.store.put_origin_secret(&OriginSecret { name: name.clone(), hashes }).await
}

async fn make_missing(app: &App) -> Result<Vec<&'static str>, Error> {
    let there = app.store.keyring().await?.keys;
    let mut made = Vec::new();
    for purpose in KeyPurpose::ALL {
        let missing = !there.iter().any(|key| key.purpose == purpose.as_str());
        if missing && app.keyring.create_first_version(purpose).await? {
            made.push(purpose.as_str());
        }
    }
    Ok(made)
}
