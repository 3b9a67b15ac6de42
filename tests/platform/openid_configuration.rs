use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use serde_json::{Value, json};
use tests::{Client, Person, world};

use crate::scenarios::{Scenario, get, scenario};

#[tokio::test]
async fn any_library_verifies_an_access_token_from_the_metadata_alone() {
    let world = world().await;
    let client = Client::new(&world);
    let person = Person::register(&client, "ada@example.org").await;
    let metadata = client.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(metadata.body["issuer"], "http://localhost:3000");
    let uri = metadata.text("jwks_uri");
    let jwks = client.get(uri.strip_prefix("http://localhost:3000").unwrap()).await.expect(200);
    assert!(jwks.header("cache-control").contains("max-age"));
    let keys: JwkSet = serde_json::from_str(&jwks.text).unwrap();
    let token = person.client.token.unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::ES256, Some("at+jwt")));
    let key = keys.find(&header.kid.unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&["http://localhost:3000"]);
    validation.set_audience(&["http://localhost:3000"]);
    let claims = decode::<Value>(&token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims;
    assert_eq!((&claims["sub"], &claims["sid"]), (&json!(person.id), &json!(person.session_id)));
    assert_eq!((&claims["amr"], &claims["aal"]), (&json!(["pwd"]), &json!("aal1")));
    assert_eq!((&claims["roles"], &claims["permissions"]), (&json!([]), &json!([])));
    let number = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!((number("exp") - number("iat"), number("nbf")), (600, number("iat")));
    assert!(number("auth_time") <= number("iat") && claims["jti"].is_string());
}

#[tokio::test]
async fn the_metadata_has_what_both_specifications_require_and_no_empty_array() {
    let world = world().await;
    let client = Client::new(&world);
    let metadata = client.get("/.well-known/openid-configuration").await.expect(200).body;
    assert_eq!(client.get("/.well-known/oauth-authorization-server").await.expect(200).body, metadata);
    for required in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "scopes_supported",
        "response_types_supported",
        "grant_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "claims_supported",
        "code_challenge_methods_supported",
    ] {
        assert!(!metadata[required].is_null(), "{required}");
    }
    for (name, value) in metadata.as_object().unwrap() {
        assert_ne!(value, &json!([]), "{name}");
        let url = value.as_str().unwrap_or("http://localhost:3000/");
        assert!(url.starts_with("http://localhost:3000"), "{name}");
    }
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["ES256", "RS256"]));
    for unsupported in ["claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"]
    {
        assert_eq!(metadata[unsupported], json!(false), "{unsupported}");
    }
}

#[tokio::test]
async fn the_issuer_comes_from_the_configuration_and_never_from_a_header() {
    let world = world().await;
    let headers =
        [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example"), ("x-host", "evil.example")];
    let answer = Client::new(&world).send("GET", "/.well-known/openid-configuration", &headers, Vec::new()).await;
    assert_eq!(answer.body["issuer"], "http://localhost:3000");
    assert!(!answer.text.contains("evil"));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("openid-configuration", "with a configured URL")
            .succeeds(200)
            .asks(|_| async { get("/.well-known/openid-configuration") }),
        // Functions then read the URL that the deployment left in the keyring.
        scenario("openid-configuration", "without a configured URL")
            .parameter("PublicUrl", "")
            .succeeds(200)
            .asks(|_| async { get("/.well-known/openid-configuration") }),
    ]
}
