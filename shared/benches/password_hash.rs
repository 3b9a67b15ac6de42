//! The cost of a password hash, and its ratio to the reference implementation in C (phc-winner-argon2, `opt.c`).
//!
//! ```sh
//! CFLAGS="-O3 -mavx2" cargo bench -p shared --bench password_hash
//! ```
//!
//! Without the flags the C library is built for SSE2, and the ratio is too good. The output then says so.
//!
//! Both compute the same hash (64 MiB, 3 passes, 4 lanes). They take turns in one run, so that other load on the
//! machine affects both. The goal: with as many threads, the ratio of the medians is at most 1.1 : 1.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may fail")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group};
use shared::crypto::password_hash::{Cost, PasswordHasher, Pepper};
use tokio::runtime::Runtime;

const SECRET: &[u8] = b"correct horse battery staple";
const SALT: [u8; 16] = [1; 16];
const PEPPER: Pepper<'static> = Pepper { version: 1, key: &[7; 32] };

fn hasher() -> (Runtime, PasswordHasher) {
    (Runtime::new().unwrap(), PasswordHasher::new(256 << 20, Duration::from_secs(10)))
}

fn costs(criterion: &mut Criterion) {
    let (runtime, hasher) = hasher();
    let mut group = criterion.benchmark_group("hash");
    group.sample_size(30);
    for (name, cost) in [("password", Cost::PASSWORD), ("code", Cost::CODE), ("token", Cost::TOKEN)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(hasher.hash(black_box(SECRET), SALT, PEPPER, cost)).unwrap());
        });
    }
    group.finish();
}

/// The C library's x86 sources use intrinsics and do not build elsewhere.
#[cfg(target_arch = "x86_64")]
mod reference {
    use super::*;
    use std::thread::available_parallelism;
    use std::time::Instant;

    const ROUNDS: usize = 50;

    pub(super) fn compare() {
        let (runtime, hasher) = hasher();
        let ours = || runtime.block_on(hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD)).unwrap();
        let lanes = Cost::PASSWORD.parallelism;
        let cores = available_parallelism().map_or(1, |cores| cores.get().min(lanes as usize));

        if !option_env!("CFLAGS").is_some_and(|flags| flags.contains("-mavx2")) {
            println!("C is built without AVX2 (CFLAGS=\"-O3 -mavx2\"): the ratios below flatter");
        }
        println!("64 MiB, 3 passes, {lanes} lanes; {cores} thread(s) of ours; ms, of {ROUNDS}:");
        let mut thread_counts = vec![u32::try_from(cores).unwrap(), lanes];
        thread_counts.dedup();
        for threads in thread_counts {
            let c = || hash_in_c(threads);
            let tag = c();
            assert_eq!(runtime.block_on(hasher.verify(SECRET, &phc(&tag), |_| Some(PEPPER.key))).ok(), Some(true));

            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..ROUNDS {
                times[0].push(milliseconds(ours));
                times[1].push(milliseconds(c));
            }
            let [(our_min, our_median), (c_min, c_median)] = times.map(min_and_median);
            println!(
                "min {our_min:.1} : {c_min:.1} = {:.2}   median {our_median:.1} : {c_median:.1} = {:.2}   C with {threads} thread(s)",
                our_min / c_min,
                our_median / c_median,
            );
        }
    }

    fn hash_in_c(threads: u32) -> [u8; 32] {
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
            threads,
            version: argon2_c::Version::Version13,
            flags: argon2_c::Flags::DEFAULT,
        })
        .unwrap();
        tag
    }

    fn phc(tag: &[u8]) -> String {
        use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD as BASE64};
        format!("$argon2id$v=19$m=65536,t=3,p=4,keyid=AAAAAQ${}${}", BASE64.encode(SALT), BASE64.encode(tag))
    }

    fn milliseconds<T>(work: impl Fn() -> T) -> f64 {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64() * 1000.0
    }

    fn min_and_median(mut times: Vec<f64>) -> (f64, f64) {
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    }
}

criterion_group!(benches, costs);

fn main() {
    // `cargo test --benches` measures nothing.
    #[cfg(target_arch = "x86_64")]
    if std::env::args().any(|argument| argument == "--bench") {
        reference::compare();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
