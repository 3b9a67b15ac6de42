mod ceilings;
mod device_forget;
mod device_list;
mod device_update;
mod logout;
mod logout_all;
mod session_list;
mod session_revoke;

use tests::{Client, Person};

use crate::scenarios::{Scenario, registered};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        device_forget::scenarios(),
        device_list::scenarios(),
        device_update::scenarios(),
        logout::scenarios(),
        logout_all::scenarios(),
        session_list::scenarios(),
        session_revoke::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Registers a person and logs in on a second device. Returns the first device's path and the person on the second one.
pub(super) async fn device_and_owner(client: &Client) -> (String, Person) {
    let person = registered(client).await;
    let devices = person.client.get("/v1/devices").await.expect(200);
    let path = format!("/v1/devices/{}", devices.body["devices"][0]["id"].as_str().unwrap());
    (path, person.login().await)
}
