//! Second factors, and the strength that they give a session.

use serde_json::{Value, json};

use crate::{
    clock::Timestamp,
    fields::{FromJson, schema::Described},
};

/// Seconds for which a session counts as proven by two factors (NIST SP 800-63B-4, section 2.2.3).
const AAL2_SECONDS: i64 = 86_400;

/// Maximum age in seconds of the last proof before a sensitive operation († in docs/api.md).
pub const FRESH_SECONDS: i64 = 600;

/// A method for the second factor of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorMethod {
    /// A code of an authenticator app.
    Totp,
    BackupCode,
    Passkey,
    /// A mailed code, for unrecognised devices if the deployment asks for it. It never counts as a factor.
    EmailCode,
}

impl SecondFactorMethod {
    pub const ALL: [Self; 4] = [Self::Totp, Self::BackupCode, Self::Passkey, Self::EmailCode];

    /// The name in the API and in audit events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::Passkey => "passkey",
            Self::EmailCode => "email_code",
        }
    }

    /// The values that the method adds to a session's `amr` (RFC 8176). A mailed code is another channel, but not a
    /// second factor.
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Totp | Self::BackupCode => &["otp", MULTI_FACTOR],
            Self::Passkey => &["user", MULTI_FACTOR],
            Self::EmailCode => &["mca"],
        }
    }
}

/// The methods with a typed code.
const TYPED: [SecondFactorMethod; 3] =
    [SecondFactorMethod::Totp, SecondFactorMethod::BackupCode, SecondFactorMethod::EmailCode];

/// Accepts only the methods with a typed code.
impl FromJson for SecondFactorMethod {
    fn from_json(value: Value) -> Result<Self, String> {
        let known = value.as_str().and_then(|text| TYPED.into_iter().find(|method| method.as_str() == text));
        known.ok_or_else(|| "must be \"totp\", \"backup_code\" or \"email_code\"".to_owned())
    }
}

impl Described for SecondFactorMethod {
    fn schema() -> Value {
        json!({ "type": "string", "enum": TYPED.map(Self::as_str), "examples": [Self::Totp.as_str()] })
    }
}

/// The `amr` value for more than one factor (RFC 8176).
pub const MULTI_FACTOR: &str = "mfa";

pub fn is_multi_factor(amr: &[String]) -> bool {
    amr.iter().any(|method| method == MULTI_FACTOR)
}

/// The authenticator assurance level of a session (NIST SP 800-63B-4). Two factors count as `aal2` for a day.
pub fn aal(amr: &[String], auth_time: Timestamp, now: Timestamp) -> &'static str {
    match is_multi_factor(amr) && now < auth_time.plus_seconds(AAL2_SECONDS) {
        true => "aal2",
        false => "aal1",
    }
}

/// Adds methods to a session's `amr`, each once.
pub fn with_methods(amr: &[String], methods: &[&str]) -> Vec<String> {
    let mut all = amr.to_vec();
    for method in methods {
        if !all.iter().any(|known| known == method) {
            all.push((*method).to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_factors_are_aal2_for_a_day_and_a_mailed_code_never_is() {
        let at = Timestamp::from_seconds;
        let with = |methods: &[&str]| with_methods(&["pwd".to_owned()], methods);
        assert_eq!(aal(&with(SecondFactorMethod::Totp.amr()), at(100), at(100 + 86_399)), "aal2");
        assert_eq!(aal(&with(SecondFactorMethod::Totp.amr()), at(100), at(100 + 86_400)), "aal1");
        assert_eq!(aal(&with(SecondFactorMethod::EmailCode.amr()), at(100), at(100)), "aal1");
        assert_eq!(aal(&with(&[]), at(100), at(100)), "aal1");
        assert_eq!(with_methods(&with(&["otp", "mfa"]), &["otp", "user"]), ["pwd", "otp", "mfa", "user"]);
    }
}
