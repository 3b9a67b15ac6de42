mod passkey_list;
mod passkey_options;
mod passkey_register;
mod passkey_remove;
mod passkey_signal;
mod passkey_update;
mod unverified;

use tests::{Client, Key, Person};

use crate::scenarios::{Scenario, registered};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        passkey_list::scenarios(),
        passkey_options::scenarios(),
        passkey_register::scenarios(),
        passkey_remove::scenarios(),
        passkey_signal::scenarios(),
        passkey_update::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Registers a person with a passkey. Returns the passkey's path and the person.
pub(super) async fn passkey_and_owner(client: &Client) -> (String, Person) {
    let person = registered(client).await;
    let id = person.add_passkey(&mut Key::new()).await.expect(201).text("id");
    (format!("/v1/passkeys/{id}"), person)
}
