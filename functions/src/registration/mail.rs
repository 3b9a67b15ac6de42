//! The code and the link that prove an address, and the mail that carries them.

use shared::{
    app::App,
    clock::Timestamp,
    domain::{
        challenge::{CODE_SECONDS, LINK_SECONDS},
        mail::Content,
    },
    error::Error,
    store::{Answer, Pending, StoredMail},
    user_cipher::UserCipher,
};

use crate::auth::{continuation_token::ContinuationToken, mailed_code};

/// What a challenge asks for from now on, and the mail that tells it. Where the address has an account (`decoy`) the mail says that
/// instead; the work is the same.
pub(super) async fn prepare(
    app: &App,
    cipher: &UserCipher<'_>,
    challenge: &str,
    address: &str,
    decoy: bool,
    ends_at: Timestamp,
) -> Result<(Pending, StoredMail), Error> {
    let now = app.clock.now();
    let (code, code_hash) = mailed_code::new(app).await?;
    let link = ContinuationToken::random(app, challenge);
    let public_url = app.public_url().await?; // for decoys too: they ask the same of the tables
    let until = |seconds| now.plus_seconds(seconds).min(ends_at);
    let pending = Pending::Mailed {
        code: Some(Answer { hash: code_hash, expires_at: until(CODE_SECONDS) }),
        link: Some(Answer { hash: link.hash(app).await?, expires_at: until(LINK_SECONDS) }),
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
    let mail = cipher.mail(address, content, LINK_SECONDS).await?;
    Ok((pending, mail))
}
