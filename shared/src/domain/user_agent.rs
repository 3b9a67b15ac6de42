//! The device in a `User-Agent` header, in words that its owner recognises.

use super::text::is_safe_in_mail;

/// A browser and its system, or another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent {
    /// The browser's name: `Firefox`.
    pub browser: Option<String>,
    /// The system's name: `Windows`.
    pub os: Option<String>,
    /// The name of a program that is not a browser: `curl`. Mails contain it.
    program: Option<String>,
}

impl UserAgent {
    pub fn parse(header: &str) -> Self {
        // Apple's network library sends the same text on macOS and iOS, so only the program's name is known.
        let parsed = (!header.contains(" CFNetwork/")).then(|| woothee::parser::Parser::new().parse(header)).flatten();
        let known = |text: &str| (!text.is_empty() && text != "UNKNOWN").then(|| text.to_owned());
        let browser = parsed.as_ref().filter(|parsed| matches!(parsed.category, "pc" | "smartphone" | "mobilephone"));
        let os = browser.and_then(|parsed| known(parsed.os)).map(|os| match os.as_str() {
            "Mac OSX" => "macOS".to_owned(),
            "iPhone" | "iPad" | "iPod" => format!("iOS ({os})"),
            // Browsers report the same version for Windows 10 and all later ones.
            name if name.starts_with("Windows") && !name.starts_with("Windows Phone") => "Windows".to_owned(),
            _ => os,
        });
        let program = header.split(['/', ' ', '(']).next().unwrap_or_default();
        let nameable = |text: &str| (2..=32).contains(&text.len()) && text.is_ascii() && is_safe_in_mail(text);
        Self {
            browser: browser.and_then(|parsed| known(parsed.name)),
            os,
            program: Some(program.to_owned()).filter(|text| nameable(text) && text != "Mozilla"),
        }
    }

    /// The browser and its system, or the one name that is known.
    pub fn names(&self) -> Option<(&str, Option<&str>)> {
        match (&self.browser, &self.os, &self.program) {
            (Some(browser), Some(os), _) => Some((browser, Some(os))),
            (Some(name), None, _) | (None, Some(name), _) | (None, None, Some(name)) => Some((name, None)),
            (None, None, None) => None,
        }
    }

    /// The device in a few words: `Firefox on Windows`.
    pub fn describe(&self) -> String {
        match self.names() {
            Some((browser, Some(os))) => format!("{browser} on {os}"),
            Some((name, None)) => name.to_owned(),
            None => "Unknown device".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_their_owners_know_them() {
        for (header, description) in [
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Windows"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (Windows NT 6.1; rv:115.0) Gecko/20100101 Firefox/115.0", "Firefox on Windows"),
            ("Desk/7 CFNetwork/1494.0.7 Darwin/23.4.0", "Desk"),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
                "Chrome on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on iOS (iPhone)",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
            ("curl/8.5.0", "curl"),
            ("python-requests/2.32.3", "python-requests"),
            ("MyApp/1.2 (Pixel)", "MyApp"),
            ("www.evil.example/1", "Unknown device"),
            ("", "Unknown device"),
            ("\u{202e}\"<script>", "Unknown device"),
        ] {
            assert_eq!(UserAgent::parse(header).describe(), description, "{header}");
        }
    }
}
