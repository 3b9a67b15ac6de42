//! The user cipher: encrypts and decrypts the fields of one user, under the purpose keys and the user's own salt.

use std::net::IpAddr;

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{
    crypto::{
        field::{self, Field, UserSalt},
        key::KeyPurpose,
        lookup_hash::{self, Subject, lookup_hash},
        secret,
    },
    domain::ids::UserId,
    error::Error,
    fields::Change,
    keyring::Keyring,
    rng::Rng,
    store::Key,
};

/// Encrypts and decrypts the fields of one user.
pub struct UserCipher<'a> {
    pub keyring: &'a Keyring,
    /// The source of IVs and ids.
    pub rng: &'a dyn Rng,
    salt: UserSalt,
}

/// Encrypts and decrypts the fields of one item of a user.
pub struct ItemCipher<'a> {
    cipher: &'a UserCipher<'a>,
    item: String,
}

impl<'a> UserCipher<'a> {
    pub const fn new(keyring: &'a Keyring, rng: &'a dyn Rng, salt: UserSalt) -> Self {
        Self { keyring, rng, salt }
    }

    /// The id and cipher of an account that does not exist. The same identifier always gets the same ones, so its audit
    /// events belong together like those of a real account.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub async fn decoy(keyring: &'a Keyring, rng: &'a dyn Rng, identifier: &str) -> Result<(UserId, Self), Error> {
        let index = keyring.get(KeyPurpose::Index).await?;
        let hash = lookup_hash::raw(&index, Subject::UnknownAccount, identifier.as_bytes());
        let salt = UserSalt::from_bytes(secret::hmac(&hash, &[b"latchkey/unknown-account/salt"]));
        let id = secret::hmac(&hash, &[b"latchkey/unknown-account/id"]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&id[..16]);
        Ok((UserId::from_bytes(bytes), Self::new(keyring, rng, salt)))
    }

    pub const fn salt(&self) -> &UserSalt {
        &self.salt
    }

    /// The cipher of the item with this key.
    pub fn item(&'a self, key: &Key) -> ItemCipher<'a> {
        ItemCipher { cipher: self, item: key.location() }
    }

    /// The lookup hash of a client's address.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub async fn ip_hash(&self, ip: IpAddr) -> Result<String, Error> {
        let index = self.keyring.get(KeyPurpose::Index).await?;
        Ok(lookup_hash(&index, Subject::Ip, ip.to_string().as_bytes()))
    }

    /// The pseudonym of the user's audit events: an HMAC under the user's own key. Without the salt, nobody can link
    /// the events to the user.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub async fn pseudonym(&self) -> Result<String, Error> {
        let index = self.keyring.get(KeyPurpose::Index).await?;
        let key = field::derive(index.oldest(), Some(&self.salt), "audit pseudonym");
        Ok(secret::Token::from_bytes(*key).encode())
    }
}

impl ItemCipher<'_> {
    /// Encrypts a field.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the purpose's key.
    pub async fn seal(&self, field: Field, text: &str) -> Result<String, Error> {
        let UserCipher { keyring, rng, salt } = self.cipher;
        let keys = keyring.get(field.purpose).await?;
        field::seal(&keys, Some(salt), field.at(&self.item), text.as_bytes(), *rng)
    }

    /// Decrypts a field.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the purpose's key; `internal` if it does not decrypt.
    pub async fn open(&self, field: Field, sealed: &str) -> Result<Zeroizing<String>, Error> {
        let keys = self.cipher.keyring.get(field.purpose).await?;
        let text = field::open(&keys, Some(&self.cipher.salt), field.at(&self.item), sealed)?;
        let text = std::str::from_utf8(&text).map_err(|_| Error::internal("a field is not text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Encrypts a field that may be absent.
    ///
    /// # Errors
    /// As [`ItemCipher::seal`].
    pub async fn seal_some(&self, field: Field, text: Option<&str>) -> Result<Option<String>, Error> {
        match text {
            Some(text) => self.seal(field, text).await.map(Some),
            None => Ok(None),
        }
    }

    /// Encrypts the value of a change, if it sets one.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the key.
    pub async fn seal_change(&self, field: Field, change: Change<&str>) -> Result<Change<String>, Error> {
        Ok(match change {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(text) => Change::Set(self.seal(field, text).await?),
        })
    }

    /// Decrypts a field that may be absent.
    ///
    /// # Errors
    /// As [`ItemCipher::open`].
    pub async fn open_some(&self, field: Field, sealed: Option<&String>) -> Result<Option<String>, Error> {
        match sealed {
            Some(sealed) => Ok(Some(self.open(field, sealed).await?.to_string())),
            None => Ok(None),
        }
    }

    /// Encrypts a value as JSON.
    ///
    /// # Errors
    /// As [`ItemCipher::seal`].
    pub async fn seal_json(&self, field: Field, value: &impl Serialize) -> Result<String, Error> {
        let text = serde_json::to_string(value).map(Zeroizing::new);
        self.seal(field, &text.map_err(|_| Error::internal("a value cannot be written as JSON"))?).await
    }

    /// Encrypts a value as JSON, if there is one.
    ///
    /// # Errors
    /// As [`ItemCipher::seal`].
    pub async fn seal_json_some(&self, field: Field, value: Option<&impl Serialize>) -> Result<Option<String>, Error> {
        match value {
            Some(value) => self.seal_json(field, value).await.map(Some),
            None => Ok(None),
        }
    }

    /// Decrypts a value that was encrypted as JSON.
    ///
    /// # Errors
    /// As [`ItemCipher::open`].
    pub async fn open_json<T: DeserializeOwned>(&self, field: Field, sealed: &str) -> Result<T, Error> {
        let text = self.open(field, sealed).await?;
        serde_json::from_str(&text).map_err(|_| Error::internal("a field has another type of value"))
    }

    /// Decrypts a value that was encrypted as JSON, if there is one.
    ///
    /// # Errors
    /// As [`ItemCipher::open`].
    pub async fn open_json_some<T: DeserializeOwned>(
        &self,
        field: Field,
        sealed: Option<&String>,
    ) -> Result<Option<T>, Error> {
        match sealed {
            Some(sealed) => self.open_json(field, sealed).await.map(Some),
            None => Ok(None),
        }
    }
}
