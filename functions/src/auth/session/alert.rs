//! The alert of a suspicious login: audit events, and a mail with a link to disown the login.

use shared::{
    app::App,
    context::Context,
    domain::{
        audit::{Action, Outcome},
        challenge::DISOWN_SECONDS,
        disowned_login::Enrolment,
        geo_location::GeoLocation,
        login_mail::LOGIN_MAIL_AMR,
        mail::{Content, Mail, NOTICE_SECONDS},
        network,
        provider::FEDERATED_AMR,
        suspicion::{Suspicion, SuspiciousLogin},
        user_agent::UserAgent,
    },
    error::Error,
    mail,
    store::{AuditEvent, Challenge, DisownedLogin, Expected, StoredMail, Transaction},
};

use crate::auth::{continuation_token::ContinuationToken, session::subject::SignInSubject, user};

/// The writes that a suspicious login adds to its transaction.
pub(crate) struct Alert {
    /// One event for each suspicion.
    events: Vec<AuditEvent>,
    /// The mail, and the challenge of its link, if the account has an address.
    mail: Option<(StoredMail, Challenge<DisownedLogin>)>,
}

/// Prepares an alert. Stores nothing.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(crate) async fn prepare(
    context: Context<'_>,
    subject: &SignInSubject<'_>,
    location: Option<&GeoLocation>,
    suspicions: &[Suspicion],
) -> Result<Alert, Error> {
    let Context { app, request } = context;
    let SignInSubject { account, cipher, .. } = *subject;
    let mut events = Vec::new();
    for suspicion in suspicions {
        events.push(context.event(cipher, Action::SuspiciousLogin, Outcome::Success, suspicion.as_str()).await?);
    }
    let Some(address) = user::address(cipher, account).await? else { return Ok(Alert { events, mail: None }) };
    let now = app.clock.now();
    let link = ContinuationToken::new(app);
    let expires_at = now.plus_seconds(DISOWN_SECONDS);
    let payload = DisownedLogin {
        login: Enrolment { at: now, device_epoch: account.device_epoch },
        email_hash: account.email_hash.clone(),
        passkey: subject.passkey.map(str::to_owned),
    };
    let expected = Expected::Mailed { code: None, link: Some(link.expected(app, expires_at).await?) };
    let challenge = Challenge::new(&link.challenge, &account.id, payload, expected, expires_at);
    let network = network::truncated(request.client.ip);
    let agent = UserAgent::parse(&request.client.user_agent);
    let (device, system) = agent.names().unwrap_or(("unknown_device", None));
    let content = Content::NewLogin {
        at: now.rfc3339(),
        device: device.to_owned(),
        system: system.unwrap_or_default().to_owned(),
        location: match location.map(GeoLocation::describe).filter(|text| !text.is_empty()) {
            Some(text) => format!("{text} ({network})"),
            None => network,
        },
        reason: reason(subject, suspicions),
        link: format!("{}/login-disown#token={}", app.public_url().await?, link.encode()),
    };
    let mail = Mail { to: address, language: account.language, content };
    let mail = mail::compose(cipher, &mail, now.plus_seconds(NOTICE_SECONDS)).await?;
    Ok(Alert { events, mail: Some((mail.in_epoch_of(account), challenge)) })
}

/// The codes of the sentences for the owner.
fn reason(subject: &SignInSubject<'_>, suspicions: &[Suspicion]) -> String {
    let proven_by = |amr: &str| subject.amr.iter().any(|method| method == amr);
    let pending = if proven_by(LOGIN_MAIL_AMR) {
        "mail_was_right"
    } else if proven_by(FEDERATED_AMR) {
        "service_was_used"
    } else if subject.passkey.is_some() {
        "passkey_was_used"
    } else {
        "password_was_right"
    };
    let pending = subject.pending.then_some(pending);
    suspicions.iter().map(|suspicion| suspicion.as_str()).chain(pending).collect::<Vec<_>>().join(" ")
}

impl Alert {
    /// Adds the alert to the transaction.
    pub(crate) fn add_to(&self, transaction: &mut Transaction) {
        for event in &self.events {
            transaction.record_event(event);
        }
        if let Some((mail, challenge)) = &self.mail {
            transaction.issue_challenge(challenge);
            transaction.put_mail(mail);
        }
    }

    /// Whether the session proves nothing sensitive until a mailed code confirms the login. False for an account
    /// without an address, because it could never confirm.
    pub(crate) fn asks_for_step_up(&self, app: &App) -> bool {
        app.config.suspicious_login == SuspiciousLogin::StepUp && self.mail.is_some()
    }
}
