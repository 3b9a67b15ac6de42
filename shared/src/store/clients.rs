//! The table `clients`: OAuth clients, and the origins of their pages.
//!
//! All clients are in one partition, because a list reads them in order and there are few. One more item has the origins of each
//! client. A write of a client changes it in the same transaction, so one read answers whether an origin may call.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    clock::Timestamp,
    crypto::secret::constant_time_eq,
    domain::{
        name::DisplayText,
        oauth::{
            client::{Audience, ClientId, ClientType, IdTokenAlg, SecretId},
            redirect_uri::{CorsOrigins, RedirectUri},
            scope::Scopes,
        },
    },
    error::Error,
    fields::FromJson,
    store::{
        Condition, Item, Page, Store, Table, Transaction,
        dynamodb::{
            keys::{self, Key},
            update::Update,
        },
    },
};

/// The most live secrets of a client: the old one and the new one, while a deployment of the client changes from one to the other.
pub const MAX_CLIENT_SECRETS: usize = 2;

/// An OAuth client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    pub id: ClientId,
    /// The name that its users see.
    pub name: DisplayText,
    pub kind: ClientType,
    pub redirect_uris: Vec<RedirectUri>,
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// The audience of its access tokens. `None`: the service's own.
    pub audience: Option<Audience>,
    pub scopes: Scopes,
    pub id_token_alg: IdTokenAlg,
    /// The lifetime of its access tokens.
    pub access_token_seconds: i64,
    /// The lifetime of its sessions with refresh tokens.
    pub refresh_days: i64,
    /// At most [`MAX_CLIENT_SECRETS`], the oldest first. A public client has none.
    pub secrets: Vec<StoredClientSecret>,
    pub created_at: Timestamp,
    /// Goes up with each change.
    pub version: i64,
}

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClientSecret {
    pub id: SecretId,
    /// [`ClientSecret::hash`](crate::crypto::client_secret::ClientSecret::hash).
    pub hash: String,
    pub created_at: Timestamp,
}

impl StoredClientSecret {
    fn to_text(&self) -> String {
        format!("{}:{}:{}", self.id.as_str(), self.hash, self.created_at.millis())
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (id, hash, millis) = (parts.next()?, parts.next()?, parts.next()?);
        let created_at = Timestamp::from_millis(millis.parse().ok()?);
        Some(Self { id: SecretId::parse(id)?, hash: hash.to_owned(), created_at })
    }
}

impl OAuthClient {
    /// The public client that the local server has: every scope, and every redirect URI on this machine.
    ///
    /// # Errors
    /// `internal`, if its constants are wrong.
    pub fn local(now: Timestamp) -> Result<Self, Error> {
        Ok(Self {
            id: ClientId::local(),
            name: DisplayText::from_json("Local development".into()).map_err(Error::internal)?,
            kind: ClientType::Public,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            audience: None,
            scopes: Scopes::all(),
            id_token_alg: IdTokenAlg::default(),
            access_token_seconds: 600,
            refresh_days: 30,
            secrets: Vec::new(),
            created_at: now,
            version: 1,
        })
    }

    /// The requested redirect URI, if it is one of the client's.
    pub fn redirect_uri(&self, requested: &str) -> Option<RedirectUri> {
        self.accepted(&self.redirect_uris, requested)
    }

    /// The requested URI, if a logout may lead to it.
    pub fn post_logout_redirect_uri(&self, requested: &str) -> Option<RedirectUri> {
        self.accepted(&self.post_logout_redirect_uris, requested)
    }

    fn accepted(&self, registered: &[RedirectUri], requested: &str) -> Option<RedirectUri> {
        let local = || self.id.is_local().then(|| RedirectUri::accepted_by_local(requested)).flatten();
        RedirectUri::accepted(registered, requested).or_else(local)
    }

    /// Whether a presented secret is one of the client's, by its hash. Compares with all of them, in constant time.
    pub fn is_secret(&self, hash: &str) -> bool {
        self.secrets.iter().fold(false, |is, secret| is | constant_time_eq(secret.hash.as_bytes(), hash.as_bytes()))
    }

    fn origins(&self) -> CorsOrigins {
        if self.id.is_local() { CorsOrigins::of_local() } else { CorsOrigins::of(&self.redirect_uris) }
    }

    fn key(id: &ClientId) -> Key {
        Key::new(keys::CLIENT, id.as_str())
    }

    fn item(&self) -> Item {
        let texts = |uris: &[RedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect::<Vec<_>>();
        Self::key(&self.id)
            .item()
            .with_text("name", self.name.as_str())
            .with_text("type", self.kind.as_str())
            .with_texts("redirect_uris", &texts(&self.redirect_uris))
            .with_texts("post_logout_redirect_uris", &texts(&self.post_logout_redirect_uris))
            .with_text_if("audience", self.audience.as_ref().map(Audience::as_str))
            .with_text("scopes", self.scopes.to_string())
            .with_text("id_token_alg", self.id_token_alg.as_str())
            .with_number("access_token_seconds", self.access_token_seconds)
            .with_number("refresh_days", self.refresh_days)
            .with_texts("secrets", &self.secrets.iter().map(StoredClientSecret::to_text).collect::<Vec<_>>())
            .with_time("created_at", self.created_at)
            .with_number("version", self.version)
    }

    fn from_item(item: &Item) -> Result<Self, Error> {
        let unreadable = |name: &str| Error::internal(format!("a stored client has no readable {name}"));
        // A URI that a later version of the rules refuses is not accepted any more.
        let uris = |name: &str| item.texts(name).iter().filter_map(|uri| RedirectUri::parse(uri)).collect();
        Ok(Self {
            id: ClientId::parse(&item.text(keys::SK)?).ok_or_else(|| unreadable("id"))?,
            name: DisplayText::from_json(item.text("name")?.into()).map_err(|_| unreadable("name"))?,
            kind: ClientType::parse(&item.text("type")?).ok_or_else(|| unreadable("type"))?,
            redirect_uris: uris("redirect_uris"),
            post_logout_redirect_uris: uris("post_logout_redirect_uris"),
            audience: item.optional_text("audience").as_deref().and_then(Audience::parse),
            scopes: Scopes::parse(&item.text("scopes")?),
            id_token_alg: IdTokenAlg::parse(&item.text("id_token_alg")?).ok_or_else(|| unreadable("algorithm"))?,
            access_token_seconds: item.number("access_token_seconds")?,
            refresh_days: item.number("refresh_days")?,
            secrets: item.texts("secrets").iter().filter_map(|text| StoredClientSecret::from_text(text)).collect(),
            created_at: item.time("created_at")?,
            version: item.number("version")?,
        })
    }
}

impl Store {
    /// The client with this id, strongly consistent.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn oauth_client(&self, id: &ClientId) -> Result<Option<OAuthClient>, Error> {
        let item = self.get(Table::Clients, OAuthClient::key(id)).await?;
        item.as_ref().map(OAuthClient::from_item).transpose()
    }

    /// The clients with these ids, at most 100, strongly consistent, in no order. Missing ones are left out.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn oauth_clients_named(&self, ids: &[ClientId]) -> Result<Vec<OAuthClient>, Error> {
        let items = self.get_all(Table::Clients, ids.iter().map(OAuthClient::key).collect()).await?;
        items.iter().map(OAuthClient::from_item).collect()
    }

    /// A page of all clients, by id, from the one after `after`.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn oauth_clients(&self, after: Option<&ClientId>, limit: usize) -> Result<Page<OAuthClient>, Error> {
        let mut from: Option<HashMap<String, AttributeValue>> = after.map(|id| OAuthClient::key(id).item().0);
        let mut entries = Vec::new();
        loop {
            // One more tells whether there is a next page.
            let at_once = i32::try_from(limit + 1 - entries.len()).unwrap_or(i32::MAX);
            let answer = self
                .client()
                .query()
                .table_name(self.tables.name(Table::Clients))
                .key_condition_expression("pk = :clients")
                .expression_attribute_values(":clients", AttributeValue::S(keys::CLIENT.to_owned()))
                .consistent_read(true)
                .limit(at_once)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| Error::aws("Query", &error))?;
            for item in answer.items.unwrap_or_default().into_iter().map(Item) {
                if entries.len() == limit {
                    let next = entries.last().map(|last: &OAuthClient| last.id.to_string());
                    return Ok(Page { entries, next });
                }
                entries.push(OAuthClient::from_item(&item)?);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(Page { entries, next: None });
            }
        }
    }

    /// The origins of all clients' pages, by one read.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn client_origins(&self) -> Result<CorsOrigins, Error> {
        let item = self.get(Table::Clients, origins_key()).await?.unwrap_or_default();
        let mut origins = CorsOrigins::default();
        // The other attributes are texts, of which no origins are read.
        for client in item.0.keys() {
            origins.extend(item.texts(client));
        }
        Ok(origins)
    }
}

fn origins_key() -> Key {
    Key::new(keys::ORIGINS, keys::ORIGINS)
}

impl Transaction {
    /// Creates a client. Fails with `Condition::Client` if its id exists.
    pub fn create_client(&mut self, client: &OAuthClient) {
        self.put_new(Condition::Client, Table::Clients, client.item());
        self.set_origins(client);
    }

    /// Stores a changed client. Fails with `Condition::Client` if it changed after it was loaded.
    pub fn update_client(&mut self, loaded: &OAuthClient, changed: &OAuthClient) {
        let next = OAuthClient { version: loaded.version + 1, ..changed.clone() };
        let values = Item::new().with_number(":version", loaded.version);
        self.put_if(Condition::Client, Table::Clients, next.item(), "version = :version", values);
        if loaded.origins() != changed.origins() {
            self.set_origins(changed);
        }
    }

    /// Deletes a client. Fails with `Condition::Client` if it changed after it was loaded.
    pub fn delete_client(&mut self, loaded: &OAuthClient) {
        let values = Item::new().with_number(":version", loaded.version);
        let key = OAuthClient::key(&loaded.id);
        self.delete_if(Condition::Client, Table::Clients, &key, "version = :version", values);
        self.write_origins(&format!("REMOVE #{}", loaded.id), Item::new());
    }

    fn set_origins(&mut self, client: &OAuthClient) {
        let values = Item::new().with_texts(":origins", &client.origins().to_texts());
        self.write_origins(&format!("SET #{} = :origins", client.id), values);
    }

    fn write_origins(&mut self, expression: &str, values: Item) {
        let update = Update { key: origins_key(), expression, condition: None, values };
        self.update(Condition::Client, Table::Clients, update);
    }
}
