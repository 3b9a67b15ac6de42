//! The partition key of a query, which IAM's condition key `dynamodb:LeadingKeys` needs.

use serde_json::Value;

/// The value that a `Query` requires of the partition key. `None` if the request does not show it.
pub(crate) fn queried_key<'a>(body: &'a Value, partition_key: &str) -> Option<&'a Value> {
    if let Some(condition) = body["KeyConditions"].get(partition_key) {
        let equal = condition["ComparisonOperator"] == "EQ";
        return condition["AttributeValueList"].get(0).filter(|_| equal);
    }
    let expression = body["KeyConditionExpression"].as_str()?;
    let mut found = None;
    for term in terms(expression) {
        let Some((left, right)) = term.split_once('=') else { continue };
        let (left, right) = (left.trim(), right.trim());
        // Only sort keys take `<=` and `>=`.
        if left.ends_with(['<', '>']) {
            continue;
        }
        let name = if left.starts_with('#') { body["ExpressionAttributeNames"][left].as_str()? } else { left };
        if name == partition_key {
            // DynamoDB refuses two conditions on the partition key, so neither may decide.
            if found.replace(body["ExpressionAttributeValues"].get(right)?).is_some() {
                return None;
            }
        }
    }
    found
}

/// The parts of an expression between each `AND`, without parentheses. The `AND` of a `BETWEEN` leaves parts without
/// `=`.
fn terms(expression: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    for word in expression.replace(['(', ')'], " ").split_whitespace() {
        if word.eq_ignore_ascii_case("and") {
            terms.push(String::new());
        } else if let Some(term) = terms.last_mut() {
            term.push_str(word);
            term.push(' ');
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(expression: &str) -> Option<Value> {
        let body = json!({
            "KeyConditionExpression": expression,
            "ExpressionAttributeNames": {"#p": "pk", "#s": "sk"},
            "ExpressionAttributeValues": {":p": {"S": "USER#1"}, ":s": {"S": "SESSION#"}, ":t": {"S": "x"}},
        });
        queried_key(&body, "pk").cloned()
    }

    #[test]
    fn the_partition_key_of_a_query_is_found() {
        let user = Some(json!({"S": "USER#1"}));
        assert_eq!(key("pk = :p"), user);
        assert_eq!(key("#p=:p AND begins_with(#s, :s)"), user);
        assert_eq!(key("(#p = :p) and (#s BETWEEN :s AND :t)"), user);
        assert_eq!(key("sk >= :s AND pk = :p"), user);
    }

    #[test]
    fn what_cannot_be_known_is_not_guessed() {
        assert_eq!(key("sk = :p"), None);
        assert_eq!(key("pk = :p AND pk = :s"), None);
        assert_eq!(key("pk = :missing"), None);
        assert_eq!(key("#unknown = :p"), None);
    }
}
