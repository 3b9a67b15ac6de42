//! Faults on demand: calls to AWS that are throttled, fail, get lost, hang or are denied.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

/// The service that a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// DynamoDB.
    DynamoDb,
    /// KMS.
    Kms,
    /// SES.
    Ses,
    /// Any of them. For rules of tests alone.
    #[serde(skip_deserializing)]
    Any,
}

impl Service {
    /// The prefix of its actions in IAM, and its endpoint's first word.
    pub fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Kms => "kms",
            Self::Ses => "ses",
            Self::Any => "any",
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The service asks to slow down. Nothing happened.
    Throttle,
    /// The service has an internal error. Nothing happened.
    Error,
    /// The call takes effect, and its answer is lost with the connection.
    LostAnswer,
    /// No answer comes within the attempt's time. Nothing happened. The wait itself is left out.
    Timeout,
    /// The role is denied. Nothing happened.
    Deny,
    /// Another transaction has the item: what a single-machine DynamoDB never answers by itself, and the SDK does not
    /// try again. Nothing happened. For tests alone.
    #[serde(skip_deserializing)]
    Conflict,
    /// The call takes effect, and the function's process ends before it sees the answer. For tests alone.
    #[serde(skip_deserializing)]
    Kill,
}

/// Which calls go wrong, and how.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The function that calls; any if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The service that is called.
    pub service: Service,
    /// The action (`PutItem`); any if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What goes wrong.
    pub kind: Kind,
    /// How many calls go wrong; all if not given (one, if `nth` is given). Each attempt of the SDK counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How likely a matching call goes wrong; 1 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What the dice start from, so that a run can be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The first matching call that goes wrong, counted from 1 since the rule was armed. For tests alone.
    #[serde(skip)]
    pub nth: Option<u64>,
}

impl Rule {
    /// Every call to `service` goes wrong in that way.
    pub fn new(service: Service, kind: Kind) -> Self {
        Self { function: None, service, action: None, kind, times: None, probability: None, seed: None, nth: None }
    }

    /// Only calls of that function.
    #[must_use]
    pub fn function(mut self, function: &str) -> Self {
        self.function = Some(function.to_owned());
        self
    }

    /// Only that action.
    #[must_use]
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Only so many calls.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only from the n-th matching call on (from 1), once unless [`Rule::times`] says more.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Only with that probability, by dice that start from `seed`.
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

/// Names an armed rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct RuleId(u64);

#[derive(Debug)]
struct Armed {
    id: RuleId,
    rule: Rule,
    matched: u64,
    fired: u64,
    dice: u64,
}

/// The faults of a world.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    armed: Vec<Armed>,
}

impl Faults {
    /// Adds a rule. Of several that match a call, the one that was added first decides.
    pub fn arm(&self, rule: Rule) -> RuleId {
        let mut state = crate::lock(&self.state);
        state.last_id += 1;
        let id = RuleId(state.last_id);
        let dice = rule.seed.unwrap_or(0);
        state.armed.push(Armed { id, rule, matched: 0, fired: 0, dice });
        id
    }

    /// Removes a rule.
    pub fn disarm(&self, id: RuleId) {
        crate::lock(&self.state).armed.retain(|armed| armed.id != id);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        crate::lock(&self.state).armed.clear();
    }

    /// How many calls went wrong by a rule that is still armed.
    pub fn fired(&self, id: RuleId) -> u64 {
        crate::lock(&self.state).armed.iter().find(|armed| armed.id == id).map_or(0, |armed| armed.fired)
    }

    /// The armed rules, with how often each has fired.
    pub fn rules(&self) -> Vec<(Rule, u64)> {
        crate::lock(&self.state).armed.iter().map(|armed| (armed.rule.clone(), armed.fired)).collect()
    }

    /// Whether this call goes wrong, and how. Each call asks once.
    pub(crate) fn decide(&self, function: &str, service: Service, action: &str) -> Option<Kind> {
        let mut state = crate::lock(&self.state);
        let mut decided = None;
        // Every matching rule counts the call, also when an earlier rule has decided it: `nth` numbers calls, not leftovers.
        for armed in state.armed.iter_mut().filter(|armed| armed.rule.matches(function, service, action)) {
            armed.matched += 1;
            let times = armed.rule.times.or(armed.rule.nth.map(|_| 1));
            let due = armed.matched >= armed.rule.nth.unwrap_or(1) && times.is_none_or(|times| armed.fired < times);
            if due && decided.is_none() && armed.rule.probability.is_none_or(|limit| roll(&mut armed.dice) < limit) {
                armed.fired += 1;
                decided = Some(armed.rule.kind);
            }
        }
        decided
    }
}

/// The next number in [0, 1) of SplitMix64, which needs no more than a seed to be repeated.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
fn roll(state: &mut u64) -> f64 {
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
