//! Changes of an account in a transaction. Each requires that the account is as it was loaded.

use crate::{
    clock::Timestamp,
    crypto::field::UserSalt,
    domain::{account::Status, disowned_login::Enrolment},
    store::{
        Account, Bound, Condition, Factors, Item, LastLogin, MAX_PASSKEYS, OtherSessions, PasswordReset, StoredPasskey,
        Table, Transaction, WayIn,
        accounts::account::{SAME_PASSWORD, UNCHANGED, void_since},
        dynamodb::{
            keys::{self, Key},
            update::Update,
        },
    },
};

/// Sets another password. The values are `:new`, its hash, and `:next_password`, the next password epoch.
const NEW_PASSWORD: &str = "password = :new, password_epoch = :next_password";

/// Counts one unverified passkey less. The value is `:one`.
const ONE_MORE_VERIFIED: &str = "unverified_passkeys = unverified_passkeys - :one";

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

    /// Counts the new passkey. Fails with `Condition::Account` also if the account already has [`MAX_PASSKEYS`].
    pub fn count_new_passkey(&mut self, account: &Account, passkey: &StoredPasskey) {
        let values = account.unchanged().with_number(":one", 1).with_number(":most", MAX_PASSKEYS);
        let condition = format!("{UNCHANGED} AND (attribute_not_exists(passkeys) OR passkeys < :most)");
        let expression =
            if passkey.verified { "ADD passkeys :one" } else { "ADD passkeys :one, unverified_passkeys :one" };
        self.update_account_if(account, expression, &condition, values);
    }

    /// Removes void passkeys, and counts them.
    pub fn sweep_passkeys(&mut self, account: &Account, void: &[StoredPasskey]) {
        void.iter().for_each(|passkey| self.remove_passkey(passkey));
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let unverified = number(void.iter().filter(|passkey| !passkey.verified).count());
        let values =
            account.unchanged().with_number(":less", -number(void.len())).with_number(":unverified", -unverified);
        self.update_account(account, "ADD passkeys :less, unverified_passkeys :unverified", values);
    }

    /// Removes void MFA. Fails with `Condition::Account` if the account changed after it was loaded, so that MFA which was turned
    /// on meanwhile stays.
    pub fn sweep_mfa(&mut self, account: &Account) {
        self.turn_mfa_off(account);
        self.delete(Table::Accounts, &Factors::key(&account.id));
    }

    /// Counts the removed passkey. `left` is the way in that the account keeps. Fails with `Condition::Account` also if the account
    /// does not have it any more.
    pub fn count_removed_passkey(&mut self, account: &Account, passkey: &StoredPasskey, left: &WayIn) {
        let values = account.unchanged().with_number(":less", -1);
        let (condition, values) = self.keeps(left, values);
        let expression =
            if passkey.verified { "ADD passkeys :less" } else { "ADD passkeys :less, unverified_passkeys :less" };
        self.update_account_if(account, expression, &condition, values);
    }

    /// Requires that the account is as it was loaded, and has this way in.
    pub fn require_way_in(&mut self, account: &Account, left: &WayIn) {
        let (condition, values) = self.keeps(left, account.unchanged());
        self.check(Condition::Account, Table::Accounts, &Account::key(&account.id), &condition, values);
    }

    /// The condition that an account keeps a way in, and its values.
    fn keeps(&mut self, left: &WayIn, values: Item) -> (String, Item) {
        match left {
            WayIn::Password => (format!("{UNCHANGED} AND attribute_exists(password)"), values),
            WayIn::Passkey(passkey) => {
                self.require_passkey(passkey);
                (UNCHANGED.to_owned(), values)
            }
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
    /// `Condition::Account` if the password, the device epoch, the status or the address of a mailed link changed. A raised session epoch
    /// is accepted, because anybody with a session can raise it, even a thief.
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
            if !passkey.verified {
                set.push_str(", ");
                set.push_str(ONE_MORE_VERIFIED);
            }
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

    /// Counts a passkey as verified. The passkey's own write must verify it.
    pub fn count_verified_passkey(&mut self, account: &Account) {
        let values = account.unchanged().with_number(":one", 1);
        self.update_account(account, &format!("SET {ONE_MORE_VERIFIED}"), values);
    }

    /// Records a login history that includes a confirmed login.
    pub fn record_login_history(&mut self, account: &Account, login_history: &str) {
        let values = account.unchanged().with_text(":login_history", login_history);
        self.update_account(account, "SET login_history = :login_history", values);
    }

    /// Records a login with the account and reactivates it. `password` is the new hash if the password was rehashed.
    /// Fails with `Condition::Account` if password, status or session epoch changed.
    pub fn record_login(&mut self, account: &Account, login: &LastLogin, password: Option<&str>) {
        self.record_login_if(account, login, Proven { password, ..Proven::default() });
    }

    /// As [`Transaction::record_login`], for a login that verifies a passkey. Fails with `Condition::Passkey` also if the passkey
    /// was removed or verified.
    pub fn record_login_that_verifies(&mut self, account: &Account, login: &LastLogin, passkey: &StoredPasskey) {
        self.verify_passkey(passkey);
        self.record_login_if(account, login, Proven { passkey: true, ..Proven::default() });
    }

    /// As [`Transaction::record_login`], for a login that the account's address allows. Fails with `Condition::Account` also if the
    /// address changed.
    pub fn record_login_by_address(&mut self, account: &Account, login: &LastLogin) {
        let email_hash = account.email_hash.as_deref();
        self.record_login_if(account, login, Proven { email_hash, ..Proven::default() });
    }

    fn record_login_if(&mut self, account: &Account, login: &LastLogin, proven: Proven<'_>) {
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
        if let Some(language) = login.language {
            // "language" is a reserved word of DynamoDB's expressions.
            expression.push_str(", mail_language = :language");
            values = values.with_text(":language", language.tag);
        }
        if let Some(password) = proven.password {
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
        if proven.passkey {
            expression.push_str(", ");
            expression.push_str(ONE_MORE_VERIFIED);
            values = values.with_number(":one", 1);
        }
        if let Some(email_hash) = proven.email_hash {
            condition.push_str(" AND email_hash = :address");
            values = values.with_text(":address", email_hash);
        }
        if account.status == Status::Deactivated {
            expression.push_str(" REMOVE deactivation_reason");
        }
        self.update_account_if(account, &expression, &condition, values);
    }
}

/// What a login changes or requires in addition, by the proof that allows it.
#[derive(Default)]
struct Proven<'a> {
    /// The new hash of the password, if it was rehashed.
    password: Option<&'a str>,
    /// The lookup hash that the account's address must still have.
    email_hash: Option<&'a str>,
    /// Whether the login verifies a passkey.
    passkey: bool,
}
