//! `send-email`: takes what the outbox's stream brings, hands it to SES, and takes it out of the outbox. The only function that may
//! call SES.
//!
//! A stream repeats a batch whose answer was lost, so a mail may be sent twice, with the same content, but none is lost: it stays in
//! the outbox until SES has taken it.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::{
    app::App,
    crypto::{field, key::KeyPurpose},
    domain::{
        audit::{Action, Outcome},
        mail::Mail,
    },
    error::Error,
    mail::{self, Sent},
    operation::Operation,
    store::{AuditEvent, StoredMail, Transaction},
};

/// `send-email`
pub const OPERATION: Operation =
    Operation::event("send-email", &[KeyPurpose::FieldOutbox], |app, event| Box::pin(handle(app, event)));

async fn handle(app: Arc<App>, event: Value) -> Result<Value, Error> {
    let records = event.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut failures = Vec::new();
    for record in &records {
        // A removal is our own, or TTL's: nothing to send.
        if record.get("eventName").and_then(Value::as_str) == Some("REMOVE") {
            continue;
        }
        if let Err(error) = deliver(&app, record).await {
            error.log(OPERATION.name, "");
            let sequence = record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default();
            failures.push(json!({ "itemIdentifier": sequence }));
            // The stream goes on from the first failure, so the rest comes again anyway.
            break;
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

async fn deliver(app: &App, record: &Value) -> Result<(), Error> {
    let image = record.pointer("/dynamodb/NewImage").unwrap_or(&Value::Null);
    let stored = StoredMail::from_stream_image(image)?;
    let now = app.clock.now();
    if stored.not_after <= now {
        return take_out(app, &stored, None, Outcome::Failure("expired")).await;
    }
    // A stream may bring a record again that was dealt with.
    if !app.store.mail_is_pending(&stored).await? {
        return Ok(());
    }
    if let Some(limit) = stored.budget.limit() {
        let mut transaction = Transaction::new();
        transaction.count_mail(&app.store, &stored, app.config.limit(limit), now);
        match app.store.commit(transaction).await {
            Ok(()) => {}
            Err(refused) if refused.refused("mail") => {} // counted at an earlier delivery
            Err(refused) if refused.refused("limit") => {
                return take_out(app, &stored, None, Outcome::Failure("capped")).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let keys = app.keyring.get(KeyPurpose::FieldOutbox).await?;
    let item = StoredMail::item_key(&stored.id);
    let opened =
        field::open(&keys, None, KeyPurpose::FieldOutbox, StoredMail::place(&item, "payload"), &stored.payload)?;
    let mail: Mail = serde_json::from_slice(&opened).map_err(|_| Error::internal("an unreadable mail"))?;
    let rendered = mail::render(&mail.content, &app.config.product_name)?;
    match app.mailer.send(&mail.to, &rendered, &stored.kind).await? {
        Sent::Accepted => take_out(app, &stored, Some(&mail), Outcome::Success).await,
        // This one message will never be taken; trying again would hold up those behind it.
        Sent::Rejected => take_out(app, &stored, Some(&mail), Outcome::Failure("rejected")).await,
    }
}

/// Takes a mail out of the outbox and writes down how it went, in one.
async fn take_out(app: &App, stored: &StoredMail, mail: Option<&Mail>, outcome: Outcome) -> Result<(), Error> {
    let at = app.clock.now();
    let event = AuditEvent {
        pseudonym: stored.pseudonym.clone(),
        id: AuditEvent::id(at, app.rng.bytes()),
        at,
        action: Action::SendMail,
        outcome,
        method: mail.map_or("unsent", |mail| mail.content.kind()),
        ip: None,
        ip_truncated: None,
        user_agent: None,
        kept_until: at.plus_seconds(app.config.audit_retention_days * 86_400),
    };
    let mut transaction = Transaction::new();
    transaction.remove_mail(&app.store, stored);
    transaction.audit(&app.store, &event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(()),
        // Another delivery of the same record was faster.
        Err(refused) if refused.refused("mail") => Ok(()),
        Err(error) => Err(error.into()),
    }
}
