//! The route of a request.

use std::collections::BTreeMap;

use super::percent::percent_decoded;
use crate::template::{HttpRoute, Stack};

/// One segment of a route's path. As in API Gateway, a literal has precedence over a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(String),
    Greedy(String),
}

#[derive(Debug)]
struct Entry {
    route: HttpRoute,
    function: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Default)]
pub(crate) struct Router {
    entries: Vec<Entry>,
}

/// A matching route.
#[derive(Debug)]
pub(crate) struct RouteMatch<'a> {
    pub(crate) route: &'a HttpRoute,
    pub(crate) function: String,
    /// `POST /v1/login`, or `$default`.
    pub(crate) key: String,
    /// The decoded parameters of the path.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// API Gateway's key for a route.
pub(crate) fn route_key(route: &HttpRoute) -> String {
    if route.path == "$default" { route.path.clone() } else { format!("{} {}", route.method, route.path) }
}

impl Router {
    /// The router of a stack.
    ///
    /// # Errors
    ///
    /// If two functions have the same route.
    pub(crate) fn new(stack: &Stack) -> Result<Self, String> {
        let mut entries: Vec<Entry> = Vec::new();
        for function in stack.functions.values() {
            for route in &function.routes {
                if let Some(other) = entries.iter().find(|entry| route_key(&entry.route) == route_key(route)) {
                    return Err(format!(
                        "`{}` is a route of {} and of {}",
                        route_key(route),
                        other.function,
                        function.name
                    ));
                }
                let segments = route.path.split('/').skip(1).map(segment).collect();
                entries.push(Entry { route: route.clone(), function: function.name.clone(), segments });
            }
        }
        Ok(Self { entries })
    }

    /// The key and the function of every route.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.entries.iter().map(|entry| (route_key(&entry.route), entry.function.clone())).collect()
    }

    /// Finds the route of a request. A full match has precedence over a greedy one, which has precedence over
    /// `$default`.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<RouteMatch<'_>> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let matching = self.entries.iter().filter(|entry| entry.route.path != "$default").filter_map(|entry| {
            if entry.route.method != method && entry.route.method != "ANY" {
                return None;
            }
            let parameters = matched(&entry.segments, &parts)?;
            Some((rank(entry, method), entry, parameters))
        });
        let (entry, parameters) = match matching.min_by(|left, right| left.0.cmp(&right.0)) {
            Some((_, entry, parameters)) => (entry, parameters),
            None => (self.entries.iter().find(|entry| entry.route.path == "$default")?, BTreeMap::new()),
        };
        Some(RouteMatch {
            route: &entry.route,
            function: entry.function.clone(),
            key: route_key(&entry.route),
            parameters,
        })
    }
}

fn segment(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Parameter(name.to_owned()),
        },
        None => Segment::Literal(text.to_owned()),
    }
}

/// The rank of a matching route, lowest first. Greedy routes come last, then the first different segment decides, then
/// the method.
fn rank(entry: &Entry, method: &str) -> (bool, Vec<u8>, bool) {
    let kinds = entry.segments.iter().map(|segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Parameter(_) => 1,
        Segment::Greedy(_) => 2,
    });
    let is_greedy = matches!(entry.segments.last(), Some(Segment::Greedy(_)));
    (is_greedy, kinds.collect(), entry.route.method != method)
}

fn matched(segments: &[Segment], parts: &[&str]) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut rest = parts;
    for segment in segments {
        let (&part, after) = rest.split_first()?;
        match segment {
            Segment::Literal(literal) if percent_decoded(part) == *literal => {}
            Segment::Literal(_) => return None,
            Segment::Parameter(_) | Segment::Greedy(_) if part.is_empty() => return None,
            Segment::Parameter(name) => {
                parameters.insert(name.clone(), percent_decoded(part));
            }
            Segment::Greedy(name) => {
                parameters.insert(name.clone(), percent_decoded(&rest.join("/")));
                return Some(parameters);
            }
        }
        rest = after;
    }
    rest.is_empty().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{self, RouteAuthorization};

    fn router(keys: &[&str]) -> Router {
        let entries = keys.iter().map(|key| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", "$default"));
            let route = HttpRoute {
                method: method.to_owned(),
                path: path.to_owned(),
                authorization: RouteAuthorization::None,
                timeout_millis: 30_000,
            };
            let segments = path.split('/').skip(1).map(segment).collect();
            Entry { route, function: (*key).to_owned(), segments }
        });
        Router { entries: entries.collect() }
    }

    fn way(method: &str, path: &str) -> Option<(String, BTreeMap<String, String>)> {
        let keys = [
            "$default",
            "GET /",
            "GET /account",
            "GET /account/{proxy+}",
            "GET /v1/users/{id}",
            "ANY /v1/users/{id}",
            "GET /v1/users/me",
            "POST /v1/users/{id}/ban",
            "ANY /v1/{proxy+}",
        ];
        router(&keys).find(method, path).map(|found| (found.function, found.parameters))
    }

    fn goes(method: &str, path: &str) -> String {
        way(method, path).unwrap().0
    }

    #[test]
    fn the_most_exact_route_wins() {
        assert_eq!(goes("GET", "/"), "GET /");
        assert_eq!(goes("GET", "/v1/users/me"), "GET /v1/users/me");
        assert_eq!(goes("GET", "/v1/users/7"), "GET /v1/users/{id}");
        assert_eq!(goes("PATCH", "/v1/users/7"), "ANY /v1/users/{id}");
        assert_eq!(goes("POST", "/v1/users/7/ban"), "POST /v1/users/{id}/ban");
        assert_eq!(goes("POST", "/v1/users/7/unban"), "ANY /v1/{proxy+}");
        assert_eq!(goes("GET", "/account/sessions/1"), "GET /account/{proxy+}");
    }

    #[test]
    fn what_matches_nothing_goes_to_the_default() {
        assert_eq!(goes("GET", "/nothing"), "$default");
        assert_eq!(goes("POST", "/account"), "$default");
        assert_eq!(goes("HEAD", "/account"), "$default");
        assert_eq!(goes("GET", "/account/"), "$default");
        assert!(router(&["GET /a"]).find("GET", "/b").is_none());
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(way("GET", "/v1/users/a%2Fb%20c").unwrap().1["id"], "a/b c");
        assert_eq!(way("GET", "/account/a/b").unwrap().1["proxy"], "a/b");
    }

    #[test]
    fn two_functions_for_one_route_are_refused() {
        let one = |name: &str| {
            format!(
                "  {name}Function:\n    Type: AWS::Serverless::Function\n    Properties:\n      Events:\n        Get:\n          Type: HttpApi\n          Properties: {{Method: get, Path: /a}}\n"
            )
        };
        let text = format!("Resources:\n{}{}", one("A"), one("B"));
        let stack = template::parse(&text, &BTreeMap::new()).unwrap();
        assert!(Router::new(&stack).unwrap_err().contains("GET /a"));
    }
}
