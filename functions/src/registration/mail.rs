//! The code and the link that prove an address, and the mail that carries them.

use shared::{
    app::App,
    clock::Timestamp,
    crypto::password_hash::Cost,
    domain::{
        challenge::{CODE_SECONDS, LINK_SECONDS},
        mail::Content,
        otp_code::OtpCode,
    },
    error::Error,
    keyring::Purpose,
    store::{Pending, StoredMail},
    vault::Vault,
};

use crate::step_token::StepToken;

/// What a challenge asks for from now on, and the mail that tells it. Where the address has an account (`decoy`) the mail says that
/// instead; the work is the same.
pub(super) async fn prepare(
    app: &App,
    vault: &Vault<'_>,
    challenge: &str,
    address: &str,
    decoy: bool,
    ends_at: Timestamp,
) -> Result<(Pending, StoredMail), Error> {
    let now = app.clock.now();
    let code = OtpCode::random(&*app.rng);
    let link = StepToken::random(app, challenge);
    let peppers = app.keyring.get(Purpose::Pepper).await?;
    let public_url = app.public_url().await?; // for decoys too: they ask the same of the tables
    let pending = Pending::Mail {
        code_hash: app.hasher.hash(code.bytes(), app.rng.bytes(), peppers.pepper(), Cost::CODE).await?,
        code_expires_at: now.plus_seconds(CODE_SECONDS).min(ends_at),
        link_hash: link.hash(app).await?,
        link_expires_at: now.plus_seconds(LINK_SECONDS).min(ends_at),
    };
    let content = if decoy {
        Content::AlreadyRegistered {}
    } else {
        Content::VerifyRegistration {
            code: code.display().to_string(),
            // In the fragment, which no server and no log on the way sees.
            link: format!("{public_url}/verify-email#token={}", link.encode()),
        }
    };
    let mail = vault.mail(address, content, LINK_SECONDS).await?;
    Ok((pending, mail))
}
