//! SES: checks a mail as SES does, then delivers it to the mailbox.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::AwsError;
use crate::{
    account::{ACCOUNT, REGION},
    iam::{Context, Requirement},
    mailbox::Mail,
};

/// A mail that SES accepts, and the permissions to send it.
#[derive(Debug)]
pub(crate) struct OutgoingMail {
    pub(crate) requirements: Vec<Requirement>,
    mail: Mail,
}

impl OutgoingMail {
    pub(crate) fn into_mail(self, id: String, at_millis: i64) -> Mail {
        Mail { id, at_millis, ..self.mail }
    }
}

fn bad_request(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "BadRequestException", message)
}

/// Parses a `SendEmail` request. `identities` are the verified addresses and domains, in lower case.
pub(crate) fn parse(
    body: &Value,
    identities: &[String],
    configuration_sets: &[String],
) -> Result<OutgoingMail, AwsError> {
    let from = body["FromEmailAddress"].as_str().ok_or_else(|| bad_request("Missing required header 'From'."))?;
    let address = address(from).ok_or_else(|| bad_request("Missing final '@domain'"))?;
    let mut resources = vec![format!("identity/{}", identity(from, &address, identities)?)];
    let to = recipients(&body["Destination"])?;
    let mut mail = message(body)?;
    if let Some(set) = body["ConfigurationSetName"].as_str() {
        if !configuration_sets.iter().any(|known| known == set) {
            let message = format!("Configuration set <{set}> does not exist.");
            return Err(AwsError::new(404, "NotFoundException", message));
        }
        resources.push(format!("configuration-set/{set}"));
    }
    let mut context = Context::default();
    context.add("ses:FromAddress", address);
    for to in &to {
        context.add("ses:Recipients", to.clone());
    }
    let requirement = |resource: String| Requirement {
        action: "ses:SendEmail".to_owned(),
        resource: format!("arn:aws:ses:{REGION}:{ACCOUNT}:{resource}"),
        context: context.clone(),
    };
    from.clone_into(&mut mail.from);
    mail.to = to;
    Ok(OutgoingMail { requirements: resources.into_iter().map(requirement).collect(), mail })
}

/// The verified identity of an address. An identity for the address has precedence over one for its domain.
fn identity(from: &str, address: &str, identities: &[String]) -> Result<String, AwsError> {
    let domain = address.rsplit('@').next().unwrap_or_default();
    let found = [address, domain].into_iter().find(|name| identities.iter().any(|identity| identity == name));
    found.map(str::to_owned).ok_or_else(|| {
        let region = REGION.to_uppercase();
        let message = format!(
            "Email address is not verified. The following identities failed the check in region {region}: {from}"
        );
        AwsError::new(400, "MessageRejected", message)
    })
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

/// The bare address of `Name <address>`, in lower case.
fn address(text: &str) -> Option<String> {
    let bare = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => text,
    };
    let (local, domain) = bare.trim().rsplit_once('@')?;
    // SES accepts only ASCII local parts, and domains only in their ASCII form.
    let valid = !local.is_empty() && domain.contains('.') && bare.is_ascii() && !bare.contains(char::is_whitespace);
    valid.then(|| bare.trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn send(from: &str, to: &str) -> Result<OutgoingMail, AwsError> {
        let body = json!({
            "FromEmailAddress": from,
            "Destination": {"ToAddresses": [to]},
            "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
            "EmailTags": [{"Name": "kind", "Value": "welcome"}],
        });
        parse(&body, &["example.com".to_owned(), "me@example.org".to_owned()], &[])
    }

    #[test]
    fn mail_comes_from_a_verified_identity() {
        let mail = send("Latchkey <No-Reply@Example.com>", "a@b.example").unwrap();
        assert!(mail.requirements[0].resource.ends_with(":identity/example.com"));
        assert_eq!(mail.into_mail("1".to_owned(), 0).kind, "welcome");
        assert!(
            send("me@example.org", "a@b.example").unwrap().requirements[0]
                .resource
                .ends_with("identity/me@example.org")
        );
        assert_eq!(send("you@example.org", "a@b.example").unwrap_err().code, "MessageRejected");
        assert_eq!(send("a@example.com.evil.example", "a@b.example").unwrap_err().code, "MessageRejected");
    }

    #[test]
    fn mail_goes_to_an_address() {
        for to in ["nobody", "a@localhost", "ä@b.example", ""] {
            assert_eq!(send("a@example.com", to).unwrap_err().code, "BadRequestException", "{to}");
        }
    }
}
