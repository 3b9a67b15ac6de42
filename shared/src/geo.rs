//! Geo locations of IP addresses, from a MaxMind city database in the deployment. CloudFront's headers replace it where
//! there are any.

use std::{net::IpAddr, sync::OnceLock};

use maxminddb::Reader;
use serde::Deserialize;

use crate::domain::geo_location::GeoLocation;

/// The parts of a city record that are used (MaxMind's GeoIP2 City schema). The library's own type has all parts and all languages,
/// and takes 80 KB of code in each function.
#[derive(Deserialize)]
struct City<'a> {
    #[serde(default, borrow)]
    country: Country<'a>,
    #[serde(default, borrow)]
    subdivisions: Vec<Named<'a>>,
    #[serde(default, borrow)]
    city: Named<'a>,
    #[serde(default)]
    location: Location,
}

#[derive(Deserialize, Default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize, Default)]
struct Named<'a> {
    #[serde(default, borrow)]
    names: Names<'a>,
}

#[derive(Deserialize, Default)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Deserialize, Default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// A city database, read at the first look-up. Without a database, no address has a location.
pub struct Geo {
    path: Option<String>,
    reader: OnceLock<Option<Reader<Vec<u8>>>>,
}

impl Geo {
    pub const fn new(path: Option<String>) -> Self {
        Self { path, reader: OnceLock::new() }
    }

    pub fn locate(&self, ip: IpAddr) -> Option<GeoLocation> {
        let reader = self.reader.get_or_init(|| {
            let read = Reader::open_readfile(self.path.as_ref()?);
            if read.is_err() {
                // Geo locations are a convenience. Without them logins continue, and the log says why they are missing.
                tracing::error!("GEO_DATABASE does not name a readable city database");
            }
            read.ok()
        });
        let city: City<'_> = reader.as_ref()?.lookup(ip).ok()?.decode().ok()??;
        GeoLocation::new(
            city.country.iso_code,
            city.subdivisions.first().and_then(|region| region.names.en),
            city.city.names.en,
            city.location.latitude,
            city.location.longitude,
        )
    }
}
