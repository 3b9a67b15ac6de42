//! Operations read the fields that their contracts describe, as the same types.

use std::collections::BTreeSet;

use functions::operations::OPERATIONS;
use serde_json::json;
use shared::{
    fields::{
        reads::{self, Place},
        schema::Read,
    },
    operation::contract::{Body, Contract},
};
use tests::{Client, world};

use crate::{bodies, tour};

/// The fields that a contract describes.
fn described(contract: &Contract) -> BTreeSet<(Place, Read)> {
    let forms = match &contract.body {
        Body::Nothing => &[][..],
        Body::Json(forms) => forms,
        Body::Form(form) | Body::Message(form) => std::slice::from_ref(form),
    };
    let in_body = forms.iter().flat_map(|form| form.reads()).map(|read| (Place::Body, read));
    let in_query = contract.query.reads().into_iter().map(|read| (Place::Query, read));
    in_body.chain(in_query).collect()
}

/// Parameters that are read only after steps that no scenario takes. The tests of these operations send them.
const READ_LATER: [(&str, &str); 2] = [("provider-callback", "user"), ("oauth-logout", "state")];

#[tokio::test]
async fn operations_read_the_fields_that_the_document_describes_and_no_others() {
    tour::visits().await;
    let client = Client::new(&world().await);
    for (route, body) in bodies::routes() {
        bodies::send(&client, route, body.to_string().into_bytes()).await;
    }
    // Forms that neither a scenario nor the fuzzing takes.
    client.get("/login?continue=/account").await.expect(200);
    let challenge = "A".repeat(43);
    let authorize = format!(
        "/oauth2/authorize?client_id=local&redirect_uri=http://localhost:8000/&response_type=code&code_challenge={challenge}\
         &code_challenge_method=S256&ui_locales=en"
    );
    client.get(&authorize).await.expect(302);
    for body in [json!({ "discoverable": true }), json!({ "identifier": "ada", "discoverable": false })] {
        client.post("/v1/login/passkey/options", body).await.expect(200);
    }
    let recorded = reads::recorded();
    let mut faults = Vec::new();
    for operation in OPERATIONS {
        let Some(contract) = operation.contract else { continue };
        let own = recorded.iter().filter(|(name, ..)| *name == operation.name);
        let read: BTreeSet<(Place, Read)> = own.map(|(_, place, read)| (*place, read.clone())).collect();
        let described = described(&contract());
        for (place, read) in read.difference(&described) {
            faults.push(format!("{} reads {:?} {} as {}", operation.name, place, read.path, read.parsed_as));
        }
        let missing = described.difference(&read);
        for (place, read) in missing.filter(|(_, read)| !READ_LATER.contains(&(operation.name, read.path.as_str()))) {
            faults.push(format!("{} does not read {:?} {} as {}", operation.name, place, read.path, read.parsed_as));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
