//! Fault injection: calls to AWS that are throttled, fail, time out, lose their answer or are denied.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::sync::lock;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    DynamoDb,
    Kms,
    Ses,
    SecretsManager,
    ParameterStore,
    /// Any service. Only tests can use it.
    #[serde(skip_deserializing)]
    Any,
}

impl Service {
    /// The service's prefix in IAM actions and its host name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Kms => "kms",
            Self::Ses => "ses",
            Self::SecretsManager => "secretsmanager",
            Self::ParameterStore => "ssm",
            Self::Any => "any",
        }
    }
}

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The service throttles the call, which has no effect.
    Throttle,
    /// The service has an internal error, and the call has no effect.
    Error,
    /// The call takes effect, but the connection breaks before the answer.
    LostAnswer,
    /// No answer comes in time, and the call has no effect. The caller does not really wait.
    Timeout,
    /// The role is denied the action, and the call has no effect.
    Deny,
    /// Another transaction holds the item, and the call has no effect. The SDK does not retry such a call. An embedded
    /// DynamoDB never has this conflict itself. Only tests can use this kind.
    #[serde(skip_deserializing)]
    Conflict,
    /// The call takes effect, and the function's process ends before the answer. Only tests can use this kind.
    #[serde(skip_deserializing)]
    Kill,
}

/// Which calls fail, and how.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The calling function. `None` means every function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    pub service: Service,
    /// The action (`PutItem`). `None` means every action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub kind: Kind,
    /// The number of calls that fail, counted by SDK attempts. `None` means every call, or one call if `nth` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The probability that a matching call fails. `None` means 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The seed of the random numbers, which makes a run repeatable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The first matching call that fails, counted from 1 when the rule is armed. Only tests can use it.
    #[serde(skip)]
    pub nth: Option<u64>,
}

impl Rule {
    /// A rule that makes every call to `service` fail.
    pub fn new(service: Service, kind: Kind) -> Self {
        Self { function: None, service, action: None, kind, times: None, probability: None, seed: None, nth: None }
    }

    /// Limits the rule to calls of one function.
    #[must_use]
    pub fn function(mut self, function: &str) -> Self {
        self.function = Some(function.to_owned());
        self
    }

    /// Limits the rule to one action.
    #[must_use]
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Limits the number of calls that fail.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Starts with the n-th matching call, counted from 1. One call fails unless [`Rule::times`] says more.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Makes a matching call fail only with this probability.
    #[must_use]
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = Some(probability);
        self.seed = Some(seed);
        self
    }

    fn matches(&self, function: &str, service: Service, action: &str) -> bool {
        self.function.as_deref().is_none_or(|wanted| wanted == function)
            && (self.service == Service::Any || self.service == service)
            && self.action.as_deref().is_none_or(|wanted| wanted == action)
    }
}

/// The id of an armed rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct RuleId(u64);

#[derive(Debug)]
struct ArmedRule {
    id: RuleId,
    rule: Rule,
    matched: u64,
    fired: u64,
    random_state: u64,
}

/// The armed rules of a world.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    armed: Vec<ArmedRule>,
}

impl Faults {
    /// Arms a rule. If several rules match a call, the oldest decides.
    pub fn arm(&self, rule: Rule) -> RuleId {
        let mut state = lock(&self.state);
        state.last_id += 1;
        let id = RuleId(state.last_id);
        let random_state = rule.seed.unwrap_or(0);
        state.armed.push(ArmedRule { id, rule, matched: 0, fired: 0, random_state });
        id
    }

    pub fn disarm(&self, id: RuleId) {
        lock(&self.state).armed.retain(|armed| armed.id != id);
    }

    /// Disarms all rules.
    pub fn clear(&self) {
        lock(&self.state).armed.clear();
    }

    /// The number of calls that an armed rule made fail.
    pub fn fired(&self, id: RuleId) -> u64 {
        lock(&self.state).armed.iter().find(|armed| armed.id == id).map_or(0, |armed| armed.fired)
    }

    /// The armed rules, each with the number of calls that it made fail.
    pub fn rules(&self) -> Vec<(Rule, u64)> {
        lock(&self.state).armed.iter().map(|armed| (armed.rule.clone(), armed.fired)).collect()
    }

    /// Decides whether a call fails, and how. Every call must ask exactly once.
    pub(crate) fn decide(&self, function: &str, service: Service, action: &str) -> Option<Kind> {
        let mut state = lock(&self.state);
        let mut decided = None;
        // Every matching rule counts the call, even if an older rule decides it. Otherwise `nth` would not number
        // calls.
        for armed in state.armed.iter_mut().filter(|armed| armed.rule.matches(function, service, action)) {
            armed.matched += 1;
            let times = armed.rule.times.or(armed.rule.nth.map(|_| 1));
            let due = armed.matched >= armed.rule.nth.unwrap_or(1) && times.is_none_or(|times| armed.fired < times);
            if due
                && decided.is_none()
                && armed.rule.probability.is_none_or(|limit| next_random(&mut armed.random_state) < limit)
            {
                armed.fired += 1;
                decided = Some(armed.rule.kind);
            }
        }
        decided
    }
}

/// The next number in [0, 1) of SplitMix64, which repeats from its seed.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
fn next_random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(faults: &Faults, calls: usize) -> Vec<bool> {
        (0..calls).map(|_| faults.decide("login", Service::DynamoDb, "PutItem").is_some()).collect()
    }

    #[test]
    fn a_rule_hits_what_it_names_as_often_as_it_says() {
        let faults = Faults::default();
        let id = faults.arm(Rule::new(Service::DynamoDb, Kind::Throttle).function("login").action("PutItem").times(2));
        assert_eq!(faults.decide("login", Service::Kms, "PutItem"), None);
        assert_eq!(faults.decide("register", Service::DynamoDb, "PutItem"), None);
        assert_eq!(faults.decide("login", Service::DynamoDb, "GetItem"), None);
        assert_eq!(kinds(&faults, 3), [true, true, false]);
        assert_eq!(faults.fired(id), 2);
    }

    #[test]
    fn the_nth_call_alone_goes_wrong() {
        let faults = Faults::default();
        faults.arm(Rule::new(Service::Any, Kind::Error).nth(3));
        assert_eq!(kinds(&faults, 5), [false, false, true, false, false]);
    }

    #[test]
    fn the_same_seed_rolls_the_same() {
        let run = |seed| {
            let faults = Faults::default();
            faults.arm(Rule::new(Service::DynamoDb, Kind::Error).probability(0.3, seed));
            kinds(&faults, 1000)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let hits = run(7).into_iter().filter(|hit| *hit).count();
        assert!((250..350).contains(&hits), "{hits}");
    }

    #[test]
    fn a_conflict_cannot_be_armed_from_outside() {
        assert!(serde_json::from_str::<Rule>(r#"{"service":"dynamodb","kind":"conflict"}"#).is_err());
        assert!(serde_json::from_str::<Rule>(r#"{"service":"dynamodb","kind":"lost_answer","times":1}"#).is_ok());
    }
}
