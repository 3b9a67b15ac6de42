//! Answers and requests that the document does not describe are noticed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;
use tests::{
    Answer, Client, PASSWORD, Person,
    conformance::{Sent, check},
    world,
};

/// Whether the answer to a request is noticed.
fn is_noticed(sent: &Sent<'_>, answer: &Answer) -> bool {
    catch_unwind(AssertUnwindSafe(|| check(sent, answer))).is_err()
}

#[tokio::test]
async fn what_the_document_does_not_describe_is_noticed() {
    if std::env::var_os("LATCHKEY_WRITE").is_some() {
        return;
    }
    let person = Person::register(&Client::new(&world().await), "ada@example.org").await;
    let login = json!({ "identifier": "ada@example.org", "password": PASSWORD });
    let good = person.client.anonymous().post("/v1/login", login.clone()).await.expect(200);
    let refused = person.client.anonymous().get("/v1/me").await.expect(401);
    let body = login.to_string().into_bytes();
    let sent = Sent { method: "POST", path: "/v1/login", content_type: "application/json", body: &body };
    let get = Sent { method: "GET", path: "/v1/me", content_type: "", body: b"" };
    assert!(!is_noticed(&sent, &good) && !is_noticed(&get, &refused));
    let changed = |answer: &Answer, change: &dyn Fn(&mut Answer)| {
        let mut answer = answer.clone();
        change(&mut answer);
        answer
    };
    for answer in [
        changed(&good, &|answer| answer.status = 418),
        changed(&good, &|answer| answer.body["more"] = json!(1)),
        changed(&good, &|answer| answer.body["user"]["more"] = json!(1)),
        changed(&good, &|answer| answer.body["expires_in"] = json!("600")),
        changed(&good, &|answer| _ = answer.body["user"].as_object_mut().unwrap().remove("bio")),
        changed(&good, &|answer| _ = answer.headers.insert("content-type", "text/plain".parse().unwrap())),
        changed(&good, &|answer| answer.text.clear()),
    ] {
        assert!(is_noticed(&sent, &answer), "{answer:?}");
    }
    for answer in [
        changed(&refused, &|answer| answer.body["code"] = json!("locked_out")),
        changed(&refused, &|answer| answer.status = 409),
        changed(&refused, &|answer| _ = answer.body.as_object_mut().unwrap().remove("request_id")),
    ] {
        assert!(is_noticed(&get, &answer), "{answer:?}");
    }
    let unknown = json!({ "identifier": "ada@example.org", "password": PASSWORD, "role": "admin" }).to_string();
    assert!(is_noticed(&Sent { body: unknown.as_bytes(), ..sent }, &good));
    assert!(is_noticed(&Sent { method: "GET", path: "/v1/nothing", content_type: "", body: b"" }, &good));
}
