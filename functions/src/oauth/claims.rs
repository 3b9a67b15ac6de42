//! The claims about a user that a client gets, in ID tokens and from userinfo (OpenID Connect Core 1.0, sections 2 and 5).

use shared::{
    app::App,
    crypto::{
        id_token::{self, Claims, HintClaims},
        key::KeyPurpose,
    },
    domain::oauth::{claims::UserClaims, client::IdTokenAlg, scope::Scopes},
    error::Error,
    store::{Account, OAuthClient, Session},
    user_cipher::UserCipher,
};

use crate::auth::session::response::{level, proven_at};

/// The claims of the granted scopes, without those that the user lacks.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(super) async fn of_user(cipher: &UserCipher<'_>, account: &Account, scopes: &Scopes) -> Result<UserClaims, Error> {
    let fields = cipher.item(&Account::key(&account.id));
    let open = async |field, sealed: &Option<String>| {
        let text = fields.open_some(field, sealed.as_ref()).await?;
        Ok::<_, Error>(text.map(|text| text.to_string()))
    };
    let claims = UserClaims {
        name: open(Account::NAME, &account.name).await?,
        preferred_username: open(Account::USERNAME, &account.username).await?,
        picture: open(Account::PICTURE, &account.picture).await?,
        updated_at: Some(account.profile_updated_at.unwrap_or(account.created_at).seconds()),
        email: open(Account::EMAIL, &account.email).await?,
        // No account has an address that was not proven.
        email_verified: Some(true),
    };
    Ok(claims.within(scopes))
}

/// The session that an ID token is about.
pub(super) struct IdTokenOf<'a> {
    pub(super) client: &'a OAuthClient,
    pub(super) account: &'a Account,
    pub(super) cipher: &'a UserCipher<'a>,
    /// A client's session.
    pub(super) session: &'a Session,
    pub(super) nonce: Option<&'a str>,
    /// The access token that comes with it.
    pub(super) access_token: &'a str,
}

/// An ID token.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub(super) async fn id_token(app: &App, of: IdTokenOf<'_>) -> Result<String, Error> {
    let IdTokenOf { client, account, cipher, session, nonce, access_token } = of;
    let grant = session.grant.as_ref().ok_or_else(|| Error::internal("an ID token of our own login"))?;
    let now = app.clock.now();
    let fields = cipher.item(&Session::key(&account.id, &session.hash));
    let claims = Claims {
        iss: app.public_url().await?,
        sub: account.id.to_string(),
        aud: client.id.to_string(),
        iat: now.seconds(),
        exp: now.seconds() + id_token::LIFETIME_SECONDS,
        auth_time: proven_at(session),
        nonce: nonce.map(str::to_owned),
        acr: level(session, now).to_owned(),
        amr: session.amr.clone(),
        sid: fields.open(Session::BROWSER_SESSION_ID, &grant.browser_session_id).await?.to_string(),
        at_hash: id_token::at_hash(access_token),
        user: of_user(cipher, account, &grant.scopes).await?,
    };
    let purpose = match client.id_token_alg {
        IdTokenAlg::Es256 => KeyPurpose::Signing,
        IdTokenAlg::Rs256 => KeyPurpose::SigningRsa,
    };
    id_token::sign(&claims, client.id_token_alg, app.keyring.get(purpose).await?.newest())
}

/// The claims of an ID token that comes back as a hint. It may have expired.
///
/// # Errors
/// `temporarily_unavailable` without the keyring.
pub(super) async fn of_hint(app: &App, hint: &str) -> Result<Option<HintClaims>, Error> {
    let Some(key_id) = id_token::key_id(hint) else { return Ok(None) };
    let Some(key) = app.keyring.public_key(&key_id).await? else { return Ok(None) };
    Ok(id_token::verify_hint(hint, &key, &app.public_url().await?))
}
