//! Passkeys: decrypted for their owner, offered to browsers, and verified.

use serde::Serialize;
use shared::{
    app::App,
    clock::Timestamp,
    context::Context,
    crypto::{
        field::{self, Field},
        key::KeySet,
        lookup_hash::{Subject, lookup_hash, raw},
        secret::hmac,
    },
    domain::{
        audit::{Action, Outcome},
        second_factor::{MULTI_FACTOR, SecondFactorMethod},
    },
    error::Error,
    fields::schema,
    store::{AuditEvent, StoredPasskey, Transaction, challenge_key},
    user_cipher::UserCipher,
    webauthn::{Allowed, AssertionResponse, RegisteredCredential, Signals},
};

/// A passkey for its owner (docs/api.md, `passkey-list`).
#[derive(Serialize)]
pub(crate) struct PasskeyView {
    id: String,
    name: String,
    created_at: String,
    last_used_at: Option<String>,
    backed_up: bool,
    verified: bool,
    transports: Vec<String>,
}

impl PasskeyView {
    pub(crate) fn schema() -> serde_json::Value {
        schema::Object::new("Passkey", "A passkey of an account.")
            .with("id", schema::text("The id.", "q5UDmRyUeHXCYWFCVoFZ7g"))
            .with("name", schema::text("The name that lists show.", "Phone"))
            .with("created_at", schema::time("When the passkey was added."))
            .with("last_used_at", schema::nullable(schema::time("When the passkey was last used.")))
            .with("backed_up", schema::boolean("Whether the passkey is synchronised."))
            .with(
                "verified",
                schema::boolean("Whether the passkey counts as two factors. False only after a conditional creation."),
            )
            .with("transports", schema::list("The transports that the browser reported.", schema::text("", "internal")))
            .schema()
    }

    /// Decrypts a passkey for its owner.
    ///
    /// # Errors
    /// `temporarily_unavailable` without the key.
    pub(crate) async fn open(cipher: &UserCipher<'_>, passkey: &StoredPasskey) -> Result<Self, Error> {
        Ok(Self {
            id: passkey.id.clone(),
            name: name(cipher, passkey).await?,
            created_at: passkey.created_at.rfc3339(),
            last_used_at: passkey.last_used_at.map(Timestamp::rfc3339),
            backed_up: passkey.backed_up,
            verified: passkey.verified,
            transports: credential(cipher, passkey).await?.transports().to_vec(),
        })
    }
}

/// The id of a passkey: the lookup hash of its credential id.
pub(crate) fn id(index: &KeySet, credential_id: &[u8]) -> String {
    lookup_hash(index, Subject::Credential, credential_id)
}

/// The name of a passkey, decrypted.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn name(cipher: &UserCipher<'_>, passkey: &StoredPasskey) -> Result<String, Error> {
    let fields = cipher.item(&StoredPasskey::key(&passkey.user_id, &passkey.id));
    Ok(fields.open(StoredPasskey::NAME, &passkey.name).await?.to_string())
}

/// The credential of a passkey, decrypted.
async fn credential(cipher: &UserCipher<'_>, passkey: &StoredPasskey) -> Result<RegisteredCredential, Error> {
    let fields = cipher.item(&StoredPasskey::key(&passkey.user_id, &passkey.id));
    fields.open_json(StoredPasskey::CREDENTIAL, &passkey.credential).await
}

/// The passkeys that a browser may use.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn allowed(cipher: &UserCipher<'_>, passkeys: &[StoredPasskey]) -> Result<Vec<Allowed>, Error> {
    let mut allowed = Vec::new();
    for stored in passkeys {
        let credential = credential(cipher, stored).await?;
        allowed.push(Allowed { id: credential.id().to_vec(), transports: credential.transports().to_vec() });
    }
    Ok(allowed)
}

/// Decoys of the passkeys of an account without any: credential ids like those of common authenticators. They are derived from the
/// identifier, so they never change.
///
/// The second half of an id is derived from the first, so that [`is_decoy`] recognises it without the identifier.
pub(crate) fn decoys(index: &KeySet, identifier_hash: &str) -> Vec<Allowed> {
    let seed = raw(index, Subject::DecoyCredential, identifier_hash.as_bytes());
    let how_many = if seed[0] < 64 { 2 } else { 1 };
    (0..how_many)
        .map(|number: u8| {
            let kind = hmac(&seed, &[b"kind", &[number]])[0];
            let (length, transports): (usize, &[&str]) = match kind {
                0..=99 => (20, &["hybrid", "internal"]),
                100..=169 => (16, &["hybrid", "internal"]),
                170..=229 => (32, &["internal"]),
                230..=245 => (64, &["nfc", "usb"]),
                _ => (32, &[]),
            };
            let half = &hmac(&seed, &[b"id", &[number]])[..length / 2];
            let id = [half, &raw(index, Subject::DecoyCredentialHalf, half)[..length / 2]].concat();
            Allowed { id, transports: transports.iter().map(|&name| name.to_owned()).collect() }
        })
        .collect()
}

/// Whether [`decoys`] made this credential id for any identifier. No client knows it, because ids are random.
pub(crate) fn is_decoy(index: &KeySet, credential_id: &[u8]) -> bool {
    let (half, rest) = credential_id.split_at(credential_id.len() / 2);
    (8..=32).contains(&half.len())
        && rest.len() == half.len()
        && *rest == raw(index, Subject::DecoyCredentialHalf, half)[..half.len()]
}

/// The refusal of a passkey. `unknown_credential` says that nobody has registered it, so that a page can tell the password manager. A
/// decoy is refused as a registered one, because it would reveal that its account has no passkeys.
///
/// Every refusal makes the same read, so the time reveals nothing either.
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) async fn refusal(app: &App, index: &KeySet, assertion: &AssertionResponse) -> Result<Error, Error> {
    let credential_id = assertion.credential_id();
    let registered = app.store.is_passkey_registered(&id(index, credential_id)).await?;
    let known = registered || is_decoy(index, credential_id);
    Ok(if known { Error::InvalidCode } else { Error::UnknownCredential })
}

/// Encrypts the WebAuthn state of a challenge, without a user's salt, because the user may not be known yet. The
/// challenge exists for minutes.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn seal_state(app: &App, field: Field, challenge: &str, state: &str) -> Result<String, Error> {
    let keys = app.keyring.get(field.purpose).await?;
    let item = challenge_key(challenge).location();
    field::seal(&keys, None, field.at(&item), state.as_bytes(), &*app.rng)
}

/// Decrypts the WebAuthn state of a challenge.
///
/// # Errors
/// `temporarily_unavailable` without the key.
pub(crate) async fn open_state(app: &App, field: Field, challenge: &str, sealed: &str) -> Result<String, Error> {
    let keys = app.keyring.get(field.purpose).await?;
    let item = challenge_key(challenge).location();
    let state = field::open(&keys, None, field.at(&item), sealed)?;
    String::from_utf8(state.to_vec()).map_err(|_| Error::internal("a challenge's state is not text"))
}

/// A correct signature by a passkey, with user verification. It takes effect with its transaction.
pub(crate) struct VerifiedPasskey {
    loaded: StoredPasskey,
    used: StoredPasskey,
    events: Vec<AuditEvent>,
}

/// Verifies the signature of a user's passkey.
///
/// # Errors
/// `invalid_code` if it is wrong; `temporarily_unavailable`.
pub(crate) async fn verify(
    context: Context<'_>,
    cipher: &UserCipher<'_>,
    passkey: &StoredPasskey,
    assertion: &AssertionResponse,
    state: &str,
) -> Result<VerifiedPasskey, Error> {
    let credential = credential(cipher, passkey).await?;
    let Signals { sign_count, backup_eligible, backed_up } =
        context.app.relying_party().await?.verify_assertion(assertion, state, &credential)?;
    // After the signature, because one is verified for a decoy too. Whether a passkey may be copied never changes (WebAuthn Level 3,
    // section 7.2, the step on `backupEligible`).
    if assertion.names_another_user_than(&passkey.user_id) || backup_eligible != passkey.backup_eligible {
        return Err(Error::InvalidCode);
    }
    let changes = [
        ("sign_count", (sign_count != 0 || passkey.sign_count != 0) && sign_count <= passkey.sign_count),
        ("backup_state", backed_up != passkey.backed_up),
    ];
    let mut events = Vec::new();
    for (what, _) in changes.into_iter().filter(|(_, changed)| *changed) {
        events.push(context.event(cipher, Action::PasskeySignal, Outcome::Success, what).await?);
    }
    let used = StoredPasskey { sign_count, backed_up, ..passkey.clone() };
    Ok(VerifiedPasskey { loaded: passkey.clone(), used, events })
}

impl VerifiedPasskey {
    /// The `amr` of a login with it (RFC 8176): a key, and the user verification that unlocked it. If the passkey is not verified,
    /// it counts as one factor.
    pub(crate) fn amr(&self) -> Vec<String> {
        let methods = self.key_amr().iter().chain(SecondFactorMethod::Passkey.amr()).map(|&method| method.to_owned());
        methods.filter(|method| self.used.verified || method != MULTI_FACTOR).collect()
    }

    /// Makes this use verify the passkey. The caller has verified a second factor, and must count the passkey in the account.
    ///
    /// After a conditional creation nobody knows who made the passkey. So user verification alone proves no more than that the
    /// authenticator knows its user. Another factor must authorize that it counts as verified (WebAuthn Level 3, section 7.2, the
    /// step on `uvInitialized`).
    pub(crate) fn verify_passkey(&mut self) {
        self.used.verified = true;
    }

    /// The `amr` of the key: in software if it may be copied, otherwise in hardware.
    pub(crate) const fn key_amr(&self) -> &'static [&'static str] {
        if self.used.backup_eligible { &["swk"] } else { &["hwk"] }
    }

    /// Adds the use of the passkey to the transaction. Fails with `Condition::Passkey` if it changed after it was
    /// loaded.
    pub(crate) fn add_to(&self, app: &App, transaction: &mut Transaction) {
        transaction.use_passkey(&self.loaded, &self.used, app.clock.now());
        for event in &self.events {
            transaction.record_event(event);
        }
    }
}
