//! A registration that waits for the proof of its address.

use crate::{
    crypto::{
        field::{Field, UserSalt},
        key::KeyPurpose,
    },
    domain::challenge::ChallengeKind,
    error::Error,
    store::{Item, Payload, challenges::field},
};

/// A registration. Its fields are encrypted under the keys of the future user.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The address already has an account. Nothing ever proves a decoy.
    pub decoy: bool,
    /// The salt of the future user.
    pub salt: UserSalt,
    /// [`Registration::EMAIL`].
    pub email: String,
    /// The lookup hash of the address.
    pub email_hash: String,
    /// [`Registration::NAME`].
    pub name: Option<String>,
    /// [`Registration::USERNAME`].
    pub username: Option<String>,
    /// The lookup hash of the username.
    pub username_hash: Option<String>,
    /// The hash of the password (a PHC string), if one was given.
    pub password: Option<String>,
}

impl Registration {
    pub const EMAIL: Field = field("email", KeyPurpose::FieldContact);
    pub const NAME: Field = field("name", KeyPurpose::FieldContact);
    pub const USERNAME: Field = field("username", KeyPurpose::FieldContact);
}

impl Payload for Registration {
    const KIND: ChallengeKind = ChallengeKind::Registration;

    // Another person may have typed the password, so a proof without it forgets it.
    const REMOVED_ON_PROOF: &'static str = ", password";

    fn write(&self, item: Item) -> Item {
        item.with_bool("decoy", self.decoy)
            .with_bytes("salt", self.salt.bytes())
            .with_text("email", &self.email)
            .with_text("email_hash", &self.email_hash)
            .with_text_if("name", self.name.as_deref())
            .with_text_if("username", self.username.as_deref())
            .with_text_if("username_hash", self.username_hash.as_deref())
            .with_text_if("password", self.password.as_deref())
    }

    fn read(item: &Item) -> Result<Self, Error> {
        let salt = item.bytes("salt")?.try_into().map_err(|_| Error::internal("a salt is not 32 bytes"))?;
        Ok(Self {
            decoy: item.flag("decoy"),
            salt: UserSalt::from_bytes(salt),
            email: item.text("email")?,
            email_hash: item.text("email_hash")?,
            name: item.optional_text("name"),
            username: item.optional_text("username"),
            username_hash: item.optional_text("username_hash"),
            password: item.optional_text("password"),
        })
    }
}
