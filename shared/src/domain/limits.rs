//! Rate limits: the maximum number of requests in a window, counted by network, device, e-mail address, account or
//! session. [`TABLE`] lists them; the parameter `Limits` changes single ones.

/// At most `limit` requests in every window of `window_seconds`, counted separately for every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The name, such as `login/network`.
    pub name: &'static str,
    pub window_seconds: i64,
    pub limit: i64,
}

/// Declares every limit once: `NAME = "stored name": limit in seconds`.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $stored:literal: $limit:literal in $seconds:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: Limit = Limit { name: $stored, window_seconds: $seconds, limit: $limit };)+

        /// Every limit.
        pub const TABLE: &[Limit] = &[$($name),+];
    };
}

limits! {
    /// Logins by network (IPv4 address, IPv6 /64), right or wrong. Those of recognised devices are counted apart.
    LOGIN_BY_NETWORK = "login/network": 5 in 900;
    /// Logins, and requests for login mails, by recognised device, right or wrong, in any network. Nobody else can use this budget up.
    LOGIN_BY_DEVICE = "login/device": 10 in 900;
    /// Login mails by network that asks for them. Those of recognised devices count as logins by device.
    LOGIN_EMAIL_BY_NETWORK = "login-email/network": 10 in 900;
    /// Login mails by mailbox, known or not, whichever client asks for them. Each recognised device has a count of its own.
    LOGIN_MAIL_BY_ADDRESS = "login-mail/address": 5 in 900;
    /// Failed logins by network, after which a login needs a captcha.
    CAPTCHA_FAILURES_BY_NETWORK = "captcha-failures/network": 3 in 900;
    /// Failed logins by identifier, known or not, after which a login needs a captcha.
    CAPTCHA_FAILURES_BY_IDENTIFIER = "captcha-failures/identifier": 3 in 900;
    /// Requests by network that need no captcha, each route except `login` on its own.
    CAPTCHA_FREE_BY_NETWORK = "captcha-free/network": 1 in 3600;
    /// Requests without the answer to a captcha that they need, by network. They count against no other limit.
    CAPTCHA_REQUIRED_BY_NETWORK = "captcha-required/network": 60 in 900;
    /// Requests by network while the provider of the captchas does not answer.
    CAPTCHA_DOWN_BY_NETWORK = "captcha-down/network": 3 in 900;
    /// Registrations by network.
    REGISTER_BY_NETWORK = "register/network": 3 in 3600;
    /// Estimates of a new password's strength by network, or by the challenge or session that allows the password. They cost CPU time, and
    /// a weak password spends nothing else.
    STRENGTH_ESTIMATES = "weak-password/network": 60 in 900;
    /// Further mails of registrations by network.
    RESEND_BY_NETWORK = "register-resend/network": 10 in 3600;
    /// Verification mails by address, whichever client asks for them.
    VERIFICATION_MAIL_BY_ADDRESS = "verification-mail/address": 2 in 300;
    /// Guesses at mailed codes by address, over all challenges, so that many challenges do not add up to many guesses.
    /// Links are not limited by it.
    CODE_GUESSES_BY_ADDRESS = "code-guesses/address": 20 in 86_400;
    /// Guesses at the codes of login mails that a recognised device asked for, by device.
    CODE_GUESSES_BY_DEVICE = "code-guesses/device": 20 in 86_400;
    /// Guesses at the codes of `reauthenticate` and `email-change-verify` by account, over all challenges. A password reset starts a new count.
    CODE_GUESSES_BY_ACCOUNT = "code-guesses/account": 20 in 86_400;
    /// Reauthentication codes mailed, by session.
    REAUTHENTICATION_MAIL_BY_SESSION = "reauthentication-mail/session": 3 in 900;
    /// Changes of the address asked for, by account. Sessions are free, so they would bound nothing.
    EMAIL_CHANGE_BY_ACCOUNT = "email-change/account": 5 in 3600;
    /// Requests for a reset link by network.
    PASSWORD_FORGOT_BY_NETWORK = "password-forgot/network": 10 in 900;
    /// Reset links by address, known or not, from all clients.
    PASSWORD_FORGOT_BY_ADDRESS = "password-forgot/address": 3 in 3600;
    /// Mails by mailbox that anybody can cause, each kind on its own.
    MAIL_BY_ADDRESS = "mail/address": 20 in 86_400;
    /// Mails by mailbox over their own limit, each kind on its own. So nobody can use up all mails of an owner. Networks over
    /// `mail/sender` have a count of their own.
    MAIL_OVER_LIMIT = "mail/over-limit": 1 in 3600;
    /// Mails by mailbox that one network (IPv4 address, IPv6 /48) causes, sent or not, each kind on its own. A network over it
    /// leaves the hourly mail to others.
    MAIL_BY_SENDER = "mail/sender": 3 in 86_400;
    /// Mails of the whole deployment that anybody can cause, each kind on its own. It protects the quota and the reputation of
    /// the sender. A mail over it is not sent, and the audit log has an event of it.
    MAIL_OF_DEPLOYMENT = "mail/deployment": 1000 in 3600;
    /// Login alerts by mailbox. Only a client with the password can cause them. A password reset starts a new count.
    ALERT_BY_ADDRESS = "alert-mail/address": 50 in 86_400;
    /// Notices of copied refresh tokens by mailbox. A password reset starts a new count.
    REUSE_NOTICE_BY_ADDRESS = "reuse-notice/address": 20 in 86_400;
    /// Codes, and notices of exports, by mailbox. Only a signed-in user can cause them. A password reset starts a new count.
    CODE_MAIL_BY_ADDRESS = "code-mail/address": 20 in 86_400;
    /// `logout-all` by session, because each call makes logins in progress retry.
    LOGOUT_ALL_BY_SESSION = "logout-all/session": 5 in 900;
    /// Attempts at second factors of an account, by all unrecognised devices together or by each recognised device.
    /// Repeating the first factor gives no more attempts. `LIMIT_FACTOR` does not multiply it.
    SECOND_FACTOR_BY_ACCOUNT = "second-factor/account": 5 in 300;
    /// Guesses at login codes on unrecognised devices, by account. A password reset starts a new count.
    LOGIN_CODE_GUESSES_BY_ACCOUNT = "login-code-guesses/account": 20 in 86_400;
    /// Login codes by mailbox. Only a client with the password can cause them. A password reset starts a new count.
    LOGIN_CODE_MAIL_BY_ADDRESS = "login-code-mail/address": 20 in 86_400;
    /// Refreshes by session, repeated ones too. The session's item counts them.
    REFRESH_BY_SESSION = "refresh/session": 60 in 900;
    /// Requests to the authorization endpoint by the browser's session.
    AUTHORIZE_BY_SESSION = "oauth-authorize/session": 120 in 900;
    /// Refused requests to the token and revocation endpoints by network: those of public clients, and of requests that did not
    /// authenticate. The client that such a request names is not verified, so no limit is keyed by it.
    REFUSED_GRANTS_BY_NETWORK = "refused-grants/network": 60 in 900;
    /// Audit events of refused codes and tokens by client, once its secret was right. So nobody else can use this budget up. Over it
    /// the answer is the same, and nothing is written.
    REFUSED_GRANTS_BY_CLIENT = "refused-grants/client": 600 in 900;
    /// Reauthentications, changes of the password and deletions of the account by session, right or wrong.
    REAUTHENTICATE_BY_SESSION = "reauthenticate/session": 20 in 900;
    /// Requests by session that change something, found or not.
    CHANGES_BY_SESSION = "changes/session": 60 in 900;
    /// Audit events of refused tokens by session or pending login. Over it the answer is the same, and nothing is written.
    REFUSED_TOKEN_BY_SESSION = "refused-token/session": 5 in 900;
    /// Audit events of refused passkeys by the sender's network (IPv4 address, IPv6 /48) and the account, because a sender can
    /// name any account. Over it the answer is the same, and nothing is written.
    REFUSED_PASSKEY_BY_NETWORK = "refused-passkey/network": 10 in 900;
    /// Audit events of refused answers and ID tokens of sign-in providers by the sender's network (IPv4 address, IPv6 /48), because
    /// anybody can send some. Those that concern an account count by the network and the account, so that nobody silences its log with
    /// others. Over it the answer is the same, and nothing is written.
    REFUSED_ANSWER_BY_NETWORK = "refused-answer/network": 10 in 900;
    /// Pages of exports by session, because each reads and decrypts up to 4 MB.
    EXPORT_BY_SESSION = "export/session": 60 in 3600;
    /// Logins begun at sign-in providers, by network.
    PROVIDER_START_BY_NETWORK = "provider-start/network": 30 in 900;
    /// Answers of sign-in providers, right or wrong, by network. Each costs calls.
    PROVIDER_CALLBACK_BY_NETWORK = "provider-callback/network": 30 in 900;
    /// ID tokens of apps, right or wrong, by network.
    PROVIDER_TOKEN_BY_NETWORK = "provider-token/network": 10 in 900;
    /// Changes of second factors, passkeys and the password by session. Each change sends a mail, and none of these mails is ever
    /// left out.
    FACTOR_CHANGES_BY_SESSION = "factor-changes/session": 20 in 3600;
    /// Requests for a passkey at logins, by network. Conditional mediation makes one whenever a login page opens.
    PASSKEY_OPTIONS_BY_NETWORK = "passkey-options/network": 60 in 900;
}

/// The limits that a deployment has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(Vec<Limit>);

impl Limits {
    /// Parses changes, `name=limit/seconds` separated by commas: `login/network=10/900,register/network=20/3600`.
    /// `None` if one has another form or names no limit of [`TABLE`].
    pub fn parse(text: &str) -> Option<Self> {
        let changed = text.split(',').map(|change| {
            let (name, rule) = change.trim().split_once('=')?;
            let (limit, window) = rule.split_once('/')?;
            let known = TABLE.iter().copied().find(|known| known.name == name.trim())?;
            let number =
                |text: &str, most: i64| text.trim().parse::<i64>().ok().filter(|number| (1..=most).contains(number));
            Some(Limit { limit: number(limit, 1_000_000)?, window_seconds: number(window, 30 * 86_400)?, ..known })
        });
        changed.collect::<Option<Vec<_>>>().map(Self)
    }

    /// A limit as this deployment has it.
    pub fn get(&self, limit: Limit) -> Limit {
        self.0.iter().rev().find(|changed| changed.name == limit.name).copied().unwrap_or(limit)
    }
}

/// A window of a limit. All requests in it share a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Distinguishes the windows of a key.
    pub number: i64,
    /// When it ends, in seconds since the Unix epoch.
    pub ends_at: i64,
}

impl Limit {
    /// Shifts a key's windows against those of other keys.
    pub(crate) fn phase(key: &str) -> u32 {
        key.bytes().fold(0u32, |phase, byte| phase.wrapping_mul(31).wrapping_add(u32::from(byte)))
    }

    /// Seconds until the window ends, for a client over the limit.
    pub fn retry_after(&self, key: &str, now: i64) -> i64 {
        self.window(now, Self::phase(key)).ends_at - now
    }

    /// The window at `now` (in seconds). `phase` shifts a key's windows against those of other keys, so that they don't
    /// all end at once.
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
        assert_eq!(limits.get(LOGIN_BY_NETWORK), Limit { name: "login/network", window_seconds: 60, limit: 10 });
        assert_eq!(limits.get(REGISTER_BY_NETWORK).limit, 7);
        assert_eq!(limits.get(MAIL_BY_ADDRESS), MAIL_BY_ADDRESS);
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
