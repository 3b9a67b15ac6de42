//! The link in an alert, by which an owner reports a login as not theirs.

use crate::{
    domain::{challenge::ChallengeKind, disowned_login::Enrolment},
    error::Error,
    store::{Item, Payload},
};

/// A login that its owner may disown.
#[derive(Debug, Clone)]
pub struct DisownedLogin {
    /// The login.
    pub login: Enrolment,
    /// The lookup hash of the address that the link was mailed to.
    pub email_hash: Option<String>,
    /// The id of the passkey that logged in. The owner disowns it with the login.
    pub passkey: Option<String>,
}

impl Payload for DisownedLogin {
    const KIND: ChallengeKind = ChallengeKind::DisownedLogin;

    fn write(&self, item: Item) -> Item {
        item.with_time("login_at", self.login.at)
            .with_number("device_epoch", self.login.device_epoch)
            .with_text_if("email_hash", self.email_hash.as_deref())
            .with_text_if("passkey", self.passkey.as_deref())
    }

    fn read(item: &Item) -> Result<Self, Error> {
        let login = Enrolment { at: item.time("login_at")?, device_epoch: item.number("device_epoch")? };
        Ok(Self { login, email_hash: item.optional_text("email_hash"), passkey: item.optional_text("passkey") })
    }
}
