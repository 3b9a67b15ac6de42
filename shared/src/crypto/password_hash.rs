//! Argon2id for what people choose or type: passwords, answers, short codes.
//!
//! RFC 9106 (Argon2id v1.3, 16-byte salt, 32-byte tag), with the pepper as Argon2's secret input K. NIST SP 800-63B §3.1.1.2
//! and the OWASP Password Storage Cheat Sheet ask for both: a memory-hard hash, and a key that is not stored beside it.
//!
//! A hash takes 64 MiB and all cores for some tens of milliseconds, so [`PasswordHasher`] bounds how many run at once, and
//! keeps their memory: 64 MiB mapped afresh for each are 16,384 page faults, measured as a third more time.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, KeyId, Params, ParamsBuilder, PasswordHash, Version};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a salt (RFC 9106 §3.1: 16 bytes are recommended for password hashing).
pub const SALT_BYTES: usize = 16;

/// Bytes of a tag (RFC 9106 §4: 256 bits in both recommended options).
const TAG_BYTES: usize = 32;

/// How costly a hash is: the parameters m, t and p of RFC 9106 §3.1.
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

    /// For look-up secrets and codes under 112 bits, which NIST SP 800-63B §3.1.2.2 wants hashed like passwords: the floor
    /// that OWASP ASVS 5.0 appendix C sets for t = 3.
    pub const CODE: Self = Self { memory_kib: 12_288, iterations: 3, parallelism: 1 };

    /// For tokens of 256 random bits, which need no stretching since nobody can guess one: the least that RFC 9106 allows,
    /// some microseconds, computed without a place in the queue.
    pub const TOKEN: Self = Self { memory_kib: 8, iterations: 1, parallelism: 1 };

    /// The most that is computed, and so the most that a stored string can ask for: whoever can write one must not be able
    /// to spend gigabytes or minutes by it. Twice the work of [`Cost::PASSWORD`], in the same memory.
    pub const LIMIT: Self = Self { memory_kib: 65_536, iterations: 6, parallelism: 8 };

    fn is_within_limit(self) -> bool {
        self.memory_kib <= Self::LIMIT.memory_kib
            && self.iterations <= Self::LIMIT.iterations
            && self.parallelism <= Self::LIMIT.parallelism
    }

    /// Whether it is over faster than it could be handed to another thread.
    fn is_trifling(self) -> bool {
        self.memory_kib <= Self::TOKEN.memory_kib && self.iterations <= Self::TOKEN.iterations
    }

    /// What Argon2 is to be told, with the pepper's version as the key id of the PHC string.
    fn params(self, pepper_version: u32) -> Result<Params, argon2::Error> {
        ParamsBuilder::new()
            .m_cost(self.memory_kib)
            .t_cost(self.iterations)
            .p_cost(self.parallelism)
            .keyid(KeyId::new(&pepper_version.to_be_bytes())?)
            .output_len(TAG_BYTES)
            .build()
    }
}

/// A version of the key that goes into every hash beside the salt (Argon2's secret input, RFC 9106 §3.1).
#[derive(Clone, Copy)]
pub struct Pepper<'a> {
    /// Its version in the keyring; stored with the hash.
    pub version: u32,
    /// The key; stored elsewhere.
    pub key: &'a [u8],
}

/// Why there is no hash, or no verdict.
#[derive(Debug)]
pub enum HashError {
    /// No place came free within the time to wait: the caller answers 503 with `Retry-After`.
    Busy,
    /// The stored string is not one that [`PasswordHasher::hash`] wrote, or asks for more than [`Cost::LIMIT`].
    Malformed,
    /// The stored string was made under this version of the pepper, which the caller does not have.
    UnknownPepper(u32),
    /// The cost cannot be computed here (outside RFC 9106's bounds or [`Cost::LIMIT`], or larger than the memory budget),
    /// or threads cannot be started.
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

/// Computes and verifies hashes, as many at once as memory and cores allow. One is made per App and shared.
///
/// There are places of two sizes, so that a code never waits behind passwords nor takes their memory. A place's memory is
/// made when it is first needed, wiped after each use and kept.
pub struct PasswordHasher {
    /// Places of 64 MiB, for anything up to [`Cost::LIMIT`].
    large: Arc<Places>,
    /// Places of 12 MiB, for [`Cost::CODE`] and below.
    small: Arc<Places>,
    max_wait: Duration,
}

impl PasswordHasher {
    /// A hasher whose hashes together never take more than `memory_budget_bytes`, in which each waits for its place for at
    /// most `max_wait`.
    ///
    /// A budget under 64 MiB has no place for [`Cost::PASSWORD`]. More than the cores can fill at once is not used: further
    /// hashes at the same time would take memory and make none of them faster.
    pub fn new(memory_budget_bytes: usize, max_wait: Duration) -> Self {
        Self::with_cores(memory_budget_bytes, max_wait, available_parallelism().map_or(1, usize::from))
    }

    fn with_cores(memory_budget_bytes: usize, max_wait: Duration, cores: usize) -> Self {
        let lanes = Cost::PASSWORD.parallelism as usize;
        let (large_blocks, small_blocks) = (Cost::PASSWORD.memory_kib as usize, Cost::CODE.memory_kib as usize);
        let blocks = memory_budget_bytes / Block::SIZE;

        let mut large = cores.div_ceil(lanes).min(blocks / large_blocks);
        // A second large place is worth less than the first small one; with one large place and no more, codes use that.
        if large > 1 && blocks - large * large_blocks < small_blocks {
            large -= 1;
        }
        let small = cores.min((blocks - large * large_blocks) / small_blocks);
        Self {
            large: Arc::new(Places::new(large, large_blocks, cores.min(lanes))),
            small: Arc::new(Places::new(small, small_blocks, 1)),
            max_wait,
        }
    }

    /// Hashes `secret`.
    ///
    /// Returns the PHC string `$argon2id$v=19$m=…,t=…,p=…,keyid=…$salt$tag`, in which `keyid` is the pepper's version (four
    /// bytes, big endian). `salt` is fresh for each hash.
    ///
    /// # Errors
    ///
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

    /// Whether `secret` is what the stored string `phc` was made from. `pepper` gives the key of a version.
    ///
    /// The tags are compared in constant time.
    ///
    /// # Errors
    ///
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

    /// Does for an account that does not exist what [`PasswordHasher::verify`] does for one that does, in the same time, and
    /// is always false. `cost` is that of the stored hashes.
    ///
    /// # Errors
    ///
    /// Those of [`PasswordHasher::hash`]: an unknown account is answered 503 when a known one would be.
    pub async fn verify_dummy(&self, secret: &[u8], pepper: Pepper<'_>, cost: Cost) -> Result<bool, HashError> {
        self.tag(secret, [0; SALT_BYTES], pepper, cost).await?;
        Ok(false)
    }

    /// Argon2id's tag, computed off the async threads.
    async fn tag(
        &self,
        secret: &[u8],
        salt: [u8; SALT_BYTES],
        pepper: Pepper<'_>,
        cost: Cost,
    ) -> Result<Zeroizing<[u8; TAG_BYTES]>, HashError> {
        if !cost.is_within_limit() {
            return Err(HashError::internal("the cost is over the limit"));
        }
        let params = cost.params(pepper.version).map_err(HashError::internal)?;
        if cost.is_trifling() {
            let mut blocks = vec![Block::new(); params.block_count()];
            let tag = compute(params, pepper.key, secret, &salt, &mut blocks);
            wipe(&mut blocks);
            return tag.map_err(HashError::internal);
        }
        // The task outlives this future when the caller goes away, so it has its own copies, wiped when it ends.
        let secret = Zeroizing::new(secret.to_vec());
        let key = Zeroizing::new(pepper.key.to_vec());
        self.at_a_place(params.block_count(), move |blocks| compute(params, &key, &secret, &salt, blocks))
            .await?
            .map_err(HashError::internal)
    }

    /// Runs `work` on a blocking thread with `count` zeroed blocks, as soon as a place for them is free.
    async fn at_a_place<T: Send + 'static>(
        &self,
        count: usize,
        work: impl FnOnce(&mut [Block]) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let places = [&self.small, &self.large]
            .into_iter()
            .find(|places| places.number > 0 && count <= places.blocks)
            .ok_or_else(|| HashError::internal("the memory budget has no slot of this size"))?;
        let permit = tokio::time::timeout(self.max_wait, Arc::clone(&places.free).acquire_owned())
            .await
            .map_err(|_| HashError::Busy)?
            .map_err(HashError::internal)?;
        let places = Arc::clone(places);
        // The permit goes along into the task: a caller that gives up does not free a place that is still being worked at.
        tokio::task::spawn_blocking(move || {
            let outcome = places.work(count, work);
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

/// Whether the stored string is to be replaced at the next successful verification: it has another cost or pepper, or is not
/// one of ours.
pub fn needs_rehash(phc: &str, cost: Cost, pepper_version: u32) -> bool {
    Stored::parse(phc).is_none_or(|stored| stored.cost != cost || stored.pepper_version != pepper_version)
}

/// Argon2id with `blocks` as its memory, which it leaves full of what is derived from `secret`.
fn compute(
    params: Params,
    key: &[u8],
    secret: &[u8],
    salt: &[u8],
    blocks: &mut [Block],
) -> Result<Zeroizing<[u8; TAG_BYTES]>, argon2::Error> {
    let mut tag = Zeroizing::new([0; TAG_BYTES]);
    Argon2::new_with_secret(key, Algorithm::Argon2id, Version::V0x13, params)?.hash_password_into_with_memory(
        secret,
        salt,
        tag.as_mut_slice(),
        blocks,
    )?;
    Ok(tag)
}

/// What a PHC string says.
struct Stored {
    cost: Cost,
    pepper_version: u32,
    salt: [u8; SALT_BYTES],
    tag: [u8; TAG_BYTES],
}

impl Stored {
    /// Reads a string that [`Stored::to_phc`] wrote, to the letter, and nothing else: no other order or spelling, no defaults
    /// for what is left out, and no cost over the limit.
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
            params: ParamsString::try_from(self.cost.params(self.pepper_version)?)?,
            salt: Some(Salt::new(&self.salt)?),
            hash: Some(Output::new(&self.tag)?),
        };
        Ok(hash.to_string())
    }
}

/// The places of one size: a permit for each, and the equipment of those that have been used and are free.
struct Places {
    number: usize,
    /// Blocks of each (KiB).
    blocks: usize,
    /// Threads of each.
    threads: usize,
    free: Arc<Semaphore>,
    equipment: Mutex<Vec<Equipment>>,
}

/// What is worth keeping between two hashes.
struct Equipment {
    /// All zero while nobody uses it.
    blocks: Vec<Block>,
    /// The threads that fill the lanes. Each place has its own: in a shared pool, a thread that waits for the lanes of one
    /// hash picks up a whole other hash meanwhile, and the first then takes as long as both.
    threads: ThreadPool,
}

impl Places {
    fn new(number: usize, blocks: usize, threads: usize) -> Self {
        Self { number, blocks, threads, free: Arc::new(Semaphore::new(number)), equipment: Mutex::default() }
    }

    /// Runs `work` with `count` zeroed blocks, on the threads of a place. The caller holds its permit.
    fn work<T: Send>(&self, count: usize, work: impl FnOnce(&mut [Block]) -> T + Send) -> Result<T, HashError> {
        let kept = self.kept().pop();
        let mut equipment = match kept {
            Some(equipment) => equipment,
            None => Equipment::new(self.blocks, self.threads).map_err(HashError::internal)?,
        };
        let blocks = &mut equipment.blocks[..count];
        let outcome = equipment.threads.install(|| {
            // Whatever happens, the memory is wiped before it is kept, and by all threads, as it was filled.
            let outcome = catch_unwind(AssertUnwindSafe(|| work(blocks)));
            blocks.par_chunks_mut(256).for_each(wipe);
            outcome
        });
        self.kept().push(equipment);
        outcome.map_err(|_| HashError::internal("the computation panicked"))
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Equipment>> {
        self.equipment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Equipment {
    fn new(blocks: usize, threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("argon2-{i}")).build()?;
        // Made in parallel since each page's first touch is a fault.
        let blocks = threads.install(|| (0..blocks).into_par_iter().map(|_| Block::new()).collect());
        Ok(Self { blocks, threads })
    }
}

fn wipe(blocks: &mut [Block]) {
    blocks.iter_mut().for_each(Zeroize::zeroize);
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
