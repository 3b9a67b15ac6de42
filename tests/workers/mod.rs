mod cleanup;
mod keys_rotate;
mod send_email;

use local::faults::{Kind, Rule, Service};
use serde_json::json;
use tests::Client;

use crate::scenarios::{ADDRESS, Scenario, registration};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [cleanup::scenarios(), keys_rotate::scenarios(), send_email::scenarios()].into_iter().flatten().collect()
}

/// Leaves a mail in the outbox that SES refused until it was given up.
pub(super) async fn leave_mail_in_outbox(client: &Client) {
    let rule = client.world.faults().arm(Rule::new(Service::Ses, Kind::Error));
    registration(client, json!({ "email": ADDRESS })).await;
    client.world.settle().await;
    client.world.faults().disarm(rule);
    assert_eq!((client.world.scan("outbox").len(), client.world.mail().len()), (1, 0));
}
