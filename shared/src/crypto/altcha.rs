//! Proofs of work in ALTCHA's hash-based format: a client finds the number that has a given hash (SHA-256, with a salt).
//!
//! Nothing is stored for a challenge. The salt holds its expiry, and the signature is an HMAC of the hash, which covers salt and number.
//! Salts have one form and end with `&`. So digits cannot be moved between the expiry and the number (CVE-2025-68113).

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    key::KeySet,
    secret::{constant_time_eq, hmac},
};
use crate::{
    clock::Timestamp,
    fields::{
        Fields, FromJson,
        schema::{self, text},
    },
    rng::Rng,
};

const ALGORITHM: &str = "SHA-256";

/// The longest answer that is read, in bytes. Answers have about 400.
const MAX_ANSWER: usize = 2048;

/// A challenge, as the widget takes it by `challengejson`.
#[derive(Debug, Clone, Serialize)]
pub struct Challenge {
    algorithm: &'static str,
    challenge: String,
    salt: String,
    signature: String,
    /// The largest possible number.
    maxnumber: u32,
}

impl Challenge {
    /// The challenge, for the contracts of operations.
    pub fn schema() -> serde_json::Value {
        schema::Object::new("ProofOfWork", "A proof of work in ALTCHA's hash-based format.")
            .with("algorithm", schema::constant(ALGORITHM))
            .with("challenge", text("The hash of the salt and the number.", "6a5f0a2b"))
            .with("salt", text("The beginning of the hashed text.", "0a1b2c?expires=1777888500&"))
            .with("signature", text("The signature of the challenge.", "9c1d2e3f"))
            .with("maxnumber", schema::number("The largest possible number.", 50_000))
            .schema()
    }

    /// A challenge with a random number up to `max_number`.
    pub fn new(keys: &KeySet, max_number: u32, expires_at: Timestamp, rng: &dyn Rng) -> Self {
        let salt = format!("{}?expires={}&", hex(&rng.bytes::<16>()), expires_at.seconds());
        let challenge = hash(&salt, u64::from(rng.below(max_number.saturating_add(1))));
        let signature = signature(keys.newest().bytes(), &challenge);
        Self { algorithm: ALGORITHM, challenge, salt, signature, maxnumber: max_number }
    }
}

/// A right answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solved {
    /// The hash that the challenge gave. It identifies the challenge.
    pub challenge: String,
    pub expires_at: Timestamp,
}

/// A whole number in JSON. It has one spelling.
struct Number(u64);

impl FromJson for Number {
    fn from_json(value: serde_json::Value) -> Result<Self, String> {
        value.as_u64().map(Self).ok_or_else(|| "must be a whole number".to_owned())
    }
}

/// Checks an answer: the Base64 of the JSON object `{algorithm, challenge, number, salt, signature}`. The widget adds `took`, and
/// `test` in its test mode. `None` if it is no right answer to a live challenge of this service.
pub fn verify(keys: &KeySet, answer: &str, now: Timestamp) -> Option<Solved> {
    if answer.len() > MAX_ANSWER {
        return None;
    }
    let json = STANDARD.decode(answer).ok()?;
    // Only spaces may separate members, and nothing follows the object, so that an answer cannot be altered without effect.
    if json.iter().any(|byte| *byte < b' ') || !json.ends_with(b"}") || !json.starts_with(b"{") {
        return None;
    }
    let mut fields = Fields::from_json(&json).ok()?;
    let algorithm = fields.required::<String>("algorithm");
    let challenge = fields.required::<String>("challenge");
    let number = fields.required::<Number>("number");
    let salt = fields.required::<String>("salt");
    let sent = fields.required::<String>("signature");
    fields.discard(&["took", "test"]);
    let (algorithm, challenge, Number(number), salt, sent) =
        fields.finish(|| Some((algorithm?, challenge?, number?, salt?, sent?))).ok()?;
    let expires_at = expiry(&salt).filter(|expires_at| now < *expires_at)?;
    let is_signed =
        keys.all().iter().any(|key| constant_time_eq(signature(key.bytes(), &challenge).as_bytes(), sent.as_bytes()));
    (algorithm == ALGORITHM && is_signed && hash(&salt, number) == challenge)
        .then_some(Solved { challenge, expires_at })
}

/// The expiry of a salt in the form of [`Challenge::new`].
fn expiry(salt: &str) -> Option<Timestamp> {
    let (random, rest) = salt.split_once("?expires=")?;
    let seconds = rest.strip_suffix('&')?;
    let is_plain = random.len() == 32
        && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && (1..=12).contains(&seconds.len())
        && seconds.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| seconds.parse().ok().map(Timestamp::from_seconds)).flatten()
}

fn hash(salt: &str, number: u64) -> String {
    hex(&Sha256::digest(format!("{salt}{number}")))
}

fn signature(key: &[u8], challenge: &str) -> String {
    hex(&hmac(key, &[b"latchkey/altcha", challenge.as_bytes()]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rng::SystemRng;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn keys() -> KeySet {
        KeySet::for_tests([7; 32])
    }

    /// An answer to a new challenge that lives for `seconds`.
    fn solved(seconds: i64) -> Value {
        let challenge = Challenge::new(&keys(), 50, NOW.plus_seconds(seconds), &SystemRng);
        let number = (0..=50).find(|number| hash(&challenge.salt, *number) == challenge.challenge).unwrap();
        json!({
            "algorithm": challenge.algorithm,
            "challenge": challenge.challenge,
            "number": number,
            "salt": challenge.salt,
            "signature": challenge.signature,
        })
    }

    fn check(answer: &str) -> bool {
        verify(&keys(), answer, NOW).is_some()
    }

    fn check_json(answer: &Value) -> bool {
        check(&STANDARD.encode(answer.to_string()))
    }

    #[test]
    fn a_right_answer_is_taken_as_the_widget_and_as_python_write_it() {
        let mut answer = solved(1);
        let found = verify(&keys(), &STANDARD.encode(answer.to_string()), NOW).unwrap();
        assert_eq!(
            (found.challenge.as_str(), found.expires_at),
            (answer["challenge"].as_str().unwrap(), NOW.plus_seconds(1))
        );
        let spaced = answer.to_string().replace("\":", "\": ").replace(",\"", ", \"");
        assert!(check(&STANDARD.encode(spaced)));
        answer["took"] = json!(12.5);
        answer["test"] = json!(false);
        assert!(check_json(&answer));
    }

    #[test]
    fn an_answer_that_is_altered_in_any_character_is_refused() {
        let answer = solved(300).to_string();
        // Three lengths, because the padding depends on it.
        for spaces in ["", " ", "  "] {
            let text = STANDARD.encode(answer.replacen(',', &format!(",{spaces}"), 1));
            assert!(check(&text));
            for at in 0..text.len() {
                for other in ["A", "Q", "g", "z", "0", "/", "=", "-", " "] {
                    let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                    assert!(altered == text || !check(&altered), "{spaces:?} {at} {other}");
                }
            }
        }
        let json = solved(300).to_string();
        for at in 0..json.len() {
            for byte in 0..=255 {
                let mut altered = json.clone().into_bytes();
                altered[at] = byte;
                assert!(altered == json.as_bytes() || !check(&STANDARD.encode(altered)), "{at} {byte}");
            }
        }
    }

    #[test]
    fn an_answer_is_good_until_its_expiry() {
        assert!(check_json(&solved(1)) && !check_json(&solved(0)));
        assert!(!check_json(&solved(-1)));
    }

    #[test]
    fn members_of_other_types_and_forms_are_refused() {
        let good = solved(300);
        let number = good["number"].as_u64().unwrap();
        for (name, wrong) in [
            ("number", json!(number.to_string())),
            ("number", json!(-1)),
            ("number", json!(u64::MAX)),
            ("number", json!(null)),
            ("algorithm", json!("SHA-1")),
            ("algorithm", json!("SHA-512")),
            ("algorithm", json!("sha-256")),
            ("salt", json!(format!("{}a=b&", good["salt"].as_str().unwrap()))),
            ("salt", json!(good["salt"].as_str().unwrap().replace("expires=", "expires=9"))),
            ("challenge", json!(good["challenge"].as_str().unwrap().to_uppercase())),
            ("signature", json!("")),
            ("verified", json!(true)),
        ] {
            let mut answer = good.clone();
            answer[name] = wrong.clone();
            assert!(!check_json(&answer), "{name} {wrong}");
        }
        let text = good.to_string();
        for other in [
            text.replace(&format!("\"number\":{number}"), &format!("\"number\":{number}.0")),
            text.replace(&format!("\"number\":{number}"), &format!("\"number\":{number}e0")),
            text.replace(&format!("\"number\":{number}"), &format!("\"number\":0{number}")),
            text.replace("{\"", &format!("{{\"number\":{number},\"")),
            format!("\n{text}"),
            format!("[{text}]"),
            format!("{text}{text}"),
        ] {
            assert!(!check(&STANDARD.encode(&other)), "{other}");
        }
        let encoded = STANDARD.encode(&text);
        for other in [
            String::new(),
            text.clone(),
            encoded.trim_end_matches('=').to_owned() + "====",
            format!("{encoded}\n"),
            format!("{encoded}{}", "A".repeat(3000)),
            base64::engine::general_purpose::URL_SAFE.encode(format!("{text}???>>>")),
        ] {
            assert!(!check(&other), "{other}");
        }
    }

    /// CVE-2025-68113: digits of the number become digits of the expiry, with the same hash.
    #[test]
    fn digits_cannot_be_moved_between_expiry_and_number() {
        let keys = keys();
        let salt = format!("{}?expires=1700000000", "0".repeat(32));
        let challenge = hash(&salt, 1234);
        let splice = |moved: &str, number: u64| {
            let answer = json!({
                "algorithm": ALGORITHM,
                "challenge": challenge,
                "number": number,
                "salt": format!("{salt}{moved}"),
                "signature": signature(keys.newest().bytes(), &challenge),
            });
            verify(&keys, &STANDARD.encode(answer.to_string()), NOW)
        };
        assert_eq!((splice("1", 234), splice("12", 34), splice("123", 4)), (None, None, None));
    }

    #[test]
    fn the_signature_of_another_key_is_refused() {
        let answer = STANDARD.encode(solved(300).to_string());
        assert_eq!(verify(&KeySet::for_tests([8; 32]), &answer, NOW), None);
    }
}
