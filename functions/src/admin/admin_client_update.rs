//! `PATCH /v1/admin/clients/{id}`: changes an OAuth client. Its type cannot change.

use shared::{
    context::Context,
    domain::{
        audit::Action,
        name::DisplayText,
        oauth::{
            client::{AccessTokenSeconds, Audience, ClientType, IdTokenAlg, RefreshDays},
            scope::Scopes,
        },
    },
    error::Error,
    fields::{Change, schema},
    http::{Request, Response, StatusCode},
    operation::{Access, Operation, Route, contract::Contract},
    store::{OAuthClient, Retries},
};

use super::{
    client::{self, ClientView, OptionalUris, Uris},
    event,
};

pub const OPERATION: Operation = Operation::http("admin-client-update", |context| Box::pin(handle(context)))
    .summary("changes an OAuth client")
    .routes(&[Route::new("PATCH", "/v1/admin/clients/{id}")])
    .access(Access::Iam)
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new("ClientUpdate")
        .change::<DisplayText>("name", "The name that users see.")
        .optional::<ClientType>("type", "Whether the client can keep a secret. It never changes.")
        .change::<Uris>("redirect_uris", "Where authorization answers may go.")
        .change::<OptionalUris>("post_logout_redirect_uris", "Where logouts may go.")
        .change::<Audience>("audience", "The `aud` of access tokens. By default the service's own.")
        .change::<Scopes>("scopes", "The scopes that the client may have. By default all except `account`.")
        .change::<IdTokenAlg>("id_token_alg", "The algorithm of ID tokens.")
        .change::<AccessTokenSeconds>("access_token_seconds", "The lifetime of access tokens.")
        .change::<RefreshDays>("refresh_days", "The lifetime of sessions with refresh tokens.");
    Contract::new().json(form).answers(200, "The client.", ClientView::schema()).errors([Error::NotFound])
}

struct Form {
    name: Change<DisplayText>,
    kind: Option<ClientType>,
    redirect_uris: Change<Uris>,
    post_logout_redirect_uris: Change<OptionalUris>,
    audience: Change<Audience>,
    scopes: Change<Scopes>,
    id_token_alg: Change<IdTokenAlg>,
    access_token_seconds: Change<AccessTokenSeconds>,
    refresh_days: Change<RefreshDays>,
}

impl Form {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let form = Self {
            name: fields.change("name"),
            kind: fields.optional("type"),
            redirect_uris: fields.change("redirect_uris"),
            post_logout_redirect_uris: fields.change("post_logout_redirect_uris"),
            audience: fields.change("audience"),
            scopes: fields.change("scopes"),
            id_token_alg: fields.change("id_token_alg"),
            access_token_seconds: fields.change("access_token_seconds"),
            refresh_days: fields.change("refresh_days"),
        };
        if matches!(form.name, Change::Clear) {
            fields.note("name", "must not be empty");
        }
        if matches!(form.redirect_uris, Change::Clear) {
            fields.note("redirect_uris", "must not be empty");
        }
        fields.finish(|| Some(form))
    }

    /// The client after the change. A setting that is cleared gets its default.
    fn apply(&self, client: &OAuthClient) -> OAuthClient {
        OAuthClient {
            name: self.name.applied(&Some(client.name.clone())).unwrap_or_else(|| client.name.clone()),
            redirect_uris: match &self.redirect_uris {
                Change::Set(Uris(new)) => new.clone(),
                Change::Keep | Change::Clear => client.redirect_uris.clone(),
            },
            post_logout_redirect_uris: match &self.post_logout_redirect_uris {
                Change::Set(OptionalUris(new)) => new.clone(),
                Change::Keep => client.post_logout_redirect_uris.clone(),
                Change::Clear => Vec::new(),
            },
            audience: self.audience.applied(&client.audience),
            scopes: self.scopes.applied(&Some(client.scopes.clone())).unwrap_or_else(Scopes::default_of_client),
            id_token_alg: self.id_token_alg.applied(&Some(client.id_token_alg)).unwrap_or_default(),
            access_token_seconds: self
                .access_token_seconds
                .applied(&Some(AccessTokenSeconds(client.access_token_seconds)))
                .unwrap_or_default()
                .0,
            refresh_days: self.refresh_days.applied(&Some(RefreshDays(client.refresh_days))).unwrap_or_default().0,
            ..client.clone()
        }
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let form = Form::parse(context.request)?;
    let mut retries = Retries::on_conflict();
    loop {
        let done = change(context, &form).await;
        if !retries.again(&done) {
            return Ok(Response::json(StatusCode::OK, &ClientView::of(&done?)));
        }
    }
}

async fn change(context: Context<'_>, form: &Form) -> Result<OAuthClient, Error> {
    let store = &context.app.store;
    let client = client::named(context).await?;
    if form.kind.is_some_and(|kind| kind != client.kind) {
        return Err(Error::field("type", "cannot change"));
    }
    let changed = form.apply(&client);
    if changed == client {
        return Ok(client);
    }
    let mut transaction = store.transaction();
    transaction.update_client(&client, &changed);
    transaction.record_admin_event(&event::of_client(context, Action::UpdateClient, &client.id));
    store.commit(transaction).await?;
    Ok(changed)
}
