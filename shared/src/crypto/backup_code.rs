//! Backup codes. Each replaces the authenticator app once.

use std::fmt;

use serde_json::{Value, json};
use zeroize::{Zeroize, Zeroizing};

use super::secret::CROCKFORD;
use crate::{
    domain::text::code_characters,
    fields::{FromJson, schema::Described},
    rng::Rng,
};

/// Codes of one account.
pub const CODES: u8 = 10;

/// Letters and digits of a code.
const LENGTH: usize = 24;

/// A backup code of 24 characters in Crockford's base 32: its number, then 115 random bits. People copy it in six
/// groups of four. `Debug` hides it.
///
/// A look-up secret of at least 112 bits needs no stretching (NIST SP 800-63B-4, section 3.1.2.2).
#[derive(Clone, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct BackupCode([u8; LENGTH]);

impl BackupCode {
    /// A new code with that number.
    pub fn random(number: u8, rng: &dyn Rng) -> Self {
        let mut bits = u128::from_le_bytes(rng.bytes());
        let mut digits = [CROCKFORD[usize::from(number)]; LENGTH];
        for digit in &mut digits[1..] {
            *digit = CROCKFORD[(bits & 31) as usize];
            bits >>= 5;
        }
        Self(digits)
    }

    /// The code's number, 0 to 9. A presented code is compared only with the stored code of this number.
    pub fn number(&self) -> Option<u8> {
        let number = self.0[0].checked_sub(b'0')?;
        (number < CODES).then_some(number)
    }

    /// The code for the owner, displayed once.
    pub fn display(&self) -> Zeroizing<String> {
        let groups = self.0.chunks(4).map(|group| group.iter().map(|&digit| char::from(digit)).collect::<String>());
        Zeroizing::new(groups.collect::<Vec<_>>().join("-"))
    }

    /// The bytes that are hashed and compared.
    pub const fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for BackupCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BackupCode(…)")
    }
}

impl FromJson for BackupCode {
    /// Accepts any case, and white space, dashes and digits as in one-time codes. The letters O, I and L count as the digits
    /// that they resemble.
    fn from_json(value: Value) -> Result<Self, String> {
        let text = Zeroizing::new(String::from_json(value)?);
        let typed = code_characters(&text).map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
        let digits: Zeroizing<Vec<u8>> =
            Zeroizing::new(typed.take(LENGTH + 1).map(|c| u8::try_from(c).unwrap_or_default()).collect());
        let code = digits.as_slice().try_into().ok().map(Self);
        code.filter(|code: &Self| code.0.iter().all(|digit| CROCKFORD.contains(digit)))
            .ok_or_else(|| "must be a backup code of 24 letters and digits".to_owned())
    }
}

impl Described for BackupCode {
    fn schema() -> Value {
        json!({ "type": "string", "minLength": LENGTH, "examples": ["0A1B-2C3D-4E5F-6G7H-8J9K-MNPQ"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    #[test]
    fn a_backup_code_is_accepted_in_every_common_spelling() {
        for number in 0..CODES {
            let code = BackupCode::random(number, &SystemRng);
            assert_eq!(code.number(), Some(number));
            let shown = code.display();
            assert_eq!(shown.len(), 29);
            let typed = [
                shown.to_string(),
                shown.to_lowercase(),
                shown.replace('-', ""),
                shown.replace('-', " "),
                shown.replace('-', "\u{2011}"),
                shown.replace('-', "\u{2013}"),
                shown.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xFEE0)).collect(),
                format!("  {}\n", shown.replace('0', "o").replace('1', "l")),
            ];
            for typed in typed {
                assert_eq!(BackupCode::from_json(typed.as_str().into()), Ok(code.clone()), "{typed}");
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let shown = BackupCode::random(3, &SystemRng).display();
        for bad in
            ["", "0", &shown[1..], &format!("{}A", *shown), &shown.replace('-', "_"), &"U".repeat(24), &"é".repeat(24)]
        {
            assert!(BackupCode::from_json(bad.into()).is_err(), "{bad}");
        }
        assert!(BackupCode::from_json(3.into()).is_err());
        assert_eq!(BackupCode::from_json("Z".repeat(24).into()).unwrap().number(), None);
    }

    #[test]
    fn codes_differ_in_every_character() {
        let codes: Vec<_> = (0..200).map(|_| BackupCode::random(7, &SystemRng)).collect();
        for place in 1..LENGTH {
            let mut seen: Vec<u8> = codes.iter().map(|code| code.0[place]).collect();
            seen.sort_unstable();
            seen.dedup();
            assert!(seen.len() > 20, "{place}: {}", seen.len());
        }
    }
}
