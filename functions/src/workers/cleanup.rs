//! `cleanup`: daily, what TTL cannot do. Mails that were given up and have not expired go to `send-email` again.
//!
//! Whatever merely expires is refused by code from that moment, and DynamoDB's TTL deletes it free of charge.

use serde_json::{Value, json};
use shared::{app::App, error::Error, operation::Operation};

pub const OPERATION: Operation = Operation::event("cleanup", |app, event| Box::pin(handle(app, event)))
    .summary("retries mails that were given up")
    .trigger("schedule, daily");

async fn handle(app: &App, _event: Value) -> Result<Value, Error> {
    let now = app.clock.now();
    let mut retried = 0u64;
    let mut from = None;
    loop {
        let (mails, next) = app.store.pending_mails(from).await?;
        for mail in mails.iter().filter(|mail| now < mail.not_after) {
            app.store.touch_mail(mail, now).await?;
            retried += 1;
        }
        from = next;
        if from.is_none() {
            return Ok(json!({ "mails_tried_again": retried }));
        }
    }
}
