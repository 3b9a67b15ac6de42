//! The mails that are sent: what each contains, and the budget that it is counted against.

use serde::{Deserialize, Serialize};

use super::{
    language::Language,
    limits::{
        ALERT_BY_ADDRESS, CODE_MAIL_BY_ADDRESS, LOGIN_CODE_MAIL_BY_ADDRESS, Limit, MAIL_BY_ADDRESS,
        REUSE_NOTICE_BY_ADDRESS,
    },
};

/// Seconds after which the notice of an event is no longer sent.
pub const NOTICE_SECONDS: i64 = 2 * 86_400;

/// A mail to send. The outbox holds it encrypted as a whole.
#[derive(Serialize, Deserialize)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// English for mails from before other languages existed.
    #[serde(default)]
    pub language: Language,
    pub content: Content,
}

/// Declares every mail once: its kind, its budget and its fields. The kind is also the folder of its two templates under
/// `shared/templates/emails`, and the name of its texts in `shared/web/texts/*/mails.json`.
macro_rules! mails {
    ($($(#[doc = $doc:literal])+ $name:ident($kind:literal, $budget:ident) { $($field:ident),* })+) => {
        /// What a mail says. Times (`at`) are in RFC 3339. A `code` has six digits. A `link` opens a page that asks before it acts, and
        /// has its token in the fragment. A field is empty in a mail from before it existed. Where the texts have an object of a field's
        /// name, the field has codes with spaces in between.
        #[derive(Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Content {
            $($(#[doc = $doc])+ #[serde(rename = $kind)] $name { $(#[serde(default)] $field: String),* },)+
        }

        impl Content {
            /// The templates: text and HTML of every kind, by their names.
            pub const TEMPLATES: &[[(&str, &str); 2]] = &[$([
                (concat!($kind, "/body.txt"), include_str!(concat!("../../templates/emails/", $kind, "/body.txt"))),
                (concat!($kind, "/body.html"), include_str!(concat!("../../templates/emails/", $kind, "/body.html"))),
            ]),+];

            /// The kind, as a tag of the mail and in its audit event.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $kind,)+
                }
            }

            /// The budget of the mailbox that the mail is counted against.
            pub const fn budget(&self) -> Budget {
                match self {
                    $(Self::$name { .. } => Budget::$budget,)+
                }
            }

            /// One of each kind, for tests.
            pub fn samples() -> Vec<Self> {
                vec![$(Self::$name { $($field: sample(stringify!($field))),* },)+]
            }
        }
    };
}

/// A value for a field of a mail: `sample-at` for the field `at`, and a number for one that counts.
fn sample(field: &str) -> String {
    if field == "left" { "7".to_owned() } else { format!("sample-{field}") }
}

mails! {
    /// A code and a link that prove the address of a registration.
    VerifyRegistration("verify_registration", Anyone) { code, link }
    /// A code and a link to log in. Each is empty where the deployment sends only the other.
    LoginMail("login_mail", Anyone) { code, link }
    /// A registration with an address that has an account.
    AlreadyRegistered("already_registered", Anyone) {}
    /// A suspicious login: time, browser and its system (or a program and nothing), location, codes of the reasons, and a link to
    /// disown the login.
    NewLogin("new_login", Alerts) { at, device, system, location, reason, link }
    /// A code that proves the identity of a session's user.
    ReauthenticationCode("reauthentication_code", Codes) { code }
    /// A link to set a new password, for an owner who disowned a login.
    PasswordReset("password_reset", Unlimited) { link }
    /// A link to set a new password, for an owner who forgot the old one.
    PasswordForgot("password_forgot", Anyone) { link }
    /// The password was changed in a session. `others` is a code of what became of the other sessions.
    PasswordChangedInSession("password_changed_in_session", Unlimited) { at, others }
    /// A code that proves the address that an account gets.
    EmailChangeCode("email_change_code", Anyone) { code }
    /// Another address was asked for in a session. It goes to the current address.
    EmailChangeRequested("email_change_requested", Codes) { at }
    /// The account has another address. It goes to the old one, with a link to undo the change.
    EmailChanged("email_changed", Unlimited) { at, link }
    /// The account no longer has this address, because a former one came back.
    EmailLeft("email_left", Unlimited) { at }
    /// A change of the address was undone. It goes to the address that came back, with a link to set a new password.
    EmailChangeUndone("email_change_undone", Unlimited) { link }
    /// The account was deactivated.
    AccountDeactivated("account_deactivated", Unlimited) { at }
    /// The account was deleted.
    AccountDeleted("account_deleted", Unlimited) { at }
    /// A copy of the account's data was downloaded.
    AccountExported("account_exported", Codes) { at }
    /// The password was reset.
    PasswordChanged("password_changed", Unlimited) { at }
    /// A spent refresh token was presented again, so the session was ended.
    SessionEndedForReuse("session_ended_for_reuse", ReuseNotices) { at }
    /// A code that finishes a login on an unrecognised device.
    LoginCode("login_code", LoginCodes) { code }
    /// MFA was turned on.
    MfaEnabled("mfa_enabled", Unlimited) { at }
    /// MFA was turned off.
    MfaDisabled("mfa_disabled", Unlimited) { at }
    /// New backup codes replaced the old ones.
    BackupCodesRegenerated("backup_codes_regenerated", Unlimited) { at }
    /// A backup code was used. `left` is the number of those that remain.
    BackupCodeUsed("backup_code_used", Unlimited) { at, left }
    /// A passkey was added, with this name.
    PasskeyAdded("passkey_added", Unlimited) { at, name }
    /// A passkey was removed, with this name.
    PasskeyRemoved("passkey_removed", Unlimited) { at, name }
    /// An identity of this sign-in provider was linked.
    IdentityLinked("identity_linked", Unlimited) { at, provider }
    /// An identity of this sign-in provider was unlinked.
    IdentityUnlinked("identity_unlinked", Unlimited) { at, provider }
}

/// Declares every budget once: its stored name and its limit.
macro_rules! budgets {
    ($($(#[doc = $doc:literal])+ $name:ident($stored:literal, $limit:expr))+) => {
        /// The mail budgets of a mailbox. They are separate, and each kind of mail counts on its own in its budget. So nobody can
        /// use up the mails that others cause.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Budget {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Budget {
            const ALL: &[Self] = &[$(Self::$name),+];

            /// The stored value.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $stored,)+
                }
            }

            /// Reads a stored value.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }

            /// Whether anybody can cause the mails, so that the whole deployment has a limit too.
            pub const fn is_open_to_anybody(self) -> bool {
                matches!(self, Self::Anyone)
            }

            /// The limit, if there is one.
            pub const fn limit(self) -> Option<Limit> {
                match self {
                    $(Self::$name => $limit,)+
                }
            }
        }
    };
}

budgets! {
    /// Mails that anybody who knows the address can cause.
    Anyone("anyone", Some(MAIL_BY_ADDRESS))
    /// Alerts that anybody with the password can cause.
    Alerts("alerts", Some(ALERT_BY_ADDRESS))
    /// Codes and notices that anybody with a session can cause.
    Codes("codes", Some(CODE_MAIL_BY_ADDRESS))
    /// Codes that anybody with the password can cause.
    LoginCodes("login_codes", Some(LOGIN_CODE_MAIL_BY_ADDRESS))
    /// Notices that anybody with a refresh token can cause.
    ReuseNotices("reuse_notices", Some(REUSE_NOTICE_BY_ADDRESS))
    /// Mails that something else limits: confirmed links, allowed changes, existing codes.
    Unlimited("unlimited", None)
}
