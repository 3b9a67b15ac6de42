//! Challenges: mailed codes and links, pending logins, WebAuthn states. One implementation issues a challenge, resends
//! it, reserves an attempt and consumes it. Each kind has a file with its [`Payload`].

mod authorization_code;
mod disowned_login;
mod email_change;
mod login_mail;
mod passkey_assertion;
mod passkey_registration;
mod password_reset;
mod provider_state;
mod reauthentication;
mod registration;
mod second_factor;

use aws_sdk_dynamodb::types::ReturnValue;

pub use authorization_code::{AuthorizationCode, RedeemedCode, StoredCode};
pub use disowned_login::DisownedLogin;
pub use email_change::{EmailChange, EmailChangeUndo};
pub use login_mail::{AskedBy, LoginMail, LoginMails, LoginSubject};
pub use passkey_assertion::PasskeyAssertion;
pub use passkey_registration::PasskeyRegistration;
pub use password_reset::PasswordReset;
pub use provider_state::ProviderState;
pub use reauthentication::Reauthentication;
pub use registration::Registration;
pub use second_factor::{PendingLink, SecondFactor};

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose, secret::Token},
    domain::{
        challenge::{COMPLETION_SECONDS, ChallengeKind, MAX_ATTEMPTS},
        ids::UserId,
    },
    error::Error,
    store::{
        Condition, Item, Store, Table, Transaction,
        dynamodb::{
            keys::{self, Key},
            update::{Update, Written},
        },
    },
};

/// What a challenge carries, such as the data of a registration.
pub trait Payload: Sized {
    const KIND: ChallengeKind;

    /// Attributes that proving the challenge removes, in addition to the code and the link: `, name`.
    const REMOVED_ON_PROOF: &'static str = "";

    /// Adds the payload's attributes to the challenge's item.
    fn write(&self, item: Item) -> Item;

    /// Reads the payload from the challenge's item.
    ///
    /// # Errors
    /// `internal` where an attribute is missing.
    fn read(item: &Item) -> Result<Self, Error>;
}

/// A secret that an attempt is made at. All attempts at a challenge are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// The mailed code.
    Code,
    /// The password of a registration, attempted with its link.
    LinkPassword,
    /// The second factor of a login, attempted with its continuation token.
    SecondFactor,
    /// A passkey's signature. Nobody guesses one, but each attempt costs work.
    Signature,
    /// A provider's answer, brought back by the browser that went there. Each attempt costs calls.
    ProviderAnswer,
}

/// What a correct answer is compared with.
#[derive(Debug, Clone)]
pub enum Expected {
    /// The last mail's code (a PHC string), link (the keyed hash of its token), or both.
    Mailed { code: Option<ExpectedSecret>, link: Option<ExpectedSecret> },
    /// The keyed hash of the continuation token for the next step. The challenge itself was proven.
    ContinuationToken(ExpectedSecret),
    /// A proof that is not compared with a stored hash: a passkey's signature, or an authorization code. The code's
    /// own hash is the challenge's id.
    NoStoredHash,
}

/// The hash of the correct answer, and its expiry.
#[derive(Debug, Clone)]
pub struct ExpectedSecret {
    pub hash: String,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct Challenge<P> {
    /// The id that the client has.
    pub id: String,
    /// The user, or the future user.
    pub user_id: UserId,
    pub payload: P,
    pub expected: Expected,
    /// The number of times it was sent. A code works only for the mail that contained it.
    pub generation: i64,
    pub attempts: u32,
    /// The final end of the challenge.
    pub ends_at: Timestamp,
}

/// The key of a challenge.
pub fn challenge_key(id: &str) -> Key {
    keys::challenge(id)
}

const fn field(attribute: &'static str, purpose: KeyPurpose) -> Field {
    Field { table: Table::Challenges.as_str(), attribute, purpose }
}

impl<P: Payload> Challenge<P> {
    /// A challenge that was not sent yet.
    pub fn new(id: &str, user_id: &UserId, payload: P, expected: Expected, ends_at: Timestamp) -> Self {
        let (id, user_id) = (id.to_owned(), user_id.clone());
        Self { id, user_id, payload, expected, generation: 1, attempts: 0, ends_at }
    }

    fn key(&self) -> Key {
        challenge_key(&self.id)
    }

    fn item(&self) -> Item {
        let item = self
            .key()
            .item()
            .with_text("kind", P::KIND.as_str())
            .with_number("generation", self.generation)
            .with_number("attempts", i64::from(self.attempts))
            .with_time("ends_at", self.ends_at)
            .with_text("user_id", self.user_id.to_string())
            .with_number(keys::TTL, self.ends_at.seconds());
        self.expected.secrets().fold(self.payload.write(item), |item, (names, secret)| {
            item.with_text(names.hash, &secret.hash).with_time(names.expires_at, secret.expires_at)
        })
    }

    fn from_item(id: &str, item: &Item) -> Result<Self, Error> {
        let user_id = UserId::parse(&item.text("user_id")?);
        Ok(Self {
            id: id.to_owned(),
            user_id: user_id.ok_or_else(|| Error::internal("a challenge names no user"))?,
            payload: P::read(item)?,
            expected: Expected::read(item)?,
            generation: item.number("generation")?,
            attempts: u32::try_from(item.number("attempts")?).unwrap_or(MAX_ATTEMPTS),
            ends_at: item.time("ends_at")?,
        })
    }
}

/// The attributes of an [`ExpectedSecret`].
struct Names {
    hash: &'static str,
    expires_at: &'static str,
}

const CODE: Names = Names { hash: "code_hash", expires_at: "code_expires_at" };
const LINK: Names = Names { hash: "link_hash", expires_at: "link_expires_at" };
const TOKEN: Names = Names { hash: "token_hash", expires_at: "token_expires_at" };

impl Expected {
    /// The secrets, each with its attributes.
    fn secrets(&self) -> impl Iterator<Item = (Names, &ExpectedSecret)> {
        let (code, link, token) = match self {
            Self::Mailed { code, link } => (code.as_ref(), link.as_ref(), None),
            Self::ContinuationToken(token) => (None, None, Some(token)),
            Self::NoStoredHash => (None, None, None),
        };
        [(CODE, code), (LINK, link), (TOKEN, token)].into_iter().filter_map(|(names, secret)| Some((names, secret?)))
    }

    fn read(item: &Item) -> Result<Self, Error> {
        let secret = |names: Names| -> Result<Option<ExpectedSecret>, Error> {
            let Some(hash) = item.optional_text(names.hash) else { return Ok(None) };
            Ok(Some(ExpectedSecret { hash, expires_at: item.time(names.expires_at)? }))
        };
        Ok(match (secret(CODE)?, secret(LINK)?, secret(TOKEN)?) {
            (_, _, Some(token)) => Self::ContinuationToken(token),
            (None, None, None) => Self::NoStoredHash,
            (code, link, None) => Self::Mailed { code, link },
        })
    }
}

impl Store {
    /// A challenge of this kind that has not ended.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn challenge<P: Payload>(&self, id: &str, now: Timestamp) -> Result<Option<Challenge<P>>, Error> {
        if Token::parse(id).is_none() {
            return Ok(None); // not one of our ids, and possibly longer than a key may be
        }
        let Some(item) = self.get(Table::Challenges, challenge_key(id)).await? else { return Ok(None) };
        if item.optional_text("kind").as_deref() != Some(P::KIND.as_str()) {
            return Ok(None);
        }
        Ok(Some(Challenge::from_item(id, &item)?).filter(|challenge| now < challenge.ends_at))
    }

    /// Reserves an attempt before anything is compared, so that parallel attempts cannot pass the limit. `None` if the
    /// challenge does not exist, has expired, was used, or has no attempts left.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the attempt may have been counted.
    pub async fn reserve_attempt<P: Payload>(
        &self,
        id: &str,
        at: SecretKind,
        now: Timestamp,
    ) -> Result<Option<Challenge<P>>, Error> {
        match self.reserve_limited_attempt(id, at, now).await {
            Err(Error::RateLimited { .. }) => Ok(None),
            reserved => reserved,
        }
    }

    /// As [`Store::reserve_attempt`], and tells a challenge without attempts left from one that does not exist.
    ///
    /// # Errors
    /// `rate_limited` until the end of a challenge that has no attempts left; as [`Store::reserve_attempt`].
    pub async fn reserve_limited_attempt<P: Payload>(
        &self,
        id: &str,
        at: SecretKind,
        now: Timestamp,
    ) -> Result<Option<Challenge<P>>, Error> {
        if Token::parse(id).is_none() {
            return Ok(None);
        }
        let values = Item::new()
            .with_number(":one", 1)
            .with_number(":most", i64::from(MAX_ATTEMPTS))
            .with_text(":kind", P::KIND.as_str())
            .with_time(":now", now);
        let expires_at = match at {
            SecretKind::Code => CODE.expires_at,
            SecretKind::LinkPassword => LINK.expires_at,
            SecretKind::SecondFactor | SecretKind::ProviderAnswer => TOKEN.expires_at,
            SecretKind::Signature => "ends_at",
        };
        let condition = format!("kind = :kind AND attempts < :most AND {expires_at} > :now AND ends_at > :now");
        let update = Update {
            key: challenge_key(id),
            expression: "SET attempts = attempts + :one",
            condition: Some(&condition),
            values,
        };
        match self.update(Table::Challenges, update, ReturnValue::AllNew).await? {
            Written::Done(item) => Challenge::from_item(id, &item).map(Some),
            Written::Refused(item) => {
                let is_of_kind = item.optional_text("kind").as_deref() == Some(P::KIND.as_str());
                let spent =
                    item.optional_number("attempts").is_some_and(|attempts| attempts >= i64::from(MAX_ATTEMPTS));
                let ends_at = item.optional_time("ends_at").filter(|ends_at| is_of_kind && spent && *ends_at > now);
                ends_at.map_or(Ok(None), |end| Err(Error::RateLimited { retry_after: end.seconds_from(now) }))
            }
        }
    }

    /// Refunds an attempt that was correct but had no effect, because another check refused it.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the attempt then stays counted.
    pub async fn refund_attempt<P: Payload>(&self, challenge: &Challenge<P>) -> Result<(), Error> {
        let update = Update {
            key: challenge.key(),
            expression: "SET attempts = attempts - :one",
            condition: Some("attempts > :none"),
            values: Item::new().with_number(":one", 1).with_number(":none", 0),
        };
        self.update(Table::Challenges, update, ReturnValue::None).await?;
        Ok(())
    }
}

impl Transaction {
    fn update_challenge<P: Payload>(
        &mut self,
        challenge: &Challenge<P>,
        expression: &str,
        condition: &str,
        values: Item,
    ) {
        let (key, condition) = (challenge.key(), Some(condition));
        self.update(Condition::Challenge, Table::Challenges, Update { key, expression, condition, values });
    }

    /// Issues a challenge.
    pub fn issue_challenge<P: Payload>(&mut self, challenge: &Challenge<P>) {
        self.put_new(Condition::Challenge, Table::Challenges, challenge.item());
    }

    /// Resends a challenge. The old code and link stop working, and the attempts stay counted. Fails with
    /// `Condition::Challenge` if it was proven or resent meanwhile.
    pub fn reissue_challenge<P: Payload>(&mut self, challenge: &Challenge<P>, expected: &Expected) {
        let mut values = Item::new().with_number(":generation", challenge.generation).with_number(":one", 1);
        let mut expression = "SET generation = generation + :one".to_owned();
        for (Names { hash, expires_at }, secret) in expected.secrets() {
            expression.push_str(&format!(", {hash} = :{hash}, {expires_at} = :{expires_at}"));
            values = values
                .with_text(&format!(":{hash}"), &secret.hash)
                .with_time(&format!(":{expires_at}"), secret.expires_at);
        }
        let condition = "generation = :generation AND attribute_not_exists(token_hash)";
        self.update_challenge(challenge, &expression, condition, values);
    }

    /// Marks the challenge as proven. Code and link are spent, and a continuation token replaces them. Fails with
    /// `Condition::Challenge` if another request came first.
    pub fn prove_challenge<P: Payload>(&mut self, challenge: &Challenge<P>, token_hash: &str, now: Timestamp) {
        let until = now.plus_seconds(COMPLETION_SECONDS);
        let values = Item::new()
            .with_text(":token", token_hash)
            .with_time(":until", until)
            .with_number(":ttl", until.seconds())
            .with_number(":generation", challenge.generation);
        let expression = format!(
            "SET token_hash = :token, token_expires_at = :until, ends_at = :until, {} = :ttl \
             REMOVE code_hash, code_expires_at, link_hash, link_expires_at{}",
            keys::TTL,
            P::REMOVED_ON_PROOF
        );
        let condition = "generation = :generation AND attribute_not_exists(token_hash)";
        self.update_challenge(challenge, &expression, condition, values);
    }

    /// Withdraws a challenge of any kind, if it exists.
    pub fn withdraw_challenge(&mut self, id: &str) {
        self.delete(Table::Challenges, &challenge_key(id));
    }

    /// Consumes a challenge with all its data. Fails with `Condition::Challenge` if another request came first, or it
    /// was resent meanwhile.
    pub fn consume_challenge<P: Payload>(&mut self, challenge: &Challenge<P>) {
        let (mut conditions, mut values) = (vec!["attribute_exists(pk)".to_owned()], Item::new());
        for (Names { hash, .. }, secret) in challenge.expected.secrets() {
            conditions.push(format!("{hash} = :{hash}"));
            values = values.with_text(&format!(":{hash}"), &secret.hash);
        }
        let condition = conditions.join(" AND ");
        self.delete_if(Condition::Challenge, Table::Challenges, &challenge.key(), &condition, values);
    }
}
