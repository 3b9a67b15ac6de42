//! GitHub (docs.github.com, "Authorizing OAuth apps", "Users", "Emails"). It has no ID tokens, so its API says who logged in.

use serde_json::Value;

use super::{
    AuthorizationAnswer, Conversation, Failure, ProviderUser, address, display_name, picture, text, unavailable,
};
use crate::domain::provider::ClientSecret;

/// GitHub says nothing about the time at which its user gave the credentials.
pub(super) const SAYS_NO_TIME: Failure = Failure::InvalidResponse("GitHub does not say when its user logged in");

impl Conversation<'_> {
    /// The user that the code logs in.
    pub(super) async fn identify_at_github(
        &self,
        site: &str,
        api: &str,
        answer: AuthorizationAnswer<'_>,
    ) -> Result<ProviderUser, Failure> {
        if answer.authenticated_since.is_some() {
            return Err(SAYS_NO_TIME);
        }
        let secret = match &self.provider.secret {
            ClientSecret::Text(secret) => secret.as_str(),
            ClientSecret::None | ClientSecret::Apple(_) => return Err(unavailable("GitHub needs a client secret")),
        };
        let form = [
            ("client_id", self.provider.client_id.as_str()),
            ("client_secret", secret),
            ("code", answer.code),
            ("redirect_uri", answer.redirect_uri),
            ("code_verifier", answer.verifier),
        ];
        let url = self.url(&format!("{site}/login/oauth/access_token"))?;
        let (_, granted) = self.post(&url, &form, Vec::new()).await?;
        let token = granted_token(&granted)?;
        let (status, user) = self.get(&self.url(&format!("{api}/user"))?, of_api(token)).await?;
        let subject = user["id"].as_u64().filter(|_| status == 200);
        let subject = subject.ok_or(Failure::InvalidResponse("the user has no id"))?.to_string();
        let (status, emails) = self.get(&self.url(&format!("{api}/user/emails?per_page=100"))?, of_api(token)).await?;
        // Without the scope `user:email` there is no list, and so no address.
        let emails = emails.as_array().filter(|_| status == 200).map(Vec::as_slice).unwrap_or_default();
        let primary = emails.iter().find(|email| email["primary"] == Value::Bool(true) && gets_mail(&email["email"]));
        Ok(ProviderUser {
            issuer: site.to_owned(),
            subject,
            email: primary.and_then(|email| address(&email["email"])),
            email_verified: primary.is_some_and(|email| email["verified"] == Value::Bool(true)),
            name: text(&user["name"]).and_then(display_name),
            picture: picture(&user["avatar_url"]),
            authenticated_at: None,
        })
    }
}

/// Whether an address gets mail. GitHub gives users who keep their own private another one, which gets none ("Setting your commit email
/// address").
fn gets_mail(address: &Value) -> bool {
    address.as_str().is_some_and(|address| !address.contains("@users.noreply."))
}

/// The access token of an answer. GitHub answers a refusal with the status 200 and `error` ("Troubleshooting OAuth app access token
/// request errors").
fn granted_token(granted: &Value) -> Result<&str, Failure> {
    match (granted["error"].as_str(), text(&granted["access_token"]), granted["token_type"].as_str()) {
        (Some("incorrect_client_credentials"), ..) => Err(unavailable("GitHub does not accept the client's secret")),
        (Some("redirect_uri_mismatch"), ..) => Err(unavailable("GitHub does not know the redirect URI")),
        (Some("unverified_user_email"), ..) => Err(Failure::InvalidResponse("the user has no verified address")),
        // The name of the type has no case (RFC 6749, section 5.1).
        (None, Some(token), Some(kind)) if kind.eq_ignore_ascii_case("bearer") => Ok(token),
        (None, Some(_), _) => Err(Failure::InvalidResponse("the token is of a type that is not known")),
        _ => Err(Failure::InvalidResponse("the code was not accepted")),
    }
}

fn of_api(token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {token}")),
        ("accept", "application/vnd.github+json".to_owned()),
        ("x-github-api-version", "2022-11-28".to_owned()),
    ]
}
