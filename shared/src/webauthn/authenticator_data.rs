//! Authenticator data (WebAuthn Level 3, section 6.1), and where a registration carries it (section 6.5.4).

use serde::{Deserialize, de::IgnoredAny};
use serde_cbor_2::Deserializer;

/// The longest public key in bytes, because every login reads it. RSA with 8,192 bits needs about 1,050.
const MAX_PUBLIC_KEY_BYTES: usize = 2048;

// Flags.
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
        let mut reader = Deserializer::from_slice(&rest[..rest.len().min(MAX_PUBLIC_KEY_BYTES)]);
        IgnoredAny::deserialize(&mut reader).ok()?;
        let public_key = rest.get(..reader.byte_offset())?;
        Some(AttestedCredential { aaguid: *aaguid, id, public_key })
    }
}

/// The authenticator data in an attestation object. The attestation itself is not read: the options ask for none, and nothing depends on
/// one. Some clients send one all the same.
pub(super) fn of_attestation_object(object: &[u8]) -> Option<&[u8]> {
    #[derive(Deserialize)]
    struct AttestationObject<'a> {
        #[serde(rename = "authData")]
        authenticator_data: &'a [u8],
    }
    // Serde would also read a list of the members.
    let is_map = object.first()? & 0xe0 == 0xa0;
    let object: AttestationObject<'_> = serde_cbor_2::from_slice(object).ok()?;
    is_map.then_some(object.authenticator_data)
}

#[cfg(test)]
mod tests {
    use super::{super::BASE_POINT, *};

    /// Authenticator data with a new credential. Its id has four bytes.
    fn registered(public_key: &[u8], after: &[u8]) -> Vec<u8> {
        let head = [&[7; 32][..], &[ATTESTED_CREDENTIAL], &[0, 0, 1, 0]].concat();
        [&head, &[9; 16][..], &[0, 4], b"abcd", public_key, after].concat()
    }

    fn public_key(data: &[u8]) -> Option<Vec<u8>> {
        Some(AuthenticatorData::parse(data)?.attested_credential()?.public_key.to_vec())
    }

    #[test]
    fn the_key_ends_where_it_says() {
        let extensions = [0xa1, 0x63, b'u', b'v', b'm', 0x01];
        let data = registered(&BASE_POINT, &extensions);
        assert_eq!(public_key(&data).as_deref(), Some(&BASE_POINT[..]));
        assert_eq!(AuthenticatorData::parse(&data).unwrap().sign_count, 256);
    }

    #[test]
    fn data_that_is_cut_off_is_refused() {
        let data = registered(&BASE_POINT, &[]);
        for length in 0..data.len() {
            assert_eq!(public_key(&data[..length]), None, "{length}");
        }
        let mut without_credential = data.clone();
        without_credential[32] = 0;
        assert_eq!(public_key(&without_credential), None);
    }

    #[test]
    fn a_key_that_is_too_long_or_too_deep_is_refused() {
        let too_long = [&[0x59, 0xff, 0xff][..], &[0; 0xffff]].concat();
        let too_deep = vec![0x81; 60_000];
        let claims_much = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        for key in [&too_long[..], &too_deep, &claims_much] {
            assert_eq!(public_key(&registered(key, &[])), None);
        }
    }

    #[test]
    fn an_attestation_is_not_read() {
        let object = |statement: &[u8]| {
            [&[0xa3, 0x63][..], b"fmt", &[0x61, b'x', 0x67], b"attStmt", statement, &[0x68], b"authData", &[0x42, 1, 2]]
                .concat()
        };
        assert_eq!(of_attestation_object(&object(&[0xa0])), Some(&[1, 2][..]));
        assert_eq!(of_attestation_object(&object(&[0x83, 1, 2, 3])), Some(&[1, 2][..]));
        for wrong in [&object(&vec![0x81; 60_000])[..], &object(&[0xa0])[..10], b"", &[0xa0], &[0x81, 0x42, 1, 2]] {
            assert_eq!(of_attestation_object(wrong), None);
        }
    }
}
