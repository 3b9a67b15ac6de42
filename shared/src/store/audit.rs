//! Audit events. Operations append them; nobody changes them.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::audit::{Action, Outcome},
    error::Error,
    store::{
        Item, Page, Store, Table, Transaction,
        dynamodb::keys::{self, Key},
    },
};

/// An audit event. The user's own keys encrypt its personal fields, and its pseudonym is derived from them. Without the
/// keys, nobody can link the event to a user.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    pub pseudonym: String,
    /// The time with a random suffix. It is unique, and nobody can guess it without reading the table.
    pub id: String,
    pub at: Timestamp,
    pub action: Action,
    pub outcome: Outcome,
    /// The factor or means.
    pub method: &'static str,
    /// [`AuditEvent::IP`].
    pub ip: Option<String>,
    /// The client's address, truncated for display.
    pub ip_truncated: Option<String>,
    /// [`AuditEvent::USER_AGENT`].
    pub user_agent: Option<String>,
    /// [`AuditEvent::LOCATION`].
    pub location: Option<String>,
    /// The end of retention, for TTL.
    pub kept_until: Timestamp,
}

/// An audit event as its user reads it. Personal fields are still encrypted.
#[derive(Debug, Clone)]
pub struct RecordedEvent {
    /// The key, in the form of [`AuditEvent::id`].
    pub id: String,
    pub at: Timestamp,
    pub action: String,
    pub outcome: String,
    /// The error code of a failure.
    pub reason: Option<String>,
    pub method: String,
    pub ip_truncated: Option<String>,
    /// [`AuditEvent::IP`].
    pub ip: Option<String>,
    /// [`AuditEvent::USER_AGENT`].
    pub user_agent: Option<String>,
    /// [`AuditEvent::LOCATION`].
    pub location: Option<String>,
}

impl AuditEvent {
    /// The client's full address.
    pub const IP: Field = Self::field("ip", KeyPurpose::FieldIp);
    pub const USER_AGENT: Field = Self::field("user_agent", KeyPurpose::FieldSession);
    /// The client's geo location, as JSON.
    pub const LOCATION: Field = Self::field("geo_location", KeyPurpose::FieldSession);

    const fn field(attribute: &'static str, purpose: KeyPurpose) -> Field {
        Field { table: Table::Audit.as_str(), attribute, purpose }
    }

    /// The id of an event.
    pub fn id(at: Timestamp, suffix: [u8; 8]) -> String {
        format!("{:014}#{:016x}", at.millis().max(0), u64::from_be_bytes(suffix))
    }

    /// The key of an event.
    pub fn key(pseudonym: &str, id: &str) -> Key {
        Key::new(pseudonym, id)
    }

    fn item(&self) -> Item {
        let item = Self::key(&self.pseudonym, &self.id)
            .item()
            .with_time("at", self.at)
            .with_text("event", self.action.as_str())
            .with_text("method", self.method)
            .with_text_if("ip", self.ip.as_deref())
            .with_text_if("ip_truncated", self.ip_truncated.as_deref())
            .with_text_if("user_agent", self.user_agent.as_deref())
            .with_text_if("geo_location", self.location.as_deref())
            .with_number(keys::TTL, self.kept_until.seconds());
        match self.outcome {
            Outcome::Success => item.with_text("outcome", "success"),
            Outcome::Failure(reason) => item.with_text("outcome", "failure").with_text("reason", reason),
        }
    }
}

/// An audit event of an administrator. It belongs to no user, and has no field that a user's keys encrypt.
#[derive(Debug, Clone)]
pub struct AdminEvent {
    /// As [`AuditEvent::id`].
    pub id: String,
    pub at: Timestamp,
    pub action: Action,
    /// The ARN of the IAM principal that signed the request.
    pub principal: String,
    /// The id of what changed.
    pub subject: String,
    /// The principal's address, truncated.
    pub ip_truncated: String,
    /// The end of retention, for TTL.
    pub kept_until: Timestamp,
}

impl AdminEvent {
    fn item(&self) -> Item {
        Key::new(keys::ADMIN, &self.id)
            .item()
            .with_time("at", self.at)
            .with_text("event", self.action.as_str())
            .with_text("method", "iam")
            .with_text("outcome", "success")
            .with_text("principal", &self.principal)
            .with_text("subject", &self.subject)
            .with_text("ip_truncated", &self.ip_truncated)
            .with_number(keys::TTL, self.kept_until.seconds())
    }
}

impl Store {
    /// Records an event that belongs to no other write: a refusal.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn record_event(&self, event: &AuditEvent) -> Result<(), Error> {
        self.client()
            .put_item()
            .table_name(self.tables.name(Table::Audit))
            .set_item(Some(event.item().0))
            .send()
            .await
            .map_err(|error| Error::aws("PutItem", &error))?;
        Ok(())
    }
}

impl RecordedEvent {
    fn from_item(item: &Item) -> Result<Self, Error> {
        Ok(Self {
            id: item.text(keys::SK)?,
            at: item.time("at")?,
            action: item.text("event")?,
            outcome: item.text("outcome")?,
            reason: item.optional_text("reason"),
            method: item.text("method")?,
            ip_truncated: item.optional_text("ip_truncated"),
            ip: item.optional_text("ip"),
            user_agent: item.optional_text("user_agent"),
            location: item.optional_text("geo_location"),
        })
    }
}

/// The most events that one read of a filtered list covers, and the most such reads for one page.
const FILTERED: (i32, usize) = (250, 2);

impl Store {
    /// A page of a user's events, the newest first, with only one action if it is named. `after` is the id of an event of the page
    /// before. Newer events do not move the pages after it. A page may have few events if many others are between them.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn events(
        &self,
        pseudonym: &str,
        action: Option<Action>,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<RecordedEvent>, Error> {
        let mut from = after.map(|id| AuditEvent::key(pseudonym, id).item().0);
        let (mut entries, mut last_read) = (Vec::new(), None);
        let (at_once, reads) = match action {
            Some(_) => FILTERED,
            None => (i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1), 2),
        };
        for _ in 0..reads {
            let mut query = self
                .client()
                .query()
                .table_name(self.tables.name(Table::Audit))
                .key_condition_expression("pk = :user")
                .expression_attribute_values(":user", AttributeValue::S(pseudonym.to_owned()))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(at_once)
                .set_exclusive_start_key(from.take());
            if let Some(action) = action {
                query = query
                    .filter_expression("#event = :event")
                    .expression_attribute_names("#event", "event")
                    .expression_attribute_values(":event", AttributeValue::S(action.as_str().to_owned()));
            }
            let answer = query.send().await.map_err(|error| Error::aws("Query", &error))?;
            for item in answer.items.unwrap_or_default().into_iter().map(Item) {
                // TTL removes events late.
                if item.number(keys::TTL)? <= now.seconds() {
                    continue;
                }
                let event = RecordedEvent::from_item(&item)?;
                if entries.len() == limit {
                    return Ok(Page { next: last_read, entries });
                }
                last_read = Some(event.id.clone());
                entries.push(event);
            }
            from = answer.last_evaluated_key;
            let Some(key) = &from else { return Ok(Page { entries, next: None }) };
            if entries.len() < limit {
                last_read = key.get(keys::SK).and_then(|key| key.as_s().ok()).cloned();
            }
        }
        Ok(Page { next: last_read, entries })
    }
}

impl Transaction {
    /// Records an event together with the change that it describes.
    pub fn record_event(&mut self, event: &AuditEvent) {
        self.put(Table::Audit, event.item());
    }

    /// Records an administrator's event together with the change that it describes.
    pub fn record_admin_event(&mut self, event: &AdminEvent) {
        self.put(Table::Audit, event.item());
    }
}
