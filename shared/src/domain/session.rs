//! Sessions: the client's options, the lifetime, and the rules of refresh.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    limits::Limit,
    name::{DisplayText, Label},
};
use crate::{
    clock::Timestamp,
    fields::{
        Fields, FromJson,
        schema::{Described, Form},
    },
};

/// Milliseconds after a token's first use in which it gets the same successor again. That covers concurrent requests
/// and a lost answer, and is short for a thief (RFC 9700, section 4.14.2).
pub const REPLAY_MILLIS: i64 = 10_000;

/// The most active sessions of an account. A login over it ends the session that was idle longest.
pub const MAX_SESSIONS: usize = 1000;

/// The longest text of a client that is only compared, in bytes.
const MAX_TEXT_BYTES: usize = 4096;

/// The way in which tokens reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Transport {
    #[default]
    Token,
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

impl Described for Transport {
    fn schema() -> Value {
        json!({ "type": "string", "enum": ["token", "cookie"], "default": "token", "examples": ["token"] })
    }
}

/// A text of the client, of at most 4096 bytes, that is only compared.
#[derive(Clone, Serialize, Deserialize)]
pub struct OpaqueText(pub String);

impl OpaqueText {
    fn new(text: String) -> Option<Self> {
        (1..=MAX_TEXT_BYTES).contains(&text.len()).then_some(Self(text))
    }
}

impl FromJson for OpaqueText {
    fn from_json(value: Value) -> Result<Self, String> {
        Self::new(String::from_json(value)?).ok_or_else(|| "must have 1 to 4096 bytes".to_owned())
    }
}

impl Described for OpaqueText {
    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": MAX_TEXT_BYTES, "examples": ["q5UDmRyUeHXCYWFCVoFZ7gq5UDmRyUeHXCYWFCVoFZ7"] })
    }
}

/// `session` in requests that can end in a session. A pending login keeps it, encrypted.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SessionOptions {
    pub transport: Transport,
    /// Whether the session gets the long lifetime.
    pub remember_me: bool,
    // What cannot be used of these three is dropped, because it must not cost the login.
    /// The device's name for itself.
    pub device_name: Option<DisplayText>,
    /// The client's own fingerprint of the device.
    pub device_fingerprint: Option<OpaqueText>,
    /// Names a device that has logged in before.
    pub device_token: Option<OpaqueText>,
}

/// The members of `session` that a request has.
#[derive(Clone, Default)]
pub struct SentOptions {
    transport: Option<Transport>,
    remember_me: Option<bool>,
    device_name: Option<DisplayText>,
    device_fingerprint: Option<OpaqueText>,
    device_token: Option<OpaqueText>,
}

impl SentOptions {
    /// Takes `session` out of a request's fields.
    pub fn take(fields: &mut Fields) -> Self {
        fields
            .object("session", |session| Self {
                transport: session.optional("transport"),
                remember_me: session.optional("remember_me"),
                device_name: session.optional("device_name").and_then(|Label(name)| name),
                device_fingerprint: session.optional("device_fingerprint").and_then(OpaqueText::new),
                device_token: session.optional("device_token").and_then(OpaqueText::new),
            })
            .unwrap_or_default()
    }

    pub const fn has_transport(&self) -> bool {
        self.transport.is_some()
    }

    pub fn by_cookie(&self) -> bool {
        self.transport == Some(Transport::Cookie)
    }

    /// The options, with those of `earlier` for the members that the request leaves out.
    #[must_use]
    pub fn or(self, earlier: SessionOptions) -> SessionOptions {
        SessionOptions {
            transport: self.transport.unwrap_or(earlier.transport),
            remember_me: self.remember_me.unwrap_or(earlier.remember_me),
            device_name: self.device_name.or(earlier.device_name),
            device_fingerprint: self.device_fingerprint.or(earlier.device_fingerprint),
            device_token: self.device_token.or(earlier.device_token),
        }
    }
}

impl SessionOptions {
    /// The members of `session`, for the contracts of operations.
    pub fn form() -> Form {
        Form::new("SessionOptions")
            .optional::<Transport>("transport", "`token`: tokens in the body. `cookie`: tokens in cookies.")
            .optional::<bool>("remember_me", "Whether the session gets the longer lifetime.")
            .optional::<Label>("device_name", "The name that lists show for the device.")
            .optional::<String>(
                "device_fingerprint",
                "The client's own identification of the device. It proves nothing.",
            )
            .example("c1f0b6e2")
            .optional::<String>("device_token", "The token that an earlier login on this device returned.")
            .example("dt_q5UDmRyUeHXCYWFCVoFZ7g")
    }

    /// Takes `session` out of a request's fields. A member that the request leaves out has its default.
    pub fn take(fields: &mut Fields) -> Self {
        SentOptions::take(fields).or(Self::default())
    }

    pub fn by_cookie(&self) -> bool {
        self.transport == Transport::Cookie
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// The absolute end of the session.
    pub expires_at: Timestamp,
    /// The session ends after so many seconds without a refresh.
    pub idle_seconds: i64,
}

impl Lifetime {
    /// The lifetime of a session that starts `now`, for at most `days`, and for `idle_minutes` without a refresh.
    pub fn new(days: i64, idle_minutes: i64, now: Timestamp) -> Self {
        const DAY: i64 = 86_400;
        let idle_seconds = (idle_minutes * 60).min(days * DAY);
        Self { expires_at: now.plus_seconds(days * DAY), idle_seconds }
    }
}

/// The part of a stored session that the rules need.
#[derive(Debug, Clone)]
pub struct SessionState {
    /// The account's session epoch when the session began.
    pub epoch: i64,
    /// The time of revocation, if any.
    pub revoked_at: Option<Timestamp>,
    /// The absolute end of the session.
    pub expires_at: Timestamp,
    /// Seconds without a refresh after which the session ends.
    pub idle_seconds: i64,
    /// The time of the login or the last refresh.
    pub last_active_at: Timestamp,
    /// The counter of the only refresh token that is not spent.
    pub counter: u32,
    /// The time when the token before that one was spent.
    pub spent_at: Option<Timestamp>,
    pub refreshes: Refreshes,
}

/// The refreshes of a session in a window that starts with the first of them. The session's item counts them, because a
/// refresh writes it anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refreshes {
    pub count: i64,
    /// The end of the window.
    pub ends_at: Option<Timestamp>,
}

/// How one more refresh is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshCount {
    /// It starts a window with this end.
    First { ends_at: Timestamp },
    /// It is another one in the window, which takes so many.
    Another { most: i64 },
}

impl Refreshes {
    /// How one more refresh is counted.
    ///
    /// # Errors
    /// The seconds until the window ends, if the limit is reached.
    pub fn one_more(self, limit: Limit, now: Timestamp) -> Result<RefreshCount, i64> {
        match self.ends_at.filter(|ends_at| *ends_at > now) {
            None => Ok(RefreshCount::First { ends_at: now.plus_seconds(limit.window_seconds) }),
            Some(ends_at) if self.count >= limit.limit => Err(ends_at.seconds_from(now)),
            Some(_) => Ok(RefreshCount::Another { most: limit.limit }),
        }
    }
}

impl SessionState {
    /// The state of a session that starts `now`. `epoch` is the account's current session epoch.
    pub fn new(epoch: i64, lifetime: Lifetime, now: Timestamp) -> Self {
        Self {
            epoch,
            revoked_at: None,
            expires_at: lifetime.expires_at,
            idle_seconds: lifetime.idle_seconds,
            last_active_at: now,
            counter: 0,
            spent_at: None,
            refreshes: Refreshes::default(),
        }
    }

    /// Whether the session is active. `epoch` is the account's current session epoch. Expiry counts here, because TTL
    /// only sweeps.
    pub fn is_active(&self, epoch: i64, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.epoch == epoch && now < self.ends_at()
    }

    /// The end of the session without another refresh.
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.last_active_at.plus_seconds(self.idle_seconds))
    }

    /// Decides about a refresh token with that counter in an active session.
    ///
    /// `genuine` says whether the token's secret matches the stored hash. It counts only for the token that is not
    /// spent.
    pub fn refresh(&self, counter: u32, genuine: bool, now: Timestamp) -> Refresh {
        if counter == self.counter {
            return if genuine { Refresh::Rotate } else { Refresh::Reuse };
        }
        let just_spent = counter.checked_add(1) == Some(self.counter)
            && self.spent_at.is_some_and(|spent| now.millis() - spent.millis() < REPLAY_MILLIS);
        if just_spent { Refresh::Repeat } else { Refresh::Reuse }
    }
}

/// The decision about a presented refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The token is the next one. It is spent and gets a successor.
    Rotate,
    /// The token was just spent. It gets the same successor again.
    Repeat,
    /// The token was spent earlier, so somebody copied it. The session ends.
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
            refreshes: Refreshes::default(),
        }
    }

    #[test]
    fn a_session_ends_by_expiry_idleness_epoch_or_revocation() {
        let at = Timestamp::from_seconds;
        assert!(state().is_active(3, at(599)));
        assert!(!state().is_active(3, at(600)));
        assert!(!state().is_active(4, at(599)));
        assert!(!SessionState { expires_at: at(550), ..state() }.is_active(3, at(550)));
        assert!(!SessionState { revoked_at: Some(at(1)), ..state() }.is_active(3, at(501)));
    }

    #[test]
    fn refreshes_are_limited_in_a_window_from_the_first() {
        let (at, limit) = (Timestamp::from_seconds, Limit { name: "x", limit: 2, window_seconds: 100 });
        let first = RefreshCount::First { ends_at: at(110) };
        assert_eq!(Refreshes::default().one_more(limit, at(10)), Ok(first));
        let in_window = |count| Refreshes { count, ends_at: Some(at(110)) };
        assert_eq!(in_window(1).one_more(limit, at(109)), Ok(RefreshCount::Another { most: 2 }));
        assert_eq!(in_window(2).one_more(limit, at(109)), Err(1));
        assert_eq!(in_window(2).one_more(limit, at(110)), Ok(RefreshCount::First { ends_at: at(210) }));
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
