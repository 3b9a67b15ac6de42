use super::*;
use argon2::AssociatedData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

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
    PasswordHasher::with_cores(budget_mib * MIB, max_wait, 2)
}

fn waiting_hasher() -> PasswordHasher {
    hasher(88, Duration::from_secs(600))
}

/// Knows only version 1.
fn keyring(version: u32) -> Option<&'static [u8]> {
    (version == PEPPER.version).then_some(PEPPER.key)
}

fn all_zero(slots: &Slots) -> bool {
    slots.idle().iter().all(|workspace| workspace.blocks.iter().all(|block| block.as_ref().iter().all(|&w| w == 0)))
}

#[test]
fn the_test_vector_of_rfc_9106_is_reproduced() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .output_len(TAG_BYTES)
        .build()
        .unwrap();
    let tag = compute(params, &[3; 8], &[1; 32], &[2; 16], &mut [Block::new(); 32]).unwrap();
    // RFC 9106 §5.3.
    let expected = [
        0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0, 0x1e,
        0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59,
    ];
    assert_eq!(*tag, expected);
}

#[tokio::test]
async fn hashes_equal_those_of_the_reference_implementation() {
    let hasher = waiting_hasher();
    for (cost, phc) in REFERENCE {
        assert_eq!(hasher.hash(SECRET, SALT, PEPPER, cost).await.unwrap(), phc);
        assert!(hasher.verify(SECRET, phc, keyring).await.unwrap());
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

#[tokio::test]
async fn memory_is_wiped_after_each_hash() {
    let hasher = waiting_hasher();
    hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD).await.unwrap();
    hasher.hash(SECRET, SALT, PEPPER, Cost::CODE).await.unwrap();
    for slots in [&hasher.large, &hasher.small] {
        assert_eq!(slots.idle().len(), 1);
        assert!(all_zero(slots));
    }
}

#[tokio::test]
async fn memory_is_wiped_and_kept_after_a_panic() {
    let hasher = hasher(64, Duration::ZERO);
    let outcome = hasher
        .in_slot(64, |blocks| {
            blocks[63].as_mut()[127] = 1;
            panic!("of the test");
        })
        .await;
    assert!(matches!(outcome, Err::<(), _>(HashError::Internal(_))));
    assert_eq!(hasher.large.idle().len(), 1);
    assert!(all_zero(&hasher.large));
    hasher.hash(SECRET, SALT, PEPPER, LIGHT).await.unwrap();
}

#[tokio::test]
async fn memory_is_reused() {
    let hasher = waiting_hasher();
    for _ in 0..3 {
        hasher.hash(SECRET, SALT, PEPPER, LIGHT).await.unwrap();
    }
    assert_eq!((hasher.small.idle().len(), hasher.large.idle().len()), (1, 0));
}

#[test]
fn slots_fit_the_budget_and_the_cores() {
    let slots = |budget_mib: usize, cores| {
        let hasher = PasswordHasher::with_cores(budget_mib * MIB, Duration::ZERO, cores);
        (hasher.large.number, hasher.small.number)
    };
    assert_eq!(slots(11, 2), (0, 0));
    assert_eq!(slots(63, 2), (0, 2));
    assert_eq!(slots(64, 2), (1, 0));
    assert_eq!(slots(76, 2), (1, 1));
    assert_eq!(slots(1024, 1), (1, 1));
    assert_eq!(slots(1024, 2), (1, 2));
    assert_eq!(slots(128, 8), (1, 5));
    assert_eq!(slots(140, 8), (2, 1));
    assert_eq!(slots(1024, 8), (2, 8));
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
                let peak = hasher.in_slot(Cost::CODE.memory_kib as usize, move |_| {
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
            let count = Cost::PASSWORD.memory_kib as usize;
            let work = move |_: &mut [Block]| {
                begin.send(()).unwrap();
                released.recv().is_ok()
            };
            hasher.in_slot(count, work).await.unwrap()
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
            let work = move |_: &mut [Block]| {
                begin.send(()).unwrap();
                released.recv().is_ok()
            };
            hasher.in_slot(64, work).await
        })
    };
    begun.recv().unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert!(matches!(hasher.hash(SECRET, SALT, PEPPER, LIGHT).await, Err(HashError::Busy)));

    release.send(()).unwrap();
    let _freed = hasher.large.free.acquire().await.unwrap();
    assert!(all_zero(&hasher.large));
}
