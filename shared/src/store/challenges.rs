//! `challenges`: proofs that are asked for once. One implementation for everything that is single-use.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{Item, Store, Transaction, keys, update::Written};
use crate::{
    clock::Timestamp,
    crypto::{
        field::{Place, UserSalt},
        secret::Token,
    },
    domain::{
        challenge::{COMPLETION_SECONDS, MAX_ATTEMPTS, Purpose},
        ids::UserId,
    },
    error::Error,
};

/// What is guessed at. All guesses at a challenge are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// The mailed code.
    Code,
    /// The password of a registration, by whoever holds its link.
    LinkPassword,
}

/// What a challenge asks for at present.
#[derive(Debug, Clone)]
pub enum Pending {
    /// The code or the link of the last mail.
    Mail {
        /// The code's hash (a PHC string).
        code_hash: String,
        /// Until when the code is good.
        code_expires_at: Timestamp,
        /// The keyed hash of the link's secret.
        link_hash: String,
        /// Until when the link is good.
        link_expires_at: Timestamp,
    },
    /// Nothing more: the address is proven, and a token for the next step was given.
    Proven(Proven),
}

/// The step after the proof.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The keyed hash of the next step's token.
    pub token_hash: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// A challenge, with what a registration keeps until its address is proven: encrypted under the keys of the user to be.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// Its id, as the client has it.
    pub id: String,
    /// What it proves.
    pub purpose: Purpose,
    /// What it asks for.
    pub pending: Pending,
    /// How often it was sent; a code is only good for the mail that it was sent in.
    pub generation: i64,
    /// How often a code was guessed.
    pub attempts: u32,
    /// When it ends for good.
    pub ends_at: Timestamp,
    /// Made for an address that has an account: nothing ever proves it.
    pub decoy: bool,
    /// The id of the user to be.
    pub user_id: UserId,
    /// The user's own part of the keys.
    pub salt: UserSalt,
    /// The address (`field:contact`).
    pub email: String,
    /// The address's look-up hash.
    pub email_hash: String,
    /// The name (`field:contact`).
    pub name: Option<String>,
    /// The username (`field:contact`).
    pub username: Option<String>,
    /// The username's look-up hash.
    pub username_hash: Option<String>,
    /// The hash of the password that was given (a PHC string).
    pub password: Option<String>,
}

impl Challenge {
    /// Where a field of a challenge lies.
    pub fn place<'a>(item: &'a str, attribute: &'static str) -> Place<'a> {
        Place { table: "challenges", item, attribute }
    }

    /// The key of a challenge's item, as its fields are bound to it.
    pub fn item_key(id: &str) -> String {
        keys::challenge(id)
    }

    fn key(&self) -> Item {
        Item::new().with_text(keys::PK, keys::challenge(&self.id))
    }

    fn item(&self) -> Item {
        let item = self
            .key()
            .with_text("purpose", self.purpose.as_str())
            .with_number("generation", self.generation)
            .with_number("attempts", i64::from(self.attempts))
            .with_time("ends_at", self.ends_at)
            .with_bool("decoy", self.decoy)
            .with_text("user_id", self.user_id.to_string())
            .with_bytes("salt", self.salt.bytes())
            .with_text("email", &self.email)
            .with_text("email_hash", &self.email_hash)
            .with_text_if("name", self.name.as_deref())
            .with_text_if("username", self.username.as_deref())
            .with_text_if("username_hash", self.username_hash.as_deref())
            .with_text_if("password", self.password.as_deref())
            .with_number(keys::TTL, self.ends_at.seconds());
        match &self.pending {
            Pending::Mail { code_hash, code_expires_at, link_hash, link_expires_at } => item
                .with_text("code_hash", code_hash)
                .with_time("code_expires_at", *code_expires_at)
                .with_text("link_hash", link_hash)
                .with_time("link_expires_at", *link_expires_at),
            Pending::Proven(Proven { token_hash, expires_at }) => {
                item.with_text("token_hash", token_hash).with_time("token_expires_at", *expires_at)
            }
        }
    }

    fn from_item(id: &str, item: &Item) -> Result<Self, Error> {
        let purpose = item.text("purpose")?;
        let salt = item.bytes("salt")?.try_into().map_err(|_| Error::internal("a salt isn't 32 bytes"))?;
        let pending = match item.optional_text("token_hash") {
            Some(token_hash) => Pending::Proven(Proven { token_hash, expires_at: item.time("token_expires_at")? }),
            None => Pending::Mail {
                code_hash: item.text("code_hash")?,
                code_expires_at: item.time("code_expires_at")?,
                link_hash: item.text("link_hash")?,
                link_expires_at: item.time("link_expires_at")?,
            },
        };
        Ok(Self {
            id: id.to_owned(),
            purpose: [Purpose::Registration]
                .into_iter()
                .find(|known| known.as_str() == purpose)
                .ok_or_else(|| Error::internal("an unknown challenge purpose"))?,
            pending,
            generation: item.number("generation")?,
            attempts: u32::try_from(item.number("attempts")?).unwrap_or(MAX_ATTEMPTS),
            ends_at: item.time("ends_at")?,
            decoy: item.flag("decoy"),
            user_id: UserId::parse(&item.text("user_id")?)
                .ok_or_else(|| Error::internal("a challenge names no user"))?,
            salt: UserSalt::from_bytes(salt),
            email: item.text("email")?,
            email_hash: item.text("email_hash")?,
            name: item.optional_text("name"),
            username: item.optional_text("username"),
            username_hash: item.optional_text("username_hash"),
            password: item.optional_text("password"),
        })
    }
}

impl Store {
    /// A challenge of that purpose, if it hasn't ended.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn challenge(&self, id: &str, purpose: Purpose, now: Timestamp) -> Result<Option<Challenge>, Error> {
        if Token::parse(id).is_none() {
            return Ok(None); // none of our ids, and maybe longer than DynamoDB takes a key
        }
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.challenges)
            .key(keys::PK, AttributeValue::S(keys::challenge(id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::aws("GetItem", &error))?;
        let Some(item) = answer.item.map(Item) else { return Ok(None) };
        let challenge = Challenge::from_item(id, &item)?;
        Ok((challenge.purpose == purpose && now < challenge.ends_at).then_some(challenge))
    }

    /// Reserves an attempt at a challenge, before anything is compared, so that parallel guesses can't pass the limit.
    /// `None`: there is no such challenge, it has expired or was used, or its attempts are used up.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the attempt may have been counted.
    pub async fn reserve_attempt(
        &self,
        id: &str,
        purpose: Purpose,
        at: Guess,
        now: Timestamp,
    ) -> Result<Option<Challenge>, Error> {
        if Token::parse(id).is_none() {
            return Ok(None);
        }
        let values = Item::new()
            .with_number(":one", 1)
            .with_number(":most", i64::from(MAX_ATTEMPTS))
            .with_text(":purpose", purpose.as_str())
            .with_time(":now", now);
        let until = match at {
            Guess::Code => "code_expires_at",
            Guess::LinkPassword => "link_expires_at",
        };
        let update = "SET attempts = attempts + :one";
        let condition = format!("purpose = :purpose AND attempts < :most AND {until} > :now AND ends_at > :now");
        let key = Item::new().with_text(keys::PK, keys::challenge(id));
        match self.update(&self.tables.challenges, key, update, &condition, values, ReturnValue::AllNew).await? {
            Written::Done(item) => Challenge::from_item(id, &item).map(Some),
            Written::Refused(_) => Ok(None),
        }
    }
}

impl Transaction {
    /// Issues a challenge.
    pub fn issue_challenge(&mut self, store: &Store, challenge: &Challenge) {
        self.put_new("challenge", &store.tables.challenges, challenge.item());
    }

    /// Sends a challenge again: what it asked for so far stops working, the count of attempts stays. Refused as `challenge` if
    /// it was proven or sent again meanwhile.
    pub fn reissue_challenge(&mut self, store: &Store, challenge: &Challenge, pending: &Pending) {
        let Pending::Mail { code_hash, code_expires_at, link_hash, link_expires_at } = pending else { return };
        let values = Item::new()
            .with_text(":code", code_hash)
            .with_time(":code_until", *code_expires_at)
            .with_text(":link", link_hash)
            .with_time(":link_until", *link_expires_at)
            .with_number(":generation", challenge.generation)
            .with_number(":one", 1);
        self.update(
            "challenge",
            &store.tables.challenges,
            challenge.key(),
            "SET code_hash = :code, code_expires_at = :code_until, link_hash = :link, link_expires_at = :link_until, \
             generation = generation + :one",
            Some("generation = :generation AND attribute_exists(code_hash)"),
            values,
        );
    }

    /// Takes a right answer in: the code and link are spent, and a token for the next step takes their place. A password that was
    /// given before is forgotten. Refused as `challenge` if somebody was faster.
    pub fn prove_challenge(&mut self, store: &Store, challenge: &Challenge, token_hash: &str, now: Timestamp) {
        let values = Item::new()
            .with_text(":token", token_hash)
            .with_time(":until", now.plus_seconds(COMPLETION_SECONDS))
            .with_number(":ttl", now.plus_seconds(COMPLETION_SECONDS).seconds())
            .with_number(":generation", challenge.generation);
        self.update(
            "challenge",
            &store.tables.challenges,
            challenge.key(),
            &format!(
                "SET token_hash = :token, token_expires_at = :until, ends_at = :until, {} = :ttl \
                 REMOVE code_hash, code_expires_at, link_hash, link_expires_at, password",
                keys::TTL
            ),
            Some("generation = :generation AND attribute_exists(code_hash)"),
            values,
        );
    }

    /// Consumes a challenge: it is gone, with all that it kept. Refused as `challenge` if somebody was faster or it was sent
    /// again meanwhile.
    pub fn consume_challenge(&mut self, store: &Store, challenge: &Challenge) {
        let (condition, values) = match &challenge.pending {
            Pending::Mail { code_hash, .. } => ("code_hash = :known", Item::new().with_text(":known", code_hash)),
            Pending::Proven(proven) => ("token_hash = :known", Item::new().with_text(":known", &proven.token_hash)),
        };
        self.delete("challenge", &store.tables.challenges, challenge.key(), condition, values);
    }
}

impl Store {
    /// Gives an attempt back that was right and yet had no effect, since something else was in the way.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the attempt then stays counted.
    pub async fn return_attempt(&self, challenge: &Challenge) -> Result<(), Error> {
        let values = Item::new().with_number(":one", 1).with_number(":none", 0);
        let update = "SET attempts = attempts - :one";
        self.update(&self.tables.challenges, challenge.key(), update, "attempts > :none", values, ReturnValue::None)
            .await?;
        Ok(())
    }
}
