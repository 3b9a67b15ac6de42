//! Devices: browsers and apps that have logged in to an account before.

use crate::clock::Timestamp;

/// How long a device that isn't seen stays known, in seconds: as long as its cookie.
pub const KNOWN_SECONDS: i64 = 365 * 86_400;

/// What the rules need to know of a stored device.
#[derive(Debug, Clone)]
pub struct DeviceState {
    /// The account's device epoch that it was made under.
    pub epoch: i64,
    /// Whether the login that it was made in still waits for a mailed code.
    pub unconfirmed: bool,
    /// When its owner forgot it, if they did.
    pub forgotten_at: Option<Timestamp>,
    /// When it last logged in.
    pub last_seen_at: Timestamp,
    /// Its trust, if it ever had any.
    pub trust: Option<Trust>,
}

/// That a device skips the second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    /// Until when.
    pub until: Timestamp,
    /// Since when the account asked for a second factor, when the trust was given: with another one, it is gone.
    pub mfa_since: Timestamp,
}

impl DeviceState {
    /// Whether the device is one of the account's, under the account's present device epoch: not forgotten, not outlived by a change
    /// of the password, not away for a year.
    pub fn is_active(&self, epoch: i64, now: Timestamp) -> bool {
        self.forgotten_at.is_none() && self.epoch == epoch && now < self.last_seen_at.plus_seconds(KNOWN_SECONDS)
    }

    /// Whether it is there and what it is known by counts.
    pub fn is_recognised(&self, epoch: i64, now: Timestamp) -> bool {
        self.is_active(epoch, now) && !self.unconfirmed
    }

    /// Until when a known device skips the second factor that the account asks for since `mfa_since`; `None` if it doesn't.
    pub fn trusted_until(&self, epoch: i64, mfa_since: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let trust = self.trust.filter(|trust| Some(trust.mfa_since) == mfa_since && now < trust.until)?;
        self.is_recognised(epoch, now).then_some(trust.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_device_ends_its_trust() {
        let at = Timestamp::from_seconds;
        let state = DeviceState {
            epoch: 2,
            unconfirmed: false,
            forgotten_at: None,
            last_seen_at: at(100),
            trust: Some(Trust { until: at(1000), mfa_since: at(50) }),
        };
        let since = Some(at(50));
        assert_eq!(state.trusted_until(2, since, at(999)), Some(at(1000)));
        assert_eq!(state.trusted_until(2, since, at(1000)), None);
        assert_eq!(state.trusted_until(3, since, at(999)), None);
        assert_eq!(state.trusted_until(2, Some(at(51)), at(999)), None);
        assert_eq!(state.trusted_until(2, None, at(999)), None);
        let forgotten = DeviceState { forgotten_at: Some(at(200)), ..state.clone() };
        assert!(!forgotten.is_recognised(2, at(200)) && forgotten.trusted_until(2, since, at(200)).is_none());
        let unconfirmed = DeviceState { unconfirmed: true, ..state.clone() };
        assert!(unconfirmed.is_active(2, at(200)) && !unconfirmed.is_recognised(2, at(200)));
        assert_eq!(unconfirmed.trusted_until(2, since, at(200)), None);
        assert!(state.is_recognised(2, at(100 + KNOWN_SECONDS - 1)));
        assert!(!state.is_recognised(2, at(100 + KNOWN_SECONDS)));
    }
}
