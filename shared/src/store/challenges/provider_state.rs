//! A login at a provider that waits for the provider's answer. The challenge's id is the `state` of the request.

use crate::{
    crypto::{field::Field, key::KeyPurpose},
    domain::challenge::ChallengeKind,
    error::Error,
    store::{Item, Payload, challenges::field},
};

#[derive(Debug, Clone)]
pub struct ProviderState {
    /// The id of the provider that was asked. The answer of another one is refused.
    pub provider: String,
    /// The lookup hash of the session that links the identity. Without one, the answer logs in, and the challenge belongs to no user.
    pub session_hash: Option<String>,
    /// [`ProviderState::REQUEST`].
    pub request: String,
}

impl ProviderState {
    /// What was asked, as JSON. It is encrypted without a user's salt, because the user is not known yet.
    pub const REQUEST: Field = field("request", KeyPurpose::FieldSession);
}

impl Payload for ProviderState {
    const KIND: ChallengeKind = ChallengeKind::ProviderState;

    fn write(&self, item: Item) -> Item {
        item.with_text("provider", &self.provider)
            .with_text_if("session_hash", self.session_hash.as_deref())
            .with_text("request", &self.request)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self {
            provider: item.text("provider")?,
            session_hash: item.optional_text("session_hash"),
            request: item.text("request")?,
        })
    }
}
