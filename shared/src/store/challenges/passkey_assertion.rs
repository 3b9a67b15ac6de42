//! A request for a passkey's signature.

use crate::{
    crypto::{field::Field, key::KeyPurpose},
    domain::challenge::ChallengeKind,
    error::Error,
    store::{Item, Payload, challenges::field},
};

/// A passkey's signature that was asked for.
#[derive(Debug, Clone)]
pub struct PasskeyAssertion {
    /// Any user's passkey will do. The challenge then belongs to no user.
    pub discoverable: bool,
    /// The challenge of the login that this is the second factor of.
    pub second_factor_of: Option<String>,
    /// [`PasskeyAssertion::STATE`].
    pub state: String,
}

impl PasskeyAssertion {
    /// WebAuthn's state, encrypted without a user's salt, because the user may not be known yet.
    pub const STATE: Field = field("state", KeyPurpose::FieldMfa);
}

impl Payload for PasskeyAssertion {
    const KIND: ChallengeKind = ChallengeKind::PasskeyAssertion;

    fn write(&self, item: Item) -> Item {
        item.with_bool("discoverable", self.discoverable)
            .with_text_if("second_factor_of", self.second_factor_of.as_deref())
            .with_text("state", &self.state)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self {
            discoverable: item.flag("discoverable"),
            second_factor_of: item.optional_text("second_factor_of"),
            state: item.text("state")?,
        })
    }
}
