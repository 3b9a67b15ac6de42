use tests::{Client, world};

use crate::scenarios::{Scenario, get, only_scenario};

#[tokio::test]
async fn only_public_keys_are_published() {
    let world = world().await;
    let jwks = Client::new(&world).get("/.well-known/jwks.json").await.expect(200);
    let keys = jwks.body["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        let mut names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        // A client needs the algorithm to choose, and the numbers of a private key are never there.
        match (key["kty"].as_str(), key["alg"].as_str()) {
            (Some("EC"), Some("ES256")) => assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]),
            (Some("RSA"), Some("RS256")) => assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(keys.len(), 2);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![only_scenario("jwks").succeeds(200).asks(|_| async { get("/.well-known/jwks.json") })]
}
