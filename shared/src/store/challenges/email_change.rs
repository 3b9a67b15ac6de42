//! Changes of an account's address: the code that proves the new one, and the link that undoes the change.

use crate::{
    crypto::{field::Field, key::KeyPurpose},
    domain::{challenge::ChallengeKind, disowned_login::Enrolment},
    error::Error,
    store::{Item, Payload, challenges::field},
};

/// A change that waits for the proof of the new address.
#[derive(Debug, Clone)]
pub struct EmailChange {
    /// Another account has the address. Nothing ever proves a decoy.
    pub decoy: bool,
    /// [`EmailChange::EMAIL`].
    pub email: String,
    /// The lookup hash of the new address.
    pub email_hash: String,
}

impl EmailChange {
    /// The new address.
    pub const EMAIL: Field = field("email", KeyPurpose::FieldContact);
}

impl Payload for EmailChange {
    const KIND: ChallengeKind = ChallengeKind::EmailChange;

    fn write(&self, item: Item) -> Item {
        item.with_bool("decoy", self.decoy).with_text("email", &self.email).with_text("email_hash", &self.email_hash)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self { decoy: item.flag("decoy"), email: item.text("email")?, email_hash: item.text("email_hash")? })
    }
}

/// A change that its owner may undo.
#[derive(Debug, Clone)]
pub struct EmailChangeUndo {
    /// The change.
    pub change: Enrolment,
    /// The account's password epoch at the change.
    pub password_epoch: i64,
    /// [`EmailChangeUndo::EMAIL`].
    pub email: String,
}

impl EmailChangeUndo {
    /// The old address.
    pub const EMAIL: Field = field("email", KeyPurpose::FieldContact);
}

impl Payload for EmailChangeUndo {
    const KIND: ChallengeKind = ChallengeKind::EmailChangeUndo;

    fn write(&self, item: Item) -> Item {
        item.with_time("changed_at", self.change.at)
            .with_number("device_epoch", self.change.device_epoch)
            .with_number("password_epoch", self.password_epoch)
            .with_text("email", &self.email)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self {
            change: Enrolment { at: item.time("changed_at")?, device_epoch: item.number("device_epoch")? },
            password_epoch: item.number("password_epoch")?,
            email: item.text("email")?,
        })
    }
}
