//! Logins that their owner disowned, and changes of the address that were undone. Passkeys and MFA enrolled since such a login count as absent, because the person who
//! logged in may have enrolled them.

use crate::clock::Timestamp;

/// The most disowned logins that an account remembers, the latest last. What earlier ones void was swept long ago.
const MAX_REMEMBERED: usize = 20;

/// When a factor was enrolled, or a login made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enrolment {
    pub at: Timestamp,
    /// The account's device epoch at that time. It orders events around the disowning, which clocks of several machines cannot
    /// order to the millisecond.
    pub device_epoch: i64,
}

/// The time from a disowned login until it was disowned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Interval {
    from: Timestamp,
    /// The account's last device epoch before the login was disowned, which raised it.
    until_epoch: i64,
}

impl Interval {
    fn contains(self, enrolment: Enrolment) -> bool {
        self.from <= enrolment.at && enrolment.device_epoch <= self.until_epoch
    }
}

/// The disowned logins of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DisownedLogins(Vec<Interval>);

impl DisownedLogins {
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a factor enrolled at that time counts as absent, or a login at that time is already disowned.
    pub fn cover(&self, enrolment: Enrolment) -> bool {
        self.0.iter().any(|interval| interval.contains(enrolment))
    }

    /// Adds a login at `from`, disowned in this device epoch.
    #[must_use]
    pub fn with(&self, from: Timestamp, until_epoch: i64) -> Self {
        let mut intervals = self.0.clone();
        // The new interval replaces those inside it.
        intervals.retain(|known| known.from < from || known.until_epoch > until_epoch);
        intervals.push(Interval { from, until_epoch });
        intervals.drain(..intervals.len().saturating_sub(MAX_REMEMBERED));
        Self(intervals)
    }

    /// The stored form: `milliseconds/epoch` for each.
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(|interval| format!("{}/{}", interval.from.millis(), interval.until_epoch)).collect()
    }

    /// Reads the stored form. `None` if it is malformed.
    pub fn parse(texts: &[String]) -> Option<Self> {
        let parse = |text: &String| {
            let (from, until_epoch) = text.split_once('/')?;
            Some(Interval { from: Timestamp::from_millis(from.parse().ok()?), until_epoch: until_epoch.parse().ok()? })
        };
        texts.iter().map(parse).collect::<Option<Vec<_>>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolled(millis: i64, device_epoch: i64) -> Enrolment {
        Enrolment { at: Timestamp::from_millis(millis), device_epoch }
    }

    #[test]
    fn what_was_enrolled_between_login_and_disowning_counts_as_absent() {
        let disowned = DisownedLogins::default().with(Timestamp::from_millis(1000), 3);
        assert!(disowned.cover(enrolled(1000, 3)) && disowned.cover(enrolled(9000, 3)));
        assert!(disowned.cover(enrolled(1500, 2)));
        assert!(!disowned.cover(enrolled(999, 3)), "enrolled before the login");
        assert!(!disowned.cover(enrolled(1000, 4)), "enrolled after it was disowned");
        // A reset extends the interval.
        let extended = disowned.with(Timestamp::from_millis(1000), 4);
        assert!(extended.cover(enrolled(1000, 4)));
        assert_eq!(extended.to_texts().len(), 1);
        let twice = disowned.with(Timestamp::from_millis(500), 5);
        assert!(twice.cover(enrolled(500, 3)) && twice.cover(enrolled(700, 5)) && twice.cover(enrolled(1000, 3)));
        assert!(!twice.cover(enrolled(499, 3)));
    }

    #[test]
    fn the_stored_form_reads_back_and_stays_small() {
        let mut disowned = DisownedLogins::default();
        for n in 0..100 {
            disowned = disowned.with(Timestamp::from_millis(n), n);
        }
        let texts = disowned.to_texts();
        assert_eq!((texts.len(), DisownedLogins::parse(&texts)), (MAX_REMEMBERED, Some(disowned)));
        assert_eq!(DisownedLogins::parse(&["x/1".to_owned()]), None);
    }
}
