use serde_json::json;

use super::leave_mail_in_outbox;
use crate::{
    account::account_delete::{cut_off, is_gone, rich},
    scenarios::{ADDRESS, Act, Scenario, count, scenario},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("cleanup", "a mail that was given up")
            .effect(|world| count(world, "outbox", |item| item.get("touched_at").is_some()) + world.mail().len())
            .asks(|client| async move {
                leave_mail_in_outbox(&client).await;
                Act::Event(json!({}))
            }),
        scenario("cleanup", "a deletion that was cut off")
            .parameter("SuspiciousLogin", "step-up")
            .effect(|world| usize::from(is_gone(world)))
            .asks(|client| async move {
                let person = rich(&client, ADDRESS).await.person;
                cut_off(&client.world, &person).await;
                Act::Event(json!({}))
            }),
    ]
}
