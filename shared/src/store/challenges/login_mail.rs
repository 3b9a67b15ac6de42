//! Login mails: the challenge of one mail, and the live mails of an address.

use crate::{
    clock::Timestamp,
    crypto::{
        field::{Field, UserSalt},
        key::KeyPurpose,
    },
    domain::challenge::{CODE_SECONDS, ChallengeKind, MAX_LOGIN_MAILS},
    error::Error,
    store::{
        Condition, Item, Payload, Store, Table, Transaction,
        challenges::field,
        dynamodb::{keys, update::Update},
    },
};

/// The person whom a login mail logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginSubject {
    /// The owner of the account with the challenge's user id.
    Owner,
    /// A new user. The proof creates the account.
    Newcomer,
    /// Nobody. No mail is sent, and nothing proves the challenge.
    Nobody,
}

impl LoginSubject {
    const ALL: [Self; 3] = [Self::Owner, Self::Newcomer, Self::Nobody];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Newcomer => "newcomer",
            Self::Nobody => "nobody",
        }
    }
}

/// The client that asks for a login mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// Its mails are not counted with the others of the address.
    RecognisedDevice,
    UnrecognisedDevice,
}

/// A login that waits for the proof of its address.
#[derive(Debug, Clone)]
pub struct LoginMail {
    pub subject: LoginSubject,
    /// The lookup hash of the address.
    pub email_hash: String,
    /// The login epoch of the address. A login raises it, and ends the address's other challenges so.
    pub epoch: i64,
    /// The salt of a newcomer, which the fields are encrypted under. An owner's fields are encrypted under the owner's salt,
    /// so that they become unreadable with it. The item always has a salt, so that it does not reveal which.
    pub salt: UserSalt,
    /// [`LoginMail::EMAIL`].
    pub email: String,
    /// [`LoginMail::OPTIONS`].
    pub options: String,
    /// Whether the options ask for cookies. It is readable before the account is loaded.
    pub by_cookie: bool,
    /// The lookup hash of the recognised device that asked. Guesses of its challenges are counted by it.
    pub device: Option<String>,
}

impl LoginMail {
    pub const EMAIL: Field = field("email", KeyPurpose::FieldContact);
    /// The session options of the request, as JSON.
    pub const OPTIONS: Field = field("options", KeyPurpose::FieldSession);
}

impl Payload for LoginMail {
    const KIND: ChallengeKind = ChallengeKind::LoginMail;

    fn write(&self, item: Item) -> Item {
        item.with_text("subject", self.subject.as_str())
            .with_text("email_hash", &self.email_hash)
            .with_number("login_epoch", self.epoch)
            .with_bytes("salt", self.salt.bytes())
            .with_text("email", &self.email)
            .with_text("options", &self.options)
            .with_bool("by_cookie", self.by_cookie)
            .with_text_if("device", self.device.as_deref())
    }

    fn read(item: &Item) -> Result<Self, Error> {
        let salt = item.bytes("salt")?.try_into().map_err(|_| Error::internal("a salt is not 32 bytes"))?;
        let subject = item.text("subject")?;
        let subject = LoginSubject::ALL.into_iter().find(|known| known.as_str() == subject);
        Ok(Self {
            subject: subject.ok_or_else(|| Error::internal("an unknown subject of a login mail"))?,
            email_hash: item.text("email_hash")?,
            epoch: item.number("login_epoch")?,
            salt: UserSalt::from_bytes(salt),
            email: item.text("email")?,
            options: item.text("options")?,
            by_cookie: item.flag("by_cookie"),
            device: item.optional_text("device"),
        })
    }
}

/// The live login mails of an address.
#[derive(Debug, Clone, Default)]
pub struct LoginMails {
    /// The number of logins that ended the mails before. It starts again when no mail is live.
    pub epoch: i64,
    /// The number of writes, for optimistic locking.
    version: i64,
    /// The ends of the mails that unrecognised devices asked for.
    ends: Vec<Timestamp>,
}

impl LoginMails {
    /// Requires that the address may have one more mail. Those of recognised devices are not counted.
    ///
    /// # Errors
    /// `rate_limited` until the first of the live mails ends.
    pub fn require_free(&self, now: Timestamp) -> Result<(), Error> {
        match self.ends.iter().min() {
            Some(first) if self.ends.len() >= MAX_LOGIN_MAILS => {
                Err(Error::RateLimited { retry_after: first.seconds_from(now) })
            }
            _ => Ok(()),
        }
    }
}

impl Store {
    /// The live login mails of an address, by its lookup hash.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn login_mails(&self, email_hash: &str, now: Timestamp) -> Result<LoginMails, Error> {
        let Some(item) = self.get(Table::Challenges, keys::login_mails(email_hash)).await? else {
            return Ok(LoginMails::default());
        };
        let ends = item.texts("ends");
        let ends = ends.iter().filter_map(|end| end.parse().ok()).map(Timestamp::from_millis);
        Ok(LoginMails {
            epoch: item.number("login_epoch")?,
            version: item.number("version")?,
            ends: ends.filter(|end| *end > now).collect(),
        })
    }
}

impl Transaction {
    /// Adds a mail to the live ones of an address. Fails with
    /// `Condition::LoginMails` if they changed after they were loaded.
    pub fn add_login_mail(&mut self, email_hash: &str, mails: &LoginMails, by: AskedBy, ends_at: Timestamp) {
        let ends = mails.ends.iter().copied().chain((by == AskedBy::UnrecognisedDevice).then_some(ends_at));
        let ends: Vec<String> = ends.map(|end| end.millis().to_string()).collect();
        let mut values = Item::new()
            .with_number(":epoch", mails.epoch)
            .with_number(":next", mails.version + 1)
            .with_texts(":ends", &ends)
            .with_number(":sweep", ends_at.seconds());
        let expression = format!("SET login_epoch = :epoch, version = :next, ends = :ends, {} = :sweep", keys::TTL);
        // An item that TTL removed has no version. Its next one starts again.
        let condition = if mails.version == 0 {
            "attribute_not_exists(version)"
        } else {
            values = values.with_number(":version", mails.version);
            "version = :version"
        };
        let key = keys::login_mails(email_hash);
        let update = Update { key, expression: &expression, condition: Some(condition), values };
        self.update(Condition::LoginMails, Table::Challenges, update);
    }

    /// Ends all login mails of a challenge's address. Fails with `Condition::LoginMails` if another login ended them.
    pub fn end_login_mails(&mut self, mail: &LoginMail, now: Timestamp) {
        let values = Item::new()
            .with_number(":epoch", mail.epoch)
            .with_number(":one", 1)
            .with_texts(":none", &[])
            // No mail of the old epoch is live when the item is removed.
            .with_number(":sweep", now.plus_seconds(CODE_SECONDS).seconds());
        let expression = format!(
            "SET login_epoch = login_epoch + :one, version = version + :one, ends = :none, {} = :sweep",
            keys::TTL
        );
        let key = keys::login_mails(&mail.email_hash);
        let update = Update { key, expression: &expression, condition: Some("login_epoch = :epoch"), values };
        self.update(Condition::LoginMails, Table::Challenges, update);
    }
}
