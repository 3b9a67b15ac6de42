//! The decision of every login by a provider, as one table: what the provider says about the address, and who has the address here.

use std::fmt::Write as _;

use local::World;
use serde_json::{Value, json};
use tests::{Client, Person, change_profile};

use super::with_providers;
use crate::snapshots::assert_snapshot;

const ADDRESS: &str = "ada@example.org";

/// Who has the address.
const ACCOUNTS: [&str; 9] = [
    "known identity",
    "no account",
    "sign-up off",
    "account",
    "account with another identity",
    "account with MFA",
    "deactivated account",
    "banned account",
    "former address",
];

/// What the provider says. `idp` is not trusted with addresses, and `rotating` is.
const CLAIMS: [(&str, &str); 5] = [
    ("trusted, verified", "rotating"),
    ("trusted, not verified", "rotating"),
    ("trusted, verified by a text", "rotating"),
    ("trusted, missing", "rotating"),
    ("not trusted, verified", "idp"),
];

fn claims(kind: &str) -> Value {
    let email_verified = match kind {
        "trusted, not verified" => json!(false),
        "trusted, verified by a text" => json!("true"),
        _ => json!(true),
    };
    match kind {
        "trusted, missing" => json!({ "email_verified": true }),
        _ => json!({ "email": ADDRESS, "email_verified": email_verified, "name": "Ada" }),
    }
}

async fn prepared(account: &str, provider: &str) -> World {
    let off: &[(&str, &str)] = if account == "sign-up off" { &[("SignUp", "off")] } else { &[] };
    let world = World::start(with_providers(off)).await.unwrap();
    let client = Client::new(&world);
    if ["no account", "sign-up off"].contains(&account) {
        return world;
    }
    let person = Person::register(&client, ADDRESS).await;
    match account {
        "account with MFA" => drop(person.enable_totp().await),
        "known identity" => {
            drop(super::provider_callback::link(&person, provider, &json!({ "sub": "248289761001" })).await)
        }
        "account with another identity" => {
            drop(super::provider_callback::link(&person, provider, &json!({ "sub": "another" })).await);
        }
        "deactivated account" => change_profile(&world, |item| item["account_status"] = json!({ "S": "deactivated" })),
        "banned account" => change_profile(&world, |item| item["account_status"] = json!({ "S": "banned" })),
        "former address" => {
            person.client.post("/v1/email/change", json!({ "new_email": "new@example.org" })).await.expect(202);
            let challenge = person.client.post("/v1/email/change", json!({ "new_email": "new@example.org" })).await;
            let code = client.code_for("new@example.org").await;
            let body = json!({ "challenge_id": challenge.expect(202).text("challenge_id"), "code": code });
            person.client.post("/v1/email/change/verify", body).await.expect(200);
        }
        _ => {}
    }
    world
}

#[tokio::test]
async fn every_account_and_every_claim_has_its_result_mail_and_event() {
    let mut table = String::from("address here | claims | result | mails | events\n");
    for account in ACCOUNTS {
        for (kind, provider) in CLAIMS {
            let world = prepared(account, provider).await;
            world.settle().await;
            let client = Client::new(&world);
            let (mails, events) = (world.mail().len(), audited(&world, 0).len());
            let answer = client.log_in_at(provider, &claims(kind)).await.expect(302);
            world.settle().await;
            let cookies = answer.cookies().into_iter().filter(|(_, (value, _))| !value.is_empty());
            let cookies: Vec<String> = cookies.map(|(name, _)| name).collect();
            let mut kinds: Vec<String> = world.mail().into_iter().skip(mails).map(|mail| mail.kind).collect();
            kinds.sort();
            let audit = audited(&world, events).join(", ");
            let signed_in = if cookies.is_empty() { "" } else { " with " };
            writeln!(
                table,
                "{account} | {kind} | {}{signed_in}{} | {} | {audit}",
                answer.header("location"),
                cookies.join(" "),
                kinds.join(", ")
            )
            .unwrap();
        }
    }
    assert_snapshot("tables", "logins_by_provider", &table);
}

/// The audit events after a number of them, as `action outcome`.
fn audited(world: &World, before: usize) -> Vec<String> {
    let mut items = world.scan("audit");
    items.retain(|item| item["event"]["S"] != "send_mail" && item["event"]["S"] != "suspicious_login");
    items.sort_by_key(|item| item["at"]["N"].as_str().unwrap().parse::<i64>().unwrap());
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let mut names: Vec<String> =
        items.iter().skip(before).map(|item| format!("{} {}", text(item, "event"), text(item, "outcome"))).collect();
    names.sort();
    names
}
