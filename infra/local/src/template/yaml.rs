//! YAML with CloudFormation's short tags. The result is JSON, in which each function has only one form: `!GetAtt A.Arn`
//! becomes `{"Fn::GetAtt": ["A", "Arn"]}`.

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;

use crate::document::{TemplateError, error};

/// The functions with a short tag: `!Sub` means `Fn::Sub`.
const SHORT_TAGS: &[&str] = &["Sub", "If", "Equals", "Not", "And", "Or", "Join", "Select", "Split", "FindInMap"];

pub(crate) fn read(text: &str) -> Result<Value, TemplateError> {
    let yaml: Yaml = serde_norway::from_str(text).or_else(|problem| error("template", problem.to_string()))?;
    convert(yaml, "")
}

fn convert(yaml: Yaml, at: &str) -> Result<Value, TemplateError> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(boolean) => Value::Bool(boolean),
        Yaml::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => json!(whole),
            (None, Some(fraction)) => json!(fraction),
            (None, None) => return error(at, "is a number out of range"),
        },
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(values) => Value::Array(
            values
                .into_iter()
                .enumerate()
                .map(|(index, value)| convert(value, &format!("{at}[{index}]")))
                .collect::<Result<_, _>>()?,
        ),
        Yaml::Mapping(mapping) => {
            let mut map = Map::new();
            for (key, value) in mapping {
                let key = match key {
                    Yaml::String(key) => key,
                    Yaml::Number(number) => number.to_string(),
                    _ => return error(at, "has a key that is not a string"),
                };
                let place = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                map.insert(key, convert(value, &place)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let value = convert(tagged.value, at)?;
            match tag.trim_start_matches('!') {
                "Ref" => json!({ "Ref": value }),
                "Condition" => json!({ "Condition": value }),
                "GetAtt" => json!({ "Fn::GetAtt": attribute(value, at)? }),
                name if SHORT_TAGS.contains(&name) => json!({ format!("Fn::{name}"): value }),
                name => return error(at, format!("!{name} is not known to the local cloud")),
            }
        }
    })
}

/// Splits `A.B.C` into the resource `A` and its attribute `B.C`.
fn attribute(value: Value, at: &str) -> Result<Value, TemplateError> {
    match &value {
        Value::String(text) => match text.split_once('.') {
            Some((resource, attribute)) => Ok(json!([resource, attribute])),
            None => error(at, "!GetAtt must name a resource and an attribute"),
        },
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_their_long_form() {
        let value =
            read("A: !Ref X\nB: !GetAtt T.Arn\nC: !Join ['', [!Sub 'a${B}', c]]\nD: !If [P, 1, !Ref 'AWS::NoValue']\n");
        let expected = json!({
            "A": {"Ref": "X"},
            "B": {"Fn::GetAtt": ["T", "Arn"]},
            "C": {"Fn::Join": ["", [{"Fn::Sub": "a${B}"}, "c"]]},
            "D": {"Fn::If": ["P", 1, {"Ref": "AWS::NoValue"}]},
        });
        assert_eq!(value, Ok(expected));
    }

    #[test]
    fn an_unknown_tag_is_named_with_its_place() {
        let problem = read("Resources:\n  A:\n    B: [!Cidr [x]]\n").unwrap_err();
        assert_eq!(problem.at, "Resources.A.B[0]");
        assert!(problem.problem.contains("!Cidr"));
    }
}
