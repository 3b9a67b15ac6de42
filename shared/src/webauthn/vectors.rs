//! The verifier against credentials of another implementation (tests/vectors/README.md).

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{AssertionResponse, Creation, NewPasskey, RegistrationResponse, RelyingParty, RelyingPartyConfig};
use crate::{domain::ids::UserId, error::Error, fields::FromJson};

const VECTORS: &str = include_str!("../../../tests/vectors/webauthn.json");

fn vectors() -> Vec<Value> {
    let mut file: Value = serde_json::from_str(VECTORS).unwrap();
    serde_json::from_value(file["cases"].take()).unwrap()
}

fn relying_party() -> RelyingParty {
    let config = RelyingPartyConfig {
        origin: "https://example.org",
        id: None,
        name: "Example",
        allowed_origins: &[],
        app_origins: &[],
    };
    RelyingParty::new(&config).unwrap()
}

/// The state of a ceremony with the challenge of a vector. `library` is where the state of the library is.
fn with_challenge(state: &str, library: &str, challenge: &Value) -> String {
    let mut state: Value = serde_json::from_str(state).unwrap();
    let place = state.pointer_mut(library).unwrap();
    assert!(place["challenge"].is_string());
    place["challenge"] = challenge.clone();
    state.to_string()
}

fn register(case: &Value, creation: Creation) -> Result<NewPasskey, Error> {
    let rp = relying_party();
    let options = rp.registration_options(&UserId::from_bytes([7; 16]), "ada", &[], creation).unwrap();
    let state = with_challenge(&options.state, "/library/rs", &case["registration"]["challenge"]);
    let credential = json!({
        "id": case["credential_id"],
        "rawId": case["credential_id"],
        "type": "public-key",
        "response": {
            "clientDataJSON": case["registration"]["clientDataJSON"],
            "attestationObject": case["registration"]["attestationObject"],
        },
    });
    rp.verify_registration(&RegistrationResponse::from_json(credential).unwrap(), &state)
}

fn assertion(case: &Value) -> Value {
    let response = &case["assertion"];
    json!({
        "id": case["credential_id"],
        "rawId": case["credential_id"],
        "type": "public-key",
        "response": {
            "clientDataJSON": response["clientDataJSON"],
            "authenticatorData": response["authenticatorData"],
            "signature": response["signature"],
        },
    })
}

fn log_in(case: &Value, created: &NewPasskey, assertion: Value) -> Result<super::Signals, Error> {
    let rp = relying_party();
    let state = with_challenge(&rp.assertion_options(&[]).unwrap().state, "/ast", &case["assertion"]["challenge"]);
    rp.verify_assertion(&AssertionResponse::from_json(assertion).unwrap(), &state, &created.credential)
}

/// What the vector's name says of it.
fn says(case: &Value, what: &str) -> bool {
    case["name"].as_str().unwrap().contains(what)
}

#[test]
fn credentials_of_another_implementation_are_accepted_or_refused_as_the_specification_says() {
    let mut accepted = BTreeSet::new();
    for case in vectors() {
        let name = case["name"].as_str().unwrap();
        // Neither algorithm is offered, and nobody may frame this service.
        let is_refused = ["ES512", "Ed25519", "crossOrigin", "topOrigin"].iter().any(|what| says(&case, what));
        let is_absent = says(&case, "no user at the creation");
        let is_unverified = is_absent || says(&case, "no user verification");
        let modal = register(&case, Creation::Modal);
        assert_eq!(modal.is_ok(), !is_refused && !is_unverified, "{name}");
        let conditional = register(&case, Creation::Conditional);
        assert_eq!(conditional.is_ok(), !is_refused, "{name}");
        let Ok(created) = conditional else { continue };
        accepted.insert(name.split([' ', ',']).next().unwrap().to_owned());
        assert_eq!(created.user_verified, !is_unverified, "{name}");
        let hex: String = created.aaguid.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, case["aaguid"], "{name}");
        assert_eq!(URL_SAFE_NO_PAD.encode(created.credential.id()), case["credential_id"], "{name}");
        let counting = i64::from(says(&case, "counting"));
        assert_eq!(created.signals.sign_count, 5 * counting, "{name}");
        assert_eq!((created.signals.backup_eligible, created.signals.backed_up), (counting == 0, counting == 0));

        let login = log_in(&case, &created, assertion(&case));
        assert_eq!(login.is_ok(), !says(&case, "at all"), "{name}");
        let Ok(signals) = login else { continue };
        assert_eq!(signals.sign_count, 6 * counting, "{name}");
        assert_eq!(signals.backed_up, counting == 0, "{name}");
    }
    let expected = ["none.ES256", "packed-self.ES256", "packed-self.ES384", "packed-self.RS256", "packed.ES256"];
    assert_eq!(accepted, BTreeSet::from(expected.map(str::to_owned)));
}

#[test]
fn a_vector_with_any_changed_byte_is_refused() {
    for case in
        vectors().iter().filter(|case| ["none.ES256", "packed-self.RS256"].iter().any(|name| case["name"] == *name))
    {
        let created = register(case, Creation::Modal).unwrap();
        log_in(case, &created, assertion(case)).unwrap();
        for part in ["clientDataJSON", "authenticatorData", "signature"] {
            let right = URL_SAFE_NO_PAD.decode(case["assertion"][part].as_str().unwrap()).unwrap();
            for at in 0..right.len() {
                let mut wrong = right.clone();
                wrong[at] ^= 1;
                let mut changed = assertion(case);
                changed["response"][part] = json!(URL_SAFE_NO_PAD.encode(wrong));
                assert!(log_in(case, &created, changed).is_err(), "{part} {at}");
            }
        }
    }
}

#[test]
fn a_vector_logs_in_with_no_other_credential() {
    let usable: Vec<Value> = vectors().into_iter().filter(|case| register(case, Creation::Modal).is_ok()).collect();
    for case in &usable {
        for other in &usable {
            let created = register(other, Creation::Modal).unwrap();
            let mut signed = assertion(case);
            signed["id"] = other["credential_id"].clone();
            signed["rawId"] = other["credential_id"].clone();
            let login = log_in(case, &created, signed);
            assert_eq!(login.is_ok(), case["name"] == other["name"], "{} {}", case["name"], other["name"]);
        }
    }
}
