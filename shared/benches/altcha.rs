//! The CPU time of checking the answer to a proof of work, which anybody can send. Run with `cargo bench -p shared --bench altcha`.

#![expect(clippy::unwrap_used, reason = "a benchmark ends where something is not as it must be")]

use base64::{Engine, engine::general_purpose::STANDARD};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    clock::Timestamp,
    crypto::{
        altcha::{self, Challenge},
        key::{Key, KeySet},
    },
    rng::SystemRng,
};
use zeroize::Zeroizing;

fn answers(criterion: &mut Criterion) {
    let keys = KeySet::new(vec![Key::new(1, None, Zeroizing::new(vec![7; 32]))]).unwrap();
    let now = Timestamp::from_seconds(1_700_000_000);
    let challenge = Challenge::new(&keys, 1000, now.plus_seconds(300), &SystemRng);
    let mut answer: Value = serde_json::to_value(&challenge).unwrap();
    let hash = |number: u32| {
        let bytes = Sha256::digest(format!("{}{number}", answer["salt"].as_str().unwrap()));
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let number = (0..=1000).find(|number| answer["challenge"] == hash(*number)).unwrap();
    answer.as_object_mut().unwrap().remove("maxnumber");
    answer["number"] = json!(number);
    let right = STANDARD.encode(answer.to_string());
    answer["number"] = json!(number + 1);
    let wrong = STANDARD.encode(answer.to_string());
    assert!(altcha::verify(&keys, &right, now).is_some() && altcha::verify(&keys, &wrong, now).is_none());
    criterion.bench_function("altcha/right answer", |bench| bench.iter(|| altcha::verify(&keys, &right, now)));
    criterion.bench_function("altcha/wrong answer", |bench| bench.iter(|| altcha::verify(&keys, &wrong, now)));
    criterion.bench_function("altcha/challenge", |bench| {
        bench.iter(|| Challenge::new(&keys, 50_000, now.plus_seconds(300), &SystemRng));
    });
}

criterion_group!(benches, answers);
criterion_main!(benches);
