//! `send-email`: reads mails from the outbox's stream, sends them by SES, and removes them from the outbox. No other
//! function may call SES.
//!
//! A stream repeats a batch if its answer is lost, so a mail may be sent twice, with the same content. No mail is lost,
//! because it stays in the outbox until SES accepts it.

use serde_json::{Value, json};
use shared::{
    app::App,
    clock::Timestamp,
    crypto::{key::KeyPurpose, secret::Token},
    domain::{
        audit::{Action, Outcome},
        limits::{
            ALERT_BY_ADDRESS, CODE_MAIL_BY_ADDRESS, LOGIN_CODE_MAIL_BY_ADDRESS, MAIL_BY_ADDRESS, MAIL_BY_SENDER,
            MAIL_OF_DEPLOYMENT, MAIL_OVER_LIMIT, REUSE_NOTICE_BY_ADDRESS,
        },
    },
    error::Error,
    mail::{self, Sent},
    operation::Operation,
    store::{AuditEvent, Condition, StoredMail},
};

pub const OPERATION: Operation = Operation::event("send-email", |app, event| Box::pin(handle(app, event)))
    .summary("sends mails; the only function that may call SES")
    .trigger("stream of the outbox table")
    .keys(&[KeyPurpose::FieldOutbox])
    .limits(&[
        MAIL_BY_ADDRESS,
        MAIL_OVER_LIMIT,
        MAIL_BY_SENDER,
        MAIL_OF_DEPLOYMENT,
        ALERT_BY_ADDRESS,
        REUSE_NOTICE_BY_ADDRESS,
        CODE_MAIL_BY_ADDRESS,
        LOGIN_CODE_MAIL_BY_ADDRESS,
    ]);

async fn handle(app: &App, event: Value) -> Result<Value, Error> {
    let records = event.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut failures = Vec::new();
    for record in &records {
        // Only this function and TTL remove mails, so there is nothing to send.
        if record.get("eventName").and_then(Value::as_str) == Some("REMOVE") {
            continue;
        }
        let delivered = deliver(app, record).await;
        if matches!(delivered, Ok(Delivery::Done)) {
            continue;
        }
        let sequence = record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default();
        failures.push(json!({ "itemIdentifier": sequence }));
        // The stream repeats everything from the first failure. What is done by then is not pending any more. After a failure of
        // this mail alone, the others are worth a try.
        if let Err(error) = delivered {
            error.log(OPERATION.name, "");
            break;
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

/// The outcome for one mail.
enum Delivery {
    Done,
    /// The mail stays in the outbox.
    Kept,
}

async fn deliver(app: &App, record: &Value) -> Result<Delivery, Error> {
    let image = record.pointer("/dynamodb/NewImage").unwrap_or(&Value::Null);
    let stored = StoredMail::from_stream_image(image)?;
    let now = app.clock.now();
    if stored.not_after <= now {
        return remove(app, &stored, "unsent", Outcome::Failure("expired")).await.map(|()| Delivery::Done);
    }
    // A stream may repeat a handled record.
    if !app.store.mail_is_pending(&stored).await? {
        return Ok(Delivery::Done);
    }
    if !is_within_limits(app, &stored, now).await? {
        tracing::warn!(kind = stored.kind, "a mail over its limits was not sent");
        return remove(app, &stored, "unsent", Outcome::Failure("capped")).await.map(|()| Delivery::Done);
    }
    let mail = mail::open(&*app.keyring.get(KeyPurpose::FieldOutbox).await?, &stored)?;
    let rendered = mail::render(&mail, &app.config.product_name)?;
    let reference = Token::random(&*app.rng).encode();
    let outcome = match app.mailer.send(&mail.to, &rendered, &stored.kind, &reference).await? {
        Sent::Accepted => Outcome::Success,
        // SES will never accept this mail, and another attempt would block the mails after it.
        Sent::Rejected => {
            tracing::error!(kind = stored.kind, "SES rejected a mail for good");
            Outcome::Failure("rejected")
        }
        Sent::Unverified => {
            tracing::error!(
                kind = stored.kind,
                "SES does not send, because the sender or the recipient is not verified. Is the account in SES's sandbox?"
            );
            return Ok(Delivery::Kept);
        }
    };
    remove(app, &stored, mail.content.kind(), outcome).await.map(|()| Delivery::Done)
}

/// Counts a mail against its limits, once. Over the limit of its mailbox, one mail an hour is still within them, and another
/// one for networks that cause many.
async fn is_within_limits(app: &App, stored: &StoredMail, now: Timestamp) -> Result<bool, Error> {
    let Some(limit) = stored.budget.limit() else { return Ok(true) };
    let mailbox = &stored.counted_by;
    let over_limit = if is_of_frequent_sender(app, stored, now).await? {
        format!("{mailbox}#frequent-senders")
    } else {
        mailbox.clone()
    };
    for (limit, key) in [(limit, mailbox), (MAIL_OVER_LIMIT, &over_limit)] {
        let mut transaction = app.store.transaction();
        transaction.count_mail(stored, app.config.limit(limit), key, now);
        if stored.budget.is_open_to_anybody() {
            transaction.count(app.config.limit(MAIL_OF_DEPLOYMENT), &stored.kind, now);
        }
        match app.store.commit(transaction).await {
            Ok(()) => return Ok(true),
            Err(refused) if refused.is(Condition::Mail) => return Ok(true), // counted at an earlier delivery
            Err(refused) if refused.is(Condition::Limit) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Counts a mail by the network that caused it. Returns whether the network has caused many mails of this kind to the mailbox,
/// sent or not. A mail that the stream repeats counts again, which does no harm.
async fn is_of_frequent_sender(app: &App, stored: &StoredMail, now: Timestamp) -> Result<bool, Error> {
    let Some(sender) = &stored.sender else { return Ok(false) };
    let key = format!("{}#{sender}", stored.counted_by);
    match app.store.count(app.config.limit(MAIL_BY_SENDER), &key, now).await {
        Ok(()) => Ok(false),
        Err(Error::RateLimited { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Removes a mail from the outbox and records the outcome, in one transaction.
async fn remove(app: &App, stored: &StoredMail, method: &'static str, outcome: Outcome) -> Result<(), Error> {
    let at = app.clock.now();
    let event = AuditEvent {
        pseudonym: stored.pseudonym.clone(),
        id: AuditEvent::id(at, app.rng.bytes()),
        at,
        action: Action::SendMail,
        outcome,
        method,
        ip: None,
        ip_truncated: None,
        user_agent: None,
        location: None,
        kept_until: app.audited_until(at),
    };
    let mut transaction = app.store.transaction();
    transaction.remove_mail(stored);
    transaction.record_event(&event);
    match app.store.commit(transaction).await {
        Ok(()) => Ok(()),
        // Another delivery of the same record came first.
        Err(refused) if refused.is(Condition::Mail) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
