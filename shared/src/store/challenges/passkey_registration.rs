//! The registration of a passkey by the user of a session.

use crate::{
    crypto::{field::Field, key::KeyPurpose},
    domain::challenge::ChallengeKind,
    error::Error,
    store::{Item, Payload, challenges::field},
};

/// A passkey that is being registered.
#[derive(Debug, Clone)]
pub struct PasskeyRegistration {
    /// The look-up hash of the session.
    pub session_hash: String,
    /// [`PasskeyRegistration::STATE`].
    pub state: String,
}

impl PasskeyRegistration {
    /// WebAuthn's state, encrypted without a user's salt.
    pub const STATE: Field = field("state", KeyPurpose::FieldMfa);
}

impl Payload for PasskeyRegistration {
    const KIND: ChallengeKind = ChallengeKind::PasskeyRegistration;

    fn write(&self, item: Item) -> Item {
        item.with_text("session_hash", &self.session_hash).with_text("state", &self.state)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self { session_hash: item.text("session_hash")?, state: item.text("state")? })
    }
}
