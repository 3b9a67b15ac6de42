//! The permission to set a new password.

use crate::{
    domain::{challenge::ChallengeKind, disowned_login::Enrolment},
    error::Error,
    store::{Account, Item, Payload},
};

/// A password reset.
#[derive(Debug, Clone)]
pub struct PasswordReset {
    /// The account's device epoch. The challenge ends when it is raised.
    pub device_epoch: i64,
    /// The account's password epoch.
    pub password_epoch: i64,
    /// The disowned login, or the undone change of the address, that leads to the reset. Until the reset the old password still logs in, so what was
    /// enrolled meanwhile is void too.
    pub disowned: Option<Enrolment>,
    /// The lookup hash of the address that the link was mailed to, unless the reset follows a disowned login. A change of the
    /// account's address ends it.
    pub email_hash: Option<String>,
}

impl PasswordReset {
    /// Whether the reset is still allowed. A reset and a disowned login end it, and a change of the address ends a mailed link. A change of the password ends it too, except after
    /// a disowned login: the thief may have made the change, with the old password.
    pub fn is_for(&self, account: &Account) -> bool {
        let same_password = self.password_epoch == account.password_epoch;
        let same_address = self.email_hash.is_none() || self.email_hash == account.email_hash;
        self.device_epoch == account.device_epoch && same_address && (same_password || self.disowned.is_some())
    }
}

impl Payload for PasswordReset {
    const KIND: ChallengeKind = ChallengeKind::PasswordReset;

    fn write(&self, item: Item) -> Item {
        let item = item
            .with_number("device_epoch", self.device_epoch)
            .with_number("password_epoch", self.password_epoch)
            .with_text_if("email_hash", self.email_hash.as_deref());
        match self.disowned {
            Some(login) => item.with_time("login_at", login.at).with_number("login_epoch", login.device_epoch),
            None => item,
        }
    }

    fn read(item: &Item) -> Result<Self, Error> {
        let login = item.optional_time("login_at").zip(item.optional_number("login_epoch"));
        Ok(Self {
            device_epoch: item.number("device_epoch")?,
            password_epoch: item.optional_number("password_epoch").unwrap_or_default(),
            email_hash: item.optional_text("email_hash"),
            disowned: login.map(|(at, device_epoch)| Enrolment { at, device_epoch }),
        })
    }
}
