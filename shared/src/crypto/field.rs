//! Encryption of single fields: AES-256-GCM (NIST SP 800-38D) with a fresh random 96-bit IV and a 128-bit tag, stored as
//! `v<key version>:` + Base64(IV ‖ tag ‖ ciphertext). The location (table, item, attribute) and the key's purpose are authenticated
//! too, so a value that is copied to another user, field or table does not decrypt.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    crypto::key::{Key, KeyPurpose, KeySet},
    error::Error,
    rng::Rng,
};

const IV: usize = 12;
const TAG: usize = 16;

/// A user's salt. Every key of the user's fields is derived with it. Destroying it makes the fields unreadable in all tables and backups.
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

/// An encrypted attribute: its table, its name, and the purpose of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The table's logical name.
    pub table: &'static str,
    pub attribute: &'static str,
    pub purpose: KeyPurpose,
}

impl Field {
    /// The field in one item, by the item's whole key.
    pub const fn of<'a>(&self, item: &'a str) -> FieldLocation<'a> {
        FieldLocation { field: *self, item }
    }
}

/// A field in one item. The whole location is authenticated, so a value that is copied to another location does not decrypt.
#[derive(Debug, Clone, Copy)]
pub struct FieldLocation<'a> {
    pub field: Field,
    /// The item's whole key.
    pub item: &'a str,
}

impl FieldLocation<'_> {
    /// Unambiguous, because table, attribute and purpose never contain `|`.
    fn associated_data(&self) -> String {
        let Field { table, attribute, purpose } = self.field;
        format!("{table}|{}|{attribute}|{}", self.item, purpose.as_str())
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

fn cipher(key: &Key, salt: Option<&UserSalt>, purpose: KeyPurpose) -> Aes256Gcm {
    let key = derive(key, salt, purpose.as_str());
    #[expect(clippy::expect_used, reason = "the key's length is in its type")]
    Aes256Gcm::new_from_slice(key.as_slice()).expect("32 bytes are an AES-256 key")
}

/// Encrypts `plaintext` for its location under the purpose's newest key.
///
/// # Errors
/// `internal` if the cipher refuses, which it does only beyond 64 GiB.
pub fn seal(
    keys: &KeySet,
    salt: Option<&UserSalt>,
    location: FieldLocation<'_>,
    plaintext: &[u8],
    rng: &dyn Rng,
) -> Result<String, Error> {
    let key = keys.newest();
    let iv: [u8; IV] = rng.bytes();
    let aad = location.associated_data();
    let sealed = cipher(key, salt, location.field.purpose)
        .encrypt(&iv.into(), Payload { msg: plaintext, aad: aad.as_bytes() })
        .map_err(|_| Error::internal("a field could not be encrypted"))?;
    let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG);
    let stored = [&iv, tag, ciphertext].concat();
    Ok(format!("v{}:{}", key.version, STANDARD.encode(stored)))
}

/// Decrypts what [`seal`] made for the same location.
///
/// # Errors
/// `internal`, the same for every cause: an unknown version, another location, a changed byte.
pub fn open(
    keys: &KeySet,
    salt: Option<&UserSalt>,
    location: FieldLocation<'_>,
    stored: &str,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    (|| {
        let (version, encoded) = stored.strip_prefix('v')?.split_once(':')?;
        let key = keys.version(version.parse().ok()?)?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (iv, rest) = bytes.split_at_checked(IV)?;
        let (tag, ciphertext) = rest.split_at_checked(TAG)?;
        let iv: [u8; IV] = iv.try_into().ok()?;
        let aad = location.associated_data();
        let sealed = [ciphertext, tag].concat();
        let plaintext = cipher(key, salt, location.field.purpose)
            .decrypt(&iv.into(), Payload { msg: &sealed, aad: aad.as_bytes() })
            .ok()?;
        Some(Zeroizing::new(plaintext))
    })()
    .ok_or_else(|| Error::internal(format!("{}.{} does not decrypt", location.field.table, location.field.attribute)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    const FIELD: Field = Field { table: "accounts", attribute: "email", purpose: KeyPurpose::FieldContact };
    const ITEM: &str = "USER#1|PROFILE";

    #[test]
    fn a_field_decrypts_only_at_its_location_and_under_its_keys() {
        let keys = KeySet::for_tests([1; 32]);
        let salt = UserSalt::random(&SystemRng);
        let sealed = seal(&keys, Some(&salt), FIELD.of(ITEM), b"secret", &SystemRng).unwrap();
        assert!(sealed.starts_with("v1:"));
        let open_at = |keys: &KeySet, salt: &UserSalt, location, stored: &str| {
            open(keys, Some(salt), location, stored).map(|plaintext| plaintext.to_vec())
        };
        assert_eq!(open_at(&keys, &salt, FIELD.of(ITEM), &sealed).unwrap(), b"secret");
        for (field, item) in [
            (Field { table: "sessions", ..FIELD }, ITEM),
            (Field { attribute: "name", ..FIELD }, ITEM),
            (Field { purpose: KeyPurpose::FieldIp, ..FIELD }, ITEM),
            (FIELD, "USER#2|PROFILE"),
        ] {
            assert!(open_at(&keys, &salt, field.of(item), &sealed).is_err());
        }
        assert!(open_at(&keys, &UserSalt::random(&SystemRng), FIELD.of(ITEM), &sealed).is_err());
        assert!(open_at(&KeySet::for_tests([2; 32]), &salt, FIELD.of(ITEM), &sealed).is_err());
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let keys = KeySet::for_tests([1; 32]);
        let sealed = seal(&keys, None, FIELD.of(ITEM), b"x", &SystemRng).unwrap();
        let bytes = STANDARD.decode(&sealed[3..]).unwrap();
        assert_eq!(bytes.len(), IV + TAG + 1);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = format!("v1:{}", STANDARD.encode(changed));
            assert!(open(&keys, None, FIELD.of(ITEM), &changed).is_err());
        }
        for bad in ["", "v1:", "v2:AAAA", "v1:####", "1:AAAA", sealed.trim_start_matches("v1:")] {
            assert!(open(&keys, None, FIELD.of(ITEM), bad).is_err());
        }
    }

    #[test]
    fn ivs_do_not_repeat() {
        let keys = KeySet::for_tests([1; 32]);
        let seals: std::collections::HashSet<String> = (0..10_000)
            .map(|_| seal(&keys, None, FIELD.of(ITEM), b"", &SystemRng).unwrap()[3..19].to_owned())
            .collect();
        assert_eq!(seals.len(), 10_000);
    }
}
