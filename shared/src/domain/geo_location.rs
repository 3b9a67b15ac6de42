//! Where a client is, as far as the network tells.

use serde::{Deserialize, Serialize};

/// The earth's mean radius in kilometres (IUGG).
const EARTH_KILOMETRES: f64 = 6371.0;

/// A place: a country and what is known more exactly.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GeoLocation {
    /// ISO 3166-1 alpha-2: `DE`.
    pub country: Option<String>,
    /// A part of the country, by name or ISO 3166-2 code.
    pub region: Option<String>,
    /// A city, by name.
    pub city: Option<String>,
    /// Degrees north and east.
    pub point: Option<(f64, f64)>,
}

/// A place as answers show it: no coordinates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocationView {
    country: Option<String>,
    region: Option<String>,
    city: Option<String>,
}

impl GeoLocation {
    /// Puts a place together out of what the network says, each part if it makes sense; `None` if nothing does.
    pub fn new(
        country: Option<&str>,
        region: Option<&str>,
        city: Option<&str>,
        latitude: Option<f64>,
        longitude: Option<f64>,
    ) -> Option<Self> {
        let name = |text: Option<&str>| {
            let text = text?.trim();
            let fine = !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control);
            fine.then(|| text.to_owned())
        };
        let place = Self {
            country: country
                .filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()))
                .map(str::to_ascii_uppercase),
            region: name(region),
            city: name(city),
            point: latitude
                .zip(longitude)
                .filter(|(latitude, longitude)| latitude.abs() <= 90.0 && longitude.abs() <= 180.0),
        };
        (place != Self::default()).then_some(place)
    }

    /// The place as answers show it.
    pub fn view(&self) -> LocationView {
        LocationView { country: self.country.clone(), region: self.region.clone(), city: self.city.clone() }
    }

    /// The place in a few words: `Berlin, DE`. Empty if there is no name in it.
    pub fn describe(&self) -> String {
        let parts = [self.city.as_deref(), self.country.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The distance on the earth's surface (haversine), if both places have coordinates.
    pub fn kilometres_to(&self, other: &Self) -> Option<f64> {
        let ((lat_a, lon_a), (lat_b, lon_b)) = self.point.zip(other.point)?;
        let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let across = half(lat_b - lat_a) + lat_a.to_radians().cos() * lat_b.to_radians().cos() * half(lon_b - lon_a);
        Some(2.0 * EARTH_KILOMETRES * across.min(1.0).sqrt().asin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> GeoLocation {
        GeoLocation::new(None, None, None, Some(latitude), Some(longitude)).unwrap()
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let (berlin, new_york) = (at(52.52, 13.405), at(40.7128, -74.006));
        let apart = berlin.kilometres_to(&new_york).unwrap();
        assert!((6380.0..6390.0).contains(&apart), "{apart}");
        assert!(at(0.0, 179.9).kilometres_to(&at(0.0, -179.9)).unwrap() < 25.0);
        assert!((at(90.0, 0.0).kilometres_to(&at(-90.0, 0.0)).unwrap() - 20_015.0).abs() < 1.0);
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        assert_eq!(GeoLocation::new(Some("Germany"), Some(""), Some("a\nb"), Some(91.0), Some(0.0)), None);
        assert_eq!(GeoLocation::new(None, None, None, Some(f64::NAN), Some(0.0)), None);
        let place = GeoLocation::new(Some("de"), None, Some("Berlin"), Some(52.5), None).unwrap();
        assert_eq!((place.describe().as_str(), place.point), ("Berlin, DE", None));
    }
}
