//! `cleanup`: daily work that TTL cannot do. It passes unsent mails that have not expired to `send-email` again.
//!
//! Code refuses expired items from that moment, and DynamoDB's TTL deletes them free of charge.

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
