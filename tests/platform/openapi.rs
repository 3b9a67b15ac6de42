use tests::{Client, repository, world};

use crate::scenarios::{Scenario, get, only_scenario};

const PATH: &str = "/openapi.json";

#[tokio::test]
async fn the_committed_document_is_served_to_every_page() {
    let client = Client::new(&world().await);
    let answer = client.send("GET", PATH, &[("origin", "https://docs.example.org")], Vec::new()).await.expect(200);
    assert_eq!(answer.text, std::fs::read_to_string(repository("infra/openapi.json")).unwrap());
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
}

#[tokio::test]
async fn a_client_that_has_the_document_does_not_load_it_again() {
    let client = Client::new(&world().await);
    let tag = client.get(PATH).await.expect(200).header("etag").to_owned();
    assert!(tag.len() > 40 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let weak = format!("W/{tag}");
    let one_of_two = format!("\"x\", {tag}");
    for known in [tag.as_str(), weak.as_str(), one_of_two.as_str(), "*"] {
        let answer = client.send("GET", PATH, &[("if-none-match", known)], Vec::new()).await.expect(304);
        assert_eq!((answer.text.as_str(), answer.header("etag")), ("", tag.as_str()), "{known}");
    }
    for other in ["\"x\"", tag.trim_matches('"'), ""] {
        client.send("GET", PATH, &[("if-none-match", other)], Vec::new()).await.expect(200);
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("openapi").succeeds(200).asks(|_| async { get(PATH) })]
}
