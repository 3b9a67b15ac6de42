//! What each operation does when all goes well, told once: the IAM test, the fault harness and the price table run these. An
//! operation that is not here fails the contract test.

use futures::{FutureExt, future::BoxFuture};
use local::{Options, World, faults};
use serde_json::{Value, json};
use tests::{Answer, App, Client, Key, OTHER_PASSWORD, PASSWORD, Person};

/// The address of whoever the scenarios are about.
pub(crate) const ADDRESS: &str = "canary.person@example.org";

/// What is asked of the operation: a request, or an event.
#[derive(Clone)]
pub(crate) enum Act {
    /// A post from a country: which, path, body.
    From(&'static str, &'static str, Value),
    /// A request that is signed (SigV4): method, path, form.
    Signed(&'static str, &'static str, String),
    /// A request: method, path, body, access token.
    Request(&'static str, &'static str, Value, Option<String>),
    /// An event.
    Event(Value),
    /// Nothing: what was prepared makes the stream bring something.
    Stream,
}

/// How it ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Answered(Box<Answer>),
    Returned(Result<Value, String>),
}

/// One way through an operation.
pub(crate) struct Scenario {
    /// The operation.
    pub(crate) function: &'static str,
    /// Which way.
    pub(crate) name: &'static str,
    /// The status of a success; 0 for what isn't asked by a request.
    pub(crate) success: u16,
    /// The refusals (status, code) that repeating it may meet once it took effect: a one-time secret is spent, a name is taken.
    pub(crate) spent: &'static [(u16, &'static str)],
    /// Makes what it needs.
    prepare: fn(Client) -> BoxFuture<'static, Act>,
    /// How often it took effect.
    pub(crate) effects: fn(&World) -> usize,
}

impl Scenario {
    /// The template parameters that it goes with, where the defaults would not lead there.
    pub(crate) fn parameters(&self) -> &'static [(&'static str, &'static str)] {
        match (self.function, self.name) {
            ("login" | "login-mfa" | "login-passkey-verify", "one session too many") => &[("SessionLimit", "1")],
            ("login", "known device, elsewhere") => &[("SuspiciousLogin", "step-up")],
            ("login", "asking for a mailed code") | ("login-mfa", "by mailed code") => &[("UnknownDeviceCode", "true")],
            ("authorizer", "with the session checked") => &[("AuthorizerChecksSession", "true")],
            ("reauthenticate", "asking for a code" | "by code") => &[("SuspiciousLogin", "step-up")],
            _ => &[],
        }
    }

    /// Options for a world that it goes in.
    pub(crate) fn options(&self) -> Options {
        let mut options = tests::options();
        let parameters = self.parameters().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        options.parameters.extend(parameters);
        options
    }

    /// Makes what the scenario needs, and forgets the calls that this took.
    pub(crate) async fn prepare(&self, world: &World) -> Act {
        let act = (self.prepare)(Client::new(world)).await;
        if !matches!(act, Act::Stream) {
            world.settle().await;
        }
        world.reset_calls();
        act
    }

    /// Does it.
    pub(crate) async fn act(&self, world: &World, act: &Act) -> Outcome {
        match act {
            Act::Request(method, path, body, token) => {
                let mut client = Client::new(world);
                client.token.clone_from(token);
                let headers: &[(&str, &str)] =
                    if body.is_null() { &[] } else { &[("content-type", "application/json")] };
                let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
                Outcome::Answered(Box::new(client.send(method, path, headers, body).await))
            }
            Act::Signed(method, path, form) => {
                let form_type = "application/x-www-form-urlencoded";
                let client = Client::new(world);
                let answer = client.signed(method, path, form_type, form, local::SECRET_KEY).await;
                Outcome::Answered(Box::new(answer))
            }
            Act::From(country, path, body) => {
                let headers = [("content-type", "application/json"), ("x-local-country", *country)];
                let body = body.to_string().into_bytes();
                Outcome::Answered(Box::new(Client::new(world).send("POST", path, &headers, body).await))
            }
            Act::Event(event) => Outcome::Returned(world.invoke(self.function, event.clone()).await),
            Act::Stream => {
                let touched = world.invoke("cleanup", json!({})).await;
                world.settle().await;
                Outcome::Returned(touched)
            }
        }
    }

    /// Whether it ended well.
    pub(crate) fn succeeded(&self, world: &World, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Answered(answer) => answer.status == self.success,
            // A stream's function has nobody to answer to: its effect is its answer.
            Outcome::Returned(result) => result.is_ok() && (self.only_answers() || (self.effects)(world) > 0),
        }
    }

    /// Whether its answer is all that comes of it, though no client asks it.
    pub(crate) fn only_answers(&self) -> bool {
        self.function == "authorizer"
    }
}

fn count(world: &World, table: &str, found: impl Fn(&Value) -> bool) -> usize {
    world.scan(table).iter().filter(|item| found(item)).count()
}

fn count_sessions(world: &World, found: impl Fn(&Value) -> bool) -> usize {
    tests::sessions(world).iter().filter(|item| found(item)).count()
}

fn events(world: &World, action: &str) -> usize {
    count(world, "audit", |item| item["event"]["S"] == action && item["outcome"]["S"] == "success")
}

async fn person(client: &Client) -> Person {
    Person::register(client, ADDRESS).await
}

async fn registration(client: &Client, body: Value) -> String {
    client.post("/v1/register", body).await.expect(202).text("registration_id")
}

fn post(path: &'static str, body: Value) -> Act {
    Act::Request("POST", path, body, None)
}

/// All of them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        function: "register",
        name: "by address",
        success: 202,
        spent: &[],
        prepare: |_| {
            let body =
                json!({ "email": ADDRESS, "password": PASSWORD, "name": "Canary Name", "username": "canaryname" });
            async { post("/v1/register", body) }.boxed()
        },
        effects: |world| world.scan("challenges").len(),
    },
    Scenario {
        function: "register",
        name: "by username",
        success: 201,
        spent: &[(409, "conflict")],
        prepare: |_| async { post("/v1/register", json!({ "username": "canaryname", "password": PASSWORD })) }.boxed(),
        effects: |world| events(world, "create_account"),
    },
    Scenario {
        function: "register-verify",
        name: "by code, with a password",
        success: 201,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let body = json!({ "email": ADDRESS, "password": PASSWORD, "username": "canaryname" });
                let id = registration(&client, body).await;
                post("/v1/register/verify", json!({ "registration_id": id, "code": client.code_for(ADDRESS).await }))
            }
            .boxed()
        },
        effects: |world| events(world, "create_account"),
    },
    Scenario {
        function: "register-verify",
        name: "by link, without a password",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                registration(&client, json!({ "email": ADDRESS, "username": "canaryname" })).await;
                post("/v1/register/verify", json!({ "token": client.link_token_for(ADDRESS).await }))
            }
            .boxed()
        },
        effects: |world| events(world, "verify_email"),
    },
    Scenario {
        function: "register-complete",
        name: "",
        success: 201,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                registration(&client, json!({ "email": ADDRESS, "username": "canaryname" })).await;
                let body = json!({ "token": client.link_token_for(ADDRESS).await });
                let token = client.post("/v1/register/verify", body).await.expect(200).text("registration_token");
                post("/v1/register/complete", json!({ "registration_token": token, "password": PASSWORD }))
            }
            .boxed()
        },
        effects: |world| events(world, "create_account"),
    },
    Scenario {
        function: "register-resend",
        name: "",
        success: 202,
        spent: &[],
        prepare: |client| {
            async move {
                let id = registration(&client, json!({ "email": ADDRESS })).await;
                post("/v1/register/resend", json!({ "registration_id": id }))
            }
            .boxed()
        },
        effects: |world| count(world, "challenges", |item| item["generation"]["N"] != "1"),
    },
    Scenario {
        function: "login",
        name: "right password",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                post("/v1/login", person.credentials())
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login",
        name: "wrong password",
        success: 401,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                post("/v1/login", json!({ "identifier": person.email, "password": OTHER_PASSWORD }))
            }
            .boxed()
        },
        effects: |world| {
            count(world, "audit", |item| item["event"]["S"] == "login" && item["outcome"]["S"] == "failure")
        },
    },
    Scenario {
        function: "login",
        name: "known device",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let mut body = person.credentials();
                body["session"] = json!({ "device_token": person.device_token });
                post("/v1/login", body)
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login",
        name: "known device, elsewhere",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let mut body = person.credentials();
                body["session"] = json!({ "device_token": person.device_token });
                // From a country once, so that the next login is from another.
                let headers = [("content-type", "application/json"), ("x-local-country", "DE")];
                client.send("POST", "/v1/login", &headers, body.to_string().into_bytes()).await.expect(200);
                Act::From("FR", "/v1/login", body)
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login",
        name: "one session too many",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                post("/v1/login", person.credentials())
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login",
        name: "asking for a second factor",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                person.enable_totp().await;
                post("/v1/login", person.credentials())
            }
            .boxed()
        },
        effects: |world| count(world, "challenges", |item| item["purpose"]["S"] == "second_factor"),
    },
    Scenario {
        function: "login",
        name: "asking for a mailed code",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                post("/v1/login", person.credentials())
            }
            .boxed()
        },
        effects: |world| count(world, "challenges", |item| item["purpose"]["S"] == "second_factor"),
    },
    Scenario {
        function: "login-mfa",
        name: "by app",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let app = person.enable_totp().await;
                let token = person.first_factor().await;
                let code = app.next_code(&client.world);
                post("/v1/login/mfa", json!({ "mfa_token": token, "method": "totp", "code": code }))
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-mfa",
        name: "by backup code",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let app = person.enable_totp().await;
                let body = json!({
                    "mfa_token": person.first_factor().await,
                    "method": "backup_code",
                    "code": app.backup_codes[3],
                });
                post("/v1/login/mfa", body)
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-mfa",
        name: "known device, trusted from now on",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let app = person.enable_totp().await;
                let answer = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
                let body = json!({
                    "mfa_token": answer.text("mfa_token"),
                    "method": "totp",
                    "code": app.next_code(&client.world),
                    "trust_device": true,
                });
                post("/v1/login/mfa", body)
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-mfa",
        name: "by mailed code",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let token = person.first_factor().await;
                let code = client.code_for(ADDRESS).await;
                post("/v1/login/mfa", json!({ "mfa_token": token, "method": "email_code", "code": code }))
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-mfa",
        name: "one session too many",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let app = person.enable_totp().await;
                let token = person.first_factor().await;
                let code = app.next_code(&client.world);
                post("/v1/login/mfa", json!({ "mfa_token": token, "method": "totp", "code": code }))
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-passkey-options",
        name: "of anybody",
        success: 200,
        spent: &[],
        prepare: |_| async { post("/v1/login/passkey/options", json!({})) }.boxed(),
        effects: |world| count(world, "challenges", |item| item["purpose"]["S"] == "passkey_assertion"),
    },
    Scenario {
        function: "login-passkey-options",
        name: "of an account",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                person(&client).await.add_passkey(&mut Key::new()).await.expect(201);
                post("/v1/login/passkey/options", json!({ "identifier": ADDRESS }))
            }
            .boxed()
        },
        effects: |world| count(world, "challenges", |item| item["purpose"]["S"] == "passkey_assertion"),
    },
    Scenario {
        function: "login-passkey-options",
        name: "as a second factor",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                person.add_passkey(&mut Key::new()).await.expect(201);
                person.enable_totp().await;
                let answer = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
                post("/v1/login/passkey/options", json!({ "mfa_token": answer.text("mfa_token") }))
            }
            .boxed()
        },
        effects: |world| count(world, "challenges", |item| item["purpose"]["S"] == "passkey_assertion"),
    },
    Scenario {
        function: "login-passkey-verify",
        name: "new device",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let mut key = Key::new();
                person(&client).await.add_passkey(&mut key).await.expect(201);
                post("/v1/login/passkey/verify", client.passkey_answer(&mut key, json!({})).await)
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-passkey-verify",
        name: "known device",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let (mut key, person) = (Key::new(), person(&client).await);
                person.add_passkey(&mut key).await.expect(201);
                let mut body = client.passkey_answer(&mut key, json!({ "identifier": ADDRESS })).await;
                body["session"] = json!({ "device_token": person.device_token });
                post("/v1/login/passkey/verify", body)
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-passkey-verify",
        name: "as a second factor",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let (mut key, person) = (Key::new(), person(&client).await);
                person.add_passkey(&mut key).await.expect(201);
                person.enable_totp().await;
                let answer = person.login_with(json!({ "device_token": person.device_token })).await.expect(200);
                let asking = json!({ "mfa_token": answer.text("mfa_token") });
                post("/v1/login/passkey/verify", client.passkey_answer(&mut key, asking).await)
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-passkey-verify",
        name: "one session too many",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let mut key = Key::new();
                person(&client).await.add_passkey(&mut key).await.expect(201);
                post("/v1/login/passkey/verify", client.passkey_answer(&mut key, json!({})).await)
            }
            .boxed()
        },
        effects: |world| events(world, "login"),
    },
    Scenario {
        function: "login-passkey-verify",
        name: "another's",
        success: 400,
        spent: &[],
        prepare: |client| {
            async move {
                let (mut key, person) = (Key::new(), person(&client).await);
                person.add_passkey(&mut key).await.expect(201);
                let mut body = client.passkey_answer(&mut key, json!({})).await;
                person.add_passkey(&mut Key::new()).await.expect(201);
                let asked = json!({ "identifier": "somebody.else@example.org" });
                let asked = client.post("/v1/login/passkey/options", asked).await.expect(200);
                body["challenge_id"] = asked.body["challenge_id"].clone();
                post("/v1/login/passkey/verify", body)
            }
            .boxed()
        },
        effects: |world| {
            count(world, "audit", |item| item["event"]["S"] == "login" && item["outcome"]["S"] == "failure")
        },
    },
    Scenario {
        function: "login-disown",
        name: "",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                person(&client).await.login().await;
                post("/v1/login/disown", json!({ "token": client.link_token_for(ADDRESS).await }))
            }
            .boxed()
        },
        effects: |world| events(world, "disown_login"),
    },
    Scenario {
        function: "password-reset",
        name: "",
        success: 204,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                person(&client).await.login().await;
                let body = json!({ "token": client.link_token_for(ADDRESS).await });
                let token = client.post("/v1/login/disown", body).await.expect(200).text("reset_token");
                post("/v1/password/reset", json!({ "token": token, "new_password": OTHER_PASSWORD }))
            }
            .boxed()
        },
        effects: |world| events(world, "reset_password"),
    },
    Scenario {
        function: "token-refresh",
        name: "rotation",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                post("/v1/token/refresh", json!({ "refresh_token": person.refresh_token }))
            }
            .boxed()
        },
        effects: |world| count_sessions(world, |item| item["refresh_counter"]["N"] == "1"),
    },
    Scenario {
        function: "token-refresh",
        name: "repetition",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                client.world.clock().freeze();
                let person = person(&client).await;
                person.refresh(&person.refresh_token).await.expect(200);
                post("/v1/token/refresh", json!({ "refresh_token": person.refresh_token }))
            }
            .boxed()
        },
        effects: |world| count_sessions(world, |item| item["refresh_counter"]["N"] == "1"),
    },
    Scenario {
        function: "token-refresh",
        name: "reuse",
        success: 401,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                person.refresh(&person.refresh_token).await.expect(200);
                client.world.clock().advance(60);
                post("/v1/token/refresh", json!({ "refresh_token": person.refresh_token }))
            }
            .boxed()
        },
        effects: |world| count_sessions(world, |item| item.get("revoked_at").is_some()),
    },
    Scenario {
        function: "logout",
        name: "by access token",
        success: 204,
        spent: &[(401, "session_revoked")],
        prepare: |client| {
            async move { Act::Request("POST", "/v1/logout", Value::Null, person(&client).await.client.token) }.boxed()
        },
        effects: |world| count_sessions(world, |item| item.get("revoked_at").is_some()),
    },
    Scenario {
        function: "logout",
        name: "by refresh token",
        success: 204,
        spent: &[(401, "session_revoked")],
        prepare: |client| {
            async move { post("/v1/logout", json!({ "refresh_token": person(&client).await.refresh_token })) }.boxed()
        },
        effects: |world| count_sessions(world, |item| item.get("revoked_at").is_some()),
    },
    Scenario {
        function: "logout-all",
        name: "all",
        success: 200,
        spent: &[(401, "session_revoked")],
        prepare: |client| {
            async move {
                let person = person(&client).await.login().await;
                Act::Request("POST", "/v1/logout/all", json!({}), person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "logout_all"),
    },
    Scenario {
        function: "logout-all",
        name: "all others",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await.login().await;
                Act::Request("POST", "/v1/logout/all", json!({ "keep_current": true }), person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "logout_all"),
    },
    Scenario {
        function: "session-revoke",
        name: "",
        success: 204,
        spent: &[(404, "not_found")],
        prepare: |client| {
            async move {
                let first = person(&client).await;
                let second = first.login().await;
                let path = format!("/v1/sessions/{}", first.session_id);
                Act::Request("DELETE", path.leak(), Value::Null, second.client.token)
            }
            .boxed()
        },
        effects: |world| count_sessions(world, |item| item.get("revoked_at").is_some()),
    },
    Scenario {
        function: "session-list",
        name: "two sessions",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move { Act::Request("GET", "/v1/sessions", Value::Null, person(&client).await.login().await.client.token) }
                .boxed()
        },
        effects: |_| 0,
    },
    Scenario {
        function: "device-list",
        name: "two devices",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move { Act::Request("GET", "/v1/devices", Value::Null, person(&client).await.login().await.client.token) }
                .boxed()
        },
        effects: |_| 0,
    },
    Scenario {
        function: "device-update",
        name: "",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let (path, token) = device(&client).await;
                Act::Request("PATCH", path, json!({ "name": "Canary Phone", "trusted": false }), token)
            }
            .boxed()
        },
        effects: |world| events(world, "update_device"),
    },
    Scenario {
        function: "device-forget",
        name: "with a session",
        success: 204,
        spent: &[(404, "not_found")],
        prepare: |client| {
            async move {
                let (path, token) = device(&client).await;
                Act::Request("DELETE", path, Value::Null, token)
            }
            .boxed()
        },
        effects: |world| events(world, "forget_device"),
    },
    Scenario {
        function: "authorizer",
        name: "by the token alone",
        success: 0,
        spent: &[],
        prepare: authorizer,
        effects: |_| 0,
    },
    Scenario {
        function: "authorizer",
        name: "with the session checked",
        success: 0,
        spent: &[],
        prepare: authorizer,
        effects: |_| 0,
    },
    Scenario {
        function: "token-introspect",
        name: "",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let token = person(&client).await.client.token.unwrap();
                Act::Signed("POST", "/v1/token/introspect", format!("token={token}"))
            }
            .boxed()
        },
        effects: |_| 0,
    },
    Scenario {
        function: "csrf",
        name: "without a session",
        success: 200,
        spent: &[],
        prepare: |_| get("/v1/csrf"),
        effects: |_| 0,
    },
    Scenario {
        function: "csrf",
        name: "with a session",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move { Act::Request("GET", "/v1/csrf", Value::Null, person(&client).await.client.token) }.boxed()
        },
        effects: |_| 0,
    },
    Scenario {
        function: "reauthenticate",
        name: "by password",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let body = json!({ "password": person.password });
                Act::Request("POST", "/v1/reauthenticate", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "reauthenticate"),
    },
    Scenario {
        function: "reauthenticate",
        name: "asking for a code",
        success: 202,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await.login().await;
                Act::Request("POST", "/v1/reauthenticate", json!({}), person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "reauthenticate"),
    },
    Scenario {
        function: "reauthenticate",
        name: "by code",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await.login().await;
                let id = person.client.post("/v1/reauthenticate", json!({})).await.expect(202).text("challenge_id");
                let body = json!({ "challenge_id": id, "code": client.code_for(ADDRESS).await });
                Act::Request("POST", "/v1/reauthenticate", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| {
            tests::events(world, "reauthenticate")
                .iter()
                .filter(|(outcome, how)| outcome == "success" && how == "code")
                .count()
        },
    },
    Scenario {
        function: "reauthenticate",
        name: "by password and app",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let code = person.enable_totp().await.next_code(&client.world);
                let body = json!({ "password": person.password, "totp_code": code });
                Act::Request("POST", "/v1/reauthenticate", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "reauthenticate"),
    },
    Scenario {
        function: "reauthenticate",
        name: "by passkey",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let (mut key, person) = (Key::new(), person(&client).await);
                person.add_passkey(&mut key).await.expect(201);
                let body = client.passkey_answer(&mut key, json!({})).await;
                Act::Request("POST", "/v1/reauthenticate", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "reauthenticate"),
    },
    Scenario {
        function: "mfa-status",
        name: "",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                person.enable_totp().await;
                Act::Request("GET", "/v1/mfa", Value::Null, person.client.token)
            }
            .boxed()
        },
        effects: |_| 0,
    },
    Scenario {
        function: "totp-setup",
        name: "",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move { Act::Request("POST", "/v1/mfa/totp", json!({}), person(&client).await.client.token) }.boxed()
        },
        effects: |world| events(world, "set_up_totp"),
    },
    Scenario {
        function: "totp-enable",
        name: "",
        success: 200,
        spent: &[(409, "conflict")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let secret = person.client.post("/v1/mfa/totp", json!({})).await.expect(200).text("secret");
                let body = json!({ "code": App::new(&secret).code(&client.world) });
                Act::Request("POST", "/v1/mfa/totp/enable", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "enable_totp"),
    },
    Scenario {
        function: "totp-disable",
        name: "by app",
        success: 204,
        spent: &[(409, "conflict")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let body = json!({ "code": person.enable_totp().await.next_code(&client.world) });
                Act::Request("POST", "/v1/mfa/totp/disable", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "disable_totp"),
    },
    Scenario {
        function: "totp-disable",
        name: "by backup code",
        success: 204,
        spent: &[(409, "conflict")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let body = json!({ "code": person.enable_totp().await.backup_codes[0] });
                Act::Request("POST", "/v1/mfa/totp/disable", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "disable_totp"),
    },
    Scenario {
        function: "backup-codes-regenerate",
        name: "",
        success: 200,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let body = json!({ "code": person.enable_totp().await.next_code(&client.world) });
                Act::Request("POST", "/v1/mfa/backup-codes", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "regenerate_backup_codes"),
    },
    Scenario {
        function: "passkey-options",
        name: "with one there",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                person.add_passkey(&mut Key::new()).await.expect(201);
                Act::Request("POST", "/v1/passkeys/options", json!({}), person.client.token)
            }
            .boxed()
        },
        effects: |world| count(world, "challenges", |item| item["purpose"]["S"] == "passkey_registration"),
    },
    Scenario {
        function: "passkey-options",
        name: "too long after the login",
        success: 403,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                client.world.clock().advance(601);
                let refreshed = person.refresh(&person.refresh_token).await.expect(200);
                Act::Request("POST", "/v1/passkeys/options", json!({}), Some(refreshed.text("access_token")))
            }
            .boxed()
        },
        effects: |world| {
            count(world, "audit", |item| item["event"]["S"] == "register_passkey" && item["outcome"]["S"] == "failure")
        },
    },
    Scenario {
        function: "passkey-register",
        name: "",
        success: 201,
        spent: &[(400, "invalid_code")],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                let asked = person.client.post("/v1/passkeys/options", json!({})).await.expect(200);
                let credential = Key::new().create(&asked.body["publicKey"]).await;
                let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
                Act::Request("POST", "/v1/passkeys", body, person.client.token)
            }
            .boxed()
        },
        effects: |world| events(world, "register_passkey"),
    },
    Scenario {
        function: "passkey-list",
        name: "one passkey",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let person = person(&client).await;
                person.add_passkey(&mut Key::new()).await.expect(201);
                Act::Request("GET", "/v1/passkeys", Value::Null, person.client.token)
            }
            .boxed()
        },
        effects: |_| 0,
    },
    Scenario {
        function: "passkey-update",
        name: "",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move {
                let (path, token) = passkey(&client).await;
                Act::Request("PATCH", path, json!({ "name": "Canary Key" }), token)
            }
            .boxed()
        },
        effects: |world| events(world, "update_passkey"),
    },
    Scenario {
        function: "passkey-remove",
        name: "",
        success: 204,
        spent: &[(404, "not_found")],
        prepare: |client| {
            async move {
                let (path, token) = passkey(&client).await;
                Act::Request("DELETE", path, Value::Null, token)
            }
            .boxed()
        },
        effects: |world| events(world, "remove_passkey"),
    },
    Scenario {
        function: "profile-get",
        name: "",
        success: 200,
        spent: &[],
        prepare: |client| {
            async move { Act::Request("GET", "/v1/me", Value::Null, person(&client).await.client.token) }.boxed()
        },
        effects: |_| 0,
    },
    Scenario {
        function: "jwks",
        name: "",
        success: 200,
        spent: &[],
        prepare: |_| get("/.well-known/jwks.json"),
        effects: |_| 0,
    },
    Scenario {
        function: "openid-configuration",
        name: "",
        success: 200,
        spent: &[],
        prepare: |_| get("/.well-known/openid-configuration"),
        effects: |_| 0,
    },
    Scenario { function: "config", name: "", success: 200, spent: &[], prepare: |_| get("/v1/config"), effects: |_| 0 },
    Scenario { function: "health", name: "", success: 200, spent: &[], prepare: |_| get("/v1/health"), effects: |_| 0 },
    Scenario {
        function: "not-found",
        name: "",
        success: 404,
        spent: &[],
        prepare: |_| get("/v1/nothing"),
        effects: |_| 0,
    },
    Scenario {
        function: "send-email",
        name: "",
        success: 0,
        spent: &[],
        prepare: |client| waiting_mail(client, Act::Stream),
        effects: |world| events(world, "send_mail"),
    },
    Scenario {
        function: "cleanup",
        name: "",
        success: 0,
        spent: &[],
        prepare: |client| waiting_mail(client, Act::Event(json!({}))),
        effects: |world| count(world, "outbox", |item| item.get("touched_at").is_some()) + world.mail().len(),
    },
    Scenario {
        function: "keys-rotate",
        name: "",
        success: 0,
        spent: &[],
        prepare: |client| {
            async move {
                let table = client.world.table("keyring").unwrap().physical.clone();
                for item in client.world.scan("keyring") {
                    let delete = json!({ "TableName": table, "Key": { "pk": item["pk"], "sk": item["sk"] } });
                    client.world.database().delete_item(serde_json::from_value(delete).unwrap()).unwrap();
                }
                Act::Event(json!({ "source": "aws.scheduler" }))
            }
            .boxed()
        },
        effects: |world| usize::from(world.scan("keyring").len() == shared::crypto::key::KeyPurpose::ALL.len()),
    },
];

fn get(path: &'static str) -> BoxFuture<'static, Act> {
    async move { Act::Request("GET", path, Value::Null, None) }.boxed()
}

/// A device of somebody who is logged in on another, its path and their token.
async fn device(client: &Client) -> (&'static str, Option<String>) {
    let person = person(client).await;
    let devices = person.client.get("/v1/devices").await.expect(200);
    let path = format!("/v1/devices/{}", devices.body["devices"][0]["id"].as_str().unwrap());
    (path.leak(), person.login().await.client.token)
}

/// Somebody's passkey, its path and their token.
async fn passkey(client: &Client) -> (&'static str, Option<String>) {
    let person = person(client).await;
    let id = person.add_passkey(&mut Key::new()).await.expect(201).text("id");
    (format!("/v1/passkeys/{id}").leak(), person.client.token)
}

fn authorizer(client: Client) -> BoxFuture<'static, Act> {
    async move {
        let token = person(&client).await.client.token.unwrap();
        Act::Event(json!({
            "version": "2.0",
            "type": "REQUEST",
            "headers": { "authorization": format!("Bearer {token}") },
            "requestContext": { "requestId": "r", "http": { "method": "GET" } },
        }))
    }
    .boxed()
}

/// A mail that SES didn't take so far and that was given up on.
fn waiting_mail(client: Client, act: Act) -> BoxFuture<'static, Act> {
    async move {
        let rule = faults::Rule::new(faults::Service::Ses, faults::Kind::Error);
        let rule = client.world.faults().arm(rule);
        registration(&client, json!({ "email": ADDRESS })).await;
        client.world.settle().await;
        client.world.faults().disarm(rule);
        assert_eq!((client.world.scan("outbox").len(), client.world.mail().len()), (1, 0));
        act
    }
    .boxed()
}
