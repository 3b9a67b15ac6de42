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
    /// The second factor of a login, by whoever holds the token that the first gave.
    SecondFactor,
    /// A passkey's signature. Nobody guesses one; what is bounded is the work of looking.
    Signature,
}

/// What a challenge asks for at present.
#[derive(Debug, Clone)]
pub enum Pending {
    /// What was mailed last.
    Mailed {
        /// A code, as a password hash (a PHC string).
        code: Option<Answer>,
        /// A link's secret, as a keyed hash.
        link: Option<Answer>,
    },
    /// Nothing more: it is proven, and a token for the next step was given, of which this is the keyed hash.
    Proven(Answer),
    /// A passkey's signature, which is compared with nothing that is stored here.
    Signature,
}

/// A right answer's hash, and until when it is right.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The hash.
    pub hash: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What a challenge is about, one for each purpose.
#[derive(Debug, Clone)]
pub enum About {
    /// Somebody registers.
    Registration(Box<Registration>),
    /// Somebody signed in, in the session of that look-up hash, proves once more who they are.
    Reauthentication(String),
    /// Somebody may say that a login wasn't theirs, while the account's device epoch is that.
    DisownedLogin(i64),
    /// Somebody may set another password, while the account's device epoch is that.
    PasswordReset(i64),
    /// Somebody gave a first factor, and owes a second.
    SecondFactor(Box<SecondFactor>),
    /// Somebody signed in adds a passkey.
    PasskeyRegistration(PasskeyRegistration),
    /// Somebody proves who they are with a passkey.
    PasskeyAssertion(PasskeyAssertion),
}

/// What a login keeps between its factors.
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// The account's session epoch at the first factor: what ends sessions ends this login too.
    pub session_epoch: i64,
    /// How the first factor was given (RFC 8176).
    pub amr: Vec<String>,
    /// How tokens are to reach the client, and which device it is (`field:session`).
    pub options: String,
    /// The hash of the mailed code (a PHC string), where one is asked for in place of a second factor.
    pub code: Option<String>,
}

/// What the adding of a passkey keeps.
#[derive(Debug, Clone)]
pub struct PasskeyRegistration {
    /// The look-up hash of the session that asked.
    pub session_hash: String,
    /// WebAuthn's state (`field:mfa`).
    pub state: String,
}

/// What the asking for a passkey keeps.
#[derive(Debug, Clone)]
pub struct PasskeyAssertion {
    /// Whether anybody's will do: the challenge is then for nobody.
    pub discoverable: bool,
    /// The challenge of the login whose second factor it is.
    pub second_factor_of: Option<String>,
    /// WebAuthn's state (`field:mfa`).
    pub state: String,
}

/// What a registration keeps until its address is proven: encrypted under the keys of the user to be.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Made for an address that has an account: nothing ever proves it.
    pub decoy: bool,
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

/// A challenge.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// Its id, as the client has it.
    pub id: String,
    /// Whom it is for, the user to be included.
    pub user_id: UserId,
    /// What it is about.
    pub about: About,
    /// What it asks for.
    pub pending: Pending,
    /// How often it was sent; a code is only good for the mail that it was sent in.
    pub generation: i64,
    /// How often a code was guessed.
    pub attempts: u32,
    /// When it ends for good.
    pub ends_at: Timestamp,
}

impl About {
    /// The purpose.
    pub const fn purpose(&self) -> Purpose {
        match self {
            Self::Registration(_) => Purpose::Registration,
            Self::Reauthentication(_) => Purpose::Reauthentication,
            Self::DisownedLogin(_) => Purpose::DisownedLogin,
            Self::PasswordReset(_) => Purpose::PasswordReset,
            Self::SecondFactor(_) => Purpose::SecondFactor,
            Self::PasskeyRegistration(_) => Purpose::PasskeyRegistration,
            Self::PasskeyAssertion(_) => Purpose::PasskeyAssertion,
        }
    }

    fn add_to(&self, item: Item) -> Item {
        match self {
            Self::Registration(registration) => item
                .with_bool("decoy", registration.decoy)
                .with_bytes("salt", registration.salt.bytes())
                .with_text("email", &registration.email)
                .with_text("email_hash", &registration.email_hash)
                .with_text_if("name", registration.name.as_deref())
                .with_text_if("username", registration.username.as_deref())
                .with_text_if("username_hash", registration.username_hash.as_deref())
                .with_text_if("password", registration.password.as_deref()),
            Self::Reauthentication(session) => item.with_text("session_hash", session),
            Self::DisownedLogin(epoch) | Self::PasswordReset(epoch) => item.with_number("device_epoch", *epoch),
            Self::SecondFactor(login) => item
                .with_number("session_epoch", login.session_epoch)
                .with_texts("amr", &login.amr)
                .with_text("options", &login.options)
                .with_text_if("mailed_code", login.code.as_deref()),
            Self::PasskeyRegistration(registration) => {
                item.with_text("session_hash", &registration.session_hash).with_text("state", &registration.state)
            }
            Self::PasskeyAssertion(assertion) => item
                .with_bool("discoverable", assertion.discoverable)
                .with_text_if("second_factor_of", assertion.second_factor_of.as_deref())
                .with_text("state", &assertion.state),
        }
    }

    fn from_item(item: &Item) -> Result<Self, Error> {
        let purpose = Purpose::parse(&item.text("purpose")?);
        Ok(match purpose.ok_or_else(|| Error::internal("an unknown challenge purpose"))? {
            Purpose::Registration => {
                let salt = item.bytes("salt")?.try_into().map_err(|_| Error::internal("a salt isn't 32 bytes"))?;
                Self::Registration(Box::new(Registration {
                    decoy: item.flag("decoy"),
                    salt: UserSalt::from_bytes(salt),
                    email: item.text("email")?,
                    email_hash: item.text("email_hash")?,
                    name: item.optional_text("name"),
                    username: item.optional_text("username"),
                    username_hash: item.optional_text("username_hash"),
                    password: item.optional_text("password"),
                }))
            }
            Purpose::Reauthentication => Self::Reauthentication(item.text("session_hash")?),
            Purpose::DisownedLogin => Self::DisownedLogin(item.number("device_epoch")?),
            Purpose::PasswordReset => Self::PasswordReset(item.number("device_epoch")?),
            Purpose::SecondFactor => Self::SecondFactor(Box::new(SecondFactor {
                session_epoch: item.number("session_epoch")?,
                amr: item.texts("amr"),
                options: item.text("options")?,
                code: item.optional_text("mailed_code"),
            })),
            Purpose::PasskeyRegistration => Self::PasskeyRegistration(PasskeyRegistration {
                session_hash: item.text("session_hash")?,
                state: item.text("state")?,
            }),
            Purpose::PasskeyAssertion => Self::PasskeyAssertion(PasskeyAssertion {
                discoverable: item.flag("discoverable"),
                second_factor_of: item.optional_text("second_factor_of"),
                state: item.text("state")?,
            }),
        })
    }
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

    /// What a registration keeps.
    ///
    /// # Errors
    /// `internal` for a challenge of another purpose.
    pub fn registration(&self) -> Result<&Registration, Error> {
        match &self.about {
            About::Registration(registration) => Ok(registration),
            _ => Err(Error::internal("a challenge is not a registration")),
        }
    }

    fn item(&self) -> Item {
        let item = self
            .key()
            .with_text("purpose", self.about.purpose().as_str())
            .with_number("generation", self.generation)
            .with_number("attempts", i64::from(self.attempts))
            .with_time("ends_at", self.ends_at)
            .with_text("user_id", self.user_id.to_string())
            .with_number(keys::TTL, self.ends_at.seconds());
        self.pending.names().into_iter().fold(
            self.about.add_to(item),
            |item, (hash, expires_at, answer)| match answer {
                Some(answer) => item.with_text(hash, &answer.hash).with_time(expires_at, answer.expires_at),
                None => item,
            },
        )
    }

    fn from_item(id: &str, item: &Item) -> Result<Self, Error> {
        let answer = |hash: &str, expires_at: &str| -> Result<Option<Answer>, Error> {
            let Some(hash) = item.optional_text(hash) else { return Ok(None) };
            Ok(Some(Answer { hash, expires_at: item.time(expires_at)? }))
        };
        let about = About::from_item(item)?;
        let pending = match answer("token_hash", "token_expires_at")? {
            Some(token) => Pending::Proven(token),
            None if matches!(about, About::PasskeyRegistration(_) | About::PasskeyAssertion(_)) => Pending::Signature,
            None => Pending::Mailed {
                code: answer("code_hash", "code_expires_at")?,
                link: answer("link_hash", "link_expires_at")?,
            },
        };
        Ok(Self {
            id: id.to_owned(),
            user_id: UserId::parse(&item.text("user_id")?)
                .ok_or_else(|| Error::internal("a challenge names no user"))?,
            about,
            pending,
            generation: item.number("generation")?,
            attempts: u32::try_from(item.number("attempts")?).unwrap_or(MAX_ATTEMPTS),
            ends_at: item.time("ends_at")?,
        })
    }
}

impl Pending {
    /// The attributes that each answer lies in.
    const fn names(&self) -> [(&'static str, &'static str, Option<&Answer>); 3] {
        let (code, link, token) = match self {
            Self::Mailed { code, link } => (code.as_ref(), link.as_ref(), None),
            Self::Proven(token) => (None, None, Some(token)),
            Self::Signature => (None, None, None),
        };
        [
            ("code_hash", "code_expires_at", code),
            ("link_hash", "link_expires_at", link),
            ("token_hash", "token_expires_at", token),
        ]
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
        Ok((challenge.about.purpose() == purpose && now < challenge.ends_at).then_some(challenge))
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
            Guess::SecondFactor => "token_expires_at",
            Guess::Signature => "ends_at",
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
        let mut values = Item::new().with_number(":generation", challenge.generation).with_number(":one", 1);
        let mut update = "SET generation = generation + :one".to_owned();
        for (hash, expires_at, answer) in pending.names() {
            if let Some(answer) = answer {
                update.push_str(&format!(", {hash} = :{hash}, {expires_at} = :{expires_at}"));
                values = values
                    .with_text(&format!(":{hash}"), &answer.hash)
                    .with_time(&format!(":{expires_at}"), answer.expires_at);
            }
        }
        let condition = "generation = :generation AND attribute_not_exists(token_hash)";
        self.update("challenge", &store.tables.challenges, challenge.key(), &update, Some(condition), values);
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
            Some("generation = :generation AND attribute_not_exists(token_hash)"),
            values,
        );
    }

    /// Takes a challenge away by its id, whatever it asks for, if it is there.
    pub fn withdraw_challenge(&mut self, store: &Store, id: &str) {
        let key = Item::new().with_text(keys::PK, keys::challenge(id));
        self.delete("withdrawn", &store.tables.challenges, key, None, Item::new());
    }

    /// Consumes a challenge: it is gone, with all that it kept. Refused as `challenge` if somebody was faster or it was sent
    /// again meanwhile.
    pub fn consume_challenge(&mut self, store: &Store, challenge: &Challenge) {
        let known = challenge.pending.names().into_iter().filter_map(|(hash, _, answer)| Some((hash, answer?)));
        let (mut conditions, mut values) = (vec!["attribute_exists(pk)".to_owned()], Item::new());
        for (hash, answer) in known {
            conditions.push(format!("{hash} = :{hash}"));
            values = values.with_text(&format!(":{hash}"), &answer.hash);
        }
        let condition = conditions.join(" AND ");
        self.delete("challenge", &store.tables.challenges, challenge.key(), Some(&condition), values);
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
