//! How much the long tests do. By default they run a spread: every AWS call and every policy statement at least once. The variable
//! `LATCHKEY_THOROUGH` asks for everything: `1` for all operations, or a list of operations (`login,logout`).
//!
//! `LATCHKEY_SEED` chooses the spread. It may be any text, such as the commit. A failure prints it.

use std::env;

/// The seed of a run that gets none.
const DEFAULT_SEED: &str = "latchkey";

fn wanted() -> String {
    env::var("LATCHKEY_THOROUGH").unwrap_or_default()
}

/// Whether everything is to run.
pub fn everything() -> bool {
    wanted() == "1"
}

/// Whether everything is to run for an operation.
pub fn operation(name: &str) -> bool {
    everything() || wanted().split(',').any(|listed| listed.trim() == name)
}

/// The text that the spread is chosen by.
pub fn seed() -> String {
    env::var("LATCHKEY_SEED").unwrap_or_else(|_| DEFAULT_SEED.to_owned())
}

/// Dice that depend on the seed and on a name, so that each test has its own.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice for a name.
    pub fn of(name: &str) -> Self {
        // FNV-1a: any text becomes a number, the same on every machine.
        let text = format!("{} {name}", seed());
        let mixed = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, mixed))
    }

    /// The dice of a number.
    pub fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// The next number, of all 64-bit numbers (SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % bound as u64).unwrap()
    }

    /// Shuffles a list.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}
