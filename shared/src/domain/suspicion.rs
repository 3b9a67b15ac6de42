//! What makes a login look unlike those before it.

use serde::{Deserialize, Serialize};

use super::geo_location::GeoLocation;
use crate::clock::Timestamp;

/// What a login that looks unlike its account's others comes to, beside the event in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspiciousLogin {
    /// A mail to the owner.
    Alert,
    /// A mail, and the session counts as proven for nothing sensitive until a mailed code confirms it.
    StepUp,
}

/// Faster than this between two logins, in km/h, nobody travels.
const FASTEST_KMH: f64 = 900.0;

/// Nearer than this, in kilometres, places tell nothing: addresses aren't located more exactly.
const LEAST_KILOMETRES: f64 = 100.0;

/// How many countries are remembered.
const MAX_COUNTRIES: usize = 50;

/// A way in which a login is unlike those before it, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// Too far from the last login for the time between.
    ImpossibleTravel,
    /// From a country that no login came from before.
    NewCountry,
    /// With a device that hasn't logged in before.
    NewDevice,
}

impl Suspicion {
    /// The value in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImpossibleTravel => "impossible_travel",
            Self::NewCountry => "new_country",
            Self::NewDevice => "new_device",
        }
    }

    /// What the owner is told.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::ImpossibleTravel => "The location is too far from your last login for the time in between.",
            Self::NewCountry => "None of your earlier logins came from this country.",
            Self::NewDevice => "This device has not logged in to your account before.",
        }
    }
}

/// Where an account's logins came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoginHistory {
    /// The last login whose point on earth was known, and when it was, in milliseconds since the Unix epoch.
    last: Option<(GeoLocation, i64)>,
    /// The countries seen so far, the latest last.
    countries: Vec<String>,
}

impl LoginHistory {
    /// In which ways a login at `place` is unlike those before it, the gravest first.
    pub fn suspicions(&self, known_device: bool, place: Option<&GeoLocation>, now: Timestamp) -> Vec<Suspicion> {
        let mut suspicions = Vec::new();
        if let Some(((last, at), place)) = self.last.as_ref().zip(place)
            && let Some(kilometres) = last.kilometres_to(place)
        {
            // Milliseconds of a few hundred years are exact in an f64. A clock that went back leaves no time at all.
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 ms")]
            let hours = (now.millis() - at).max(0) as f64 / 3_600_000.0;
            if kilometres > LEAST_KILOMETRES && kilometres > FASTEST_KMH * hours {
                suspicions.push(Suspicion::ImpossibleTravel);
            }
        }
        let country = place.and_then(|place| place.country.as_ref());
        if country.is_some_and(|country| !self.countries.is_empty() && !self.countries.contains(country)) {
            suspicions.push(Suspicion::NewCountry);
        }
        if !known_device {
            suspicions.push(Suspicion::NewDevice);
        }
        suspicions
    }

    /// The login_history after a login at `place`.
    #[must_use]
    pub fn after(mut self, place: Option<&GeoLocation>, now: Timestamp) -> Self {
        let Some(place) = place else { return self };
        if let Some(country) = &place.country {
            self.countries.retain(|known| known != country);
            self.countries.push(country.clone());
            let sessions_over_limit = self.countries.len().saturating_sub(MAX_COUNTRIES);
            self.countries.drain(..sessions_over_limit);
        }
        // What tells no point doesn't make forget the last one, nor does a login of before that is confirmed only now.
        let newer = self.last.as_ref().is_none_or(|(_, at)| *at <= now.millis());
        if place.point.is_some() && newer {
            self.last = Some((place.clone(), now.millis()));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(country: &str, latitude: f64, longitude: f64) -> GeoLocation {
        GeoLocation::new(Some(country), None, None, Some(latitude), Some(longitude)).unwrap()
    }

    #[test]
    fn each_way_of_being_unlike_is_noticed() {
        let hour = |hours: i64| Timestamp::from_seconds(hours * 3600);
        let (berlin, paris, new_york) = (place("DE", 52.5, 13.4), place("FR", 48.9, 2.4), place("US", 40.7, -74.0));
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
        // A login from nowhere in particular neither tells nor forgets anything.
        let after = after.after(None, hour(3)).after(Some(&new_york), hour(20));
        assert_eq!(after.suspicions(true, Some(&berlin), hour(40)), []);
    }
}
