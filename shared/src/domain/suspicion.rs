//! Suspicious logins: the ways in which a login differs from earlier ones.

use serde::{Deserialize, Serialize};

use super::geo_location::GeoLocation;
use crate::clock::Timestamp;

/// The consequence of a suspicious login, in addition to its audit event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspiciousLogin {
    /// The owner gets a mail.
    Alert,
    /// The owner gets a mail. The session may do nothing sensitive until a mailed code confirms it.
    StepUp,
}

/// Nobody travels faster than this between two logins, in km/h.
const MAX_KMH: f64 = 900.0;

/// Distances below this, in kilometres, mean nothing, because addresses are not located more exactly.
const MIN_KILOMETRES: f64 = 100.0;

/// Countries that the login history keeps.
const MAX_COUNTRIES: usize = 50;

/// One difference from earlier logins. The most serious comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// The location is too far from the last login for the time in between.
    ImpossibleTravel,
    /// No earlier login came from the country.
    NewCountry,
    /// The device has not logged in before.
    NewDevice,
}

impl Suspicion {
    /// The value in audit events, and the name of its text in the mail to the owner.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImpossibleTravel => "impossible_travel",
            Self::NewCountry => "new_country",
            Self::NewDevice => "new_device",
        }
    }
}

/// The locations of an account's earlier logins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoginHistory {
    /// The location and time of the last login with coordinates, in milliseconds since the Unix epoch.
    last: Option<(GeoLocation, i64)>,
    /// The countries of earlier logins, the latest last.
    countries: Vec<String>,
}

impl LoginHistory {
    /// The location of the last login with coordinates, and its time in milliseconds since the Unix epoch.
    pub const fn last(&self) -> Option<&(GeoLocation, i64)> {
        self.last.as_ref()
    }

    /// The countries of earlier logins, the latest last.
    pub fn countries(&self) -> &[String] {
        &self.countries
    }

    /// The differences between a login at `location` and earlier ones, the most serious first.
    pub fn suspicions(&self, known_device: bool, location: Option<&GeoLocation>, now: Timestamp) -> Vec<Suspicion> {
        let mut suspicions = Vec::new();
        if let Some(((last, at), location)) = self.last.as_ref().zip(location)
            && let Some(kilometres) = last.kilometres_to(location)
        {
            // Milliseconds of a few hundred years are exact in an f64. If the clock went back, no time passed.
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 ms")]
            let hours = (now.millis() - at).max(0) as f64 / 3_600_000.0;
            if kilometres > MIN_KILOMETRES && kilometres > MAX_KMH * hours {
                suspicions.push(Suspicion::ImpossibleTravel);
            }
        }
        let country = location.and_then(|location| location.country.as_ref());
        if country.is_some_and(|country| !self.countries.is_empty() && !self.countries.contains(country)) {
            suspicions.push(Suspicion::NewCountry);
        }
        if !known_device {
            suspicions.push(Suspicion::NewDevice);
        }
        suspicions
    }

    /// The login history after a login at `location`.
    #[must_use]
    pub fn after(mut self, location: Option<&GeoLocation>, now: Timestamp) -> Self {
        let Some(location) = location else { return self };
        if let Some(country) = &location.country {
            self.countries.retain(|known| known != country);
            self.countries.push(country.clone());
            let over_limit = self.countries.len().saturating_sub(MAX_COUNTRIES);
            self.countries.drain(..over_limit);
        }
        // A login without coordinates keeps the last location. So does an older login that is confirmed only now.
        let newer = self.last.as_ref().is_none_or(|(_, at)| *at <= now.millis());
        if location.point.is_some() && newer {
            self.last = Some((location.clone(), now.millis()));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(country: &str, latitude: f64, longitude: f64) -> GeoLocation {
        GeoLocation::new(Some(country), None, None, Some(latitude), Some(longitude)).unwrap()
    }

    #[test]
    fn each_difference_from_earlier_logins_is_reported() {
        let hour = |hours: i64| Timestamp::from_seconds(hours * 3600);
        let (berlin, paris, new_york) =
            (location("DE", 52.5, 13.4), location("FR", 48.9, 2.4), location("US", 40.7, -74.0));
        let first = LoginHistory::default();
        assert_eq!(first.suspicions(false, Some(&berlin), hour(0)), [Suspicion::NewDevice]);
        assert_eq!(first.suspicions(true, None, hour(0)), []);
        let after = first.after(Some(&berlin), hour(0));
        assert_eq!(after.suspicions(true, Some(&berlin), hour(0)), []);
        assert_eq!(after.suspicions(true, Some(&paris), hour(2)), [Suspicion::NewCountry]);
        assert_eq!(
            after.suspicions(false, Some(&new_york), hour(1)),
            [Suspicion::ImpossibleTravel, Suspicion::NewCountry, Suspicion::NewDevice]
        );
        // 6,385 km take seven hours and six minutes at 900 km/h.
        assert_eq!(after.suspicions(true, Some(&new_york), hour(7))[0], Suspicion::ImpossibleTravel);
        assert_eq!(after.suspicions(true, Some(&new_york), hour(8)), [Suspicion::NewCountry]);
        // A login without location neither raises a suspicion nor changes the history.
        let after = after.after(None, hour(3)).after(Some(&new_york), hour(20));
        assert_eq!(after.suspicions(true, Some(&berlin), hour(40)), []);
    }
}
