//! The link in an alert, by which an owner reports a login as not theirs.

use crate::{
    domain::challenge::ChallengeKind,
    error::Error,
    store::{Item, Payload},
};

/// A login that its owner may disown.
#[derive(Debug, Clone)]
pub struct DisownedLogin {
    /// The account's device epoch. The challenge ends when it is raised.
    pub device_epoch: i64,
}

impl Payload for DisownedLogin {
    const KIND: ChallengeKind = ChallengeKind::DisownedLogin;

    fn write(&self, item: Item) -> Item {
        item.with_number("device_epoch", self.device_epoch)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self { device_epoch: item.number("device_epoch")? })
    }
}
