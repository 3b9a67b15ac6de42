//! The templates of mails. They are part of the binary.

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use crate::{domain::mail::Content, error::Error};

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/emails/", $name)))),*]
    };
}

/// Every template: the layout and its parts, and the subject, text and HTML of every kind of mail.
static TEMPLATES: &[(&str, &str)] = templates![
    "layout.html",
    "parts.html",
    "verify_registration/subject.txt",
    "verify_registration/body.txt",
    "verify_registration/body.html",
    "already_registered/subject.txt",
    "already_registered/body.txt",
    "already_registered/body.html",
    "new_login/subject.txt",
    "new_login/body.txt",
    "new_login/body.html",
    "reauthentication_code/subject.txt",
    "reauthentication_code/body.txt",
    "reauthentication_code/body.html",
    "password_reset/subject.txt",
    "password_reset/body.txt",
    "password_reset/body.html",
    "password_changed/subject.txt",
    "password_changed/body.txt",
    "password_changed/body.html",
    "session_ended_for_reuse/subject.txt",
    "session_ended_for_reuse/body.txt",
    "session_ended_for_reuse/body.html",
    "login_code/subject.txt",
    "login_code/body.txt",
    "login_code/body.html",
    "mfa_enabled/subject.txt",
    "mfa_enabled/body.txt",
    "mfa_enabled/body.html",
    "mfa_disabled/subject.txt",
    "mfa_disabled/body.txt",
    "mfa_disabled/body.html",
    "backup_codes_regenerated/subject.txt",
    "backup_codes_regenerated/body.txt",
    "backup_codes_regenerated/body.html",
    "backup_code_used/subject.txt",
    "backup_code_used/body.txt",
    "backup_code_used/body.html",
    "passkey_added/subject.txt",
    "passkey_added/body.txt",
    "passkey_added/body.html",
    "passkey_removed/subject.txt",
    "passkey_removed/body.txt",
    "passkey_removed/body.html",
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // A value that a template asks for and isn't there is a defect, not an empty string.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(
        |name| {
            if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
        },
    );
    for (name, source) in TEMPLATES {
        // What doesn't parse is missing when it is asked for; a test asks for all of them.
        let _ = environment.add_template(name, source);
    }
    environment
});

/// A mail, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

/// Renders a mail.
///
/// # Errors
/// `internal` where a template is broken.
pub fn render(content: &Content, product: &str) -> Result<Rendered, Error> {
    let kind = content.kind();
    let told = serde_json::to_value(content).map_err(|_| Error::internal("an unreadable mail"))?;
    let told = told.as_object().into_iter().flatten();
    let told = told.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let values = Value::from_pairs(told.chain([("product", product)]));
    let part = |file: &str| {
        let name = format!("{kind}/{file}");
        ENVIRONMENT
            .get_template(&name)
            .and_then(|template| template.render(values.clone()))
            .map_err(|error| Error::internal(format!("the template {name}: {:?}", error.kind())))
    };
    let subject = part("subject.txt")?.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Rendered { subject, text: part("body.txt")?, html: part("body.html")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Content> {
        vec![
            Content::VerifyRegistration {
                code: "012345".to_owned(),
                link: "https://auth.example/v#token=a.b".to_owned(),
            },
            Content::AlreadyRegistered {},
            Content::NewLogin {
                at: "2026-01-02T03:04:05Z".to_owned(),
                device: "Firefox on Windows 10".to_owned(),
                place: "Berlin, DE (203.0.0.0)".to_owned(),
                reason: "This device has not logged in to your account before.".to_owned(),
                link: "https://auth.example/d#token=a.b".to_owned(),
            },
            Content::ReauthenticationCode { code: "012345".to_owned() },
            Content::PasswordReset { link: "https://auth.example/d#reset=a.b".to_owned() },
            Content::PasswordChanged { at: "2026-01-02T03:04:05Z".to_owned() },
            Content::SessionEndedForReuse { at: "2026-01-02T03:04:05Z".to_owned() },
            Content::LoginCode { code: "012345".to_owned() },
            Content::MfaEnabled { at: "2026-01-02T03:04:05Z".to_owned() },
            Content::MfaDisabled { at: "2026-01-02T03:04:05Z".to_owned() },
            Content::BackupCodesRegenerated { at: "2026-01-02T03:04:05Z".to_owned() },
            Content::BackupCodeUsed { at: "2026-01-02T03:04:05Z".to_owned(), left: "7".to_owned() },
            Content::PasskeyAdded { at: "2026-01-02T03:04:05Z".to_owned(), name: "Work laptop".to_owned() },
            Content::PasskeyRemoved { at: "2026-01-02T03:04:05Z".to_owned(), name: "Work laptop".to_owned() },
        ]
    }

    #[test]
    fn every_kind_renders_with_all_that_it_tells() {
        for content in all() {
            let mail = render(&content, "Tulip & Co").unwrap();
            assert!(!mail.subject.is_empty() && !mail.subject.contains('\n'), "{mail:?}");
            assert!(mail.html.contains("Tulip &amp; Co") && mail.text.contains("Tulip & Co"), "{mail:?}");
            let told = serde_json::to_value(&content).unwrap();
            for (name, value) in told.as_object().unwrap().iter().filter(|(name, _)| *name != "kind") {
                let value = value.as_str().unwrap();
                assert!(mail.text.contains(value), "{name} in {}", mail.text);
                // Autoescaping writes "/" as an entity.
                assert!(mail.html.replace("&#x2f;", "/").contains(value), "{name} in {}", mail.html);
            }
        }
    }

    #[test]
    fn what_a_template_is_given_cannot_become_markup() {
        let content = Content::SessionEndedForReuse { at: "<script>alert(1)</script>".to_owned() };
        assert!(!render(&content, "<b>x</b>").unwrap().html.contains("<script>"));
        assert!(!render(&content, "<b>x</b>").unwrap().html.contains("<b>x</b>"));
    }
}
