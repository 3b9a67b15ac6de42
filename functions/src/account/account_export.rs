//! `GET /v1/account/export`: everything that is stored about the caller, readable, without secrets, hashes and keys. A large
//! account comes in pages.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::{
    context::Context,
    crypto::{key::KeyPurpose, secret::Token},
    domain::{
        audit::{Action, Outcome},
        ids::DeviceId,
        limits::EXPORT_BY_SESSION,
        mail::Content,
        page::Cursor,
    },
    error::Error,
    fields::schema,
    http::{Response, StatusCode},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::Page,
};

use super::{
    event_id::{displayed, event_id},
    exported::{ExportedAccount, ExportedDevice, ExportedEvent, ExportedSession},
};
use crate::auth::{
    caller::{self, Caller},
    identity::IdentityView,
    limits,
    mfa::passkey::PasskeyView,
    user,
};

pub const OPERATION: Operation = Operation::http("account-export", |context| Box::pin(handle(context)))
    .summary("returns everything that is stored about the caller, readable, without secrets")
    .routes(&[Route::new("GET", "/v1/account/export")])
    .access(Access::FreshSession)
    .memory(512)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[EXPORT_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    Contract::new()
        .query(schema::Form::new("").optional::<Cursor>("cursor", "The `next` of the part before."))
        .answers(200, "A part of the export.", Answer::schema())
        .then([Link::new("account-export", &[("cursor", "/next")])])
}

/// The most bytes of the lists in one answer, as Lambda counts them. Lambda takes 6 MB.
const MAX_BYTES: usize = 4_000_000;

/// The entries of a list that are read at once.
const READ_AT_ONCE: usize = 200;

/// The position in the export after which an answer begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Position {
    /// The beginning: no cursor was sent.
    Start,
    /// After the session with this lookup hash.
    Session(String),
    Devices,
    Device(DeviceId),
    Activity,
    /// After the event with this id.
    Event(String),
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        let (list, key) = text.split_once('-').unwrap_or((text, ""));
        match (list, key) {
            ("d", "") => Some(Self::Devices),
            ("a", "") => Some(Self::Activity),
            ("s", hash) => Token::parse(hash).map(|_| Self::Session(hash.to_owned())),
            ("d", id) => DeviceId::parse(id).map(Self::Device),
            ("a", id) => event_id(id).map(Self::Event),
            _ => None,
        }
    }

    fn encode(&self) -> String {
        match self {
            Self::Start => "s".to_owned(),
            Self::Session(hash) => format!("s-{hash}"),
            Self::Devices => "d".to_owned(),
            Self::Device(id) => format!("d-{id}"),
            Self::Activity => "a".to_owned(),
            Self::Event(id) => format!("a-{}", displayed(id)),
        }
    }
}

/// An answer. `account`, `passkeys` and `identities` are in the first one alone.
#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<ExportedAccount>,
    sessions: Vec<Box<RawValue>>,
    devices: Vec<Box<RawValue>>,
    passkeys: Vec<PasskeyView>,
    identities: Vec<IdentityView>,
    activity: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Answer {
    fn schema() -> serde_json::Value {
        schema::Object::new("AccountExport", "A part of what is stored about the account.")
            .with_optional("account", ExportedAccount::schema())
            .with("sessions", schema::list("The sessions, ended ones too.", ExportedSession::schema()))
            .with("devices", schema::list("The devices, forgotten ones too.", ExportedDevice::schema()))
            .with("passkeys", schema::list("The passkeys.", PasskeyView::schema()))
            .with("identities", schema::list("The linked identities.", IdentityView::schema()))
            .with("activity", schema::list("What happened to the account.", ExportedEvent::schema()))
            .with_optional(
                "next",
                schema::text("The `cursor` of the next part. The last part has none.", schema::TOKEN),
            )
            .schema()
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let mut query = context.request.query();
    let cursor: Option<Cursor> = query.optional("cursor");
    let position = cursor.as_ref().map_or(Some(Position::Start), |Cursor(text)| Position::parse(text));
    if position.is_none() {
        query.note("cursor", Cursor::EXPECTED);
    }
    let position = query.finish(|| position)?;
    let caller = caller::caller(context).await?;
    limits::count_session(context.app, &caller, EXPORT_BY_SESSION).await?;
    let done = export(context, &caller, position).await;
    caller.record_refusal(context, Action::ExportAccount, "access_token", done).await
}

async fn export(context: Context<'_>, caller: &Caller<'_>, from: Position) -> Result<Response, Error> {
    caller.require_fresh(context.app)?;
    let is_first = from == Position::Start;
    let mut answer = Answer {
        account: None,
        sessions: Vec::new(),
        devices: Vec::new(),
        passkeys: Vec::new(),
        identities: Vec::new(),
        activity: Vec::new(),
        next: None,
    };
    if is_first {
        answer.account = Some(ExportedAccount::open(&caller.cipher, &caller.account).await?);
        for passkey in &context.app.store.passkeys(&caller.account).await? {
            answer.passkeys.push(PasskeyView::open(&caller.cipher, passkey).await?);
        }
        for identity in &context.app.store.identities(&caller.account).await? {
            answer.identities.push(IdentityView::open(&caller.cipher, identity).await?);
        }
    }
    answer.next = fill(context, caller, from, &mut answer).await?.map(|position| position.encode());
    // Last, so that a failure before it leaves no event of an export.
    record(context, caller, if is_first { "first_page" } else { "next_page" }).await?;
    Ok(Response::json(StatusCode::OK, &answer))
}

/// Fills the lists from a position on. Returns the position at which the answer is full.
async fn fill(
    context: Context<'_>,
    caller: &Caller<'_>,
    from: Position,
    answer: &mut Answer,
) -> Result<Option<Position>, Error> {
    let (store, id, cipher) = (&context.app.store, &caller.account.id, &caller.cipher);
    let mut left = MAX_BYTES;
    let mut position = from;
    loop {
        position = match position {
            Position::Start | Position::Session(_) => {
                let after = if let Position::Session(hash) = &position { Some(hash.as_str()) } else { None };
                let Page { entries, next } = store.stored_sessions(id, after, READ_AT_ONCE).await?;
                for session in &entries {
                    if !add(&mut answer.sessions, &ExportedSession::open(cipher, session).await?, &mut left)? {
                        return Ok(Some(position));
                    }
                    position = Position::Session(session.hash.clone());
                }
                next.map_or(Position::Devices, Position::Session)
            }
            Position::Devices | Position::Device(_) => {
                let after = if let Position::Device(id) = &position { Some(id) } else { None };
                let Page { entries, next } = store.stored_devices(id, after, READ_AT_ONCE).await?;
                for device in &entries {
                    if !add(&mut answer.devices, &ExportedDevice::open(cipher, device).await?, &mut left)? {
                        return Ok(Some(position));
                    }
                    position = Position::Device(device.id.clone());
                }
                next.as_deref().and_then(DeviceId::parse).map_or(Position::Activity, Position::Device)
            }
            Position::Activity | Position::Event(_) => {
                let after = if let Position::Event(id) = &position { Some(id.as_str()) } else { None };
                let (pseudonym, now) = (cipher.pseudonym().await?, context.app.clock.now());
                let Page { entries, next } = store.events(&pseudonym, None, after, READ_AT_ONCE, now).await?;
                for event in &entries {
                    let view = ExportedEvent::open(cipher, &pseudonym, event).await?;
                    if !add(&mut answer.activity, &view, &mut left)? {
                        return Ok(Some(position));
                    }
                    position = Position::Event(event.id.clone());
                }
                match next {
                    Some(next) => Position::Event(next),
                    None => return Ok(None),
                }
            }
        };
    }
}

/// Adds an entry to a list. Returns false if it does not fit. The first always fits.
fn add(list: &mut Vec<Box<RawValue>>, entry: &impl Serialize, left: &mut usize) -> Result<bool, Error> {
    let entry = to_raw_value(entry).map_err(|_| Error::internal("an entry of an export cannot be written as JSON"))?;
    // Lambda's answer is JSON with this JSON as a text in it, so these characters take two bytes.
    let bytes = entry.get().bytes().map(|byte| if matches!(byte, b'"' | b'\\') { 2 } else { 1 }).sum();
    if bytes > *left && *left < MAX_BYTES {
        return Ok(false);
    }
    *left = left.saturating_sub(bytes);
    list.push(entry);
    Ok(true)
}

/// Records a page of an export, and notifies the owner. A client can ask for any page first, so each page has a mail, within a
/// budget.
async fn record(context: Context<'_>, caller: &Caller<'_>, page: &'static str) -> Result<(), Error> {
    let (app, Caller { account, cipher, .. }) = (context.app, caller);
    let event = context.event(cipher, Action::ExportAccount, Outcome::Success, page).await?;
    let mut transaction = app.store.transaction();
    transaction.require_account(account);
    transaction.record_event(&event);
    let content = Content::AccountExported { at: app.clock.now().rfc3339() };
    user::notify_owner(app, cipher, account, content, &mut transaction).await?;
    Ok(app.store.commit(transaction).await?)
}
