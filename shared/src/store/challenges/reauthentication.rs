//! A mailed code by which the user of a session proves their identity again.

use crate::{
    domain::challenge::ChallengeKind,
    error::Error,
    store::{Item, Payload},
};

/// A reauthentication by a mailed code.
#[derive(Debug, Clone)]
pub struct Reauthentication {
    /// The look-up hash of the session.
    pub session_hash: String,
}

impl Payload for Reauthentication {
    const KIND: ChallengeKind = ChallengeKind::Reauthentication;

    fn write(&self, item: Item) -> Item {
        item.with_text("session_hash", &self.session_hash)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self { session_hash: item.text("session_hash")? })
    }
}
