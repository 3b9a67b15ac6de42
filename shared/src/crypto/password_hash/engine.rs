//! The two implementations of Argon2id. They compute the same tags. A test compares them.

use std::{
    fmt,
    hint::black_box,
    panic::{UnwindSafe, catch_unwind},
    sync::OnceLock,
};

use argon2::{Block, Version};
use zeroize::{Zeroize, Zeroizing};

use super::{Cost, HashError, TAG_BYTES};

pub(super) type Tag = Zeroizing<[u8; TAG_BYTES]>;

/// The implementation that computes hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// The crate `argon2-rust`: AVX-512, AVX2 or NEON, as the machine has it.
    #[default]
    Argon2Rust,
    /// The crate `argon2` of the RustCrypto project: AVX2 or portable code. It takes twice the CPU time. It is the way back if a
    /// fault of the other becomes known.
    RustCrypto,
}

/// Bytes of the stack that a hash uses at most. Measured: under 12 KiB.
const STACK_BYTES: usize = 64 * 1024;

/// What a tag is computed from, apart from the memory.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) cost: Cost,
    /// The pepper (K in RFC 9106).
    pub(super) key: &'a [u8],
    pub(super) secret: &'a [u8],
    pub(super) salt: &'a [u8],
    /// Associated data (X in RFC 9106). Only a test vector has any.
    pub(super) associated: &'a [u8],
}

/// The memory of one hash at a time. It is wiped after each hash, and kept.
pub(super) struct Memory(argon2_rust::Hasher);

impl Memory {
    /// Memory that is allocated at the first hash, and grows with the cost.
    pub(super) fn new() -> Result<Self, HashError> {
        Ok(Self(argon2_rust_for(Cost::TOKEN)?.hasher()))
    }

    /// The number of kept bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.0.reserved_blocks() * Block::SIZE
    }

    /// Computes a tag on this thread. So a hash takes the CPU time of one thread: threads that wait for each other would take
    /// more, and a Lambda function under 1,769 MiB has less than one CPU.
    pub(super) fn compute(&mut self, engine: Engine, input: Input<'_>) -> Result<Tag, HashError> {
        let tag = self.compute_with(engine.checked(), input);
        clear_stack();
        tag
    }

    #[inline(never)]
    fn compute_with(&mut self, engine: Engine, input: Input<'_>) -> Result<Tag, HashError> {
        let mut tag = Zeroizing::new([0; TAG_BYTES]);
        let Input { cost, key, secret, salt, associated } = input;
        match engine {
            Engine::Argon2Rust => {
                self.0.set_argon2(argon2_rust_for(cost)?);
                let computed = self.0.hash_into_with_ad(secret, salt, key, associated, tag.as_mut_slice());
                computed.map_err(|error| HashError::internal(error.to_string()))?;
            }
            Engine::RustCrypto => {
                let params = cost.params(None, associated).map_err(HashError::internal)?;
                let mut blocks = Blocks(Vec::new());
                blocks.0.try_reserve_exact(params.block_count()).map_err(HashError::internal)?;
                blocks.0.resize(params.block_count(), Block::new());
                argon2::Argon2::new_with_secret(key, argon2::Algorithm::Argon2id, Version::V0x13, params)
                    .and_then(|argon2| {
                        argon2.hash_password_into_with_memory(secret, salt, tag.as_mut_slice(), &mut blocks.0)
                    })
                    .map_err(HashError::internal)?;
            }
        }
        Ok(tag)
    }
}

/// Overwrites the stack below the caller. `argon2-rust` leaves copies of blocks there, from which the tag follows.
#[inline(never)]
pub(super) fn clear_stack() {
    black_box(&mut [0_u8; STACK_BYTES]);
}

impl Engine {
    /// Returns this engine if it computes RFC 9106's test vector on this machine, and RustCrypto's otherwise. The code of
    /// `argon2-rust` depends on the processor, and a wrong hash would lock users out. The check takes some microseconds, once per
    /// process.
    fn checked(self) -> Self {
        static WORKS: OnceLock<bool> = OnceLock::new();
        self.checked_once(&WORKS, || self.computes_the_test_vector())
    }

    /// Returns this engine if `computes_the_test_vector` returned true. Its first answer is kept in `works`. A panic counts as false.
    pub(super) fn checked_once(
        self,
        works: &OnceLock<bool>,
        computes_the_test_vector: impl FnOnce() -> bool + UnwindSafe,
    ) -> Self {
        let check = || {
            let works = catch_unwind(computes_the_test_vector).unwrap_or(false);
            if !works {
                tracing::error!("argon2-rust computes wrong hashes on this processor, so RustCrypto's argon2 is used");
            }
            works
        };
        if self == Self::Argon2Rust && !*works.get_or_init(check) { Self::RustCrypto } else { self }
    }

    /// Whether this engine computes the vector of RFC 9106 §5.3.
    pub(super) fn computes_the_test_vector(self) -> bool {
        let cost = Cost { memory_kib: 32, iterations: 3, parallelism: 4 };
        let input = Input { cost, key: &[3; 8], secret: &[1; 32], salt: &[2; 16], associated: &[4; 12] };
        let tag = Memory::new().and_then(|mut memory| memory.compute_with(self, input));
        tag.is_ok_and(|tag| *tag == TEST_VECTOR)
    }
}

/// The tag of RFC 9106 §5.3.
const TEST_VECTOR: [u8; TAG_BYTES] = [
    0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0, 0x1e, 0xf0,
    0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59,
];

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memory")
    }
}

/// Blocks that are wiped when dropped, after a panic too.
struct Blocks(Vec<Block>);

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

fn argon2_rust_for(cost: Cost) -> Result<argon2_rust::Argon2, HashError> {
    use argon2_rust::{
        Algorithm, Argon2, Params, Version,
        params::{Memory, TagLen},
    };
    let params = Params::builder()
        .memory(Memory::kib(cost.memory_kib.into()))
        .passes(cost.iterations)
        .lanes(cost.parallelism)
        .threads(1)
        .tag_len(TagLen::bytes(TAG_BYTES as u64))
        .build()
        .map_err(|error| HashError::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}
