//! Deletions of accounts. One transaction removes the account, its reservations and its salt, so that nothing can use them from
//! then on. What is left has no readable data. It is deleted in parts, and a marker names the user until nothing is left.

use crate::{
    domain::{
        ids::{DeviceId, UserId},
        lockout::{Credential, on_device},
    },
    error::Error,
    store::{
        Account, CommitError, Condition, Factors, Item, Store, Table, Transaction,
        accounts::account::{SAME_PASSWORD, UNCHANGED},
        dynamodb::{
            keys::{self, DELETION, DEVICE, IDENTITY, Key, MAILS, PASSKEY, SESSION, USER},
            update::UserItems,
        },
    },
};

/// The items that one part of a deletion deletes. Each takes at most four writes, and DynamoDB accepts 100.
const PART: usize = 25;

/// The deletions that are not finished.
#[derive(Debug, Default)]
pub struct Deletions {
    /// The users of whom items may be left.
    pub users: Vec<UserId>,
    /// The pseudonyms with mails that may be pending.
    pub mails: Vec<String>,
}

impl Transaction {
    /// Deletes an account with the reservations of its address and username, their locks, and the user's salt, and marks what is
    /// left to delete. Fails with `Condition::Account` if the account, its password or its names changed after it was loaded.
    pub fn delete_account(&mut self, account: &Account, pseudonym: &str) {
        let mut condition = format!("{UNCHANGED} AND {SAME_PASSWORD}");
        let mut values = account.unchanged().with_number(":passwords", account.password_epoch);
        for (attribute, hash, reservation) in [
            ("email_hash", &account.email_hash, keys::email as fn(&str) -> Key),
            ("username_hash", &account.username_hash, keys::username),
        ] {
            let Some(hash) = hash else {
                condition.push_str(&format!(" AND attribute_not_exists({attribute})"));
                continue;
            };
            condition.push_str(&format!(" AND {attribute} = :{attribute}"));
            values = values.with_text(&format!(":{attribute}"), hash);
            let owner = Item::new().with_text(":owner", account.id.to_string());
            self.delete_if(Condition::Account, Table::Accounts, &reservation(hash), "user_id = :owner", owner);
            self.clear_lock(Credential::Password, hash);
        }
        self.delete_if(Condition::Account, Table::Accounts, &Account::key(&account.id), &condition, values);
        self.delete(Table::UserKeys, &Key::partition(keys::user(&account.id)));
        // Two markers, so that no item links the user to the pseudonym.
        self.put_new(Condition::Account, Table::Accounts, keys::deletion(&account.id).item());
        self.put_new(Condition::Account, Table::Accounts, keys::withdrawn_mails(pseudonym).item());
    }

    /// Deletes a passkey of a deleted user, and frees its credential id. Fails with `Condition::Passkey` if another user has
    /// registered the credential id, because it was free already.
    fn delete_passkey(&mut self, user_id: &UserId, id: &str) {
        let owner = Item::new().with_text(":owner", user_id.to_string());
        let condition = "attribute_not_exists(pk) OR user_id = :owner";
        self.delete_if(Condition::Passkey, Table::Accounts, &keys::credential(id), condition, owner);
        self.delete(Table::Accounts, &Key::of_user(user_id, keys::passkey(id)));
    }

    /// Deletes a session with its locks and the challenge of its mailed code.
    fn delete_session(&mut self, user_id: &UserId, hash: &str, item: &Item) {
        self.delete(Table::Sessions, &Key::of_user(user_id, keys::session(hash)));
        self.clear_lock(Credential::PasswordInSession, hash);
        if item.optional_text("device_id").is_none() {
            self.clear_lock(Credential::CodeOnDevice, hash);
        }
        if let Some(challenge) = item.optional_text("code_challenge") {
            self.withdraw_challenge(&challenge);
        }
    }

    /// Deletes a device with its locks.
    fn delete_device(&mut self, user_id: &UserId, id: &DeviceId, item: &Item) {
        self.delete(Table::Sessions, &Key::of_user(user_id, keys::device(id)));
        for credential in [Credential::TotpOnDevice, Credential::CodeOnDevice] {
            self.clear_lock(credential, &on_device(user_id, id));
        }
        if let Some(token_hash) = item.optional_text("token_hash") {
            self.clear_lock(Credential::PasswordOnDevice, &token_hash);
        }
    }
}

impl Store {
    /// Deletes what is left of a deleted user, in at most `parts` parts, and the marker last. A run that is cut off anywhere can
    /// be repeated, and runs at the same time do no harm.
    ///
    /// # Errors
    /// `temporarily_unavailable`; some items may have been deleted.
    pub async fn continue_deletion(&self, user_id: &UserId, mut parts: usize) -> Result<(), Error> {
        for (table, prefix) in [
            (Table::Accounts, PASSKEY),
            (Table::Accounts, IDENTITY),
            (Table::Sessions, SESSION),
            (Table::Sessions, DEVICE),
        ] {
            let only = "sk, device_id, code_challenge, token_hash, identity_hash";
            let mut query = UserItems::new(table, user_id, prefix).only(only);
            query.read_at_most(PART);
            while let Some(items) = self.next_page(&mut query).await? {
                if items.is_empty() {
                    continue;
                }
                let Some(left) = parts.checked_sub(1) else { return Ok(()) };
                parts = left;
                let mut transaction = self.transaction();
                for item in &items {
                    let key = item.text(keys::SK)?;
                    let id = key.strip_prefix(prefix).unwrap_or_default();
                    match prefix {
                        PASSKEY => transaction.delete_passkey(user_id, id),
                        IDENTITY => transaction.delete_identity(user_id, id, &item.text("identity_hash")?),
                        SESSION => transaction.delete_session(user_id, id, item),
                        _ => {
                            let id = DeviceId::parse(id).ok_or_else(|| Error::internal("a device has no id"))?;
                            transaction.delete_device(user_id, &id, item);
                        }
                    }
                }
                self.commit(transaction).await?;
            }
        }
        let mut last = self.transaction();
        last.delete(Table::Accounts, &Factors::key(user_id));
        last.clear_lock(Credential::Totp, &user_id.to_string());
        let exists = "attribute_exists(pk)";
        last.delete_if(Condition::Account, Table::Accounts, &keys::deletion(user_id), exists, Item::new());
        match self.commit(last).await {
            // Another run has finished the deletion.
            Ok(()) | Err(CommitError::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The deletions that are not finished. Only `cleanup` calls it.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn deletions(&self) -> Result<Deletions, Error> {
        let mut deletions = Deletions::default();
        for item in self.query_partition(Table::Accounts, DELETION).await? {
            let key = item.text(keys::SK)?;
            if let Some(pseudonym) = key.strip_prefix(MAILS) {
                deletions.mails.push(pseudonym.to_owned());
                continue;
            }
            let id = key.strip_prefix(USER).and_then(UserId::parse);
            deletions.users.push(id.ok_or_else(|| Error::internal("a deletion names no user"))?);
        }
        Ok(deletions)
    }

    /// Removes the marks of mails that were withdrawn.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn end_withdrawals(&self, pseudonyms: &[String]) -> Result<(), Error> {
        for some in pseudonyms.chunks(100) {
            let mut transaction = self.transaction();
            some.iter().for_each(|one| transaction.delete(Table::Accounts, &keys::withdrawn_mails(one)));
            self.commit(transaction).await?;
        }
        Ok(())
    }
}
