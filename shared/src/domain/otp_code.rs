//! One-time codes of six digits, mailed or from authenticator apps.

use std::fmt;

use serde_json::{Value, json};
use zeroize::{Zeroize, Zeroizing};

use super::text::code_characters;
use crate::{
    fields::{FromJson, schema::Described},
    rng::Rng,
};

/// Six decimal digits with leading zeros. All 10^6 codes are equally likely. `Debug` hides them.
#[derive(Clone, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct OtpCode([u8; 6]);

impl OtpCode {
    pub fn random(rng: &dyn Rng) -> Self {
        let mut number = rng.below(1_000_000);
        let mut digits = [b'0'; 6];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        Self(digits)
    }

    /// The code for the mail.
    pub fn display(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().map(|&digit| char::from(digit)).collect())
    }

    /// The bytes that are hashed and compared.
    pub const fn bytes(&self) -> &[u8; 6] {
        &self.0
    }
}

impl fmt::Debug for OtpCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OtpCode(…)")
    }
}

impl FromJson for OtpCode {
    /// Accepts white space, dashes and invisible characters, and the decimal digits of every script. Apps and mails display
    /// codes in groups, and people copy them so.
    fn from_json(value: Value) -> Result<Self, String> {
        let text = Zeroizing::new(String::from_json(value)?);
        let typed: Zeroizing<String> = Zeroizing::new(code_characters(&text).take(7).collect());
        let digits: Option<[u8; 6]> = typed.as_bytes().try_into().ok();
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_digit));
        digits.map(Self).ok_or_else(|| "must be a string of six digits".to_owned())
    }
}

impl Described for OtpCode {
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9]{6}$", "examples": ["123456"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    #[test]
    fn codes_are_six_digits_with_every_first_digit() {
        let mut first = [0u32; 10];
        for _ in 0..10_000 {
            let code = OtpCode::random(&SystemRng).display();
            assert_eq!(code.len(), 6);
            first[usize::from(code.as_bytes()[0] - b'0')] += 1;
        }
        assert!(first.iter().all(|&count| count > 800), "{first:?}");
    }

    #[test]
    fn only_six_digits_in_a_string_are_a_code() {
        let code = OtpCode::from_json("000042".into()).unwrap();
        for same in [" 000 042\n", "000-042", "０００\u{2011}０４２", "000042\u{200b}"] {
            assert_eq!(OtpCode::from_json(same.into()).unwrap(), code, "{same:?}");
        }
        for bad in ["", "12345", "1234567", "12345a", "¹²³⁴⁵⁶", "12 345", "123.456", "123\u{0}456", &" ".repeat(60_000)]
        {
            assert!(OtpCode::from_json(bad.into()).is_err(), "{bad}");
        }
        assert!(OtpCode::from_json(123_456.into()).is_err());
    }
}
