//! The code and the link that prove an address, and the mail that carries them.

use shared::{
    app::App,
    clock::Timestamp,
    domain::{
        challenge::{CODE_SECONDS, LINK_SECONDS},
        language::Language,
        mail::{Content, Mail},
    },
    error::Error,
    mail,
    store::{Expected, StoredMail},
    user_cipher::UserCipher,
};

use crate::auth::{continuation_token::ContinuationToken, limits::Network, mailed_code};

/// The registration that a mail belongs to.
pub(super) struct Recipient<'a> {
    pub(super) cipher: &'a UserCipher<'a>,
    pub(super) challenge: &'a str,
    pub(super) address: &'a str,
    /// The language that the request asks for.
    pub(super) language: Language,
    /// The network that asks for the mail.
    pub(super) sender: &'a Network,
    /// Whether the address already has an account. The mail then says so, and the work is the same.
    pub(super) decoy: bool,
    /// The end of the registration.
    pub(super) ends_at: Timestamp,
}

/// The challenge's new expected secrets, and the mail with them.
///
/// # Errors
/// `temporarily_unavailable`.
pub(super) async fn prepare(app: &App, to: &Recipient<'_>) -> Result<(Expected, StoredMail), Error> {
    let now = app.clock.now();
    let until = |seconds| now.plus_seconds(seconds).min(to.ends_at);
    let (code, code_hash) = mailed_code::new(app, until(CODE_SECONDS)).await?;
    let link = ContinuationToken::for_challenge(app, to.challenge);
    let public_url = app.public_url().await?; // for decoys too, so that they cause the same reads
    let expected =
        Expected::Mailed { code: Some(code_hash), link: Some(link.expected(app, until(LINK_SECONDS)).await?) };
    let content = if to.decoy {
        Content::AlreadyRegistered {}
    } else {
        Content::VerifyRegistration {
            code: code.display().to_string(),
            // The token is in the fragment, which reaches no server and no log.
            link: format!("{public_url}/verify-email#token={}", link.encode()),
        }
    };
    let mail = Mail { to: to.address.to_owned(), language: to.language, content };
    let mail = mail::compose(to.cipher, &mail, now.plus_seconds(LINK_SECONDS)).await?;
    Ok((expected, mail.caused_by(to.sender.widest())))
}
