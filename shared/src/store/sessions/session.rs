//! `sessions`: who is logged in where.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    clock::Timestamp,
    crypto::field::Place,
    domain::{
        ids::{DeviceId, UserId},
        session::SessionState,
    },
    error::Error,
    store::{
        Item, Store, Transaction,
        dynamodb::keys::{self, SESSION},
    },
};

/// How long an ended session is kept, in seconds, so that its tokens are told that it was ended.
const KEEP_ENDED_SECONDS: i64 = 86_400;

/// A session as it is stored: what is personal is still encrypted.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose.
    pub user_id: UserId,
    /// The look-up hash of its id.
    pub hash: String,
    /// Its id (`field:session`).
    pub sealed_id: String,
    /// What the rules go by.
    pub state: SessionState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the user last proved who they are.
    pub auth_time: Timestamp,
    /// Whether the login was suspicious and waits for a mailed code: until then the session is proven for nothing sensitive.
    pub unconfirmed: bool,
    /// The challenge whose code was mailed last.
    pub code_challenge: Option<String>,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// Whether the user asked for a long life.
    pub remember_me: bool,
    /// The version of the `refresh` key that its tokens are made under.
    pub refresh_key_version: u32,
    /// The hash of the live refresh token's secret part (a PHC string).
    pub refresh_hash: String,
    /// The client's address in full (`field:ip`).
    pub ip: String,
    /// The address's look-up hash.
    pub ip_hash: String,
    /// The address, cut for display.
    pub ip_truncated: String,
    /// The client's `User-Agent` (`field:session`).
    pub user_agent: String,
    /// Where it was made (`field:session`).
    pub place: Option<String>,
    /// The device that it was made with.
    pub device_id: Option<DeviceId>,
}

/// The key of a session's item, as its fields are bound to it.
pub fn session_key(user_id: &UserId, hash: &str) -> String {
    format!("{}|{}", keys::user(user_id), keys::session(hash))
}

impl Session {
    /// Where a field of a session lies.
    pub fn place<'a>(item: &'a str, attribute: &'static str) -> Place<'a> {
        Place { table: "sessions", item, attribute }
    }

    fn key(&self) -> Item {
        Item::new().with_text(keys::PK, keys::user(&self.user_id)).with_text(keys::SK, keys::session(&self.hash))
    }

    fn item(&self) -> Item {
        self.key()
            .with_text("session_id", &self.sealed_id)
            .with_number("epoch", self.state.epoch)
            .with_time("expires_at", self.state.expires_at)
            .with_number("idle_seconds", self.state.idle_seconds)
            .with_time("last_active_at", self.state.last_active_at)
            .with_number("refresh_counter", i64::from(self.state.counter))
            .with_time("created_at", self.created_at)
            .with_time("auth_time", self.auth_time)
            .with_bool("unconfirmed", self.unconfirmed)
            .with_texts("amr", &self.amr)
            .with_bool("remember_me", self.remember_me)
            .with_number("refresh_key_version", i64::from(self.refresh_key_version))
            .with_text("refresh_hash", &self.refresh_hash)
            .with_text("ip", &self.ip)
            .with_text("ip_hash", &self.ip_hash)
            .with_text("ip_truncated", &self.ip_truncated)
            .with_text("user_agent", &self.user_agent)
            .with_text_if("place", self.place.as_deref())
            .with_text_if("device_id", self.device_id.as_ref().map(ToString::to_string))
            .with_number(keys::TTL, self.state.expires_at.seconds() + KEEP_ENDED_SECONDS)
    }
}

pub(in crate::store) fn from_item(user_id: &UserId, item: &Item) -> Result<Session, Error> {
    let key = item.text(keys::SK)?;
    let number =
        |name: &str| u32::try_from(item.number(name)?).map_err(|_| Error::internal("a counter is out of range"));
    Ok(Session {
        user_id: user_id.clone(),
        hash: key.strip_prefix(SESSION).unwrap_or_default().to_owned(),
        sealed_id: item.text("session_id")?,
        state: SessionState {
            epoch: item.number("epoch")?,
            revoked_at: item.optional_time("revoked_at"),
            expires_at: item.time("expires_at")?,
            idle_seconds: item.number("idle_seconds")?,
            last_active_at: item.time("last_active_at")?,
            counter: number("refresh_counter")?,
            spent_at: item.optional_time("spent_at"),
        },
        created_at: item.time("created_at")?,
        auth_time: item.time("auth_time")?,
        unconfirmed: item.flag("unconfirmed"),
        code_challenge: item.optional_text("code_challenge"),
        amr: item.texts("amr"),
        remember_me: item.flag("remember_me"),
        refresh_key_version: number("refresh_key_version")?,
        refresh_hash: item.text("refresh_hash")?,
        ip: item.text("ip")?,
        ip_hash: item.text("ip_hash")?,
        ip_truncated: item.text("ip_truncated")?,
        user_agent: item.text("user_agent")?,
        place: item.optional_text("place"),
        device_id: item.optional_text("device_id").as_deref().and_then(DeviceId::parse),
    })
}

impl Store {
    /// A session of a user, living or not.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn session(&self, user_id: &UserId, hash: &str) -> Result<Option<Session>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.sessions)
            .key(keys::PK, AttributeValue::S(keys::user(user_id)))
            .key(keys::SK, AttributeValue::S(keys::session(hash)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::aws("GetItem", &error))?;
        answer.item.map(|item| from_item(user_id, &Item(item))).transpose()
    }

    /// All sessions of a user, ended and expired ones too, in no order.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub async fn sessions(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        let items = self.of_user(&self.tables.sessions, user_id, SESSION).await?;
        items.iter().map(|item| from_item(user_id, item)).collect()
    }

    /// All items of a user in a table whose sort key begins so.
    pub(in crate::store) async fn of_user(
        &self,
        table: &str,
        user_id: &UserId,
        prefix: &str,
    ) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(table)
                .key_condition_expression("pk = :user AND begins_with(sk, :prefix)")
                .expression_attribute_values(":user", AttributeValue::S(keys::user(user_id)))
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
                .consistent_read(true)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| Error::aws("Query", &error))?;
            items.extend(answer.items.unwrap_or_default().into_iter().map(Item));
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
    }
}

impl Transaction {
    /// Takes a session along into the account's next epoch, with what it is proven by. Refused as `session` if it isn't as it was read.
    pub fn keep_session(&mut self, store: &Store, session: &Session, amr: &[String]) {
        let values = Item::new()
            .with_texts(":amr", amr)
            .with_number(":live", i64::from(session.state.counter))
            .with_number(":epoch", session.state.epoch)
            .with_number(":one", 1);
        self.update(
            "session",
            &store.tables.sessions,
            session.key(),
            "SET epoch = epoch + :one, amr = :amr",
            Some("refresh_counter = :live AND epoch = :epoch AND attribute_not_exists(revoked_at)"),
            values,
        );
    }

    /// Makes a session.
    pub fn create_session(&mut self, store: &Store, session: &Session) {
        self.put_new("session", &store.tables.sessions, session.item());
    }

    /// Spends the live refresh token: its successor, whose secret part has that hash, lives. Refused as `session` if another
    /// request spent it first or the session was ended.
    pub fn rotate(&mut self, store: &Store, session: &Session, refresh_hash: &str, now: Timestamp) {
        let values = Item::new()
            .with_number(":live", i64::from(session.state.counter))
            .with_number(":one", 1)
            .with_text(":hash", refresh_hash)
            .with_time(":now", now);
        self.update(
            "session",
            &store.tables.sessions,
            session.key(),
            "SET refresh_counter = refresh_counter + :one, refresh_hash = :hash, spent_at = :now, last_active_at = :now",
            Some("refresh_counter = :live AND attribute_not_exists(revoked_at)"),
            values,
        );
    }

    /// Notes which challenge's code was mailed last, in place of the one before. Refused as `session` if the session was ended or
    /// another code was mailed since it was read.
    pub fn record_mailed_code(&mut self, store: &Store, session: &Session, challenge: &str) {
        let mut values = Item::new().with_text(":challenge", challenge);
        let unchanged = match &session.code_challenge {
            Some(known) => {
                values = values.with_text(":known", known);
                "code_challenge = :known"
            }
            None => "attribute_not_exists(code_challenge)",
        };
        let condition = format!("attribute_exists(pk) AND attribute_not_exists(revoked_at) AND {unchanged}");
        let update = "SET code_challenge = :challenge";
        self.update("session", &store.tables.sessions, session.key(), update, Some(&condition), values);
    }

    /// Notes that the user has proven who they are once more. Refused as `session` if it was ended.
    pub fn record_reauthentication(&mut self, store: &Store, session: &Session, amr: &[String], now: Timestamp) {
        let values = Item::new().with_time(":now", now).with_texts(":amr", amr).with_bool(":no", false);
        let condition = "attribute_exists(pk) AND attribute_not_exists(revoked_at)";
        let update = "SET auth_time = :now, amr = :amr, unconfirmed = :no";
        self.update("session", &store.tables.sessions, session.key(), update, Some(condition), values);
    }

    /// Demands that a session is still as it was read. Refused as `session` otherwise.
    pub fn require_session(&mut self, store: &Store, session: &Session) {
        let values = Item::new().with_number(":live", i64::from(session.state.counter));
        let condition = "refresh_counter = :live AND attribute_not_exists(revoked_at)";
        self.check("session", &store.tables.sessions, session.key(), condition, values);
    }

    /// Ends a session. Refused as `session` if it was ended before.
    pub fn end_session(&mut self, store: &Store, session: &Session, reason: &str, now: Timestamp) {
        let values = Item::new()
            .with_time(":now", now)
            .with_text(":reason", reason)
            .with_number(":ttl", now.seconds() + KEEP_ENDED_SECONDS);
        self.update(
            "session",
            &store.tables.sessions,
            session.key(),
            &format!("SET revoked_at = :now, revoked_reason = :reason, {} = :ttl", keys::TTL),
            Some("attribute_exists(pk) AND attribute_not_exists(revoked_at)"),
            values,
        );
    }
}
