//! Encryption of single fields: AES-256-GCM (NIST SP 800-38D) with a fresh random 96-bit IV and a 128-bit tag, stored as
//! `v<key version>:` + Base64(IV ‖ tag ‖ ciphertext). The place (table, item, attribute) and the purpose are authenticated with
//! it, so a value copied to another user, field or table doesn't open.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    error::Error,
    keyring::{Key, KeySet, Purpose},
    rng::Rng,
};

const IV: usize = 12;
const TAG: usize = 16;

/// A user's own part of every key that the user's fields are under. Destroyed with the account, which makes the fields
/// unreadable in all tables and backups at once.
#[derive(Clone, Zeroize)]
#[zeroize(drop)]
pub struct UserSalt([u8; 32]);

impl UserSalt {
    /// A new user's salt.
    pub fn random(rng: &dyn Rng) -> Self {
        Self(rng.bytes())
    }

    /// A salt that was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for UserSalt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("UserSalt(…)")
    }
}

/// Where a field lies.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table's logical name: `accounts`.
    pub table: &'static str,
    /// The item's whole key.
    pub item: &'a str,
    /// The attribute's name.
    pub attribute: &'static str,
}

impl Place<'_> {
    /// No two places read alike: the table, the attribute and the purpose are names of our own without a `|`.
    fn associated_data(&self, purpose: Purpose) -> String {
        format!("{}|{}|{}|{}", self.table, self.item, self.attribute, purpose.as_str())
    }
}

/// 32 bytes derived from a purpose key and a user's salt by HKDF-SHA256 (RFC 5869).
pub fn derive(key: &Key, salt: Option<&UserSalt>, label: &str) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(salt.map(|salt| salt.0.as_slice()), key.bytes());
    #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes")]
    hkdf.expand(label.as_bytes(), derived.as_mut_slice()).expect("32 bytes are within HKDF's reach");
    derived
}

fn cipher(key: &Key, salt: Option<&UserSalt>, purpose: Purpose) -> Aes256Gcm {
    let key = derive(key, salt, purpose.as_str());
    #[expect(clippy::expect_used, reason = "the key's length is in its type")]
    Aes256Gcm::new_from_slice(key.as_slice()).expect("32 bytes are an AES-256 key")
}

/// Encrypts `plaintext` for `place` under the purpose's newest key.
///
/// # Errors
/// `internal` where the cipher refuses, which it does only beyond 64 GiB.
pub fn seal(
    keys: &KeySet,
    salt: Option<&UserSalt>,
    purpose: Purpose,
    place: Place<'_>,
    plaintext: &[u8],
    rng: &dyn Rng,
) -> Result<String, Error> {
    let key = keys.newest();
    let iv: [u8; IV] = rng.bytes();
    let aad = place.associated_data(purpose);
    let sealed = cipher(key, salt, purpose)
        .encrypt(&iv.into(), Payload { msg: plaintext, aad: aad.as_bytes() })
        .map_err(|_| Error::internal("a field could not be encrypted"))?;
    let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG);
    let stored = [&iv, tag, ciphertext].concat();
    Ok(format!("v{}:{}", key.version, STANDARD.encode(stored)))
}

/// Decrypts what [`seal`] made for the same place.
///
/// # Errors
/// `internal`, one and the same for every cause: an unknown version, another place, a changed byte.
pub fn open(
    keys: &KeySet,
    salt: Option<&UserSalt>,
    purpose: Purpose,
    place: Place<'_>,
    stored: &str,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    (|| {
        let (version, encoded) = stored.strip_prefix('v')?.split_once(':')?;
        let key = keys.version(version.parse().ok()?)?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (iv, rest) = bytes.split_at_checked(IV)?;
        let (tag, ciphertext) = rest.split_at_checked(TAG)?;
        let iv: [u8; IV] = iv.try_into().ok()?;
        let aad = place.associated_data(purpose);
        let sealed = [ciphertext, tag].concat();
        let plaintext =
            cipher(key, salt, purpose).decrypt(&iv.into(), Payload { msg: &sealed, aad: aad.as_bytes() }).ok()?;
        Some(Zeroizing::new(plaintext))
    })()
    .ok_or_else(|| Error::internal(format!("a {} field in {} cannot be decrypted", purpose.as_str(), place.table)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    const PLACE: Place<'_> = Place { table: "accounts", item: "USER#1|PROFILE", attribute: "email" };

    #[test]
    fn a_field_opens_only_where_it_was_sealed() {
        let keys = KeySet::for_tests([1; 32]);
        let salt = UserSalt::random(&SystemRng);
        let sealed = seal(&keys, Some(&salt), Purpose::FieldContact, PLACE, b"secret", &SystemRng).unwrap();
        assert!(sealed.starts_with("v1:"));
        let open_at = |keys: &KeySet, salt: &UserSalt, purpose, place, stored: &str| {
            open(keys, Some(salt), purpose, place, stored).map(|plaintext| plaintext.to_vec())
        };
        assert_eq!(open_at(&keys, &salt, Purpose::FieldContact, PLACE, &sealed).unwrap(), b"secret");
        for place in [
            Place { table: "sessions", ..PLACE },
            Place { item: "USER#2|PROFILE", ..PLACE },
            Place { attribute: "name", ..PLACE },
        ] {
            assert!(open_at(&keys, &salt, Purpose::FieldContact, place, &sealed).is_err());
        }
        assert!(open_at(&keys, &salt, Purpose::FieldIp, PLACE, &sealed).is_err());
        assert!(open_at(&keys, &UserSalt::random(&SystemRng), Purpose::FieldContact, PLACE, &sealed).is_err());
        assert!(open_at(&KeySet::for_tests([2; 32]), &salt, Purpose::FieldContact, PLACE, &sealed).is_err());
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let keys = KeySet::for_tests([1; 32]);
        let sealed = seal(&keys, None, Purpose::FieldOutbox, PLACE, b"x", &SystemRng).unwrap();
        let bytes = STANDARD.decode(&sealed[3..]).unwrap();
        assert_eq!(bytes.len(), IV + TAG + 1);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = format!("v1:{}", STANDARD.encode(changed));
            assert!(open(&keys, None, Purpose::FieldOutbox, PLACE, &changed).is_err());
        }
        for bad in ["", "v1:", "v2:AAAA", "v1:####", "1:AAAA", sealed.trim_start_matches("v1:")] {
            assert!(open(&keys, None, Purpose::FieldOutbox, PLACE, bad).is_err());
        }
    }

    #[test]
    fn ivs_don_t_repeat() {
        let keys = KeySet::for_tests([1; 32]);
        let seals: std::collections::HashSet<String> = (0..10_000)
            .map(|_| seal(&keys, None, Purpose::FieldOutbox, PLACE, b"", &SystemRng).unwrap()[3..19].to_owned())
            .collect();
        assert_eq!(seals.len(), 10_000);
    }
}
