//! Rate limits: how many requests of a kind are taken in a window, counted by what they come from or go to. [`TABLE`] is all of them
//! with their defaults; a deployment changes single ones by the parameter `LIMITS`.

/// A limit: at most `limit` in every window of `window_seconds`, counted apart for every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is counted, and by what: part of the counter's key.
    pub name: &'static str,
    /// The window's length in seconds.
    pub window_seconds: i64,
    /// How many are taken in it.
    pub limit: i64,
}

/// Logins, right or wrong, by network (IPv4 address, IPv6 /64). Those of known devices are counted apart.
pub const LOGIN_BY_NETWORK: Limit = Limit { name: "login/network", window_seconds: 900, limit: 5 };

/// Logins, right or wrong, by known device, wherever it is: nobody else uses them up.
pub const LOGIN_BY_DEVICE: Limit = Limit { name: "login/device", window_seconds: 900, limit: 10 };

/// Registrations by network.
pub const REGISTER_BY_NETWORK: Limit = Limit { name: "register/network", window_seconds: 3600, limit: 3 };

/// Verification mails by address, whoever asks for them.
pub const VERIFICATION_MAIL_BY_ADDRESS: Limit =
    Limit { name: "verification-mail/address", window_seconds: 300, limit: 2 };

/// Guesses at mailed codes by address, over all challenges: many challenges must not add up to many guesses. Links go on.
pub const CODE_GUESSES_BY_ADDRESS: Limit = Limit { name: "code-guesses/address", window_seconds: 86_400, limit: 20 };

/// Guesses at codes mailed to somebody signed in, by account, over all challenges. A change of the password begins them anew.
pub const CODE_GUESSES_BY_ACCOUNT: Limit = Limit { name: "code-guesses/account", window_seconds: 86_400, limit: 20 };

/// Codes mailed to somebody signed in who confirms that it is they, by session.
pub const REAUTHENTICATION_MAIL_BY_SESSION: Limit =
    Limit { name: "reauthentication-mail/session", window_seconds: 900, limit: 3 };

/// Mails by address that anyone can cause, of all kinds together. What is beyond is not sent, and written down.
pub const MAIL_BY_ADDRESS: Limit = Limit { name: "mail/address", window_seconds: 86_400, limit: 20 };

/// Alerts of logins by address, which only who has the password can cause. A change of the password begins them anew.
pub const ALERT_BY_ADDRESS: Limit = Limit { name: "alert-mail/address", window_seconds: 86_400, limit: 50 };

/// Notices of copied refresh tokens by address. A change of the password begins them anew.
pub const REUSE_NOTICE_BY_ADDRESS: Limit = Limit { name: "reuse-notice/address", window_seconds: 86_400, limit: 20 };

/// Codes by address that only somebody signed in can ask for. A change of the password begins them anew.
pub const CODE_MAIL_BY_ADDRESS: Limit = Limit { name: "code-mail/address", window_seconds: 86_400, limit: 20 };

/// Endings of all sessions, by session: each makes logins that are under way look again.
pub const LOGOUT_ALL_BY_SESSION: Limit = Limit { name: "logout-all/session", window_seconds: 900, limit: 5 };

/// Second factors tried at logins of an account by strangers, or by one of its known devices: giving the first factor again is not to
/// give more tries. Not multiplied by `LIMIT_FACTOR`, no more than a challenge's attempts are.
pub const SECOND_FACTOR_BY_ACCOUNT: Limit = Limit { name: "second-factor/account", window_seconds: 300, limit: 5 };

/// Guesses at codes mailed to somebody who logs in on an unknown device, by account. A change of the password begins them anew.
pub const LOGIN_CODE_GUESSES_BY_ACCOUNT: Limit =
    Limit { name: "login-code-guesses/account", window_seconds: 86_400, limit: 20 };

/// Codes by address that only who has the password can cause. A change of the password begins them anew.
pub const LOGIN_CODE_MAIL_BY_ADDRESS: Limit =
    Limit { name: "login-code-mail/address", window_seconds: 86_400, limit: 20 };

/// Changes of second factors and passkeys by session. Each is mailed, so that they are bounded and no mail of them is left out.
pub const FACTOR_CHANGES_BY_SESSION: Limit = Limit { name: "factor-changes/session", window_seconds: 3600, limit: 20 };

/// Passkeys asked for at logins, by network. Conditional mediation asks whenever a login page opens.
pub const PASSKEY_OPTIONS_BY_NETWORK: Limit = Limit { name: "passkey-options/network", window_seconds: 900, limit: 60 };

/// Every limit.
pub const TABLE: [Limit; 17] = [
    LOGIN_BY_NETWORK,
    LOGIN_BY_DEVICE,
    REGISTER_BY_NETWORK,
    VERIFICATION_MAIL_BY_ADDRESS,
    CODE_GUESSES_BY_ADDRESS,
    CODE_GUESSES_BY_ACCOUNT,
    REAUTHENTICATION_MAIL_BY_SESSION,
    MAIL_BY_ADDRESS,
    ALERT_BY_ADDRESS,
    REUSE_NOTICE_BY_ADDRESS,
    CODE_MAIL_BY_ADDRESS,
    LOGOUT_ALL_BY_SESSION,
    SECOND_FACTOR_BY_ACCOUNT,
    LOGIN_CODE_GUESSES_BY_ACCOUNT,
    LOGIN_CODE_MAIL_BY_ADDRESS,
    FACTOR_CHANGES_BY_SESSION,
    PASSKEY_OPTIONS_BY_NETWORK,
];

/// The limits that a deployment has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(Vec<Limit>);

impl Limits {
    /// Reads changes, `name=limit/seconds` parted by commas: `login/network=10/900,register/network=20/3600`. `None` where one isn't of
    /// that form or names no limit of [`TABLE`].
    pub fn parse(text: &str) -> Option<Self> {
        let changed = text.split(',').map(|change| {
            let (name, rule) = change.trim().split_once('=')?;
            let (limit, window) = rule.split_once('/')?;
            let known = TABLE.into_iter().find(|known| known.name == name.trim())?;
            let number =
                |text: &str, most: i64| text.trim().parse::<i64>().ok().filter(|number| (1..=most).contains(number));
            Some(Limit { limit: number(limit, 1_000_000)?, window_seconds: number(window, 30 * 86_400)?, ..known })
        });
        changed.collect::<Option<Vec<_>>>().map(Self)
    }

    /// A limit as this deployment has it.
    pub fn of(&self, limit: Limit) -> Limit {
        self.0.iter().rev().find(|changed| changed.name == limit.name).copied().unwrap_or(limit)
    }
}

/// A window of a limit: all requests in it share a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Tells the windows of a key apart.
    pub number: i64,
    /// When it ends, in seconds since the Unix epoch.
    pub ends_at: i64,
}

impl Limit {
    /// What shifts a key's windows against other keys'.
    pub(crate) fn phase(key: &str) -> u32 {
        key.bytes().fold(0u32, |phase, byte| phase.wrapping_mul(31).wrapping_add(u32::from(byte)))
    }

    /// How long, in seconds, somebody who is over the limit waits until its window turns.
    pub fn retry_after(&self, key: &str, now: i64) -> i64 {
        self.window(now, Self::phase(key)).ends_at - now
    }

    /// The window that `now` (in seconds) falls into. `phase` shifts a key's windows against other keys', so that not
    /// all turn at once.
    pub const fn window(&self, now: i64, phase: u32) -> Window {
        let shift = phase as i64 % self.window_seconds;
        let number = (now + shift).div_euclid(self.window_seconds);
        Window { number, ends_at: (number + 1) * self.window_seconds - shift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_changes_single_limits_by_name() {
        let limits = Limits::parse("login/network=10/60, register/network=7/3600").unwrap();
        assert_eq!(limits.of(LOGIN_BY_NETWORK), Limit { name: "login/network", window_seconds: 60, limit: 10 });
        assert_eq!(limits.of(REGISTER_BY_NETWORK).limit, 7);
        assert_eq!(limits.of(MAIL_BY_ADDRESS), MAIL_BY_ADDRESS);
        for bad in ["", "login/network", "login/network=5", "logins=5/900", "login/network=0/900", "login/network=5/-1"]
        {
            assert_eq!(Limits::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn windows_follow_each_other_without_gap() {
        for phase in [0, 1, 899, 900, u32::MAX] {
            let window = LOGIN_BY_NETWORK.window(1_700_000_000, phase);
            assert!(window.ends_at > 1_700_000_000 && window.ends_at <= 1_700_000_900);
            assert_eq!(LOGIN_BY_NETWORK.window(window.ends_at - 1, phase), window);
            assert_eq!(LOGIN_BY_NETWORK.window(window.ends_at, phase).number, window.number + 1);
        }
    }
}
