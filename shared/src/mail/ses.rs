//! Sending by SES. Only `send-email` may do so.

use aws_sdk_sesv2::{
    Client,
    error::ProvideErrorMetadata,
    operation::send_email::SendEmailError,
    types::{Body, Content as Part, Destination, EmailContent, Message, MessageHeader, MessageTag},
};
use aws_types::SdkConfig;

use crate::{aws::Lazy, error::Error, mail::Rendered};

/// SES's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// SES will deliver the mail.
    Accepted,
    /// SES will never accept this mail.
    Rejected,
    /// The sender or the recipient is not a verified identity. The deployment can change that, so the mail must be kept.
    Unverified,
}

pub struct Mailer {
    client: Lazy<Client>,
    from: String,
    configuration_set: Option<String>,
}

impl Mailer {
    /// A mailer with a sender's address and an SES configuration set.
    pub const fn new(sdk: SdkConfig, from: String, configuration_set: Option<String>) -> Self {
        Self { client: Lazy::new(sdk), from, configuration_set }
    }

    /// Sends a mail. `kind` becomes a tag of the message. `reference` distinguishes it from other mails.
    ///
    /// # Errors
    /// `temporarily_unavailable` if SES does not accept the mail now; `internal` if the mail is malformed.
    pub async fn send(&self, to: &str, mail: &Rendered, kind: &str, reference: &str) -> Result<Sent, Error> {
        let unwritable = |_| Error::internal("an unwritable mail");
        let part = |text: &str| Part::builder().data(text).charset("UTF-8").build().map_err(unwritable);
        let body = Body::builder().text(part(&mail.text)?).html(part(&mail.html)?).build();
        let header =
            |name: &str, value: &str| MessageHeader::builder().name(name).value(value).build().map_err(unwritable);
        let message = Message::builder()
            .subject(part(&mail.subject)?)
            .body(body)
            // RFC 3834, section 5: no out-of-office answers.
            .headers(header("Auto-Submitted", "auto-generated")?)
            // Mail programs fold mails of one subject into a thread, where the oldest code is displayed first. A reference of
            // its own keeps each mail apart.
            .headers(header("X-Entity-Ref-ID", reference)?)
            .build();
        let sent = self
            .client
            .get(Client::new)
            .send_email()
            .from_email_address(&self.from)
            .set_configuration_set_name(self.configuration_set.clone())
            .destination(Destination::builder().to_addresses(to).build())
            .content(EmailContent::builder().simple(message).build())
            .email_tags(MessageTag::builder().name("kind").value(kind).build().map_err(unwritable)?)
            .send()
            .await;
        let Err(error) = sent else { return Ok(Sent::Accepted) };
        match error.as_service_error() {
            Some(refusal) if is_unverified(refusal) => Ok(Sent::Unverified),
            // SES will never accept this mail, because of its content or its invalid address.
            Some(refusal) if refusal.is_message_rejected() || refusal.is_bad_request_exception() => Ok(Sent::Rejected),
            _ => Err(Error::aws("SendEmail", &error)),
        }
    }
}

/// Whether SES refuses a mail because an identity is not verified. Only its message says so. In the sandbox, where every new
/// account starts, recipients must be verified too.
fn is_unverified(refusal: &SendEmailError) -> bool {
    refusal.is_message_rejected() && refusal.message().is_some_and(|text| text.contains("not verified"))
}
