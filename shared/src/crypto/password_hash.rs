//! Argon2id for secrets that people choose or type: passwords, answers, short codes.
//!
//! The hash follows RFC 9106: Argon2id v1.3, 16-byte salt, 32-byte tag, with the pepper as Argon2's secret input K.
//! NIST SP 800-63B §3.1.1.2 and the OWASP Password Storage Cheat Sheet ask for both parts: a memory-hard hash, and a
//! key that is stored elsewhere.
//!
//! A hash takes 64 MiB and a core for some tens of milliseconds. So [`PasswordHasher`] bounds the number of concurrent
//! hashes and keeps their memory. Fresh memory of 64 MiB causes 16,384 page faults per hash, measured as a third more
//! time.

mod engine;

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, AssociatedData, KeyId, Params, ParamsBuilder, PasswordHash, Version};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

pub use engine::Engine;
use engine::{Input, Memory, Tag};

/// Bytes of a salt (RFC 9106 §3.1: 16 bytes are recommended for password hashing).
pub const SALT_BYTES: usize = 16;

/// Bytes of a tag (RFC 9106 §4: 256 bits in both recommended options).
const TAG_BYTES: usize = 32;

/// The cost of a hash: the parameters m, t and p of RFC 9106 §3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB (m).
    pub memory_kib: u32,
    /// Passes over the memory (t).
    pub iterations: u32,
    /// Lanes that can be filled in parallel (p).
    pub parallelism: u32,
}

impl Cost {
    /// For passwords: the second recommended option of RFC 9106 §4.
    pub const PASSWORD: Self = Self { memory_kib: 65_536, iterations: 3, parallelism: 4 };

    /// For look-up secrets and codes under 112 bits: the floor of OWASP ASVS 5.0, appendix C, for t = 3. NIST SP
    /// 800-63B §3.1.2.2 wants them hashed like passwords.
    pub const CODE: Self = Self { memory_kib: 12_288, iterations: 3, parallelism: 1 };

    /// For tokens of 256 random bits: the minimum of RFC 9106. They need no stretching, because nobody can guess one.
    /// Such a hash takes some microseconds and does not wait for a slot.
    pub const TOKEN: Self = Self { memory_kib: 8, iterations: 1, parallelism: 1 };

    /// The maximum that is computed, also for stored strings. Otherwise a stored string could cost gigabytes or
    /// minutes. It is twice the work of [`Cost::PASSWORD`], in the same memory.
    pub const LIMIT: Self = Self { memory_kib: 65_536, iterations: 6, parallelism: 8 };

    fn is_within_limit(self) -> bool {
        self.memory_kib <= Self::LIMIT.memory_kib
            && self.iterations <= Self::LIMIT.iterations
            && self.parallelism <= Self::LIMIT.parallelism
    }

    /// Whether the hash is faster than its hand-over to another thread.
    fn is_trivial(self) -> bool {
        self.memory_kib <= Self::TOKEN.memory_kib && self.iterations <= Self::TOKEN.iterations
    }

    /// The parameters of a PHC string, where the pepper's version is the key id, or of a hash, which has no key id.
    fn params(self, pepper_version: Option<u32>, associated: &[u8]) -> Result<Params, argon2::Error> {
        let mut builder = ParamsBuilder::new();
        if let Some(version) = pepper_version {
            builder.keyid(KeyId::new(&version.to_be_bytes())?);
        }
        builder
            .m_cost(self.memory_kib)
            .t_cost(self.iterations)
            .p_cost(self.parallelism)
            .data(AssociatedData::new(associated)?)
            .output_len(TAG_BYTES)
            .build()
    }
}

/// One version of the pepper, the secret input of every hash (RFC 9106 §3.1).
#[derive(Clone, Copy)]
pub struct Pepper<'a> {
    /// The version in the keyring, stored with the hash.
    pub version: u32,
    /// The key, stored elsewhere.
    pub key: &'a [u8],
}

/// The reason for a missing hash or verdict.
#[derive(Debug)]
pub enum HashError {
    /// No slot was free within the waiting time. The caller answers 503 with `Retry-After`.
    Busy,
    /// [`PasswordHasher::hash`] did not write the stored string, or it asks for more than [`Cost::LIMIT`].
    Malformed,
    /// The stored string names this version of the pepper, which the caller does not have.
    UnknownPepper(u32),
    /// The cost is outside RFC 9106's bounds or [`Cost::LIMIT`], or exceeds the memory budget. Or there is no memory.
    Internal(Box<dyn Error + Send + Sync>),
}

impl HashError {
    fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many hashes are being computed"),
            Self::Malformed => f.write_str("the stored hash is malformed"),
            Self::UnknownPepper(version) => write!(f, "version {version} of the pepper is unknown"),
            Self::Internal(_) => f.write_str("the hash cannot be computed"),
        }
    }
}

impl Error for HashError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Internal(source) => Some(source.as_ref()),
            Self::Busy | Self::Malformed | Self::UnknownPepper(_) => None,
        }
    }
}

/// Computes and verifies hashes, as many at once as memory and cores allow. An App has one.
///
/// Slots have two sizes, so that a code neither waits for passwords nor takes their memory. A slot's memory is
/// allocated at its first use, wiped after each use, and kept.
pub struct PasswordHasher {
    /// Slots of 64 MiB, for costs up to [`Cost::LIMIT`].
    large: Arc<Slots>,
    /// Slots of 12 MiB, for [`Cost::CODE`] and below.
    small: Arc<Slots>,
    max_wait: Duration,
    engine: Engine,
}

impl PasswordHasher {
    /// A hasher with at most `memory_budget_bytes` for all concurrent hashes. A hash waits for its slot for at most
    /// `max_wait`.
    ///
    /// A budget under 64 MiB has no slot for [`Cost::PASSWORD`]. There are no more slots than cores, because further ones
    /// would take memory and speed up nothing.
    pub fn new(engine: Engine, memory_budget_bytes: usize, max_wait: Duration) -> Self {
        Self::with_cores(engine, memory_budget_bytes, max_wait, available_parallelism().map_or(1, usize::from))
    }

    fn with_cores(engine: Engine, memory_budget_bytes: usize, max_wait: Duration, cores: usize) -> Self {
        let (large_kib, small_kib) = (Cost::PASSWORD.memory_kib as usize, Cost::CODE.memory_kib as usize);
        let budget_kib = memory_budget_bytes / 1024;

        let mut large = cores.min(budget_kib / large_kib);
        // A second large slot is worth less than the first small one. If one large slot is all, codes use it.
        if large > 1 && budget_kib - large * large_kib < small_kib {
            large -= 1;
        }
        let small = cores.min((budget_kib - large * large_kib) / small_kib);
        Self {
            large: Arc::new(Slots::new(large, large_kib)),
            small: Arc::new(Slots::new(small, small_kib)),
            max_wait,
            engine,
        }
    }

    /// Hashes `secret`.
    ///
    /// Returns the PHC string `$argon2id$v=19$m=…,t=…,p=…,keyid=…$salt$tag`. `keyid` is the pepper's version (four
    /// bytes, big endian). `salt` must be fresh for each hash.
    ///
    /// # Errors
    /// [`HashError::Busy`] or [`HashError::Internal`].
    pub async fn hash(
        &self,
        secret: &[u8],
        salt: [u8; SALT_BYTES],
        pepper: Pepper<'_>,
        cost: Cost,
    ) -> Result<String, HashError> {
        let tag = self.tag(secret, salt, pepper, cost).await?;
        Stored { cost, pepper_version: pepper.version, salt, tag: *tag }.to_phc().map_err(HashError::internal)
    }

    /// Whether the stored string `phc` was made from `secret`. `pepper` returns the key of a version. Tags are compared
    /// in constant time.
    ///
    /// # Errors
    /// Any [`HashError`].
    pub async fn verify<K: AsRef<[u8]>>(
        &self,
        secret: &[u8],
        phc: &str,
        pepper: impl FnOnce(u32) -> Option<K>,
    ) -> Result<bool, HashError> {
        let stored = Stored::parse(phc).ok_or(HashError::Malformed)?;
        let version = stored.pepper_version;
        let key = pepper(version).ok_or(HashError::UnknownPepper(version))?;
        let tag = self.tag(secret, stored.salt, Pepper { version, key: key.as_ref() }, stored.cost).await?;
        Ok(tag.ct_eq(&stored.tag).into())
    }

    /// Does the work of [`PasswordHasher::verify`] for an account that does not exist, in the same time. Always returns
    /// false. `cost` is the cost of the stored hashes.
    ///
    /// # Errors
    /// As [`PasswordHasher::hash`]. So an unknown account gets 503 exactly when a known one would.
    pub async fn verify_dummy(&self, secret: &[u8], pepper: Pepper<'_>, cost: Cost) -> Result<bool, HashError> {
        self.tag(secret, [0; SALT_BYTES], pepper, cost).await?;
        Ok(false)
    }

    /// Computes Argon2id's tag off the async threads.
    async fn tag(
        &self,
        secret: &[u8],
        salt: [u8; SALT_BYTES],
        pepper: Pepper<'_>,
        cost: Cost,
    ) -> Result<Tag, HashError> {
        if !cost.is_within_limit() {
            return Err(HashError::internal("the cost is over the limit"));
        }
        let engine = self.engine;
        if cost.is_trivial() {
            let input = Input { cost, key: pepper.key, secret, salt: &salt, associated: &[] };
            return Memory::new()?.compute(engine, input);
        }
        // The task outlives this future if the caller goes away. So it owns copies, which are wiped when it ends.
        let secret = Zeroizing::new(secret.to_vec());
        let key = Zeroizing::new(pepper.key.to_vec());
        let work = move |memory: &mut Memory| {
            memory.compute(engine, Input { cost, key: &key, secret: &secret, salt: &salt, associated: &[] })
        };
        self.in_slot(cost, work).await?
    }

    /// Runs `work` on a blocking thread with memory for a hash of that cost, as soon as a slot for it is free.
    async fn in_slot<T: Send + 'static>(
        &self,
        cost: Cost,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let slots = [&self.small, &self.large]
            .into_iter()
            .find(|slots| slots.number > 0 && cost.memory_kib as usize <= slots.kib)
            .ok_or_else(|| HashError::internal("the memory budget has no slot of this size"))?;
        let permit = tokio::time::timeout(self.max_wait, Arc::clone(&slots.free).acquire_owned())
            .await
            .map_err(|_| HashError::Busy)?
            .map_err(HashError::internal)?;
        let slots = Arc::clone(slots);
        // The task owns the permit. So a caller that gives up does not free a slot that is still in use.
        tokio::task::spawn_blocking(move || {
            let outcome = slots.work(work);
            drop(permit);
            outcome
        })
        .await
        .map_err(HashError::internal)?
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("large", &self.large.number)
            .field("small", &self.small.number)
            .field("max_wait", &self.max_wait)
            .finish()
    }
}

/// Whether the next successful verification must replace the stored string. True if the cost or pepper changed, or if
/// the string is not ours.
pub fn needs_rehash(phc: &str, cost: Cost, pepper_version: u32) -> bool {
    Stored::parse(phc).is_none_or(|stored| stored.cost != cost || stored.pepper_version != pepper_version)
}

/// The contents of a PHC string.
struct Stored {
    cost: Cost,
    pepper_version: u32,
    salt: [u8; SALT_BYTES],
    tag: [u8; TAG_BYTES],
}

impl Stored {
    /// Reads exactly the strings that [`Stored::to_phc`] writes. Another order or spelling, a missing part, or a cost
    /// over the limit is refused.
    fn parse(phc: &str) -> Option<Self> {
        let hash = PasswordHash::new(phc).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let stored = Self {
            cost: Cost { memory_kib: params.m_cost(), iterations: params.t_cost(), parallelism: params.p_cost() },
            pepper_version: u32::from_be_bytes(params.keyid().try_into().ok()?),
            salt: hash.salt?.as_ref().try_into().ok()?,
            tag: hash.hash?.as_bytes().try_into().ok()?,
        };
        (stored.cost.is_within_limit() && stored.to_phc().ok()? == phc).then_some(stored)
    }

    fn to_phc(&self) -> Result<String, argon2::password_hash::Error> {
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(self.cost.params(Some(self.pepper_version), &[])?)?,
            salt: Some(Salt::new(&self.salt)?),
            hash: Some(Output::new(&self.tag)?),
        };
        Ok(hash.to_string())
    }
}

/// The slots of one size: one permit for each, and the memory of idle ones.
struct Slots {
    number: usize,
    /// Memory of each slot, in KiB.
    kib: usize,
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Memory>>,
}

impl Slots {
    fn new(number: usize, kib: usize) -> Self {
        Self { number, kib, free: Arc::new(Semaphore::new(number)), idle: Mutex::default() }
    }

    /// Runs `work` with the memory of a slot. The caller must hold its permit.
    fn work<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> Result<T, HashError> {
        let idle = self.idle().pop();
        let mut memory = idle.map_or_else(Memory::new, Ok)?;
        // After a panic the memory is dropped, which wipes it.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut memory)));
        let outcome = outcome.map_err(|_| HashError::internal("the computation panicked"))?;
        self.idle().push(memory);
        Ok(outcome)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<HashError> for crate::error::Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::TemporarilyUnavailable("too many password hashes at once".to_owned()),
            other => Self::internal(format!("a hash: {other}")),
        }
    }
}

#[cfg(test)]
mod tests;
