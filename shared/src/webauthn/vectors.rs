//! The verifier against the specification's vectors and credentials of another implementation (tests/vectors/README.md).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{AssertionResponse, Creation, NewPasskey, RegistrationResponse, RelyingParty, RelyingPartyConfig};
use crate::{domain::ids::UserId, error::Error, fields::FromJson, rng::SystemRng};

const SPECIFICATION: &str = include_str!("../../../tests/vectors/webauthn_level_3.json");
const OTHERS: &str = include_str!("../../../tests/vectors/webauthn.json");

fn vectors(file: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(file).unwrap();
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

/// The state of a ceremony with the challenge of a vector.
fn with_challenge(state: &str, challenge: &Value) -> String {
    let mut state: Value = serde_json::from_str(state).unwrap();
    assert!(state["challenge"].is_string());
    state["challenge"] = challenge.clone();
    state.to_string()
}

fn register(case: &Value, creation: Creation) -> Result<NewPasskey, Error> {
    let rp = relying_party();
    let options = rp.registration_options(&SystemRng, &UserId::from_bytes([7; 16]), "ada", &[], creation).unwrap();
    let state = with_challenge(&options.state, &case["registration"]["challenge"]);
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
    let state = with_challenge(&rp.assertion_options(&SystemRng, &[]).unwrap().state, &case["assertion"]["challenge"]);
    rp.verify_assertion(&AssertionResponse::from_json(assertion).unwrap(), &state, &created.credential)
}

/// What the vector's name says of it.
fn says(case: &Value, what: &str) -> bool {
    case["name"].as_str().unwrap().contains(what)
}

fn decode(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// The flags in authenticator data: the byte after the hash of the RP ID (WebAuthn Level 3, section 6.1).
fn flags(data: &Value) -> u8 {
    let data = decode(data);
    let rp = Sha256::digest("example.org");
    let at = data.windows(rp.len()).position(|window| window == rp.as_slice()).unwrap();
    data[at + rp.len()]
}

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;

/// Registers and logs in with a vector, and compares the answers with its flags. Returns whether it was accepted.
fn check(case: &Value) -> bool {
    let name = case["name"].as_str().unwrap();
    // The options offer neither ES512 nor Ed448, and nobody may frame this service.
    let refused = ["packed-es512", "packed-ed448", "crossOrigin", "topOrigin"];
    let is_refused = refused.iter().any(|what| says(case, what));
    let created_with = flags(&case["registration"]["attestationObject"]);
    let is_verified = created_with & USER_VERIFIED != 0 && created_with & USER_PRESENT != 0;
    let modal = register(case, Creation::Modal);
    assert_eq!(modal.is_ok(), !is_refused && is_verified, "{name}: {:?}", modal.err());
    let conditional = register(case, Creation::Conditional);
    assert_eq!(conditional.is_ok(), !is_refused, "{name}: {:?}", conditional.err());
    let Ok(created) = conditional else { return false };
    assert_eq!(created.user_verified, is_verified, "{name}");
    let hex: String = created.aaguid.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, case["aaguid"], "{name}");
    assert_eq!(URL_SAFE_NO_PAD.encode(created.credential.id()), case["credential_id"], "{name}");
    let counting = i64::from(says(case, "counting"));
    assert_eq!(created.signals.sign_count, 5 * counting, "{name}");
    assert_eq!(created.signals.backup_eligible, created_with & BACKUP_ELIGIBLE != 0, "{name}");
    assert_eq!(created.signals.backed_up, created_with & BACKED_UP != 0, "{name}");

    let used_with = flags(&case["assertion"]["authenticatorData"]);
    let login = log_in(case, &created, assertion(case));
    assert_eq!(login.is_ok(), used_with & USER_VERIFIED != 0, "{name}");
    if let Ok(signals) = login {
        assert_eq!(signals.sign_count, 6 * counting, "{name}");
        assert_eq!(signals.backed_up, used_with & BACKED_UP != 0, "{name}");
    }
    true
}

fn accepted(file: &str) -> Vec<String> {
    let accepted = vectors(file).into_iter().filter(check);
    accepted.map(|case| case["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_vectors_of_the_specification_are_accepted_or_refused_as_it_says() {
    let expected = [
        "none-es256",
        "packed-self-es256",
        "none-es256-long-credential-id",
        "packed-es256",
        "packed-es384",
        "packed-rs256",
        "packed-eddsa",
        "tpm-es256",
        "android-key-es256",
        "apple-es256",
        "fido-u2f-es256",
    ];
    assert_eq!(accepted(SPECIFICATION), expected);
}

#[test]
fn credentials_of_another_implementation_are_accepted_or_refused_by_their_flags() {
    assert_eq!(accepted(OTHERS).len(), vectors(OTHERS).len());
}

/// Responses without user verification log nobody in, but their signatures are right.
#[test]
fn the_signatures_of_all_vectors_verify() {
    for case in [vectors(SPECIFICATION), vectors(OTHERS)].concat() {
        let Ok(created) = register(&case, Creation::Conditional) else { continue };
        let key = super::key::parse(&created.credential.public_key.0).unwrap();
        let [client_data, data, signature] =
            ["clientDataJSON", "authenticatorData", "signature"].map(|part| decode(&case["assertion"][part]));
        let signed = [data.as_slice(), &Sha256::digest(client_data)].concat();
        key.verify_sig(&signed, &signature).unwrap_or_else(|_| panic!("{}", case["name"]));
    }
}

#[test]
fn a_vector_with_any_changed_byte_is_refused() {
    for (file, name) in [
        (SPECIFICATION, "packed-es256"),
        (OTHERS, "none.ES256"),
        (OTHERS, "none.EdDSA"),
        (OTHERS, "packed-self.RS256"),
        (OTHERS, "none.RS256, 3072 bits"),
    ] {
        let cases = vectors(file);
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        let created = register(case, Creation::Modal).unwrap();
        log_in(case, &created, assertion(case)).unwrap();
        for part in ["clientDataJSON", "authenticatorData", "signature"] {
            let right = decode(&case["assertion"][part]);
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
    let all = [vectors(SPECIFICATION), vectors(OTHERS)].concat().into_iter();
    let logs_in =
        |case: &Value| register(case, Creation::Modal).is_ok_and(|it| log_in(case, &it, assertion(case)).is_ok());
    let usable: Vec<Value> = all.filter(logs_in).collect();
    assert!(usable.len() > 3);
    for case in &usable {
        for other in &usable {
            let created = register(other, Creation::Modal).unwrap();
            let login = log_in(case, &created, assertion(case));
            assert_eq!(login.is_ok(), case["name"] == other["name"], "{} {}", case["name"], other["name"]);
        }
    }
}
