//! Places by address, from a MaxMind city database that the deployment brings along, where CloudFront doesn't tell them.

use std::{net::IpAddr, sync::OnceLock};

use maxminddb::{Reader, geoip2::City};

use crate::domain::geo_location::GeoLocation;

/// A city database, read when it is first asked. Without one every address is nowhere.
pub struct Geo {
    path: Option<String>,
    reader: OnceLock<Option<Reader<Vec<u8>>>>,
}

impl Geo {
    /// The database at that path.
    pub const fn new(path: Option<String>) -> Self {
        Self { path, reader: OnceLock::new() }
    }

    /// Where an address is.
    pub fn locate(&self, ip: IpAddr) -> Option<GeoLocation> {
        let reader = self.reader.get_or_init(|| {
            let read = Reader::open_readfile(self.path.as_ref()?);
            if read.is_err() {
                // Places are a convenience: without them logins go on, and the log tells why there are none.
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
