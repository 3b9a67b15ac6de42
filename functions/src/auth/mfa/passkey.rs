//! Passkeys: what is stored of one, opened; what is kept while one is asked for; and whether an answer is right.

use serde::Serialize;
use shared::{
    app::App,
    clock::Timestamp,
    crypto::{
        field,
        key::{KeyPurpose, KeySet},
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{
        audit::{Action, Outcome},
        second_factor::Method,
    },
    error::Error,
    http::Client,
    store::{AuditEvent, Challenge, StoredPasskey, Transaction, passkey_key},
    user_cipher::UserCipher,
    webauthn::{Allowed, Assertion, RegisteredCredential, RelyingParty, Signals},
};

/// A passkey, as its owner sees it (API.md, `passkey-list`).
#[derive(Serialize)]
pub(crate) struct PasskeyView {
    id: String,
    name: String,
    created_at: String,
    last_used_at: Option<String>,
    backed_up: bool,
    transports: Vec<String>,
}

impl PasskeyView {
    /// Decrypts a passkey for its owner.
    pub(crate) async fn of(cipher: &UserCipher<'_>, passkey: &StoredPasskey) -> Result<Self, Error> {
        Ok(Self {
            id: passkey.id.clone(),
            name: name(cipher, passkey).await?,
            created_at: passkey.created_at.rfc3339(),
            last_used_at: passkey.last_used_at.map(Timestamp::rfc3339),
            backed_up: passkey.backed_up,
            transports: credential(cipher, passkey).await?.transports().to_vec(),
        })
    }
}

/// A passkey's id: its credential id's look-up hash.
pub(crate) fn id(index: &KeySet, credential_id: &[u8]) -> String {
    lookup_hash(index, Subject::Credential, credential_id)
}

/// What a passkey is called.
pub(crate) async fn name(cipher: &UserCipher<'_>, passkey: &StoredPasskey) -> Result<String, Error> {
    let item = passkey_key(&passkey.user_id, &passkey.id);
    let place = StoredPasskey::place(&item, "passkey_name");
    Ok(cipher.open(KeyPurpose::FieldMfa, place, &passkey.name).await?.to_string())
}

/// The credential of a passkey.
pub(crate) async fn credential(
    cipher: &UserCipher<'_>,
    passkey: &StoredPasskey,
) -> Result<RegisteredCredential, Error> {
    let item = passkey_key(&passkey.user_id, &passkey.id);
    cipher.open_json(KeyPurpose::FieldMfa, StoredPasskey::place(&item, "credential"), &passkey.credential).await
}

/// These passkeys, as a browser is asked for them.
pub(crate) async fn allowed(cipher: &UserCipher<'_>, passkeys: &[StoredPasskey]) -> Result<Vec<Allowed>, Error> {
    let mut allowed = Vec::new();
    for stored in passkeys {
        let credential = credential(cipher, stored).await?;
        allowed.push(Allowed { id: credential.id().to_vec(), transports: credential.transports().to_vec() });
    }
    Ok(allowed)
}

/// Encrypts what is kept in a challenge while a passkey is asked for: without anybody's salt, since nobody may be known yet; it lives for
/// minutes.
pub(crate) async fn seal_state(app: &App, challenge: &str, state: &str) -> Result<String, Error> {
    let keys = app.keyring.get(KeyPurpose::FieldMfa).await?;
    let item = Challenge::item_key(challenge);
    let place = Challenge::place(&item, "state");
    field::seal(&keys, None, KeyPurpose::FieldMfa, place, state.as_bytes(), &*app.rng)
}

/// Decrypts it.
pub(crate) async fn open_state(app: &App, challenge: &str, sealed: &str) -> Result<String, Error> {
    let keys = app.keyring.get(KeyPurpose::FieldMfa).await?;
    let item = Challenge::item_key(challenge);
    let state = field::open(&keys, None, KeyPurpose::FieldMfa, Challenge::place(&item, "state"), sealed)?;
    String::from_utf8(state.to_vec()).map_err(|_| Error::internal("a challenge's state is no text"))
}

/// A right answer by a passkey. It takes effect with the transaction that it is added to.
pub(crate) struct Proof {
    before: StoredPasskey,
    now: StoredPasskey,
    events: Vec<AuditEvent>,
}

/// The proof that an answer is, by that passkey of the cipher's owner.
///
/// # Errors
/// `invalid_code` where it is none.
pub(crate) async fn verify(
    app: &App,
    cipher: &UserCipher<'_>,
    passkey: &StoredPasskey,
    assertion: &Assertion,
    state: &str,
    client: &Client,
) -> Result<Proof, Error> {
    if assertion.is_of_another_than(&passkey.user_id) {
        return Err(Error::InvalidCode);
    }
    let credential = credential(cipher, passkey).await?;
    let Signals { sign_count, backup_eligible, backed_up } =
        RelyingParty::of(app).await?.asserted(assertion, state, &credential)?;
    let changes = [
        ("sign_count", (sign_count != 0 || passkey.sign_count != 0) && sign_count <= passkey.sign_count),
        ("backup_state", backed_up != passkey.backed_up),
        ("backup_eligibility", backup_eligible != passkey.backup_eligible),
    ];
    let mut events = Vec::new();
    for (what, _) in changes.into_iter().filter(|(_, changed)| *changed) {
        events.push(cipher.event(Action::PasskeySignal, Outcome::Success, what, client).await?);
    }
    let now = StoredPasskey { sign_count, backup_eligible, backed_up, ..passkey.clone() };
    Ok(Proof { before: passkey.clone(), now, events })
}

impl Proof {
    /// What `amr` says of it (RFC 8176): both a key, in software where it may be copied, and whoever unlocked it.
    pub(crate) fn amr(&self) -> Vec<String> {
        self.key_amr().iter().chain(Method::Passkey.amr()).map(|&method| method.to_owned()).collect()
    }

    /// What of it is the key.
    pub(crate) const fn key_amr(&self) -> &'static [&'static str] {
        if self.now.backup_eligible { &["swk"] } else { &["hwk"] }
    }

    /// Adds to the transaction that the passkey was used. Refused as `passkey` if it isn't as it was read.
    pub(crate) fn add_to(&self, app: &App, transaction: &mut Transaction) {
        transaction.use_passkey(&app.store, &self.before, &self.now, app.clock.now());
        for event in &self.events {
            transaction.audit(&app.store, event);
        }
    }
}
