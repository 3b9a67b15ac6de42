//! What a function remembers of OpenID providers: their metadata (Discovery 1.0) and their keys (RFC 7517). Both are kept for an hour. An
//! unknown key is searched again, but not often.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jsonwebtoken::jwk::Jwk;
use serde_json::Value;

use super::{Conversation, Failure, unavailable};
use crate::{
    clock::Timestamp,
    domain::provider::{Preset, ProviderUrl},
};

/// Seconds that metadata and keys are kept.
const KEEP_SECONDS: i64 = 3600;

/// Seconds between two reads of a provider's keys for a key that is not among them.
const RELOAD_INTERVAL_SECONDS: i64 = 30;

/// The most keys of a provider that are searched.
const MAX_KEYS: usize = 50;

/// What was read of a provider, and when.
type Read<T> = (Arc<T>, Timestamp);

/// Metadata and keys, by the providers' addresses. The deployment bounds how many there are.
#[derive(Debug, Default)]
pub struct Directory {
    metadata: Mutex<HashMap<String, Read<Metadata>>>,
    keys: Mutex<HashMap<String, Read<Vec<Jwk>>>>,
}

/// The metadata of an OpenID provider, as far as it is used.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: ProviderUrl,
    pub(super) token_endpoint: ProviderUrl,
    pub(super) userinfo_endpoint: Option<ProviderUrl>,
    jwks_uri: ProviderUrl,
    pub(super) authentication_methods: Vec<String>,
    pub(super) signing_algorithms: Vec<String>,
    /// Whether every answer of the provider names it (RFC 9207).
    pub(super) names_itself: bool,
}

impl Conversation<'_> {
    /// The metadata of the provider with this issuer.
    pub(super) async fn metadata(&self, issuer: &str) -> Result<Arc<Metadata>, Failure> {
        if let Some(known) = self.directory.fresh_metadata(issuer, self.now) {
            return Ok(known);
        }
        let url = self.url(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))?;
        let (status, document) = self.get(&url, Vec::new()).await?;
        if status != 200 {
            return Err(Failure::Unavailable(format!("metadata: status {status}")));
        }
        let metadata = Arc::new(self.read(issuer, &document)?);
        let mut all = self.directory.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(issuer.to_owned(), (Arc::clone(&metadata), self.now));
        Ok(metadata)
    }

    fn read(&self, issuer: &str, document: &Value) -> Result<Metadata, Failure> {
        let own = document["issuer"].as_str().ok_or_else(|| unavailable("metadata without an issuer"))?;
        // Microsoft's metadata for several tenants has a placeholder, and names a tenant by its id.
        let is_microsofts = || {
            let origin = |text: &str| self.url(&text.replace("{tenantid}", "x")).map(|url| url.origin()).ok();
            self.provider.preset == Preset::Microsoft && origin(own).is_some() && origin(own) == origin(issuer)
        };
        if own != issuer && !is_microsofts() {
            return Err(unavailable("metadata of another issuer"));
        }
        let endpoint = |name: &str| match document[name].as_str() {
            Some(text) => self.url(text),
            None => Err(Failure::Unavailable(format!("metadata without {name}"))),
        };
        let texts = |name: &str| {
            let list = document[name].as_array().into_iter().flatten();
            list.filter_map(|text| text.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        Ok(Metadata {
            issuer: own.to_owned(),
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            userinfo_endpoint: if document["userinfo_endpoint"].is_string() {
                Some(endpoint("userinfo_endpoint")?)
            } else {
                None
            },
            jwks_uri: endpoint("jwks_uri")?,
            authentication_methods: texts("token_endpoint_auth_methods_supported"),
            signing_algorithms: texts("id_token_signing_alg_values_supported"),
            names_itself: document["authorization_response_iss_parameter_supported"] == Value::Bool(true),
        })
    }

    /// The keys of the provider among which `wanted` is. They are read again if it is not among those that are known.
    pub(super) async fn keys(
        &self,
        metadata: &Metadata,
        wanted: impl Fn(&[Jwk]) -> bool,
    ) -> Result<Arc<Vec<Jwk>>, Failure> {
        let address = format!("{}{}", metadata.jwks_uri.origin(), metadata.jwks_uri.path());
        let known = self.directory.keys.lock().unwrap_or_else(PoisonError::into_inner).get(&address).cloned();
        if let Some((keys, read_at)) = known {
            let is_fresh = self.now < read_at.plus_seconds(KEEP_SECONDS);
            let was_just_read = self.now < read_at.plus_seconds(RELOAD_INTERVAL_SECONDS);
            if is_fresh && (wanted(&keys) || was_just_read) {
                return Ok(keys);
            }
        }
        let (status, document) = self.get(&metadata.jwks_uri, Vec::new()).await?;
        let list = document["keys"].as_array().filter(|_| status == 200);
        let list = list.ok_or_else(|| Failure::Unavailable(format!("keys: status {status}")))?;
        // A key of a kind that is not known is left out.
        let keys = list.iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value(key.clone()).ok());
        let keys: Arc<Vec<Jwk>> = Arc::new(keys.collect());
        let mut all = self.directory.keys.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(address, (Arc::clone(&keys), self.now));
        Ok(keys)
    }
}

impl Directory {
    fn fresh_metadata(&self, issuer: &str, now: Timestamp) -> Option<Arc<Metadata>> {
        let all = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        let (metadata, read_at) = all.get(issuer)?;
        (now < read_at.plus_seconds(KEEP_SECONDS)).then(|| Arc::clone(metadata))
    }
}
