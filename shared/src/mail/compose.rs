//! Composes mails for the outbox: encrypted, with their budget.

use zeroize::Zeroizing;

use crate::{
    clock::Timestamp,
    crypto::{
        field,
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
        secret::Token,
    },
    domain::{email_address::EmailAddress, mail::Mail},
    error::Error,
    store::StoredMail,
    user_cipher::UserCipher,
};

/// Composes a mail to a user. `send-email` drops it after `not_after`.
///
/// # Errors
/// `temporarily_unavailable` without the keys.
pub async fn compose(cipher: &UserCipher<'_>, mail: &Mail, not_after: Timestamp) -> Result<StoredMail, Error> {
    let id = Token::random(cipher.rng).encode();
    let (kind, budget) = (mail.content.kind().to_owned(), mail.content.budget());
    let index = cipher.keyring.get(KeyPurpose::Index).await?;
    let text = serde_json::to_string(mail).map(Zeroizing::new);
    let text = text.map_err(|_| Error::internal("a mail cannot be written as JSON"))?;
    let keys = cipher.keyring.get(KeyPurpose::FieldOutbox).await?;
    let item = StoredMail::key(&id).location();
    Ok(StoredMail {
        // The user's salt is not used, because `send-email` must not read it. The item exists for minutes.
        payload: field::seal(&keys, None, StoredMail::PAYLOAD.at(&item), text.as_bytes(), cipher.rng)?,
        counted_by: format!(
            "{kind}#{}",
            lookup_hash(&index, Subject::Email, EmailAddress::mailbox(&mail.to).as_bytes())
        ),
        budget,
        sender: None,
        pseudonym: cipher.pseudonym().await?,
        not_after,
        id,
        kind,
    })
}

/// Decrypts a mail. Only `send-email` calls it.
///
/// # Errors
/// `internal` if it does not decrypt.
pub fn open(keys: &crate::crypto::key::KeySet, stored: &StoredMail) -> Result<Mail, Error> {
    let item = StoredMail::key(&stored.id).location();
    let opened = field::open(keys, None, StoredMail::PAYLOAD.at(&item), &stored.payload)?;
    serde_json::from_slice(&opened).map_err(|_| Error::internal("a stored mail is not JSON of a mail"))
}
