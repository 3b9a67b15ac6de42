use crate::{
    clock::Timestamp,
    crypto::{field::Field, key::KeyPurpose},
    domain::{
        ids::{DeviceId, UserId},
        oauth::{client::ClientId, grant::ClientGrant, scope::Scopes},
        session::{RefreshCount, Refreshes, SessionState},
    },
    error::Error,
    store::{
        Account, Condition, Item, Store, Table, Transaction,
        dynamodb::{
            keys::{self, Key, SESSION},
            update::{Update, UserItems},
        },
        sessions::page::{Page, PageOf},
    },
};

/// The longest lifetime of a client's session in seconds (`refresh_days` is at most 365), with a day to spare.
const LONGEST_GRANT_SECONDS: i64 = 366 * 86_400;

/// Seconds that an ended session is kept, so that its tokens are answered with `session_revoked`.
const KEEP_ENDED_SECONDS: i64 = 86_400;

/// A stored session. Personal fields are still encrypted.
#[derive(Debug, Clone)]
pub struct Session {
    pub user_id: UserId,
    /// The lookup hash of the session id.
    pub hash: String,
    /// [`Session::ID`].
    pub sealed_id: String,
    pub state: SessionState,
    pub created_at: Timestamp,
    /// The time of the user's last authentication.
    pub auth_time: Timestamp,
    /// Whether the login was suspicious and waits for a mailed code. Until then the session proves nothing sensitive.
    pub unconfirmed: bool,
    /// Whether a sign-in provider is the last authentication. It proves nothing sensitive.
    pub federated: bool,
    /// When the user gave that provider credentials, if this service asked for it and the provider said it.
    pub provider_auth_time: Option<Timestamp>,
    /// The challenge of the last mailed reauthentication code.
    pub code_challenge: Option<String>,
    /// The authentication methods (RFC 8176).
    pub amr: Vec<String>,
    pub remember_me: bool,
    /// The version of the `refresh` key that its refresh tokens are derived from.
    pub refresh_key_version: u32,
    /// The hash of the secret part of the live refresh token (a PHC string).
    pub refresh_hash: String,
    /// [`Session::IP`].
    pub ip: String,
    /// The lookup hash of the client's address.
    pub ip_hash: String,
    /// The client's address, truncated for display.
    pub ip_truncated: String,
    /// [`Session::USER_AGENT`].
    pub user_agent: String,
    /// [`Session::LOCATION`].
    pub location: Option<String>,
    pub device_id: Option<DeviceId>,
    /// The grant of an OAuth client's session. Sessions of our own logins have none.
    pub grant: Option<ClientGrant>,
}

impl Session {
    pub const ID: Field = Self::field("session_id", KeyPurpose::FieldSession);
    /// The client's full address.
    pub const IP: Field = Self::field("ip", KeyPurpose::FieldIp);
    pub const USER_AGENT: Field = Self::field("user_agent", KeyPurpose::FieldSession);
    /// The id of the browser's session in which the user granted a client's session. ID tokens name it.
    pub const BROWSER_SESSION_ID: Field = Self::field("browser_session_id", KeyPurpose::FieldSession);
    /// The geo location of the login, as JSON.
    pub const LOCATION: Field = Self::field("geo_location", KeyPurpose::FieldSession);

    const fn field(attribute: &'static str, purpose: KeyPurpose) -> Field {
        Field { table: Table::Sessions.as_str(), attribute, purpose }
    }

    /// The key of a session, by the lookup hash of its id.
    pub fn key(user_id: &UserId, hash: &str) -> Key {
        Key::of_user(user_id, keys::session(hash))
    }

    fn item(&self) -> Item {
        let item = Self::key(&self.user_id, &self.hash)
            .item()
            .with_text("session_id", &self.sealed_id)
            .with_number("epoch", self.state.epoch)
            .with_time("expires_at", self.state.expires_at)
            .with_number("idle_seconds", self.state.idle_seconds)
            .with_time("last_active_at", self.state.last_active_at)
            .with_number("refresh_counter", i64::from(self.state.counter))
            .with_time("created_at", self.created_at)
            .with_time("auth_time", self.auth_time)
            .with_bool("unconfirmed", self.unconfirmed)
            .with_bool("federated", self.federated)
            .with_time_if("provider_auth_time", self.provider_auth_time)
            .with_texts("amr", &self.amr)
            .with_bool("remember_me", self.remember_me)
            .with_number("refresh_key_version", i64::from(self.refresh_key_version))
            .with_text("refresh_hash", &self.refresh_hash)
            .with_text("ip", &self.ip)
            .with_text("ip_hash", &self.ip_hash)
            .with_text("ip_truncated", &self.ip_truncated)
            .with_text("user_agent", &self.user_agent)
            .with_text_if("geo_location", self.location.as_deref())
            .with_text_if("device_id", self.device_id.as_ref().map(ToString::to_string))
            .with_number(keys::TTL, self.state.expires_at.seconds() + KEEP_ENDED_SECONDS);
        match &self.grant {
            Some(grant) => item
                .with_text("client_id", grant.client.as_str())
                .with_text("scope", grant.scopes.to_string())
                .with_text("browser_session", &grant.browser_session)
                .with_text("browser_session_id", &grant.browser_session_id)
                .with_number("access_token_seconds", grant.access_token_seconds),
            None => item,
        }
    }
}

/// Whether an item of `sessions` is a session.
pub(in crate::store) fn is_session(item: &Item) -> bool {
    item.optional_text(keys::SK).is_some_and(|key| key.starts_with(SESSION))
}

pub(in crate::store) fn from_item(user_id: &UserId, item: &Item) -> Result<Session, Error> {
    Ok(Session {
        user_id: user_id.clone(),
        hash: hash_of(item)?,
        sealed_id: item.text("session_id")?,
        state: state_of(item)?,
        created_at: item.time("created_at")?,
        auth_time: item.time("auth_time")?,
        unconfirmed: item.flag("unconfirmed"),
        federated: item.flag("federated"),
        provider_auth_time: item.optional_time("provider_auth_time"),
        code_challenge: item.optional_text("code_challenge"),
        amr: item.texts("amr"),
        remember_me: item.flag("remember_me"),
        refresh_key_version: unsigned(item, "refresh_key_version")?,
        refresh_hash: item.text("refresh_hash")?,
        ip: item.text("ip")?,
        ip_hash: item.text("ip_hash")?,
        ip_truncated: item.text("ip_truncated")?,
        user_agent: item.text("user_agent")?,
        location: item.optional_text("geo_location"),
        device_id: item.optional_text("device_id").as_deref().and_then(DeviceId::parse),
        grant: grant_of(item)?,
    })
}

fn grant_of(item: &Item) -> Result<Option<ClientGrant>, Error> {
    let Some(client) = item.optional_text("client_id") else { return Ok(None) };
    Ok(Some(ClientGrant {
        client: ClientId::parse(&client).ok_or_else(|| Error::internal("a session names no client"))?,
        scopes: Scopes::parse(&item.text("scope")?),
        browser_session: item.text("browser_session")?,
        browser_session_id: item.text("browser_session_id")?,
        access_token_seconds: item.number("access_token_seconds")?,
    }))
}

/// The attributes that [`state_of`] and [`hash_of`] read.
const STATE: &str = "sk, epoch, revoked_at, expires_at, idle_seconds, last_active_at, refresh_counter, spent_at, \
                     refreshes, refreshes_end_at";

fn state_of(item: &Item) -> Result<SessionState, Error> {
    Ok(SessionState {
        epoch: item.number("epoch")?,
        revoked_at: item.optional_time("revoked_at"),
        expires_at: item.time("expires_at")?,
        idle_seconds: item.number("idle_seconds")?,
        last_active_at: item.time("last_active_at")?,
        counter: unsigned(item, "refresh_counter")?,
        spent_at: item.optional_time("spent_at"),
        refreshes: Refreshes {
            count: item.optional_number("refreshes").unwrap_or_default(),
            ends_at: item.optional_time("refreshes_end_at"),
        },
    })
}

fn hash_of(item: &Item) -> Result<String, Error> {
    Ok(item.text(keys::SK)?.strip_prefix(SESSION).unwrap_or_default().to_owned())
}

fn unsigned(item: &Item, name: &str) -> Result<u32, Error> {
    u32::try_from(item.number(name)?).map_err(|_| Error::internal("a counter is out of range"))
}

fn page_of<'a>(user_id: &'a UserId, after: Option<&str>, limit: usize) -> PageOf<'a, Session> {
    PageOf {
        user_id,
        prefix: SESSION,
        after: after.map(|hash| Session::key(user_id, hash)),
        limit,
        parse: from_item,
        key: |session: &Session| session.hash.clone(),
    }
}

impl Store {
    /// A session of a user, active or not.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn session(&self, user_id: &UserId, hash: &str) -> Result<Option<Session>, Error> {
        let item = self.get(Table::Sessions, Session::key(user_id, hash)).await?;
        item.map(|item| from_item(user_id, &item)).transpose()
    }

    /// A page of a user's active sessions, in no particular order. `after` is the `next` of the page before.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn active_sessions(
        &self,
        account: &Account,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<Session>, Error> {
        let page = page_of(&account.id, after, limit);
        self.page(page, |session| session.state.is_active(account.session_epoch, now)).await
    }

    /// A page of a user's stored sessions, ended ones too. `after` is the `next` of the page before.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn stored_sessions(
        &self,
        user_id: &UserId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Session>, Error> {
        self.page(page_of(user_id, after, limit), |_| true).await
    }

    /// The states of a user's sessions, by their lookup hashes, ended ones too. Reads at most `most` of them.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn session_states(&self, user_id: &UserId, most: usize) -> Result<Vec<(String, SessionState)>, Error> {
        let query = UserItems::new(Table::Sessions, user_id, SESSION).only(STATE);
        self.read_states(query, most, |item| Ok((hash_of(item)?, state_of(item)?))).await
    }

    /// The sessions of a query, page by page. `None` after the last page.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn next_sessions(&self, sessions: &mut SessionsQuery<'_>) -> Result<Option<Vec<Session>>, Error> {
        let Some(items) = self.next_page(&mut sessions.query).await? else { return Ok(None) };
        items.iter().map(|item| from_item(sessions.user_id, item)).collect::<Result<_, _>>().map(Some)
    }
}

/// A query of sessions that were not revoked.
pub struct SessionsQuery<'a> {
    user_id: &'a UserId,
    query: UserItems<'a>,
}

impl<'a> SessionsQuery<'a> {
    /// The sessions of one device.
    pub fn of_device(user_id: &'a UserId, device: &DeviceId) -> Self {
        let values = Item::new().with_text(":device", device.to_string());
        Self::new(user_id, "device_id = :device AND attribute_not_exists(revoked_at)", values)
    }

    /// The sessions that a client got from one browser session, by that session's lookup hash.
    pub fn of_client(user_id: &'a UserId, client: &ClientId, browser_session: &str) -> Self {
        let values = Item::new().with_text(":client", client.as_str()).with_text(":browser", browser_session);
        let filter = "client_id = :client AND browser_session = :browser AND attribute_not_exists(revoked_at)";
        Self::new(user_id, filter, values)
    }

    fn new(user_id: &'a UserId, filter: &'static str, values: Item) -> Self {
        Self { user_id, query: UserItems::new(Table::Sessions, user_id, SESSION).filtered(filter, values) }
    }
}

impl Transaction {
    fn update_session(&mut self, session: &Session, expression: &str, condition: &str, values: Item) {
        let (key, condition) = (Session::key(&session.user_id, &session.hash), Some(condition));
        self.update(Condition::Session, Table::Sessions, Update { key, expression, condition, values });
    }

    /// Moves a session to the account's next epoch, with its authentication methods. Fails with `Condition::Session` if
    /// it was ended, refreshed or moved before.
    pub fn keep_session(&mut self, session: &Session, amr: &[String]) {
        let values = Item::new()
            .with_texts(":amr", amr)
            .with_number(":live", i64::from(session.state.counter))
            .with_number(":epoch", session.state.epoch)
            .with_number(":one", 1);
        let condition = "refresh_counter = :live AND epoch = :epoch AND attribute_not_exists(revoked_at)";
        self.update_session(session, "SET epoch = epoch + :one, amr = :amr", condition, values);
    }

    pub fn create_session(&mut self, session: &Session) {
        self.put_new(Condition::Session, Table::Sessions, session.item());
    }

    /// Spends the live refresh token. `refresh_hash` is the hash of its successor's secret part. Fails with
    /// `Condition::Session` if another request spent the token first, or the session ended.
    pub fn rotate(&mut self, session: &Session, refresh_hash: &str, count: RefreshCount, now: Timestamp) {
        let values = Item::new().with_text(":hash", refresh_hash).with_time(":now", now);
        let set =
            "refresh_counter = refresh_counter + :one, refresh_hash = :hash, spent_at = :now, last_active_at = :now, ";
        self.count_refresh(session, count, set, values);
    }

    /// Counts a refresh that repeats the answer of the one before. Fails with `Condition::Session` if the live refresh token was
    /// spent, or the session ended.
    pub fn repeat_refresh(&mut self, session: &Session, count: RefreshCount) {
        self.count_refresh(session, count, "", Item::new());
    }

    /// Fails with `Condition::Session` also if parallel refreshes reached the limit.
    fn count_refresh(&mut self, session: &Session, count: RefreshCount, set: &str, values: Item) {
        let mut values = values.with_number(":live", i64::from(session.state.counter)).with_number(":one", 1);
        let mut condition = "refresh_counter = :live AND attribute_not_exists(revoked_at)".to_owned();
        let counted = match count {
            RefreshCount::First { ends_at } => {
                values = values.with_time(":ends", ends_at);
                "refreshes = :one, refreshes_end_at = :ends"
            }
            RefreshCount::Another { most } => {
                values = values.with_number(":most", most);
                condition.push_str(" AND refreshes < :most");
                "refreshes = refreshes + :one"
            }
        };
        self.update_session(session, &format!("SET {set}{counted}"), &condition, values);
    }

    /// Records the challenge of a code that is mailed now. Fails with `Condition::Session` if the session ended, or
    /// another code was mailed after it was loaded.
    pub fn record_mailed_code(&mut self, session: &Session, challenge: &str) {
        let mut values = Item::new().with_text(":challenge", challenge);
        let unchanged = match &session.code_challenge {
            Some(known) => {
                values = values.with_text(":known", known);
                "code_challenge = :known"
            }
            None => "attribute_not_exists(code_challenge)",
        };
        let condition = format!("attribute_exists(pk) AND attribute_not_exists(revoked_at) AND {unchanged}");
        self.update_session(session, "SET code_challenge = :challenge", &condition, values);
    }

    /// Records that the user proved their identity again. Fails with `Condition::Session` if the session ended.
    pub fn record_reauthentication(&mut self, session: &Session, amr: &[String], now: Timestamp) {
        let values = Item::new().with_time(":now", now).with_texts(":amr", amr).with_bool(":no", false);
        let condition = "attribute_exists(pk) AND attribute_not_exists(revoked_at)";
        self.update_session(
            session,
            "SET auth_time = :now, amr = :amr, unconfirmed = :no, federated = :no",
            condition,
            values,
        );
    }

    /// Requires that a session is as it was loaded: active, with the same live refresh token.
    pub fn require_session(&mut self, session: &Session) {
        let values = Item::new().with_number(":live", i64::from(session.state.counter));
        let condition = "refresh_counter = :live AND attribute_not_exists(revoked_at)";
        let key = Session::key(&session.user_id, &session.hash);
        self.check(Condition::Session, Table::Sessions, &key, condition, values);
    }

    /// Requires that a session has not ended. Unlike [`Transaction::require_session`], a refresh does not matter.
    pub fn require_live_session(&mut self, session: &Session) {
        let condition = "attribute_exists(pk) AND attribute_not_exists(revoked_at)";
        let key = Session::key(&session.user_id, &session.hash);
        self.check(Condition::Session, Table::Sessions, &key, condition, Item::new());
    }

    /// Marks a client as deleted, so that its sessions are over. The mark outlives the longest of them.
    pub fn end_sessions_of_client(&mut self, client: &ClientId, now: Timestamp) {
        let until = now.plus_seconds(LONGEST_GRANT_SECONDS).seconds();
        let item = keys::deleted_client(client).item().with_time("deleted_at", now).with_number(keys::TTL, until);
        self.put(Table::Sessions, item);
    }

    /// Deletes a session, because the account has too many. Fails with `Condition::Session` if it was deleted before.
    pub fn drop_session(&mut self, user_id: &UserId, hash: &str) {
        let exists = "attribute_exists(pk)";
        self.delete_if(Condition::Session, Table::Sessions, &Session::key(user_id, hash), exists, Item::new());
    }

    /// Ends a session. Fails with `Condition::Session` if it was ended before.
    pub fn end_session(&mut self, session: &Session, reason: &str, now: Timestamp) {
        let values = Item::new()
            .with_time(":now", now)
            .with_text(":reason", reason)
            .with_number(":ttl", now.seconds() + KEEP_ENDED_SECONDS);
        let expression = format!("SET revoked_at = :now, revoked_reason = :reason, {} = :ttl", keys::TTL);
        let condition = "attribute_exists(pk) AND attribute_not_exists(revoked_at)";
        self.update_session(session, &expression, condition, values);
    }
}
