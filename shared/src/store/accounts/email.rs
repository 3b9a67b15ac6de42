//! Changes of an account's address, and reservations of addresses.

use crate::{
    clock::Timestamp,
    domain::{
        disowned_login::Enrolment,
        former_addresses::{FormerAddresses, Undone},
        ids::UserId,
    },
    store::{
        Account, Condition, Item, Table, Transaction,
        accounts::account::{SAME_PASSWORD, UNCHANGED, void_since},
        dynamodb::{keys, update::Update},
    },
};

/// The attribute of a former address's reservation with the time of its end.
pub(in crate::store) const KEPT_UNTIL: &str = "kept_until";

/// An address of an account.
#[derive(Debug, Clone)]
pub struct Address<'a> {
    /// [`Account::EMAIL`].
    pub sealed: &'a str,
    pub hash: &'a str,
}

/// What an undo does with the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordAfterUndo {
    Keep,
    /// It was set after the change.
    Remove,
}

impl Transaction {
    /// Reserves an address. Fails with `Condition::Email` if an account has it, or may get it back.
    pub fn reserve_email(&mut self, hash: &str, user_id: &UserId, now: Timestamp) {
        let item = keys::email(hash).item().with_text("user_id", user_id.to_string());
        let condition = format!("attribute_not_exists(pk) OR {KEPT_UNTIL} <= :now");
        let values = Item::new().with_time(":now", now);
        self.put_if(Condition::Email, Table::Accounts, item, &condition, values);
    }

    /// Keeps the reservation of a former address until a change can no longer be undone, or for good.
    fn keep_email(&mut self, hash: &str, user_id: &UserId, until: Option<Timestamp>) {
        let values = Item::new().with_text(":owner", user_id.to_string());
        let ttl = keys::TTL;
        let (expression, values) = match until {
            Some(until) => (
                format!("SET {KEPT_UNTIL} = :until, {ttl} = :sweep"),
                values.with_time(":until", until).with_number(":sweep", until.seconds()),
            ),
            None => (format!("REMOVE {KEPT_UNTIL}, {ttl}"), values),
        };
        let condition = Some("user_id = :owner");
        let update = Update { key: keys::email(hash), expression: &expression, condition, values };
        self.update(Condition::Email, Table::Accounts, update);
    }

    /// Records the pending change of an address. It replaces an earlier one.
    pub fn begin_email_change(&mut self, account: &Account, challenge: &str) {
        let values = account.unchanged().with_text(":challenge", challenge);
        self.update_account(account, "SET email_challenge = :challenge", values);
    }

    /// Changes the address of an account. `former` has the open changes, with this one. Fails with `Condition::Email` if the new
    /// address is taken, and with `Condition::Account` if the account, its address or the pending change is another.
    pub fn change_email(
        &mut self,
        account: &Account,
        new: &Address<'_>,
        former: &FormerAddresses,
        challenge: &str,
        now: Timestamp,
    ) {
        self.set_email(account, new, former, challenge);
        if let Some(old) = &account.email_hash {
            self.keep_email(old, &account.id, former.reserved_until(old));
        }
        self.reserve_email(new.hash, &account.id, now);
    }

    /// Gives an account a former address back that it asked for. Later addresses are free, and no link undoes this. Fails as
    /// [`Transaction::change_email`].
    pub fn return_to_email(&mut self, account: &Account, old: &Address<'_>, undone: &Undone, challenge: &str) {
        self.set_email(account, old, &undone.remaining, challenge);
        self.release_later(account, undone);
    }

    /// Writes another address that a pending change proved.
    fn set_email(&mut self, account: &Account, new: &Address<'_>, former: &FormerAddresses, challenge: &str) {
        let mut values = account
            .unchanged()
            .with_text(":email", new.sealed)
            .with_text(":email_hash", new.hash)
            .with_texts(":former", &former.to_texts())
            .with_text(":challenge", challenge);
        let same_address = match &account.email_hash {
            Some(old) => {
                values = values.with_text(":old_hash", old);
                "email_hash = :old_hash"
            }
            None => "attribute_not_exists(email_hash)",
        };
        let expression =
            "SET email = :email, email_hash = :email_hash, former_addresses = :former REMOVE email_challenge";
        let condition = format!("{UNCHANGED} AND {same_address} AND email_challenge = :challenge");
        self.update_account_if(account, expression, &condition, values);
    }

    /// Keeps the reservation of the address that comes back for good, and releases those of the current address and of later ones.
    fn release_later(&mut self, account: &Account, undone: &Undone) {
        self.keep_email(&undone.email_hash, &account.id, None);
        for hash in undone.later.iter().chain(&account.email_hash) {
            self.release_email(hash, &account.id);
        }
    }

    /// Undoes a change of the address and all later ones, and ends every session and device. What was enrolled since `change` is
    /// void. Fails with `Condition::Email` if the old address is no longer reserved, and
    /// with `Condition::Account` if the account or its address changed.
    pub fn undo_email_change(
        &mut self,
        account: &Account,
        old: &Address<'_>,
        undone: &Undone,
        change: Enrolment,
        password: PasswordAfterUndo,
    ) {
        let current = account.email_hash.as_deref().unwrap_or_default();
        let mut values = void_since(account, change)
            .with_text(":email", old.sealed)
            .with_text(":email_hash", old.hash)
            .with_text(":current", current)
            .with_texts(":former", &undone.remaining.to_texts())
            .with_number(":passwords", account.password_epoch);
        let mut set =
            "disowned = :disowned, email = :email, email_hash = :email_hash, former_addresses = :former".to_owned();
        let mut remove = " REMOVE email_challenge".to_owned();
        if password == PasswordAfterUndo::Remove {
            set.push_str(", password_epoch = :next_password");
            values = values.with_number(":next_password", account.password_epoch + 1);
            remove.push_str(", password");
        }
        let condition = format!(" AND email_hash = :current AND {SAME_PASSWORD}");
        self.revoke_all_access(account, &format!("{set}{remove}"), &condition, values);
        self.release_later(account, undone);
    }

    /// Releases an address.
    fn release_email(&mut self, hash: &str, user_id: &UserId) {
        let owner = Item::new().with_text(":owner", user_id.to_string());
        self.delete_if(Condition::Email, Table::Accounts, &keys::email(hash), "user_id = :owner", owner);
    }
}
