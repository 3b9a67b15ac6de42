use super::engine::clear_stack;
use super::*;
use crate::rng::{Rng, SystemRng};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, mpsc};

const MIB: usize = 1 << 20;
const PEPPER: Pepper<'static> = Pepper { version: 1, key: &[7; 32] };
const SALT: [u8; SALT_BYTES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const SECRET: &[u8] = b"correct horse battery staple";
/// Needs a slot, but not for long.
const LIGHT: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 2 };

/// [`SECRET`], [`SALT`] and [`PEPPER`], hashed by the reference implementation in C (phc-winner-argon2 20190702).
const REFERENCE: [(Cost, &str); 3] = [
    (
        Cost::PASSWORD,
        "$argon2id$v=19$m=65536,t=3,p=4,keyid=AAAAAQ$AAECAwQFBgcICQoLDA0ODw$CDr33FEt/2slgzVNkLB8KW1e/fjpUeV4ulMRQo68ta0",
    ),
    (
        Cost::CODE,
        "$argon2id$v=19$m=12288,t=3,p=1,keyid=AAAAAQ$AAECAwQFBgcICQoLDA0ODw$MWqDY7ZCnC/wguWbh1wklCQVau+bAzh/z19lFNt1OwU",
    ),
    (
        Cost::TOKEN,
        "$argon2id$v=19$m=8,t=1,p=1,keyid=AAAAAQ$AAECAwQFBgcICQoLDA0ODw$VFsDgCT7Kb1zDNdyl9/ngb8M4CpxLzA0hCP3cvCNhqY",
    ),
];

/// One large slot, and from 76 MiB also small ones.
fn hasher(budget_mib: usize, max_wait: Duration) -> PasswordHasher {
    PasswordHasher::with_cores(Engine::default(), budget_mib * MIB, max_wait, 2)
}

fn waiting_hasher() -> PasswordHasher {
    hasher(88, Duration::from_secs(600))
}

/// Knows only version 1.
fn keyring(version: u32) -> Option<&'static [u8]> {
    (version == PEPPER.version).then_some(PEPPER.key)
}

const ENGINES: [Engine; 2] = [Engine::Argon2Rust, Engine::RustCrypto];

#[test]
fn the_test_vector_of_rfc_9106_is_reproduced() {
    for engine in ENGINES {
        assert!(engine.computes_the_test_vector(), "{engine:?}");
    }
}

#[test]
fn an_engine_that_computes_wrong_hashes_is_replaced() {
    let checked = |engine: Engine, check: fn() -> bool| {
        let works = OnceLock::new();
        let first = engine.checked_once(&works, check);
        assert_eq!(engine.checked_once(&works, || panic!("the check runs once")), first);
        first
    };
    assert_eq!(checked(Engine::Argon2Rust, || true), Engine::Argon2Rust);
    assert_eq!(checked(Engine::Argon2Rust, || false), Engine::RustCrypto);
    assert_eq!(checked(Engine::Argon2Rust, || panic!("a defect")), Engine::RustCrypto);
    assert_eq!(checked(Engine::RustCrypto, || false), Engine::RustCrypto);
}

#[tokio::test]
async fn hashes_equal_those_of_the_reference_implementation() {
    for engine in ENGINES {
        let hasher = PasswordHasher::with_cores(engine, 88 * MIB, Duration::from_secs(600), 2);
        for (cost, phc) in REFERENCE {
            assert_eq!(hasher.hash(SECRET, SALT, PEPPER, cost).await.unwrap(), phc, "{engine:?}");
            assert!(hasher.verify(SECRET, phc, keyring).await.unwrap());
        }
    }
}

/// A number from `range`, for test cases. The modulus makes some a little more frequent, which does not matter here.
fn any(range: std::ops::RangeInclusive<u32>) -> u32 {
    let rng: &dyn Rng = &SystemRng;
    range.start() + u32::from_be_bytes(rng.bytes()) % (range.end() - range.start() + 1)
}

fn any_bytes(length: u32) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    SystemRng.fill(&mut bytes);
    bytes
}

/// Compares both engines on random inputs of that cost, with memory that is reused.
fn compare(memory: &mut Memory, cost: Cost) {
    let (key, secret, salt, associated) =
        (any_bytes(any(0..=64)), any_bytes(any(0..=300)), any_bytes(any(8..=64)), any_bytes(any(0..=32)));
    let input = Input { cost, key: &key, secret: &secret, salt: &salt, associated: &associated };
    let [one, other] = ENGINES.map(|engine| memory.compute(engine, input).unwrap());
    let lengths = [&key, &secret, &salt, &associated].map(Vec::len);
    assert_eq!(one, other, "{cost:?}, lengths {lengths:?}");
}

#[test]
fn both_engines_compute_the_same_in_ten_thousand_small_cases() {
    let mut memory = Memory::new().unwrap();
    for _ in 0..10_000 {
        let parallelism = any(1..=8);
        // Also sizes that are no multiple of four blocks a lane, which Argon2 rounds down.
        let memory_kib = 8 * parallelism + any(0..=120);
        compare(&mut memory, Cost { memory_kib, iterations: any(1..=6), parallelism });
    }
}

#[test]
fn both_engines_compute_the_same_at_full_size() {
    let mut memory = Memory::new().unwrap();
    let odd = Cost { memory_kib: 65_533, iterations: 2, parallelism: 7 };
    for cost in [Cost::PASSWORD, Cost::CODE, Cost { iterations: 1, ..Cost::LIMIT }, odd] {
        compare(&mut memory, cost);
    }
}

#[tokio::test]
async fn another_secret_or_pepper_is_not_verified() {
    let hasher = waiting_hasher();
    for cost in [Cost::CODE, Cost::TOKEN, LIGHT] {
        let phc = hasher.hash(SECRET, SALT, PEPPER, cost).await.unwrap();
        assert!(hasher.verify(SECRET, &phc, keyring).await.unwrap());
        for wrong in [&SECRET[1..], b"", b"Correct horse battery staple"] {
            assert!(!hasher.verify(wrong, &phc, keyring).await.unwrap());
        }
        assert!(!hasher.verify(SECRET, &phc, |_| Some([8; 32])).await.unwrap());
        assert!(!hasher.verify_dummy(SECRET, PEPPER, cost).await.unwrap());
    }
}

#[tokio::test]
async fn an_unknown_pepper_version_is_named() {
    let hasher = waiting_hasher();
    let pepper = Pepper { version: 70_000, key: PEPPER.key };
    let phc = hasher.hash(SECRET, SALT, pepper, LIGHT).await.unwrap();
    assert!(matches!(hasher.verify(SECRET, &phc, keyring).await, Err(HashError::UnknownPepper(70_000))));
}

#[test]
fn another_cost_or_pepper_needs_a_rehash() {
    let cost = Cost::PASSWORD;
    let phc = REFERENCE[0].1;
    assert!(!needs_rehash(phc, cost, 1));
    assert!(needs_rehash(phc, Cost { memory_kib: 65_535, ..cost }, 1));
    assert!(needs_rehash(phc, Cost { iterations: 4, ..cost }, 1));
    assert!(needs_rehash(phc, Cost { parallelism: 3, ..cost }, 1));
    assert!(needs_rehash(phc, cost, 2));
    assert!(needs_rehash("", cost, 1));
}

#[tokio::test]
async fn foreign_strings_are_malformed() {
    let hasher = waiting_hasher();
    let ours = REFERENCE[2].1;
    let tag = ours.rsplit('$').next().unwrap();
    let with = |from: &str, to: &str| ours.replacen(from, to, 1);
    let strings = [
        String::new(),
        "$".repeat(1000),
        format!(" {ours}"),
        format!("{ours}\n"),
        format!("{ours}$"),
        format!("{ours}="),
        with(tag, ""),
        with(tag, &tag[1..]),
        with(tag, &tag[4..]),
        with(tag, &format!("{tag}AAAA")),
        with(tag, &format!("{}/", &tag[..42])),
        with("$argon2id", "argon2id"),
        with("argon2id", "argon2i"),
        with("argon2id", "argon2d"),
        with("argon2id", "scrypt"),
        with("argon2id", "ARGON2ID"),
        with("$v=19", ""),
        with("v=19", "v=16"),
        with("v=19", "v=019"),
        with("m=8,", ""),
        with("m=8", "m=08"),
        with("m=8", "m=7"),
        with("m=8", "m=-8"),
        with("m=8,t=1", "t=1,m=8"),
        with("m=8", "m=8,m=8"),
        with("p=1,", "p=0,"),
        with("p=1,", "p=2,"),
        with("t=1,", "t=0,"),
        with(",keyid=AAAAAQ", ""),
        with("AAAAAQ", "AAAAAA"),
        with("AAAAAQ", "AAAA"),
        with("AAAAAQ", "AAAAAQAAAAA"),
        with("AAAAAQ", "AAAAAQ,data=AAAA"),
        with("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0O"),
        with("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODwAA"),
        with("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODx"),
        // Strings that ask for gigabytes, for minutes, or for a multiplication to overflow.
        with("m=8", "m=65537"),
        with("m=8", "m=4294967295"),
        with("m=8", "m=4294967296"),
        with("t=1", "t=7"),
        with("t=1", "t=4294967295"),
        with("m=8,t=1,p=1", "m=65536,t=1,p=9"),
        with("p=1", "p=16777215"),
        with("p=1", "p=4294967295"),
        // From the reference implementation's own tests: a short salt and no pepper.
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc".to_owned(),
    ];
    for string in strings {
        // One string is well-formed and names version 0 of the pepper.
        let verdict = hasher.verify(SECRET, &string, keyring).await;
        assert!(matches!(verdict, Err(HashError::Malformed | HashError::UnknownPepper(0))), "{string}: {verdict:?}");
    }
}

#[tokio::test]
async fn a_string_with_one_changed_character_does_not_verify() {
    let hasher = waiting_hasher();
    let ours = REFERENCE[2].1;
    for at in 0..ours.len() {
        for put in ["", "0", "1", "9", "A", "$", ",", "=", "é", "\0"] {
            for skip in [0, 1] {
                let string = format!("{}{put}{}", &ours[..at], &ours[at + skip..]);
                let verdict = hasher.verify(SECRET, &string, keyring).await;
                assert!(string == ours || !matches!(verdict, Ok(true)), "{string}");
            }
        }
    }
}

/// Whether this process's memory contains one of some byte strings. The argument has their complements, so that the search does
/// not find its own argument. Blocks are aligned to eight bytes.
#[cfg(target_os = "linux")]
fn memory_has(inverted: &[[u8; 16]]) -> bool {
    use std::os::unix::fs::FileExt;
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut buffer = vec![0_u8; MIB];
    maps.lines().filter(|line| line.contains(" rw-p ")).any(|line| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut at = start;
        let mut found = false;
        while at < end && !found {
            // A page may be unmapped meanwhile, by another test.
            let length = memory.read_at(&mut buffer, at).unwrap_or(0).min(usize::try_from(end - at).unwrap());
            let mut words = buffer[..length].windows(16).step_by(8);
            found =
                words.any(|words| inverted.iter().any(|inverted| words.iter().zip(inverted).all(|(a, b)| *a == !b)));
            buffer.fill(0);
            at += MIB as u64;
        }
        found
    })
}

/// That the memory is wiped is a claim of the engines' authors. So this looks for blocks of a hash in the memory of the process,
/// and for what a tag follows from: the XOR of each lane's last block.
#[cfg(target_os = "linux")]
#[test]
fn no_block_of_a_hash_is_left_in_memory() {
    let secret = any_bytes(24);
    let input = Input { cost: LIGHT, key: PEPPER.key, secret: &secret, salt: &SALT, associated: &[] };
    // The blocks that any implementation computes.
    let mut blocks = vec![argon2::Block::new(); LIGHT.memory_kib as usize];
    let params = LIGHT.params(None, &[]).unwrap();
    let reference = argon2::Argon2::new_with_secret(PEPPER.key, Algorithm::Argon2id, Version::V0x13, params).unwrap();
    reference.hash_password_into_with_memory(&secret, &SALT, &mut [0; TAG_BYTES], &mut blocks).unwrap();
    let inverted_words = |one: u64, two: u64| -> [u8; 16] {
        let bytes = [(!one).to_le_bytes(), (!two).to_le_bytes()].concat();
        bytes.try_into().unwrap()
    };
    let inverted = |block: usize| inverted_words(blocks[block].as_ref()[0], blocks[block].as_ref()[1]);
    let xor = |word: usize| blocks[31].as_ref()[word] ^ blocks[63].as_ref()[word];
    let inverted = [inverted(9), inverted(31), inverted(63), inverted_words(xor(0), xor(1))];
    assert!(memory_has(&inverted[..1]), "the search finds nothing");
    zeroize::Zeroize::zeroize(&mut blocks);
    drop(blocks);
    clear_stack();
    assert!(!memory_has(&inverted), "RustCrypto's own");

    for engine in ENGINES {
        let mut memory = Memory::new().unwrap();
        memory.compute(engine, input).unwrap();
        assert!(!memory_has(&inverted), "{engine:?}");
    }
}

#[tokio::test]
async fn memory_is_given_back_after_a_panic() {
    let hasher = hasher(64, Duration::ZERO);
    let outcome = hasher.in_slot(LIGHT, |_| panic!("of the test")).await;
    assert!(matches!(outcome, Err::<(), _>(HashError::Internal(_))));
    assert_eq!(hasher.large.idle().len(), 0);
    hasher.hash(SECRET, SALT, PEPPER, LIGHT).await.unwrap();
    assert_eq!(hasher.large.idle().len(), 1);
}

#[tokio::test]
async fn memory_is_reused() {
    let hasher = waiting_hasher();
    for _ in 0..3 {
        hasher.hash(SECRET, SALT, PEPPER, LIGHT).await.unwrap();
    }
    assert_eq!((hasher.small.idle().len(), hasher.large.idle().len()), (1, 0));
    hasher.hash(SECRET, SALT, PEPPER, Cost::CODE).await.unwrap();
    hasher.hash(SECRET, SALT, PEPPER, LIGHT).await.unwrap();
    assert_eq!(hasher.small.idle()[0].bytes(), 12 * MIB);
}

#[test]
fn slots_fit_the_budget_and_the_cores() {
    let slots = |budget_mib: usize, cores| {
        let hasher = PasswordHasher::with_cores(Engine::default(), budget_mib * MIB, Duration::ZERO, cores);
        (hasher.large.number, hasher.small.number)
    };
    assert_eq!(slots(11, 2), (0, 0));
    assert_eq!(slots(63, 2), (0, 2));
    assert_eq!(slots(64, 2), (1, 0));
    assert_eq!(slots(76, 2), (1, 1));
    assert_eq!(slots(1024, 1), (1, 1));
    assert_eq!(slots(192, 2), (2, 2));
    assert_eq!(slots(1024, 2), (2, 2));
    assert_eq!(slots(128, 8), (1, 5));
    assert_eq!(slots(140, 8), (2, 1));
    assert_eq!(slots(1024, 8), (8, 8));
}

#[tokio::test]
async fn a_hash_over_the_budget_fails_at_once() {
    let hasher = hasher(63, Duration::from_secs(600));
    let outcome = hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD).await;
    assert!(matches!(outcome, Err(HashError::Internal(_))));
    let outcome = hasher.hash(SECRET, SALT, PEPPER, Cost { iterations: 7, ..Cost::CODE }).await;
    assert!(matches!(outcome, Err(HashError::Internal(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_never_runs_more_hashes_than_slots() {
    let hasher = Arc::new(waiting_hasher());
    let running = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (hasher, running) = (Arc::clone(&hasher), Arc::clone(&running));
            tokio::spawn(async move {
                let peak = hasher.in_slot(Cost::CODE, move |_| {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    now
                });
                peak.await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap() <= hasher.small.number);
    }
    assert!(hasher.small.idle().len() <= hasher.small.number);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_passwords_is_busy_while_codes_and_tokens_continue() {
    let hasher = Arc::new(hasher(88, Duration::ZERO));
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let running = {
        let hasher = Arc::clone(&hasher);
        tokio::spawn(async move {
            let work = move |_: &mut Memory| {
                begin.send(()).unwrap();
                released.recv().is_ok()
            };
            hasher.in_slot(Cost::PASSWORD, work).await.unwrap()
        })
    };
    begun.recv().unwrap();
    for _ in 0..100 {
        let outcome = hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD).await;
        assert!(matches!(outcome, Err(HashError::Busy)));
        // Also here an unknown account gives the same answer as a known one.
        assert!(matches!(hasher.verify_dummy(SECRET, PEPPER, Cost::PASSWORD).await, Err(HashError::Busy)));
    }
    for cost in [Cost::CODE, Cost::TOKEN] {
        hasher.hash(SECRET, SALT, PEPPER, cost).await.unwrap();
    }
    release.send(()).unwrap();
    assert!(running.await.unwrap());
    hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_caller_frees_its_slot_only_after_the_work() {
    let hasher = Arc::new(hasher(64, Duration::ZERO));
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let caller = {
        let hasher = Arc::clone(&hasher);
        tokio::spawn(async move {
            let work = move |_: &mut Memory| {
                begin.send(()).unwrap();
                released.recv().is_ok()
            };
            hasher.in_slot(LIGHT, work).await
        })
    };
    begun.recv().unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert!(matches!(hasher.hash(SECRET, SALT, PEPPER, LIGHT).await, Err(HashError::Busy)));

    release.send(()).unwrap();
    let _freed = hasher.large.free.acquire().await.unwrap();
    assert_eq!(hasher.large.idle().len(), 1);
}
