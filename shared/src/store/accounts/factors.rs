//! Second factors. They are a separate item next to the profile, because most requests do not need them.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    crypto::{field::Field, key::KeyPurpose},
    domain::ids::UserId,
    error::Error,
    store::{
        Condition, Item, Table, Transaction,
        dynamodb::{
            keys::{self, Key},
            update::Update,
        },
    },
};

/// Hashes of backup codes (PHC strings), by the codes' numbers.
pub type BackupCodes = BTreeMap<u8, String>;

/// The second factors of an account. Everything is empty if there are none.
#[derive(Debug, Clone, Default)]
pub struct Factors {
    pub totp: Option<StoredTotp>,
    /// [`Factors::PENDING_SECRET`]: a secret that waits for its first code.
    pub pending_secret: Option<String>,
    /// The unused backup codes.
    pub backup_codes: BackupCodes,
}

/// A stored TOTP secret.
#[derive(Debug, Clone)]
pub struct StoredTotp {
    /// [`Factors::TOTP_SECRET`].
    pub secret: String,
    /// The time step of the last accepted code. Codes of this step and of earlier ones are refused (RFC 6238, section
    /// 5.2).
    pub last_step: i64,
}

/// The way to spend a correct code.
#[derive(Debug, Clone)]
pub enum FactorUse<'a> {
    /// A TOTP code, with its time step.
    Totp(&'a StoredTotp, i64),
    /// A backup code, by number and hash.
    BackupCode(u8, &'a str),
}

/// A further change of the factors when a code is spent.
#[derive(Debug, Clone, Copy)]
pub enum FactorChange<'a> {
    None,
    BackupCodes(&'a BackupCodes),
    Remove,
}

impl Factors {
    pub const TOTP_SECRET: Field = Self::field("totp_secret");
    pub const PENDING_SECRET: Field = Self::field("pending_secret");

    const fn field(attribute: &'static str) -> Field {
        Field { table: Table::Accounts.as_str(), attribute, purpose: KeyPurpose::FieldMfa }
    }

    /// The key of a user's factors.
    pub fn key(user_id: &UserId) -> Key {
        Key::of_user(user_id, keys::FACTORS)
    }
}

/// The name of a backup code within the map.
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
    fn update_factors(&mut self, user_id: &UserId, expression: &str, condition: &str, values: Item) {
        let (key, condition) = (Factors::key(user_id), Some(condition));
        self.update(Condition::Factors, Table::Accounts, Update { key, expression, condition, values });
    }

    /// Keeps a secret until its first code. It replaces an earlier pending secret, and factors that are void. The account
    /// must be required too, without MFA.
    pub fn set_up_totp(&mut self, user_id: &UserId, pending_secret: &str) {
        let values = Item::new().with_text(":pending", pending_secret);
        let expression = "SET pending_secret = :pending REMOVE totp_secret, totp_step, backup_codes";
        let key = Factors::key(user_id);
        self.update(Condition::Factors, Table::Accounts, Update { key, expression, condition: None, values });
    }

    /// Activates the pending secret together with backup codes. Fails with `Condition::Factors` if another secret is
    /// pending, or TOTP is on.
    pub fn enable_totp(&mut self, user_id: &UserId, pending: &str, totp: &StoredTotp, new: &BackupCodes) {
        let mut values = Item::new()
            .with_text(":pending", pending)
            .with_text(":secret", &totp.secret)
            .with_number(":step", totp.last_step);
        values.0.insert(":codes".to_owned(), codes(new));
        let condition = "pending_secret = :pending AND attribute_not_exists(totp_secret)";
        let expression = "SET totp_secret = :secret, totp_step = :step, backup_codes = :codes REMOVE pending_secret";
        self.update_factors(user_id, expression, condition, values);
    }

    /// Spends a correct code, and makes the change that it allows. Fails with `Condition::Factors` if the code was spent
    /// by any route, or the factors changed.
    pub fn use_factor(&mut self, user_id: &UserId, used: &FactorUse<'_>, change: FactorChange<'_>) {
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
                None // the new map does not have the spent code
            }
            FactorChange::Remove => {
                let key = Factors::key(user_id);
                self.delete_if(Condition::Factors, Table::Accounts, &key, &condition, values);
                return;
            }
        };
        let set = if set.is_empty() { String::new() } else { format!("SET {} ", set.join(", ")) };
        let remove = remove.map(|path| format!("REMOVE {path}")).unwrap_or_default();
        self.update_factors(user_id, format!("{set}{remove}").trim(), &condition, values);
    }
}
