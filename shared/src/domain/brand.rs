//! What a deployment can change about the look of its pages.

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

impl Color {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self { red: part(0)?, green: part(2)?, blue: part(4)? })
    }

    /// The colour of text on this colour: black or white, whichever has more contrast. It is at least 4.5:1 on every colour (WCAG 2.2,
    /// success criterion 1.4.3).
    pub fn text_on(self) -> &'static str {
        // Contrast to white is 1.05 / (L + 0.05), and to black (L + 0.05) / 0.05.
        let light = self.luminance() + 0.05;
        if 1.05 / light >= light / 0.05 { "#ffffff" } else { "#000000" }
    }

    /// The relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl std::fmt::Display for Color {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// The look of the pages. The product's name is a setting of its own, because mails have it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brand {
    /// The URL of the logo. The pages' policy allows its origin.
    pub logo_url: Option<String>,
    /// The colour of buttons.
    pub accent_color: Option<Color>,
    pub terms_url: Option<String>,
    pub privacy_url: Option<String>,
}

impl Brand {
    /// What the deployment adds to the style of the pages.
    pub fn style(&self) -> String {
        self.accent_color.map_or_else(String::new, |color| {
            format!("\n:root {{ --accent: {color}; --on-accent: {}; }}\n", color.text_on())
        })
    }

    /// The scheme and the host of the logo, for the pages' policy.
    pub fn logo_origin(&self) -> Option<&str> {
        let url = self.logo_url.as_deref()?;
        let host = url.find("://").map_or(0, |at| at + 3);
        // The host ends at the first of these characters behind the scheme.
        Some(&url[..url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_on_a_colour_has_enough_contrast() {
        for (color, text) in
            [("#000000", "#ffffff"), ("#FFFFFF", "#000000"), ("#1f5fd0", "#ffffff"), ("#ffd60a", "#000000")]
        {
            assert_eq!(Color::parse(color).unwrap().text_on(), text, "{color}");
        }
        for step in 0..=255_u8 {
            let light = Color { red: step, green: step, blue: step }.luminance() + 0.05;
            assert!((1.05 / light).max(light / 0.05) >= 4.5);
        }
    }

    #[test]
    fn only_six_digits_behind_a_hash_are_a_colour() {
        assert_eq!(Color::parse("#0aF1c2").unwrap().to_string(), "#0af1c2");
        for bad in [
            "",
            "#",
            "#fff",
            "0af1c2",
            "#0af1c",
            "#0af1c22",
            "#0af1cg",
            "#0a f1c",
            "#\u{e9}\u{e9}\u{e9}",
            "red",
            "#+1+1+1",
        ] {
            assert_eq!(Color::parse(bad), None, "{bad}");
        }
    }
}
