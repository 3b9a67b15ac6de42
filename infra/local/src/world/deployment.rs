//! What a deployment does: creates tables and keys, sets permissions, calls custom resources.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use dynoxide::Database;
use serde_json::{Value, json};
use shared::clock::Clock;
use tokio::sync::{oneshot, watch};

use super::{Inner, StartError, World};
use crate::{
    aws::{Aws, CLOUDFORMATION_HOST, kms::Kms},
    clock::DatabaseClock,
    faults::Faults,
    gateway::routes::Router,
    iam::Statement,
    ledger::Ledger,
    mailbox::Mailbox,
    options::{Data, Options},
    template::{self, CustomResource, Stack, Table, intrinsics},
    triggers::{Checkpoints, Pump, Timer},
};

/// How much looser limits are for a person who tries things out.
const LOOSE: &str = "100";

/// Whom mails come from, where nobody has an address to verify.
const SENDER: &str = "no-reply@latchkey.example";

/// Everything but the tasks.
pub(super) fn prepare(options: Options) -> Result<Inner, StartError> {
    let stack = template::load(&options.template, &parameters(&options)?).map_err(StartError::new)?;
    let router = Router::new(&stack).map_err(StartError::new)?;
    let directory = match &options.data {
        Data::Memory => None,
        Data::Directory(directory) => Some(directory.as_path()),
    };
    let lock = directory.map(locked).transpose()?;
    let file = |name: &str| directory.map(|directory| directory.join(name));
    let broken = |what: &'static str| move |problem| StartError::new(format!("{what}: {problem}"));

    let database = match file("dynamodb.sqlite") {
        None => Database::memory_with_clock(Arc::new(DatabaseClock(Arc::clone(&options.clock)))),
        Some(file) => Database::new(&file.to_string_lossy()),
    };
    let database = database.map_err(|problem| StartError::new(format!("the database: {problem}")))?;
    for table in &stack.tables {
        create(&database, table)?;
    }
    let kms = Kms::open(&stack.keys, &*options.rng, file("kms.json").as_deref()).map_err(broken("kms.json"))?;
    let mailbox = match file("mail.json") {
        None => Mailbox::in_memory(),
        Some(file) => Mailbox::on_disk(&file).map_err(broken("mail.json"))?,
    };
    let checkpoints = Checkpoints::open(file("streams.json").as_deref()).map_err(broken("streams.json"))?;
    let policies = policies(&stack, &options);
    let (pumps, timers) = triggers(&stack, &options)?;
    let aws = Arc::new(Aws {
        identities: identities(&stack, &policies),
        policies,
        stack,
        database,
        kms,
        mailbox,
        faults: Faults::default(),
        ledger: Ledger::default(),
        clock: Arc::clone(&options.clock),
        rng: Arc::clone(&options.rng),
        written: watch::Sender::new(0),
        callbacks: Mutex::default(),
    });
    Ok(Inner {
        options,
        aws,
        router,
        apps: Mutex::new(HashMap::new()),
        pumps,
        timers,
        checkpoints,
        dead_letters: Mutex::default(),
        tasks: Mutex::default(),
        _lock: lock,
    })
}

/// The parameters as given, and what this machine puts in place of what only a deployment knows.
fn parameters(options: &Options) -> Result<BTreeMap<String, String>, StartError> {
    let mut parameters = options.parameters.clone();
    let declared = template::parameters(&options.template).map_err(StartError::new)?;
    let mut otherwise = |name: &str, value: &str| {
        if declared.contains_key(name) {
            parameters.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    };
    otherwise("PublicUrl", &options.base_url);
    // So that places can be tried out: the gateway tells them as a distribution would, which knows the secret.
    otherwise("OriginSecret", &format!("{:032x}", u128::from_be_bytes(options.rng.bytes())));
    if declared.get("MailFrom") == Some(&false) {
        otherwise("MailFrom", SENDER);
    }
    if !options.strict {
        otherwise("LimitFactor", LOOSE);
    }
    Ok(parameters)
}

/// Makes the directory, readable for this user alone (there are keys in it), and locks it.
fn locked(directory: &Path) -> Result<fs::File, StartError> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let failed = |problem: std::io::Error| StartError::new(format!("{}: {problem}", directory.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let mut open = fs::OpenOptions::new();
    let file =
        open.create(true).truncate(false).write(true).mode(0o600).open(directory.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            let directory = directory.display();
            Err(StartError::new(format!(
                "{directory} is in use by another process; choose another with --data, or use --in-memory"
            )))
        }
        Err(fs::TryLockError::Error(problem)) => Err(failed(problem)),
    }
}

fn create(database: &Database, table: &Table) -> Result<(), StartError> {
    let failed = |problem: &dyn std::fmt::Display| StartError::new(format!("{}: {problem}", table.logical_id));
    let request = |value: Value| serde_json::from_value(value).map_err(|problem| failed(&problem));
    let existing = database.get_table_metadata(&table.physical).map_err(|problem| failed(&problem))?;
    if existing.is_some() {
        let describe = dynoxide::actions::describe_table::DescribeTableRequest { table_name: table.physical.clone() };
        let described = database.describe_table(describe).map_err(|problem| failed(&problem))?;
        let described = serde_json::to_value(described).map_err(|problem| failed(&problem))?;
        return match changed(&table.create, &described["Table"]) {
            None => Ok(()),
            Some(what) => Err(failed(&format!(
                "{what} in the data directory is not that of the template; start with another directory, or delete this one"
            ))),
        };
    }
    database.create_table(request(table.create.clone())?).map_err(|problem| failed(&problem))?;
    if let Some(attribute) = &table.ttl {
        let specification = json!({ "AttributeName": attribute, "Enabled": true });
        let ttl = json!({ "TableName": table.physical, "TimeToLiveSpecification": specification });
        let ttl = serde_json::from_value(ttl).map_err(|problem| failed(&problem))?;
        database.update_time_to_live(ttl).map_err(|problem| failed(&problem))?;
    }
    Ok(())
}

/// What of a table that exists differs from what the template declares.
fn changed(declared: &Value, existing: &Value) -> Option<&'static str> {
    let keys = |schema: &Value| {
        let elements = schema.as_array().into_iter().flatten();
        elements.map(|element| (element["AttributeName"].clone(), element["KeyType"].clone())).collect::<Vec<_>>()
    };
    let indexes = |table: &Value| {
        let indexes = table["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let mut named: Vec<_> =
            indexes.map(|index| (index["IndexName"].as_str().map(str::to_owned), keys(&index["KeySchema"]))).collect();
        named.sort_by(|left, right| left.0.cmp(&right.0));
        named
    };
    if keys(&declared["KeySchema"]) != keys(&existing["KeySchema"]) {
        return Some("the table's key");
    }
    if indexes(declared) != indexes(existing) {
        return Some("the table's indexes");
    }
    let view = |table: &Value| table["StreamSpecification"]["StreamViewType"].clone();
    (view(declared) != view(existing)).then_some("the table's stream")
}

fn policies(stack: &Stack, options: &Options) -> BTreeMap<String, Vec<Statement>> {
    let edited = stack.functions.values().map(|function| {
        let mut statements = function.statements.clone();
        if let Some(edit) = &options.edit_policy {
            edit(&function.name, &mut statements);
        }
        (function.name.clone(), statements)
    });
    edited.collect()
}

/// The identities of the template, and those that policies name: they may have been verified outside the stack.
fn identities(stack: &Stack, policies: &BTreeMap<String, Vec<Statement>>) -> Vec<String> {
    let named = policies.values().flatten().flat_map(|statement| &statement.resources).filter_map(|resource| {
        let (_, identity) = resource.split_once(":identity/").filter(|_| resource.starts_with("arn:aws:ses:"))?;
        (!identity.contains(['*', '?'])).then(|| identity.to_lowercase())
    });
    stack.identities.iter().cloned().chain(named).collect()
}

fn triggers(stack: &Stack, options: &Options) -> Result<(Vec<Pump>, Vec<Timer>), StartError> {
    let (mut pumps, mut timers) = (Vec::new(), Vec::new());
    for function in stack.functions.values() {
        for source in &function.streams {
            let table = stack.tables.iter().find(|table| table.stream_arn.as_ref() == Some(&source.stream_arn));
            let Some(table) = table else {
                let problem = format!("{}: {} is no table's stream", function.logical_id, source.stream_arn);
                return Err(StartError::new(problem));
            };
            pumps.push(Pump::new(&function.name, source.clone(), table));
        }
        let now = options.clock.now();
        timers.extend(function.schedules.iter().map(|source| Timer::new(&function.name, source.clone(), now)));
    }
    Ok((pumps, timers))
}

/// Calls the functions of custom resources, one after the other, once every function has been found fit to run.
pub(super) async fn custom_resources(world: &World) -> Result<(), StartError> {
    for function in world.stack().functions.values() {
        if world.operation(&function.name).is_none() {
            let problem = format!("Resources.{}: there is no operation `{}`", function.logical_id, function.name);
            return Err(StartError::new(problem));
        }
        world.config(function).map_err(StartError::new)?;
    }
    for resource in &world.stack().custom_resources {
        create_custom(world, resource)
            .await
            .map_err(|problem| StartError::new(format!("Resources.{}: {problem}", resource.logical_id)))?;
    }
    Ok(())
}

async fn create_custom(world: &World, resource: &CustomResource) -> Result<(), String> {
    let functions = &world.stack().functions;
    let function = functions.values().find(|function| function.arn == resource.service_token);
    let function = function.ok_or_else(|| format!("{} is no function of the stack", resource.service_token))?;
    let request_id = world.aws().request_id();
    let path = format!("/{}/{}/{request_id}", template::STACK, resource.logical_id);
    let (sender, mut answer) = oneshot::channel();
    crate::lock(&world.aws().callbacks).insert(path.clone(), sender);
    let event = json!({
        "RequestType": "Create",
        "ResponseURL": format!("https://{CLOUDFORMATION_HOST}{path}"),
        "StackId": intrinsics::stack_id(),
        "RequestId": request_id,
        "LogicalResourceId": resource.logical_id,
        "ResourceType": resource.kind,
        "ServiceToken": resource.service_token,
        "ResourceProperties": resource.properties,
    });
    let invoked = world.invoke(&function.name, event).await;
    crate::lock(&world.aws().callbacks).remove(&path);
    match answer.try_recv() {
        Ok(answer) if answer["Status"] == "SUCCESS" => Ok(()),
        Ok(answer) => {
            Err(format!("{} failed: {}", function.name, answer["Reason"].as_str().unwrap_or("no reason given")))
        }
        Err(_) => {
            let because = invoked.err().map(|problem| format!(": {problem}")).unwrap_or_default();
            Err(format!("{} did not answer{because}", function.name))
        }
    }
}
