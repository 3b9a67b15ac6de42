//! Sessions: what a client may ask for, how long they live, what a refresh comes to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::name::DisplayText;
use crate::{
    clock::Timestamp,
    fields::{Fields, FromJson},
};

/// How long after a token's first use the same token gets the same successor, in milliseconds: long enough for requests that
/// were under way together and for an answer that was lost, short for a thief (RFC 9700, section 4.14.2).
pub const REPLAY_MILLIS: i64 = 10_000;

/// How tokens reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Transport {
    /// In the body.
    #[default]
    Token,
    /// In cookies.
    Cookie,
}

impl FromJson for Transport {
    fn from_json(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("token") => Ok(Self::Token),
            Some("cookie") => Ok(Self::Cookie),
            _ => Err("must be \"token\" or \"cookie\"".to_owned()),
        }
    }
}

/// A text that the client chose and that is only ever compared: at most 4096 bytes.
#[derive(Clone, Serialize, Deserialize)]
pub struct OpaqueText(pub String);

impl FromJson for OpaqueText {
    fn from_json(value: Value) -> Result<Self, String> {
        let text = String::from_json(value)?;
        if (1..=4096).contains(&text.len()) { Ok(Self(text)) } else { Err("must have 1 to 4096 bytes".to_owned()) }
    }
}

/// `session` in requests that can end in a session. Between a login's factors it is kept, encrypted.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SessionOptions {
    /// Tokens in the body or in cookies.
    pub transport: Transport,
    /// Long life instead of short.
    pub remember_me: bool,
    /// What the user calls the device.
    pub device_name: Option<DisplayText>,
    /// What the client makes of the device.
    pub device_fingerprint: Option<OpaqueText>,
    /// Names a device that has logged in before.
    pub device_token: Option<OpaqueText>,
}

impl SessionOptions {
    /// Takes `session` out of a request's fields.
    pub fn take(fields: &mut Fields) -> Self {
        fields
            .object("session", |session| Self {
                transport: session.optional("transport").unwrap_or_default(),
                remember_me: session.optional("remember_me").unwrap_or_default(),
                device_name: session.optional("device_name"),
                device_fingerprint: session.optional("device_fingerprint"),
                device_token: session.optional("device_token"),
            })
            .unwrap_or_default()
    }
}

impl SessionOptions {
    /// Whether tokens go in cookies.
    pub fn by_cookie(&self) -> bool {
        self.transport == Transport::Cookie
    }
}

/// How long a session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// It ends then, however much it is used.
    pub expires_at: Timestamp,
    /// It ends after so many seconds without a refresh.
    pub idle_seconds: i64,
}

impl Lifetime {
    /// The lifetime of a session that starts `now`, for at most `days`, and `idle_minutes` without a refresh.
    pub fn new(days: i64, idle_minutes: i64, now: Timestamp) -> Self {
        const DAY: i64 = 86_400;
        let idle_seconds = (idle_minutes * 60).min(days * DAY);
        Self { expires_at: now.plus_seconds(days * DAY), idle_seconds }
    }
}

/// What the rules need to know of a stored session.
#[derive(Debug, Clone)]
pub struct SessionState {
    /// The account's epoch that it was made under.
    pub epoch: i64,
    /// When it was ended, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How long it may rest, in seconds.
    pub idle_seconds: i64,
    /// When it was made or last refreshed.
    pub last_active_at: Timestamp,
    /// The counter of its one live refresh token.
    pub counter: u32,
    /// When the token before that one was spent.
    pub spent_at: Option<Timestamp>,
}

impl SessionState {
    /// The state of a session that starts `now`, under the account's present epoch.
    pub const fn new(epoch: i64, lifetime: Lifetime, now: Timestamp) -> Self {
        Self {
            epoch,
            revoked_at: None,
            expires_at: lifetime.expires_at,
            idle_seconds: lifetime.idle_seconds,
            last_active_at: now,
            counter: 0,
            spent_at: None,
        }
    }

    /// Whether the session lives, under the account's present epoch. Expiry counts here; TTL only sweeps.
    pub fn is_active(&self, epoch: i64, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.epoch == epoch && now < self.ends_at()
    }

    /// When it ends if it isn't refreshed any more.
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.last_active_at.plus_seconds(self.idle_seconds))
    }

    /// What a refresh with the token of that counter comes to, in a session that lives. `genuine`: the token's secret is the
    /// one that the session keeps the hash of (only asked of the live token).
    pub fn refresh(&self, counter: u32, genuine: bool, now: Timestamp) -> Refresh {
        if counter == self.counter {
            return if genuine { Refresh::Rotate } else { Refresh::Reuse };
        }
        let just_spent = counter.checked_add(1) == Some(self.counter)
            && self.spent_at.is_some_and(|spent| now.millis() - spent.millis() < REPLAY_MILLIS);
        if just_spent { Refresh::Repeat } else { Refresh::Reuse }
    }
}

/// What a refresh comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The live token: spend it, its successor lives.
    Rotate,
    /// The token that was just spent: the same successor again.
    Repeat,
    /// A token that was spent before: somebody copied it. The session ends.
    Reuse,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> SessionState {
        SessionState {
            epoch: 3,
            revoked_at: None,
            expires_at: Timestamp::from_seconds(1000),
            idle_seconds: 100,
            last_active_at: Timestamp::from_seconds(500),
            counter: 5,
            spent_at: Some(Timestamp::from_seconds(500)),
        }
    }

    #[test]
    fn a_session_ends_by_time_rest_epoch_or_revocation() {
        let at = Timestamp::from_seconds;
        assert!(state().is_active(3, at(599)));
        assert!(!state().is_active(3, at(600)));
        assert!(!state().is_active(4, at(599)));
        assert!(!SessionState { expires_at: at(550), ..state() }.is_active(3, at(550)));
        assert!(!SessionState { revoked_at: Some(at(1)), ..state() }.is_active(3, at(501)));
    }

    #[test]
    fn only_the_last_spent_token_repeats_and_only_for_ten_seconds() {
        let at = Timestamp::from_millis;
        assert_eq!(state().refresh(5, true, at(599_000)), Refresh::Rotate);
        assert_eq!(state().refresh(5, false, at(599_000)), Refresh::Reuse);
        assert_eq!(state().refresh(4, false, at(509_999)), Refresh::Repeat);
        assert_eq!(state().refresh(4, false, at(510_000)), Refresh::Reuse);
        assert_eq!(state().refresh(3, false, at(500_000)), Refresh::Reuse);
        assert_eq!(state().refresh(6, false, at(500_000)), Refresh::Reuse);
        assert_eq!(state().refresh(u32::MAX, false, at(500_000)), Refresh::Reuse);
    }
}
