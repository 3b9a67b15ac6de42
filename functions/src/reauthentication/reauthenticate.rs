//! `POST /v1/reauthenticate`: the user of a session proves their identity again. The session's `auth_time` is then now.
//!
//! The proof is a password, with a TOTP code if the account has MFA. Or it is a passkey. An unverified one needs what a password
//! needs. Or it is a mailed code, if the account has no password or the session is unconfirmed.

use shared::{
    context::Context,
    crypto::key::{KeyPurpose, KeySet},
    domain::{
        audit::Action,
        limits::{CODE_GUESSES_BY_ACCOUNT, REAUTHENTICATE_BY_SESSION, REAUTHENTICATION_MAIL_BY_SESSION},
        otp_code::OtpCode,
        password::Password,
        second_factor::{SecondFactorMethod, with_methods},
        session::OpaqueText,
    },
    error::Error,
    fields::schema,
    http::{Request, Response},
    operation::{
        Access, Operation, Route,
        contract::{Contract, Link},
    },
    store::{Attempt, Challenge, Condition, FactorChange, PasskeyAssertion, SecretKind, StoredPasskey, UserQuery},
    webauthn::AssertionResponse,
};

use super::{
    by_mailed_code,
    proof::{confirm_login, record_reauthentication, refusal, verify_second_factor},
};
use crate::auth::{
    caller::{self, Caller},
    limits, mailed_code,
    mfa::passkey,
    password,
    session::response::AccessAnswer,
};

pub const OPERATION: Operation = Operation::http("reauthenticate", |context| Box::pin(handle(context)))
    .summary(
        "renews the proof of who is signed in: password (with an app's code where MFA is on), passkey, or mailed code",
    )
    .routes(&[Route::new("POST", "/v1/reauthenticate")])
    .access(Access::Session)
    .memory(1769)
    .keys(&[
        KeyPurpose::Index,
        KeyPurpose::Pepper,
        KeyPurpose::Csrf,
        KeyPurpose::Signing,
        KeyPurpose::FieldContact,
        KeyPurpose::FieldMfa,
        KeyPurpose::FieldSession,
        KeyPurpose::FieldIp,
        KeyPurpose::FieldOutbox,
    ])
    .limits(&[REAUTHENTICATE_BY_SESSION, CODE_GUESSES_BY_ACCOUNT, REAUTHENTICATION_MAIL_BY_SESSION])
    .contract(contract);

fn contract() -> Contract {
    let form = schema::Form::new;
    let totp = "The code of the authenticator app, where MFA is on.";
    let by_password = form("ReauthenticateByPassword")
        .required::<Password>("password", "The password.")
        .optional::<OtpCode>("totp_code", totp)
        .absent(&["challenge_id", "credential", "code"]);
    let by_passkey = form("ReauthenticateByPasskey")
        .required::<OpaqueText>("challenge_id", "The challenge of `loginPasskeyOptions`.")
        .required::<AssertionResponse>("credential", "The credential that signed.")
        .optional::<OtpCode>("totp_code", totp)
        .absent(&["password", "code"]);
    let by_code = form("ReauthenticateByMailedCode")
        .required::<OpaqueText>("challenge_id", "The challenge of the mailed code.")
        .required::<OtpCode>("code", "The code in the mail.")
        .optional::<OtpCode>("totp_code", totp)
        .absent(&["password", "credential"]);
    let asks = form("ReauthenticateByMail").absent(&["password", "challenge_id", "credential", "code", "totp_code"]);
    Contract::new()
        .json(by_password)
        .json(by_passkey)
        .json(by_code)
        .json(asks)
        .answers(200, "A new access token.", AccessAnswer::schema())
        .only_to(&["ReauthenticateByPassword", "ReauthenticateByPasskey", "ReauthenticateByMailedCode"])
        .answers(
            202,
            "A code was mailed: it was asked for, or a suspicious login needs it.",
            mailed_code::challenge_schema(),
        )
        .only_to(&["ReauthenticateByPassword", "ReauthenticateByPasskey", "ReauthenticateByMail"])
        .then([Link::new("reauthenticate", &[("challenge_id", "/challenge_id")])])
        .errors([
            Error::UnknownCredential,
            Error::InvalidCredentials,
            Error::InvalidCode,
            Error::LockedOut { retry_after: 60 },
            by_mailed_code::NO_ADDRESS,
        ])
}

enum IdentityProof {
    /// No proof yet: the caller asks for a mailed code.
    None,
    Password {
        password: Password,
        totp: Option<OtpCode>,
    },
    Code {
        challenge_id: OpaqueText,
        code: OtpCode,
        totp: Option<OtpCode>,
    },
    Passkey {
        challenge_id: OpaqueText,
        assertion: AssertionResponse,
        totp: Option<OtpCode>,
    },
}

impl IdentityProof {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut fields = request.fields()?;
        let totp_given = fields.has("totp_code");
        let totp = fields.optional("totp_code");
        if fields.has("credential") {
            let challenge_id = fields.required("challenge_id");
            let assertion = fields.required("credential");
            fields.ignore_absent(&["password", "code"]);
            return fields.finish(|| Some(Self::Passkey { challenge_id: challenge_id?, assertion: assertion?, totp }));
        }
        if fields.has("challenge_id") || fields.has("code") {
            let challenge_id = fields.required("challenge_id");
            let code = fields.required("code");
            fields.ignore_absent(&["password"]);
            return fields.finish(|| Some(Self::Code { challenge_id: challenge_id?, code: code?, totp }));
        }
        if fields.has_password("password") || totp_given {
            let password = fields.required("password");
            return fields.finish(|| Some(Self::Password { password: password?, totp }));
        }
        fields.finish(|| Some(Self::None))
    }
}

async fn handle(context: Context<'_>) -> Result<Response, Error> {
    let Context { app: _, request } = context;
    let proof = IdentityProof::parse(request)?;
    let caller = caller::caller_with_factors(context).await?;
    limits::count_session(context.app, &caller, REAUTHENTICATE_BY_SESSION).await?;
    let mfa = caller.account.mfa_since.is_some();
    // The password does not confirm a suspicious login that waits for a mailed code, because a thief may have it.
    let waits_for_code = caller.session.unconfirmed && !mfa;
    let (method, done) = match proof {
        // The proof must be as strong as the account's logins. With MFA, a password or a mailed code alone is not
        // enough.
        IdentityProof::Password { totp: None, .. } | IdentityProof::Code { totp: None, .. } if mfa => {
            return Err(Error::field("totp_code", "is required"));
        }
        IdentityProof::None if caller.account.password.is_some() && !waits_for_code => {
            return Err(Error::field("password", "is required"));
        }
        IdentityProof::Password { password, totp } if !waits_for_code => {
            ("password", by_password(context, &caller, &password, totp).await)
        }
        IdentityProof::Password { .. } | IdentityProof::None => {
            ("code_mailed", by_mailed_code::ask(context, &caller).await)
        }
        IdentityProof::Code { challenge_id, code, totp } => {
            ("code", by_mailed_code::accept(context, &caller, &challenge_id.0, &code, totp).await)
        }
        IdentityProof::Passkey { challenge_id, assertion, totp } => {
            let index = context.app.keyring.get(KeyPurpose::Index).await?;
            let passkey = load_passkey(context, &index, &caller, &assertion).await?;
            match &passkey {
                // It counts as one factor, like a password.
                Some(passkey) if !passkey.verified && waits_for_code => {
                    ("code_mailed", by_mailed_code::ask(context, &caller).await)
                }
                Some(passkey) if !passkey.verified && mfa && totp.is_none() => {
                    return Err(Error::field("totp_code", "is required"));
                }
                _ => {
                    let proof = PasskeyProof { challenge_id: &challenge_id.0, passkey, assertion: &assertion, totp };
                    ("passkey", proof.accept(context, &index, &caller).await)
                }
            }
        }
    };
    caller.record_refusal(context, Action::Reauthenticate, method, done).await
}

async fn by_password(
    context: Context<'_>,
    caller: &Caller<'_>,
    password: &Password,
    totp: Option<OtpCode>,
) -> Result<Response, Error> {
    let app = context.app;
    let attempt = password::verify_in_session(app, caller, password).await?;
    let second = match verify_second_factor(app, caller, totp).await {
        Ok(second) => second,
        Err(error) => {
            app.store.refund([&attempt]).await?; // the password was correct
            return Err(error);
        }
    };
    let mut transaction = app.store.transaction();
    confirm_login(caller, &mut transaction).await?;
    let mut amr = vec!["pwd"];
    if let Some((used, _)) = &second {
        transaction.use_factor(&caller.account.id, used, FactorChange::None);
        amr.extend(SecondFactorMethod::Totp.amr());
    }
    let access = record_reauthentication(context, caller, "password", &amr, &mut transaction).await?;
    let attempts: Vec<&Attempt> =
        std::iter::once(&attempt).chain(second.as_ref().and_then(|(_, second)| second.as_ref())).collect();
    match app.store.commit_refunding(transaction, attempts.clone()).await {
        Ok(()) => Ok(access.into_response()),
        Err(refused) => {
            if refused.is(Condition::Account) {
                app.store.refund(attempts).await?; // both were correct
            }
            Err(refusal(refused))
        }
    }
}

/// The passkey that signed, if the caller has it.
async fn load_passkey(
    context: Context<'_>,
    index: &KeySet,
    caller: &Caller<'_>,
    assertion: &AssertionResponse,
) -> Result<Option<StoredPasskey>, Error> {
    let id = passkey::id(index, assertion.credential_id());
    let query = UserQuery { passkey: Some(&id), without_salt: true, ..UserQuery::ACCOUNT };
    Ok(context.app.store.load(&caller.account.id, query).await?.passkey)
}

struct PasskeyProof<'a> {
    challenge_id: &'a str,
    passkey: Option<StoredPasskey>,
    assertion: &'a AssertionResponse,
    totp: Option<OtpCode>,
}

impl PasskeyProof<'_> {
    async fn accept(self, context: Context<'_>, index: &KeySet, caller: &Caller<'_>) -> Result<Response, Error> {
        let (app, now) = (context.app, context.app.clock.now());
        let challenge: Option<Challenge<PasskeyAssertion>> = app.store.challenge(self.challenge_id, now).await?;
        let challenge = challenge.ok_or(Error::InvalidCode)?;
        let asked = &challenge.payload;
        // A challenge for another user, or for the second factor of a login, does not work for this session.
        if asked.second_factor_of.is_some() || !asked.discoverable && challenge.user_id != caller.account.id {
            return Err(Error::InvalidCode);
        }
        let reserved = app.store.reserve_attempt(self.challenge_id, SecretKind::Signature, now).await?;
        let _: Challenge<PasskeyAssertion> = reserved.ok_or(Error::InvalidCode)?;
        let Some(stored) = self.passkey else {
            return Err(passkey::refusal(app, index, self.assertion).await?);
        };
        let state = passkey::open_state(app, PasskeyAssertion::STATE, self.challenge_id, &asked.state).await?;
        let mut verified = passkey::verify(context, &caller.cipher, &stored, self.assertion, &state).await?;
        let second = verify_second_factor(app, caller, self.totp).await?;
        let mut amr = verified.amr();
        let mut transaction = app.store.transaction();
        transaction.consume_challenge(&challenge);
        if let Some((used, _)) = &second {
            transaction.use_factor(&caller.account.id, used, FactorChange::None);
            amr = with_methods(&amr, SecondFactorMethod::Totp.amr());
        }
        // The session of a suspicious login changes nothing of the account except that it is confirmed.
        if !stored.verified && second.is_some() && !caller.session.unconfirmed {
            verified.verify_passkey();
            transaction.count_verified_passkey(&caller.account);
        } else {
            confirm_login(caller, &mut transaction).await?;
        }
        verified.add_to(app, &mut transaction);
        let amr: Vec<&str> = amr.iter().map(String::as_str).collect();
        let access = record_reauthentication(context, caller, "passkey", &amr, &mut transaction).await?;
        let attempt = second.as_ref().and_then(|(_, attempt)| attempt.as_ref());
        match app.store.commit_refunding(transaction, attempt).await {
            Ok(()) => Ok(access.into_response()),
            Err(refused) => {
                if refused.is(Condition::Account) || refused.is(Condition::Passkey) {
                    app.store.refund(attempt).await?; // both were correct
                }
                Err(refusal(refused))
            }
        }
    }
}
