//! Continuation tokens: links in mails, and the tokens of `password_required` and `mfa_required`. A token names its
//! challenge and holds 32 random bytes. The table has a keyed hash of them.

use shared::{
    app::App,
    clock::Timestamp,
    crypto::{
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        secret::{Token, constant_time_eq},
    },
    error::Error,
    fields::{FromJson, schema::Described},
    store::{Challenge, Expected, ExpectedSecret, Payload},
};

/// The step of a challenge that a token leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The token was mailed as a link.
    Link,
    /// The token proves the step before.
    Next,
}

pub(crate) struct ContinuationToken {
    pub(crate) challenge: String,
    secret: Token,
}

impl ContinuationToken {
    /// A new token for a new challenge.
    pub(crate) fn new(app: &App) -> Self {
        Self::for_challenge(app, &Token::random(&*app.rng).encode())
    }

    pub(crate) fn for_challenge(app: &App, challenge: &str) -> Self {
        Self { challenge: challenge.to_owned(), secret: Token::random(&*app.rng) }
    }

    /// The token of a challenge with a secret that the client has had before, such as a cookie's value.
    pub(crate) fn bound(challenge: &str, secret: Token) -> Self {
        Self { challenge: challenge.to_owned(), secret }
    }

    /// The token in the form that clients get.
    pub(crate) fn encode(&self) -> String {
        format!("{}.{}", self.challenge, self.secret.encode())
    }

    /// The challenge of the token, if the token is correct for this step of it.
    ///
    /// # Errors
    /// `invalid_code` otherwise; `temporarily_unavailable`.
    pub(crate) async fn redeem<P: Payload>(&self, app: &App, step: Step) -> Result<Challenge<P>, Error> {
        let now = app.clock.now();
        let challenge = app.store.challenge::<P>(&self.challenge, now).await?.ok_or(Error::InvalidCode)?;
        let expected = match (&challenge.expected, step) {
            (Expected::Mailed { link: Some(link), .. }, Step::Link) => link,
            (Expected::ContinuationToken(token), Step::Next) => token,
            _ => return Err(Error::InvalidCode),
        };
        if self.is_right(app, expected).await? { Ok(challenge) } else { Err(Error::InvalidCode) }
    }

    /// Whether the token has this hash, which has not expired.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub(crate) async fn is_right(&self, app: &App, expected: &ExpectedSecret) -> Result<bool, Error> {
        let right = constant_time_eq(self.hash(app).await?.as_bytes(), expected.hash.as_bytes());
        Ok(right && app.clock.now() < expected.expires_at)
    }

    /// The expected secret that a challenge stores.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub(crate) async fn expected(&self, app: &App, expires_at: Timestamp) -> Result<ExpectedSecret, Error> {
        Ok(ExpectedSecret { hash: self.hash(app).await?, expires_at })
    }

    /// The keyed hash of the token.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the `index` key.
    pub(crate) async fn hash(&self, app: &App) -> Result<String, Error> {
        let index = app.keyring.get(KeyPurpose::Index).await?;
        Ok(lookup_hash(&index, Subject::ContinuationToken, &[self.challenge.as_bytes(), self.secret.bytes()].concat()))
    }
}

impl FromJson for ContinuationToken {
    fn from_json(value: serde_json::Value) -> Result<Self, String> {
        let text = String::from_json(value)?;
        // A text of another form is a wrong token, and every wrong token gets the operation's answer.
        let (challenge, secret) = text.split_once('.').unwrap_or_default();
        let known = Token::parse(challenge).and(Token::parse(secret));
        Ok(match known {
            Some(secret) => Self { challenge: challenge.to_owned(), secret },
            None => Self { challenge: String::new(), secret: Token::from_bytes([0; 32]) },
        })
    }
}

impl Described for ContinuationToken {
    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "string", "minLength": 1, "examples": ["q5UDmRyUeHXCYWFCVoFZ7g.q5UDmRyUeHXCYWFCVoFZ7g"] })
    }
}
