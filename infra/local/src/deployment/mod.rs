//! A deployment: it creates tables and keys, sets permissions and calls custom resources.

mod custom_resources;
mod directory;
mod error;
mod local_client;
mod tables;

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{Arc, Mutex, OnceLock},
};

use dynoxide::Database;
use shared::{
    clock::Clock,
    rng::{Rng, SystemRng},
};
use tokio::sync::watch;

pub use custom_resources::RequestType;
pub(crate) use custom_resources::{create_custom_resources, request};
pub use error::StartError;
pub(crate) use local_client::create_local_client;

use crate::{
    aws::{Aws, Identities, Kms, Secrets, Siteverify},
    clock::DatabaseClock,
    cloud::Cloud,
    faults::Faults,
    gateway::Router,
    iam::Statement,
    ledger::Ledger,
    mailbox::Mailbox,
    options::{Data, Options},
    template::{self, Presence, Stack},
    triggers::{Checkpoints, Triggers},
};

/// The limit factor for a person who tries the service.
const LOOSE_LIMIT_FACTOR: &str = "100";

/// The sender of mails, because nobody has a verified address on this machine.
const DEFAULT_SENDER: &str = "no-reply@latchkey.example";

/// What a deployment creates.
pub(crate) struct Deployment {
    pub(crate) cloud: Cloud,
    pub(crate) router: Router,
    pub(crate) triggers: Triggers,
    /// The lock of the data directory, which no other process may use while this one runs.
    pub(crate) _lock: Option<File>,
}

/// Creates everything except the custom resources.
pub(crate) fn deploy(options: Options) -> Result<Deployment, StartError> {
    let stack = template::load(&options.template, &parameters(&options)?).map_err(StartError::new)?;
    let router = Router::new(&stack).map_err(StartError::new)?;
    let directory = match &options.data {
        Data::Memory => None,
        Data::Directory(directory) => Some(directory.as_path()),
    };
    let lock = directory.map(directory::lock).transpose()?;
    let file = |name: &str| directory.map(|directory| directory.join(name));
    let failed = |what: &'static str| move |problem| StartError::new(format!("{what}: {problem}"));

    let database = match file("dynamodb.sqlite") {
        None => Database::memory_with_clock(Arc::new(DatabaseClock(Arc::clone(&options.clock)))),
        Some(file) => Database::new(&file.to_string_lossy()),
    };
    let database = database.map_err(|problem| StartError::new(format!("the database: {problem}")))?;
    for table in &stack.tables {
        tables::create(&database, table)?;
    }
    let kms = Kms::open(&stack.keys, &*options.rng, file("kms.json").as_deref()).map_err(failed("kms.json"))?;
    let mailbox = match file("mail.json") {
        None => Mailbox::in_memory(),
        Some(file) => Mailbox::on_disk(&file).map_err(failed("mail.json"))?,
    };
    let checkpoints = Checkpoints::open(file("streams.json").as_deref()).map_err(failed("streams.json"))?;
    let triggers = Triggers::new(&stack, checkpoints, options.clock.now()).map_err(StartError::new)?;
    let edited_policies = edited_policies(&stack, &options);
    let aws = Aws {
        identities: identities(&stack, &options),
        edited_policies,
        stack,
        database,
        kms,
        secrets: Secrets::new(&options.secrets),
        internet: options.internet.clone(),
        captchas: Siteverify::default(),
        mailbox,
        faults: Faults::default(),
        ledger: Ledger::default(),
        clock: Arc::clone(&options.clock),
        rng: Arc::clone(&options.rng),
        table_writes: watch::Sender::new(0),
        callbacks: Mutex::default(),
    };
    Ok(Deployment { cloud: Cloud::new(options, aws), router, triggers, _lock: lock })
}

/// The given parameters, with local defaults for those that only a deployment knows.
fn parameters(options: &Options) -> Result<BTreeMap<String, String>, StartError> {
    let mut parameters = options.parameters.clone();
    let declared = template::parameters(&options.template).map_err(StartError::new)?;
    let mut default = |name: &str, value: &str| {
        if declared.contains_key(name) {
            parameters.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    };
    default("PublicUrl", &options.base_url);
    // With a secret, functions accept locations, which the gateway sends as a CloudFront distribution does.
    default("OriginSecret", origin_secret());
    if declared.get("MailFrom") == Some(&Presence::Required) {
        default("MailFrom", DEFAULT_SENDER);
    }
    if !options.strict {
        default("LimitFactor", LOOSE_LIMIT_FACTOR);
    }
    Ok(parameters)
}

/// The name of the origin secret, which on this machine is its value too. All worlds of this process share it, so that [`template::load`] builds one stack.
fn origin_secret() -> &'static str {
    static SECRET: OnceLock<String> = OnceLock::new();
    let rng: &dyn Rng = &SystemRng;
    SECRET.get_or_init(|| format!("{:032x}", u128::from_be_bytes(rng.bytes())))
}

/// The statements of each function after [`Options::edit_policy`]. `None` if there is no such edit, so that worlds share
/// the statements of the stack.
fn edited_policies(stack: &Stack, options: &Options) -> Option<BTreeMap<String, Vec<Statement>>> {
    let edit = options.edit_policy.as_ref()?;
    let edited = stack.functions.values().map(|function| {
        let mut statements = function.statements.clone();
        edit(&function.name, &mut statements);
        (function.name.clone(), statements)
    });
    Some(edited.collect())
}

/// The SES identities that count as verified: those of the template, and the domains of the senders that policies name.
fn identities(stack: &Stack, options: &Options) -> Identities {
    let conditions = stack.functions.values().flat_map(|function| &function.statements).flat_map(|it| &it.conditions);
    let senders = conditions.filter(|it| it.key.eq_ignore_ascii_case("ses:FromAddress")).flat_map(|it| &it.values);
    let domains = senders.filter_map(|sender| sender.rsplit_once('@')).map(|(_, domain)| domain.to_owned());
    let domains = domains.filter(|domain| !domain.contains(['*', '?']));
    Identities::new(stack.identities.iter().cloned().chain(domains), options.ses_sandbox)
}
