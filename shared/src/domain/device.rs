//! Devices: browsers and apps that have logged in to an account.

use crate::clock::Timestamp;

/// Seconds after its last login for which a device is recognised. Its cookie expires at the same time.
pub const KNOWN_SECONDS: i64 = 365 * 86_400;

/// The most devices that an account stores. A login over it drops the one that was unseen longest.
pub const MAX_DEVICES: usize = 500;

/// The part of a stored device that the rules need.
#[derive(Debug, Clone)]
pub struct DeviceState {
    /// The account's device epoch at the device's first login.
    pub epoch: i64,
    /// Whether the device's first login still waits for a mailed code.
    pub unconfirmed: bool,
    /// The time when the owner forgot the device.
    pub forgotten_at: Option<Timestamp>,
    /// The time of its last login.
    pub last_seen_at: Timestamp,
    /// The device's trust, if any.
    pub trust: Option<Trust>,
}

/// The permission of a device to skip the second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    /// The end of the trust.
    pub until: Timestamp,
    pub terms: TrustTerms,
}

/// What an account's trusts depend on. A trust holds as long as the account's terms are those under which it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustTerms {
    /// The time since which the account has MFA. Turning MFA off and on ends every trust.
    pub mfa_since: Timestamp,
    /// The account's password epoch. A new password ends every trust.
    pub password_epoch: i64,
}

impl DeviceState {
    /// Whether the device belongs to the account at `now`, where `epoch` is the account's current device epoch.
    /// Forgetting the device, a new password, or a year without login ends that.
    pub fn is_active(&self, epoch: i64, now: Timestamp) -> bool {
        self.forgotten_at.is_none() && self.epoch == epoch && now < self.last_seen_at.plus_seconds(KNOWN_SECONDS)
    }

    /// Whether the device is active and its first login was confirmed.
    pub fn is_recognised(&self, epoch: i64, now: Timestamp) -> bool {
        self.is_active(epoch, now) && !self.unconfirmed
    }

    /// The end of the time for which the device skips the second factor. `terms` are the account's, if it has MFA.
    /// `None` if the device does not skip it.
    pub fn trusted_until(&self, epoch: i64, terms: Option<TrustTerms>, now: Timestamp) -> Option<Timestamp> {
        let trust = self.trust.filter(|trust| Some(trust.terms) == terms && now < trust.until)?;
        self.is_recognised(epoch, now).then_some(trust.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_device_ends_its_trust() {
        let at = Timestamp::from_seconds;
        let state = DeviceState {
            epoch: 2,
            unconfirmed: false,
            forgotten_at: None,
            last_seen_at: at(100),
            trust: Some(Trust { until: at(1000), terms: TrustTerms { mfa_since: at(50), password_epoch: 1 } }),
        };
        let since = state.trust.map(|trust| trust.terms);
        assert_eq!(state.trusted_until(2, since, at(999)), Some(at(1000)));
        assert_eq!(state.trusted_until(2, since, at(1000)), None);
        assert_eq!(state.trusted_until(3, since, at(999)), None);
        let terms = |mfa_since, password_epoch| Some(TrustTerms { mfa_since, password_epoch });
        assert_eq!(state.trusted_until(2, terms(at(51), 1), at(999)), None);
        assert_eq!(state.trusted_until(2, terms(at(50), 2), at(999)), None);
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
