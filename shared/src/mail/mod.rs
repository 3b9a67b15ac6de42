//! Mails: composed for the outbox, rendered from templates in the binary, sent by SES.

mod compose;
mod ses;
mod templates;

pub use compose::{compose, open};
pub use ses::{Mailer, Sent};
pub use templates::{Rendered, render};
