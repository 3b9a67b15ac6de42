//! A request with the App that answers it.

use crate::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        geo_location::GeoLocation,
        limits::Limit,
        network,
    },
    error::Error,
    http::{Parameters, Request, rendered_page::Reader},
    store::AuditEvent,
    user_cipher::UserCipher,
};

#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub app: &'a App,
    pub request: &'a Request,
}

impl<'a> Context<'a> {
    /// The user for whom a page is rendered.
    pub fn reader(&self) -> Reader<'a> {
        let message = Parameters::parse(self.request.oauth_message().unwrap_or_default());
        Reader {
            language: self.request.language_of_page(message.get("ui_locales"), None).unwrap_or_default(),
            product: &self.app.config.product_name,
            brand: &self.app.config.brand,
        }
    }

    /// The client's geo location, if it is known.
    pub fn location(&self) -> Option<GeoLocation> {
        let client = &self.request.client;
        client.location.clone().or_else(|| self.app.geo.locate(client.ip))
    }

    /// An audit event of a user for this request, at the current time. `method` is the factor or means.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub async fn event(
        &self,
        cipher: &UserCipher<'_>,
        action: Action,
        outcome: Outcome,
        method: &'static str,
    ) -> Result<AuditEvent, Error> {
        let (at, client) = (self.app.clock.now(), &self.request.client);
        let pseudonym = cipher.pseudonym().await?;
        let id = AuditEvent::id(at, self.app.rng.bytes());
        let key = AuditEvent::key(&pseudonym, &id);
        let fields = cipher.item(&key);
        Ok(AuditEvent {
            ip: Some(fields.seal(AuditEvent::IP, &client.ip.to_string()).await?),
            ip_truncated: Some(network::truncated(client.ip)),
            user_agent: Some(fields.seal(AuditEvent::USER_AGENT, &client.user_agent).await?),
            location: fields.seal_json_some(AuditEvent::LOCATION, self.location().as_ref()).await?,
            kept_until: self.app.audited_until(at),
            pseudonym,
            id,
            at,
            action,
            outcome,
            method,
        })
    }

    /// Records a refusal as an audit event and returns the error.
    ///
    /// # Errors
    /// `error`; `temporarily_unavailable` if the event cannot be recorded.
    pub async fn refuse<T>(
        &self,
        cipher: &UserCipher<'_>,
        action: Action,
        method: &'static str,
        error: Error,
    ) -> Result<T, Error> {
        let event = self.event(cipher, action, Outcome::Failure(error.code()), method).await?;
        self.app.store.record_event(&event).await?;
        Err(error)
    }

    /// Records a refusal as an audit event unless too many were recorded, and returns the error. For requests that nothing else
    /// limits, so that nobody can flood the audit log. `counted_by` is the key of the limit.
    ///
    /// # Errors
    /// As [`Context::refuse`].
    pub async fn refuse_limited<T>(
        &self,
        cipher: &UserCipher<'_>,
        (action, method): (Action, &'static str),
        error: Error,
        (limit, counted_by): (Limit, &str),
    ) -> Result<T, Error> {
        let app = self.app;
        if app.store.count_if_below(app.config.limit(limit), counted_by, app.clock.now()).await? {
            return self.refuse(cipher, action, method, error).await;
        }
        Err(error)
    }
}
