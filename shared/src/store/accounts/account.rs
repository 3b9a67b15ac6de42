//! An account's profile, and the owners of addresses and usernames.

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::{
        account::Status,
        device::TrustTerms,
        disowned_login::{DisownedLogins, Enrolment},
        former_addresses::FormerAddresses,
        ids::UserId,
        language::Language,
    },
    error::Error,
    store::{
        Item, Store, StoredIdentity, StoredPasskey, Table,
        accounts::email::KEPT_UNTIL,
        dynamodb::keys::{self, Key},
    },
};

/// The account's status and session epoch are as they were loaded. [`Account::unchanged`] has the values.
pub(in crate::store) const UNCHANGED: &str = "account_status = :status AND session_epoch = :epoch";

/// The password was not changed since the account was loaded. A new hash of the same password is no change. The values are
/// `:passwords`, the account's password epoch.
pub(in crate::store) const SAME_PASSWORD: &str =
    "(password_epoch = :passwords OR attribute_not_exists(password_epoch))";

/// What a change of the password does to the account's other sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherSessions {
    Keep,
    End,
}

/// An account as it is stored. Personal fields are still encrypted.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: UserId,
    pub status: Status,
    /// The password's hash (a PHC string).
    pub password: Option<String>,
    /// The recovery key's hash (a PHC string).
    pub recovery_key: Option<String>,
    /// [`Account::EMAIL`].
    pub email: Option<String>,
    /// The lookup hash of the address.
    pub email_hash: Option<String>,
    /// [`Account::USERNAME`].
    pub username: Option<String>,
    /// The lookup hash of the username.
    pub username_hash: Option<String>,
    /// [`Account::NAME`].
    pub name: Option<String>,
    /// [`Account::BIO`].
    pub bio: Option<String>,
    /// [`Account::PICTURE`].
    pub picture: Option<String>,
    /// The addresses that a change replaced.
    pub former_addresses: FormerAddresses,
    /// The challenge of the pending change of the address.
    pub email_challenge: Option<String>,
    /// The language of mails to the owner.
    pub language: Language,
    pub roles: Vec<String>,
    pub permissions: Vec<String>,
    /// Sessions of an older epoch have ended. Raising it ends all sessions in one write.
    pub session_epoch: i64,
    /// Devices of an older epoch are no longer recognised. Raising it revokes all devices in one write.
    pub device_epoch: i64,
    /// The number of times that the password was changed or reset. It ends pending logins, reset links and trusts of devices.
    pub password_epoch: i64,
    /// The time from which logins need a second factor. `None` while MFA is off, or if it was turned on after a login that
    /// the owner disowned.
    pub mfa_since: Option<Timestamp>,
    /// The logins that the owner disowned.
    pub disowned: DisownedLogins,
    /// Whether MFA is stored that counts as absent, because it was turned on after a login that the owner disowned.
    pub has_void_mfa: bool,
    /// The number of passkeys. Void ones count until they are swept.
    pub passkeys: i64,
    /// The number of those that are not verified.
    pub unverified_passkeys: i64,
    /// At least the number of active sessions.
    pub session_bound: i64,
    /// At least the number of stored devices.
    pub device_bound: i64,
    /// [`Account::LOGIN_HISTORY`].
    pub login_history: Option<String>,
    pub created_at: Timestamp,
    /// The time of the last change of the profile, if there was one.
    pub profile_updated_at: Option<Timestamp>,
    pub last_login_at: Option<Timestamp>,
    /// [`Account::LAST_LOGIN_IP`].
    pub last_login_ip: Option<String>,
    /// [`Account::LAST_LOGIN_USER_AGENT`].
    pub last_login_user_agent: Option<String>,
}

/// The part of its last login that an account keeps.
#[derive(Debug, Clone)]
pub struct LastLogin {
    pub at: Timestamp,
    /// [`Account::LAST_LOGIN_IP`].
    pub ip: String,
    /// [`Account::LAST_LOGIN_USER_AGENT`].
    pub user_agent: String,
    /// [`Account::LOGIN_HISTORY`] with this login in it. `None` while the login waits for a mailed code.
    pub login_history: Option<String>,
    /// The language that the account gets, if it changes.
    pub language: Option<Language>,
    /// The change of [`Account::session_bound`].
    pub session_bound: Bound,
    /// The change of [`Account::device_bound`].
    pub device_bound: Bound,
}

/// A way to log in that an account keeps when another one goes.
#[derive(Debug, Clone)]
pub enum WayIn {
    Password,
    /// Another passkey, which is known to work.
    Passkey(StoredPasskey),
    /// A login by mail, to the account's address.
    Mail,
    /// An identity of a provider that the deployment offers.
    Identity(StoredIdentity),
}

/// A change of an upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Keep,
    Increment,
    /// The number was counted.
    Set(usize),
}

impl Bound {
    /// The `SET` clause of the attribute, after others, and its values.
    pub(super) fn clause(self, attribute: &str, values: Item) -> (String, Item) {
        match self {
            Self::Keep => (String::new(), values),
            Self::Increment => (
                format!(", {attribute} = if_not_exists({attribute}, :none) + :one"),
                values.with_number(":none", 0).with_number(":one", 1),
            ),
            Self::Set(number) => {
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                (format!(", {attribute} = :{attribute}"), values.with_number(&format!(":{attribute}"), number))
            }
        }
    }
}

/// Something that was enrolled in an account: a passkey or an identity.
pub trait Enrolled {
    fn enrolment(&self) -> Enrolment;
}

impl Account {
    pub const EMAIL: Field = Self::field("email", KeyPurpose::FieldContact);
    pub const USERNAME: Field = Self::field("username", KeyPurpose::FieldContact);
    pub const NAME: Field = Self::field("name", KeyPurpose::FieldContact);
    pub const BIO: Field = Self::field("bio", KeyPurpose::FieldContact);
    pub const PICTURE: Field = Self::field("picture", KeyPurpose::FieldContact);
    /// Why the owner deactivated the account.
    pub const DEACTIVATION_REASON: Field = Self::field("deactivation_reason", KeyPurpose::FieldContact);
    pub const LAST_LOGIN_IP: Field = Self::field("last_login_ip", KeyPurpose::FieldIp);
    pub const LAST_LOGIN_USER_AGENT: Field = Self::field("last_login_user_agent", KeyPurpose::FieldSession);
    /// The locations and times of earlier logins, as JSON.
    pub const LOGIN_HISTORY: Field = Self::field("login_history", KeyPurpose::FieldSession);

    const fn field(attribute: &'static str, purpose: KeyPurpose) -> Field {
        Field { table: Table::Accounts.as_str(), attribute, purpose }
    }

    /// The key of an account's profile.
    pub fn key(id: &UserId) -> Key {
        Key::of_user(id, keys::PROFILE)
    }

    /// Whether the lookup hash is that of the account's address or username. A former address names the account too, as long as
    /// it is reserved, but it is none of them.
    pub fn is_named_by(&self, hash: &str) -> bool {
        [&self.email_hash, &self.username_hash].into_iter().flatten().any(|own| own == hash)
    }

    /// Whether something counts as absent, because it was enrolled after a login that the owner of the account disowned.
    pub fn voids(&self, enrolled: &impl Enrolled) -> bool {
        self.disowned.cover(enrolled.enrolment())
    }

    /// What is left without what the account voids.
    pub(in crate::store) fn without_void<T: Enrolled>(&self, mut enrolled: Vec<T>) -> Vec<T> {
        enrolled.retain(|one| !self.voids(one));
        enrolled
    }

    /// The number of passkeys that can be a second factor.
    pub const fn verified_passkeys(&self) -> i64 {
        self.passkeys - self.unverified_passkeys
    }

    /// What the trusts of devices depend on. `None` without MFA.
    pub fn trust_terms(&self) -> Option<TrustTerms> {
        let password_epoch = self.password_epoch;
        self.mfa_since.map(|mfa_since| TrustTerms { mfa_since, password_epoch })
    }

    /// The values of [`UNCHANGED`].
    pub(in crate::store) fn unchanged(&self) -> Item {
        Item::new().with_text(":status", self.status.as_str()).with_number(":epoch", self.session_epoch)
    }

    pub(super) fn item(&self) -> Item {
        Self::key(&self.id)
            .item()
            // "status" is a reserved word of DynamoDB's expressions.
            .with_text("account_status", self.status.as_str())
            .with_text_if("password", self.password.as_deref())
            .with_text_if("recovery_key", self.recovery_key.as_deref())
            .with_text_if("email", self.email.as_deref())
            .with_text_if("email_hash", self.email_hash.as_deref())
            .with_text_if("username", self.username.as_deref())
            .with_text_if("username_hash", self.username_hash.as_deref())
            .with_text_if("name", self.name.as_deref())
            .with_text_if("picture", self.picture.as_deref())
            .with_text("mail_language", self.language.tag)
            .with_texts("roles", &self.roles)
            .with_texts("permissions", &self.permissions)
            .with_number("session_epoch", self.session_epoch)
            .with_number("device_epoch", self.device_epoch)
            .with_time("created_at", self.created_at)
    }

    pub(in crate::store) fn from_item(id: &UserId, item: &Item) -> Result<Self, Error> {
        let disowned = DisownedLogins::parse(&item.texts("disowned"));
        let disowned = disowned.ok_or_else(|| Error::internal("an account's disowned logins are unreadable"))?;
        let mfa_epoch = item.optional_number("mfa_epoch").unwrap_or_default();
        let stored_mfa = item.optional_time("mfa_since").map(|at| Enrolment { at, device_epoch: mfa_epoch });
        let mfa = stored_mfa.filter(|mfa| !disowned.cover(*mfa));
        Ok(Self {
            id: id.clone(),
            status: Status::parse(&item.text("account_status")?)
                .ok_or_else(|| Error::internal("an unknown account status"))?,
            password: item.optional_text("password"),
            recovery_key: item.optional_text("recovery_key"),
            email: item.optional_text("email"),
            email_hash: item.optional_text("email_hash"),
            username: item.optional_text("username"),
            username_hash: item.optional_text("username_hash"),
            name: item.optional_text("name"),
            bio: item.optional_text("bio"),
            picture: item.optional_text("picture"),
            former_addresses: FormerAddresses::parse(&item.texts("former_addresses"))
                .ok_or_else(|| Error::internal("an account's former addresses are unreadable"))?,
            email_challenge: item.optional_text("email_challenge"),
            // Accounts from before mails had languages have none.
            language: item.optional_text("mail_language").as_deref().and_then(Language::find).unwrap_or_default(),
            roles: item.texts("roles"),
            permissions: item.texts("permissions"),
            session_epoch: item.number("session_epoch")?,
            // Accounts from before devices existed have none.
            device_epoch: item.optional_number("device_epoch").unwrap_or_default(),
            password_epoch: item.optional_number("password_epoch").unwrap_or_default(),
            mfa_since: mfa.map(|mfa| mfa.at),
            has_void_mfa: stored_mfa.is_some() && mfa.is_none(),
            disowned,
            passkeys: item.optional_number("passkeys").unwrap_or_default(),
            unverified_passkeys: item.optional_number("unverified_passkeys").unwrap_or_default(),
            session_bound: item.optional_number("session_bound").unwrap_or_default(),
            device_bound: item.optional_number("device_bound").unwrap_or_default(),
            login_history: item.optional_text("login_history"),
            created_at: item.time("created_at")?,
            profile_updated_at: item.optional_time("profile_updated_at"),
            last_login_at: item.optional_time("last_login_at"),
            last_login_ip: item.optional_text("last_login_ip"),
            last_login_user_agent: item.optional_text("last_login_user_agent"),
        })
    }
}

/// The value of the account's disowned logins with one more.
pub(in crate::store) fn void_since(account: &Account, login: Enrolment) -> Item {
    Item::new().with_texts(":disowned", &account.disowned.with(login.at, account.device_epoch).to_texts())
}

impl Store {
    /// The user with that e-mail address, by its lookup hash. It may be a former address, which is still reserved.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn email_owner(&self, hash: &str, now: Timestamp) -> Result<Option<UserId>, Error> {
        let Some(item) = self.get(Table::Accounts, keys::email(hash)).await? else { return Ok(None) };
        match item.optional_time(KEPT_UNTIL) {
            Some(until) if until <= now => Ok(None),
            _ => owner(&item).map(Some),
        }
    }

    /// The user with that username, by its lookup hash.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn username_owner(&self, hash: &str) -> Result<Option<UserId>, Error> {
        let item = self.get(Table::Accounts, keys::username(hash)).await?;
        item.as_ref().map(owner).transpose()
    }
}

/// The user that a reservation names.
fn owner(reservation: &Item) -> Result<UserId, Error> {
    let id = UserId::parse(&reservation.text("user_id")?);
    id.ok_or_else(|| Error::internal("a reservation names no user"))
}
