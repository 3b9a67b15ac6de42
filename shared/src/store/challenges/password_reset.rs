//! The permission to set a new password.

use crate::{
    domain::{challenge::ChallengeKind, disowned_login::Enrolment},
    error::Error,
    store::{Item, Payload},
};

/// A password reset.
#[derive(Debug, Clone)]
pub struct PasswordReset {
    /// The account's device epoch. The challenge ends when it is raised.
    pub device_epoch: i64,
    /// The disowned login that leads to the reset. Until the reset the old password still logs in, so what was enrolled
    /// meanwhile is void too.
    pub disowned: Enrolment,
}

impl Payload for PasswordReset {
    const KIND: ChallengeKind = ChallengeKind::PasswordReset;

    fn write(&self, item: Item) -> Item {
        item.with_number("device_epoch", self.device_epoch)
            .with_time("login_at", self.disowned.at)
            .with_number("login_epoch", self.disowned.device_epoch)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self {
            device_epoch: item.number("device_epoch")?,
            disowned: Enrolment { at: item.time("login_at")?, device_epoch: item.number("login_epoch")? },
        })
    }
}
