use std::fmt;

use super::glob;

/// The comparison of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    StringEquals,
    StringNotEquals,
    StringLike,
    StringNotLike,
    /// Compares whether the key is absent.
    Null,
}

/// The values of a request for which a comparison must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueSet {
    /// The key's only value.
    One,
    /// All values of the key. As in IAM, a key without values satisfies the condition.
    All,
    /// At least one value of the key.
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub set: ValueSet,
    pub operator: Operator,
    pub key: String,
    pub values: Vec<String>,
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {:?} {} {:?}", self.set, self.operator, self.key, self.values)
    }
}

/// Parses the name of an operator.
pub(crate) fn operator(name: &str) -> Option<(ValueSet, Operator)> {
    let (set, name) = match name.split_once(':') {
        Some(("ForAllValues", name)) => (ValueSet::All, name),
        Some(("ForAnyValue", name)) => (ValueSet::Any, name),
        Some(_) => return None,
        None => (ValueSet::One, name),
    };
    let operator = match name {
        "StringEquals" => Operator::StringEquals,
        "StringNotEquals" => Operator::StringNotEquals,
        "StringLike" => Operator::StringLike,
        "StringNotLike" => Operator::StringNotLike,
        "Null" if set == ValueSet::One => Operator::Null,
        _ => return None,
    };
    Some((set, operator))
}

impl Condition {
    /// Whether the condition holds. `actual` holds the values of the key in the request, or `None` if it is absent.
    pub(crate) fn holds(&self, actual: Option<&[String]>) -> bool {
        if self.operator == Operator::Null {
            let absent = actual.is_none_or(<[String]>::is_empty);
            return self.values.iter().any(|value| value.eq_ignore_ascii_case(if absent { "true" } else { "false" }));
        }
        let actual = actual.unwrap_or_default();
        let negated = matches!(self.operator, Operator::StringNotEquals | Operator::StringNotLike);
        // With a set, an empty value counts as absent.
        let mut all = actual.iter().filter(|value| !value.is_empty());
        match self.set {
            ValueSet::All => all.all(|value| self.compare(value)),
            ValueSet::Any => all.any(|value| self.compare(value)),
            ValueSet::One => match actual {
                [] => negated,
                [value] => self.compare(value),
                _ => false,
            },
        }
    }

    fn compare(&self, actual: &str) -> bool {
        let mut values = self.values.iter();
        match self.operator {
            Operator::StringEquals => values.any(|value| value == actual),
            Operator::StringNotEquals => values.all(|value| value != actual),
            Operator::StringLike => values.any(|value| glob::matches(value, actual)),
            Operator::StringNotLike => values.all(|value| !glob::matches(value, actual)),
            Operator::Null => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(name: &str, values: &[&str], actual: Option<&[&str]>) -> bool {
        let (set, operator) = operator(name).unwrap();
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let actual = actual.map(|actual| actual.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
        Condition { set, operator, key: String::new(), values }.holds(actual.as_deref())
    }

    #[test]
    fn an_absent_key_satisfies_only_negations_null_and_for_all_values() {
        assert!(!holds("StringEquals", &["a"], None));
        assert!(!holds("StringLike", &["*"], None));
        assert!(holds("StringNotEquals", &["a"], None));
        assert!(holds("ForAllValues:StringEquals", &["a"], None));
        assert!(!holds("ForAnyValue:StringEquals", &["a"], None));
        assert!(holds("ForAllValues:StringEquals", &["a"], Some(&[""])));
        assert!(!holds("ForAnyValue:StringNotEquals", &["a"], Some(&[""])));
        assert!(holds("Null", &["true"], None));
        assert!(!holds("Null", &["false"], None));
    }

    #[test]
    fn values_are_compared_as_their_operator_says() {
        assert!(holds("StringEquals", &["a", "b"], Some(&["b"])));
        assert!(!holds("StringEquals", &["A"], Some(&["a"])));
        assert!(!holds("StringNotEquals", &["a", "b"], Some(&["b"])));
        assert!(holds("StringLike", &["field:*"], Some(&["field:mfa"])));
        assert!(!holds("StringNotLike", &["field:*"], Some(&["field:mfa"])));
        assert!(!holds("Null", &["true"], Some(&["a"])));
        assert!(!holds("ForAllValues:StringEquals", &["a"], Some(&["a", "b"])));
        assert!(holds("ForAnyValue:StringEquals", &["a"], Some(&["a", "b"])));
    }
}
