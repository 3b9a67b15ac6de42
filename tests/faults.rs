//! The fault harness. For every scenario: learn its AWS calls on the way where all goes well, then let each of them go wrong in turn,
//! in every way that AWS has; ask again; and look whether the invariants of the architecture hold after every step. A later operation
//! takes part by having a scenario.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::{StreamExt, future::join_all};
use local::{
    Options, World,
    faults::{Kind, Rule, Service},
};
use serde_json::{Value, json};
use shared::rng::{Rng, SystemRng};
use tests::{Client, Key, PASSWORD, Person, everything_stored, options};

use crate::scenarios::{ADDRESS, Act, Outcome, SCENARIOS, Scenario};

/// What happens to one call.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// One thing of what AWS does.
    Once(Kind),
    /// The function is ended right after the call took effect: nothing after it happens.
    Killed,
    /// The dependency is down from that call on.
    Down,
}

const FAULTS: [Fault; 8] = [
    Fault::Once(Kind::Error),
    Fault::Once(Kind::LostAnswer),
    Fault::Once(Kind::Timeout),
    Fault::Once(Kind::Throttle),
    Fault::Once(Kind::Conflict),
    Fault::Once(Kind::Deny),
    Fault::Killed,
    Fault::Down,
];

static SCHEDULES: AtomicUsize = AtomicUsize::new(0);

async fn world(attempts: u32, options: Options) -> World {
    World::start(Options { retries: Some(Options::fast_retries(attempts)), ..options }).await.unwrap()
}

fn arm(world: &World, function: &str, fault: Fault, nth: u64) {
    let rule = |kind| Rule::new(Service::Any, kind).function(function);
    match fault {
        Fault::Once(kind) => {
            world.faults().arm(rule(kind).nth(nth));
        }
        Fault::Killed => {
            world.faults().arm(rule(Kind::LostAnswer).nth(nth));
            world.faults().arm(rule(Kind::Error).nth(nth + 1).times(10_000));
        }
        Fault::Down => {
            world.faults().arm(rule(Kind::Error).nth(nth).times(10_000));
        }
    }
}

/// Which of the calls that a scenario makes, cold, when all goes well, are worth a fault: all but those that unwrap a third key and
/// more, which go on in parallel and are alike.
async fn calls(scenario: &Scenario) -> Vec<u64> {
    let world = world(1, scenario.options()).await;
    let act = scenario.prepare(&world).await;
    world.cold(scenario.function);
    let outcome = scenario.act(&world, &act).await;
    assert!(scenario.succeeded(&world, &outcome), "{} {}: {outcome:?}", scenario.function, scenario.name);
    world.settle().await;
    let mut unwrapped = 0;
    let calls = world.calls();
    let own = (1..).zip(calls.iter().filter(|call| call.function == scenario.function));
    own.filter(|(_, call)| {
        unwrapped += usize::from(call.action == "Decrypt");
        call.action != "Decrypt" || unwrapped <= 2
    })
    .map(|(nth, _)| nth)
    .collect()
}

/// One schedule: the fault, the same again without it, and again.
async fn run(scenario: &Scenario, fault: Fault, nth: u64, attempts: u32) -> Result<(), String> {
    SCHEDULES.fetch_add(1, Ordering::Relaxed);
    let world = world(attempts, scenario.options()).await;
    let act = scenario.prepare(&world).await;
    let before = (scenario.effects)(&world);
    world.cold(scenario.function);
    arm(&world, scenario.function, fault, nth);
    let first = scenario.act(&world, &act).await;
    let effects = (scenario.effects)(&world) - before;
    match &first {
        Outcome::Answered(answer) if answer.status == scenario.success => {}
        // Whatever goes wrong on the way: 503, and safe to ask again.
        Outcome::Answered(answer) => {
            let refused = (answer.status, answer.code());
            // A lost answer may leave the new state behind, which the SDK's own second attempt then runs into.
            // A throttled counter is a limit that is reached.
            let limited = matches!(fault, Fault::Once(Kind::Throttle)) && refused == (429, "rate_limited");
            let expected = limited || refused == (503, "temporarily_unavailable") || scenario.spent.contains(&refused);
            if !expected {
                return Err(format!("answered {}", answer.text));
            }
            if [429, 503].contains(&answer.status) && answer.header("retry-after").is_empty() {
                return Err(format!("{} without Retry-After", answer.status));
            }
        }
        Outcome::Returned(_) => {}
    }
    world.faults().clear();
    invariants(&world)?;
    let acknowledged = matches!(&first, Outcome::Answered(answer) if answer.status == scenario.success);
    let second = scenario.act(&world, &act).await;
    world.settle().await;
    invariants(&world)?;
    match &second {
        Outcome::Answered(answer) => {
            let spent = scenario.spent.contains(&(answer.status, answer.code()));
            if answer.status != scenario.success && !spent {
                return Err(format!("asked again: answered {}", answer.text));
            }
            if spent && (scenario.effects)(&world) == before {
                return Err("spent without an effect".to_owned());
            }
            if !scenario.spent.is_empty() && acknowledged && !spent {
                return Err("a one-time secret was taken twice".to_owned());
            }
            if !scenario.spent.is_empty() && (scenario.effects)(&world) > before + 1 {
                return Err("took effect twice".to_owned());
            }
        }
        Outcome::Returned(_) => {
            // What no client calls is called again by AWS: at the end it is done.
            if !scenario.only_answers() && (scenario.effects)(&world) == before {
                return Err(format!("never took effect: {second:?}, after {effects}"));
            }
        }
    }
    Ok(())
}

/// What holds always (ARCHITECTURE: "Rules that must hold").
fn invariants(world: &World) -> Result<(), String> {
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let accounts = world.scan("accounts");
    let profiles: BTreeMap<String, &Value> =
        accounts.iter().filter(|item| item["sk"]["S"] == "PROFILE").map(|item| (text(item, "pk"), item)).collect();
    // Rule 1: reservations and accounts, one to one.
    let mut reserved: Vec<(String, String)> = Vec::new();
    for item in accounts.iter().filter(|item| item["sk"]["S"] == "RESERVATION") {
        reserved.push((text(item, "pk"), format!("USER#{}", text(item, "user_id"))));
    }
    let mut claimed: Vec<(String, String)> = Vec::new();
    for (user, profile) in &profiles {
        for (name, prefix) in [("email_hash", "EMAIL#"), ("username_hash", "USERNAME#")] {
            let hash = text(profile, name);
            if !hash.is_empty() {
                claimed.push((format!("{prefix}{hash}"), user.clone()));
            }
        }
        let of_user = |prefix: &str| {
            let owned = accounts.iter().filter(|item| text(item, "pk") == *user);
            owned.filter(|item| text(item, "sk").starts_with(prefix)).collect::<Vec<_>>()
        };
        // A passkey has its reservation, and is counted.
        let passkeys = of_user("PASSKEY#");
        let counted = profile["passkeys"]["N"].as_str().unwrap_or("0");
        if counted != passkeys.len().to_string() {
            return Err(format!("{} passkeys, {counted} counted", passkeys.len()));
        }
        claimed.extend(passkeys.iter().map(|item| (text(item, "sk"), user.clone())));
        // Logins ask for a second factor where there is one to check it by, and nowhere else.
        let checked = of_user("FACTORS").iter().any(|item| item.get("totp_secret").is_some());
        if checked != profile.get("mfa_since").is_some() {
            return Err(format!("a second factor is asked for and there is none, or the other way round: {profile}"));
        }
    }
    reserved.sort();
    claimed.sort();
    if reserved != claimed {
        return Err(format!("reservations {reserved:?} for {claimed:?}"));
    }
    let mut salts: Vec<String> = world.scan("user-keys").iter().map(|item| text(item, "pk")).collect();
    salts.sort();
    if salts != profiles.keys().cloned().collect::<Vec<_>>() {
        return Err("accounts and salts don't match".to_owned());
    }
    // Rules 3 and 5: no account and no session without its event, and no event without.
    let audit = world.scan("audit");
    let events = |names: &[&str]| {
        audit
            .iter()
            .filter(|item| names.contains(&text(item, "event").as_str()) && text(item, "outcome") == "success")
            .count()
    };
    if events(&["create_account"]) != profiles.len() {
        return Err(format!("{} accounts, {} events", profiles.len(), events(&["create_account"])));
    }
    let sessions = tests::sessions(world);
    if events(&["create_account", "login"]) != sessions.len() {
        return Err(format!("{} sessions, {} events", sessions.len(), events(&["create_account", "login"])));
    }
    let ended = sessions.iter().filter(|item| item.get("revoked_at").is_some()).count();
    let told = events(&["logout", "revoke_session"])
        + audit.iter().filter(|item| text(item, "event") == "refresh_token_reuse").count();
    if ended != told {
        return Err(format!("{ended} ended sessions, {told} events"));
    }
    if let Some(orphan) = sessions.iter().find(|item| !profiles.contains_key(&text(item, "pk"))) {
        return Err(format!("a session without a user: {orphan}"));
    }
    // Rule 4: attempts are never forgotten.
    if let Some(item) =
        world.scan("challenges").iter().find(|item| item["attempts"]["N"].as_str().unwrap().parse::<u32>().unwrap() > 5)
    {
        return Err(format!("too many attempts: {item}"));
    }
    // Rules 7 and 8: nothing readable.
    let stored = everything_stored(world).to_lowercase();
    for secret in [ADDRESS, "canaryname", "canary name", PASSWORD, "203.0.113.7"] {
        if stored.contains(&secret.to_lowercase()) {
            return Err("something readable is stored".to_owned());
        }
    }
    Ok(())
}

fn report(violations: &[String]) {
    println!("{} fault schedules, {} violations", SCHEDULES.load(Ordering::Relaxed), violations.len());
    assert!(violations.is_empty(), "{violations:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_call_goes_wrong_the_invariants_hold() {
    let mut schedules = Vec::new();
    for scenario in SCENARIOS {
        for nth in calls(scenario).await {
            schedules.extend(FAULTS.map(|fault| (scenario, fault, nth, 1)));
            // With the SDK's own retries: an answer that is lost once must not be noticed at all.
            schedules.push((scenario, Fault::Once(Kind::LostAnswer), nth, 3));
            schedules.push((scenario, Fault::Once(Kind::Throttle), nth, 3));
        }
    }
    let violations: Vec<String> = futures::stream::iter(schedules)
        .map(|(scenario, fault, nth, attempts)| async move {
            let outcome = Box::pin(run(scenario, fault, nth, attempts)).await;
            outcome.err().map(|what| {
                format!("{} {}, {fault:?} at call {nth}, {attempts} attempts: {what}", scenario.function, scenario.name)
            })
        })
        .buffer_unordered(4)
        .filter_map(|violation| async move { violation })
        .collect()
        .await;
    report(&violations);
}

/// A transaction takes effect, its answer is lost, and the SDK's own second attempt runs into another transaction.
#[tokio::test]
async fn a_conflict_after_a_lost_answer_is_no_refusal() {
    let with_one = |scenario: &&Scenario| {
        ["login", "login-passkey-options"].contains(&scenario.function) && scenario.success == 200
    };
    for scenario in SCENARIOS.iter().filter(with_one) {
        let Some(&last) = calls(scenario).await.last() else { continue };
        let world = world(3, scenario.options()).await;
        let act = scenario.prepare(&world).await;
        world.cold(scenario.function);
        let rule = |kind| Rule::new(Service::Any, kind).function(scenario.function);
        world.faults().arm(rule(Kind::LostAnswer).nth(last));
        world.faults().arm(rule(Kind::Conflict).nth(last + 1));
        let outcome = scenario.act(&world, &act).await;
        assert!(scenario.succeeded(&world, &outcome), "{} {}: {outcome:?}", scenario.function, scenario.name);
        invariants(&world).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invocation_that_comes_twice_takes_effect_once() {
    let mut violations = Vec::new();
    for scenario in SCENARIOS {
        for wait in [0, 60, 660] {
            SCHEDULES.fetch_add(1, Ordering::Relaxed);
            let world = world(3, scenario.options()).await;
            let act = scenario.prepare(&world).await;
            let before = (scenario.effects)(&world);
            if wait == 0 {
                let both = join_all((0..2).map(|_| scenario.act(&world, &act))).await;
                assert!(
                    both.iter().any(|outcome| scenario.succeeded(&world, outcome)),
                    "{} {both:?}",
                    scenario.function
                );
            } else {
                scenario.act(&world, &act).await;
                world.clock().advance(wait);
                scenario.act(&world, &act).await;
            }
            world.settle().await;
            let twice = !scenario.spent.is_empty() && (scenario.effects)(&world) > before + 1;
            if let Err(what) = invariants(&world).and(if twice { Err("took effect twice".to_owned()) } else { Ok(()) })
            {
                violations.push(format!("{} {} again after {wait} s: {what}", scenario.function, scenario.name));
            }
        }
    }
    report(&violations);
}

/// Four actors with one account between them, and faults by seeded dice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_schedules_of_four_actors_hold_the_invariants() {
    let seeds: u64 = std::env::var("LATCHKEY_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let rng: &dyn Rng = &SystemRng;
    let first = u64::from(rng.below(1_000_000_000));
    let violations: Vec<String> = futures::stream::iter(first..first + seeds)
        .map(|seed| async move { Box::pin(random(seed)).await.err().map(|what| format!("seed {seed}: {what}")) })
        .buffer_unordered(4)
        .filter_map(|violation| async move { violation })
        .collect()
        .await;
    report(&violations);
}

async fn random(seed: u64) -> Result<(), String> {
    SCHEDULES.fetch_add(1, Ordering::Relaxed);
    let world = world(2, options()).await;
    let client = Client::new(&world);
    let person = Person::register(&client, ADDRESS).await;
    let body = json!({ "email": "second@example.org", "password": PASSWORD, "username": "second" });
    let id = client.post("/v1/register", body).await.expect(202).text("registration_id");
    let code = client.code_for("second@example.org").await;
    let verify = Act::Request("POST", "/v1/register/verify", json!({ "registration_id": id, "code": code }), None);
    let cautious = Person::register(&client, "max@example.org").await;
    let mut key = Key::new();
    cautious.add_passkey(&mut key).await.expect(201);
    let app = cautious.enable_totp().await;
    let second = json!({
        "mfa_token": cautious.first_factor().await,
        "method": "backup_code",
        "code": app.backup_codes[0],
    });
    let by_passkey = client.passkey_answer(&mut key, json!({})).await;
    let client_token = cautious.client.token.clone();
    let acts = [
        verify,
        Act::Request("POST", "/v1/login", person.credentials(), None),
        Act::Request("POST", "/v1/token/refresh", json!({ "refresh_token": person.refresh_token }), None),
        Act::Request("POST", "/v1/logout", json!({ "refresh_token": person.refresh_token }), None),
        Act::Request("POST", "/v1/register", json!({ "username": "third", "password": PASSWORD }), None),
        Act::Request("POST", "/v1/login", json!({ "identifier": "max@example.org", "password": PASSWORD }), None),
        Act::Request("POST", "/v1/login/mfa", second, None),
        Act::Request("POST", "/v1/login/passkey/verify", by_passkey, None),
        Act::Request("POST", "/v1/mfa/backup-codes", json!({ "code": app.backup_codes[1] }), cautious.client.token),
        Act::Request("POST", "/v1/mfa/totp/disable", json!({ "code": app.backup_codes[2] }), client_token),
    ];
    let mut dice = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let mut roll = move |below: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(dice >> 33).unwrap_or_default() % below
    };
    for (at, kind) in [Kind::Error, Kind::LostAnswer, Kind::Throttle, Kind::Conflict].into_iter().enumerate() {
        world.faults().arm(Rule::new(Service::Any, kind).probability(0.04, seed.wrapping_add(at as u64)));
    }
    for _ in 0..4 {
        let picked: Vec<&Act> = (0..4).map(|_| &acts[roll(acts.len())]).collect();
        let outcomes = join_all(picked.iter().map(|act| SCENARIOS[0].act(&world, act))).await;
        for outcome in outcomes {
            let Outcome::Answered(answer) = outcome else { continue };
            let fine = answer.status < 500 || answer.code() == "temporarily_unavailable";
            if !fine {
                return Err(format!("answered {}", answer.text));
            }
        }
        invariants(&world)?;
        world.clock().advance(i64::try_from(roll(30)).unwrap_or_default());
    }
    world.faults().clear();
    world.settle().await;
    invariants(&world)
}
