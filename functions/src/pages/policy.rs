//! What browsers may load for a page, and what they tell other hosts of it.

use shared::{
    config::Config,
    domain::{
        brand::Brand,
        captcha::{CaptchaMode, CaptchaProvider},
    },
};

/// The widget of a captcha's provider.
#[derive(Clone, Copy)]
pub(super) struct Widget<'a> {
    pub(super) provider: CaptchaProvider,
    pub(super) site_key: &'a str,
}

impl<'a> Widget<'a> {
    /// The widget of a deployment. `None` where captchas are proofs of work, or never needed.
    pub(super) fn of(config: &'a Config) -> Option<Self> {
        let (mode, provider) = (config.captcha, config.captcha_provider);
        if mode == CaptchaMode::Never || provider == CaptchaProvider::Altcha {
            return None;
        }
        Some(Self { provider, site_key: config.captcha_site_key.as_deref()? })
    }

    /// The name that users know.
    pub(super) const fn name(self) -> &'static str {
        match self.provider {
            CaptchaProvider::Altcha => "ALTCHA",
            CaptchaProvider::Recaptcha => "Google reCAPTCHA",
            CaptchaProvider::Hcaptcha => "hCaptcha",
            CaptchaProvider::Turnstile => "Cloudflare Turnstile",
        }
    }

    const fn sources(self) -> Sources {
        match self.provider {
            CaptchaProvider::Altcha => Sources::NONE,
            // developers.google.com/recaptcha/docs/faq, "I'm using content-security-policy": both hosts of scripts and both of frames.
            // Its markup has style attributes (google/recaptcha, issue 107). With `trustedtypes=true` its script makes trusted types
            // (developers.google.com/recaptcha/docs/v3, "Tips"), but nothing documents the names of their policies.
            CaptchaProvider::Recaptcha => Sources {
                scripts: " https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/",
                styles: " 'unsafe-inline'",
                connections: "",
                frames: "; frame-src https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/",
                trusted_types: "; require-trusted-types-for 'script'",
            },
            // docs.hcaptcha.com, "Content-Security-Policy Settings". It asks for all subdomains, because they vary by region and time.
            // Its script makes no trusted types (hCaptcha/hcaptcha-loader, issue 37).
            CaptchaProvider::Hcaptcha => Sources {
                scripts: " https://hcaptcha.com https://*.hcaptcha.com",
                styles: " https://hcaptcha.com https://*.hcaptcha.com",
                connections: " https://hcaptcha.com https://*.hcaptcha.com",
                frames: "; frame-src https://hcaptcha.com https://*.hcaptcha.com",
                trusted_types: "",
            },
            // developers.cloudflare.com/turnstile/reference/content-security-policy. It documents no trusted types.
            CaptchaProvider::Turnstile => Sources {
                scripts: " https://challenges.cloudflare.com",
                styles: "",
                connections: "",
                frames: "; frame-src https://challenges.cloudflare.com",
                trusted_types: "",
            },
        }
    }
}

/// What a policy allows beyond the page's own host.
struct Sources {
    scripts: &'static str,
    styles: &'static str,
    connections: &'static str,
    frames: &'static str,
    trusted_types: &'static str,
}

impl Sources {
    /// No page turns text into markup or into scripts (Trusted Types).
    const NONE: Self = Self {
        scripts: "",
        styles: "",
        connections: "",
        frames: "",
        trusted_types: "; require-trusted-types-for 'script'; trusted-types 'none'",
    };
}

/// Content Security Policy Level 3: a page runs only scripts of its own host, and those of a widget that it shows.
pub(super) fn content_security_policy(brand: &Brand, widget: Option<Widget<'_>>) -> String {
    let logo = brand.logo_origin().map_or_else(String::new, |origin| format!(" {origin}"));
    let Sources { scripts, styles, connections, frames, trusted_types } = widget.map_or(Sources::NONE, Widget::sources);
    format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; img-src 'self' data:{logo}; \
         connect-src 'self'{connections}{frames}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'{trusted_types}"
    )
}

/// What requests to other hosts say of a page. Widgets fail where they do not learn the origin (AdguardTeam/AdguardFilters, issue 796).
/// The path and the query are in no referrer.
pub(super) const fn referrer_policy(widget: Option<Widget<'_>>) -> &'static str {
    if widget.is_some() { "strict-origin" } else { "no-referrer" }
}
