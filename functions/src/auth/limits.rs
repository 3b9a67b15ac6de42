//! Limits by the sender of a request. Each is counted before the work that it bounds.

use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::{
        device_token::DeviceToken,
        key::{KeyPurpose, KeySet},
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{
        limits::{LOGIN_BY_DEVICE, Limit},
        network::{self, SITE_FACTOR},
    },
    error::Error,
    http::Request,
};

use crate::auth::caller::Caller;

/// The network of a client, as limits count it.
pub(crate) struct Network {
    /// The lookup hash of the IPv4 address or IPv6 /64.
    hash: String,
    /// The lookup hash of the IPv6 /48.
    site_hash: Option<String>,
}

impl Network {
    pub(crate) fn of(index: &KeySet, request: &Request) -> Self {
        let ip = request.client.ip;
        let hash = |network: String| lookup_hash(index, Subject::Network, network.as_bytes());
        Self { hash: hash(network::for_limits(ip)), site_hash: network::site_for_limits(ip).map(hash) }
    }

    /// The lookup hash of the IPv4 address or IPv6 /48.
    pub(crate) fn widest(&self) -> &str {
        self.site_hash.as_ref().unwrap_or(&self.hash)
    }

    /// The lookup hash of the IPv4 address or IPv6 /64, and that of the IPv6 /48.
    pub(crate) fn hashes(&self) -> (&str, Option<&str>) {
        (&self.hash, self.site_hash.as_deref())
    }

    /// Counts a request of the network.
    ///
    /// # Errors
    /// `rate_limited`, `temporarily_unavailable`.
    pub(crate) async fn count(&self, app: &App, limit: Limit) -> Result<(), Error> {
        self.count_at(app, limit, app.clock.now()).await
    }

    /// As [`Network::count`], at a time that a refund can name.
    ///
    /// # Errors
    /// As [`Network::count`].
    pub(crate) async fn count_at(&self, app: &App, limit: Limit, now: Timestamp) -> Result<(), Error> {
        let limit = app.config.limit(limit);
        app.store.count(limit, &self.hash, now).await?;
        // Only what the smaller network may send, so that one /64 does not use up the limit of its neighbours.
        if let Some(site) = &self.site_hash {
            app.store.count(Limit { limit: limit.limit * SITE_FACTOR, ..limit }, site, now).await?;
        }
        Ok(())
    }

    /// Counts a login: by the presented device token, which nobody else can use up, otherwise by network.
    ///
    /// # Errors
    /// `rate_limited`, `temporarily_unavailable`.
    pub(crate) async fn count_login(
        &self,
        app: &App,
        index: &KeySet,
        presented: Option<&DeviceToken>,
        by_network: Limit,
    ) -> Result<(), Error> {
        match presented {
            Some(token) => count_device(app, index, token).await,
            None => self.count(app, by_network).await,
        }
    }

    /// Refunds a request that was counted at a time.
    ///
    /// # Errors
    /// `temporarily_unavailable`; the request then stays counted.
    pub(crate) async fn refund(&self, app: &App, limit: Limit, counted_at: Timestamp) -> Result<(), Error> {
        let limit = app.config.limit(limit);
        let mut transaction = app.store.transaction();
        for hash in [Some(&self.hash), self.site_hash.as_ref()].into_iter().flatten() {
            transaction.refund_count(limit, hash, counted_at);
        }
        Ok(app.store.commit(transaction).await?)
    }
}

/// Counts a login by a device token, which nobody else can use up.
///
/// # Errors
/// `rate_limited`, `temporarily_unavailable`.
pub(crate) async fn count_device(app: &App, index: &KeySet, token: &DeviceToken) -> Result<(), Error> {
    app.store.count(app.config.limit(LOGIN_BY_DEVICE), &token.hash(index), app.clock.now()).await
}

/// Counts a request by its network.
///
/// # Errors
/// `rate_limited`, `temporarily_unavailable`.
pub(crate) async fn count_network(context: Context<'_>, limit: Limit) -> Result<(), Error> {
    let Context { app, request } = context;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    Network::of(&index, request).count(app, limit).await
}

/// Counts a request by its session.
///
/// # Errors
/// `rate_limited`, `temporarily_unavailable`.
pub(crate) async fn count_session(app: &App, caller: &Caller<'_>, limit: Limit) -> Result<(), Error> {
    app.store.count(app.config.limit(limit), &caller.session.hash, app.clock.now()).await
}
