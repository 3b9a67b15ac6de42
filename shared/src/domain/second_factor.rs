//! Second factors: what they are called, and what a proof by them says of a session.

use serde_json::Value;

use crate::{clock::Timestamp, fields::FromJson};

/// How long a session counts as proven by two factors, in seconds (NIST SP 800-63B-4, section 2.2.3).
const AAL2_SECONDS: i64 = 86_400;

/// How old the last proof may be for what is sensitive, in seconds (API.md, †).
pub const FRESH_SECONDS: i64 = 600;

/// A way to give the second factor of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A code of an authenticator app.
    Totp,
    /// One of the codes that were written down.
    BackupCode,
    /// A passkey.
    Passkey,
    /// A mailed code, asked on unknown devices by configuration: never a factor of its own strength.
    EmailCode,
}

impl Method {
    /// The name in the API and in the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::Passkey => "passkey",
            Self::EmailCode => "email_code",
        }
    }

    /// What it adds to a session's `amr` (RFC 8176): a mailed code is another channel, and no second factor.
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Totp | Self::BackupCode => &["otp", MULTI_FACTOR],
            Self::Passkey => &["user", MULTI_FACTOR],
            Self::EmailCode => &["mca"],
        }
    }
}

/// The method of a code that is typed.
impl FromJson for Method {
    fn from_json(value: Value) -> Result<Self, String> {
        let typed = [Self::Totp, Self::BackupCode, Self::EmailCode];
        let known = value.as_str().and_then(|text| typed.into_iter().find(|method| method.as_str() == text));
        known.ok_or_else(|| "must be \"totp\", \"backup_code\" or \"email_code\"".to_owned())
    }
}

/// What `amr` says of more than one factor (RFC 8176).
pub const MULTI_FACTOR: &str = "mfa";

/// Whether that is the `amr` of more than one factor.
pub fn is_multi_factor(amr: &[String]) -> bool {
    amr.iter().any(|method| method == MULTI_FACTOR)
}

/// How strong a session's proof is, as access tokens say it (NIST SP 800-63B-4): one of two factors is that for a day.
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
        assert_eq!(aal(&with(Method::Totp.amr()), at(100), at(100 + 86_399)), "aal2");
        assert_eq!(aal(&with(Method::Totp.amr()), at(100), at(100 + 86_400)), "aal1");
        assert_eq!(aal(&with(Method::EmailCode.amr()), at(100), at(100)), "aal1");
        assert_eq!(aal(&with(&[]), at(100), at(100)), "aal1");
        assert_eq!(with_methods(&with(&["otp", "mfa"]), &["otp", "user"]), ["pwd", "otp", "mfa", "user"]);
    }
}
