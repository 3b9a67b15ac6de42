//! Ids of audit events in the form that clients get.

/// The id in the form that clients get.
pub(super) fn displayed(id: &str) -> String {
    id.replace('#', "-")
}

/// The id from the form that clients get.
pub(super) fn event_id(text: &str) -> Option<String> {
    let (at, suffix) = text.split_once('-')?;
    let fine = at.len() == 14
        && suffix.len() == 16
        && at.bytes().all(|byte| byte.is_ascii_digit())
        && suffix.bytes().all(|byte| byte.is_ascii_hexdigit());
    fine.then(|| format!("{at}#{suffix}"))
}
