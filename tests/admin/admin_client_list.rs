use std::collections::BTreeSet;

use tests::{Client, world};

use super::{CLIENTS, app, create, created};
use crate::scenarios::{Scenario, only_scenario, signed};

#[tokio::test]
async fn pages_have_every_client_once() {
    let world = world().await;
    let client = Client::new(&world);
    let mut expected = BTreeSet::from(["local".to_owned()]);
    for _ in 0..4 {
        expected.insert(create(&client, &app("confidential")).await.text("client_id"));
    }
    for limit in [1, 2, 4, 5, 100] {
        let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("{CLIENTS}?limit={limit}{cursor}");
            let page = client.administer("GET", &path, None).await.expect(200);
            let clients = page.body["clients"].as_array().unwrap();
            assert!(clients.len() <= limit && !page.text.contains("lkcs_"));
            found.extend(clients.iter().map(|client| client["client_id"].as_str().unwrap().to_owned()));
            pages += 1;
            match page.body.get("next") {
                Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
                None => break,
            }
        }
        assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), expected);
        assert_eq!((found.len(), pages), (5, 5_usize.div_ceil(limit)), "{limit}");
    }
}

#[tokio::test]
async fn a_wrong_query_is_named() {
    let world = world().await;
    let client = Client::new(&world);
    for (query, field) in [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=x", "cursor"), ("x=1", "x")] {
        let answer = client.administer("GET", &format!("{CLIENTS}?{query}"), None).await;
        assert_eq!(answer.expect_problem(400, "invalid_request").fields(), [field], "{query}");
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("admin-client-list").succeeds(200).asks(|client| async move {
        created(&client, "public").await;
        signed("GET", CLIENTS, None)
    })]
}
