//! Captchas: when a request needs one, who checks its answer, and how much work a proof of work costs.

/// When the protected routes ask for a captcha.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptchaMode {
    Never,
    /// After failed logins and repeated requests, on unrecognised devices.
    Failures,
    Always,
}

impl CaptchaMode {
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Never, Self::Failures, Self::Always].into_iter().find(|mode| mode.as_str() == text)
    }

    /// The value of the parameter `Captcha`, and of `mode` in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Failures => "failures",
            Self::Always => "always",
        }
    }
}

/// Who makes captchas and checks their answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptchaProvider {
    /// This service, by a proof of work in ALTCHA's format.
    Altcha,
    Recaptcha,
    Hcaptcha,
    Turnstile,
}

/// Where a provider checks answers (`siteverify`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    pub origin: &'static str,
    pub path: &'static str,
}

impl CaptchaProvider {
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Altcha, Self::Recaptcha, Self::Hcaptcha, Self::Turnstile];
        all.into_iter().find(|provider| provider.as_str() == text)
    }

    /// The value of the parameter `CaptchaProvider`, and of `kind` in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Altcha => "altcha",
            Self::Recaptcha => "recaptcha",
            Self::Hcaptcha => "hcaptcha",
            Self::Turnstile => "turnstile",
        }
    }

    /// The endpoint that checks answers. `None` if this service checks them itself.
    pub const fn endpoint(self) -> Option<Endpoint> {
        let (origin, path) = match self {
            Self::Altcha => return None,
            Self::Recaptcha => ("https://www.google.com", "/recaptcha/api/siteverify"),
            Self::Hcaptcha => ("https://api.hcaptcha.com", "/siteverify"),
            Self::Turnstile => ("https://challenges.cloudflare.com", "/turnstile/v0/siteverify"),
        };
        Some(Endpoint { origin, path })
    }
}

/// Seconds in which an answer to a proof of work must come.
pub const CAPTCHA_SECONDS: i64 = 300;

/// The most doublings of the cost.
const MAX_DOUBLINGS: i64 = 4;

/// The largest number that a grown cost searches through. A phone needs seconds for it. A larger cost of the deployment stays as it is.
const MAX_GROWN_COST: u32 = 1_000_000;

/// The cost of a proof of work for a network with this many failures over the threshold: it doubles with each, up to sixteen times.
pub fn cost_after_failures(cost: u32, over: i64) -> u32 {
    let grown = cost.saturating_mul(1 << over.clamp(0, MAX_DOUBLINGS));
    grown.min(MAX_GROWN_COST.max(cost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_doubles_with_each_failure_up_to_sixteen_times() {
        let costs: Vec<u32> = (-3..7).map(|over| cost_after_failures(50_000, over)).collect();
        assert_eq!(costs, [50_000, 50_000, 50_000, 50_000, 100_000, 200_000, 400_000, 800_000, 800_000, 800_000]);
        assert_eq!((cost_after_failures(600_000, 1), cost_after_failures(2_000_000, 9)), (1_000_000, 2_000_000));
    }

    #[test]
    fn names_are_read_exactly() {
        for mode in [CaptchaMode::Never, CaptchaMode::Failures, CaptchaMode::Always] {
            assert_eq!(CaptchaMode::parse(mode.as_str()), Some(mode));
        }
        assert_eq!(CaptchaProvider::parse("turnstile"), Some(CaptchaProvider::Turnstile));
        assert_eq!((CaptchaMode::parse("Always"), CaptchaProvider::parse("none")), (None, None));
    }
}
