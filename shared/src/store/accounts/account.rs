//! An account's profile, and the reservations of its address and username.

use crate::{
    clock::Timestamp,
    crypto::{
        field::{Field, UserSalt},
        key::KeyPurpose,
    },
    domain::{
        account::Status,
        device::TrustTerms,
        disowned_login::{DisownedLogins, Enrolment},
        former_addresses::FormerAddresses,
        ids::UserId,
    },
    error::Error,
    store::{
        Condition, Factors, Item, MAX_PASSKEYS, PasswordReset, Store, StoredIdentity, StoredPasskey, Table,
        Transaction,
        accounts::email::KEPT_UNTIL,
        dynamodb::{
            keys::{self, Key},
            update::Update,
        },
    },
};

/// The account's status and session epoch are as they were loaded. [`Account::unchanged`] has the values.
pub(in crate::store) const UNCHANGED: &str = "account_status = :status AND session_epoch = :epoch";

/// The password was not changed since the account was loaded. A new hash of the same password is no change. The values are
/// `:passwords`, the account's password epoch.
pub(in crate::store) const SAME_PASSWORD: &str =
    "(password_epoch = :passwords OR attribute_not_exists(password_epoch))";

/// Sets another password. The values are `:new`, its hash, and `:next_password`, the next password epoch.
const NEW_PASSWORD: &str = "password = :new, password_epoch = :next_password";

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
    pub passkeys: i64,
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
    /// The change of [`Account::session_bound`].
    pub session_bound: Bound,
    /// The change of [`Account::device_bound`].
    pub device_bound: Bound,
}

/// A way to log in that an account keeps when another one goes.
#[derive(Debug, Clone)]
pub enum WayIn {
    Password,
    /// Another passkey.
    Passkey,
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
    fn clause(self, attribute: &str, values: Item) -> (String, Item) {
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

    /// What the trusts of devices depend on. `None` without MFA.
    pub fn trust_terms(&self) -> Option<TrustTerms> {
        let password_epoch = self.password_epoch;
        self.mfa_since.map(|mfa_since| TrustTerms { mfa_since, password_epoch })
    }

    /// The values of [`UNCHANGED`].
    pub(in crate::store) fn unchanged(&self) -> Item {
        Item::new().with_text(":status", self.status.as_str()).with_number(":epoch", self.session_epoch)
    }

    fn item(&self) -> Item {
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

impl Transaction {
    /// Creates an account: its profile, its salt, and the reservations of its address and username. Fails with
    /// `Condition::Email`, `Username` or `Account` if one exists.
    pub fn create_account(&mut self, account: &Account, salt: &UserSalt, login: &LastLogin) {
        if let Some(hash) = &account.email_hash {
            self.reserve_email(hash, &account.id, account.created_at);
        }
        if let Some(hash) = &account.username_hash {
            let reservation = keys::username(hash).item().with_text("user_id", account.id.to_string());
            self.put_new(Condition::Username, Table::Accounts, reservation);
        }
        let item = account
            .item()
            .with_time("last_login_at", login.at)
            .with_text("last_login_ip", &login.ip)
            .with_text("last_login_user_agent", &login.user_agent)
            .with_text_if("login_history", login.login_history.as_deref())
            .with_number("session_bound", 1)
            .with_number("device_bound", 1);
        self.put_new(Condition::Account, Table::Accounts, item);
        let salt = Key::partition(keys::user(&account.id)).item().with_bytes("salt", salt.bytes());
        self.put_new(Condition::Account, Table::UserKeys, salt);
    }

    /// Requires that the account is as it was loaded: the same status and session epoch.
    pub fn require_account(&mut self, account: &Account) {
        let key = Account::key(&account.id);
        self.check(Condition::Account, Table::Accounts, &key, UNCHANGED, account.unchanged());
    }

    /// Updates an account that is as it was loaded. `values` are added to those of [`UNCHANGED`].
    pub(in crate::store) fn update_account(&mut self, account: &Account, expression: &str, values: Item) {
        self.update_account_if(account, expression, UNCHANGED, values);
    }

    pub(in crate::store) fn update_account_if(
        &mut self,
        account: &Account,
        expression: &str,
        condition: &str,
        values: Item,
    ) {
        let (key, condition) = (Account::key(&account.id), Some(condition));
        self.update(Condition::Account, Table::Accounts, Update { key, expression, condition, values });
    }

    /// Changes the upper bound of an account's sessions, for one more of them.
    pub fn bound_sessions(&mut self, account: &Account, bound: Bound) {
        let (clause, values) = bound.clause("session_bound", account.unchanged());
        match clause.strip_prefix(", ") {
            Some(clause) => self.update_account(account, &format!("SET {clause}"), values),
            None => self.require_account(account),
        }
    }

    /// Raises the session epoch, which ends all sessions.
    pub fn raise_session_epoch(&mut self, account: &Account) {
        let values = account.unchanged().with_number(":one", 1);
        self.update_account(account, "SET session_epoch = session_epoch + :one, session_bound = :one", values);
    }

    /// Deactivates an account, and ends all sessions and pending logins. `reason` is [`Account::DEACTIVATION_REASON`].
    pub fn deactivate_account(&mut self, account: &Account, reason: Option<&str>) {
        let mut expression = "SET account_status = :deactivated, session_epoch = session_epoch + :one, \
                              session_bound = :one"
            .to_owned();
        let mut values =
            account.unchanged().with_number(":one", 1).with_text(":deactivated", Status::Deactivated.as_str());
        if let Some(reason) = reason {
            expression.push_str(", deactivation_reason = :reason");
            values = values.with_text(":reason", reason);
        }
        self.update_account(account, &expression, values);
    }

    /// Turns MFA on and raises the session epoch. Fails with `Condition::Account` if the account changed after it was
    /// loaded.
    pub fn turn_mfa_on(&mut self, account: &Account, now: Timestamp) {
        let values = account
            .unchanged()
            .with_time(":now", now)
            .with_number(":one", 1)
            .with_number(":devices", account.device_epoch);
        let expression =
            "SET session_epoch = session_epoch + :one, session_bound = :one, mfa_since = :now, mfa_epoch = :devices";
        self.update_account(account, expression, values);
    }

    /// Turns MFA off.
    pub fn turn_mfa_off(&mut self, account: &Account) {
        self.update_account(account, "REMOVE mfa_since, mfa_epoch", account.unchanged());
    }

    /// Counts one more passkey. Fails with `Condition::Account` also if the account already has [`MAX_PASSKEYS`].
    pub fn increment_passkeys(&mut self, account: &Account) {
        let values = account.unchanged().with_number(":one", 1).with_number(":most", MAX_PASSKEYS);
        let condition = format!("{UNCHANGED} AND (attribute_not_exists(passkeys) OR passkeys < :most)");
        self.update_account_if(account, "ADD passkeys :one", &condition, values);
    }

    /// Removes void passkeys, and counts them.
    pub fn sweep_passkeys(&mut self, account: &Account, void: &[StoredPasskey]) {
        void.iter().for_each(|passkey| self.remove_passkey(passkey));
        let less = i64::try_from(void.len()).unwrap_or(i64::MAX);
        let values = account.unchanged().with_number(":less", -less);
        self.update_account(account, "ADD passkeys :less", values);
    }

    /// Removes void MFA. Fails with `Condition::Account` if the account changed after it was loaded, so that MFA which was turned
    /// on meanwhile stays.
    pub fn sweep_mfa(&mut self, account: &Account) {
        self.turn_mfa_off(account);
        self.delete(Table::Accounts, &Factors::key(&account.id));
    }

    /// Counts one passkey less. `left` is the way in that the account keeps. Fails with `Condition::Account` also if the account
    /// does not have it any more.
    pub fn decrement_passkeys(&mut self, account: &Account, left: &WayIn) {
        let values = account.unchanged().with_number(":less", -1);
        let (condition, values) = self.keeps(left, values, 1);
        self.update_account_if(account, "ADD passkeys :less", &condition, values);
    }

    /// Requires that the account is as it was loaded, and has this way in.
    pub fn require_way_in(&mut self, account: &Account, left: &WayIn) {
        let (condition, values) = self.keeps(left, account.unchanged(), 0);
        self.check(Condition::Account, Table::Accounts, &Account::key(&account.id), &condition, values);
    }

    /// The condition that an account keeps a way in, and its values. `removed` passkeys are about to go.
    fn keeps(&mut self, left: &WayIn, values: Item, removed: i64) -> (String, Item) {
        match left {
            WayIn::Password => (format!("{UNCHANGED} AND attribute_exists(password)"), values),
            WayIn::Passkey => (format!("{UNCHANGED} AND passkeys > :removed"), values.with_number(":removed", removed)),
            WayIn::Mail => (format!("{UNCHANGED} AND attribute_exists(email_hash)"), values),
            WayIn::Identity(identity) => {
                self.require_identity(identity);
                (UNCHANGED.to_owned(), values)
            }
        }
    }

    /// Replaces the hash of the same password. Fails with `Condition::Account` also if the password changed.
    pub fn rehash(&mut self, account: &Account, hash: &str) {
        let known = account.password.as_deref().unwrap_or_default();
        let values = account.unchanged().with_text(":new", hash).with_text(":known", known);
        let condition = format!("{UNCHANGED} AND password = :known");
        self.update_account_if(account, "SET password = :new", &condition, values);
    }

    /// Sets another password, and ends every session and device. What was enrolled since a disowned login is void. Fails with
    /// `Condition::Account` if the password, the device epoch, the status or the address of a mailed link changed. A raised session epoch is accepted, because
    /// anybody with a session can raise it, even a thief.
    pub fn reset_password(&mut self, account: &Account, password: &str, reset: &PasswordReset) {
        let (mut set, mut values) = (NEW_PASSWORD.to_owned(), Item::new());
        if let Some(login) = reset.disowned {
            set.push_str(", disowned = :disowned");
            values = void_since(account, login);
        }
        let values = values.with_text(":new", password).with_number(":passwords", account.password_epoch);
        let values = values.with_number(":next_password", account.password_epoch + 1);
        let mut condition = format!(" AND {SAME_PASSWORD}");
        let values = match &reset.email_hash {
            Some(hash) => {
                condition.push_str(" AND email_hash = :address");
                values.with_text(":address", hash)
            }
            None => values,
        };
        self.revoke_all_access(account, &set, &condition, values);
    }

    /// Sets another password by a session, which goes on. Fails with `Condition::Account` also if the password changed.
    pub fn change_password(&mut self, account: &Account, password: &str, others: OtherSessions) {
        let mut values = account
            .unchanged()
            .with_text(":new", password)
            .with_number(":passwords", account.password_epoch)
            .with_number(":next_password", account.password_epoch + 1);
        let mut expression = format!("SET {NEW_PASSWORD}");
        if others == OtherSessions::End {
            expression.push_str(", session_epoch = session_epoch + :one, session_bound = :one");
            values = values.with_number(":one", 1);
        }
        self.update_account_if(account, &expression, &format!("{UNCHANGED} AND {SAME_PASSWORD}"), values);
    }

    /// Ends every session and device, and records a login as disowned. Passkeys and MFA enrolled since that login count as
    /// absent from then on. `passkey` made the login, and is removed. Fails as [`Transaction::reset_password`], and with
    /// `Condition::Passkey` if the passkey changed.
    pub fn disown_login(&mut self, account: &Account, login: Enrolment, passkey: Option<&StoredPasskey>) {
        let mut set = "disowned = :disowned".to_owned();
        if let Some(passkey) = passkey {
            self.remove_passkey(passkey);
            set.push_str(", passkeys = passkeys - :one");
        }
        self.revoke_all_access(account, &set, "", void_since(account, login));
    }

    /// `set` and `condition` are added to the update's own.
    pub(in crate::store) fn revoke_all_access(&mut self, account: &Account, set: &str, condition: &str, values: Item) {
        let values = values
            .with_text(":status", account.status.as_str())
            .with_number(":one", 1)
            .with_number(":devices", account.device_epoch)
            .with_number(":next", account.device_epoch + 1);
        let expression =
            format!("SET session_epoch = session_epoch + :one, session_bound = :one, device_epoch = :next, {set}");
        let condition = format!(
            "account_status = :status AND (device_epoch = :devices OR attribute_not_exists(device_epoch)){condition}"
        );
        self.update_account_if(account, &expression, &condition, values);
    }

    /// Records a login history that includes a confirmed login.
    pub fn record_login_history(&mut self, account: &Account, login_history: &str) {
        let values = account.unchanged().with_text(":login_history", login_history);
        self.update_account(account, "SET login_history = :login_history", values);
    }

    /// Records a login with the account and reactivates it. `password` is the new hash if the password was rehashed.
    /// Fails with `Condition::Account` if password, status or session epoch changed.
    pub fn record_login(&mut self, account: &Account, login: &LastLogin, password: Option<&str>) {
        self.record_login_if(account, login, password, None);
    }

    /// As [`Transaction::record_login`], for a login that the account's address allows. Fails with `Condition::Account` also if the
    /// address changed.
    pub fn record_login_by_address(&mut self, account: &Account, login: &LastLogin) {
        self.record_login_if(account, login, None, account.email_hash.as_deref());
    }

    fn record_login_if(
        &mut self,
        account: &Account,
        login: &LastLogin,
        password: Option<&str>,
        email_hash: Option<&str>,
    ) {
        let mut values = account
            .unchanged()
            .with_number(":passwords", account.password_epoch)
            .with_time(":at", login.at)
            .with_text(":ip", &login.ip)
            .with_text(":agent", &login.user_agent)
            .with_text(":active", Status::Active.as_str());
        let mut expression =
            "SET last_login_at = :at, last_login_ip = :ip, last_login_user_agent = :agent, account_status = :active"
                .to_owned();
        let mut condition = format!("{UNCHANGED} AND {SAME_PASSWORD}");
        if let Some(login_history) = &login.login_history {
            expression.push_str(", login_history = :login_history");
            values = values.with_text(":login_history", login_history);
        }
        if let Some(password) = password {
            expression.push_str(", password = :new");
            values = values.with_text(":new", password);
        }
        for (attribute, bound) in [("session_bound", login.session_bound), ("device_bound", login.device_bound)] {
            let clause;
            (clause, values) = bound.clause(attribute, values);
            expression.push_str(&clause);
        }
        if let Some(known) = &account.password {
            condition.push_str(" AND password = :known");
            values = values.with_text(":known", known);
        }
        if let Some(email_hash) = email_hash {
            condition.push_str(" AND email_hash = :address");
            values = values.with_text(":address", email_hash);
        }
        if account.status == Status::Deactivated {
            expression.push_str(" REMOVE deactivation_reason");
        }
        self.update_account_if(account, &expression, &condition, values);
    }
}
