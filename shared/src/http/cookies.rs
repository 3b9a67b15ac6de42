//! Cookies that a client sends and cookies that the service sets (RFC 6265bis). docs/api.md, "`session`", has their
//! names and attributes.

/// A cookie that the service sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    Access,
    Refresh,
    /// Marks that this browser has a session, for as long as the session may live. It proves nothing. Pages and
    /// authorization requests learn by it that a refresh may work, because the refresh token's cookie is not sent to them.
    Session,
    Device,
    /// A random value that CSRF tokens are bound to before a session exists.
    PreLogin,
    /// The challenge id of the login mail that the browser asked for.
    LoginMail,
    /// A random value that logins at sign-in providers are bound to.
    Provider,
    /// As `Provider`, for providers that post their answers.
    ProviderPost,
    /// The token of a pending login that a sign-in provider began.
    Mfa,
    /// The language that the reader of a page chose. Only the page's script sets it.
    Language,
}

impl Cookie {
    /// The cookie's name. `__Host-` makes browsers refuse a cookie that a sibling domain plants.
    ///
    /// The refresh token's cookie has `__Secure-`, because it is sent to one path only. `__Secure-` refuses only
    /// cookies from pages without TLS.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "__Host-access",
            Self::Refresh => "__Secure-refresh",
            Self::Session => "__Host-session",
            Self::Device => "__Host-device",
            Self::PreLogin => "__Host-csrf",
            Self::LoginMail => "__Host-login",
            Self::Provider => "__Host-provider",
            Self::ProviderPost => "__Host-provider-post",
            Self::Mfa => "__Host-mfa",
            Self::Language => "__Host-language",
        }
    }

    const fn attributes(self) -> &'static str {
        match self {
            Self::Access | Self::Session | Self::Device | Self::Provider => "Path=/; HttpOnly; Secure; SameSite=Lax",
            Self::Refresh => "Path=/v1; HttpOnly; Secure; SameSite=Strict",
            Self::Language => "Path=/; Secure; SameSite=Lax",
            // A post from the provider's page is from another site, and browsers leave the others out.
            Self::ProviderPost => "Path=/; HttpOnly; Secure; SameSite=None",
            Self::PreLogin | Self::LoginMail | Self::Mfa => "Path=/; HttpOnly; Secure; SameSite=Strict",
        }
    }

    /// A `Set-Cookie` value that expires after `seconds`. `value` consists of base64url characters, dots and
    /// underscores.
    pub fn set(self, value: &str, seconds: i64) -> String {
        format!("{}={value}; Max-Age={}; {}", self.name(), seconds.max(0), self.attributes())
    }

    /// A `Set-Cookie` value that removes the cookie.
    pub fn clear(self) -> String {
        self.set("", 0)
    }
}

/// The value of a cookie among `name=value` pairs. `None` if it is missing or occurs twice, because one of two could
/// come from a sibling domain.
pub(super) fn find(cookies: &[String], cookie: Cookie) -> Option<&str> {
    let mut values = cookies
        .iter()
        .filter_map(|sent| pair(sent).split_once('='))
        .filter(|(name, _)| *name == cookie.name())
        .map(|(_, value)| value);
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}

/// A pair without the white space that RFC 6265, section 5.6, takes away: spaces and tabs. Browsers keep other white space in a
/// name, and accept such a name from a sibling domain, because it does not begin with `__Host-`.
pub(super) fn pair(sent: &str) -> &str {
    sent.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_exact_name_and_only_if_it_occurs_once() {
        let sent = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(find(&sent(&["a=1", " __Host-access=x.y=z "]), Cookie::Access), Some("x.y=z"));
        for none in [
            &["__host-access=x"][..],
            &["__Host-access"],
            &["__Host-access="],
            &["__Host-access=x", "__Host-access=y"],
            &["x__Host-access=x"],
            &["\u{2000}__Host-access=x"],
            &["\u{a0}__Host-access=x"],
            &["\u{85}__Host-access=x"],
            &["\u{3000}__Host-access=x"],
            &["\u{b}__Host-access=x"],
            &["__Host-access\u{2000}=x"],
        ] {
            assert_eq!(find(&sent(none), Cookie::Access), None, "{none:?}");
        }
    }

    #[test]
    fn cookies_have_the_documented_attributes() {
        assert_eq!(
            Cookie::Refresh.set("rt_x", 60),
            "__Secure-refresh=rt_x; Max-Age=60; Path=/v1; HttpOnly; Secure; SameSite=Strict"
        );
        assert_eq!(Cookie::Access.clear(), "__Host-access=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax");
    }
}
