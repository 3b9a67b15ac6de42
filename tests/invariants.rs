//! The invariants of docs/architecture.md that the tables of a world show.

use std::collections::BTreeMap;

use local::World;
use serde_json::Value;
use tests::{PASSWORD, everything_stored};

use crate::scenarios::ADDRESS;

/// Checks all of them. Returns the first that does not hold.
pub(crate) fn invariants(world: &World) -> Result<(), String> {
    let accounts = world.scan("accounts");
    let profiles: BTreeMap<String, &Value> =
        accounts.iter().filter(|item| item["sk"]["S"] == "PROFILE").map(|item| (text(item, "pk"), item)).collect();
    each_account_matches_its_reservations_and_factors(&accounts, &profiles)?;
    what_is_left_of_a_deleted_account_has_a_marker(world, &accounts, &profiles)?;
    each_account_has_its_salt(world, &profiles)?;
    each_account_and_session_has_its_audit_event(world, &profiles)?;
    no_challenge_had_too_many_attempts(world)?;
    nothing_is_readable(world)
}

fn text(item: &Value, name: &str) -> String {
    item[name]["S"].as_str().unwrap_or_default().to_owned()
}

fn each_account_matches_its_reservations_and_factors(
    accounts: &[Value],
    profiles: &BTreeMap<String, &Value>,
) -> Result<(), String> {
    let reservations = accounts.iter().filter(|item| item["sk"]["S"] == "RESERVATION");
    let mut reserved: Vec<(String, String)> =
        reservations.map(|item| (text(item, "pk"), format!("USER#{}", text(item, "user_id")))).collect();
    let mut claimed: Vec<(String, String)> = Vec::new();
    for (user, profile) in profiles {
        for (name, prefix) in [("email_hash", "EMAIL#"), ("username_hash", "USERNAME#")] {
            let hash = text(profile, name);
            if !hash.is_empty() {
                claimed.push((format!("{prefix}{hash}"), user.clone()));
            }
        }
        // Former addresses are reserved while a change can be undone.
        let former = profile["former_addresses"]["L"].as_array().into_iter().flatten();
        for entry in former {
            let hash = entry["S"].as_str().and_then(|text| text.split(' ').next()).unwrap_or_default();
            claimed.push((format!("EMAIL#{hash}"), user.clone()));
        }
        let of_user = |prefix: &str| {
            let owned = accounts.iter().filter(|item| text(item, "pk") == *user);
            owned.filter(|item| text(item, "sk").starts_with(prefix)).collect::<Vec<_>>()
        };
        let passkeys = of_user("PASSKEY#");
        let counted = profile["passkeys"]["N"].as_str().unwrap_or("0");
        if counted != passkeys.len().to_string() {
            return Err(format!("{} passkeys, {counted} counted", passkeys.len()));
        }
        let unverified = passkeys.iter().filter(|passkey| passkey["unverified"]["BOOL"] == true).count().to_string();
        let counted = profile["unverified_passkeys"]["N"].as_str().unwrap_or("0");
        if counted != unverified {
            return Err(format!("{unverified} unverified passkeys, {counted} counted"));
        }
        let factor = of_user("FACTORS").iter().any(|item| item.get("totp_secret").is_some());
        if factor != profile.get("mfa_since").is_some() {
            return Err(format!("MFA is on without a factor, or off with one: {profile}"));
        }
    }
    // A deleted account may have passkeys for a while.
    let passkeys = accounts.iter().filter(|item| text(item, "sk").starts_with("PASSKEY#"));
    claimed.extend(passkeys.map(|item| (text(item, "sk"), text(item, "pk"))));
    // As passkeys.
    let identities = accounts.iter().filter(|item| item.get("identity_hash").is_some());
    claimed.extend(identities.map(|item| (format!("OAUTH#{}", text(item, "identity_hash")), text(item, "pk"))));
    reserved.sort();
    claimed.sort();
    claimed.dedup();
    if reserved != claimed {
        return Err(format!("reservations {reserved:?} for {claimed:?}"));
    }
    Ok(())
}

/// `cleanup` finds the rest of a deletion by its marker.
fn what_is_left_of_a_deleted_account_has_a_marker(
    world: &World,
    accounts: &[Value],
    profiles: &BTreeMap<String, &Value>,
) -> Result<(), String> {
    let marked = |user: &str| accounts.iter().any(|item| text(item, "pk") == "DELETION" && text(item, "sk") == user);
    let sessions = world.scan("sessions");
    let owned = accounts.iter().chain(&sessions).filter(|item| text(item, "pk").starts_with("USER#"));
    for item in owned {
        let user = text(item, "pk");
        if profiles.contains_key(&user) == marked(&user) {
            return Err(format!("an item of no account, or of one that is marked as deleted: {item}"));
        }
    }
    Ok(())
}

fn each_account_has_its_salt(world: &World, profiles: &BTreeMap<String, &Value>) -> Result<(), String> {
    let mut salts: Vec<String> = world.scan("user-keys").iter().map(|item| text(item, "pk")).collect();
    salts.sort();
    if salts != profiles.keys().cloned().collect::<Vec<_>>() {
        return Err("accounts and salts don't match".to_owned());
    }
    Ok(())
}

fn each_account_and_session_has_its_audit_event(
    world: &World,
    profiles: &BTreeMap<String, &Value>,
) -> Result<(), String> {
    let audit = world.scan("audit");
    let events = |names: &[&str]| {
        let of_names = audit.iter().filter(|item| names.contains(&text(item, "event").as_str()));
        of_names.filter(|item| text(item, "outcome") == "success").count()
    };
    let deleted = events(&["delete_account"]);
    if events(&["create_account"]) != profiles.len() + deleted {
        let created = events(&["create_account"]);
        return Err(format!("{} accounts, {deleted} deleted, {created} events", profiles.len()));
    }
    if deleted > 0 {
        return Ok(()); // the events stay, and the sessions do not
    }
    let sessions = tests::sessions(world);
    // A session over the ceiling is deleted, with an event.
    let dropped = audit.iter().filter(|item| text(item, "method") == "session_limit").count();
    if events(&["create_account", "login", "redeem_code"]) != sessions.len() + dropped {
        let logins = events(&["create_account", "login", "redeem_code"]);
        return Err(format!("{} sessions, {dropped} dropped, {logins} events", sessions.len()));
    }
    let ended = sessions.iter().filter(|item| item.get("revoked_at").is_some()).count();
    let noticed = |item: &&Value| ["refresh_token_reuse", "code_reuse"].contains(&text(item, "event").as_str());
    let recorded =
        events(&["logout", "revoke_session", "revoke_grant"]) + audit.iter().filter(noticed).count() - dropped;
    if ended != recorded {
        return Err(format!("{ended} ended sessions, {recorded} events"));
    }
    Ok(())
}

fn no_challenge_had_too_many_attempts(world: &World) -> Result<(), String> {
    // The live login mails of an address are in the same table.
    let attempts = |item: &Value| item["attempts"]["N"].as_str().map_or(0, |number| number.parse::<u32>().unwrap());
    let live = |item: &Value| item["ends"]["L"].as_array().map_or(0, Vec::len);
    match world.scan("challenges").iter().find(|item| attempts(item) > 5 || live(item) > 5) {
        Some(item) => Err(format!("too many attempts or login mails: {item}")),
        None => Ok(()),
    }
}

fn nothing_is_readable(world: &World) -> Result<(), String> {
    let stored = everything_stored(world).to_lowercase();
    for secret in [ADDRESS, "canaryname", "canary name", PASSWORD, "203.0.113.7"] {
        if stored.contains(&secret.to_lowercase()) {
            return Err("something readable is stored".to_owned());
        }
    }
    Ok(())
}
