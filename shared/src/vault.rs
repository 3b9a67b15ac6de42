//! A user's vault: the purpose keys together with the user's own salt. What is personal goes in and comes out through it.

use std::net::IpAddr;

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{
    app::App,
    crypto::{
        field::{self, Place, UserSalt},
        lookup_hash::{Subject, lookup_hash},
        secret,
    },
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        mail::{Content, Mail},
        network,
    },
    error::Error,
    http::Client,
    keyring::Purpose,
    store::{AuditEvent, StoredMail},
};

/// A user's vault.
pub struct Vault<'a> {
    app: &'a App,
    salt: UserSalt,
}

impl<'a> Vault<'a> {
    /// The vault of the user with that salt.
    pub const fn new(app: &'a App, salt: UserSalt) -> Self {
        Self { app, salt }
    }

    /// A vault for an account that doesn't exist: always the same for what was typed, so that its events lie together and
    /// nothing about them is unlike a real account's.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub async fn of_unknown(app: &'a App, typed: &str) -> Result<(UserId, Self), Error> {
        let index = app.keyring.get(Purpose::Index).await?;
        let hash = crate::crypto::lookup_hash::raw(&index, Subject::UnknownAccount, typed.as_bytes());
        let salt = UserSalt::from_bytes(secret::hmac(&hash, &[b"latchkey/unknown-account/salt"]));
        let id = secret::hmac(&hash, &[b"latchkey/unknown-account/id"]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&id[..16]);
        Ok((UserId::from_bytes(bytes), Self::new(app, salt)))
    }

    /// The user's salt.
    pub const fn salt(&self) -> &UserSalt {
        &self.salt
    }

    /// Encrypts a text for its place.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the purpose's key.
    pub async fn seal(&self, purpose: Purpose, place: Place<'_>, text: &str) -> Result<String, Error> {
        let keys = self.app.keyring.get(purpose).await?;
        field::seal(&keys, Some(&self.salt), purpose, place, text.as_bytes(), &*self.app.rng)
    }

    /// Decrypts what was sealed for the place.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the purpose's key; `internal` where it doesn't open.
    pub async fn open(&self, purpose: Purpose, place: Place<'_>, sealed: &str) -> Result<Zeroizing<String>, Error> {
        let keys = self.app.keyring.get(purpose).await?;
        let text = field::open(&keys, Some(&self.salt), purpose, place, sealed)?;
        let text = std::str::from_utf8(&text).map_err(|_| Error::internal("a field is not text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Encrypts a value, written as JSON, for its place.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub async fn seal_json(&self, purpose: Purpose, place: Place<'_>, value: &impl Serialize) -> Result<String, Error> {
        let text = serde_json::to_string(value).map(Zeroizing::new);
        self.seal(purpose, place, &text.map_err(|_| Error::internal("an unwritable value"))?).await
    }

    /// Decrypts a value that was sealed as JSON for the place.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open_json<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        place: Place<'_>,
        sealed: &str,
    ) -> Result<T, Error> {
        let text = self.open(purpose, place, sealed).await?;
        serde_json::from_str(&text).map_err(|_| Error::internal("a field contains another type of value"))
    }

    /// The look-up hash of a client's address, for deduplication.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub async fn ip_hash(&self, ip: IpAddr) -> Result<String, Error> {
        let index = self.app.keyring.get(Purpose::Index).await?;
        Ok(lookup_hash(&index, Subject::Ip, ip.to_string().as_bytes()))
    }

    /// What the user's events lie under: an HMAC under the user's own key, so that destroying the salt cuts them off.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub async fn pseudonym(&self) -> Result<String, Error> {
        let index = self.app.keyring.get(Purpose::Index).await?;
        let key = field::derive(index.oldest(), Some(&self.salt), "audit pseudonym");
        Ok(secret::Token::from_bytes(*key).encode())
    }

    /// An event of the user's, at the App's present time.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub async fn event(
        &self,
        action: Action,
        outcome: Outcome,
        method: &'static str,
        client: &Client,
    ) -> Result<AuditEvent, Error> {
        let at = self.app.clock.now();
        let pseudonym = self.pseudonym().await?;
        let id = AuditEvent::id(at, self.app.rng.bytes());
        let item = AuditEvent::item_key(&pseudonym, &id);
        Ok(AuditEvent {
            ip: Some(self.seal(Purpose::FieldIp, AuditEvent::place(&item, "ip"), &client.ip.to_string()).await?),
            ip_truncated: Some(network::truncated(client.ip)),
            user_agent: Some(
                self.seal(Purpose::FieldSession, AuditEvent::place(&item, "user_agent"), &client.user_agent).await?,
            ),
            kept_until: at.plus_seconds(self.app.config.audit_retention_days * 86_400),
            pseudonym,
            id,
            at,
            action,
            outcome,
            method,
        })
    }

    /// A mail to the user, good for so many seconds.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the keys.
    pub async fn mail(&self, to: &str, content: Content, good_for_seconds: i64) -> Result<StoredMail, Error> {
        let id = secret::Token::random(&*self.app.rng).encode();
        let (kind, budget) = (content.kind().to_owned(), content.budget());
        let index = self.app.keyring.get(Purpose::Index).await?;
        let mail = Mail { to: to.to_owned(), content };
        let text =
            serde_json::to_string(&mail).map(Zeroizing::new).map_err(|_| Error::internal("an unwritable mail"))?;
        let keys = self.app.keyring.get(Purpose::FieldOutbox).await?;
        let item = StoredMail::item_key(&id);
        let place = StoredMail::place(&item, "payload");
        Ok(StoredMail {
            // Without the user's salt, which `send-email` has no business reading; the item lives for minutes.
            payload: field::seal(&keys, None, Purpose::FieldOutbox, place, text.as_bytes(), &*self.app.rng)?,
            counted_by: lookup_hash(&index, Subject::Email, to.as_bytes()),
            budget,
            pseudonym: self.pseudonym().await?,
            not_after: self.app.clock.now().plus_seconds(good_for_seconds),
            id,
            kind,
        })
    }
}
