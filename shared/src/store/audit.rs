//! `audit`: what was done and tried. Appended to by everyone who may write here, changed by nobody.

use crate::{
    clock::Timestamp,
    crypto::field::Place,
    domain::audit::{Action, Outcome},
    error::Error,
    store::{Item, Store, Transaction, dynamodb::keys},
};

/// An event. What is personal in it is encrypted under the user's own keys, and the pseudonym that it lies under hangs on them
/// too: with the keys gone, it tells of nobody.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    /// Of whom.
    pub pseudonym: String,
    /// Its place in time, with a random suffix: no two events share it, and nobody who can't read can name it.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// By which factor or means.
    pub method: &'static str,
    /// From where in full (`field:ip`).
    pub ip: Option<String>,
    /// From where, cut for display.
    pub ip_truncated: Option<String>,
    /// With what (`field:session`).
    pub user_agent: Option<String>,
    /// How long it is kept.
    pub kept_until: Timestamp,
}

impl AuditEvent {
    /// The sort key of an event.
    pub fn id(at: Timestamp, suffix: [u8; 8]) -> String {
        format!("{:014}#{:016x}", at.millis().max(0), u64::from_be_bytes(suffix))
    }

    /// The key of an event's item, as its fields are bound to it.
    pub fn item_key(pseudonym: &str, id: &str) -> String {
        format!("{pseudonym}|{id}")
    }

    /// Where a field of an event lies.
    pub fn place<'a>(item: &'a str, attribute: &'static str) -> Place<'a> {
        Place { table: "audit", item, attribute }
    }

    fn item(&self) -> Item {
        let item = Item::new()
            .with_text(keys::PK, &self.pseudonym)
            .with_text(keys::SK, &self.id)
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
    /// Writes an event down that goes with no other write: a refusal.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn record_event(&self, event: &AuditEvent) -> Result<(), Error> {
        self.client
            .put_item()
            .table_name(&self.tables.audit)
            .set_item(Some(event.item().0))
            .send()
            .await
            .map_err(|error| Error::aws("PutItem", &error))?;
        Ok(())
    }
}

impl Transaction {
    /// Writes an event down together with what it tells of.
    pub fn audit(&mut self, store: &Store, event: &AuditEvent) {
        self.put("audit", &store.tables.audit, event.item(), None);
    }
}
