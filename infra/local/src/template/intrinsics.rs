//! CloudFormation's intrinsic functions, as far as the template uses them. Any other is an error.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    account::{ACCOUNT, REGION, STACK},
    document::{TemplateError, error, number, text, texts},
};

/// The maximum depth of references between conditions. A deeper reference is a circle.
const MAX_CONDITION_DEPTH: usize = 32;

/// The answers of `Ref` and `Fn::GetAtt` for one resource.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reference {
    /// The answer of `Ref`.
    pub(crate) reference: String,
    /// The answers of `Fn::GetAtt`.
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

impl Reference {
    /// The ARN of the resource. It is empty if the resource has none.
    pub(crate) fn arn(&self) -> &str {
        self.attributes.get("Arn").map(String::as_str).unwrap_or_default()
    }
}

/// The names that intrinsic functions can refer to.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// The values of parameters: strings, or lists of strings.
    pub(crate) parameters: BTreeMap<String, Value>,
    /// The unresolved section `Conditions`.
    pub(crate) conditions: Map<String, Value>,
    /// The section `Mappings`.
    pub(crate) mappings: Map<String, Value>,
    /// The resources that exist. A resource with a false condition does not.
    pub(crate) resources: BTreeMap<String, Reference>,
}

pub(crate) fn stack_id() -> String {
    format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/00000000-0000-0000-0000-000000000000")
}

impl Scope {
    /// Replaces every function in `value` by its answer. `None` is `AWS::NoValue`.
    pub(crate) fn resolve(&self, value: &Value, at: &str) -> Result<Option<Value>, TemplateError> {
        match value {
            Value::Object(map) => match single_function(map) {
                Some((name, argument)) => self.call(name, argument, at),
                None => {
                    let mut resolved = Map::new();
                    for (key, value) in map {
                        if key.starts_with("Fn::") {
                            return error(&format!("{at}.{key}"), "must stand alone in its mapping");
                        }
                        if let Some(value) = self.resolve(value, &format!("{at}.{key}"))? {
                            resolved.insert(key.clone(), value);
                        }
                    }
                    Ok(Some(Value::Object(resolved)))
                }
            },
            Value::Array(values) => {
                let mut resolved = Vec::with_capacity(values.len());
                for (index, value) in values.iter().enumerate() {
                    resolved.extend(self.resolve(value, &format!("{at}[{index}]"))?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            other => Ok(Some(other.clone())),
        }
    }

    fn call(&self, name: &str, argument: &Value, at: &str) -> Result<Option<Value>, TemplateError> {
        match name {
            "Ref" => match argument.as_str() {
                Some("AWS::NoValue") => Ok(None),
                Some(target) => self.reference(target, at).map(Some),
                None => error(at, "Ref takes a name"),
            },
            "Fn::GetAtt" => {
                let [resource, attribute] = self.arguments(argument, name, at)?;
                self.attribute(&text(&resource, at)?, &text(&attribute, at)?, at)
                    .map(|value| Some(Value::String(value)))
            }
            "Fn::Sub" => self.substitute(argument, at).map(|value| Some(Value::String(value))),
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(condition), yes, no]) => {
                    let holds = self.condition(condition, at)?;
                    self.resolve(if holds { yes } else { no }, at)
                }
                _ => error(at, "Fn::If takes a condition's name and two values"),
            },
            "Fn::Join" => {
                let [delimiter, values] = self.arguments(argument, name, at)?;
                let values = texts(&values, at)?;
                Ok(Some(Value::String(values.join(&text(&delimiter, at)?))))
            }
            "Fn::Split" => {
                let [delimiter, value] = self.arguments(argument, name, at)?;
                let (delimiter, value) = (text(&delimiter, at)?, text(&value, at)?);
                Ok(Some(value.split(&delimiter).map(|part| Value::String(part.to_owned())).collect()))
            }
            "Fn::Select" => {
                let [index, values] = self.arguments(argument, name, at)?;
                let index = usize::try_from(number(&index, at)?).or_else(|_| error(at, "negative index"))?;
                match values.as_array().and_then(|values| values.get(index)) {
                    Some(value) => Ok(Some(value.clone())),
                    None => error(at, format!("Fn::Select has no value {index}")),
                }
            }
            "Fn::FindInMap" => {
                let [map, first, second] = self.arguments(argument, name, at)?;
                let keys = [text(&map, at)?, text(&first, at)?, text(&second, at)?];
                let found = self.mappings.get(&keys[0]).and_then(|map| map.get(&keys[1])?.get(&keys[2]));
                match found {
                    Some(value) => Ok(Some(value.clone())),
                    None => error(at, format!("no mapping {}", keys.join("."))),
                }
            }
            _ => error(at, format!("{name} is not known to the local cloud")),
        }
    }

    /// The resolved arguments of a function with exactly `N` arguments.
    fn arguments<const N: usize>(&self, argument: &Value, name: &str, at: &str) -> Result<[Value; N], TemplateError> {
        let resolved = self.resolve(argument, at)?;
        let Some(Value::Array(values)) = resolved else { return error(at, format!("{name} takes a list")) };
        <[Value; N]>::try_from(values).or_else(|_| error(at, format!("{name} takes {N} arguments")))
    }

    fn reference(&self, target: &str, at: &str) -> Result<Value, TemplateError> {
        let pseudo = match target {
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::StackName" => STACK.to_owned(),
            "AWS::StackId" => stack_id(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => {
                if let Some(value) = self.parameters.get(target) {
                    return Ok(value.clone());
                }
                match self.resources.get(target) {
                    Some(resource) => resource.reference.clone(),
                    None => return error(at, format!("`{target}` is no parameter and no resource that exists")),
                }
            }
        };
        Ok(Value::String(pseudo))
    }

    fn attribute(&self, resource: &str, attribute: &str, at: &str) -> Result<String, TemplateError> {
        let Some(found) = self.resources.get(resource) else {
            return error(at, format!("`{resource}` is no resource that exists"));
        };
        match found.attributes.get(attribute) {
            Some(value) => Ok(value.clone()),
            None => error(at, format!("`{resource}` has no attribute `{attribute}` in the local cloud")),
        }
    }

    fn substitute(&self, argument: &Value, at: &str) -> Result<String, TemplateError> {
        let (template, own) = match argument {
            Value::String(template) => (template, Map::new()),
            Value::Array(values) => match values.as_slice() {
                [Value::String(template), Value::Object(own)] => (template, own.clone()),
                _ => return error(at, "Fn::Sub takes a string, or a string and a mapping"),
            },
            _ => return error(at, "Fn::Sub takes a string, or a string and a mapping"),
        };
        let mut result = String::with_capacity(template.len());
        let mut rest = template.as_str();
        while let Some(start) = rest.find("${") {
            result.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else { return error(at, "Fn::Sub has an open ${") };
            let name = &rest[start + 2..start + length];
            rest = &rest[start + length + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = own.get(name) {
                let value = self.resolve(value, at)?.unwrap_or(Value::Null);
                result.push_str(&text(&value, at)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(resource, attribute, at)?);
            } else {
                result.push_str(&text(&self.reference(name, at)?, at)?);
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    pub(crate) fn condition(&self, name: &str, at: &str) -> Result<bool, TemplateError> {
        self.named_condition(name, at, 0)
    }

    /// Decides the condition of a rule.
    pub(crate) fn decide(&self, condition: &Value, at: &str) -> Result<bool, TemplateError> {
        self.holds(condition, at, 0)
    }

    fn named_condition(&self, name: &str, at: &str, depth: usize) -> Result<bool, TemplateError> {
        match self.conditions.get(name) {
            None => error(at, format!("no condition `{name}`")),
            Some(_) if depth > MAX_CONDITION_DEPTH => error(at, format!("condition `{name}` refers to itself")),
            Some(value) => self.holds(value, &format!("Conditions.{name}"), depth + 1),
        }
    }

    fn holds(&self, value: &Value, at: &str, depth: usize) -> Result<bool, TemplateError> {
        let Some((name, argument)) = value.as_object().and_then(single_function) else {
            return error(at, "must be Fn::Equals, Fn::Not, Fn::And, Fn::Or or Condition");
        };
        let all = || match argument.as_array() {
            Some(values) => values.iter().map(|value| self.holds(value, at, depth)).collect::<Result<Vec<_>, _>>(),
            None => error(at, format!("{name} takes a list")),
        };
        match name {
            "Condition" => self.named_condition(&text(argument, at)?, at, depth),
            "Fn::Equals" => {
                let [left, right] = self.arguments(argument, name, at)?;
                // CloudFormation compares strings, so a parameter `8` equals the number 8.
                Ok(text(&left, at).ok() == text(&right, at).ok() && (left == right || text(&left, at).is_ok()))
            }
            "Fn::Not" => match all()?.as_slice() {
                [one] => Ok(!one),
                _ => error(at, "Fn::Not takes one condition"),
            },
            "Fn::And" => Ok(all()?.into_iter().all(|holds| holds)),
            "Fn::Or" => Ok(all()?.into_iter().any(|holds| holds)),
            _ => error(at, format!("{name} is no condition")),
        }
    }
}

/// The intrinsic function of a mapping, if it is one. A `Condition` with a mapping belongs to an IAM policy; with a
/// name it refers to a condition.
fn single_function(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    let function = name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string());
    function.then_some((name.as_str(), argument))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let conditions = json!({
            "IsLarge": {"Fn::Equals": [{"Ref": "Size"}, "8"]},
            "IsSmall": {"Fn::Not": [{"Condition": "IsLarge"}]},
            "Both": {"Fn::And": [{"Condition": "IsLarge"}, {"Condition": "IsSmall"}]},
            "Either": {"Fn::Or": [{"Condition": "IsLarge"}, {"Condition": "IsSmall"}]},
            "Circle": {"Condition": "Circle"},
        });
        let table = Reference {
            reference: "latchkey-Users".to_owned(),
            attributes: BTreeMap::from([("Arn", "arn:table".to_owned())]),
        };
        Scope {
            parameters: BTreeMap::from([("Size".to_owned(), json!("8")), ("Names".to_owned(), json!(["a", "b"]))]),
            conditions: conditions.as_object().cloned().unwrap(),
            mappings: json!({"M": {"a": {"b": "found"}}}).as_object().cloned().unwrap(),
            resources: BTreeMap::from([("Users".to_owned(), table)]),
        }
    }

    fn resolved(value: Value) -> Option<Value> {
        scope().resolve(&value, "here").unwrap()
    }

    #[test]
    fn references_are_resolved() {
        assert_eq!(resolved(json!({"Ref": "Size"})), Some(json!("8")));
        assert_eq!(resolved(json!({"Ref": "Users"})), Some(json!("latchkey-Users")));
        assert_eq!(resolved(json!({"Ref": "AWS::NoValue"})), None);
        assert_eq!(
            resolved(json!({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]})),
            Some(json!({"b": [1]}))
        );
        assert_eq!(resolved(json!({"Fn::GetAtt": ["Users", "Arn"]})), Some(json!("arn:table")));
    }

    #[test]
    fn strings_are_put_together() {
        assert_eq!(
            resolved(json!({"Fn::Sub": "${Users.Arn}/index/*${!x}${Size}"})),
            Some(json!("arn:table/index/*${x}8"))
        );
        assert_eq!(
            resolved(json!({"Fn::Sub": ["${own}-${Size}", {"own": {"Ref": "Users"}}]})),
            Some(json!("latchkey-Users-8"))
        );
        assert_eq!(resolved(json!({"Fn::Join": ["-", ["a", {"Ref": "Size"}]]})), Some(json!("a-8")));
        assert_eq!(resolved(json!({"Fn::Join": [",", {"Ref": "Names"}]})), Some(json!("a,b")));
        assert_eq!(resolved(json!({"Fn::Select": [1, {"Fn::Split": ["/", "a/b"]}]})), Some(json!("b")));
        assert_eq!(resolved(json!({"Fn::FindInMap": ["M", "a", "b"]})), Some(json!("found")));
    }

    #[test]
    fn conditions_decide() {
        let scope = scope();
        let holds = |name| scope.condition(name, "here");
        assert_eq!(holds("IsLarge"), Ok(true));
        assert_eq!(holds("IsSmall"), Ok(false));
        assert_eq!(holds("Both"), Ok(false));
        assert_eq!(holds("Either"), Ok(true));
        assert!(holds("Circle").is_err());
        assert_eq!(resolved(json!({"Fn::If": ["IsSmall", 1, {"Ref": "Size"}]})), Some(json!("8")));
    }

    #[test]
    fn what_is_unknown_is_an_error_with_its_place() {
        for unknown in [
            json!({"Ref": "Nothing"}),
            json!({"Fn::GetAtt": ["Users", "Color"]}),
            json!({"Fn::Cidr": ["10.0.0.0/8"]}),
            json!({"Fn::Sub": "${Nothing}"}),
            json!({"Fn::If": ["Nothing", 1, 2]}),
        ] {
            let problem = scope().resolve(&json!({"a": [unknown]}), "Resources.X").unwrap_err();
            assert_eq!(problem.at, "Resources.X.a[0]");
        }
    }

    #[test]
    fn a_policys_condition_is_no_function() {
        let policy = json!({"Condition": {"StringEquals": {"kms:EncryptionContext:purpose": "index"}}});
        assert_eq!(resolved(policy.clone()), Some(policy));
    }
}
