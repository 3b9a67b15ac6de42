//! Captchas: which requests need one, and the check of their answers.
//!
//! A route takes the field with [`take`] and builds a [`Captcha`]. After its validation it calls [`Captcha::require`], or
//! [`Captcha::admit`], which counts the request too. After its limits, and before it compares or sends anything, it calls
//! [`Captcha::verify`]. `login` does not call `require`, because it asks after failures.

use shared::{
    context::Context,
    crypto::{
        altcha,
        device_token::DeviceToken,
        key::{KeyPurpose, KeySet},
        secret::Token,
    },
    domain::{
        captcha::{CAPTCHA_SECONDS, CaptchaMode, CaptchaProvider, cost_after_failures},
        limits::{
            CAPTCHA_DOWN_BY_NETWORK, CAPTCHA_FAILURES_BY_IDENTIFIER, CAPTCHA_FAILURES_BY_NETWORK,
            CAPTCHA_FREE_BY_NETWORK, CAPTCHA_REQUIRED_BY_NETWORK, Limit,
        },
        network::SITE_FACTOR,
        session::SessionOptions,
    },
    error::Error,
    fields::{Fields, schema},
};

use crate::auth::{
    limits::{self, Network},
    session::device,
    siteverify::{self, Verdict},
};

/// Takes the answer of a request. An empty one is absent.
pub(crate) fn take(fields: &mut Fields) -> Option<String> {
    fields.optional("captcha")
}

/// A request's form with the field of [`take`].
pub(crate) fn described(form: schema::Form) -> schema::Form {
    form.optional::<String>("captcha", "The answer to a captcha. `captchaChallenge` returns one.")
        .example("eyJhbGciOi4uLn0=")
}

/// The errors of a request that needs the answer to a captcha.
pub(crate) const ERRORS: [Error; 2] = [Error::CaptchaRequired, Error::CaptchaFailed];

/// The captcha of a request.
#[derive(Clone, Copy)]
pub(crate) struct Captcha<'a> {
    pub(crate) context: Context<'a>,
    pub(crate) index: &'a KeySet,
    pub(crate) network: &'a Network,
    /// The name of the route, of letters and underscores. Free requests are counted by it, and providers that know actions must
    /// name it.
    pub(crate) action: &'static str,
    pub(crate) answer: Option<&'a str>,
    /// The lookup hash of the address that the request is about, if it is about one. Only its owner's devices need no captcha then,
    /// because anybody can have a device of some account.
    pub(crate) address: Option<&'a str>,
}

impl Captcha<'_> {
    /// Refuses a request without an answer, if it needs one: with `failures` every request of a network after its first in an hour,
    /// except those of recognised devices. The request is counted before any limit of its route.
    ///
    /// # Errors
    /// `captcha_required`; `rate_limited` if the network sends too many such requests; `temporarily_unavailable`.
    pub(crate) async fn require(&self, options: &SessionOptions) -> Result<(), Error> {
        let app = self.context.app;
        self.require_always().await?;
        if app.config.captcha != CaptchaMode::Failures
            || self.count_free().await?
            || self.answer.is_some()
            || self.is_recognised(options).await?
        {
            return Ok(());
        }
        self.refuse().await
    }

    /// Whether the request comes from a recognised device, of the address's owner if it is about one.
    async fn is_recognised(&self, options: &SessionOptions) -> Result<bool, Error> {
        let Context { app, request } = self.context;
        let device = device::recognised(app, self.index, request, options);
        let Some(hash) = self.address else { return Ok(device.await?.is_some()) };
        let owner = app.store.email_owner(hash, app.clock.now());
        let (device, owner) = futures::future::try_join(device, owner).await?;
        Ok(device.zip(owner).is_some_and(|(device, owner)| device.user_id == owner))
    }

    /// As [`Captcha::require`], and counts the request meanwhile: by the presented device token, otherwise by network. The count of
    /// a network is refunded if the request lacks a captcha.
    ///
    /// # Errors
    /// As [`Captcha::require`]; `rate_limited`.
    pub(crate) async fn admit(
        &self,
        options: &SessionOptions,
        limit: Limit,
        presented: Option<&DeviceToken>,
    ) -> Result<(), Error> {
        let (app, now) = (self.context.app, self.context.app.clock.now());
        self.require_always().await?; // nothing is read for it
        let count = async {
            match presented {
                Some(token) => limits::count_device(app, self.index, token).await,
                None => self.network.count_at(app, limit, now).await,
            }
        };
        let (admitted, counted) = futures::future::join(self.require(options), count).await;
        if admitted.is_err() && counted.is_ok() && presented.is_none() {
            self.network.refund(app, limit, now).await?;
        }
        admitted.and(counted)
    }

    /// Refuses a request without an answer, if every request needs one.
    ///
    /// # Errors
    /// As [`Captcha::require`].
    pub(crate) async fn require_always(&self) -> Result<(), Error> {
        let needed = self.context.app.config.captcha == CaptchaMode::Always && self.answer.is_none();
        if needed { self.refuse().await } else { Ok(()) }
    }

    /// Whether a login needs an answer and has none: with `failures` after failed logins of its network or identifier. It only reads, so
    /// parallel logins can exceed the threshold, up to their limit.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(crate) async fn is_missing_after_failures(&self, identifier_hash: &str) -> Result<bool, Error> {
        let app = self.context.app;
        if app.config.captcha != CaptchaMode::Failures || self.answer.is_some() {
            return Ok(false);
        }
        Ok(failures_over_threshold(self.context, self.network, Some(identifier_hash)).await? >= 0)
    }

    /// Counts a failed login by its network and its identifier, known or not.
    ///
    /// # Errors
    /// `rate_limited` if DynamoDB throttles a counter; `temporarily_unavailable`.
    pub(crate) async fn count_failure(&self, identifier_hash: &str) -> Result<(), Error> {
        let app = self.context.app;
        if app.config.captcha == CaptchaMode::Never {
            return Ok(());
        }
        let now = app.clock.now();
        // Beyond the threshold too, because the cost grows with each.
        let counts = watched(self.context, self.network, Some(identifier_hash))
            .into_iter()
            .map(async |(limit, key)| app.store.count_event(Limit { limit: i64::MAX, ..limit }, key, now).await);
        futures::future::try_join_all(counts).await?;
        Ok(())
    }

    /// Refuses a request without an answer. It counts against a limit of its own alone.
    ///
    /// # Errors
    /// `captcha_required`; `rate_limited` over the limit; `temporarily_unavailable`.
    pub(crate) async fn refuse(&self) -> Result<(), Error> {
        self.network.count(self.context.app, CAPTCHA_REQUIRED_BY_NETWORK).await?;
        Err(Error::CaptchaRequired)
    }

    /// Checks the answer, if there is one, and uses it up if it is right.
    ///
    /// # Errors
    /// `captcha_failed`, and nothing is written; `rate_limited` if the provider does not answer and the network asks often;
    /// `temporarily_unavailable`.
    pub(crate) async fn verify(&self) -> Result<(), Error> {
        let config = &self.context.app.config;
        match self.answer {
            Some(answer) if config.captcha != CaptchaMode::Never => match config.captcha_provider {
                CaptchaProvider::Altcha => self.verify_work(answer).await,
                provider => self.ask(provider, answer).await,
            },
            _ => Ok(()),
        }
    }

    async fn verify_work(&self, answer: &str) -> Result<(), Error> {
        let app = self.context.app;
        let keys = app.keyring.get(KeyPurpose::Captcha).await?;
        let solved = altcha::verify(&keys, answer, app.clock.now()).ok_or(Error::CaptchaFailed)?;
        let request = Token::random(&*app.rng).encode();
        let is_unused = app.store.use_captcha(&solved.challenge, solved.expires_at, &request).await?;
        if is_unused { Ok(()) } else { Err(Error::CaptchaFailed) }
    }

    async fn ask(&self, provider: CaptchaProvider, answer: &str) -> Result<(), Error> {
        match siteverify::verify(self.context, provider, self.action, answer).await? {
            Verdict::Right => Ok(()),
            Verdict::Wrong => Err(Error::CaptchaFailed),
            Verdict::Unknown(why) => {
                tracing::warn!(
                    provider = provider.as_str(),
                    request_id = self.context.request.request_id,
                    why,
                    "a captcha could not be checked, so a stricter limit holds"
                );
                self.network.count(self.context.app, CAPTCHA_DOWN_BY_NETWORK).await
            }
        }
    }

    /// Counts a request that needs no captcha. Returns whether it was one of those.
    async fn count_free(&self) -> Result<bool, Error> {
        let app = self.context.app;
        let (limit, now) = (app.config.limit(CAPTCHA_FREE_BY_NETWORK), app.clock.now());
        let (hash, site) = self.network.hashes();
        let key = |hash: &str| format!("{hash}#{}", self.action);
        if !app.store.count_event(limit, &key(hash), now).await? {
            return Ok(false);
        }
        match site {
            Some(site) => {
                let limit = Limit { limit: limit.limit * SITE_FACTOR, ..limit };
                app.store.count_event(limit, &key(site), now).await
            }
            None => Ok(true),
        }
    }
}

/// What failed logins are counted by, each with its threshold.
fn watched<'a>(context: Context<'_>, network: &'a Network, identifier_hash: Option<&'a str>) -> Vec<(Limit, &'a str)> {
    let limit = |limit| context.app.config.limit(limit);
    let by_network = limit(CAPTCHA_FAILURES_BY_NETWORK);
    let by_site = Limit { limit: by_network.limit * SITE_FACTOR, ..by_network };
    let (hash, site) = network.hashes();
    let by_identifier = identifier_hash.map(|hash| (limit(CAPTCHA_FAILURES_BY_IDENTIFIER), hash));
    [Some((by_network, hash)), site.map(|site| (by_site, site)), by_identifier].into_iter().flatten().collect()
}

/// The failed logins over the threshold, negative below it: the most over network and identifier.
async fn failures_over_threshold(
    context: Context<'_>,
    network: &Network,
    identifier_hash: Option<&str>,
) -> Result<i64, Error> {
    let watched = watched(context, network, identifier_hash);
    let failures = context.app.store.counted_events(&watched, context.app.clock.now()).await?;
    let over = failures.iter().zip(&watched).map(|(failures, (threshold, _))| failures - threshold.limit);
    Ok(over.max().unwrap_or(i64::MIN))
}

/// A proof of work for the network of a request. Its cost grows with the network's failed logins.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn work(context: Context<'_>) -> Result<altcha::Challenge, Error> {
    let Context { app, request } = context;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let over = failures_over_threshold(context, &Network::of(&index, request), None).await?;
    let cost = cost_after_failures(app.config.captcha_cost, over);
    let keys = app.keyring.get(KeyPurpose::Captcha).await?;
    Ok(altcha::Challenge::new(&keys, cost, app.clock.now().plus_seconds(CAPTCHA_SECONDS), &*app.rng))
}
