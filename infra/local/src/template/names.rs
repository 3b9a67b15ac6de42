/// The logical id without its suffix, in kebab case: `SendEmailFunction` becomes `send-email`. Routes, logs and tests use
/// this name.
pub(crate) fn short_name(logical_id: &str, suffix: &str) -> String {
    let stem = logical_id.strip_suffix(suffix).unwrap_or(logical_id);
    let mut name = String::with_capacity(stem.len() + 4);
    for (index, character) in stem.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logical_id_names_its_function_in_kebab_case() {
        assert_eq!(short_name("SendEmailFunction", "Function"), "send-email");
        assert_eq!(short_name("OpenidConfigurationFunction", "Function"), "openid-configuration");
        assert_eq!(short_name("UserKeysTable", "Table"), "user-keys");
    }
}
