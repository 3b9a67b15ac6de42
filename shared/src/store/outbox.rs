//! `outbox`: mails that wait to be sent. Written in the transaction that they tell of, read by `send-email` alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde_json::Value;

use crate::{
    clock::Timestamp,
    crypto::field::Place,
    domain::{limits::Limit, mail::Budget},
    error::Error,
    store::{Account, Item, Store, Transaction, dynamodb::keys},
};

/// How long, in seconds, it is known of a mail that is of no use any more that it was counted: longer than a stream may lag.
const KEEP_COUNTED_SECONDS: i64 = 86_400;

/// A mail as it is stored: address and content encrypted as one.
#[derive(Debug, Clone)]
pub struct StoredMail {
    /// Its id.
    pub id: String,
    /// Address and content (`field:outbox`).
    pub payload: String,
    /// What kind of mail it is.
    pub kind: String,
    /// What it is counted by: the address's look-up hash, with the account's device epoch where a change of the password is to begin
    /// the counts anew.
    pub counted_by: String,
    /// Which of the address's budgets it is counted against.
    pub budget: Budget,
    /// Under which its sending is audited.
    pub pseudonym: String,
    /// After that it is of no use any more, and is not sent.
    pub not_after: Timestamp,
}

impl StoredMail {
    /// Where a field of a mail lies.
    pub fn place<'a>(item: &'a str, attribute: &'static str) -> Place<'a> {
        Place { table: "outbox", item, attribute }
    }

    /// The key of a mail's item, as its fields are bound to it.
    pub fn item_key(id: &str) -> String {
        keys::mail(id)
    }

    fn item(&self) -> Item {
        Item::new()
            .with_text(keys::PK, keys::mail(&self.id))
            .with_text("payload", &self.payload)
            .with_text("kind", &self.kind)
            .with_text("counted_by", &self.counted_by)
            .with_text("budget", self.budget.as_str())
            .with_text("pseudonym", &self.pseudonym)
            .with_time("not_after", self.not_after)
            .with_number(keys::TTL, self.not_after.seconds())
    }

    fn from_item(item: &Item) -> Result<Self, Error> {
        let key = item.text(keys::PK)?;
        Ok(Self {
            id: key.strip_prefix("MAIL#").unwrap_or_default().to_owned(),
            payload: item.text("payload")?,
            kind: item.text("kind")?,
            // Mails of before there were budgets have none of their own.
            counted_by: item.optional_text("counted_by").unwrap_or_default(),
            budget: item.optional_text("budget").as_deref().and_then(Budget::parse).unwrap_or(Budget::Anyone),
            pseudonym: item.text("pseudonym")?,
            not_after: item.time("not_after")?,
        })
    }

    /// The same mail, counted apart from those of before the account's last change of password.
    #[must_use]
    pub fn in_epoch_of(self, account: &Account) -> Self {
        Self { counted_by: format!("{}#{}", self.counted_by, account.device_epoch), ..self }
    }

    /// Reads a mail out of a stream record's image, where values stand as DynamoDB's JSON.
    ///
    /// # Errors
    /// `internal` for an image that is no mail.
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
    /// Whether a mail still waits. A stream may bring a record again that was dealt with.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn mail_is_pending(&self, mail: &StoredMail) -> Result<bool, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.outbox)
            .key(keys::PK, AttributeValue::S(keys::mail(&mail.id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::aws("GetItem", &error))?;
        Ok(answer.item.is_some())
    }

    /// A page of the mails that wait, and where the next page begins. Only `cleanup` reads them so.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn pending_mails(&self, from: Option<Item>) -> Result<(Vec<StoredMail>, Option<Item>), Error> {
        let answer = self
            .client
            .scan()
            .table_name(&self.tables.outbox)
            .consistent_read(true)
            .set_exclusive_start_key(from.map(|key| key.0))
            .send()
            .await
            .map_err(|error| Error::aws("Scan", &error))?;
        let mails: Result<Vec<_>, _> =
            answer.items.unwrap_or_default().into_iter().map(|item| StoredMail::from_item(&Item(item))).collect();
        Ok((mails?, answer.last_evaluated_key.map(Item)))
    }

    /// Touches a waiting mail, so that the stream brings it to `send-email` once more.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn touch_mail(&self, mail: &StoredMail, now: Timestamp) -> Result<(), Error> {
        let values = Item::new().with_time(":now", now);
        let key = Item::new().with_text(keys::PK, keys::mail(&mail.id));
        let update = "SET touched_at = :now";
        self.update(&self.tables.outbox, key, update, "attribute_exists(pk)", values, ReturnValue::None).await?;
        Ok(())
    }
}

impl Transaction {
    /// Lets a mail wait for `send-email`.
    pub fn put_mail(&mut self, store: &Store, mail: &StoredMail) {
        self.put_new("mail", &store.tables.outbox, mail.item());
    }

    /// Counts a mail against its address's budget, `limit`, once however often the stream brings it. Refused as `mail` if it was counted
    /// before, as `limit` if the budget is used up.
    pub fn count_mail(&mut self, store: &Store, mail: &StoredMail, limit: Limit, now: Timestamp) {
        // Not in the mail's own item: the stream would bring that change, too.
        let counted = Item::new()
            .with_text(keys::PK, keys::counted_mail(&mail.id))
            .with_number(keys::TTL, mail.not_after.seconds() + KEEP_COUNTED_SECONDS);
        self.put_new("mail", &store.tables.counters, counted);
        self.count(store, limit, &mail.counted_by, now);
    }

    /// Takes a mail out of the outbox: it was sent, or is of no use any more. Refused as `mail` if it is gone already.
    pub fn remove_mail(&mut self, store: &Store, mail: &StoredMail) {
        let key = Item::new().with_text(keys::PK, keys::mail(&mail.id));
        let values = Item::new().with_text(":kind", &mail.kind);
        self.delete("mail", &store.tables.outbox, key, Some("kind = :kind"), values);
    }
}
