//! Authorization codes (OAuth 2.1, section 4.1). The challenge's id is the keyed hash of the code.

use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::{
        challenge::{ChallengeKind, REDEEMED_CODE_SECONDS},
        oauth::{client::ClientId, scope::Scopes},
    },
    error::Error,
    store::{
        Challenge, Condition, Expected, Item, Payload, Store, Table, Transaction,
        challenges::{challenge_key, field},
    },
};

/// An app that a user authorized. The challenge names the user. Personal fields are encrypted under the user's keys.
#[derive(Debug, Clone)]
pub struct AuthorizationCode {
    pub client: ClientId,
    pub redirect_uri: String,
    /// The PKCE code challenge, by S256 (RFC 7636, section 4.2).
    pub code_challenge: String,
    pub scopes: Scopes,
    /// The lookup hash of the browser's session.
    pub session_hash: String,
    /// [`AuthorizationCode::NONCE`].
    pub nonce: Option<String>,
    /// [`AuthorizationCode::IP`].
    pub ip: String,
    /// [`AuthorizationCode::USER_AGENT`].
    pub user_agent: String,
}

impl AuthorizationCode {
    /// The client's nonce for the ID token.
    pub const NONCE: Field = field("nonce", KeyPurpose::FieldSession);
    /// The browser's address when it authorized.
    pub const IP: Field = field("ip", KeyPurpose::FieldIp);
    pub const USER_AGENT: Field = field("user_agent", KeyPurpose::FieldSession);
}

fn client(item: &Item) -> Result<ClientId, Error> {
    ClientId::parse(&item.text("client_id")?).ok_or_else(|| Error::internal("a code names no client"))
}

impl Payload for AuthorizationCode {
    const KIND: ChallengeKind = ChallengeKind::AuthorizationCode;

    fn write(&self, item: Item) -> Item {
        item.with_text("client_id", self.client.as_str())
            .with_text("redirect_uri", &self.redirect_uri)
            .with_text("code_challenge", &self.code_challenge)
            .with_text("scope", self.scopes.to_string())
            .with_text("session_hash", &self.session_hash)
            .with_text_if("nonce", self.nonce.as_deref())
            .with_text("ip", &self.ip)
            .with_text("user_agent", &self.user_agent)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self {
            client: client(item)?,
            redirect_uri: item.text("redirect_uri")?,
            code_challenge: item.text("code_challenge")?,
            scopes: Scopes::parse(&item.text("scope")?),
            session_hash: item.text("session_hash")?,
            nonce: item.optional_text("nonce"),
            ip: item.text("ip")?,
            user_agent: item.text("user_agent")?,
        })
    }
}

/// An authorization code that was redeemed.
#[derive(Debug, Clone)]
pub struct RedeemedCode {
    pub client: ClientId,
    /// The lookup hash of the session that was made from it.
    pub session_hash: String,
}

impl Payload for RedeemedCode {
    const KIND: ChallengeKind = ChallengeKind::RedeemedCode;

    fn write(&self, item: Item) -> Item {
        item.with_text("client_id", self.client.as_str()).with_text("session_hash", &self.session_hash)
    }

    fn read(item: &Item) -> Result<Self, Error> {
        Ok(Self { client: client(item)?, session_hash: item.text("session_hash")? })
    }
}

/// What is stored under a code.
#[derive(Debug, Clone)]
pub enum StoredCode {
    Fresh(Challenge<AuthorizationCode>),
    Redeemed(Challenge<RedeemedCode>),
}

impl StoredCode {
    /// The keyed hash of the code.
    pub fn id(&self) -> &str {
        match self {
            Self::Fresh(code) => &code.id,
            Self::Redeemed(code) => &code.id,
        }
    }
}

impl Store {
    /// What is stored under a code, by its keyed hash, and has not ended.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn authorization_code(&self, hash: &str, now: Timestamp) -> Result<Option<StoredCode>, Error> {
        let Some(item) = self.get(Table::Challenges, challenge_key(hash)).await? else { return Ok(None) };
        let kind = item.optional_text("kind").as_deref().and_then(ChallengeKind::parse);
        Ok(match kind {
            Some(ChallengeKind::AuthorizationCode) => {
                let code = Challenge::from_item(hash, &item)?;
                (now < code.ends_at).then_some(StoredCode::Fresh(code))
            }
            Some(ChallengeKind::RedeemedCode) => {
                let code = Challenge::from_item(hash, &item)?;
                (now < code.ends_at).then_some(StoredCode::Redeemed(code))
            }
            _ => None,
        })
    }
}

impl Transaction {
    /// Redeems a code. Only the session that was made from it, named by its lookup hash, remains. Fails with `Condition::Challenge` if
    /// another request came first.
    pub fn redeem_code(&mut self, code: &Challenge<AuthorizationCode>, session_hash: &str, now: Timestamp) {
        let payload = RedeemedCode { client: code.payload.client.clone(), session_hash: session_hash.to_owned() };
        let ends_at = now.plus_seconds(REDEEMED_CODE_SECONDS);
        let redeemed = Challenge::new(&code.id, &code.user_id, payload, Expected::NoStoredHash, ends_at);
        self.put_if(Condition::Challenge, Table::Challenges, redeemed.item(), IS_FRESH, is_fresh());
    }

    /// Spends a code without a session. Fails with `Condition::Challenge` if another request came first. What remains of a redeemed
    /// code stays.
    pub fn spend_code(&mut self, code: &Challenge<AuthorizationCode>) {
        self.delete_if(Condition::Challenge, Table::Challenges, &challenge_key(&code.id), IS_FRESH, is_fresh());
    }
}

/// The condition that a code was neither redeemed nor spent, with the values of [`is_fresh`].
const IS_FRESH: &str = "kind = :kind";

fn is_fresh() -> Item {
    Item::new().with_text(":kind", ChallengeKind::AuthorizationCode.as_str())
}
