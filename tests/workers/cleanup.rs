use serde_json::json;

use super::leave_mail_in_outbox;
use crate::scenarios::{Act, Scenario, count, only_scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        only_scenario("cleanup")
            .effect(|world| count(world, "outbox", |item| item.get("touched_at").is_some()) + world.mail().len())
            .asks(|client| async move {
                leave_mail_in_outbox(&client).await;
                Act::Event(json!({}))
            }),
    ]
}
