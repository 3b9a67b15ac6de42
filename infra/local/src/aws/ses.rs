//! SES: checks a mail as SES does, then delivers it to the mailbox.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::AwsError;
use crate::{
    account::{self, REGION},
    iam::{Context, Requirement},
    mailbox::Mail,
};

/// The verified addresses and domains of the account.
#[derive(Debug)]
pub(crate) struct Identities {
    verified: Vec<String>,
    sandbox: bool,
}

impl Identities {
    /// In the sandbox, where every new account starts, only verified addresses get mail.
    pub(crate) fn new(verified: impl Iterator<Item = String>, sandbox: bool) -> Self {
        Self { verified: verified.map(|identity| with_lower_domain(&identity)).collect(), sandbox }
    }

    /// The identity of an address: itself, or its domain, or a parent of that, whichever is verified first.
    fn of(&self, address: &str) -> Option<&str> {
        let address = with_lower_domain(address);
        let domain = address.rsplit('@').next().unwrap_or_default();
        let parents = std::iter::successors(Some(domain), |name| Some(name.split_once('.')?.1));
        let mut names = std::iter::once(address.as_str()).chain(parents);
        names.find_map(|name| self.verified.iter().find(|known| *known == name)).map(String::as_str)
    }
}

/// An address or a domain as SES compares it: the domain in lower case, the local part as it is.
fn with_lower_domain(identity: &str) -> String {
    match identity.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => identity.to_lowercase(),
    }
}

/// A well-formed `SendEmail` request.
#[derive(Debug)]
pub(crate) struct OutgoingMail {
    mail: Mail,
    /// The sender's bare address.
    sender: String,
    configuration_set: Option<String>,
}

fn bad_request(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "BadRequestException", message)
}

/// Parses a `SendEmail` request.
pub(crate) fn parse(body: &Value) -> Result<OutgoingMail, AwsError> {
    let from = body["FromEmailAddress"].as_str().ok_or_else(|| bad_request("Missing required header 'From'."))?;
    let sender = address(from).ok_or_else(|| bad_request("Missing final '@domain'"))?;
    let to = recipients(&body["Destination"])?;
    let mail = Mail { from: from.to_owned(), to, ..message(body)? };
    let configuration_set = body["ConfigurationSetName"].as_str().map(str::to_owned);
    Ok(OutgoingMail { mail, sender, configuration_set })
}

impl OutgoingMail {
    /// The permissions to send the mail: for the sender's identity, for recipients that are identities of the account, and for
    /// the configuration set. SES asks for them before it looks at anything else.
    pub(crate) fn requirements(&self, identities: &Identities) -> Vec<Requirement> {
        let mut context = Context::default();
        context.add("ses:FromAddress", self.sender.clone());
        for to in &self.mail.to {
            context.add("ses:Recipients", to.clone());
        }
        let mut resources: BTreeSet<String> =
            self.recipients().filter_map(|to| identities.of(&to).map(|name| format!("identity/{name}"))).collect();
        resources.insert(format!("identity/{}", identities.of(&self.sender).unwrap_or(&self.sender)));
        resources.extend(self.configuration_set.iter().map(|set| format!("configuration-set/{set}")));
        let requirement = |resource: String| Requirement {
            action: "ses:SendEmail".to_owned(),
            resource: account::arn("ses", &resource),
            context: context.clone(),
        };
        resources.into_iter().map(requirement).collect()
    }

    fn recipients(&self) -> impl Iterator<Item = String> {
        self.mail.to.iter().filter_map(|to| address(to))
    }

    /// Checks what SES checks of a permitted mail.
    pub(crate) fn check(&self, identities: &Identities, configuration_sets: &[String]) -> Result<(), AwsError> {
        if let Some(set) = self.configuration_set.as_ref().filter(|set| !configuration_sets.contains(set)) {
            let message = format!("Configuration set <{set}> does not exist.");
            return Err(AwsError::new(404, "NotFoundException", message));
        }
        let recipients = self.recipients().filter(|_| identities.sandbox);
        let mut addresses = std::iter::once(self.sender.clone()).chain(recipients);
        let Some(address) = addresses.find(|address| identities.of(address).is_none()) else { return Ok(()) };
        let region = REGION.to_uppercase();
        let message = format!(
            "Email address is not verified. The following identities failed the check in region {region}: {address}"
        );
        Err(AwsError::new(400, "MessageRejected", message))
    }

    pub(crate) fn into_mail(self, id: String, at_millis: i64) -> Mail {
        Mail { id, at_millis, ..self.mail }
    }
}

fn recipients(destination: &Value) -> Result<Vec<String>, AwsError> {
    let mut to = Vec::new();
    for field in ["ToAddresses", "CcAddresses", "BccAddresses"] {
        to.extend(destination[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    if to.is_empty() || to.len() > 50 || to.iter().any(|to| address(to).is_none()) {
        return Err(bad_request("Illegal address"));
    }
    Ok(to)
}

/// The content of a mail, without sender, recipients, id and time.
fn message(body: &Value) -> Result<Mail, AwsError> {
    let content = &body["Content"]["Simple"];
    if !content.is_object() {
        return Err(bad_request("only simple content is known to the local cloud"));
    }
    let part = |part: &Value| part["Data"].as_str().unwrap_or_default().to_owned();
    let (text, html) = (part(&content["Body"]["Text"]), part(&content["Body"]["Html"]));
    let subject = content["Subject"]["Data"].as_str().ok_or_else(|| bad_request("Missing subject"))?;
    if text.is_empty() && html.is_empty() {
        return Err(bad_request("Missing body"));
    }
    let tags = body["EmailTags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let kind = tags.iter().find(|tag| tag["Name"] == "kind").and_then(|tag| tag["Value"].as_str()).unwrap_or_default();
    Ok(Mail {
        id: String::new(),
        to: Vec::new(),
        from: String::new(),
        subject: subject.to_owned(),
        kind: kind.to_owned(),
        text,
        html,
        headers: headers(content)?,
        at_millis: 0,
    })
}

/// The headers that a request adds. SES accepts 15 at most, in printable ASCII, and none that it writes itself.
fn headers(content: &Value) -> Result<BTreeMap<String, String>, AwsError> {
    const OWN: [&str; 11] = [
        "bcc",
        "cc",
        "content-disposition",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "subject",
        "to",
    ];
    let sent = content["Headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let headers: BTreeMap<String, String> =
        sent.iter().map(|header| (text(&header["Name"]), text(&header["Value"]))).collect();
    let is_printable = |text: &str| !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_name = |name: &str| {
        is_printable(name)
            && name.len() <= 126
            && !name.contains([' ', ':'])
            && !OWN.contains(&name.to_ascii_lowercase().as_str())
    };
    let valid = sent.len() <= 15
        && headers.iter().all(|(name, value)| is_name(name) && is_printable(value) && value.len() <= 870);
    if valid { Ok(headers) } else { Err(bad_request("Invalid header")) }
}

/// The bare address of `Name <address>`.
fn address(text: &str) -> Option<String> {
    let bare = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => text,
    };
    let (local, domain) = bare.trim().rsplit_once('@')?;
    // SES accepts only ASCII local parts, and domains only in their ASCII form.
    let valid = !local.is_empty() && domain.contains('.') && bare.is_ascii() && !bare.contains(char::is_whitespace);
    valid.then(|| bare.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outgoing(from: &str, to: &str) -> Result<OutgoingMail, AwsError> {
        parse(&json!({
            "FromEmailAddress": from,
            "Destination": {"ToAddresses": [to]},
            "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
            "EmailTags": [{"Name": "kind", "Value": "welcome"}],
        }))
    }

    fn identities(sandbox: bool) -> Identities {
        Identities::new(["Example.com", "Me@example.org"].into_iter().map(str::to_owned), sandbox)
    }

    /// The resources that a mail needs a permission for.
    fn resources(from: &str, to: &str) -> Vec<String> {
        let required = outgoing(from, to).unwrap().requirements(&identities(false));
        required.into_iter().map(|it| it.resource.rsplit(':').next().unwrap_or_default().to_owned()).collect()
    }

    fn refusal(from: &str, to: &str, sandbox: bool) -> Option<String> {
        outgoing(from, to).unwrap().check(&identities(sandbox), &[]).err().map(|error| error.code)
    }

    #[test]
    fn mail_comes_from_a_verified_identity() {
        let sender = "Latchkey <No-Reply@mail.Example.com>";
        assert_eq!(resources(sender, "a@b.example"), ["identity/example.com"]);
        assert_eq!(resources("Me@Example.org", "a@b.example"), ["identity/Me@example.org"]);
        // Without an identity, the permission for the address comes before the check.
        assert_eq!(resources("you@example.org", "a@b.example"), ["identity/you@example.org"]);
        // A recipient that is an identity needs a permission too.
        assert_eq!(resources(sender, "Me@example.org"), ["identity/Me@example.org", "identity/example.com"]);
        assert_eq!(outgoing(sender, "a@b.example").unwrap().into_mail("1".to_owned(), 0).kind, "welcome");
        assert_eq!(refusal(sender, "a@b.example", false), None);
        for from in ["you@example.org", "me@example.org", "a@example.com.evil.example", "a@notexample.com"] {
            assert_eq!(refusal(from, "a@b.example", false).as_deref(), Some("MessageRejected"), "{from}");
        }
    }

    #[test]
    fn in_the_sandbox_only_verified_addresses_get_mail() {
        assert_eq!(refusal("a@example.com", "a@b.example", true).as_deref(), Some("MessageRejected"));
        for to in ["Me@example.org", "ada@Example.com"] {
            assert_eq!(refusal("a@example.com", to, true), None, "{to}");
        }
    }

    #[test]
    fn mail_goes_to_an_address() {
        for to in ["nobody", "a@localhost", "ä@b.example", ""] {
            assert_eq!(outgoing("a@example.com", to).unwrap_err().code, "BadRequestException", "{to}");
        }
    }
}
