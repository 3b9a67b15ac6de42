//! PKCE by S256 (RFC 7636).

use super::secret::{constant_time_eq, unkeyed_hash};

/// The code challenge of a verifier (section 4.2).
pub fn challenge(verifier: &str) -> String {
    unkeyed_hash(verifier.as_bytes())
}

/// Whether a presented verifier is that of the challenge (sections 4.1 and 4.6).
pub fn verifies(verifier: &str, expected: &str) -> bool {
    let is_unreserved = verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let is_verifier = (43..=128).contains(&verifier.len()) && is_unreserved;
    is_verifier && constant_time_eq(challenge(verifier).as_bytes(), expected.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_has_the_challenge_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let expected = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(challenge(verifier), expected);
        assert!(verifies(verifier, expected));
        assert!(
            !verifies(expected, expected) && !verifies("", expected) && !verifies(&format!("{verifier}="), expected)
        );
    }

    #[test]
    fn only_what_the_rfc_allows_is_a_verifier() {
        for bad in ["a".repeat(42), "a".repeat(129), "ä".repeat(43), format!("{}+", "a".repeat(43)), " ".repeat(43)] {
            assert!(!verifies(&bad, &challenge(&bad)), "{bad}");
        }
        for fine in ["a".repeat(43), "-._~".repeat(32)] {
            assert!(verifies(&fine, &challenge(&fine)), "{fine}");
        }
    }
}
