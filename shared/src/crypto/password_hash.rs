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
            .ok_or_else(|| HashError::internal("the memory budget has no place of this size"))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::AssociatedData;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    const MIB: usize = 1 << 20;
    const PEPPER: Pepper<'static> = Pepper { version: 1, key: &[7; 32] };
    const SALT: [u8; SALT_BYTES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    const SECRET: &[u8] = b"correct horse battery staple";
    /// Uses a place, but not for long.
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

    /// One large place and, from 76 MiB on, small ones.
    fn hasher(budget_mib: usize, max_wait: Duration) -> PasswordHasher {
        PasswordHasher::with_cores(budget_mib * MIB, max_wait, 2)
    }

    fn patient() -> PasswordHasher {
        hasher(88, Duration::from_secs(600))
    }

    /// Only version 1 is known.
    fn keyring(version: u32) -> Option<&'static [u8]> {
        (version == PEPPER.version).then_some(PEPPER.key)
    }

    fn all_zero(places: &Places) -> bool {
        places
            .kept()
            .iter()
            .all(|equipment| equipment.blocks.iter().all(|block| block.as_ref().iter().all(|&w| w == 0)))
    }

    #[test]
    fn the_test_vector_of_rfc_9106_comes_out() {
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
    async fn hashes_are_those_of_the_reference_implementation() {
        let hasher = patient();
        for (cost, phc) in REFERENCE {
            assert_eq!(hasher.hash(SECRET, SALT, PEPPER, cost).await.unwrap(), phc);
            assert!(hasher.verify(SECRET, phc, keyring).await.unwrap());
        }
    }

    #[tokio::test]
    async fn another_secret_or_pepper_is_not_verified() {
        let hasher = patient();
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
    async fn a_version_of_the_pepper_that_is_gone_is_named() {
        let hasher = patient();
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
    async fn strings_that_are_not_ours_are_malformed() {
        let hasher = patient();
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
            // One of them is well-formed, but says version 0 of the pepper.
            let verdict = hasher.verify(SECRET, &string, keyring).await;
            assert!(
                matches!(verdict, Err(HashError::Malformed | HashError::UnknownPepper(0))),
                "{string}: {verdict:?}"
            );
        }
    }

    #[tokio::test]
    async fn no_change_of_one_character_verifies() {
        let hasher = patient();
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
        let hasher = patient();
        hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD).await.unwrap();
        hasher.hash(SECRET, SALT, PEPPER, Cost::CODE).await.unwrap();
        for places in [&hasher.large, &hasher.small] {
            assert_eq!(places.kept().len(), 1);
            assert!(all_zero(places));
        }
    }

    #[tokio::test]
    async fn memory_is_wiped_and_kept_after_a_panic() {
        let hasher = hasher(64, Duration::ZERO);
        let outcome = hasher
            .at_a_place(64, |blocks| {
                blocks[63].as_mut()[127] = 1;
                panic!("of the test");
            })
            .await;
        assert!(matches!(outcome, Err::<(), _>(HashError::Internal(_))));
        assert_eq!(hasher.large.kept().len(), 1);
        assert!(all_zero(&hasher.large));
        hasher.hash(SECRET, SALT, PEPPER, LIGHT).await.unwrap();
    }

    #[tokio::test]
    async fn memory_is_used_again() {
        let hasher = patient();
        for _ in 0..3 {
            hasher.hash(SECRET, SALT, PEPPER, LIGHT).await.unwrap();
        }
        assert_eq!((hasher.small.kept().len(), hasher.large.kept().len()), (1, 0));
    }

    #[test]
    fn places_fit_the_budget_and_the_cores() {
        let places = |budget_mib: usize, cores| {
            let hasher = PasswordHasher::with_cores(budget_mib * MIB, Duration::ZERO, cores);
            (hasher.large.number, hasher.small.number)
        };
        assert_eq!(places(11, 2), (0, 0));
        assert_eq!(places(63, 2), (0, 2));
        assert_eq!(places(64, 2), (1, 0));
        assert_eq!(places(76, 2), (1, 1));
        assert_eq!(places(1024, 1), (1, 1));
        assert_eq!(places(1024, 2), (1, 2));
        assert_eq!(places(128, 8), (1, 5));
        assert_eq!(places(140, 8), (2, 1));
        assert_eq!(places(1024, 8), (2, 8));
    }

    #[tokio::test]
    async fn what_the_budget_cannot_hold_is_an_error_at_once() {
        let hasher = hasher(63, Duration::from_secs(600));
        let outcome = hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD).await;
        assert!(matches!(outcome, Err(HashError::Internal(_))));
        let outcome = hasher.hash(SECRET, SALT, PEPPER, Cost { iterations: 7, ..Cost::CODE }).await;
        assert!(matches!(outcome, Err(HashError::Internal(_))));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_never_has_more_hashes_at_work_than_places() {
        let hasher = Arc::new(patient());
        let at_work = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (hasher, at_work) = (Arc::clone(&hasher), Arc::clone(&at_work));
                tokio::spawn(async move {
                    let peak = hasher.at_a_place(Cost::CODE.memory_kib as usize, move |_| {
                        let now = at_work.fetch_add(1, Ordering::SeqCst) + 1;
                        std::thread::yield_now();
                        at_work.fetch_sub(1, Ordering::SeqCst);
                        now
                    });
                    peak.await.unwrap()
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap() <= hasher.small.number);
        }
        assert!(hasher.small.kept().len() <= hasher.small.number);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_is_answered_busy_while_codes_and_tokens_go_on() {
        let hasher = Arc::new(hasher(88, Duration::ZERO));
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let at_work = {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move {
                let count = Cost::PASSWORD.memory_kib as usize;
                let work = move |_: &mut [Block]| {
                    begin.send(()).unwrap();
                    released.recv().is_ok()
                };
                hasher.at_a_place(count, work).await.unwrap()
            })
        };
        begun.recv().unwrap();
        for _ in 0..100 {
            let outcome = hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD).await;
            assert!(matches!(outcome, Err(HashError::Busy)));
            // An unknown account does not give itself away here either.
            assert!(matches!(hasher.verify_dummy(SECRET, PEPPER, Cost::PASSWORD).await, Err(HashError::Busy)));
        }
        for cost in [Cost::CODE, Cost::TOKEN] {
            hasher.hash(SECRET, SALT, PEPPER, cost).await.unwrap();
        }
        release.send(()).unwrap();
        assert!(at_work.await.unwrap());
        hasher.hash(SECRET, SALT, PEPPER, Cost::PASSWORD).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_caller_that_gives_up_frees_its_place_only_when_the_work_is_done() {
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
                hasher.at_a_place(64, work).await
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
}
