//! Mails to send. An operation adds a mail to its own transaction. Only `send-email` reads them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde_json::Value;

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::{limits::Limit, mail::Budget},
    error::Error,
    store::{
        Account, Condition, Item, Store, Table, Transaction,
        dynamodb::{
            keys::{self, Key},
            update::Update,
        },
    },
};

/// Seconds that a counted mail is remembered after its expiry. A stream never lags so long.
const KEEP_COUNTED_SECONDS: i64 = 86_400;

/// A stored mail.
#[derive(Debug, Clone)]
pub struct StoredMail {
    pub id: String,
    /// [`StoredMail::PAYLOAD`].
    pub payload: String,
    pub kind: String,
    /// The key of its budget: the kind, the lookup hash of the mailbox, and the account's device epoch if a password change
    /// resets the budget.
    pub counted_by: String,
    /// The budget of its mailbox.
    pub budget: Budget,
    /// The lookup hash of the network that caused the mail, if anybody can cause such mails.
    pub sender: Option<String>,
    /// The pseudonym of the audit event of its sending.
    pub pseudonym: String,
    /// The mail is not sent after this time.
    pub not_after: Timestamp,
}

impl StoredMail {
    /// Address and content, encrypted as one.
    pub const PAYLOAD: Field =
        Field { table: Table::Outbox.as_str(), attribute: "payload", purpose: KeyPurpose::FieldOutbox };

    /// The key of a mail.
    pub fn key(id: &str) -> Key {
        keys::mail(id)
    }

    fn item(&self) -> Item {
        Self::key(&self.id)
            .item()
            .with_text("payload", &self.payload)
            .with_text("kind", &self.kind)
            .with_text("counted_by", &self.counted_by)
            .with_text("budget", self.budget.as_str())
            .with_text_if("sender", self.sender.as_deref())
            .with_text("pseudonym", &self.pseudonym)
            .with_time("not_after", self.not_after)
            .with_number(keys::TTL, self.not_after.seconds())
    }

    fn from_item(item: &Item) -> Result<Self, Error> {
        let key = item.text(keys::PK)?;
        Ok(Self {
            id: key.strip_prefix(keys::MAIL).unwrap_or_default().to_owned(),
            payload: item.text("payload")?,
            kind: item.text("kind")?,
            // Mails from before budgets existed have none.
            counted_by: item.optional_text("counted_by").unwrap_or_default(),
            budget: item.optional_text("budget").as_deref().and_then(Budget::parse).unwrap_or(Budget::Anyone),
            sender: item.optional_text("sender"),
            pseudonym: item.text("pseudonym")?,
            not_after: item.time("not_after")?,
        })
    }

    /// The same mail with a budget that a password change resets.
    #[must_use]
    pub fn in_epoch_of(self, account: &Account) -> Self {
        Self { counted_by: format!("{}#{}", self.counted_by, account.device_epoch), ..self }
    }

    /// The same mail, caused by a network with this lookup hash.
    #[must_use]
    pub fn caused_by(self, network: &str) -> Self {
        Self { sender: Some(network.to_owned()), ..self }
    }

    /// The same mail with a budget of its own for the recognised device that asked for it.
    #[must_use]
    pub fn counted_by_device(self, token_hash: &str) -> Self {
        Self { counted_by: format!("{}#{token_hash}", self.counted_by), ..self }
    }

    /// The same mail, already expired, so that it is not sent. A request about an unknown address writes as much as one about a
    /// known address.
    #[must_use]
    pub fn not_to_be_sent(self, now: Timestamp) -> Self {
        Self { not_after: now, ..self }
    }

    /// Reads a mail from the image of a stream record, which is DynamoDB's JSON.
    ///
    /// # Errors
    /// `internal` for an image that is not a mail.
    pub fn from_stream_image(image: &Value) -> Result<Self, Error> {
        let values = image.as_object().ok_or_else(|| Error::internal("a stream record without an image"))?;
        let values: HashMap<String, AttributeValue> = values
            .iter()
            .filter_map(|(name, value)| {
                let (kind, value) = value.as_object()?.iter().next()?;
                let value = value.as_str()?.to_owned();
                let value = if kind == "N" { AttributeValue::N(value) } else { AttributeValue::S(value) };
                Some((name.clone(), value))
            })
            .collect();
        Self::from_item(&Item(values))
    }
}

impl Store {
    /// Whether a mail is still pending. A stream may repeat a record that was handled.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn mail_is_pending(&self, mail: &StoredMail) -> Result<bool, Error> {
        Ok(self.get(Table::Outbox, StoredMail::key(&mail.id)).await?.is_some())
    }

    /// A page of pending mails, and the key of the next page's start. Only `cleanup` calls it.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn pending_mails(&self, from: Option<Item>) -> Result<(Vec<StoredMail>, Option<Item>), Error> {
        let answer = self
            .client()
            .scan()
            .table_name(self.tables.name(Table::Outbox))
            .consistent_read(true)
            .set_exclusive_start_key(from.map(|key| key.0))
            .send()
            .await
            .map_err(|error| Error::aws("Scan", &error))?;
        let mails: Result<Vec<_>, _> =
            answer.items.unwrap_or_default().into_iter().map(|item| StoredMail::from_item(&Item(item))).collect();
        Ok((mails?, answer.last_evaluated_key.map(Item)))
    }

    /// Touches a pending mail, so that the stream delivers it to `send-email` again.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn touch_mail(&self, mail: &StoredMail, now: Timestamp) -> Result<(), Error> {
        let update = Update {
            key: StoredMail::key(&mail.id),
            expression: "SET touched_at = :now",
            condition: Some("attribute_exists(pk)"),
            values: Item::new().with_time(":now", now),
        };
        self.update(Table::Outbox, update, ReturnValue::None).await?;
        Ok(())
    }
}

impl Store {
    /// Lets a pending mail expire. The stream delivers it once more, and `send-email` removes it unsent.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn withdraw_mail(&self, mail: &StoredMail, now: Timestamp) -> Result<(), Error> {
        let update = Update {
            key: StoredMail::key(&mail.id),
            expression: &format!("SET not_after = :now, {} = :ttl", keys::TTL),
            condition: Some("attribute_exists(pk)"),
            values: Item::new().with_time(":now", now).with_number(":ttl", now.seconds()),
        };
        self.update(Table::Outbox, update, ReturnValue::None).await?;
        Ok(())
    }
}

impl Transaction {
    /// Adds a mail for `send-email`.
    pub fn put_mail(&mut self, mail: &StoredMail) {
        self.put_new(Condition::Mail, Table::Outbox, mail.item());
    }

    /// Counts a mail against a limit, only once if the stream repeats it. Fails with `Condition::Mail` if it was counted before,
    /// and with `Condition::Limit` if the limit is used up.
    pub fn count_mail(&mut self, mail: &StoredMail, limit: Limit, key: &str, now: Timestamp) {
        // The count is a separate item, because the stream would also deliver a change of the mail's item.
        let counted =
            keys::counted_mail(&mail.id).item().with_number(keys::TTL, mail.not_after.seconds() + KEEP_COUNTED_SECONDS);
        self.put_new(Condition::Mail, Table::Counters, counted);
        self.count(limit, key, now);
    }

    /// Removes a mail that was sent or has expired. Fails with `Condition::Mail` if it was removed before.
    pub fn remove_mail(&mut self, mail: &StoredMail) {
        let values = Item::new().with_text(":kind", &mail.kind);
        self.delete_if(Condition::Mail, Table::Outbox, &StoredMail::key(&mail.id), "kind = :kind", values);
    }
}
