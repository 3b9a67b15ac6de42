//! Secrets of OAuth clients: 32 random bytes behind a prefix, by which scanners of source code find a leaked one. The table keeps a
//! keyed hash. Nobody can find 256 random bits by trying, so the hash is a fast one.

use zeroize::Zeroizing;

use super::{
    key::KeySet,
    lookup_hash::{Subject, lookup_hash},
    secret::Token,
};
use crate::{domain::oauth::client::ClientId, rng::Rng};

const PREFIX: &str = "lkcs_";

/// A client's secret. `Debug` hides it, and it is wiped when dropped.
#[derive(Debug, Clone)]
pub struct ClientSecret(Token);

impl ClientSecret {
    pub fn random(rng: &dyn Rng) -> Self {
        Self(Token::random(rng))
    }

    /// Parses a presented secret. `None` for anything except its one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Token::parse(text.strip_prefix(PREFIX)?).map(Self)
    }

    /// The secret in the form that clients get.
    pub fn encode(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", self.0.encode()))
    }

    /// The hash that the table keeps.
    pub fn hash(&self, index: &KeySet, client: &ClientId) -> String {
        lookup_hash(index, Subject::ClientSecret, &[client.as_str().as_bytes(), b"|", self.0.bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    #[test]
    fn a_secret_has_one_spelling_and_belongs_to_one_client() {
        let index = KeySet::for_tests([7; 32]);
        let (client, other) = (ClientId::random(&SystemRng), ClientId::random(&SystemRng));
        let secret = ClientSecret::random(&SystemRng);
        let text = secret.encode();
        let hash = secret.hash(&index, &client);
        assert_eq!(ClientSecret::parse(&text).unwrap().hash(&index, &client), hash);
        assert_ne!(secret.hash(&index, &other), hash);
        assert!(!hash.contains(&text[PREFIX.len()..]));
        for bad in ["", PREFIX, &text[1..], &text[PREFIX.len()..], &format!("{}=", *text), &text.to_uppercase()] {
            assert!(ClientSecret::parse(bad).is_none(), "{bad}");
        }
    }
}
