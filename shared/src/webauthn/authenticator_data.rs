//! Authenticator data (WebAuthn Level 3, section 6.1), and where a registration carries it (section 6.5.4).

use serde::Deserialize;
use serde_cbor_2::{Deserializer, Value};

/// Flags.
pub(super) const USER_PRESENT: u8 = 0x01;
pub(super) const USER_VERIFIED: u8 = 0x04;
pub(super) const BACKUP_ELIGIBLE: u8 = 0x08;
pub(super) const BACKED_UP: u8 = 0x10;
const ATTESTED_CREDENTIAL: u8 = 0x40;

/// What an authenticator says of a ceremony. A registration has the new credential too.
pub(super) struct AuthenticatorData<'a> {
    pub(super) rp_id_hash: &'a [u8],
    pub(super) flags: u8,
    pub(super) sign_count: u32,
    rest: &'a [u8],
}

/// A new credential (section 6.5.1).
pub(super) struct AttestedCredential<'a> {
    pub(super) aaguid: [u8; 16],
    pub(super) id: &'a [u8],
    /// A COSE key.
    pub(super) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// `None` if the data is too short. Extensions are not read, because none decides anything.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, data) = data.split_at_checked(32)?;
        let (&flags, data) = data.split_first()?;
        let (count, rest) = data.split_first_chunk()?;
        Some(Self { rp_id_hash, flags, sign_count: u32::from_be_bytes(*count), rest })
    }

    /// The new credential of a registration. `None` if there is none, or if it is malformed.
    pub(super) fn attested_credential(&self) -> Option<AttestedCredential<'a>> {
        if self.flags & ATTESTED_CREDENTIAL == 0 {
            return None;
        }
        let (aaguid, rest) = self.rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        // Only the key itself says how long it is. Extensions may follow.
        let mut reader = Deserializer::from_slice(rest);
        Value::deserialize(&mut reader).ok()?;
        let public_key = rest.get(..reader.byte_offset())?;
        Some(AttestedCredential { aaguid: *aaguid, id, public_key })
    }
}

/// The authenticator data in an attestation object. The attestation itself is not read: the options ask for none, and nothing depends on
/// one. Some clients send one all the same.
pub(super) fn of_attestation_object(object: &[u8]) -> Option<Vec<u8>> {
    let Ok(Value::Map(mut object)) = serde_cbor_2::from_slice(object) else { return None };
    match object.remove(&Value::Text("authData".to_owned()))? {
        Value::Bytes(data) => Some(data),
        _ => None,
    }
}
