//! Sending by SES. Only `send-email` may.

use aws_sdk_sesv2::{
    Client,
    types::{Body, Content as Part, Destination, EmailContent, Message, MessageTag},
};

use crate::{error::Error, mail::Rendered};

/// What SES said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It will deliver the mail.
    Accepted,
    /// It will never take this mail.
    Rejected,
}

/// Hands mails to SES.
pub struct Mailer {
    client: Client,
    from: String,
    configuration_set: Option<String>,
}

impl Mailer {
    /// A mailer that sends from that address, under that configuration set.
    pub const fn new(client: Client, from: String, configuration_set: Option<String>) -> Self {
        Self { client, from, configuration_set }
    }

    /// Sends a mail.
    ///
    /// # Errors
    /// `temporarily_unavailable` where SES doesn't take it now.
    pub async fn send(&self, to: &str, mail: &Rendered, kind: &str) -> Result<Sent, Error> {
        let unwritable = |_| Error::internal("an unwritable mail");
        let part = |text: &str| Part::builder().data(text).charset("UTF-8").build().map_err(unwritable);
        let body = Body::builder().text(part(&mail.text)?).html(part(&mail.html)?).build();
        let message = Message::builder().subject(part(&mail.subject)?).body(body).build();
        let sent = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .set_configuration_set_name(self.configuration_set.clone())
            .destination(Destination::builder().to_addresses(to).build())
            .content(EmailContent::builder().simple(message).build())
            .email_tags(MessageTag::builder().name("kind").value(kind).build().map_err(unwritable)?)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Sent::Accepted),
            // This one will never be taken: its content, or an address that SES finds no address.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_message_rejected() || error.is_bad_request_exception()) =>
            {
                Ok(Sent::Rejected)
            }
            Err(error) => Err(Error::aws("SendEmail", &error)),
        }
    }
}
