//! `cleanup`: daily work that TTL cannot do. It finishes deletions of accounts that were cut off. It passes unsent mails that have
//! not expired to `send-email` again, except those to deleted accounts.
//!
//! Code refuses expired items from that moment, and DynamoDB's TTL deletes them free of charge.

use std::collections::HashSet;

use serde_json::{Value, json};
use shared::{
    app::App,
    domain::{ids::UserId, mail::Content},
    error::Error,
    operation::Operation,
    store::Deletions,
};

pub const OPERATION: Operation = Operation::event("cleanup", |app, event| Box::pin(handle(app, event)))
    .summary("finishes deletions of accounts, and retries mails that were given up")
    .trigger("schedule, daily");

async fn handle(app: &App, _event: Value) -> Result<Value, Error> {
    let Deletions { users, mails } = app.store.deletions().await?;
    // Neither part keeps the other from its work.
    let finished = finish_deletions(app, &users).await;
    let retried = retry_mails(app, &mails).await;
    Ok(json!({ "deletions_finished": finished?, "mails_tried_again": retried? }))
}

/// Finishes deletions. One that fails keeps no other from its end, and its error is returned.
async fn finish_deletions(app: &App, users: &[UserId]) -> Result<usize, Error> {
    let mut failed = None;
    for user in users {
        if let Err(error) = app.store.continue_deletion(user, usize::MAX).await {
            error.log(OPERATION.name, "");
            failed = Some(error);
        }
    }
    failed.map_or(Ok(users.len()), Err)
}

/// Retries pending mails. Those of deleted accounts, by their pseudonyms, are withdrawn, except the notice of the deletion.
async fn retry_mails(app: &App, deleted: &[String]) -> Result<u64, Error> {
    let now = app.clock.now();
    let is_deleted: HashSet<&String> = deleted.iter().collect();
    let notice = Content::AccountDeleted { at: String::new() };
    let (mut retried, mut from) = (0, None);
    loop {
        let (mails, next) = app.store.pending_mails(from).await?;
        for mail in mails.iter().filter(|mail| now < mail.not_after) {
            if is_deleted.contains(&mail.pseudonym) && mail.kind != notice.kind() {
                app.store.withdraw_mail(mail, now).await?;
            } else {
                app.store.touch_mail(mail, now).await?;
                retried += 1;
            }
        }
        from = next;
        if from.is_none() {
            break;
        }
    }
    app.store.end_withdrawals(deleted).await?;
    Ok(retried)
}
