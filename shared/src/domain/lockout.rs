//! Progressive lockout of one credential. From the fifth failure on, each failure costs a wait that doubles, up to 15
//! minutes. So guessing does not pay, and nobody can lock the owner out for long.

use super::ids::{DeviceId, UserId};
use crate::clock::Timestamp;

/// The first failure that costs a wait.
pub const FIRST_FAILURE_WITH_WAIT: i64 = 5;

/// The longest wait in seconds.
pub const MAX_WAIT_SECONDS: i64 = 900;

/// Consecutive failures, however far apart, that lock the credential until it is reset by other means (NIST SP
/// 800-63B-4, section 3.2.2).
const MAX_FAILURES: i64 = 100;

/// The forms of an account's identifier: its address and its username. Each has a lock of its own.
const IDENTIFIER_FORMS: i64 = 2;

/// Seconds without a failure after which waits start from the beginning. The run of consecutive failures goes on.
pub const FORGET_SECONDS: i64 = 86_400;

/// Seconds that the counts of a credential are kept after the last attempt. A locked credential is kept for good.
pub const SWEEP_SECONDS: i64 = 90 * 86_400;

/// A credential that is locked on its own. Recognised devices and sessions have locks of their own, so that failures
/// elsewhere do not lock the owner out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The password, on all unrecognised devices together, by the identifier as it was typed. The identifier of no account has
    /// the same lock, so the lock reveals nothing.
    Password,
    /// The password, on one recognised device.
    PasswordOnDevice,
    /// The password, in one session.
    PasswordInSession,
    /// The authenticator app, on all unrecognised devices together.
    Totp,
    /// The authenticator app, on one recognised device.
    TotpOnDevice,
    /// Codes of authenticator apps that a signed-in user enters, by device.
    CodeOnDevice,
}

impl Credential {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::PasswordOnDevice => "password/device",
            Self::PasswordInSession => "password/session",
            Self::Totp => "totp",
            Self::TotpOnDevice => "totp/device",
            Self::CodeOnDevice => "code/device",
        }
    }

    /// Consecutive failures that lock the credential. `limit_factor` loosens all limits alike.
    pub const fn max_failures(self, limit_factor: i64) -> i64 {
        let max = match self {
            // All forms of the identifier together make up the maximum of the password.
            Self::Password => MAX_FAILURES / IDENTIFIER_FORMS,
            _ => MAX_FAILURES,
        };
        max * limit_factor
    }
}

/// The key of the attempts on one device of a user.
pub fn on_device(user_id: &UserId, device: &DeviceId) -> String {
    format!("{user_id}#{device}")
}

/// The failures of one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// Failures that the next wait is computed from.
    pub count: i64,
    /// Consecutive failures.
    pub streak: i64,
    pub waits: Waits,
}

/// The times of a credential's failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// No attempt is accepted before this time.
    pub free_at: Option<Timestamp>,
    /// The failures stop counting for waits at this time.
    pub forget_at: Option<Timestamp>,
}

/// The result of an attempt's reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// The attempt is accepted. It counts as a failure until it is refunded.
    Accepted(Failures),
    /// The credential is locked for this many seconds.
    Locked { retry_after: i64 },
}

impl Failures {
    /// Reserves an attempt. `limit_factor` loosens all limits alike.
    pub fn reserve(&self, credential: Credential, now: Timestamp, limit_factor: i64) -> Reservation {
        if self.is_locked(credential, limit_factor) {
            return Reservation::Locked { retry_after: MAX_WAIT_SECONDS };
        }
        if let Some(free_at) = self.waits.free_at.filter(|&free_at| free_at > now) {
            return Reservation::Locked { retry_after: free_at.seconds_from(now) };
        }
        let forgotten = self.waits.forget_at.is_some_and(|forget_at| forget_at <= now);
        let count = if forgotten { 1 } else { self.count + 1 };
        Reservation::Accepted(Self {
            count,
            streak: self.streak + 1,
            waits: Waits {
                free_at: Some(now.plus_seconds(wait_seconds(count, limit_factor))),
                forget_at: Some(now.plus_seconds(FORGET_SECONDS)),
            },
        })
    }

    /// Whether only a reset by other means unlocks the credential.
    pub const fn is_locked(&self, credential: Credential, limit_factor: i64) -> bool {
        self.streak >= credential.max_failures(limit_factor)
    }
}

/// Seconds to wait after this many failures. `limit_factor` loosens all limits alike.
const fn wait_seconds(failures: i64, limit_factor: i64) -> i64 {
    let beyond = failures - FIRST_FAILURE_WITH_WAIT * limit_factor;
    if beyond < 0 {
        0
    } else if beyond >= 10 {
        MAX_WAIT_SECONDS
    } else {
        1 << beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_fifth_failure_up_to_fifteen_minutes() {
        let waits: Vec<i64> = (0..18).map(|failures| wait_seconds(failures, 1)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(wait_seconds(499, 100), 0);
        assert_eq!(wait_seconds(500, 100), 1);
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn accepted(failures: Failures, now: i64) -> Failures {
        match failures.reserve(Credential::Totp, at(now), 1) {
            Reservation::Accepted(next) => next,
            Reservation::Locked { retry_after } => panic!("locked for {retry_after} s"),
        }
    }

    #[test]
    fn the_fifth_failure_starts_a_wait_of_exact_seconds() {
        let four = (0..4).fold(Failures::default(), |failures, _| accepted(failures, 100));
        assert_eq!((four.count, four.waits.free_at), (4, Some(at(100))));
        let five = accepted(four, 100);
        assert_eq!(five.reserve(Credential::Totp, at(100), 1), Reservation::Locked { retry_after: 1 });
        assert_eq!(accepted(five, 101).waits.free_at, Some(at(103)));
    }

    #[test]
    fn waits_start_again_after_a_day_and_the_streak_continues() {
        let ten = Failures {
            count: 10,
            streak: 10,
            waits: Waits { free_at: Some(at(500)), forget_at: Some(at(FORGET_SECONDS)) },
        };
        let next = accepted(ten, FORGET_SECONDS);
        assert_eq!((next.count, next.streak), (1, 11));
        assert_eq!(accepted(ten, FORGET_SECONDS - 1).count, 11);
    }

    #[test]
    fn a_hundred_consecutive_failures_lock_a_credential_for_good() {
        let most = Failures { count: 1, streak: MAX_FAILURES - 1, waits: Waits::default() };
        let (app, password) = (Credential::Totp, Credential::Password);
        let locked = accepted(most, 0);
        assert!(locked.is_locked(app, 1) && !locked.is_locked(app, 2));
        let forever = at(i64::from(u32::MAX));
        assert_eq!(locked.reserve(app, forever, 1), Reservation::Locked { retry_after: MAX_WAIT_SECONDS });
        // Of a password, fifty for each form of the identifier.
        let half = Failures { streak: 50, ..most };
        assert!(half.is_locked(password, 1) && !Failures { streak: 49, ..most }.is_locked(password, 1));
    }
}
