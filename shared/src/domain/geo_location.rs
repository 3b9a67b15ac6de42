//! The geo location of a client, as far as the network reveals it.

use serde::{Deserialize, Serialize};

use crate::fields::schema::{self, nullable, text};

/// The earth's mean radius in kilometres (IUGG).
const EARTH_KILOMETRES: f64 = 6371.0;

/// A location with the parts that are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GeoLocation {
    /// ISO 3166-1 alpha-2: `DE`.
    pub country: Option<String>,
    /// A part of the country, by name or ISO 3166-2 code.
    pub region: Option<String>,
    pub city: Option<String>,
    /// Degrees north and east.
    pub point: Option<(f64, f64)>,
}

/// A location as answers display it, without coordinates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocationView {
    country: Option<String>,
    region: Option<String>,
    city: Option<String>,
}

impl LocationView {
    pub fn schema() -> serde_json::Value {
        schema::Object::new("Location", "An estimate by the IP address.")
            .with("country", nullable(text("The country (ISO 3166-1 alpha-2).", "DE")))
            .with("region", nullable(text("A part of the country.", "Berlin")))
            .with("city", nullable(text("The city.", "Berlin")))
            .schema()
    }
}

impl GeoLocation {
    /// A location of the valid parts. `None` if no part is valid.
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
        let location = Self {
            country: country
                .filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()))
                .map(str::to_ascii_uppercase),
            region: name(region),
            city: name(city),
            point: latitude
                .zip(longitude)
                .filter(|(latitude, longitude)| latitude.abs() <= 90.0 && longitude.abs() <= 180.0),
        };
        (location != Self::default()).then_some(location)
    }

    pub fn view(&self) -> LocationView {
        LocationView { country: self.country.clone(), region: self.region.clone(), city: self.city.clone() }
    }

    /// The location in a few words: `Berlin, DE`. Empty if it has no name.
    pub fn describe(&self) -> String {
        let parts = [self.city.as_deref(), self.country.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The distance on the earth's surface (haversine), if both locations have coordinates.
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
    fn distances_follow_the_surface_of_the_globe() {
        let (berlin, new_york) = (at(52.52, 13.405), at(40.7128, -74.006));
        let apart = berlin.kilometres_to(&new_york).unwrap();
        assert!((6380.0..6390.0).contains(&apart), "{apart}");
        assert!(at(0.0, 179.9).kilometres_to(&at(0.0, -179.9)).unwrap() < 25.0);
        assert!((at(90.0, 0.0).kilometres_to(&at(-90.0, 0.0)).unwrap() - 20_015.0).abs() < 1.0);
    }

    #[test]
    fn invalid_parts_are_left_out() {
        assert_eq!(GeoLocation::new(Some("Germany"), Some(""), Some("a\nb"), Some(91.0), Some(0.0)), None);
        assert_eq!(GeoLocation::new(None, None, None, Some(f64::NAN), Some(0.0)), None);
        let location = GeoLocation::new(Some("de"), None, Some("Berlin"), Some(52.5), None).unwrap();
        assert_eq!((location.describe().as_str(), location.point), ("Berlin, DE", None));
    }
}
