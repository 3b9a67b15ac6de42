//! The audit events of refused logins and links by a sign-in provider. Each network causes a few of them.

use shared::{
    context::Context,
    crypto::key::KeyPurpose,
    domain::{
        audit::{Action, Outcome},
        ids::UserId,
        limits::REFUSED_ANSWER_BY_NETWORK,
        provider::LoginError,
    },
    error::Error,
    store::AuditEvent,
    user_cipher::UserCipher,
};

use crate::auth::{identity::METHOD, limits::Network};

/// Whom a refusal concerns.
#[derive(Clone, Copy)]
pub(super) enum Concerned<'a> {
    /// The owner of an account. The event is in the account's log.
    Owner { id: &'a UserId, cipher: &'a UserCipher<'a>, action: Action },
    /// No known account. The event has a pseudonym of this text, as the login of an unknown user has one.
    Unknown(&'a str),
}

/// The audit event of a refusal, counted. `None` if the network has caused too many. Those of an account are counted apart, so that
/// refusals of nobody's logins do not silence its log.
///
/// # Errors
/// `temporarily_unavailable`.
pub(super) async fn event(
    context: Context<'_>,
    concerned: Concerned<'_>,
    error: LoginError,
) -> Result<Option<AuditEvent>, Error> {
    let Context { app, request } = context;
    let index = app.keyring.get(KeyPurpose::Index).await?;
    let network = Network::of(&index, request);
    let counted_by = match concerned {
        Concerned::Owner { id, .. } => format!("{}#{id}", network.widest()),
        Concerned::Unknown(_) => network.widest().to_owned(),
    };
    let limit = app.config.limit(REFUSED_ANSWER_BY_NETWORK);
    if !app.store.count_if_below(limit, &counted_by, app.clock.now()).await? {
        return Ok(None);
    }
    let failure = Outcome::Failure(error.as_str());
    Ok(Some(match concerned {
        Concerned::Owner { cipher, action, .. } => context.event(cipher, action, failure, METHOD).await?,
        Concerned::Unknown(text) => {
            let (_, cipher) = app.decoy_cipher(text).await?;
            context.event(&cipher, Action::Login, failure, METHOD).await?
        }
    }))
}

/// Records a refusal, unless the network has caused too many.
///
/// # Errors
/// `temporarily_unavailable`.
pub(super) async fn record(context: Context<'_>, concerned: Concerned<'_>, error: LoginError) -> Result<(), Error> {
    match event(context, concerned, error).await? {
        Some(event) => context.app.store.record_event(&event).await,
        None => Ok(()),
    }
}
