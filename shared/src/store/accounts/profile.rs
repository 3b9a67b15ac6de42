//! Changes of an account's profile by its owner.

use crate::{
    clock::Timestamp,
    fields::Change,
    store::{
        Account, Condition, Item, Table, Transaction,
        accounts::account::UNCHANGED,
        dynamodb::{keys, update::Update},
    },
};

/// A username with its lookup hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUsername {
    /// [`Account::USERNAME`].
    pub sealed: String,
    pub hash: String,
}

/// A change of a profile. The texts are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileChange {
    /// [`Account::NAME`].
    pub name: Change<String>,
    /// [`Account::BIO`].
    pub bio: Change<String>,
    /// [`Account::PICTURE`].
    pub picture: Change<String>,
    pub username: Change<NewUsername>,
}

impl ProfileChange {
    /// Whether the change sets a field, or clears one that is set.
    pub fn changes(&self, account: &Account) -> bool {
        self.name.changes(account.name.is_some())
            || self.bio.changes(account.bio.is_some())
            || self.picture.changes(account.picture.is_some())
            || self.username.changes(account.username.is_some())
    }

    /// The account after the change.
    #[must_use]
    pub fn apply(&self, account: &Account) -> Account {
        let username = self.username.map(|new| new.sealed.clone()).applied(&account.username);
        let username_hash = self.username.map(|new| new.hash.clone()).applied(&account.username_hash);
        Account {
            name: self.name.applied(&account.name),
            bio: self.bio.applied(&account.bio),
            picture: self.picture.applied(&account.picture),
            username,
            username_hash,
            ..account.clone()
        }
    }
}

impl Transaction {
    /// Changes a profile, and moves the reservation of the username. The old name is free at once. Fails with
    /// `Condition::Username` if the new one is taken, and with `Condition::Account` if the account or its username changed after it
    /// was loaded.
    pub fn change_profile(&mut self, account: &Account, change: &ProfileChange, now: Timestamp) {
        let changed = change.apply(account);
        let (mut set, mut remove) = (vec!["profile_updated_at = :now".to_owned()], Vec::new());
        let mut values = account.unchanged().with_time(":now", now);
        let mut condition = UNCHANGED.to_owned();
        for (attribute, old, new) in [
            ("name", &account.name, &changed.name),
            ("bio", &account.bio, &changed.bio),
            ("picture", &account.picture, &changed.picture),
            ("username", &account.username, &changed.username),
            ("username_hash", &account.username_hash, &changed.username_hash),
        ] {
            match new {
                Some(new) if Some(new) != old.as_ref() => {
                    set.push(format!("#{attribute} = :{attribute}"));
                    values = values.with_text(&format!(":{attribute}"), new);
                }
                None if old.is_some() => remove.push(format!("#{attribute}")),
                _ => {}
            }
        }
        // The same name in another case must not overwrite a name that was set meanwhile.
        if change.username != Change::Keep {
            match &account.username_hash {
                Some(old) => {
                    condition.push_str(" AND username_hash = :old_hash");
                    values = values.with_text(":old_hash", old);
                }
                None => condition.push_str(" AND attribute_not_exists(username_hash)"),
            }
        }
        if account.username_hash != changed.username_hash {
            if let Some(old) = &account.username_hash {
                let owner = Item::new().with_text(":owner", account.id.to_string());
                self.delete_if(Condition::Account, Table::Accounts, &keys::username(old), "user_id = :owner", owner);
            }
            if let Some(new) = &changed.username_hash {
                let reservation = keys::username(new).item().with_text("user_id", account.id.to_string());
                self.put_new(Condition::Username, Table::Accounts, reservation);
            }
        }
        let clause = |word: &str, parts: &[String]| {
            if parts.is_empty() { String::new() } else { format!("{word} {} ", parts.join(", ")) }
        };
        let expression = clause("SET", &set) + &clause("REMOVE", &remove);
        let (key, condition) = (Account::key(&account.id), Some(condition.as_str()));
        let update = Update { key, expression: expression.trim(), condition, values };
        self.update(Condition::Account, Table::Accounts, update);
    }
}
