//! Least privilege, in both directions: each function works with its policy, and whatever is taken out of a policy, something
//! stops working.

use std::sync::Arc;

use futures::StreamExt;
use local::{Options, World, iam::Statement};
use tests::options;

use crate::scenarios::SCENARIOS;

/// A policy with something taken out, and what that was.
struct Cut {
    function: String,
    policy: Vec<Statement>,
    taken: String,
}

/// Every way to take one thing out of a policy: a statement, or one of several actions, resources or values in it.
fn cuts(function: &str, policy: &[Statement]) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for (at, statement) in policy.iter().enumerate() {
        let mut cut = |taken: String, changed: Option<Statement>| {
            let mut policy = policy.to_vec();
            policy.splice(at..=at, changed);
            cuts.push(Cut { function: function.to_owned(), policy, taken });
        };
        let sid = statement.sid.clone().unwrap_or_default();
        cut(sid.clone(), None);
        for action in statement.actions.iter().filter(|_| statement.actions.len() > 1) {
            let mut changed = statement.clone();
            changed.actions.retain(|other| other != action);
            cut(format!("{sid}: {action}"), Some(changed));
        }
        // SES asks for the sender's address or its domain, whichever is verified, so the template names both.
        let resources = &statement.resources;
        for resource in resources.iter().filter(|_| resources.len() > 1 && sid != "Send") {
            let mut changed = statement.clone();
            changed.resources.retain(|other| other != resource);
            cut(format!("{sid}: {resource}"), Some(changed));
        }
        for (index, condition) in statement.conditions.iter().enumerate().filter(|(_, c)| c.values.len() > 1) {
            for value in &condition.values {
                let mut changed = statement.clone();
                changed.conditions[index].values.retain(|other| other != value);
                cut(format!("{sid}: {value}"), Some(changed));
            }
        }
    }
    cuts
}

/// Whether everything that the function does still goes well under the policy.
async fn works(cut: &Cut) -> bool {
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.function == cut.function) {
        let mut options = Options { retries: Some(Options::fast_retries(1)), ..scenario.options() };
        // Without a configured URL, functions ask the keyring for the one that the deployment told.
        if cut.function == "openid-configuration" {
            options.parameters.insert("PublicUrl".to_owned(), String::new());
        }
        let (function, policy) = (cut.function.clone(), cut.policy.clone());
        options.edit_policy = Some(Arc::new(move |name: &str, statements: &mut Vec<Statement>| {
            if name == function {
                statements.clone_from(&policy);
            }
        }));
        // `keys-rotate` runs at the start, which fails with it.
        let Ok(world) = World::start(options).await else { return false };
        let Ok(act) = tokio::spawn({
            let world = world.clone();
            async move { scenario.prepare(&world).await }
        })
        .await
        else {
            return false;
        };
        let outcome = scenario.act(&world, &act).await;
        if !scenario.succeeded(&world, &outcome) {
            return false;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_function_works_with_its_policy_and_needs_all_of_it() {
    let world = World::start(options()).await.unwrap();
    let mut cuts: Vec<Cut> = Vec::new();
    for function in world.functions() {
        let policy = world.policies(&function);
        let whole = Cut { function: function.clone(), policy: policy.clone(), taken: String::new() };
        assert!(works(&whole).await, "{function} does not work with its policy");
        cuts.extend(self::cuts(&function, &policy));
    }
    println!("{} policies, {} cuts", world.functions().len(), cuts.len());
    let needless: Vec<String> = futures::stream::iter(cuts)
        .map(|cut| async move { works(&cut).await.then(|| format!("{} has no need of {}", cut.function, cut.taken)) })
        .buffer_unordered(4)
        .filter_map(|needless| async move { needless })
        .collect()
        .await;
    assert!(needless.is_empty(), "{needless:#?}");
}

#[tokio::test]
async fn what_the_template_does_not_allow_is_denied() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let world = World::start(options()).await.unwrap();
    let table = |name: &str| world.table(name).unwrap().physical.clone();
    let as_function = |function: &str| aws_sdk_dynamodb::Client::new(&world.sdk_config(function));
    let key = |value: &str| AttributeValue::S(value.to_owned());
    // The audit log is written by those who can't read it, and changed by nobody.
    let delete = as_function("login").delete_item().table_name(table("audit")).key("pk", key("a")).key("sk", key("b"));
    assert!(format!("{:?}", delete.send().await.unwrap_err()).contains("AccessDeniedException"));
    let read = as_function("login").get_item().table_name(table("audit")).key("pk", key("a")).key("sk", key("b"));
    assert!(format!("{:?}", read.send().await.unwrap_err()).contains("AccessDeniedException"));
    let scan = as_function("profile-get").scan().table_name(table("accounts"));
    assert!(format!("{:?}", scan.send().await.unwrap_err()).contains("AccessDeniedException"));
    // Nobody but send-email sends mail, and nobody unwraps a key for a purpose that isn't theirs.
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
