//! Forms and queries (`application/x-www-form-urlencoded`).

/// The parameters as the body of a form, or as a query.
pub fn encode(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}
