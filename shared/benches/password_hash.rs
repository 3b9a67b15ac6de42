//! The CPU time of a password hash: ours, RustCrypto's, and that of the reference implementation in C (phc-winner-argon2,
//! `opt.c`) with AVX2.
//!
//! ```sh
//! CFLAGS="-O3 -mavx2" cargo bench -p shared --bench password_hash
//! ```
//!
//! Without the flags the C library is built for SSE2. The output then says so.
//!
//! All compute the same hash (64 MiB, 3 passes, 4 lanes) on one thread, and take turns in one run, so that other load on the
//! machine affects them alike. CPU time counts, and not wall time: a Lambda function with less than one CPU pays for it. The bar:
//! at most 0.6 times RustCrypto's.
//!
//! Instructions of one hash, where `implementation` is `argon2-rust`, `rustcrypto` or `c`:
//!
//! ```sh
//! valgrind --tool=callgrind target/release/deps/password_hash-… --once implementation
//! ```

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may fail")]

use std::{cell::RefCell, hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group};
use shared::crypto::password_hash::{Cost, Engine, PasswordHasher, Pepper};
use tokio::runtime::Runtime;

const ROUNDS: usize = 31;

const SECRET: &[u8] = b"correct horse battery staple";
const SALT: [u8; 16] = [1; 16];
const PEPPER: Pepper<'static> = Pepper { version: 1, key: &[7; 32] };

/// One implementation of Argon2id, with its memory.
struct Implementation {
    name: &'static str,
    hash: Box<dyn Fn() -> String>,
}

fn implementations() -> Vec<Implementation> {
    let ours = |name, engine| {
        let (runtime, hasher) =
            (Runtime::new().unwrap(), PasswordHasher::new(engine, 128 << 20, Duration::from_secs(10)));
        let hash = move || runtime.block_on(hasher.hash(black_box(SECRET), SALT, PEPPER, Cost::PASSWORD)).unwrap();
        Implementation { name, hash: Box::new(hash) }
    };
    vec![
        ours("argon2-rust", Engine::Argon2Rust),
        Implementation { name: "rustcrypto", hash: rustcrypto_with_kept_memory() },
        ours("way back", Engine::RustCrypto),
        #[cfg(target_arch = "x86_64")]
        Implementation { name: "c", hash: Box::new(hash_in_c) },
    ]
}

/// RustCrypto's with memory that is kept between two hashes, as ours is. The engine that the parameter switches to takes fresh
/// memory each time.
fn rustcrypto_with_kept_memory() -> Box<dyn Fn() -> String> {
    use argon2::{Algorithm, Argon2, Block, Params, Version};
    let Cost { memory_kib, iterations, parallelism } = Cost::PASSWORD;
    let params = Params::new(memory_kib, iterations, parallelism, Some(32)).unwrap();
    let memory = RefCell::new(vec![Block::new(); params.block_count()]);
    Box::new(move || {
        let argon2 = Argon2::new_with_secret(PEPPER.key, Algorithm::Argon2id, Version::V0x13, params.clone()).unwrap();
        let mut tag = [0; 32];
        let mut memory = memory.borrow_mut();
        argon2.hash_password_into_with_memory(black_box(SECRET), &SALT, &mut tag, memory.as_mut_slice()).unwrap();
        memory.iter_mut().for_each(zeroize::Zeroize::zeroize);
        phc(&tag)
    })
}

fn phc(tag: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD as BASE64};
    format!("$argon2id$v=19$m=65536,t=3,p=4,keyid=AAAAAQ${}${}", BASE64.encode(SALT), BASE64.encode(tag))
}

/// The C library's x86 sources use intrinsics and do not build elsewhere.
#[cfg(target_arch = "x86_64")]
fn hash_in_c() -> String {
    let mut tag = [0; 32];
    argon2_c::id_ctx(&mut argon2_c::Context {
        out: &mut tag,
        pwd: Some(&mut SECRET.to_vec()),
        salt: Some(&mut SALT.clone()),
        secret: Some(&mut PEPPER.key.to_vec()),
        ad: None,
        t_cost: Cost::PASSWORD.iterations,
        m_cost: Cost::PASSWORD.memory_kib,
        lanes: Cost::PASSWORD.parallelism,
        threads: 1,
        version: argon2_c::Version::Version13,
        flags: argon2_c::Flags::DEFAULT,
    })
    .unwrap();
    phc(&tag)
}

/// Milliseconds of CPU time that the threads of this process took (Linux: proc(5), `schedstat`).
fn cpu_milliseconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path().join("schedstat"));
    let nanoseconds = threads.map(|file| std::fs::read_to_string(file).unwrap_or_default());
    nanoseconds.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e6
}

fn compare() {
    if !option_env!("CFLAGS").is_some_and(|flags| flags.contains("-mavx2")) {
        println!("C is built without AVX2 (CFLAGS=\"-O3 -mavx2\")");
    }
    let implementations = implementations();
    let expected = (implementations[0].hash)();
    let mut times = vec![Vec::new(); implementations.len()];
    for _ in 0..ROUNDS {
        for (implementation, times) in implementations.iter().zip(&mut times) {
            let before = cpu_milliseconds();
            assert_eq!((implementation.hash)(), expected, "{}", implementation.name);
            times.push(cpu_milliseconds() - before);
        }
    }
    let medians: Vec<f64> = times
        .iter_mut()
        .map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect();
    println!("64 MiB, 3 passes, 4 lanes, one thread; CPU time in ms, of {ROUNDS} hashes each:");
    for ((implementation, times), median) in implementations.iter().zip(&times).zip(&medians) {
        println!(
            "{:12} min {:6.1}   median {median:6.1}   {:.2} of rustcrypto",
            implementation.name,
            times[0],
            median / medians[1],
        );
    }
}

fn costs(criterion: &mut Criterion) {
    let (runtime, hasher) =
        (Runtime::new().unwrap(), PasswordHasher::new(Engine::default(), 128 << 20, Duration::from_secs(10)));
    let mut group = criterion.benchmark_group("hash");
    group.sample_size(30);
    for (name, cost) in [("password", Cost::PASSWORD), ("code", Cost::CODE), ("token", Cost::TOKEN)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(hasher.hash(black_box(SECRET), SALT, PEPPER, cost)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, costs);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--once") {
        let named = implementations()
            .into_iter()
            .find(|implementation| Some(implementation.name) == arguments.get(at + 1).map(String::as_str));
        println!("{}", (named.unwrap().hash)());
        return;
    }
    // `cargo test --benches` measures nothing.
    if arguments.iter().any(|argument| argument == "--bench") {
        compare();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
