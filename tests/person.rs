//! The person of the tests.

use serde_json::{Value, json};

use crate::{Answer, App, Client, Key, PASSWORD, with_flags};

/// A person with an account and the tokens of the last login.
#[derive(Clone)]
pub struct Person {
    /// The person's client, with the access token.
    pub client: Client,
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The user id.
    pub id: String,
    /// The session id.
    pub session_id: String,
    /// The active refresh token.
    pub refresh_token: String,
    /// The recovery key.
    pub recovery_key: String,
    /// The device token of the registration.
    pub device_token: String,
}

impl Person {
    /// Registers with address and password, and enters the mailed code. Solves a captcha if that is needed.
    pub async fn register(client: &Client, email: &str) -> Self {
        let mut body = json!({ "email": email, "password": PASSWORD });
        let mut answer = client.post("/v1/register", body.clone()).await;
        if answer.code() == "captcha_required" {
            body["captcha"] = client.solved_captcha().await.into();
            answer = client.post("/v1/register", body).await;
        }
        let answer = answer.expect(202);
        let code = client.code_for(email).await;
        let body = json!({ "registration_id": answer.text("registration_id"), "code": code });
        let answer = client.post("/v1/register/verify", body).await.expect(201);
        Self::of(client, email, &answer)
    }

    fn of(client: &Client, email: &str, answer: &Answer) -> Self {
        Self {
            client: client.with_token(&answer.text("access_token")),
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            id: answer.body["user"]["id"].as_str().unwrap().to_owned(),
            session_id: answer.text("session_id"),
            refresh_token: answer.text("refresh_token"),
            recovery_key: answer.text("recovery_key"),
            device_token: answer.text("device_token"),
        }
    }

    /// The person after another login, on a new device.
    pub async fn login(&self) -> Self {
        let answer = self.client.post("/v1/login", self.credentials()).await.expect(200);
        let device_token = answer.text("device_token");
        Self { device_token, ..self.after(&answer) }
    }

    /// Logs in with the given `session`.
    pub async fn login_with(&self, session: Value) -> Answer {
        let mut body = self.credentials();
        body["session"] = session;
        self.client.anonymous().post("/v1/login", body).await
    }

    /// The person after a login with this answer.
    pub fn after(&self, answer: &Answer) -> Self {
        Self {
            client: self.client.with_token(&answer.text("access_token")),
            session_id: answer.text("session_id"),
            refresh_token: answer.text("refresh_token"),
            ..self.clone()
        }
    }

    /// The body of a login.
    pub fn credentials(&self) -> Value {
        json!({ "identifier": self.email, "password": self.password })
    }

    /// Turns MFA on with a new authenticator app.
    pub async fn enable_totp(&self) -> App {
        let mut app = App::new(&self.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret"));
        let code = app.next_code(&self.client.world);
        let answer = self.client.post("/v1/mfa/totp/enable", json!({ "code": code })).await.expect(200);
        let codes = answer.body["backup_codes"].as_array().unwrap();
        app.backup_codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        app
    }

    /// Adds a passkey.
    pub async fn add_passkey(&self, key: &mut Key) -> Answer {
        let asked = self.client.post("/v1/passkeys/options", json!({})).await.expect(200);
        let credential = key.create(&asked.body["publicKey"]).await;
        let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        self.client.post("/v1/passkeys", body).await
    }

    /// Adds a passkey without asking anybody: the user is neither present nor verified.
    pub async fn add_conditional_passkey(&self, key: &mut Key) -> Answer {
        let asked = self.client.post("/v1/passkeys/options", json!({ "conditional": true })).await.expect(200);
        let credential = with_flags(&key.create(&asked.body["publicKey"]).await, 8 | 16);
        let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
        self.client.post("/v1/passkeys", body).await
    }

    /// Gives the password on an unrecognised device. Returns the `mfa_token`.
    pub async fn first_factor(&self) -> String {
        let answer = self.client.anonymous().post("/v1/login", self.credentials()).await.expect(200);
        assert_eq!(answer.body["status"], "mfa_required");
        answer.text("mfa_token")
    }

    /// Refreshes with a token.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.client.post("/v1/token/refresh", json!({ "refresh_token": token })).await
    }
}

impl Client {
    /// Asks for a passkey challenge and answers it. Returns the body for `login-passkey-verify`.
    pub async fn passkey_answer(&self, key: &mut Key, asking: Value) -> Value {
        let asked = self.post("/v1/login/passkey/options", asking).await.expect(200);
        let credential = key.get(&asked.body["publicKey"]).await;
        json!({ "challenge_id": asked.text("challenge_id"), "credential": credential })
    }

    /// The newest mail to an address, after all mails are delivered.
    pub async fn mail_for(&self, address: &str) -> local::Mail {
        self.world.settle().await;
        let mails = self.world.mail();
        let mail = mails.into_iter().rev().find(|mail| mail.to.iter().any(|to| to == address));
        mail.unwrap_or_else(|| panic!("no mail to {address}"))
    }

    /// The token of the link in the newest mail of a kind to an address.
    pub async fn link_token_for_kind(&self, address: &str, kind: &str) -> String {
        self.world.settle().await;
        let mails = self.world.mail();
        let mail = mails.iter().rev().find(|mail| mail.kind == kind && mail.to.iter().any(|to| to == address));
        let link = mail.and_then(local::Mail::link).unwrap_or_else(|| panic!("no link of {kind} to {address}"));
        link.split_once("#token=").expect("a token in the link's fragment").1.to_owned()
    }

    /// The newest code that was mailed to an address.
    pub async fn code_for(&self, address: &str) -> String {
        self.mail_for(address).await.code().expect("a code in the mail").to_owned()
    }

    /// The token of the newest link that was mailed to an address.
    pub async fn link_token_for(&self, address: &str) -> String {
        let mail = self.mail_for(address).await;
        let link = mail.link().expect("a link in the mail");
        link.split_once("#token=").expect("a token in the link's fragment").1.to_owned()
    }
}
