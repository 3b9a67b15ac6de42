//! Rate limits: how many requests of a kind are taken in a window, counted by what they come from or go to.

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

/// Logins, right or wrong, by network.
pub const LOGIN_BY_NETWORK: Limit = Limit { name: "login/network", window_seconds: 900, limit: 5 };

/// Registrations by network.
pub const REGISTER_BY_NETWORK: Limit = Limit { name: "register/network", window_seconds: 3600, limit: 3 };

/// Verification mails by address, whoever asks for them.
pub const VERIFICATION_MAIL_BY_ADDRESS: Limit =
    Limit { name: "verification-mail/address", window_seconds: 300, limit: 2 };

/// Guesses at mailed codes by address, over all challenges: many challenges must not add up to many guesses. Links go on.
pub const CODE_GUESSES_BY_ADDRESS: Limit = Limit { name: "code-guesses/address", window_seconds: 86_400, limit: 20 };

/// A window of a limit: all requests in it share a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Tells the windows of a key apart.
    pub number: i64,
    /// When it ends, in seconds since the Unix epoch.
    pub ends_at: i64,
}

impl Limit {
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
    fn windows_follow_each_other_without_gap() {
        for phase in [0, 1, 899, 900, u32::MAX] {
            let window = LOGIN_BY_NETWORK.window(1_700_000_000, phase);
            assert!(window.ends_at > 1_700_000_000 && window.ends_at <= 1_700_000_900);
            assert_eq!(LOGIN_BY_NETWORK.window(window.ends_at - 1, phase), window);
            assert_eq!(LOGIN_BY_NETWORK.window(window.ends_at, phase).number, window.number + 1);
        }
    }
}
