//! Geo locations of IP addresses, from a MaxMind city database in the deployment. CloudFront's headers replace it where
//! there are any.

use std::{net::IpAddr, sync::OnceLock};

use maxminddb::{Reader, geoip2::City};

use crate::domain::geo_location::GeoLocation;

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
            city.subdivisions.first().and_then(|region| region.names.english),
            city.city.names.english,
            city.location.latitude,
            city.location.longitude,
        )
    }
}
