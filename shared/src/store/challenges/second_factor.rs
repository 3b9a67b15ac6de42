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
    /// Whether the first factor has already alerted the owner.
    pub alerted: bool,
    /// The hash of the mailed code (a PHC string), if a mailed code replaces the second factor.
    pub code: Option<String>,
}

impl SecondFactor {
    /// The session options of the first request, as JSON.
    pub const OPTIONS: Field = field("options", KeyPurpose::FieldSession);
}

impl Payload for SecondFactor {
    const KIND: ChallengeKind = ChallengeKind::SecondFactor;

    fn write(&self, item: Item) -> Item {
        item.with_number("session_epoch", self.session_epoch)
            .with_number("password_epoch", self.password_epoch)
            .with_texts("amr", &self.amr)
            .with_text("options", &self.options)
            .with_bool("alerted", self.alerted)
            .with_text_if("mailed_code", self.code.as_deref())
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self {
            session_epoch: item.number("session_epoch")?,
            password_epoch: item.optional_number("password_epoch").unwrap_or_default(),
            amr: item.texts("amr"),
            options: item.text("options")?,
            alerted: item.flag("alerted"),
            code: item.optional_text("mailed_code"),
        })
    }
}
