//! Least privilege, in both directions. Each function works with its policy. If one thing is taken out of a policy, something fails. By
//! default each statement is taken out; a thorough run also takes out each action, resource and condition value.

use std::sync::Arc;

use futures::StreamExt;
use local::{Options, World, iam::Statement};
use tests::{SameKey, options, thorough};

use crate::scenarios::{SCENARIOS, Scenario, Stage};

/// How many functions are checked at the same time.
const PARALLEL: usize = 3;

/// A policy without one thing.
#[derive(Clone)]
struct Cut {
    function: String,
    policy: Vec<Statement>,
    taken: String,
}

/// Every way to take one thing out of a policy. If `inside`, also one of several actions, resources or condition values of a statement.
fn cuts(function: &str, policy: &[Statement], inside: bool) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for (at, statement) in policy.iter().enumerate() {
        let sid = statement.sid.clone().unwrap_or_default();
        let mut cut = |what: &str, changed: Option<Statement>| {
            let mut policy = policy.to_vec();
            policy.splice(at..=at, changed);
            cuts.push(Cut { function: function.to_owned(), policy, taken: format!("{sid} {what}") });
        };
        cut("", None);
        if inside {
            for (what, smaller) in without_one(statement) {
                cut(&what, Some(smaller));
            }
        }
    }
    cuts
}

/// A statement without one of its actions, resources or condition values, with the name of what is missing.
fn without_one(statement: &Statement) -> Vec<(String, Statement)> {
    let mut smaller = Vec::new();
    for action in statement.actions.iter().filter(|_| statement.actions.len() > 1) {
        let mut changed = statement.clone();
        changed.actions.retain(|other| other != action);
        smaller.push((action.clone(), changed));
    }
    for resource in statement.resources.iter().filter(|_| statement.resources.len() > 1) {
        let mut changed = statement.clone();
        changed.resources.retain(|other| other != resource);
        smaller.push((resource.clone(), changed));
    }
    for (index, condition) in statement.conditions.iter().enumerate().filter(|(_, c)| c.values.len() > 1) {
        for value in &condition.values {
            let mut changed = statement.clone();
            changed.conditions[index].values.retain(|other| other != value);
            smaller.push((value.clone(), changed));
        }
    }
    smaller
}

/// Options of a world with the KMS key of every world here, so that a state prepared in one can be restored in another.
fn options_of(scenario: &Scenario) -> Options {
    Options { retries: Some(Options::fast_retries(1)), rng: Arc::new(SameKey::default()), ..scenario.options() }
}

/// Checks a function: it must work with its whole policy, and fail with each cut. Returns what is wrong.
async fn check(function: String, policy: Vec<Statement>) -> Vec<String> {
    let mut stages = Vec::new();
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.function == function) {
        stages.push(Stage::new(scenario, options_of(scenario)).await);
    }
    let mut wrong = Vec::new();
    let cuts = cuts(&function, &policy, thorough::operation(&function));
    let whole = Cut { function: function.clone(), policy, taken: String::new() };
    if !works(&whole, &stages).await {
        wrong.push(format!("{function} does not work with its policy"));
    }
    for cut in &cuts {
        if works(cut, &stages).await {
            wrong.push(format!("{function} does not need {}", cut.taken));
        }
    }
    wrong
}

/// Whether every scenario of the function succeeds under the policy.
async fn works(cut: &Cut, stages: &[Stage<'static>]) -> bool {
    for stage in stages {
        if !succeeds(stage, cut).await {
            return false;
        }
    }
    true
}

async fn succeeds(stage: &Stage<'static>, cut: &Cut) -> bool {
    let scenario = stage.scenario;
    let mut options = options_of(scenario);
    let (function, policy) = (cut.function.clone(), cut.policy.clone());
    options.edit_policy = Some(Arc::new(move |name: &str, statements: &mut Vec<Statement>| {
        if name == function {
            statements.clone_from(&policy);
        }
    }));
    // `keys-rotate` runs at the start. If it fails, the world does not start.
    let Ok(world) = World::start(options).await else { return false };
    let act = if stage.can_reset() {
        stage.restore_in(&world);
        stage.act.clone()
    } else {
        // In a task, because the preparation panics if the function takes part in it and fails.
        let cloned = world.clone();
        let Ok(act) = tokio::spawn(async move { scenario.prepare(&cloned).await }).await else { return false };
        act
    };
    let outcome = scenario.act(&world, &act).await;
    scenario.succeeded(&world, &outcome)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_function_works_with_its_policy_and_needs_all_of_it() {
    let world = World::start(options()).await.unwrap();
    let policies = world.functions().into_iter().map(|function| {
        let policy = world.policies(&function);
        (function, policy)
    });
    let wrong: Vec<String> = futures::stream::iter(policies.collect::<Vec<_>>())
        .map(|(function, policy)| tokio::spawn(check(function, policy)))
        .buffer_unordered(PARALLEL)
        .flat_map(|wrong| futures::stream::iter(wrong.unwrap_or_else(|panic| vec![panic.to_string()])))
        .collect()
        .await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn what_the_template_does_not_allow_is_denied() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let world = World::start(options()).await.unwrap();
    let table = |name: &str| world.table(name).unwrap().physical.clone();
    let as_function = |function: &str| aws_sdk_dynamodb::Client::new(&world.sdk_config(function));
    let key = |value: &str| AttributeValue::S(value.to_owned());
    // Functions that write the audit log cannot read it, and no function changes it.
    let delete = as_function("login").delete_item().table_name(table("audit")).key("pk", key("a")).key("sk", key("b"));
    assert!(format!("{:?}", delete.send().await.unwrap_err()).contains("AccessDeniedException"));
    let read = as_function("login").get_item().table_name(table("audit")).key("pk", key("a")).key("sk", key("b"));
    assert!(format!("{:?}", read.send().await.unwrap_err()).contains("AccessDeniedException"));
    let scan = as_function("profile-get").scan().table_name(table("accounts"));
    assert!(format!("{:?}", scan.send().await.unwrap_err()).contains("AccessDeniedException"));
    // Only `send-email` sends mail, and each function unwraps only the keys that it declares.
    for function in world.functions() {
        let unwraps: Vec<String> = world
            .policies(&function)
            .iter()
            .flat_map(|statement| &statement.conditions)
            .filter(|condition| condition.key.starts_with("kms:"))
            .flat_map(|condition| condition.values.clone())
            .collect();
        let operation = functions::operations::find(&function).unwrap();
        let declared: Vec<&str> = operation.keys.iter().map(|purpose| purpose.as_str()).collect();
        if function != "keys-rotate" {
            let mut unwraps: Vec<&str> = unwraps.iter().map(String::as_str).collect();
            unwraps.sort_unstable();
            let mut declared = declared.clone();
            declared.sort_unstable();
            assert_eq!(unwraps, declared, "{function}");
        }
        let sends = world.policies(&function).iter().any(|s| s.actions.iter().any(|action| action.starts_with("ses:")));
        assert_eq!(sends, function == "send-email", "{function}");
    }
}
