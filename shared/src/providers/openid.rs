//! OpenID Connect: the exchange of a code, and the user of an ID token.

use serde_json::Value;

use super::{
    AuthorizationAnswer, Conversation, Failure, NativeLogin, ProviderUser, address, display_name,
    id_token::{Audience, Verified},
    metadata::Metadata,
    picture, text,
};
use crate::domain::provider::Preset;

impl Conversation<'_> {
    /// The user that the code logs in.
    pub(super) async fn identify_by_id_token(
        &self,
        issuer: &str,
        answer: AuthorizationAnswer<'_>,
    ) -> Result<ProviderUser, Failure> {
        let metadata = self.metadata(issuer).await?;
        if metadata.names_itself && answer.issuer != Some(metadata.issuer.as_str()) {
            return Err(Failure::InvalidResponse("the answer names another issuer"));
        }
        let proof = self.client_authentication(issuer, &metadata.authentication_methods)?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", answer.code),
            ("redirect_uri", answer.redirect_uri),
            ("code_verifier", answer.verifier),
        ];
        form.extend(proof.fields.iter().map(|(name, value)| (*name, value.as_str())));
        let (status, granted) = self.post(&metadata.token_endpoint, &form, proof.headers).await?;
        let id_token = text(&granted["id_token"]).filter(|_| status == 200);
        let id_token = id_token.ok_or(Failure::InvalidResponse("the code was not accepted"))?;
        let verified = self.verify(&metadata, id_token, Audience::ThisService).await?;
        if verified.claims["nonce"].as_str() != Some(answer.nonce) {
            return Err(Failure::InvalidResponse("the ID token has another nonce"));
        }
        let authenticated_at = match answer.authenticated_since {
            Some(since) => Some(verified.require_authentication(since, self.now)?),
            None => None,
        };
        let mut claims = verified.claims;
        // Providers may send the claims of scopes only by this endpoint (Core 1.0, section 5.4).
        if claims["email"].is_null()
            && let Some((endpoint, token)) = metadata.userinfo_endpoint.as_ref().zip(bearer_token(&granted))
        {
            let headers = vec![("authorization", format!("Bearer {token}"))];
            let (status, more) = self.get(endpoint, headers).await?;
            // A provider that refuses has no claims for this service.
            let more = if status == 200 { more } else { Value::Null };
            // Section 5.3.2: otherwise the answer could be about another user.
            if status == 200 && more["sub"] != claims["sub"] {
                return Err(Failure::InvalidResponse("the user's claims are another user's"));
            }
            for name in ["email", "email_verified", "name", "picture"] {
                if claims[name].is_null() {
                    claims[name] = more[name].clone();
                }
            }
        }
        Ok(ProviderUser { authenticated_at, ..self.user(verified.issuer, verified.subject, &claims) })
    }

    /// The user of an ID token that an app got.
    pub(super) async fn verify_native_token(
        &self,
        issuer: &str,
        id_token: &str,
        nonce: Option<&str>,
    ) -> Result<NativeLogin, Failure> {
        let metadata: std::sync::Arc<Metadata> = self.metadata(issuer).await?;
        let verified = self.verify(&metadata, id_token, Audience::AnyApp).await?;
        let has_nonce = |nonce: &str, sent: &str| Verified::nonce_is(nonce, sent);
        match (verified.claims["nonce"].as_str(), nonce) {
            (Some(own), Some(sent)) if has_nonce(own, sent) => {}
            (None, None) if verified.claims["nonce"].is_null() => {}
            _ => return Err(Failure::InvalidResponse("the nonce is missing or another")),
        }
        let Verified { issuer, subject, claims, hash, expires_at } = verified;
        Ok(NativeLogin { user: self.user(issuer, subject, &claims), hash, expires_at })
    }

    fn user(&self, issuer: String, subject: String, claims: &Value) -> ProviderUser {
        let verified = &claims["email_verified"];
        let email_verified = match self.provider.preset {
            // Apple documents "String or Boolean".
            Preset::Apple => *verified == Value::Bool(true) || verified == "true",
            // Microsoft's addresses are the tenant's own word, except where it says that the domain's owner was verified.
            Preset::Microsoft => claims["xms_edov"] == Value::Bool(true),
            Preset::Github | Preset::Gitlab | Preset::Google | Preset::Oidc => *verified == Value::Bool(true),
        };
        ProviderUser {
            issuer,
            subject,
            email: address(&claims["email"]),
            email_verified,
            name: text(&claims["name"]).and_then(display_name),
            picture: picture(&claims["picture"]),
            authenticated_at: None,
        }
    }
}

/// The access token of an answer, unless it is of a type that is not known (RFC 6749, section 5.1).
fn bearer_token(granted: &Value) -> Option<&str> {
    let is_bearer = granted["token_type"].as_str().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    text(&granted["access_token"]).filter(|_| is_bearer)
}
