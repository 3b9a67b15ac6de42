//! The permission to set a new password.

use crate::{
    domain::challenge::ChallengeKind,
    error::Error,
    store::{Item, Payload},
};

/// A password reset.
#[derive(Debug, Clone)]
pub struct PasswordReset {
    /// The account's device epoch. The challenge ends when it is raised.
    pub device_epoch: i64,
}

impl Payload for PasswordReset {
    const KIND: ChallengeKind = ChallengeKind::PasswordReset;

    fn write(&self, item: Item) -> Item {
        item.with_number("device_epoch", self.device_epoch)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self { device_epoch: item.number("device_epoch")? })
    }
}
