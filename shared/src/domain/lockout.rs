//! Progressive lockout of one credential: after five failures every further one costs a wait that doubles up to 15 minutes, so
//! that guessing stops paying while nobody can lock the owner out for long.

/// Failures that cost no wait.
pub const FREE_FAILURES: i64 = 5;

/// The longest wait in seconds.
pub const MAX_WAIT_SECONDS: i64 = 900;

/// Consecutive failures, however far apart, that shut the credential until it is reset by other means (NIST SP 800-63B-4, section
/// 3.2.2).
pub const MAX_FAILURES: i64 = 100;

/// Waits begin anew when for so long, in seconds, no further failure came. (The run of consecutive failures goes on.)
pub const FORGET_SECONDS: i64 = 86_400;

/// How long, in seconds, the counts of a credential that isn't shut are kept after the last attempt.
pub const SWEEP_SECONDS: i64 = 90 * 86_400;

/// How long, in seconds, nothing is tried after that many failures; `factor` loosens all limits alike.
pub const fn wait_seconds(failures: i64, factor: i64) -> i64 {
    let beyond = failures - FREE_FAILURES * factor;
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
}
