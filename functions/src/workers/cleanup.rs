//! `cleanup`: daily, what TTL can't do: mails that were given up on and are still of use go to `send-email` once more.
//!
//! Everything that merely expires is refused by code from that moment, and swept by DynamoDB's TTL for nothing.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::{app::App, error::Error, operation::Operation};

/// `cleanup`
pub const OPERATION: Operation = Operation::event("cleanup", &[], |app, event| Box::pin(handle(app, event)));

async fn handle(app: Arc<App>, _event: Value) -> Result<Value, Error> {
    let now = app.clock.now();
    let mut again = 0u64;
    let mut from = None;
    loop {
        let (mails, next) = app.store.pending_mails(from).await?;
        for mail in mails.iter().filter(|mail| now < mail.not_after) {
            app.store.touch_mail(mail, now).await?;
            again += 1;
        }
        from = next;
        if from.is_none() {
            return Ok(json!({ "mails_tried_again": again }));
        }
    }
}
