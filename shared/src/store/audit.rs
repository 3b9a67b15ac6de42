//! Audit events. Operations append them; nobody changes them.

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::audit::{Action, Outcome},
    error::Error,
    store::{
        Item, Store, Table, Transaction,
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
    /// The end of retention, for TTL.
    pub kept_until: Timestamp,
}

impl AuditEvent {
    /// The client's full address.
    pub const IP: Field = Self::field("ip", KeyPurpose::FieldIp);
    pub const USER_AGENT: Field = Self::field("user_agent", KeyPurpose::FieldSession);

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
            .with_number(keys::TTL, self.kept_until.seconds());
        match self.outcome {
            Outcome::Success => item.with_text("outcome", "success"),
            Outcome::Failure(reason) => item.with_text("outcome", "failure").with_text("reason", reason),
        }
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

impl Transaction {
    /// Records an event together with the change that it describes.
    pub fn record_event(&mut self, event: &AuditEvent) {
        self.put(Table::Audit, event.item());
    }
}
