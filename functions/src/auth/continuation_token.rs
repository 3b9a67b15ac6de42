//! Tokens that lead on to a challenge's next step: links in mails, and what `password_required` and `mfa_required` give. They name the
//! challenge and hold 32 random bytes, of which the table keeps a keyed hash.

use shared::{
    app::App,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        secret::{Token, same},
    },
    domain::challenge::ChallengeKind,
    error::Error,
    fields::FromJson,
    store::{Challenge, Pending},
};

/// The step of a challenge that a token leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The one that was mailed as a link.
    Link,
    /// The one after the proof.
    Next,
}

/// A challenge's id and the secret that was made for its next step.
pub(crate) struct ContinuationToken {
    /// The challenge's id.
    pub(crate) challenge: String,
    secret: Token,
}

impl ContinuationToken {
    /// A new token for a challenge that is yet to be made, with its id.
    pub(crate) fn new(app: &App) -> Self {
        Self::random(app, &Token::random(&*app.rng).encode())
    }

    /// A new token for a challenge.
    pub(crate) fn random(app: &App, challenge: &str) -> Self {
        Self { challenge: challenge.to_owned(), secret: Token::random(&*app.rng) }
    }

    /// The token as it is sent.
    pub(crate) fn encode(&self) -> String {
        format!("{}.{}", self.challenge, self.secret.encode())
    }

    /// The challenge that the token is of, if it is of that purpose, stands at that step, and the token is the right one for it.
    ///
    /// # Errors
    /// `invalid_code` otherwise; `temporarily_unavailable`.
    pub(crate) async fn redeem(&self, app: &App, purpose: ChallengeKind, step: Step) -> Result<Challenge, Error> {
        let now = app.clock.now();
        let challenge = app.store.challenge(&self.challenge, purpose, now).await?.ok_or(Error::InvalidCode)?;
        let answer = match (&challenge.pending, step) {
            (Pending::Mailed { link: Some(link), .. }, Step::Link) => link,
            (Pending::Proven(token), Step::Next) => token,
            _ => return Err(Error::InvalidCode),
        };
        let right = same(self.hash(app).await?.as_bytes(), answer.hash.as_bytes());
        if right && now < answer.expires_at { Ok(challenge) } else { Err(Error::InvalidCode) }
    }

    /// What the table keeps of it.
    pub(crate) async fn hash(&self, app: &App) -> Result<String, Error> {
        let index = app.keyring.get(KeyPurpose::Index).await?;
        Ok(lookup_hash(&index, Subject::ContinuationToken, &[self.challenge.as_bytes(), self.secret.bytes()].concat()))
    }
}

impl FromJson for ContinuationToken {
    fn from_json(value: serde_json::Value) -> Result<Self, String> {
        let text = String::from_json(value)?;
        // What doesn't look like a token leads nowhere, which is for the operation to say, like of any other wrong token.
        let (challenge, secret) = text.split_once('.').unwrap_or_default();
        let known = Token::parse(challenge).and(Token::parse(secret));
        Ok(match known {
            Some(secret) => Self { challenge: challenge.to_owned(), secret },
            None => Self { challenge: String::new(), secret: Token::from_bytes([0; 32]) },
        })
    }
}
