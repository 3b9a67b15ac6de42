//! A login that waits for its second factor.

use crate::{
    crypto::{field::Field, key::KeyPurpose},
    domain::challenge::ChallengeKind,
    error::Error,
    store::{Item, Payload, challenges::field},
};

/// The data that a login keeps between its factors.
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// The account's session epoch at the first factor. Ending all sessions also ends this login.
    pub session_epoch: i64,
    /// The account's password epoch at the first factor. A new password also ends this login.
    pub password_epoch: i64,
    /// The methods of the first factor (RFC 8176).
    pub amr: Vec<String>,
    /// [`SecondFactor::OPTIONS`].
    pub options: String,
    /// The id of the passkey that proved the first factor. It was not verified, so it counted as one.
    pub passkey: Option<String>,
    /// Whether the first factor has already alerted the owner.
    pub alerted: bool,
    /// The hash of the mailed code (a PHC string), if a mailed code replaces the second factor.
    pub code: Option<String>,
    /// The identity that the login links at its end.
    pub link: Option<Box<PendingLink>>,
}

/// An identity that proved the first factor by its verified address. Nothing opens its account before the second factor, so it is not
/// linked before that either.
#[derive(Debug, Clone)]
pub struct PendingLink {
    /// The id of the provider.
    pub provider: String,
    /// The provider's name for people.
    pub provider_name: String,
    /// The lookup hash of issuer and subject.
    pub hash: String,
    /// `StoredIdentity::NAME`, encrypted for the identity's own item.
    pub name: Option<String>,
    /// `StoredIdentity::EMAIL`, encrypted for the identity's own item.
    pub email: Option<String>,
    /// The lookup hash of the account's address, which the provider verified.
    pub email_hash: String,
}

impl PendingLink {
    fn write(&self, item: Item) -> Item {
        item.with_text("identity_provider", &self.provider)
            .with_text("identity_provider_name", &self.provider_name)
            .with_text("identity_hash", &self.hash)
            .with_text_if("identity_name", self.name.as_deref())
            .with_text_if("identity_email", self.email.as_deref())
            .with_text("identity_email_hash", &self.email_hash)
    }

    fn read(item: &Item) -> Result<Option<Self>, Error> {
        let Some(provider) = item.optional_text("identity_provider") else { return Ok(None) };
        Ok(Some(Self {
            provider,
            provider_name: item.text("identity_provider_name")?,
            hash: item.text("identity_hash")?,
            name: item.optional_text("identity_name"),
            email: item.optional_text("identity_email"),
            email_hash: item.text("identity_email_hash")?,
        }))
    }
}

impl SecondFactor {
    /// The session options of the first request, as JSON.
    pub const OPTIONS: Field = field("options", KeyPurpose::FieldSession);
}

impl Payload for SecondFactor {
    const KIND: ChallengeKind = ChallengeKind::SecondFactor;

    fn write(&self, item: Item) -> Item {
        let item = item
            .with_number("session_epoch", self.session_epoch)
            .with_number("password_epoch", self.password_epoch)
            .with_texts("amr", &self.amr)
            .with_text("options", &self.options)
            .with_text_if("passkey", self.passkey.as_deref())
            .with_bool("alerted", self.alerted)
            .with_text_if("mailed_code", self.code.as_deref());
        match &self.link {
            Some(link) => link.write(item),
            None => item,
        }
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self {
            session_epoch: item.number("session_epoch")?,
            password_epoch: item.optional_number("password_epoch").unwrap_or_default(),
            amr: item.texts("amr"),
            options: item.text("options")?,
            passkey: item.optional_text("passkey"),
            alerted: item.flag("alerted"),
            code: item.optional_text("mailed_code"),
            link: PendingLink::read(item)?.map(Box::new),
        })
    }
}
