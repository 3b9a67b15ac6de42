//! Logs in the user of an identity, or links it, or creates the account. `decide` in `shared::domain::provider` has the rules.

use shared::{
    context::Context,
    crypto::{
        device_token::DeviceToken,
        field::UserSalt,
        key::KeyPurpose,
        lookup_hash::{Subject, lookup_hash},
    },
    domain::{
        account::Status,
        audit::{Action, Outcome as Recorded},
        ids::UserId,
        provider::{AddressHere, Claimed, Decision, FEDERATED_AMR, LoginError, Provider, decide},
        session::{OpaqueText, SessionOptions},
    },
    error::{Contention, Error},
    providers::ProviderUser,
    store::{Account, Condition, Device, IdentityOwner, Retries, StoredIdentity, Transaction, UserQuery},
    user_cipher::UserCipher,
};

use super::{
    outcome::Outcome,
    refusal::Refusal,
    refused::{self, Concerned},
};
use crate::auth::{
    identity::{self, AccountIdentity, METHOD, NewLink, ProvenIdentity},
    mfa::pending_login::{self, NextStep},
    new_account::{self, NewAccount, Origin, Recovery},
    session::{device, issue, subject::SignInSubject},
};

/// A login with a proven identity.
pub(super) struct ProviderLogin<'a> {
    pub(super) context: Context<'a>,
    pub(super) provider: &'a Provider,
    pub(super) user: &'a ProviderUser,
    pub(super) options: &'a SessionOptions,
    /// Whether the answer can hold a new account's recovery key.
    pub(super) recovery: Recovery,
    /// The writes that spend the proof.
    pub(super) proof: Transaction,
}

/// An account with its cipher.
struct Found<'a> {
    account: Account,
    cipher: UserCipher<'a>,
}

/// The account of the provider's address, and a void identity that a new one replaces.
struct Candidate<'a> {
    found: Found<'a>,
    former: Option<StoredIdentity>,
}

impl<'a> ProviderLogin<'a> {
    /// Logs in. If what was loaded changed meanwhile, it is loaded again.
    pub(super) async fn run(&self) -> Result<Outcome, Refusal> {
        let mut retries = Retries::on_conflict();
        loop {
            let done = self.attempt().await;
            let lost = matches!(done, Err(Refusal::Failed(Error::Contended(Contention::LostRace))));
            let again = if lost { Err(Error::Contended(Contention::LostRace)) } else { Ok(()) };
            if !retries.again(&again) {
                return done;
            }
        }
    }

    async fn attempt(&self) -> Result<Outcome, Refusal> {
        let app = self.context.app;
        let hash = identity::hash(app, self.user).await?;
        let owner = app.store.identity_owner(&hash).await?;
        if let Some(owner) = &owner
            && let Some(found) = self.load(&owner.user_id).await?
        {
            let (own, _) = identity::of_provider(app, &found.account, &owner.provider).await?;
            if let Some(own) = own.filter(|own| own.hash == hash) {
                return self.sign_in(&found, &AccountIdentity::Known(own)).await;
            }
        }
        // The owner of the reservation is deleted, or disowned the login that linked the identity.
        let (here, candidate) = self.account_here().await?;
        let claimed = match &self.user.email {
            None => Claimed::Missing,
            Some(_) if !self.user.email_verified => Claimed::NotVerified,
            Some(_) if !self.provider.trust_email => Claimed::NotTrusted,
            Some(_) => Claimed::Verified,
        };
        match (decide(claimed, here), candidate) {
            (Decision::Create, _) => self.create(owner).await,
            (Decision::Link, Some(Candidate { found, former })) => {
                let (id, cipher) = (&found.account.id, &found.cipher);
                let identity = ProvenIdentity::seal(app, id, cipher, &self.provider.id, self.user).await?;
                let link = NewLink { identity, provider_name: self.provider.name.clone(), former, stale: owner };
                self.sign_in(&found, &AccountIdentity::New(link)).await
            }
            (Decision::Refuse(LoginError::AlreadyLinked), Some(Candidate { found, .. })) => {
                self.refuse(&found, Action::LinkIdentity, LoginError::AlreadyLinked).await
            }
            (Decision::Refuse(error), _) => Err(error.into()),
            (Decision::Link, None) => Err(Error::internal("a login without an account").into()),
        }
    }

    async fn load(&self, id: &UserId) -> Result<Option<Found<'a>>, Error> {
        let app = self.context.app;
        let record = app.store.load(id, UserQuery::ACCOUNT).await?;
        let both = record.account.zip(record.salt);
        Ok(both.map(|(account, salt)| Found { account, cipher: app.user_cipher(salt) }))
    }

    /// What is known here about the provider's address.
    async fn account_here(&self) -> Result<(AddressHere, Option<Candidate<'a>>), Error> {
        let app = self.context.app;
        let unknown = if app.config.sign_up { AddressHere::NoAccount } else { AddressHere::NoAccountAndNoSignUp };
        let Some(email) = &self.user.email else { return Ok((unknown, None)) };
        let email_hash = self.email_hash(email.as_str()).await?;
        let Some(owner) = app.store.email_owner(&email_hash, app.clock.now()).await? else {
            return Ok((unknown, None));
        };
        let found = self.load(&owner).await?.filter(|found| found.account.is_named_by(&email_hash));
        let Some(found) = found else { return Ok((AddressHere::Former, None)) };
        let (own, former) = identity::of_provider(app, &found.account, &self.provider.id).await?;
        let here = if own.is_some() { AddressHere::AccountWithAnother } else { AddressHere::Account };
        Ok((here, Some(Candidate { found, former })))
    }

    async fn email_hash(&self, email: &str) -> Result<String, Error> {
        let index = self.context.app.keyring.get(KeyPurpose::Index).await?;
        Ok(lookup_hash(&index, Subject::Email, email.as_bytes()))
    }

    /// Logs the owner of an account in, or asks for a second factor.
    async fn sign_in(&self, found: &Found<'a>, identity: &AccountIdentity) -> Result<Outcome, Refusal> {
        let Context { app, request } = self.context;
        let account = &found.account;
        if account.status == Status::Banned {
            return self.refuse(found, Action::Login, LoginError::AccountBanned).await;
        }
        let index = app.keyring.get(KeyPurpose::Index).await?;
        let presented = device::presented(&index, request, self.options);
        let device = device::load_recognised(app, account, presented, self.options).await?;
        let device = device.as_ref().map(|(device, token)| (device, token));
        let mut transaction = self.proof.clone();
        let outcome = match pending_login::next_step(app, account, device.map(|(device, _)| device)) {
            Some(step) => self.ask(found, identity, device, step, &mut transaction).await?,
            None => self.complete(found, identity, device, &mut transaction).await?,
        };
        match app.store.commit(transaction).await {
            Ok(()) => Ok(outcome),
            Err(refused) if refused.is(Condition::Challenge) || refused.is(Condition::IdToken) => {
                Err(LoginError::InvalidState.into())
            }
            Err(error) => Err(Error::from(error).into()),
        }
    }

    /// Adds the first factor to the transaction. The end of the pending login links a new identity.
    async fn ask(
        &self,
        found: &Found<'_>,
        identity: &AccountIdentity,
        device: Option<(&Device, &DeviceToken)>,
        step: NextStep,
        transaction: &mut Transaction,
    ) -> Result<Outcome, Error> {
        let (context, app, Found { account, cipher }) = (self.context, self.context.app, found);
        transaction.record_event(&context.event(cipher, Action::FirstFactor, Recorded::Success, METHOD).await?);
        transaction.require_account(account);
        let link = match identity {
            AccountIdentity::New(link) => account.email_hash.clone().map(|email_hash| link.pending(email_hash)),
            AccountIdentity::Known(identity) => {
                transaction.use_identity(identity, app.clock.now());
                None
            }
        };
        let index = app.keyring.get(KeyPurpose::Index).await?;
        let options = SessionOptions {
            device_token: device.map(|(_, token)| OpaqueText(token.encode(&index))),
            ..self.options.clone()
        };
        let amr = [FEDERATED_AMR.to_owned()];
        let subject =
            SignInSubject { device, pending: true, link: link.as_ref(), ..SignInSubject::new(account, cipher, &amr) };
        Ok(Outcome::SecondFactor(pending_login::ask(context, &subject, step, &options, transaction).await?))
    }

    /// Adds the login to the transaction. It links a new identity.
    async fn complete(
        &self,
        found: &Found<'_>,
        identity: &AccountIdentity,
        device: Option<(&Device, &DeviceToken)>,
        transaction: &mut Transaction,
    ) -> Result<Outcome, Error> {
        let (context, Found { account, cipher }) = (self.context, found);
        transaction.record_event(&context.event(cipher, Action::Login, Recorded::Success, METHOD).await?);
        let active = Account { status: Status::Active, ..account.clone() };
        let amr = [FEDERATED_AMR.to_owned()];
        let subject = SignInSubject {
            device,
            relied_on: device.and_then(|(device, _)| device.state.trust).filter(|_| account.mfa_since.is_some()),
            provider_auth_time: self.user.authenticated_at,
            ..SignInSubject::new(&active, cipher, &amr)
        };
        let sign_in = issue::prepare(context, &subject, self.options).await?;
        sign_in.add_to(transaction);
        identity.record_login(context, account, cipher, &sign_in.last_login, transaction).await?;
        Ok(Outcome::SignedIn(Box::new(sign_in.answer)))
    }

    /// Creates the account of a new identity.
    async fn create(&self, stale: Option<IdentityOwner>) -> Result<Outcome, Refusal> {
        let app = self.context.app;
        let email = self.user.email.as_ref().ok_or_else(|| Error::internal("an account without an address"))?;
        let (id, salt) = (UserId::random(&*app.rng), UserSalt::random(&*app.rng));
        let cipher = app.user_cipher(salt.clone());
        let identity = ProvenIdentity::seal(app, &id, &cipher, &self.provider.id, self.user).await?;
        let mut transaction = self.proof.clone();
        transaction.link_identity(&identity.linked(&id, 0, app.clock.now()), None, stale.as_ref());
        let account = NewAccount {
            id,
            salt,
            email: Some((email.as_str().to_owned(), self.email_hash(email.as_str()).await?)),
            username: None,
            name: self.user.name.as_ref().map(|name| name.as_str().to_owned()),
            picture: self.user.picture.as_ref().map(|picture| picture.as_str().to_owned()),
            password: None,
        };
        let origin = Origin {
            options: self.options,
            amr: FEDERATED_AMR,
            method: METHOD,
            provider_auth_time: self.user.authenticated_at,
        };
        match new_account::create_with(self.context, account, origin, transaction, self.recovery).await {
            Ok(answer) => Ok(Outcome::Created(Box::new(answer))),
            Err(Error::InvalidCode) => Err(LoginError::InvalidState.into()),
            // Another request gave the address an account meanwhile, to which the identity may be linked.
            Err(Error::Conflict(_)) => Err(Error::Contended(Contention::LostRace).into()),
            Err(error) => Err(error.into()),
        }
    }

    async fn refuse<T>(&self, found: &Found<'_>, action: Action, error: LoginError) -> Result<T, Refusal> {
        let owner = Concerned::Owner { id: &found.account.id, cipher: &found.cipher, action };
        refused::record(self.context, owner, error).await?;
        Err(error.into())
    }
}
