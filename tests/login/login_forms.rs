//! Every way to log in by mail, for every kind of account: the answer, the mails and the audit events, as one table.

use std::fmt::Write as _;

use local::World;
use serde_json::{Value, json};
use tests::{Client, Person, change_profile, world};

use super::login_email::ask;
use crate::snapshots::assert_snapshot;

const ADDRESS: &str = "ada@example.org";

/// Who owns the address.
const ACCOUNTS: [&str; 6] = ["known", "unknown", "deactivated", "banned", "with MFA", "without a password"];

/// How the mail is answered.
const PROOFS: [&str; 4] = ["code", "link here", "link elsewhere", "link and code elsewhere"];

/// A world in which the address belongs to an account of this kind.
async fn prepared(account: &str) -> World {
    let world = world().await;
    if account == "unknown" {
        return world;
    }
    let person = Person::register(&Client::new(&world), ADDRESS).await;
    match account {
        "with MFA" => drop(person.enable_totp().await),
        "without a password" => change_profile(&world, |item| {
            item.as_object_mut().unwrap().remove("password");
        }),
        "deactivated" | "banned" => change_profile(&world, |item| item["account_status"] = json!({ "S": account })),
        _ => {}
    }
    world
}

/// The audit events since a number of them, as `action outcome`.
fn audited(world: &World, before: usize) -> String {
    let mut items = world.scan("audit");
    items.retain(|item| item["event"]["S"] != "send_mail" && item["event"]["S"] != "suspicious_login");
    items.sort_by_key(|item| item["at"]["N"].as_str().unwrap().parse::<i64>().unwrap());
    let names = items.iter().skip(before).map(|item| {
        let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("event"), text("outcome"))
    });
    names.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn every_account_and_every_proof_has_its_answer_mail_and_event() {
    let mut table = String::from("account | proof | request | verification | mails | events\n");
    for account in ACCOUNTS {
        for proof in PROOFS {
            let world = prepared(account).await;
            let client = Client::new(&world);
            world.settle().await;
            let (mails, events) =
                (world.mail().len(), audited(&world, 0).split(", ").filter(|e| !e.is_empty()).count());
            let asked = ask(&client, ADDRESS).await;
            world.settle().await;
            let mail = world.mail().into_iter().skip(mails).find(|mail| mail.kind == "login_mail");
            let code = mail.as_ref().and_then(|mail| mail.code().map(str::to_owned));
            let token = mail.as_ref().and_then(|mail| Some(mail.link()?.split_once("#token=")?.1.to_owned()));
            // A person without a mail can only guess.
            let code = code.unwrap_or_else(|| "123456".to_owned());
            let token = token.unwrap_or_else(|| format!("{}.{}", asked.text("challenge_id"), "A".repeat(43)));
            let id = asked.text("challenge_id");
            let body: Value = match proof {
                "code" => json!({ "challenge_id": id, "code": code }),
                "link here" => json!({ "challenge_id": id, "token": token }),
                "link elsewhere" => json!({ "token": token }),
                _ => json!({ "token": token, "code": code }),
            };
            let done = client.post("/v1/login/email/verify", body).await;
            world.settle().await;
            let said = if done.code().is_empty() { done.text("status") } else { done.code().to_owned() };
            let kinds: Vec<String> = world.mail().into_iter().skip(mails).map(|mail| mail.kind).collect();
            let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
            let audit = audited(&world, events);
            writeln!(table, "{account} | {proof} | {} | {} {said} | {kinds} | {audit}", asked.status, done.status)
                .unwrap();
        }
    }
    assert_snapshot("tables", "logins_by_mail", &table);
}
