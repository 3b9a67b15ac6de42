//! Second factors, in the table `accounts`: an item of its own beside the profile, which most requests have no use for.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    crypto::field::Place,
    domain::ids::UserId,
    error::Error,
    store::{Item, Store, Transaction, dynamodb::keys},
};

/// Hashes of backup codes (PHC strings) by the codes' numbers.
pub type BackupCodes = BTreeMap<u8, String>;

/// What second factors are checked by; nothing where there are none.
#[derive(Debug, Clone, Default)]
pub struct Factors {
    /// The TOTP secret that codes are asked of, and what was accepted last.
    pub totp: Option<StoredTotp>,
    /// A secret that waits for its first code (`field:mfa`).
    pub pending_secret: Option<String>,
    /// The backup codes that are left.
    pub backup_codes: BackupCodes,
}

/// A TOTP secret as it is stored.
#[derive(Debug, Clone)]
pub struct StoredTotp {
    /// The secret (`field:mfa`).
    pub secret: String,
    /// The last step whose code was accepted: of it and those before no code is accepted again (RFC 6238, section 5.2).
    pub last_step: i64,
}

/// A right code, which is spent.
#[derive(Debug, Clone)]
pub enum FactorUse<'a> {
    /// One of an authenticator app, of that step.
    Totp(&'a StoredTotp, i64),
    /// A backup code: its number and hash.
    BackupCode(u8, &'a str),
}

/// What else happens to the factors when one is used.
#[derive(Debug, Clone, Copy)]
pub enum FactorChange<'a> {
    /// Nothing.
    None,
    /// These take the place of the backup codes.
    BackupCodes(&'a BackupCodes),
    /// All of them are removed.
    Remove,
}

/// The key of the factors' item, as its fields are bound to it.
pub fn factors_key(user_id: &UserId) -> String {
    format!("{}|{}", keys::user(user_id), keys::FACTORS)
}

impl Factors {
    /// Where a field of the factors lies.
    pub fn place<'a>(item: &'a str, attribute: &'static str) -> Place<'a> {
        Place { table: "accounts", item, attribute }
    }
}

fn key(user_id: &UserId) -> Item {
    Item::new().with_text(keys::PK, keys::user(user_id)).with_text(keys::SK, keys::FACTORS)
}

/// The name of a code within the map.
fn code(number: u8) -> String {
    format!("code_{number}")
}

fn codes(codes: &BackupCodes) -> AttributeValue {
    let named = codes.iter().map(|(number, hash)| (code(*number), AttributeValue::S(hash.clone())));
    AttributeValue::M(named.collect::<HashMap<_, _>>())
}

/// Whether an item of `accounts` is the factors.
pub(in crate::store) fn are_factors(item: &Item) -> bool {
    item.optional_text(keys::SK).is_some_and(|key| key == keys::FACTORS)
}

pub(in crate::store) fn from_item(item: &Item) -> Result<Factors, Error> {
    let stored = item.0.get("backup_codes").and_then(|value| value.as_m().ok()).into_iter().flatten();
    let backup_codes =
        stored.filter_map(|(name, hash)| Some((name.strip_prefix("code_")?.parse().ok()?, hash.as_s().ok()?.clone())));
    let totp = match item.optional_text("totp_secret") {
        Some(secret) => Some(StoredTotp { secret, last_step: item.number("totp_step")? }),
        None => None,
    };
    Ok(Factors { totp, pending_secret: item.optional_text("pending_secret"), backup_codes: backup_codes.collect() })
}

impl Transaction {
    /// Keeps a secret until its first code, in place of another that waited. Refused as `factors` where one is active.
    pub fn set_up_totp(&mut self, store: &Store, user_id: &UserId, pending_secret: &str) {
        let values = Item::new().with_text(":pending", pending_secret);
        let condition = "attribute_not_exists(totp_secret)";
        let update = "SET pending_secret = :pending";
        self.update("factors", &store.tables.accounts, key(user_id), update, Some(condition), values);
    }

    /// Makes the secret that waited active, with backup codes. Refused as `factors` if another waits by now, or one is active.
    pub fn enable_totp(&mut self, store: &Store, user_id: &UserId, waited: &str, totp: &StoredTotp, new: &BackupCodes) {
        let mut values = Item::new()
            .with_text(":pending", waited)
            .with_text(":secret", &totp.secret)
            .with_number(":step", totp.last_step);
        values.0.insert(":codes".to_owned(), codes(new));
        let condition = "pending_secret = :pending AND attribute_not_exists(totp_secret)";
        let update = "SET totp_secret = :secret, totp_step = :step, backup_codes = :codes REMOVE pending_secret";
        self.update("factors", &store.tables.accounts, key(user_id), update, Some(condition), values);
    }

    /// Spends a right code, and makes the change that it allows. Refused as `factors` if it was spent before, by whatever route, or
    /// the factors are others by now.
    pub fn use_factor(&mut self, store: &Store, user_id: &UserId, used: &FactorUse<'_>, change: FactorChange<'_>) {
        let table = &store.tables.accounts;
        let (condition, mut values, mut set, remove) = match used {
            FactorUse::Totp(totp, step) => (
                "totp_secret = :secret AND totp_step < :step".to_owned(),
                Item::new().with_text(":secret", &totp.secret).with_number(":step", *step),
                vec!["totp_step = :step"],
                None,
            ),
            FactorUse::BackupCode(number, hash) => (
                format!("backup_codes.{} = :hash", code(*number)),
                Item::new().with_text(":hash", *hash),
                Vec::new(),
                Some(format!("backup_codes.{}", code(*number))),
            ),
        };
        let remove = match change {
            FactorChange::None => remove,
            FactorChange::BackupCodes(new) => {
                set.push("backup_codes = :codes");
                values.0.insert(":codes".to_owned(), codes(new));
                None // with the old ones, it is gone
            }
            FactorChange::Remove => {
                self.delete("factors", table, key(user_id), Some(&condition), values);
                return;
            }
        };
        let set = if set.is_empty() { String::new() } else { format!("SET {} ", set.join(", ")) };
        let remove = remove.map(|path| format!("REMOVE {path}")).unwrap_or_default();
        let update = format!("{set}{remove}");
        self.update("factors", table, key(user_id), update.trim(), Some(&condition), values);
    }
}
