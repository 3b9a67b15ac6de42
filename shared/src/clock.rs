//! Time in whole milliseconds since the Unix epoch.

use std::fmt;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A point in time in milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down. DynamoDB's TTL and a JWT's NumericDate use them.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Whole seconds from `now` until this time, rounded up, at least 1. `Retry-After` headers use them.
    pub const fn seconds_from(self, now: Self) -> i64 {
        let millis = self.0.saturating_sub(now.0);
        if millis <= 1000 { 1 } else { (millis + 999) / 1000 }
    }

    /// RFC 3339 in UTC with whole seconds, as in all answers: `2026-11-20T18:57:37Z`.
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp(self.seconds())
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok())
            .unwrap_or_default()
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.rfc3339())
    }
}

/// All code takes the time from the App's `Clock`. Tests and the local server supply their own.
pub trait Clock: Send + Sync + fmt::Debug {
    fn now(&self) -> Timestamp;
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        let now = Timestamp::from_seconds(100);
        assert_eq!(Timestamp::from_millis(100_001).seconds_from(now), 1);
        assert_eq!(Timestamp::from_millis(101_001).seconds_from(now), 2);
        assert_eq!(Timestamp::from_seconds(90).seconds_from(now), 1);
    }

    #[test]
    fn times_are_written_in_rfc_3339_with_whole_seconds() {
        assert_eq!(Timestamp::from_millis(1_700_000_000_999).rfc3339(), "2023-11-14T22:13:20Z");
    }
}
