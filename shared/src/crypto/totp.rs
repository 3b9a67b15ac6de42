//! Time-based one-time passwords (RFC 6238). All authenticator apps support this form: SHA-1, six digits, thirty
//! seconds.

use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::{clock::Timestamp, domain::otp_code::OtpCode, error::Error, rng::Rng};

/// Bytes of a secret (RFC 4226, section 4: 160 bits are recommended).
const SECRET_BYTES: usize = 20;

/// The secret that an authenticator app and this service share. `Debug` hides it, and it is wiped when dropped.
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// The data for setting up an authenticator app.
pub struct Enrolment {
    /// The secret in base 32, for typing.
    pub secret: Zeroizing<String>,
    pub uri: Zeroizing<String>,
    /// The URI as a QR code: a PNG in a `data:` URL.
    pub qr_code: Zeroizing<String>,
}

impl TotpSecret {
    pub fn random(rng: &dyn Rng) -> Self {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        bytes[..16].copy_from_slice(&rng.bytes::<16>());
        bytes[16..].copy_from_slice(&rng.bytes::<4>());
        Self(bytes)
    }

    /// Parses a stored secret.
    ///
    /// # Errors
    /// `internal` if the text is not a secret.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let secret = Secret::try_from_base32(text).map_err(|_| Error::internal("a TOTP secret is unreadable"))?;
        let bytes = secret.as_bytes().try_into().map_err(|_| Error::internal("a TOTP secret has the wrong length"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The secret in base 32 (RFC 4648) without padding, for typing and for encrypted storage.
    pub fn encode(&self) -> Zeroizing<String> {
        Zeroizing::new(Secret::new_stack(*self.0).to_base32())
    }

    /// The data for an authenticator app. The app labels the entry with `issuer` and `account`.
    ///
    /// # Errors
    /// `internal` if they are too long for a QR code.
    pub fn enrolment(&self, issuer: &str, account: &str) -> Result<Enrolment, Error> {
        // The URI's label separates the two with a colon.
        let named = |text: &str| text.replace(':', " ").trim().to_owned();
        let builder = self.builder().with_account_name(named(account)).with_issuer(Some(named(issuer)));
        let broken = |_| Error::internal("a TOTP secret could not be displayed");
        let totp = builder.build().map_err(broken)?;
        let picture = totp.to_qr_base64().map(Zeroizing::new).map_err(broken)?;
        Ok(Enrolment {
            secret: self.encode(),
            uri: Zeroizing::new(totp.to_url().map_err(broken)?),
            qr_code: Zeroizing::new(format!("data:image/png;base64,{}", *picture)),
        })
    }

    /// The time step of a correct code. `skew` accepts as many steps before and after the current one. The library
    /// compares in constant time.
    pub fn step_of(&self, code: &OtpCode, skew: u16, now: Timestamp) -> Option<i64> {
        let totp: Totp = self.builder().with_skew(skew).build_noncompliant();
        let step = totp.check(&code.display(), now.seconds().unsigned_abs())?;
        i64::try_from(step).ok()
    }

    fn builder(&self) -> Builder {
        Builder::new().with_secret(Secret::new_stack(*self.0))
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::FromJson;

    fn code(text: &str) -> OtpCode {
        OtpCode::from_json(text.into()).unwrap()
    }

    /// RFC 6238, appendix B, SHA-1: the last six of its eight digits.
    #[test]
    fn codes_of_rfc_6238_are_accepted_at_their_times() {
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        for (seconds, text) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.step_of(&code(text), 0, Timestamp::from_seconds(seconds)), Some(seconds / 30), "{text}");
        }
    }

    #[test]
    fn the_window_is_as_wide_as_configured() {
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        let at = |seconds: i64, skew| {
            secret.step_of(&code("005924"), skew, Timestamp::from_seconds(1_234_567_890 + seconds))
        };
        for seconds in [-30, 0, 29, 30, 59] {
            assert_eq!(at(seconds, 1), Some(41_152_263), "{seconds}");
        }
        for seconds in [-31, 60] {
            assert_eq!(at(seconds, 1), None, "{seconds}");
        }
        for seconds in [-1, 30] {
            assert_eq!(at(seconds, 0), None, "{seconds}");
        }
        assert_eq!(at(29, 0), Some(41_152_263));
    }

    #[test]
    fn a_secret_is_read_back_as_it_was_stored() {
        let secret = TotpSecret::random(&crate::rng::SystemRng);
        assert_eq!(secret.encode().len(), 32);
        assert_eq!(*TotpSecret::parse(&secret.encode()).unwrap().0, *secret.0);
        assert!(TotpSecret::parse("AAAA").is_err());
        assert!(TotpSecret::parse("!").is_err());
    }

    #[test]
    fn an_enrolment_names_issuer_and_account() {
        let secret = TotpSecret(Zeroizing::new([0; SECRET_BYTES]));
        let enrolment = secret.enrolment("Tulip: & Co", "a+b@example.org").unwrap();
        assert!(
            enrolment.uri.starts_with("otpauth://totp/Tulip%20%20%26%20Co:a%2Bb%40example.org?secret=AAAA"),
            "{}",
            *enrolment.uri
        );
        assert!(enrolment.uri.contains("issuer=Tulip%20%20%26%20Co"), "{}", *enrolment.uri);
        assert!(enrolment.qr_code.starts_with("data:image/png;base64,iVBOR"));
    }
}
