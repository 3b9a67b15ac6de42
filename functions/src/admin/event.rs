//! The audit events of administrators.

use shared::{
    context::Context,
    domain::{audit::Action, network, oauth::client::ClientId},
    store::{AdminEvent, AuditEvent},
};

/// The event of a change of a client by this request, at the current time.
pub(super) fn of_client(context: Context<'_>, action: Action, client: &ClientId) -> AdminEvent {
    let Context { app, request } = context;
    let at = app.clock.now();
    AdminEvent {
        id: AuditEvent::id(at, app.rng.bytes()),
        at,
        action,
        principal: request.principal().unwrap_or_default().to_owned(),
        subject: client.to_string(),
        ip_truncated: network::truncated(request.client.ip),
        kept_until: app.audited_until(at),
    }
}
