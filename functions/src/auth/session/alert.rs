//! A login that is unlike those before it: what is written down, what the owner is told, and the link by which they disown it.

use shared::{
    app::App,
    domain::{
        audit::{Action, Outcome},
        challenge::DISOWN_SECONDS,
        geo_location::GeoLocation,
        mail::{Content, NOTICE_SECONDS},
        network,
        suspicion::{Suspicion, SuspiciousLogin},
        user_agent::UserAgent,
    },
    error::Error,
    http::Client,
    store::{About, Account, Answer, AuditEvent, Challenge, Pending, StoredMail, Transaction},
    user_cipher::UserCipher,
};

use crate::auth::{continuation_token::ContinuationToken, user};

/// What a suspicious login brings with it.
pub(crate) struct Alert {
    /// One for each way in which the login is unlike others.
    events: Vec<AuditEvent>,
    /// The mail and the challenge that its link answers, where the account has an address.
    mail: Option<(StoredMail, Challenge)>,
}

/// Prepares an alert; stores nothing.
pub(crate) async fn prepare(
    app: &App,
    account: &Account,
    cipher: &UserCipher<'_>,
    client: &Client,
    place: Option<&GeoLocation>,
    suspicions: &[Suspicion],
) -> Result<Alert, Error> {
    let mut events = Vec::new();
    for suspicion in suspicions {
        events.push(cipher.event(Action::SuspiciousLogin, Outcome::Success, suspicion.as_str(), client).await?);
    }
    let Some(address) = user::address(cipher, account).await? else { return Ok(Alert { events, mail: None }) };
    let now = app.clock.now();
    let link = ContinuationToken::new(app);
    let expires_at = now.plus_seconds(DISOWN_SECONDS);
    let challenge = Challenge {
        id: link.challenge.clone(),
        user_id: account.id.clone(),
        about: About::DisownedLogin(account.device_epoch),
        pending: Pending::Mailed { code: None, link: Some(Answer { hash: link.hash(app).await?, expires_at }) },
        generation: 1,
        attempts: 0,
        ends_at: expires_at,
    };
    let network = network::truncated(client.ip);
    let content = Content::NewLogin {
        at: now.rfc3339(),
        device: UserAgent::parse(&client.user_agent).describe(),
        place: match place.map(GeoLocation::describe).filter(|words| !words.is_empty()) {
            Some(words) => format!("{words} ({network})"),
            None => network,
        },
        reason: suspicions.iter().map(|suspicion| suspicion.describe()).collect::<Vec<_>>().join(" "),
        link: format!("{}/login-disown#token={}", app.public_url().await?, link.encode()),
    };
    let mail = cipher.mail(&address, content, NOTICE_SECONDS).await?.in_epoch_of(account);
    Ok(Alert { events, mail: Some((mail, challenge)) })
}

impl Alert {
    /// Adds what is to be stored.
    pub(crate) fn add_to(&self, transaction: &mut Transaction, app: &App) {
        for event in &self.events {
            transaction.audit(&app.store, event);
        }
        if let Some((mail, challenge)) = &self.mail {
            transaction.issue_challenge(&app.store, challenge);
            transaction.put_mail(&app.store, mail);
        }
    }

    /// Whether the session is to count as proven for nothing sensitive until a mailed code confirms it. An account without an address
    /// could never confirm it.
    pub(crate) fn asks_for_step_up(&self, app: &App) -> bool {
        app.config.suspicious_login == SuspiciousLogin::StepUp && self.mail.is_some()
    }
}
